"""How much does each recording tell of its state?"""

from typing import Any

import numpy as np
from jaxtyping import Float

from ..errors import InputError


def informativeness(alone: Any, coherent: Any, group: Any) -> Float[np.ndarray, " n"]:
    """For each instance, the share of the other groups whose coherent code is farther from its own than that of its group.

    1 if its group can be told from all others by this instance alone, 1/2 by chance. It needs no scale, so that instances of
    different models can be compared.

    Args:
        alone: the coherent code of each instance as a group of one: (n, p).
        coherent: the coherent codes of the groups, best made without the instance: (groups, p).
        group: the group of each instance: (n,), numbers of rows of `coherent`.

    Raises:
        InputError: if the shapes do not go together, or there is one group only.
    """
    alone, coherent, group = np.asarray(alone, float), np.asarray(coherent, float), np.asarray(group)
    if alone.ndim != 2 or coherent.ndim != 2 or alone.shape[1] != coherent.shape[1] or group.shape != alone.shape[:1]:
        shapes = f"{alone.shape}, {coherent.shape} and {group.shape}"
        raise InputError(f"alone, coherent and group have shapes {shapes}; (n, p), (groups, p) and (n,) are needed.")
    if len(coherent) < 2:
        raise InputError("there is one group only; an instance can tell of its group where there are two or more.")
    from scipy.spatial.distance import cdist

    apart = cdist(alone, coherent)
    own = np.take_along_axis(apart, group[:, None], axis=1)
    farther = np.sum(apart > own, axis=1) + (np.sum(apart == own, axis=1) - 1) / 2
    return farther / (len(coherent) - 1)
