"""Zarr, of either format, as a folder or a zip. Rows stay on disk."""

from math import prod
from pathlib import Path
from typing import Any
from zipfile import ZipFile, is_zipfile

from ..data.dataset import Dataset
from ..errors import InputError, optional
from ..reading import Reading
from .arrays import SMALL, check_size, damaged
from .named import Chosen, dataset

MARKS = ("zarr.json", ".zgroup", ".zarray")


def is_zarr(path: Path) -> bool:
    """Whether a folder or zip is a zarr store."""
    if path.is_dir():
        return any((path / mark).is_file() for mark in MARKS)
    if not is_zipfile(path):
        return False
    with damaged(path, "a .zip"), ZipFile(path) as archive:
        return bool(set(MARKS) & set(archive.namelist()))


def read_zarr(path: Path, groups: Any, x: str, factors: Chosen, how: Reading) -> Dataset:
    """A data set from zarr, as `named.dataset` chooses it; xarray's coordinates along the rows are factors.

    Raises:
        InputError: if the store is damaged, declares much more than it holds, holds Python objects, or zarr is not installed.
    """
    zarr = optional("zarr", "zarr is read", "'unentangle[zarr]'")
    with damaged(path, "a zarr group or array"):
        store = zarr.open(str(path), mode="r")
        members = [("x", store)] if isinstance(store, zarr.Array) else store.members(max_depth=None)
        arrays = dict(sorted((name, member) for name, member in members if isinstance(member, zarr.Array)))
        for name, array in arrays.items():
            _check(f"{name} in {path}", array)
        return dataset(path, arrays, groups, x, factors, _dimension)


def _check(name: str, array: Any) -> None:
    if "pickle" in str(array.metadata.to_dict()):
        raise InputError(f"{name} holds pickled Python objects, which could run code; numbers or words are needed.")
    declared = max(array.nbytes, prod(array.chunks) * array.dtype.itemsize)
    if declared > SMALL:
        check_size(name, declared, array.nbytes_stored())


def _dimension(array: Any) -> str | None:
    """The dimension of the first axis, as xarray writes it in either format of zarr."""
    names = getattr(array.metadata, "dimension_names", None) or array.attrs.get("_ARRAY_DIMENSIONS") or [None]
    return names[0]
