"""A data set as a file that `read` reads."""

from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import h5py
import numpy as np

from ..data.dataset import Dataset
from ..errors import InputError
from ..storage import draft

VALUES = 1 << 22  # that are copied at once


def write_dataset(path: Path, data: Dataset) -> None:
    """Write the rows, the group keys and the factors of a data set as `.npz` or `.h5`, as the rows are read.

    Rows are as they were before any transforms. They are called x, or, where a factor is, rows; the keys groups. So that their
    kinds are known again, continuous factors are written as floats, and others that are whole numbers as integers; measures of
    codes, though, judge a column of a file by its values.

    Raises:
        InputError: if the file is there already, or of another kind.
    """
    if path.suffix not in (".npz", ".h5") or path.exists():
        what = "exists already" if path.exists() else "is neither a .npz nor a .h5"
        raise InputError(f"{path} {what}; give the name of a new file.")
    columns = {name: _typed(values, data.factors.kinds[name]) for name, values in data.factors.items()}
    if data.groups is not None:
        columns["groups"] = data.groups
    rows = "rows" if "x" in columns else "x"
    with draft(path) as file:
        if path.suffix == ".npz":
            with ZipFile(file, "w") as archive:  # not by numpy.savez, whose own arguments are names too
                with archive.open(f"{rows}.npy", "w", force_zip64=True) as member:
                    kind, shape = np.lib.format.dtype_to_descr(data.x.dtype), tuple(data.x.shape)
                    np.lib.format.write_array_header_2_0(member, {"descr": kind, "fortran_order": False, "shape": shape})
                    for part in parts(data.x):
                        member.write(np.asarray(data.x[part]).tobytes())
                for name, array in columns.items():
                    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                        np.lib.format.write_array(member, array, allow_pickle=False)
            return
        with h5py.File(file, "w") as out:
            for name, array in {rows: data.x, **columns}.items():
                fill(out.create_dataset(name, array.shape, stored(array)), array)


def stored(array: Any) -> Any:
    """The type that HDF5 has for an array."""
    return h5py.string_dtype() if array.dtype.kind == "U" else array.dtype


def fill(kept: Any, array: Any) -> None:
    """Copy an array into one of a file, some rows at a time."""
    for part in parts(array):
        kept[part] = array[part].astype(object) if array.dtype.kind == "U" else array[part]


def parts(array: Any) -> Iterator[slice]:
    """The rows of an array, as many at a time as hold `VALUES` values."""
    step = max(1, VALUES // max(1, prod(array.shape[1:])))
    yield from (slice(start, start + step) for start in range(0, array.shape[0], step))


def _typed(values: np.ndarray, kind: str) -> np.ndarray:
    """Values in a type that tells their kind."""
    if kind == "continuous":
        return values if np.issubdtype(values.dtype, np.floating) else values.astype(float)
    whole = np.issubdtype(values.dtype, np.floating) and (values == np.round(values)).all()
    return values.astype(np.int64) if whole else values
