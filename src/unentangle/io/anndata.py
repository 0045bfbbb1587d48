"""AnnData's `.h5ad`: cells by genes, dense or sparse, with the columns of `obs` as keys and factors. Rows stay on disk."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from ..data.dataset import Dataset
from ..data.rows import Blocks, Rows
from ..errors import InputError
from ..reading import Reading
from .arrays import check_size, damaged
from .columns import text
from .hdf5 import check_words
from .named import Chosen, axes_of, choose, listed

SPARSE = ("csr_matrix", "csc_matrix")


def read_h5ad(path: Path, groups: Any, x: str, factors: Chosen, how: Reading) -> Dataset:
    """A data set from `.h5ad`.

    Args:
        path: the file.
        groups: the column of `obs` that holds group keys, with or without `obs/`; or the keys; or None.
        x: which matrix is rows: by default `X`; or `layers/counts`, `obsm/X_pca`, `raw/X`.
        factors: columns of `obs`, by default all of which not every value is another word.

    Raises:
        InputError: if the file is missing or damaged, has no such matrix, declares much more than it holds, or a column that is
            asked for has no value in some rows.
    """
    import h5py

    with damaged(path, "an .h5ad file"):
        file = h5py.File(path, "r")
        name, axes = axes_of(x, file)
        name = "X" if name == "x" else name
        if axes is not None:
            raise InputError(f"x={x!r} names axes; in {path} rows are cells and columns genes.")
        if name not in file:
            there = ["X", *(f"{place}/{one}" for place in ("layers", "obsm") if place in file for one in file[place])]
            raise InputError(f"{path} has no matrix {name!r}; it holds {listed(there)}.")
        rows = _matrix(path, name, file[name])
        columns, gaps = _columns(path, file["obs"], len(rows))
        if isinstance(groups, str):
            groups = groups.removeprefix("obs/")
        if isinstance(factors, Sequence):
            factors = [name.removeprefix("obs/") for name in factors]
        data = choose(path, rows, columns, groups, factors)
        if factors is None:
            kept = {n: v for n, v in data.factors.items() if v.dtype.kind != "U" or len(np.unique(v)) < len(v)}
            data = replace(data, factors=kept)
        notes = [f"the column {n} of {path} has {k} missing value(s)." for n, k in gaps.items() if k and n in data.factors]
        return replace(data, notes=(*data.notes, *notes), ordered=False)


def _matrix(path: Path, name: str, item: Any) -> Any:
    """A dense or sparse matrix as rows that are read when they are needed."""
    import h5py

    size = path.stat().st_size
    if isinstance(item, h5py.Dataset):
        if item.external or item.is_virtual:
            raise InputError(f"the values of {name} in {path} lie in another file; copy them into this one.")
        check_size(f"{name} in {path}", item.nbytes, size)
        return Blocks([item], names=[f"{name} in {path}"])
    kind = item.attrs.get("encoding-type", item.attrs.get("h5sparse_format", ""))
    kind = {"csr": SPARSE[0], "csc": SPARSE[1]}.get(kind, kind)
    shape = item.attrs.get("shape", item.attrs.get("h5sparse_shape"))
    if kind not in SPARSE or shape is None or not {"data", "indices", "indptr"} <= set(item):
        raise InputError(f"{name} in {path} is neither a dense nor a sparse matrix; it holds {listed(item)}.")
    rows, columns = (int(n) for n in shape)
    for part in ("data", "indices", "indptr"):
        check_size(f"{name}/{part} in {path}", item[part].nbytes, size)
    check_size(f"{name} in {path}", rows * columns * item["data"].dtype.itemsize, size)
    ends = item["indptr"][:]
    if (
        len(ends) != (rows if kind == SPARSE[0] else columns) + 1
        or ends[0]
        or ends[-1] != len(item["data"])
        or np.diff(ends).min() < 0
    ):
        raise InputError(f"{name} in {path} cannot be read: its parts do not fit each other, so it is damaged.")
    if kind == SPARSE[0]:
        return SparseRows(item["data"], item["indices"], ends, columns, f"{name} in {path}")
    from scipy.sparse import csc_matrix

    matrix = csc_matrix((item["data"][:], item["indices"][:], ends), (rows, columns))
    matrix.check_format()
    matrix = matrix.tocsr()
    return SparseRows(matrix.data, matrix.indices, matrix.indptr, columns, f"{name} in {path}")


class SparseRows(Rows):
    """The rows of a sparse matrix, whose values that are not 0 are stored row by row.

    Args:
        values, columns: the values that are not 0, and the column of each, on disk or in memory.
        ends: row r has those from ends[r] to ends[r + 1].
        width: the number of columns.
        name: what the matrix is called, for the sentence that refuses it.
    """

    def __init__(self, values: Any, columns: Any, ends: Int[np.ndarray, " ends"], width: int, name: str):
        self._values, self._columns, self._ends, self._name = values, columns, np.asarray(ends, np.int64), name
        self.row_shape, self.dtype = (width,), np.dtype(values.dtype)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def read(self, index: Int[np.ndarray, " some"]) -> np.ndarray:
        """The rows of these numbers; those that are adjacent are read at once."""
        unique, inverse = np.unique(index, return_inverse=True)
        dense = np.zeros((len(unique), *self.row_shape), self.dtype)
        for run in filter(len, np.split(np.arange(len(unique)), np.flatnonzero(np.diff(unique) != 1) + 1)):
            with damaged(self._name, "a sparse matrix"):
                ends = self._ends[unique[run[0]] : unique[run[-1]] + 2]
                columns = np.asarray(self._columns[ends[0] : ends[-1]])
                if columns.size and not 0 <= columns.min() <= columns.max() < self.row_shape[0]:
                    raise InputError(f"rows of {self._name} cannot be read: they have more columns than the matrix.")
                np.add.at(dense, (np.repeat(run, np.diff(ends)), columns), np.asarray(self._values[ends[0] : ends[-1]]))
        return dense[inverse]


def _columns(path: Path, obs: Any, n: int) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """The columns of `obs`, with the names of rows, and how many values each lacks."""
    import h5py

    found, gaps = {}, {}
    if isinstance(obs, h5py.Dataset):  # of before AnnData 0.7
        items: dict[str, Any] = {name: obs[name] for name in obs.dtype.names}
    else:
        items = {name: item for name, item in obs.items() if name != "__categories"}
    for name, item in items.items():
        for part in [item] if isinstance(item, h5py.Dataset) else item.values() if isinstance(item, h5py.Group) else ():
            if isinstance(part, h5py.Dataset):
                check_size(f"{part.name} in {path}", part.nbytes, path.stat().st_size)
                if part.dtype.kind == "O":
                    check_words(path, str(part.name), part)
        column, gap = _column(item, obs)
        if column is not None and column.shape == (n,):
            found[name], gaps[name] = column, gap
    return found, gaps


def _column(item: Any, obs: Any) -> tuple[np.ndarray | None, int]:
    """A column, and how many of its values are missing: NaN among numbers, "" among words."""
    if isinstance(item, np.ndarray):
        return (text(item), 0) if item.dtype.kind in "biufSUO" else (None, 0)
    if not hasattr(item, "dtype"):
        if {"codes", "categories"} <= set(item):
            return _categories(item["codes"][:], item["categories"][:])
        if {"values", "mask"} <= set(item):
            values, mask = np.asarray(item["values"][:]), np.asarray(item["mask"][:], bool)
            if values.dtype.kind == "O":
                return np.where(mask, "", text(values)), int(mask.sum())
            return (np.where(mask, np.nan, values) if mask.any() else values), int(mask.sum())
        return None, 0
    reference = item.attrs.get("categories")
    if reference is not None:  # as AnnData 0.7 has them
        return _categories(item[:], obs.file[reference][:])
    values = text(item[:]) if item.dtype.kind in "OST" else item[:]
    if values.dtype.kind not in "biufU":
        return None, 0
    return values, int(np.isnan(values).sum()) if values.dtype.kind == "f" else 0


def _categories(codes: np.ndarray, categories: np.ndarray) -> tuple[np.ndarray, int]:
    """The category of each row; a negative code is a missing value."""
    names, missing = text(np.asarray(categories)), codes < 0
    if len(codes) and codes.max() >= len(names):
        raise InputError("a column of obs has a code without a category, so the file is damaged.")
    if not missing.any():
        return names[codes], 0
    words = names.dtype.kind == "U"
    values = np.append(names if words else names.astype(float), "" if words else np.nan)
    return values[np.where(missing, len(names), codes)], int(missing.sum())
