"""Arrays in `.npy` and `.npz` files, whose headers are not believed before they are checked; what is refused of any file."""

import errno
import os
import stat
import struct
import warnings
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np

from ..errors import InputError
from .pickled import read_words

# What zipfile and numpy raise where a file is cut short, altered, encrypted or something else.
DAMAGED = (
    ArithmeticError, BadZipFile, EOFError, IndexError, KeyError, MemoryError, OSError, RuntimeError, SyntaxError, TypeError,
    ValueError, struct.error, zlib.error,
)  # fmt: skip
# What the system says where the file is not to blame.
OUTSIDE = (errno.EACCES, errno.EAGAIN, errno.EIO, errno.EISDIR, errno.EMFILE, errno.ENFILE, errno.EPERM)
# A file that says it holds more than 64 MB, and more than 250 times its own size, holds nothing or is made to fill memory.
# (The binary images of dSprites, which pack well, are 115 times their file.)
SMALL, RATIO = 64 << 20, 250


@contextmanager
def damaged(path: Path | str, needed: str) -> Iterator[None]:
    """Say in one sentence what was not understood of a file, whatever went wrong, unless it is said already.

    Raises:
        InputError: naming the file and what is needed.
    """
    refuse_special(Path(path))
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        if isinstance(error, FileNotFoundError):
            raise InputError(f"{path} does not exist; {needed} is needed.") from error
        if isinstance(error, OSError) and error.errno in OUTSIDE:
            reason = os.strerror(error.errno).lower()
        else:
            reason = "it holds Python objects" if "allow_pickle" in str(error) else "it is damaged or not what its name says"
        raise InputError(f"{path} cannot be read: {reason}; {needed} is needed.") from error


def refuse_special(path: Path) -> None:
    """Refuse pipes, sockets and devices, which may never end or never begin.

    Raises:
        InputError: if the path is one.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        kinds = {stat.S_ISFIFO: "a pipe", stat.S_ISSOCK: "a socket", stat.S_ISCHR: "a device", stat.S_ISBLK: "a device"}
        what = next((word for test, word in kinds.items() if test(mode)), "something else")
        raise InputError(f"{path} is {what}; a file or folder is needed.")


def hidden(path: Path) -> bool:
    """Whether a file, or a folder it is in, is hidden or of the Macintosh's own."""
    return any(part.startswith((".", "__MACOSX")) for part in path.parts)


def files_in(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """The files with these suffixes in a folder and the folders in it, relative to it and sorted; hidden ones are left out."""
    files = (file for file in folder.rglob("*") if file.suffix.lower() in suffixes)
    files = (file for file in files if file.is_file() or not file.exists())  # a link that leads nowhere is refused when read
    return sorted(name for name in (file.relative_to(folder) for file in files) if not hidden(name))


def check_size(path: Path | str, declared: int, stored: int) -> None:
    """Refuse a file of so many bytes that says it holds many times more.

    Raises:
        InputError: if `declared` bytes are more than `SMALL`, and more than `RATIO` times the `stored` ones.
    """
    if declared > max(SMALL, RATIO * stored):
        raise InputError(
            f"{path} declares {declared / 2**30:.3g} GB, of which {stored / 2**20:.3g} MB are there; it is damaged, empty or "
            f"made to fill memory (at most {RATIO} times what is there is read)."
        )


def read_header(file: Any, size: float = float("inf")) -> tuple[tuple[int, ...], bool, np.dtype]:
    """The shape, whether columns go first, and the type that the header of an open `.npy` of so many bytes says.

    Raises:
        Exception: one of `DAMAGED`, if it is no header, or `size` is not enough for what it says.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd headers, which are read or refused
        version = np.lib.format.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise ValueError("a .npy of format 1 or 2, which numbers are saved as, is needed")
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, by_column, dtype = read(file)
    declared = prod(map(int, shape)) * dtype.itemsize  # in integers without end
    if min(shape, default=0) < 0 or (declared > size - file.tell() and not dtype.hasobject):
        raise ValueError(f"the header says {declared} bytes, more than there are")
    return shape, by_column, dtype


def load_npy(path: Path, mmap_mode: Any = None) -> np.ndarray:
    """The array of a `.npy` file, in memory or mapped; one of objects, which may be words and numbers, in memory.

    Raises:
        InputError: if the file is missing, damaged or holds other Python objects.
    """
    with damaged(path, "a numeric array written by numpy.save"):
        with path.open("rb") as file:
            shape, _, dtype = read_header(file, path.stat().st_size)
            if dtype.hasobject:
                return read_words(file, shape, str(path))
        return np.load(path, mmap_mode=mmap_mode, allow_pickle=False)


@dataclass(frozen=True)
class Member:
    """An array in a zip, read where `numpy.asarray` asks for it, and refused there if it holds other objects than words."""

    archive: ZipFile
    info: ZipInfo
    shape: tuple[int, ...]
    dtype: np.dtype

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        with (
            damaged(f"{self.info.filename} in {self.archive.filename}", "a numeric array"),
            self.archive.open(self.info) as file,
        ):
            if self.dtype.hasobject:
                values = read_words(file, read_header(file)[0], f"{self.info.filename} in {self.archive.filename}")
                return values.astype(dtype or values.dtype, copy=False)
            return np.lib.format.read_array(file, allow_pickle=False).astype(dtype or self.dtype, copy=False)


def members(path: Path) -> dict[str, Member]:
    """The arrays of a `.npz`, or of another zip of `.npy` files, by their names without suffix, but for hidden files.

    Only headers are read, and nothing is written anywhere: the names of the members are names, and no paths.

    Raises:
        InputError: if the file is missing, damaged or encrypted, or unpacks to more than `check_size` allows.
    """
    with damaged(path, "a .npz written by numpy.savez, or a .zip of .npy files,"):
        archive = ZipFile(path)
        files = [i for i in archive.infolist() if i.filename.endswith(".npy") and not hidden(Path(i.filename))]
        check_size(path, sum(info.file_size for info in files), path.stat().st_size)
        return {info.filename.removesuffix(".npy"): _member(archive, info) for info in files}


def readable(arrays: dict[str, Member]) -> dict[str, Any]:
    """The arrays of a zip, those of objects as the words and numbers that they hold; others stay, to be refused if needed."""
    found: dict[str, Any] = dict(arrays)
    for name, array in arrays.items():
        if array.dtype.hasobject:
            with suppress(InputError):
                found[name] = np.asarray(array)
    return found


def _member(archive: ZipFile, info: ZipInfo) -> Member:
    with damaged(f"{info.filename} in {archive.filename}", "a numeric array written by numpy.save, not encrypted,"):
        if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise ValueError("numpy writes no other compression")
        with archive.open(info) as file:
            shape, _, dtype = read_header(file, info.file_size)
            return Member(archive, info, shape, dtype)
