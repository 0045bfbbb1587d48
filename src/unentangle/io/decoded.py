"""Arrays on disk whose values are worked out as they are read: packed, missing, never written, fields of records, transposed.

What a missing value is, is said as the CF conventions and the NetCDF users' guide have it, for every format alike: `_FillValue`
and `missing_value` are compared with the values as they are stored, `valid_min`, `valid_max` and `valid_range` as well, unless
they are of the type of unpacked values. Missing values are NaN.
"""

import base64
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

from ..errors import InputError

FILLS = ("_FillValue", "missing_value")
RANGES = ("valid_min", "valid_max", "valid_range")
PACKED = ("scale_factor", "add_offset")


class View:
    """An array on disk, sliced as that one is, whose values pass through `work`.

    Args:
        of: the array on disk.
        dtype: the type of the values that `work` gives.
        shape: of the view, where it is not that of the array.
    """

    def __init__(self, of: Any, dtype: np.dtype, shape: tuple[int, ...] | None = None):
        self.of, self.dtype, self.shape = of, np.dtype(dtype), tuple(of.shape if shape is None else shape)
        self.chunks = getattr(of, "chunks", None)

    def work(self, raw: np.ndarray, where: Any) -> np.ndarray:
        """The values of what was read at `where`."""
        return raw.astype(self.dtype, copy=False)

    def __getitem__(self, where: Any) -> np.ndarray:
        return self.work(np.asarray(self.of[where]), where)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        values = np.asarray(self[...])
        return values.astype(dtype or values.dtype, copy=False)


class Field(View):
    """A field of an array of records."""

    def __init__(self, of: Any, name: str):
        kind = of.dtype[name]
        super().__init__(of, kind.base, (*of.shape, *kind.shape))
        self.chunks = self.chunks and (*self.chunks, *kind.shape)
        self.name = name

    def work(self, raw: np.ndarray, where: Any) -> np.ndarray:
        """The field of the records."""
        return raw[self.name]

    def __getitem__(self, where: Any) -> np.ndarray:
        outer = len(self.of.shape)
        if not isinstance(where, tuple):
            return self.work(np.asarray(self.of[where]), where)
        return self.work(np.asarray(self.of[where[:outer]]), where)[(slice(None),) * outer + where[outer:]]


class Reversed(View):
    """An array with its axes in the other order, as a language that stores columns has written it."""

    def __init__(self, of: Any):
        super().__init__(of, of.dtype, tuple(reversed(of.shape)))
        self.chunks = self.chunks and tuple(reversed(self.chunks))

    def __getitem__(self, where: Any) -> np.ndarray:
        if where is Ellipsis:
            return np.asarray(self.of[...]).transpose()
        where = where if isinstance(where, tuple) else (where,)
        where = (*where, *[slice(None)] * (len(self.shape) - len(where)))
        return np.asarray(self.of[tuple(reversed(where))]).transpose()


class Flat(View):
    """An array of n values on more axes, of which one is n long, on that one."""

    def __init__(self, of: Any):
        super().__init__(of, of.dtype, (int(np.prod(of.shape)),))
        self.chunks = None

    def __getitem__(self, where: Any) -> np.ndarray:
        return np.asarray(self.of).reshape(-1)[where]


class Words(View):
    """Words that lie as single characters along the last axis."""

    def __init__(self, of: Any):
        super().__init__(of, np.dtype(f"S{max(1, of.shape[-1])}"), of.shape[:-1])
        self.chunks = self.chunks and self.chunks[:-1]

    def __getitem__(self, where: Any) -> np.ndarray:
        letters = np.ascontiguousarray(self.of[where], "S1")
        return letters.view(self.dtype)[..., 0] if letters.shape[-1] else np.zeros(letters.shape[:-1], self.dtype)


@dataclass(frozen=True)
class Coding:
    """How stored numbers mean values: which are missing, and how those that are not are unpacked.

    Args:
        stored: the type to see stored values as.
        dtype: the type of values.
        fills: stored values that are missing.
        low, high: the least and the greatest stored value that is none.
        scale, offset: value = stored * scale + offset.
        unpacked: whether low and high are of values, not of stored ones.
    """

    stored: np.dtype
    dtype: np.dtype
    fills: np.ndarray
    low: Any = None
    high: Any = None
    scale: float = 1.0
    offset: float = 0.0
    unpacked: bool = False

    def missing(self, raw: np.ndarray) -> np.ndarray:
        """Which stored values are missing."""
        missing = np.isin(raw, self.fills) if len(self.fills) else np.zeros(raw.shape, bool)
        bounded = raw * self.scale + self.offset if self.unpacked else raw
        missing |= False if self.low is None else bounded < self.low
        return missing | (False if self.high is None else bounded > self.high)

    def values(self, raw: np.ndarray) -> np.ndarray:
        """The values of stored ones, with NaN where they are missing."""
        raw = raw.astype(raw.dtype.newbyteorder("="), copy=False).view(self.stored)
        values = raw.astype(self.dtype)
        if (self.scale, self.offset) != (1.0, 0.0):
            values = np.asarray(raw * np.float64(self.scale) + self.offset, self.dtype)
        values[self.missing(raw)] = np.nan
        return values


class Decoded(View):
    """Stored values as they are meant, with NaN in chunks that were never written.

    Args:
        of: the array on disk.
        coding: what stored values mean, if not themselves.
        holes: for each chunk, whether it was never written; on as many axes as the array.
        grid: the sizes of chunks; by default those of the array.
    """

    def __init__(self, of: Any, coding: Coding | None, holes: np.ndarray | None = None, grid: tuple[int, ...] = ()):
        super().__init__(of, coding.dtype if coding else _floating(of.dtype))
        self.coding, self.holes, self.grid = coding, holes, grid or self.chunks or self.shape

    def work(self, raw: np.ndarray, where: Any) -> np.ndarray:
        """Values, NaN where they are missing."""
        values = self.coding.values(raw) if self.coding else raw.astype(self.dtype)
        if self.holes is not None:
            where = () if where is Ellipsis else where if isinstance(where, tuple) else (where,)
            where = (*where, *[slice(None)] * (len(self.shape) - len(where)))
            axes = [np.arange(n)[w] // c for n, w, c in zip(self.shape, where, self.grid, strict=True)]
            values[self.holes[np.ix_(*axes)]] = np.nan
        return values

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        """All values; a column of integers of which none is missing stays one, because keys are compared."""
        raw = np.asarray(self.of[...])
        values = self.work(raw, ...)
        if self.coding and raw.size == max(raw.shape, default=0) and raw.dtype.kind in "iu" and not np.isnan(values).any():
            plain = (self.coding.scale, self.coding.offset) == (1.0, 0.0)
            values = raw.astype(raw.dtype.newbyteorder("=")).view(self.coding.stored) if plain else values
        return values.astype(dtype or values.dtype, copy=False)


def coding(name: str, dtype: np.dtype, attributes: Mapping[str, Any], fill: Any = None) -> Coding | None:
    """How an array's numbers mean values, by its attributes; None if they mean themselves.

    Args:
        name: what the array is called, for the sentence that refuses it.
        dtype: the type of stored values.
        attributes: those of CF and NetCDF count.
        fill: another stored value that is missing, or None.

    Raises:
        InputError: if scale_factor or add_offset is no number.
    """
    dtype = np.dtype(dtype)
    if dtype.kind not in "iuf" or not (fill is not None or {*FILLS, *RANGES, *PACKED} & set(attributes)):
        return None
    native = dtype.newbyteorder("=")
    unsigned = _word(attributes.get("_Unsigned", "")).lower()
    kind = {"true": "u", "false": "i"}.get(unsigned, native.kind) if native.kind in "iu" else native.kind
    stored = np.dtype(f"{kind}{native.itemsize}")
    numbers = {key: _numbers(attributes[key], native) for key in (*FILLS, *RANGES, *PACKED) if key in attributes}
    for key in PACKED:
        if key in numbers and (len(numbers[key]) != 1 or not np.isfinite(numbers[key]).all()):
            raise InputError(f"{key} of {name} is {_word(attributes[key])!r}; one number is needed.")
    scale, offset = (float(numbers[key][0]) if key in numbers else none for key, none in zip(PACKED, (1.0, 0.0), strict=True))
    fills = [_stored(value, native, stored) for key in FILLS for value in numbers.get(key, ())]
    fills += [] if fill is None else [_stored(fill, native, stored)]
    bounds = numbers.get("valid_range", np.array([]))
    low = numbers.get("valid_min", bounds[:1] if len(bounds) == 2 else bounds[:0])[:1]
    high = numbers.get("valid_max", bounds[1:] if len(bounds) == 2 else bounds[:0])[:1]
    packed = [numbers[key].dtype for key in PACKED if key in numbers]
    limits = [bound.dtype for bound in (low, high) if len(bound)]
    wide = bool(packed and limits) and limits[0].kind == "f" and (native.kind != "f" or limits[0].itemsize > native.itemsize)
    if stored != native and not wide:
        low, high = ([_stored(value, native, stored) for value in bound] for bound in (low, high))
    known = np.array([value for value in fills if value is not None and value == value], stored)
    result = np.dtype(np.float64) if "add_offset" in numbers and native.kind != "f" else _floating(native)
    least, most = (bound[0] if len(bound) else None for bound in (low, high))
    one = Coding(stored, result, known, least, most, scale, offset, wide)
    plain = not len(known) and one.low is None and one.high is None and (scale, offset) == (1.0, 0.0)
    return None if plain and stored == native else one


def say_fill(notes: list[str], what: str, fill: Any) -> None:
    """Say once of a file that values equal to what its format fills arrays with are taken as missing, though nobody says so."""
    if fill is not None and fill == fill and not any("fill value" in note for note in notes):
        notes.append(f"values of {what} equal to its fill value, {fill}, are taken as missing, NaN, and so in all its arrays.")


def fill_of_xarray(value: Any, dtype: np.dtype) -> Any:
    """The attribute `_FillValue` of a zarr of format 3, in which xarray writes floats as the base64 of their bytes."""
    if not isinstance(value, str) or np.dtype(dtype).kind != "f":
        return value
    try:
        return struct.unpack("<d", base64.b64decode(value, validate=True))[0]
    except (ValueError, struct.error):
        return value


def grid_of(shape: tuple[int, ...], chunks: tuple[int, ...]) -> tuple[int, ...]:
    """The number of chunks along each axis."""
    return tuple(ceil(n / c) for n, c in zip(shape, chunks, strict=True))


def _floating(dtype: np.dtype) -> np.dtype:
    """A type of floats that holds every number of a type, as near as there is one."""
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return dtype.newbyteorder("=")
    return np.dtype(np.float32 if dtype.itemsize <= 2 else np.float64)


def _word(value: Any) -> str:
    value = value.item() if isinstance(value, np.ndarray) and value.size == 1 else value
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _numbers(value: Any, dtype: np.dtype) -> np.ndarray:
    """The numbers of an attribute, which may be words, as some writers have it; none if they are no numbers."""
    values = np.atleast_1d(np.asarray(fill_of_xarray(value, dtype))).ravel() if np.shape(value) is not None else np.array([])
    if values.dtype.kind in "biuf":
        return values
    try:
        return np.array([float(_word(v)) for v in values.tolist()])
    except (TypeError, ValueError):
        return np.array([])


def _stored(value: Any, native: np.dtype, stored: np.dtype) -> Any:
    """A number as the stored type has it, or None if no stored value can be equal to it."""
    if native.kind == "f":
        with np.errstate(over="ignore"):
            return native.type(value)
    number = float(value) if isinstance(value, np.floating | float) else int(value)
    if number != number or number != int(number):
        return None
    number, bits = int(number), 8 * native.itemsize
    least, most = (0, 2**bits) if native.kind == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1))
    if least <= number < most:
        return np.array(number, native).view(stored)[()]
    info = np.iinfo(stored)
    return stored.type(number) if info.min <= number <= info.max else None
