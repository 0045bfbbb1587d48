"""A data set as a file that `read` reads."""

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

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
    arrays = {"rows" if "x" in columns else "x": data.x, **columns}
    with draft(path) as file:
        (write_npz if path.suffix == ".npz" else write_hdf5)(file, arrays)


def write_npz(file: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays, `Rows` among them, some rows at a time, and not by numpy.savez, whose own arguments are names too."""
    with ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:  # without a date: equal bytes
                if isinstance(array, np.ndarray):
                    np.lib.format.write_array(member, array, allow_pickle=False)
                    continue
                about = {"descr": np.lib.format.dtype_to_descr(array.dtype), "fortran_order": False, "shape": array.shape}
                np.lib.format.write_array_header_2_0(member, about)
                for part in parts(array):
                    member.write(array[part].tobytes())


def write_hdf5(file: Path, arrays: Mapping[str, Any], axes: Mapping[str, Sequence[str]] | None = None) -> None:
    """Write arrays, `Rows` among them, some rows at a time, and the names of their axes."""
    import h5py

    with h5py.File(file, "w") as root:
        for name, array in arrays.items():
            stored = root.create_dataset(name, array.shape, stored_type(array))
            fill(stored, array)
            for axis, label in enumerate((axes or {}).get(name, ())):
                stored.dims[axis].label = label


def stored_type(array: Any) -> Any:
    """The type that HDF5 has for an array."""
    import h5py

    return h5py.string_dtype() if array.dtype.kind == "U" else array.dtype


def fill(stored: Any, array: Any) -> None:
    """Copy an array into one of a file, some rows at a time."""
    for part in parts(array):
        stored[part] = array[part].astype(object) if array.dtype.kind == "U" else array[part]


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
