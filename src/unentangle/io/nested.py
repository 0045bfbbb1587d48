"""Data sets from tables of Arrow's types, whose columns may hold lists, lists of lists and records."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..data.dataset import Dataset
from ..errors import InputError
from ..reading import Reading
from .arrow import columns_of
from .layout import Ragged, dataset_of
from .named import Chosen, axes_of, can_be_rows
from .tables import read_rows

CHANNELS = 16  # of a signal, at most, where a list of lists looks like channels of samples


def read_nested(path: Path, groups: Any, x: str, factors: Chosen, how: Reading) -> Dataset:
    """A data set from a `.parquet`, `.arrow` or `.feather` file: rows are a column of lists, or several columns of numbers.

    Columns that nobody asks for and that have gaps, or hold what no rows are made of, are left out; a note says so.

    Raises:
        InputError: if the file cannot be read, a column is missing, group keys have gaps, or lists differ in length and `how`
            does not say what to do.
    """
    arrays, gaps, unread = columns_of(path)
    asked = [
        *([groups] if isinstance(groups, str) else []),
        *(factors if factors is not None and not isinstance(factors, Mapping) else ()),
    ]
    pattern, axes = axes_of(x, arrays)
    if reason := next((unread[name] for name in [pattern, *asked] if name in unread), None):
        raise InputError(reason)
    if unread and not arrays:
        raise InputError(next(iter(unread.values())))
    notes = [f"{reason.removesuffix('.')}; it is left out." for reason in unread.values()]
    lists = {name: array for name, array in arrays.items() if not isinstance(array, np.ndarray) or array.ndim > 1}
    inside = [name for name in lists if name.startswith(f"{pattern}/")]
    if pattern not in arrays and len(inside) == 1:
        pattern = inside[0]
    if pattern == "x" and "x" not in arrays and len(lists) == 1:
        pattern = next(iter(lists))
    if pattern not in lists and not (pattern == "x" and lists):
        data = read_rows(path, groups, x, factors, how)
    else:
        data = dataset_of(path, arrays, groups, pattern if axes is None else f"{pattern}: {' '.join(axes)}", factors, how)
        notes += [] if axes or pattern not in lists else _axes(path, pattern, lists[pattern])
    left = [name for name in data.factors if name in gaps and name not in asked and arrays[name].dtype.kind not in "fiub"]
    if left and not isinstance(factors, Mapping):
        kept = {name: values for name, values in data.factors.items() if name not in left}
        data = replace(data, factors=kept)
        notes += [f"the column {name} of {path} has {gaps[name]} missing value(s), so it is left out." for name in left]
    return replace(data, notes=(*notes, *data.notes))


def _axes(path: Path, name: str, array: Any) -> list[str]:
    """A note of what the axes of lists of lists are taken for, where the first looks like channels."""
    if isinstance(array, Ragged) or array.ndim != 3 or not can_be_rows(array):
        return []
    _, first, last = array.shape
    if first > CHANNELS or last < 4 * first:
        return []
    return [
        f"the lists in {name} of {path} are taken as {first} samples of {last} channels; if they are {first} channels of "
        f"{last} samples, say --x '{name}: row channel time'."
    ]
