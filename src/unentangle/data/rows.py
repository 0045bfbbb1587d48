"""Rows that are read when they are needed: arrays on disk, several of them as one, some rows of others."""

from collections.abc import Callable, Sequence
from math import ceil, prod
from typing import Any

import numpy as np
from jaxtyping import Int

from ..errors import InputError
from .columns import unmasked


class Rows:
    """An array (n, *row_shape) that is not in memory, indexed by rows only, as numpy does it.

    What implements it has `row_shape`, `dtype`, a length, and `read`.
    """

    row_shape: tuple[int, ...]
    dtype: np.dtype
    place = "on disk"

    def __len__(self) -> int:
        raise NotImplementedError

    def read(self, index: Int[np.ndarray, " some"]) -> np.ndarray:
        """The rows of these numbers, 0 to n - 1, in any order and with repeats."""
        raise NotImplementedError

    def part(self, row: int, first: int, last: int) -> np.ndarray:
        """The samples first, ..., last - 1 of one row, along its first axis."""
        return self.read(np.array([row]))[0, first:last]

    def take(self, index: Int[np.ndarray, " some"]) -> "Rows":
        """The rows of these numbers, which stay where they are until they are read."""
        return Some(self, index)

    @property
    def read_ratio(self) -> float:
        """How many times the bytes of a row must be read to have that row alone."""
        return 1.0

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, *row_shape)."""
        return (len(self), *self.row_shape)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return 1 + len(self.row_shape)

    @property
    def size(self) -> int:
        """The number of values."""
        return prod(self.shape)

    def __getitem__(self, rows: Any) -> np.ndarray:
        if isinstance(rows, tuple):
            raise IndexError("these rows are indexed by rows only; index the result for the values in them.")
        index = np.arange(*rows.indices(len(self))) if isinstance(rows, slice) else np.asarray(rows)
        index = np.flatnonzero(index) if index.dtype == bool else np.where(index < 0, index + len(self), index)
        if index.size and not 0 <= index.min() <= index.max() < len(self):
            raise IndexError(f"rows {index.min()} to {index.max()} were asked for; there are {len(self)}.")
        return self.read(index.ravel()).reshape(*index.shape, *self.row_shape)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)


def as_rows(x: Any) -> Any:
    """`Rows` for memory maps and for arrays of HDF5 and zarr, which have chunks.

    Anything else is a numpy array, NaN where it is masked.
    """
    if isinstance(x, Rows):
        return x
    on_disk = isinstance(x, np.memmap) or hasattr(x, "chunks")
    if on_disk and x.shape:
        return Blocks([x], names=["x"])
    return unmasked(x) if isinstance(x, np.ma.MaskedArray) else np.asarray(x)


def is_lazy(x: Any) -> bool:
    """Whether rows are read when they are needed, and not in memory as numpy has them."""
    return isinstance(x, Rows)


class Some(Rows):
    """Some rows of others."""

    def __init__(self, of: Rows, index: Int[np.ndarray, " n"]):
        self.of, self.index, self.row_shape, self.dtype = of, index, of.row_shape, of.dtype

    def __len__(self) -> int:
        return len(self.index)

    def read(self, index: Int[np.ndarray, " some"]) -> np.ndarray:
        """The rows of these numbers."""
        return self.of.read(self.index[index])

    def part(self, row: int, first: int, last: int) -> np.ndarray:
        """Samples of one row, of the same others."""
        return self.of.part(int(self.index[row]), first, last)

    def take(self, index: Int[np.ndarray, " some"]) -> "Some":
        """The rows of these numbers, of the same others."""
        return Some(self.of, self.index[index])

    @property
    def read_ratio(self) -> float:
        """That of the others."""
        return self.of.read_ratio


class Shut(Rows):
    """The rows of a file that is opened whenever some are read."""

    def __init__(self, open_rows: Callable[[], Rows], rows: Rows):
        self._open, self._length, self.row_shape, self.dtype = open_rows, len(rows), rows.row_shape, rows.dtype

    def __len__(self) -> int:
        return self._length

    def read(self, index: Int[np.ndarray, " some"]) -> np.ndarray:
        """The rows of these numbers."""
        return self._open().read(index)


class Blocks(Rows):
    """Arrays on disk, one after the other along their axis of rows.

    Args:
        arrays: anything with `shape` and `dtype` that is sliced, and indexed by increasing integers, as numpy does it: memory
            maps, HDF5 and zarr arrays, and other `Rows`.
        axes: the names of the axes of each array. "row" goes first, without it each array is one row; "channel" goes last; the
            others stay in their order. By default rows are the first axis and the rest stays as it is.
        names: what the arrays are called, for the sentences that refuse them.
        order: which row of the joined arrays each row is, where not in their order.
        uneven: whether rows may differ in length. If they do, `lengths` tells it of each, and a row is read with NaN behind its
            end, for which whole numbers become floats, until `lengths.windowed` makes them alike. Else it is None.

    Raises:
        InputError: if the arrays' rows differ in shape, or have other axes than named.
    """

    def __init__(
        self,
        arrays: Sequence[Any],
        axes: Sequence[str] | None = None,
        names: Sequence[str] = (),
        order: np.ndarray | None = None,
        uneven: bool = False,
    ):
        names = names or [f"array {k}" for k in range(len(arrays))]
        self.arrays, self.names, self._order = arrays, names, order
        axes = axes or ("row", *(f"axis {k}" for k in range(1, len(arrays[0].shape))))
        for name, array in zip(names, arrays, strict=True):
            if len(array.shape) != len(axes):
                raise InputError(f"{name} has shape {tuple(array.shape)}; {len(axes)} axes are needed: {', '.join(axes)}.")
        self._row = axes.index("row") if "row" in axes else None
        inside = [k for k in range(len(axes)) if k != self._row]
        self._inside = sorted(inside, key=lambda k: axes[k] == "channel")
        shapes = [tuple(array.shape[k] for k in self._inside) for array in arrays]
        for name, shape in zip(names, shapes, strict=True):
            if shape != shapes[0] and not (uneven and shape and shape[1:] == shapes[0][1:]):
                raise InputError(f"a row of {name} has shape {shape}, one of {names[0]} {shapes[0]}; all must agree.")
        self.sizes = np.array([1 if self._row is None else array.shape[self._row] for array in arrays])
        self._ends = np.cumsum(self.sizes)
        self.row_shape = max(shapes)
        self.dtype = np.result_type(*{array.dtype for array in arrays})
        self.lengths = np.repeat([shape[0] for shape in shapes], self.sizes) if len(set(shapes)) > 1 else None
        if self.lengths is not None and self.dtype.kind in "biu":
            self.dtype = np.result_type(self.dtype, np.float32)

    def __len__(self) -> int:
        return int(self._ends[-1]) if self._order is None else len(self._order)

    @property
    def read_ratio(self) -> float:
        """By the chunks of the first array, as a chunk is read whole."""
        first, row = self.arrays[0], self._row
        if isinstance(first, Rows):
            return first.read_ratio
        if not (chunks := getattr(first, "chunks", None)):
            return 1.0
        inside = prod(ceil(n / c) * c / n for k, (n, c) in enumerate(zip(first.shape, chunks, strict=True)) if k != row)
        return inside * (1 if row is None else chunks[row])

    def read(self, index: Int[np.ndarray, " some"]) -> np.ndarray:
        """The rows of these numbers; each array is read once, where a row repeats as well."""
        flat = index if self._order is None else self._order[index]
        block = np.searchsorted(self._ends, flat, side="right")
        rows = np.empty((flat.size, *self.row_shape), self.dtype)
        if self.lengths is not None:
            rows.fill(np.nan)
        by_block = np.argsort(block, kind="stable")
        for part in np.split(by_block, np.flatnonzero(np.diff(block[by_block])) + 1):
            if part.size:
                number = int(block[part[0]])
                unique, inverse = np.unique(flat[part] - (self._ends - self.sizes)[number], return_inverse=True)
                values = self._read_block(number, unique)
                values = values if len(unique) == len(part) and np.all(np.diff(inverse) > 0) else values[inverse]
                if self.lengths is None:
                    rows[part] = values
                else:
                    rows[part, : values.shape[1]] = values
        return rows

    def part(self, row: int, first: int, last: int) -> np.ndarray:
        """Samples of one row; of arrays that hold them apart, no more is read."""
        flat = row if self._order is None else int(self._order[row])
        number = int(np.searchsorted(self._ends, flat, side="right"))
        array = self.arrays[number]
        if isinstance(array, Rows) or not hasattr(array, "ndim"):
            return super().part(row, first, last)
        where: list[Any] = [slice(None)] * len(array.shape)
        where[self._inside[0]] = slice(first, last)
        if self._row is not None:
            here = flat - int(self._ends[number] - self.sizes[number])
            where[self._row] = slice(here, here + 1)
        values = self._values(number, tuple(where), f"row {row}")
        return values.transpose(self._inside) if self._row is None else values.transpose(self._row, *self._inside)[0]

    def _read_block(self, number: int, rows: np.ndarray) -> np.ndarray:
        """Rows of one array, in increasing order and without repeats."""
        adjacent = rows[-1] - rows[0] == len(rows) - 1
        where: Any = slice(int(rows[0]), int(rows[-1]) + 1) if adjacent else rows
        what = f"rows {rows[0]} to {rows[-1]}"
        if self._row is None:
            return self._values(number, ..., what).transpose(self._inside)[None]
        values = self._values(number, where if self._row == 0 else (*[slice(None)] * self._row, where), what)
        return values.transpose(self._row, *self._inside)

    def _values(self, number: int, where: Any, what: str) -> np.ndarray:
        """What is there in one array; an InputError that tells what could not be read."""
        try:
            return np.asarray(self.arrays[number][where])
        except Exception as error:  # each format has its own
            why = next(iter(str(error).splitlines()), type(error).__name__)
            raise InputError(f"{what} of {self.names[number]} cannot be read: {why}.") from error
