"""Arrays on disk as one, read by rows."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ..errors import InputError


class Blocks:
    """Arrays on disk, one after the other along their axis of rows: an array (n, *row_shape) that is indexed by rows only.

    Args:
        arrays: anything with `shape` and `dtype` that is sliced, and indexed by increasing integers, as numpy does it: HDF5 and
            zarr arrays, above all.
        axes: the names of the axes of each array. "row" goes first, without it each array is one row; "channel" goes last; the
            others stay in their order. By default rows are the first axis and the rest stays as it is.
        names: what the arrays are called, for the sentences that refuse them.
        order: which row of the joined arrays each row is, where not in their order.

    Raises:
        InputError: if the arrays' rows differ in shape, or have other axes than named.
    """

    chunks = None  # as of HDF5 arrays: there is no best way to cut these

    def __init__(
        self,
        arrays: Sequence[Any],
        axes: Sequence[str] | None = None,
        names: Sequence[str] = (),
        order: np.ndarray | None = None,
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
            if shape != shapes[0]:
                raise InputError(f"a row of {name} has shape {shape}, one of {names[0]} {shapes[0]}; all must agree.")
        self.sizes = np.array([1 if self._row is None else array.shape[self._row] for array in arrays])
        self._ends = np.cumsum(self.sizes)
        self.row_shape = shapes[0]
        self.dtype = np.result_type(*{array.dtype for array in arrays})

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

    def __len__(self) -> int:
        return int(self._ends[-1]) if self._order is None else len(self._order)

    def __getitem__(self, rows) -> np.ndarray:
        if isinstance(rows, tuple):
            raise IndexError("rows on disk are indexed by rows only; index what comes out for the values in them.")
        index = np.arange(*rows.indices(len(self))) if isinstance(rows, slice) else np.asarray(rows)
        index = np.flatnonzero(index) if index.dtype == bool else np.where(index < 0, index + len(self), index)
        if index.size and not 0 <= index.min() <= index.max() < len(self):
            raise IndexError(f"rows {index.min()} to {index.max()} were asked for; there are {len(self)}.")
        flat = (index if self._order is None else self._order[index]).ravel()
        block = np.searchsorted(self._ends, flat, side="right")
        found = np.empty((flat.size, *self.row_shape), self.dtype)
        together = np.argsort(block, kind="stable")
        for part in np.split(together, np.flatnonzero(np.diff(block[together])) + 1):
            if part.size:
                number = block[part[0]]
                within, back = np.unique(flat[part] - (self._ends - self.sizes)[number], return_inverse=True)
                found[part] = self._read(int(number), within)[back]
        return found.reshape(*index.shape, *self.row_shape)

    def _read(self, number: int, rows: np.ndarray) -> np.ndarray:
        """Rows of one array, in increasing order and without repeats."""
        array = self.arrays[number]
        together = rows[-1] - rows[0] == len(rows) - 1
        where: Any = slice(int(rows[0]), int(rows[-1]) + 1) if together else rows
        try:
            if self._row is None:
                return np.asarray(array[...]).transpose(self._inside)[None]
            values = np.asarray(array[where] if self._row == 0 else array[(*[slice(None)] * self._row, where)])
        except Exception as error:  # each format has its own
            why = next(iter(str(error).splitlines()), type(error).__name__)
            raise InputError(f"rows {rows[0]} to {rows[-1]} of {self.names[number]} cannot be read: {why}.") from error
        return values.transpose(self._row, *self._inside)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)
