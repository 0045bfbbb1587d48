"""Results that are written as they come: whole rows at a time, into a folder beside the file that they become at the end.

A command that is killed loses only what it was about to write: given again, it goes on where it stopped. The folder holds one
`.npy` for each array, which is as large as it will be from the start, and how far it has come.
"""

import errno
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from csv import writer as csv_writer
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import InputError, optional
from ..storage import alone, draft, plain, read_json, write_json
from .writing import VALUES, fill, stored_type, write_hdf5, write_npz


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
        request: what it is the result of; a folder that was begun for something else is begun anew.
        columns: the arrays that are to come.
    """

    def __init__(self, folder: Path, request: Any, columns: Columns):
        self.folder, self.columns = folder, columns
        wanted = _wanted(request, columns)
        if _held(folder / "about.json") != wanted or not all(map(self._whole, self._paths(), columns.values())):
            self._begin()
            write_json(folder / "about.json", wanted)  # last: a folder without it holds nothing
        self.arrays = {name: np.load(path, mmap_mode="r+") for name, path in zip(columns, self._paths(), strict=True)}
        done = _held(folder / "done.json")
        self.done: list[str] = done if isinstance(done, list) and all(isinstance(part, str) for part in done) else []

    def _begin(self) -> None:
        """Take the disk for all arrays at once: one that is full later would kill the process that writes into a map."""
        (self.folder / "about.json").unlink(missing_ok=True)  # first, for the same reason
        for old in self.folder.iterdir():
            shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()
        size = sum(int(np.prod(c.shape, dtype=float)) * np.dtype(c.dtype).itemsize for c in self.columns.values())
        if 2 * size > (free := shutil.disk_usage(self.folder).free):
            raise InputError(
                f"the result needs {2 * size / 2**30:.1f} GB of disk while it is written, and {free / 2**30:.1f} are free; "
                "choose less."
            )
        try:
            for path, column in zip(self._paths(), self.columns.values(), strict=True):
                np.lib.format.open_memmap(path, "w+", np.dtype(column.dtype), column.shape).flush()
                _reserve(path)
        except OSError:
            shutil.rmtree(self.folder)
            raise

    @staticmethod
    def _whole(path: Path, column: Column) -> bool:
        """Whether a file is the array that was begun, and not a part of it or a way to another file."""
        try:
            array = np.load(path, mmap_mode="r") if path.is_file() and not path.is_symlink() else None
        except (ValueError, OSError, EOFError, SyntaxError, RecursionError):
            return False
        return array is not None and (array.shape, array.dtype) == (tuple(column.shape), np.dtype(column.dtype))

    def _paths(self) -> list[Path]:
        return [self.folder / f"{k}.npy" for k in range(len(self.columns))]  # a name may come from a file, and lead anywhere

    def has(self, number: int, source: str) -> bool:
        """Whether part `number` of the work is there, and was made of this."""
        return self.done[number : number + 1] == [source]

    def part(self, number: int, source: str, **places: tuple[Any, np.ndarray]) -> None:
        """Write part `number` of the work, after those before it.

        Args:
            number: which part.
            source: what tells what it is made of from anything else: if that has changed, it is made again.
            places: for some columns, the indices along their first axis and the values there.
        """
        for name, (index, values) in places.items():
            self.arrays[name][index] = values
        for name in places:
            self.arrays[name].flush()
        self.done[number : number + 1] = [source]
        write_json(self.folder / "done.json", self.done)


@contextmanager
def growing(path: Path, request: Any, columns: Columns) -> Iterator[Growing]:
    """A result that becomes the file `path` when the block ends without an error, and goes on where it was if there was one.

    Args:
        path: a new .npz, .h5, .nc or .csv file. A .csv has a line for each row and its arrays over rows and over groups, whose
            values are repeated in every row of the group; the others have every array, with its axes' names where they can.
        request: what the result is of, as JSON; another request begins anew.
        columns: the arrays that are to come.

    Raises:
        InputError: if the file exists, is none of these, does not fit the disk, or is being written by another process.
    """
    new_file(path)
    folder = _folder(path)
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder, stays=False):
        if _untidy(path) and _held(folder / "about.json") != _wanted(request, columns):
            _remove(folder)
            new_file(path)
        try:
            result = Growing(folder, request, columns)
            yield result
        except InputError:  # the same command would fail again
            shutil.rmtree(folder)
            raise
        with draft(folder / path.name) as file:
            FORMATS[path.suffix](file, columns, result.arrays)
        write_json(folder / WHOLE, _who(folder / path.name))  # whoever is killed from here on has the file
        (folder / path.name).replace(path)
        _remove(folder)


def _wanted(request: Any, columns: Columns) -> Any:
    return plain({"request": request, "columns": {n: [c.axes, c.shape, str(np.dtype(c.dtype))] for n, c in columns.items()}})


WHOLE = "whole.json"  # in a folder, which file it has become


def _folder(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _who(path: Path) -> list[int]:
    """What a file keeps when it is renamed, and no other file has."""
    about = path.stat()
    return [about.st_ino, about.st_size, about.st_mtime_ns]


def _untidy(path: Path) -> bool:
    """Whether a file is whole, and the folder that it was made in is still there."""
    return path.is_file() and _held(_folder(path) / WHOLE) == _who(path)


def _held(path: Path) -> Any:
    """The JSON of a file, or None if it is not there or damaged: what it is about is then made anew."""
    try:
        return read_json(path)
    except InputError:
        return None


def _remove(folder: Path) -> None:
    """Remove a folder, and last in it what says that the work is done."""
    for file in sorted(folder.iterdir(), key=lambda file: file.name == WHOLE):
        shutil.rmtree(file) if file.is_dir() and not file.is_symlink() else file.unlink()
    folder.rmdir()


def _reserve(file: Path) -> None:
    """Let the disk set aside what a file says to hold, where it can.

    Raises:
        OSError: if it is full.
    """
    if not hasattr(os, "posix_fallocate"):
        return
    with file.open("rb+") as opened:
        try:
            os.posix_fallocate(opened.fileno(), 0, file.stat().st_size)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise


def new_file(path: Path) -> None:
    """Refuse a file that exists, unless a process that was killed had only to tidy up after it; or of a format that is not
    written.
    """
    if path.suffix in FORMATS and _untidy(path):
        return
    if path.suffix not in FORMATS or path.exists():
        what = "exists already" if path.exists() else f"is none of {', '.join(FORMATS)}"
        raise InputError(f"{path} {what}; give the name of a new {', '.join(list(FORMATS)[:-1])} or {list(FORMATS)[-1]} file.")


def _npz(file: Path, columns: Columns, arrays: Mapping[str, np.ndarray]) -> None:
    write_npz(file, arrays)


def _hdf5(file: Path, columns: Columns, arrays: Mapping[str, np.ndarray]) -> None:
    write_hdf5(file, arrays, {name: column.axes for name, column in columns.items()})


def _netcdf(file: Path, columns: Columns, arrays: Mapping[str, np.ndarray]) -> None:
    h5netcdf = optional("h5netcdf", "NetCDF files are written", "'unentangle[netcdf]'")
    with h5netcdf.File(file, "w") as root:
        root.dimensions = {axis: n for c in columns.values() for axis, n in zip(c.axes, c.shape, strict=True)}
        for name, array in arrays.items():
            kind = np.int8 if array.dtype == bool else stored_type(array)  # NetCDF has no truth values
            fill(root.create_variable(name, columns[name].axes, kind), array)


def _csv(file: Path, columns: Columns, arrays: Mapping[str, np.ndarray]) -> None:
    by_row, by_group = ([n for n, c in columns.items() if c.axes[0] == axis] for axis in ("n_rows", "n_groups"))
    flat = {name: arrays[name].reshape(len(arrays[name]), -1) for name in by_row + by_group}
    with file.open("w", newline="") as out:
        lines, titles = csv_writer(out), []
        for name, array in flat.items():
            titles += [name] if len(columns[name].axes) == 1 else [f"{name}_{i}" for i in range(array.shape[1])]
        lines.writerow(titles)
        step = max(1, VALUES // sum(array.shape[1] for array in flat.values()))
        for start in range(0, len(arrays[by_row[0]]), step):
            part = slice(start, start + step)
            own = [flat[name][part] for name in by_row]
            shared = [flat[name][arrays["group"][part]] for name in by_group]
            lines.writerows(zip(*(values for array in own + shared for values in array.T.tolist()), strict=True))


FORMATS: dict[str, Callable[[Path, Columns, Mapping[str, np.ndarray]], None]] = {
    ".npz": _npz, ".h5": _hdf5, ".nc": _netcdf, ".csv": _csv,
}  # fmt: skip
