"""Zarr, of either format, as a folder or a zip. Rows stay on disk."""

from collections.abc import Sequence
from math import prod
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import ZipFile, is_zipfile

from ..data.dataset import Dataset
from ..errors import InputError, optional
from ..reading import Reading
from .arrays import SMALL, check_size, damaged
from .decoded import Decoded, coding, fill_of_xarray, say_fill
from .layout import dataset_of
from .named import Chosen

MARKS = ("zarr.json", ".zgroup", ".zarray")
FEW = 0.5  # of chunks that are there, below which a note says what the others are


def is_zarr(path: Path) -> bool:
    """Whether a folder or zip is a zarr store."""
    if path.is_dir():
        return any((path / mark).is_file() for mark in MARKS)
    if not path.is_file() or not is_zipfile(path):
        return False
    with damaged(path, "a .zip"), ZipFile(path) as archive:
        return _root(archive) is not None


def read_zarr(path: Path, groups: Any, x: str, factors: Chosen, how: Reading) -> Dataset:
    """A data set from zarr, as `layout.dataset_of` chooses it; xarray's coordinates along the rows are factors.

    Raises:
        InputError: if the store is damaged, declares much more than it holds, holds Python objects, or zarr is not installed.
    """
    zarr = optional("zarr", "zarr is read", "'unentangle[zarr]'")
    with damaged(path, "a zarr group or array"):
        store = _open(zarr, path)
        members = [("x", store)] if isinstance(store, zarr.Array) else store.members(max_depth=None)
        stored = dict(sorted((name, member) for name, member in members if isinstance(member, zarr.Array)))
        _check_all(path, stored)
        notes: list[str] = []
        arrays = {name: _meant(f"{name} in {path}", array, notes) for name, array in stored.items()}

        def attributes(name: str) -> Any:
            item = store if not name else stored.get(name) or store.get(name)
            return {} if item is None else dict(item.attrs)

        return dataset_of(path, arrays, groups, x, factors, how, _dimensions, attributes, notes)


def _root(archive: ZipFile) -> str | None:
    """The folder in a zip that is a store, the outermost; "" is the zip itself."""
    marks = [PurePosixPath(name) for name in archive.namelist() if PurePosixPath(name).name in MARKS]
    outer = min(marks, key=lambda mark: len(mark.parts), default=None)
    return None if outer is None else "" if len(outer.parts) == 1 else outer.parent.as_posix()


def _open(zarr: Any, path: Path) -> Any:
    """A store in a folder or zip."""
    if path.is_dir() or not path.exists():
        return zarr.open(str(path), mode="r")
    with ZipFile(path) as archive:
        root = _root(archive)
        check_size(path, sum(info.file_size for info in archive.infolist()), path.stat().st_size)
    return zarr.open(zarr.storage.ZipStore(path, mode="r"), path=root or "", mode="r")


def _check_all(path: Path, arrays: dict[str, Any]) -> None:
    """Refuse a store of Python objects, and one that declares much more than it holds, all together or in one array."""
    for name, array in arrays.items():
        if "pickle" in str(array.metadata.to_dict()):
            raise InputError(
                f"{name} in {path} holds pickled Python objects, which could run code; numbers or words are needed."
            )
        declared = max(array.nbytes, prod(array.chunks) * array.dtype.itemsize)
        if declared > SMALL:
            check_size(f"{name} in {path}", declared, array.nbytes_stored())
    if (declared := sum(array.nbytes for array in arrays.values())) > SMALL:
        check_size(path, declared, sum(array.nbytes_stored() for array in arrays.values()))


def _meant(what: str, array: Any, notes: list[str]) -> Any:
    """An array as its values are meant.

    Chunks that hold nothing but the fill value are not stored, so absent ones are that value. It is missing where
    xarray says so: in format 2 always, in format 3 by the attribute `_FillValue`. Elsewhere it is, unless it is 0 or 1.
    """
    about = dict(array.attrs)
    if array.dtype.kind not in "iuf":
        return array
    fill, of_xarray = array.fill_value, array.metadata.zarr_format == 2 and "_ARRAY_DIMENSIONS" in about
    if "_FillValue" in about:
        about["_FillValue"] = fill_of_xarray(about["_FillValue"], array.dtype)
    if not of_xarray and ("_FillValue" in about or fill in (0, 1)):
        fill = None
    if not of_xarray:
        say_fill(notes, what, fill)
    meaning = coding(what, array.dtype, about, fill)
    total = prod(-(-n // c) for n, c in zip(array.shape, array.chunks, strict=True))
    if array.nbytes and fill is None and "_FillValue" not in about and total > 1:
        there = array.nchunks_initialized
        if there < FEW * total:
            notes.append(f"{total - there} of {total} chunks of {what} are not stored: their values are {array.fill_value!s}.")
    return array if meaning is None else Decoded(array, meaning)


def _dimensions(array: Any) -> Sequence[str | None]:
    """The dimension of each axis, as xarray writes it in either format of zarr."""
    while hasattr(array, "of"):
        array = array.of
    if not hasattr(array, "metadata"):  # in memory, or made one row
        return ()
    return getattr(array.metadata, "dimension_names", None) or array.attrs.get("_ARRAY_DIMENSIONS") or ()
