"""Tables: some columns are the samples of a row, the others its group key and factors."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from ..data.dataset import Dataset
from ..errors import InputError, optional
from ..reading import Reading
from .arrays import check_size, damaged, load_npy, members
from .columns import read_csv, text
from .keys import KeyTable
from .named import Chosen, axes_of, choose, joined, listed


def read_table(path: str | Path) -> dict[str, np.ndarray]:
    """Named columns of one value per row, from a `.csv`, `.parquet`, `.npz` or `.npy` file.

    Args:
        path: a `.csv` whose first line names the columns, unless it holds numbers only; a `.parquet`; a `.npz` of columns, or
            of one table; or a `.npy` table (rows, columns). Columns without a name are called by their number. Numbers are read
            as numbers, everything else as words.

    Raises:
        InputError: if the file cannot be read, or its lines differ in length.
    """
    path = Path(path)
    if path.suffix not in TABLES:
        raise InputError(f"{path} is not a .csv, .npz or .npy file, nor a .parquet; a table is read from these.")
    arrays = TABLES[path.suffix](path)
    if len(arrays) == 1 and (whole := next(iter(arrays.values()))).ndim == 2:
        return {str(k): column for k, column in enumerate(whole.T)}
    if odd := [f"{name} {a.shape}" for name, a in arrays.items() if a.ndim != 1]:
        raise InputError(f"{path} holds {', '.join(odd)}; columns of one value per row are needed.")
    return arrays


def read_rows(path: Path, groups: Any, x: str, factors: Chosen, how: Reading) -> Dataset:
    """A data set from the columns of a `.csv` or `.parquet`.

    Args:
        path: the file.
        groups: the column of the group keys, or the keys, or None. The default name "groups" may be absent.
        x: which columns are samples, in the order of the file: a pattern such as `sample_*`; by default all that hold numbers
            and are neither group keys nor factors. Or the column of a `.parquet` whose values are lists of one length, which is
            also found by itself if it is the only one.
        factors: the names of the columns that are factors, by default all that are not samples.

    Raises:
        InputError: if the file cannot be read, a column is missing, or no column holds samples.
    """
    columns = TABLES[path.suffix.lower()](path)
    pattern, axes = axes_of(x, columns)
    lists = [name for name, column in columns.items() if column.ndim > 1]
    single = {name: column for name, column in columns.items() if name not in lists}
    if pattern in lists or (pattern == "x" and len(lists) == 1):
        name = pattern if pattern in lists else lists[0]
        return choose(path, joined([columns[name]], axes, [name]), single, groups, factors)
    wanted = "*" if pattern == "x" else pattern
    keyed = [groups] if isinstance(groups, str) else groups.columns if isinstance(groups, KeyTable) else ()
    others = {*(factors or ()), *keyed}
    fit = [name for name in single if fnmatchcase(name, wanted) and name not in others]
    samples = [name for name in fit if columns[name].dtype.kind in "biuf"]
    if wanted != "*" and len(samples) < len(fit):
        raise InputError(f"the column {next(n for n in fit if n not in samples)!r} of {path} holds words; samples are numbers.")
    if not samples:
        raise InputError(f"{path} has no column of numbers for x={pattern!r}; it has {listed(columns)}.")
    rows = np.stack([columns[name] for name in samples], axis=1)
    return choose(path, rows, {name: column for name, column in single.items() if name not in samples}, groups, factors)


def read_parquet(path: Path) -> dict[str, np.ndarray]:
    """The columns of a `.parquet`; lists of one length are arrays of two axes.

    Raises:
        InputError: if it is missing or damaged, unpacks to more than `check_size` allows, or pyarrow is not installed.
    """
    parquet = optional("pyarrow.parquet", ".parquet is read", "'unentangle[parquet]'")
    with damaged(path, "a .parquet table"), parquet.ParquetFile(path) as file:
        about = file.metadata
        size = sum(about.row_group(k).total_byte_size for k in range(about.num_row_groups))
        check_size(path, max(size, about.num_rows * about.num_columns), path.stat().st_size)
        names = file.schema_arrow.names
        if len(set(names)) < len(names):
            raise InputError(f"{path} has two columns of one name among {', '.join(names)}; names must differ.")
        return {name: _values(path, name, column) for name, column in zip(names, file.read(), strict=True)}


def _values(path: Path, name: str, column: Any) -> np.ndarray:
    if column.null_count:
        raise InputError(f"the column {name!r} of {path} has {column.null_count} missing value(s); every row needs one.")
    if "list" not in str(column.type).partition("<")[0]:
        values = column.to_numpy()
        return values if values.dtype.kind in "biuf" else text(values.astype(object))
    column = column.combine_chunks()
    values, n = column.flatten().to_numpy(zero_copy_only=False), len(column)
    if not n or len(values) % n or len(set(column.value_lengths().to_pylist())) > 1:
        raise InputError(f"the lists in the column {name!r} of {path} differ in length; all must agree.")
    return values.reshape(n, -1)


TABLES = {
    ".csv": read_csv,
    ".parquet": read_parquet,
    ".npz": lambda path: {name: np.asarray(array) for name, array in members(path).items()},
    ".npy": lambda path: {"table": load_npy(path)},
}
