"""Results that are written as they come: whole rows at a time, into a folder beside the file that they become at the end.

A command that is killed loses what it was about to write and no more: said again, it goes on where it was. The folder holds one
`.npy` for each array, which is as large as it will be from the start, and how far it has come.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from csv import writer as csv_writer
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile

import h5py
import numpy as np

from .errors import InputError
from .storage import draft, plain, read_json, write_json

LINES = 1 << 22  # values that are copied at once


class Column(NamedTuple):
    """An array of a result: the name and length of every axis, and the type."""

    axes: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: Any = np.float32


Columns = Mapping[str, Column]


class Growing:
    """A result in the making.

    Args:
        folder: where its arrays lie until it is whole.
        asked: what it is the result of; a folder that was begun for something else is begun anew.
        columns: the arrays that are to come.
    """

    def __init__(self, folder: Path, asked: Any, columns: Columns):
        self.folder, self.columns = folder, columns
        wanted = plain({"asked": asked, "columns": {n: [c.axes, c.shape, str(np.dtype(c.dtype))] for n, c in columns.items()}})
        if not (folder / "about.json").exists() or read_json(folder / "about.json") != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            for path, column in zip(self._paths(), columns.values(), strict=True):
                np.lib.format.open_memmap(path, "w+", np.dtype(column.dtype), column.shape).flush()
            write_json(folder / "about.json", wanted)  # last: a folder without it holds nothing
        self.arrays = {name: np.load(path, mmap_mode="r+") for name, path in zip(columns, self._paths(), strict=True)}
        self.done: int = read_json(folder / "done.json") if (folder / "done.json").exists() else 0

    def _paths(self) -> list[Path]:
        return [self.folder / f"{k}.npy" for k in range(len(self.columns))]  # a name may come from a file, and lead anywhere

    def part(self, number: int, **places: tuple[Any, np.ndarray]) -> None:
        """Keep part `number` of the work: for some columns, the indices along their first axis and the values there."""
        for name, (index, values) in places.items():
            self.arrays[name][index] = values
        for name in places:
            self.arrays[name].flush()
        self.done = number + 1
        write_json(self.folder / "done.json", self.done)


@contextmanager
def growing(path: Path, asked: Any, columns: Columns) -> Iterator[Growing]:
    """A result that becomes the file `path` when the block ends without an error, and goes on where it was if there was one.

    Args:
        path: a new .npz, .h5, .nc or .csv file. A .csv has a line for each row and its arrays over rows and over groups, whose
            values are repeated in every row of the group; the others have every array, with its axes' names where they can.
        asked: what the result is of, as JSON: another question begins anew.
        columns: the arrays that are to come.

    Raises:
        InputError: if the file exists, is none of these, or does not fit the disk.
    """
    new_file(path)
    folder = path.with_name(f".{path.name}.part")
    folder.parent.mkdir(parents=True, exist_ok=True)
    needed = 2 * sum(int(np.prod(c.shape, dtype=float)) * np.dtype(c.dtype).itemsize for c in columns.values())
    if not folder.exists() and needed > (free := shutil.disk_usage(folder.parent).free):
        raise InputError(
            f"{path} needs {needed / 2**30:.1f} GB of disk while it is written, and {free / 2**30:.1f} are free; choose less."
        )
    result = Growing(folder, asked, columns)
    try:
        yield result
    except InputError:  # said again, the same command would fail again
        shutil.rmtree(folder)
        raise
    with draft(folder / path.name) as file:
        FORMATS[path.suffix](file, columns, result.arrays)
    (folder / path.name).replace(path)
    shutil.rmtree(folder)


def new_file(path: Path) -> None:
    """Refuse a file that exists, or of a format that is not written."""
    if path.suffix not in FORMATS or path.exists():
        what = "exists already" if path.exists() else f"is none of {', '.join(FORMATS)}"
        raise InputError(f"{path} {what}; give the name of a new {', '.join(list(FORMATS)[:-1])} or {list(FORMATS)[-1]} file.")


def _lines(array: np.ndarray) -> Iterator[slice]:
    """The rows of an array, as many at a time as hold LINES values."""
    step = max(1, LINES // max(1, int(np.prod(array.shape[1:]))))
    yield from (slice(start, start + step) for start in range(0, len(array), step))


def _npz(file: Path, columns: Columns, arrays: Mapping[str, np.ndarray]) -> None:
    with ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array_header_2_0(member, np.lib.format.header_data_from_array_1_0(array))
                for part in _lines(array):
                    member.write(np.ascontiguousarray(array[part]).tobytes())


def _hdf5(file: Path, columns: Columns, arrays: Mapping[str, np.ndarray]) -> None:
    with h5py.File(file, "w") as root:
        for name, array in arrays.items():
            kept = root.create_dataset(name, array.shape, _stored(array))
            _fill(kept, array)
            for axis, label in enumerate(columns[name].axes):
                kept.dims[axis].label = label


def _stored(array: np.ndarray) -> Any:
    """The type that HDF5 has for an array."""
    return h5py.string_dtype() if array.dtype.kind == "U" else array.dtype


def _fill(kept: Any, array: np.ndarray) -> None:
    """Copy an array into a file, some rows at a time."""
    for part in _lines(array):
        kept[part] = array[part].astype(object) if array.dtype.kind == "U" else array[part]


def _netcdf(file: Path, columns: Columns, arrays: Mapping[str, np.ndarray]) -> None:
    h5netcdf = _h5netcdf()
    with h5netcdf.File(file, "w") as root:
        root.dimensions = {axis: n for c in columns.values() for axis, n in zip(c.axes, c.shape, strict=True)}
        for name, array in arrays.items():
            _fill(root.create_variable(name, columns[name].axes, _stored(array)), array)


def _csv(file: Path, columns: Columns, arrays: Mapping[str, np.ndarray]) -> None:
    by_row, by_group = ([n for n, c in columns.items() if c.axes[0] == axis] for axis in ("n_rows", "n_groups"))
    flat = {name: arrays[name].reshape(len(arrays[name]), -1) for name in by_row + by_group}
    with file.open("w", newline="") as out:
        lines = csv_writer(out)
        lines.writerow([title for name, array in flat.items() for title in _titles(name, columns[name], array.shape[1])])
        step = max(1, LINES // sum(array.shape[1] for array in flat.values()))
        for start in range(0, len(arrays[by_row[0]]), step):
            part = slice(start, start + step)
            own = [flat[name][part] for name in by_row]
            shared = [flat[name][arrays["group"][part]] for name in by_group]
            lines.writerows(zip(*(values for array in own + shared for values in array.T.tolist()), strict=True))


def _titles(name: str, column: Column, width: int) -> list[str]:
    return [name] if len(column.axes) == 1 else [f"{name}_{i}" for i in range(width)]


def _h5netcdf() -> Any:
    try:
        import h5netcdf
    except ImportError as error:
        raise InputError("h5netcdf is not installed, which NetCDF files need: pip install 'unentangle[netcdf]'.") from error
    return h5netcdf


FORMATS: dict[str, Callable[[Path, Columns, Mapping[str, np.ndarray]], None]] = {
    ".npz": _npz, ".h5": _hdf5, ".nc": _netcdf, ".csv": _csv,
}  # fmt: skip
