"""What is known about each row: named columns of values, each a class or a continuum."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args

import numpy as np

from ..errors import InputError
from .columns import as_column

Kind = Literal["continuous", "categorical", "binary"]
OFTEN = 10  # numbers that come as often as this on average are classes
FEW = 20  # so are whole numbers of at most this many values
MANY = 50  # fractions of more values are a continuum, however often they come: a measurement was rounded


def kind_of(values: np.ndarray, by_value: bool = False) -> Kind:
    """The kind of a column that nobody declared: whether its values are classes or a continuum.

    Words and truth values are classes. Whole numbers are classes if they have at most 20 values, or come ten times on average.
    Floats are a continuum, because of their type. With `by_value` the type says nothing, as in a table of numbers: floats that
    are whole count as whole numbers; fractions of at most 50 values are classes if they come ten times on average; two values
    are always classes; and at most 20 whole numbers must come twice on average.
    """
    n, distinct = len(values), len(np.unique(values))
    integer, floating = (np.issubdtype(values.dtype, type_) for type_ in (np.integer, np.floating))
    whole = integer or (floating and by_value and bool(np.all(values % 1 == 0)))
    few = whole and distinct <= FEW and (n >= 2 * distinct or not by_value)
    often = n >= OFTEN * distinct and (whole or (by_value and distinct <= MANY))
    if not (integer or floating) or few or often or (by_value and distinct == 2):
        return "binary" if distinct == 2 else "categorical"
    return "continuous"


class Factors(Mapping[str, np.ndarray]):
    """Named columns, one value per row, each continuous, categorical or binary.

    A column is an array of n values, or a pair (values, kind); `kind_of` finds a kind that is not given. `declared` holds the
    kinds that were given: measures of codes keep to those, and judge other columns by their values.
    `numpy.asarray(factors)` is the table (n, k), categories as their codes.
    """

    def __init__(self, columns: Mapping[str, Any]):
        kinds = columns.declared if isinstance(columns, Factors) else {}
        self._columns: dict[str, np.ndarray] = {}
        self.kinds: dict[str, Kind] = {}
        self.declared: dict[str, Kind] = {}
        for name, column in columns.items():
            paired = isinstance(column, tuple) and len(column) == 2 and column[1] in get_args(Kind)
            values, kind = column if paired else (column, kinds.get(name))
            values = as_column(values, f"factor {name!r}")
            if values.ndim != 1:
                raise InputError(f"factor {name!r} has shape {values.shape}; a factor is one value per row.")
            if kind is not None:
                self.declared[name] = kind
            self._columns[name], self.kinds[name] = values, kind or kind_of(values)

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._columns:
            raise InputError(f"there is no factor {name!r}; there are {', '.join(self._columns) or 'none'}.")
        return self._columns[name]

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        if not len(self):
            raise InputError("there are no factors.")
        columns = [v if np.issubdtype(v.dtype, np.number) else np.unique(v, return_inverse=True)[1] for v in self.values()]
        return np.stack(columns, axis=1).astype(dtype or float)

    def take(self, rows: np.ndarray) -> "Factors":
        """The factors of some rows, of the same kinds."""
        some = Factors({name: (values[rows], self.kinds[name]) for name, values in self.items()})
        some.declared = dict(self.declared)
        return some

    def __repr__(self) -> str:
        return f"Factors({', '.join(f'{name}: {kind}' for name, kind in self.kinds.items())})"
