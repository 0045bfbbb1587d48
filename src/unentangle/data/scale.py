"""The one standardisation of rows, for arrays of numpy and of jax."""

from math import prod
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ..errors import InputError

LOUD = 0.9  # if a tenth of the rows holds more of the variance than this, each row is standardised by itself,
LONG = 32  # if it has so many values: the variance of fewer differs by chance
SINGLE = 1e38  # what a model gives back must be less


class Scale(NamedTuple):
    """How raw rows become those a net sees: all by one mean and one standard deviation, or each by its own.

    With `row_axes` = 0, `mean` and `std` are those of all values. Otherwise the last `row_axes` axes are a row, which is
    standardised by itself; its own mean and standard deviation are its level, and `mean` and `std` are those of a typical row,
    for rows without one. All functions take and give arrays of numpy, or of jax, also while jax traces them.
    """

    mean: float
    std: float
    row_axes: int = 0

    def standardise(self, x: Any) -> Float[Any, "..."]:
        """Raw values as a net sees them: float32 of mean 0 and standard deviation 1, subtracted before it is rounded.

        Raises:
            InputError: if a value of a numpy array is NaN or infinite.
        """
        xp = x.__array_namespace__()
        if xp is np and not np.isfinite(x).all():
            raise InputError("the rows hold NaN or infinite values; every value must be finite.")
        if not self.row_axes:
            return ((x - self.mean) / self.std).astype(np.float32, copy=False)
        mean, std = self._levels(x)
        return ((x - mean) / xp.where(std > 0, std, 1.0)).astype(np.float32)

    def level(self, x: Any) -> Float[Any, "rows 2"]:
        """The mean and standard deviation of each row: what a net does not see if `row_axes` > 0, and `restore` needs."""
        return x.__array_namespace__().concatenate([part.reshape(-1, 1) for part in self._levels(x)], axis=1)

    def _levels(self, x: Any) -> tuple[Any, Any]:
        """The mean and standard deviation of each row, with axes of size 1: in double precision by numpy, in single by jax."""
        xp = x.__array_namespace__()
        settings: dict[str, Any] = {"axis": tuple(range(-self.row_axes, 0)), "keepdims": True}
        settings |= {"dtype": np.float64} if xp is np else {}
        return xp.mean(x, **settings), xp.std(x, **settings)

    def restore(self, x: Any, level: Float[Any, "rows 2"] | None = None) -> Float[Any, "rows ..."]:
        """The inverse of `standardise`, as float32, at the level of each row where there are levels."""
        mean, std = (self.mean, np.float64(self.std)) if level is None else level.T.reshape(2, -1, *[1] * (x.ndim - 1))
        return (x * std + mean).astype(np.float32)


class Survey(NamedTuple):
    """What one pass over the data gives: the scale, the number of constant rows, the least and greatest row deviation."""

    scale: Scale
    constant: int
    loudness: tuple[float, float]


def mean_and_std(flat: Float[np.ndarray, "rows values"]) -> Float[np.ndarray, "2 rows"]:
    """Of each row; the standard deviation of a constant row is 0, without what rounding leaves."""
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused by `survey`
        return np.stack([flat.mean(axis=1), np.where(np.ptp(flat, axis=1) > 0, flat.std(axis=1), 0.0)])


def survey(
    centre: Float[np.ndarray, " n"], std: Float[np.ndarray, " n"], row_shape: tuple[int, ...], scaling: Scale | None = None
) -> Survey:
    """What follows from the mean and standard deviation of each row.

    All values share one mean and standard deviation, unless a tenth of the rows holds more than 90 % of the variance: these
    would then be all that a squared error sees, and each row (of 32 values or more) is standardised by itself.

    Raises:
        InputError: if all rows are constant and no scaling is given, or values are too large for single precision.
    """
    if not std.max() < SINGLE or not np.abs(centre).max() < SINGLE:
        raise InputError("the rows of x hold values beyond 1e38, the range of single precision; choose another unit.")
    varied = std > 0
    if scaling is None and not varied.any():
        raise InputError("every row of x is constant; there is nothing to learn from rows that do not vary.")
    loudness = (float(std.min() if scaling else std[varied].min()), float(std.max()))
    loudest = np.sort(std**2)[::-1][: len(std) // 10].sum()
    if scaling is not None:
        scale = scaling
    elif loudest > LOUD * np.sum(std**2) and prod(row_shape) >= LONG:
        scale = Scale(float(np.median(centre[varied])), float(np.median(std[varied])), len(row_shape))
    else:
        scale = Scale(float(centre.mean()), float(np.sqrt(np.mean(std**2) + centre.var())))
    return Survey(scale, int(np.sum(~varied)), loudness)
