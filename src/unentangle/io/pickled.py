"""Object arrays in `.npy` and `.npz` files, as long as they hold words and numbers only, or arrays of numbers.

NumPy writes such arrays as a pickle, which may call anything when it is read. Here it may call nothing: the four names that
numpy writes mean stand-ins, which keep what they are given, and every other name is refused.
"""

import pickle
from typing import Any

import numpy as np

from ..data.columns import of_objects
from ..errors import InputError


def read_words(file: Any, shape: tuple[int, ...], what: str) -> np.ndarray:
    """The array that a pickle of numpy's holds, behind the header of a `.npy`: words, numbers, truth values or None; or, as an
    array of objects, arrays and lists of numbers, which may differ in length.

    Args:
        file: at the first byte of the pickle.
        shape: what the header says.
        what: what the array is called, for the sentence that refuses it.

    Raises:
        InputError: if it holds or calls anything else.
    """
    try:
        array = _Unpickler(file).load()
        values = array.values if isinstance(array, _Array) else None
    except Exception:  # whatever is wrong with a pickle, and with what is no pickle
        values = None
    count = int(np.prod(shape))
    if type(values) is list and len(values) == count and (rows := _rows(values)):
        column = np.empty(count, object)
        for k, row in enumerate(rows):  # at once, those of one length would become one array
            column[k] = row
        return column.reshape(shape)
    if (
        type(values) is not list
        or len(values) != count
        or not all(isinstance(v, str | bytes | int | float | None) for v in values)
    ):
        raise InputError(
            f"{what} holds Python objects other than words and numbers, which could run code; save it as an array of one type, "
            "for example by array.astype(str)."
        )
    column = np.empty(count, object)
    column[:] = values
    return of_objects(column, what).reshape(shape)


def _rows(values: list[Any]) -> list[np.ndarray]:
    """The arrays and lists of numbers that values are, or nothing if one is none."""
    rows = [value.values if isinstance(value, _Array) else value for value in values]
    lists = all(
        isinstance(row, np.ndarray) or (type(row) is list and all(type(v) in (int, float) for v in row)) for row in rows
    )
    return [np.asarray(row) for row in rows] if lists else []


class _Array:
    """Stands for an array: keeps the list of its values, or the numbers themselves."""

    __slots__ = ("values",)

    def __init__(self):
        self.values: list[Any] | np.ndarray | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, by_column, values = state
        if type(values) is bytes and isinstance(dtype, _Type) and np.dtype(dtype.kind).kind in "biuf":
            flat = np.frombuffer(values, np.dtype(dtype.order + np.dtype(dtype.kind).str[1:]))
            self.values = flat.reshape(tuple(map(int, shape)), order="F" if by_column else "C")
            return
        if type(values) is not list or not isinstance(dtype, _Type) or (by_column and len(shape) > 1):
            raise pickle.UnpicklingError("no array of objects")
        self.values = values


class _Type:
    """Stands for the type of an array or of a number."""

    __slots__ = ("kind", "order")

    def __init__(self, kind: str):
        self.kind, self.order = kind, "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = state[1] if state[1] in "<>" else "="


class _Name:
    """Stands for a name that a pickle may call."""

    __slots__ = ("make",)

    def __init__(self, make: Any):
        self.make = make

    def __call__(self, *args: Any) -> Any:
        return self.make(*args)

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("a name has no state")


def _scalar(kind: _Type, raw: bytes) -> Any:
    """A number or word of numpy's, as Python has it."""
    dtype = np.dtype(kind.kind)
    if dtype.kind not in "biufSU" or (len(raw) % 4 and dtype.kind == "U"):
        raise pickle.UnpicklingError("no number or word")
    dtype = np.dtype(f"{kind.order}{dtype.kind}{len(raw) // (4 if dtype.kind == 'U' else 1)}")
    return np.frombuffer(raw, dtype)[0].item() if raw else ""


NAMES = {
    "_reconstruct": lambda of, shape, kind: _Array(),
    "ndarray": lambda *args: None,
    "dtype": lambda kind, *flags: _Type(str(kind)),
    "scalar": _scalar,
}


class _Unpickler(pickle._Unpickler):  # pyright: ignore[reportAttributeAccessIssue]
    """That of Python itself, not of C, which takes memory for any number that a pickle writes beside a value."""

    def find_class(self, module: str, name: str) -> Any:
        if module not in ("numpy", "numpy.core.multiarray", "numpy._core.multiarray") or name not in NAMES:
            raise pickle.UnpicklingError("not one of numpy's")
        return _Name(NAMES[name])

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("nothing lies elsewhere")

    def get_extension(self, code: int) -> Any:
        raise pickle.UnpicklingError("no registered names")
