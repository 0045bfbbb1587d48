"""MATLAB's `.mat` files: format 5 and before here, format 7.3 as the HDF5 that it is.

Records are folders of their fields, as in `data/waves`; cells of words or numbers are columns, cells of arrays rows.
"""

import struct
import warnings
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..data.dataset import Dataset
from ..errors import InputError
from ..reading import Reading
from .arrays import check_size, damaged
from .hdf5 import read_hdf5
from .layout import dataset_of
from .matlab_cells import of_cells
from .named import Chosen

COMPRESSED, MATRIX = 15, 14
KINDS = frozenset((1, 2, 3, 4, 5, 6, 7, 9, 12, 13, 14, 16, 17, 18))  # of elements, as the description of the format has them


def read_matlab(path: Path, groups: Any, x: str, factors: Chosen, how: Reading) -> Dataset:
    """A data set from a `.mat` file, as `layout.dataset_of` chooses it; objects of classes are left out.

    Raises:
        InputError: if the file is missing or damaged, or unpacks to more than `check_size` allows.
    """
    import h5py
    from scipy.io import loadmat

    with damaged(path, "a .mat file"):
        if h5py.is_hdf5(path):
            return read_hdf5(path, groups, x, factors, how)
        _check_tags(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of variables of one name, and of objects
            content = loadmat(path, chars_as_strings=True)
        notes: list[str] = []
        arrays = {}
        for name, value in content.items():
            if not name.startswith("__"):
                arrays |= dict(_leaves(path, name, value, notes))
        return dataset_of(path, arrays, groups, x, factors, how, notes=notes)


def _check_tags(path: Path) -> None:
    """Check a file of format 5 before the library reads it, whose compiled code trusts the types that are in it.

    Raises:
        InputError: if it unpacks to more than `check_size` allows.
        Exception: if it is damaged.
    """
    with path.open("rb") as file:
        head = file.read(128)
        order = {b"IM": "<", b"MI": ">"}.get(head[126:128])
        if order is None:  # of format 4, which is read without compiled code
            return
        variables, sizes = [], []
        while len(tag := file.read(8)) == 8:
            kind, size = struct.unpack(f"{order}II", tag)
            variables.append((kind, tag, block := file.read(size)))
            if len(block) < size:
                raise ValueError("the file ends within a variable")
            inner = zlib.decompressobj().decompress(block, 8) if kind == COMPRESSED else tag
            sizes.append(8 + struct.unpack(f"{order}II", inner)[1])
    check_size(path, sum(sizes), path.stat().st_size)
    for (kind, tag, block), size in zip(variables, sizes, strict=True):
        _check_elements(zlib.decompressobj().decompress(block, size) if kind == COMPRESSED else tag + block, order)


def _check_elements(block: bytes, order: str, array: bool = False) -> None:
    """Check that a block, of one array or of all, consists of elements of known types that end within it."""
    at, found = 0, []
    while at < len(block):
        kind, size = struct.unpack_from(f"{order}II", block, at)
        if kind >> 16:  # a small element, with its values beside its size
            kind, size, start, after = kind & 0xFFFF, kind >> 16, at + 4, at + 8
        else:
            start = at + 8
            after = start + -(-size // 8) * 8
        content = block[start : start + size]
        if kind not in KINDS or len(content) < size:
            raise ValueError("an element of no known type, or one that does not end")
        found.append((kind, content if kind != MATRIX and size < 4096 else b"", size))
        if kind == MATRIX and size:
            _check_elements(content, order, True)
        at = after
    if array:
        _check_array(found, order)


def _check_array(found: Sequence[tuple[int, bytes, int]], order: str) -> None:
    """Check that an array has the elements that its class needs: class, shape, name, then values, cells or fields."""
    kinds = [kind for kind, _, _ in found]
    if kinds[0] != 6 or found[0][2] != 8:
        raise ValueError("an array without a class")
    flags, rest = struct.unpack_from(f"{order}I", found[0][1])[0], found[3:]
    of, parts = flags & 0xFF, 1 + bool(flags & 0x800)  # numbers that are complex have two
    if of == 5:
        raise InputError("a .mat file that holds a sparse array is not read: save it as a full one, by full(x).")
    if of in (16, 17):
        complete = kinds in ([6, 1, 1, 1, MATRIX], [6, 5, 1, MATRIX])
    else:
        shape = struct.unpack(f"{order}{len(found[1][1]) // 4}i", found[1][1]) if kinds[1:3] == [5, 1] else ()
        count = int(np.prod(shape, dtype=object)) if len(shape) > 1 and min(shape) >= 0 else -1
        if of in (2, 3):
            rest = rest[1:] if of == 3 else rest
            width = struct.unpack(f"{order}i", rest[0][1])[0] if len(rest) > 1 and len(rest[0][1]) == 4 else 0
            complete = width > 0 and [rest[0][0], rest[1][0]] == [5, 1] and rest[1][2] % width == 0
            complete = complete and [kind for kind, _, _ in rest[2:]] == [MATRIX] * (rest[1][2] // width * count)
        elif of == 1:
            complete = [kind for kind, _, _ in rest] == [MATRIX] * count
        else:
            complete = of in range(4, 16) and len(rest) == parts <= (1 if of == 4 else 2) and MATRIX not in kinds
        complete = complete and count >= 0
    if not complete:
        raise ValueError("an array without its values")


def _leaves(path: Path, name: str, value: Any, notes: list[str]) -> Iterator[tuple[str, Any]]:
    """A variable by its name, or the fields of records by theirs."""
    if type(value) is not np.ndarray or (value.dtype.names and type(value.ravel()[:1]) is not np.ndarray):
        notes.append(f"{name} in {path} is an object of {type(value).__name__}; it is left out.")
    elif value.dtype.names:
        for field in value.dtype.names:
            items = list(value[field].ravel())
            if len(items) == 1:
                yield from _leaves(path, f"{name}/{field}", items[0], notes)
            else:
                yield from _cells(path, f"{name}/{field}", items, notes)
    elif value.dtype == object:
        yield from _cells(path, name, list(value.ravel()), notes)
    elif value.dtype.kind in "biufc":
        yield name, value
    elif value.dtype.kind == "U":
        yield name, np.char.rstrip(value)


def _cells(path: Path, name: str, items: Sequence[Any], notes: list[str]) -> Iterator[tuple[str, Any]]:
    words = [str(v[0]) if isinstance(v, np.ndarray) and v.dtype.kind == "U" and v.size == 1 else v for v in items]
    words = ["" if isinstance(v, np.ndarray) and v.dtype.kind == "U" and not v.size else v for v in words]
    try:
        yield name, of_cells(words, f"{name} in {path}")
    except InputError as error:
        notes.append(f"{error!s:.200} It is left out.")
