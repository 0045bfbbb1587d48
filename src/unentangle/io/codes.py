"""Tables about codes: the codes themselves, and the pairs of a state and a style that are to be swapped."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int

from ..data.dataset import Dataset
from ..errors import InputError
from .columns import numbers
from .files import read
from .tables import read_table


def read_codes(path: Path) -> dict[str, np.ndarray]:
    """The columns of a table of codes, one row of latents per sample; of a file that `unentangle encode` wrote, the latents.

    Raises:
        InputError: if the file cannot be read.
    """
    if path.suffix not in (".csv", ".npy", ".parquet"):
        try:
            return {str(k): column for k, column in enumerate(np.asarray(read(path, groups=None, x="latents").x).T)}
        except InputError:
            if path.suffix != ".npz":
                raise
    columns = read_table(path)
    latents = {name: column for name, column in columns.items() if re.fullmatch(r"latents_\d+", name)}
    return latents or columns


def row_numbers(columns: dict[str, np.ndarray]) -> str | None:
    """The name of the first column if it numbers the rows, as other programs write it beside others; else None."""
    (name, first), *rest = columns.items()
    counts = first.dtype.kind == "i" and len(first) > 1 and first[0] in (0, 1) and (np.diff(first) == 1).all()
    return name if rest and counts and name in ("", "index", "Unnamed: 0") else None


def read_pairs(path: Path, data: Dataset, by_row: bool) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """The pairs to be swapped: for each line of a table the number of the group whose key is in the column `state` (`by_row`:
    the number of a row, as it stands there), and the number of the row in the column `style`.

    Raises:
        InputError: if a column is missing, or names no group or row of the data.
    """
    table = read_table(path)
    if missing := {"state", "style"} - table.keys():
        raise InputError(f"{path} has no column {' and '.join(sorted(missing))}; it has {', '.join(table)}.")
    names = np.arange(len(data)) if by_row else data.group_names
    keys, rows = table["state"], table["style"]
    if keys.dtype.kind in "if" and names.dtype.kind == "U":
        names = numbers([str(name) for name in names])  # 007 is 7 in a table
    if keys.dtype.kind == "U" or names.dtype.kind not in "biuf":
        names, keys = names.astype(str), keys.astype(str)
    if unknown := sorted(set(keys.tolist()) - set(names.tolist())):
        raise InputError(f"{path} asks for the state of {unknown[0]}, which is no {'row' if by_row else 'group'} of the data.")
    if not np.issubdtype(rows.dtype, np.number) or (rows % 1 != 0).any() or (rows < 0).any() or (rows >= len(data)).any():
        raise InputError(f"the column style of {path} holds more than numbers of rows, which are 0 to {len(data) - 1}.")
    order = np.argsort(names)
    return order[np.searchsorted(names, keys, sorter=order)], rows.astype(int)


def pairs_to_swap(
    data: Dataset, by_row: bool, state: Sequence[str], style: Sequence[str], table: Path | None = None
) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """The pairs of a table (`read_pairs`); or, without one, each group with a key in `state` (`by_row`: each of its rows) with
    each row of the groups with a key in `style`. No keys stand for all groups.

    Raises:
        InputError: if a key is unknown, both a table and keys are given, or the pairs are too many.
    """
    if table:
        if state or style:
            raise InputError("--pairs says which states and styles; leave --state and --style out.")
        return read_pairs(table, data, by_row)
    chosen, donors = _rows_of(data, state), np.flatnonzero(_rows_of(data, style))
    givers = np.flatnonzero(chosen) if by_row else np.unique(data.group[chosen])
    if (number := len(givers) * len(donors)) > 1 << 31:
        raise InputError(f"{len(givers)} states under {len(donors)} styles are {number:.1g} rows; choose by --state, --style.")
    return np.repeat(givers, len(donors)), np.tile(donors, len(givers))


def _rows_of(data: Dataset, keys: Sequence[str]) -> Bool[np.ndarray, " n"]:
    """Which rows are in the groups of these keys; all, if there are none."""
    names = data.group_names.astype(str)
    if missing := [key for key in keys if key not in names]:
        known = ", ".join(names[:20]) + (" ..." if len(names) > 20 else "")
        raise InputError(f"there is no group {', '.join(missing)}; the groups are {known}.")
    return np.isin(names[data.group], keys) if keys else np.ones(len(data), bool)
