"""How far does a decoded path stay on data?"""

import numpy as np
from jaxtyping import Float

from ..errors import InputError


def off_data(rows: Float[np.ndarray, "m ..."], data: Float[np.ndarray, "n ..."]) -> Float[np.ndarray, " m"]:
    """The distance of each row to the nearest row of the data, in units of what it is inside the data.

    The unit is the median distance of a row of the data to its nearest other one: about 1 or less says that a row is as near to
    the data as the data is to itself; 0 that it is a copy. A mean of rows is near many of them: where rows are far apart, as
    images are, compare with rows that are real.

    Raises:
        InputError: if the data has fewer than two different rows, or rows of another shape, or a value is not finite.
    """
    from sklearn.neighbors import NearestNeighbors

    rows, data = np.asarray(rows, float), np.asarray(data, float)
    if rows.shape[1:] != data.shape[1:]:
        raise InputError(f"the rows have shape {rows.shape[1:]} and those of the data {data.shape[1:]}; they must be alike.")
    if not (np.isfinite(rows).all() and np.isfinite(data).all()):
        raise InputError("the rows or the data hold NaN or infinity, from which nothing has a distance.")
    middle = data.mean(axis=0)  # taken off, because an offset would cost digits
    rows, distinct = rows - middle, np.unique((data - middle).reshape(len(data), -1), axis=0)
    if len(distinct) < 2:
        raise InputError("the data has no two different rows, so that nothing says how far apart they should be.")
    if not len(rows):
        return np.zeros(0)
    tree = NearestNeighbors(n_neighbors=1).fit(distinct)
    unit = np.median(tree.kneighbors()[0])  # without an argument, of each row the nearest other one
    return tree.kneighbors(rows.reshape(len(rows), -1))[0][:, 0] / unit
