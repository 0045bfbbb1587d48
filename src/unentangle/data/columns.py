"""Columns of one value per row, of anything that numpy, pandas or Python make of one."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import numpy as np

from ..errors import InputError


def as_column(values: Any, what: str) -> np.ndarray:
    """Values as numbers, truth values, words or times, as numpy has them.

    Python objects, pandas' columns of them and its categories become what all of them are; times with a zone become UTC. A
    value that is missing, masked or None is NaN among numbers and truth values, NaT among times, and no word, "", among words.

    Raises:
        InputError: if they are of several kinds, or of one that is none of these.
    """
    if isinstance(values, np.ma.MaskedArray):
        return unmasked(values)
    if str(getattr(values, "dtype", "")).startswith("datetime64[ns, "):  # pandas, with a zone
        values = np.asarray(values.to_numpy("datetime64[ns]"))
    column = np.asarray(values)
    return of_objects(column, what) if column.dtype == object and column.ndim == 1 else column


def as_keys(values: Any, what: str = "groups") -> np.ndarray:
    """Group keys: as `as_column`, of which those in bytes become text, and none may be missing, nor an empty word.

    Raises:
        InputError: if one is missing, they are of several kinds or of one that cannot be a key, or bytes that are no UTF-8.
    """
    masked = isinstance(values, np.ma.MaskedArray) and int(np.ma.getmaskarray(values).sum())
    raw = np.ma.getdata(values) if masked else np.asarray(values)
    objects = raw.tolist() if raw.dtype == object and raw.ndim == 1 else ()
    keys = as_column(values, what)
    gone = np.isnan(keys) if keys.dtype.kind in "fmM" else np.strings.str_len(keys) == 0 if keys.dtype.kind in "SUT" else False
    number = masked or int(np.sum(gone)) or sum(map(_is_missing, objects))
    if number:
        raise InputError(f"{what} holds {number} missing key(s) (NaN, NaT, None, masked or no word); every row needs a key.")
    if keys.ndim == 1 and keys.dtype.kind not in "biufSUmMT":
        raise InputError(f"{what} holds {keys.dtype}; keys are numbers, words or times.")
    try:
        return np.char.decode(keys, "utf-8") if keys.dtype.kind == "S" else keys
    except UnicodeDecodeError as error:
        raise InputError(f"{what} holds bytes that are no UTF-8; keys are numbers, words or times.") from error


def of_objects(column: np.ndarray, what: str) -> np.ndarray:
    """A column of Python objects as what all of them are; see `as_column`."""
    objects: Sequence[Any] = column.tolist()
    gaps = [_is_missing(value) for value in objects]
    there = [value for value, gap in zip(objects, gaps, strict=True) if not gap]
    kinds = {_kind(value) for value in there}
    if not kinds or kinds == {"number"} or kinds == {"truth"}:
        whole = not any(gaps) and all(isinstance(value, int | np.integer) for value in there)
        if not whole or kinds == {"truth"}:
            return np.array(objects, bool) if there and not any(gaps) and kinds == {"truth"} else _floats(objects, gaps)
        if all(-(2**63) <= value < 2**63 for value in there):
            return np.array(objects, np.int64)
        return np.array(objects, np.uint64) if all(0 <= value < 2**64 for value in there) else np.array(list(map(str, objects)))
    if kinds == {"word"}:
        try:
            words = [value.decode() if isinstance(value, bytes) else str(value) for value in there]
        except UnicodeDecodeError as error:
            raise InputError(f"{what} holds bytes that are no text (UTF-8); words or numbers are needed.") from error
        left = iter(words)
        return np.array(["" if gap else next(left) for gap in gaps], str)
    if kinds == {"time"}:
        return np.array([np.datetime64("NaT") if gap else _time(v) for v, gap in zip(objects, gaps, strict=True)], "M8[ns]")
    names = " and ".join(sorted({type(value).__name__ for value in there}))
    raise InputError(f"{what} holds Python objects of type {names}; numbers, words or times are needed, all of one kind.")


def unmasked(values: np.ma.MaskedArray) -> np.ndarray:
    """A masked array with NaN, NaT or no word where it is masked."""
    mask, data = np.ma.getmaskarray(values), np.ma.getdata(values)
    if not mask.any():
        return np.array(data)
    empty: dict[str, Any] = {"U": "", "S": b"", "M": np.datetime64("NaT"), "m": np.timedelta64("NaT"), "O": None}
    if data.dtype.kind in "biu":
        data = data.astype(np.float64 if data.dtype.itemsize > 2 else np.float32)
    return np.where(mask, np.array(empty.get(data.dtype.kind, np.nan), data.dtype), data)


def _is_missing(value: Any) -> bool:
    return value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value)


def _kind(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "truth"
    if isinstance(value, int | float | np.integer | np.floating) or type(value).__name__ == "Decimal":
        return "number"
    return "word" if isinstance(value, str | bytes) else "time" if isinstance(value, date | np.datetime64) else "other"


def _floats(objects: Sequence[Any], gaps: Sequence[bool]) -> np.ndarray:
    return np.array([np.nan if gap else float(value) for value, gap in zip(objects, gaps, strict=True)], np.float64)


def _time(value: Any) -> np.datetime64:
    """A time in UTC; one without a zone stays as it is."""
    if hasattr(value, "asm8"):  # pandas, to the nanosecond
        return value.asm8
    if isinstance(value, datetime) and value.tzinfo is not None:
        from datetime import UTC

        value = value.astimezone(UTC).replace(tzinfo=None)
    return np.datetime64(value)
