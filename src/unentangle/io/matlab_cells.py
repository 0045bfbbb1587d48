"""What MATLAB's cells hold, and its arrays in HDF5, where axes are reversed and words are numbers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import InputError
from .decoded import Reversed
from .layout import Ragged

INSIDE = ("#refs#", "#subsystem#")  # folders where cells keep what they hold


def of_cells(items: Sequence[Any], what: str) -> Any:
    """Cells of words or single numbers as a column, cells of arrays as rows, which may be of unlike length.

    Args:
        items: words, or arrays.
        what: what the cells are called, for the sentence that refuses them.

    Raises:
        InputError: if they hold anything else, or both.
    """
    if items and all(isinstance(item, str) for item in items):
        return np.array(items, str)
    arrays = [item for item in items if isinstance(item, np.ndarray) and item.dtype.kind in "biuf"]
    if not items or len(arrays) < len(items):
        raise InputError(f"{what} holds cells that are neither all words nor all numbers.")
    if all(array.size == 1 for array in arrays):
        return np.array([array.ravel()[0] for array in arrays])
    if all(array.size == max(array.shape) for array in arrays):
        arrays = [array.ravel() for array in arrays]
    if len({array.shape for array in arrays}) == 1:
        return np.stack(arrays)
    return Ragged(lambda: arrays, len(arrays), np.result_type(*arrays))


def of_matlab(file: Any, item: Any, what: str) -> Any:
    """An array of MATLAB's in HDF5 as MATLAB shows it; None if it holds nothing that rows, keys or factors are made of.

    Raises:
        InputError: as `of_cells`.
    """
    kind = _class(item)
    if "MATLAB_empty" in item.attrs:
        return None
    if item.dtype.kind == "O":
        return of_cells([_held(file[reference]) for reference in np.ravel(item[...])], what)
    if kind == "char":
        return np.atleast_1d(_words(item))
    return Reversed(item) if kind and item.dtype.kind in "biuf" else None


def _held(item: Any) -> Any:
    """What a cell refers to: a word, an array, or None."""
    if not hasattr(item, "dtype") or item.dtype.kind not in "biuf":
        return None
    if _class(item) == "char":
        return "" if "MATLAB_empty" in item.attrs else "".join(_words(item)[:1])
    return np.asarray(item[...]).transpose()


def _words(item: Any) -> np.ndarray:
    """The lines of characters that lie as their numbers, a line a column of the array."""
    return np.array(["".join(map(chr, line)).rstrip() for line in np.atleast_2d(item[...].transpose()).tolist()], str)


def _class(item: Any) -> str:
    name = item.attrs.get("MATLAB_class", b"")
    return name.decode() if isinstance(name, bytes) else str(name)
