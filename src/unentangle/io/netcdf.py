"""NetCDF classic, the format of files that begin with `CDF`. Rows stay on disk."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..data.dataset import Dataset
from ..errors import InputError
from ..reading import Reading
from .arrays import check_size, damaged
from .decoded import Decoded, View, Words, coding
from .layout import dataset_of
from .named import Chosen

# What the library of NetCDF writes where nothing was written, by type; bytes have no such value.
FILLS = {"i2": -32767, "i4": -2147483647, "f4": 9.969209968386869e36, "f8": 9.969209968386869e36}


def is_classic(path: Path) -> bool:
    """Whether a file begins as NetCDF classic does, of any version."""
    if not path.is_file():
        return False
    with damaged(path, "a file that can be read"), path.open("rb") as file:
        return file.read(3) == b"CDF"


def read_classic(path: Path, groups: Any, x: str, factors: Chosen, how: Reading) -> Dataset:
    """A data set from NetCDF classic, as `layout.dataset_of` chooses it; coordinates along the rows are factors.

    Raises:
        InputError: if the file is missing or damaged, or of the 64-bit data format (CDF-5).
    """
    with damaged(path, "a NetCDF classic file"):
        with path.open("rb") as file:
            if (head := file.read(4))[:3] != b"CDF" or head[3:] not in (b"\1", b"\2", b"\5"):
                raise InputError(f"{path} is no NetCDF classic file, which begins with CDF and its version.")
        if head[3:] == b"\5":
            raise InputError(f"{path} is NetCDF of the 64-bit data format (CDF-5), not read: convert it by nccopy -k nc4.")
        variables, about = _variables(path)
        arrays: dict[str, Any] = {}
        for name, (values, own, attributes) in variables.items():
            what = f"{name} in {path}"
            if values.dtype == np.dtype("S1"):
                arrays[name] = Words(_Mapped(values, own)) if values.ndim > 1 else _Mapped(values, own)
                continue
            default = None if "_FillValue" in attributes else FILLS.get(values.dtype.str[1:])
            meaning = coding(what, values.dtype, attributes, default)
            mapped = _Mapped(values, own)
            arrays[name] = mapped if meaning is None else Decoded(mapped, meaning)

        def dimensions(array: Any) -> Sequence[str]:
            while isinstance(array, View) and not isinstance(array, _Mapped):
                array = array.of
            return array.dimensions if isinstance(array, _Mapped) else ()

        each = {"": about} | {name: attributes for name, (_, _, attributes) in variables.items()}
        return dataset_of(path, arrays, groups, x, factors, how, dimensions, lambda name: each.get(name, {}))


class _Mapped(View):
    """A variable in a mapped file, in the machine's order of bytes."""

    def __init__(self, values: np.ndarray, dimensions: tuple[str, ...]):
        super().__init__(values, values.dtype.newbyteorder("="))
        self.dimensions, self.chunks = dimensions, None


def _variables(path: Path) -> tuple[dict[str, tuple[np.ndarray, tuple[str, ...], dict[str, Any]]], dict[str, Any]]:
    """The variables by name, each with its dimensions and attributes, and the attributes of the file; nothing is read yet."""
    from scipy.io import netcdf_file

    found = {}
    memory = np.memmap(path, np.uint8, "r")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of the library, whose own map is left to us
        file = netcdf_file(str(path), "r", mmap=True)
        base = np.frombuffer(file._mm_buf, np.uint8, 1).__array_interface__["data"][0] if file._mm_buf is not None else 0
        for name, variable in file.variables.items():
            data = np.asarray(variable.data)
            check_size(f"{name} in {path}", data.nbytes, path.stat().st_size)
            start = data.__array_interface__["data"][0] - base
            ours = np.ndarray(data.shape, data.dtype, memory, start, data.strides) if data.size else data.copy()
            found[name] = (ours, tuple(variable.dimensions), dict(variable._attributes))
        about = dict(file._attributes)
        data = variable = None  # which are the library's map, that it does not close while they are there
        file.variables.clear()
        file.close()
    return found, about
