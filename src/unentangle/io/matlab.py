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

COMPRESSED = 15


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
        check_size(path, sum(_sizes(path)), path.stat().st_size)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of variables of one name, and of objects
            content = loadmat(path, chars_as_strings=True)
        notes: list[str] = []
        arrays = {}
        for name, value in content.items():
            if not name.startswith("__"):
                arrays |= dict(_leaves(path, name, value, notes))
        return dataset_of(path, arrays, groups, x, factors, how, notes=notes)


def _sizes(path: Path) -> Iterator[int]:
    """The bytes of each variable of a file of format 5, unpacked, as it says; those of another format are all of the file."""
    with path.open("rb") as file:
        head = file.read(128)
        order = {b"IM": "<", b"MI": ">"}.get(head[126:128])
        if order is None:
            yield path.stat().st_size
            return
        while len(tag := file.read(8)) == 8:
            kind, size = struct.unpack(f"{order}II", tag)
            start = file.read(min(size, 64))
            inner = zlib.decompressobj().decompress(start, 8) if kind == COMPRESSED else tag
            if len(inner) == 8:
                yield struct.unpack(f"{order}II", inner)[1]
            file.seek(size - len(start), 1)


def _leaves(path: Path, name: str, value: Any, notes: list[str]) -> Iterator[tuple[str, Any]]:
    """A variable by its name, or the fields of records by theirs."""
    if hasattr(value, "tocsr"):
        check_size(f"{name} in {path}", int(np.prod(value.shape)) * value.dtype.itemsize, path.stat().st_size)
        value = value.toarray()
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
    elif value.dtype.kind in "biuf":
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
