"""What the measures of codes and factors start from: finite codes, and factors that vary."""

import warnings
from collections.abc import Mapping
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ..errors import InputError

OFTEN = 10  # numbers that come as often as this, on average, are classes; others are a continuum


class Factor(NamedTuple):
    """A column of true values: classes, numbered from 0, or a continuum."""

    name: str
    values: Float[np.ndarray, " n"] | Int[np.ndarray, " n"]
    discrete: bool

    def classes(self, bins: int = 20) -> Int[np.ndarray, " n"]:
        """The class of every row; a continuum is cut into bins of equal width, of which those that are empty do not count."""
        return self.values if self.discrete else _numbered(binned(self.values, bins))


def table(codes: Any, factors: Any) -> tuple[Float[np.ndarray, "n m"], list[Factor]]:
    """Codes and factors as every measure takes them, checked.

    Args:
        codes: (n, m), finite.
        factors: named columns (`Dataset.factors`, or a mapping), or an array (n, k). Words are classes; so are columns that say
            that they are categorical or binary, and numbers that come ten times on average. A factor with a single value says
            nothing, nor do classes of one row each: it is left out, with a warning.

    Raises:
        InputError: naming what was found and what is needed.
    """
    z = np.asarray(codes, float)
    if z.ndim != 2 or not z.size:
        raise InputError(f"codes has shape {z.shape}; one row of latents for each sample, (n, m), is needed.")
    if not np.isfinite(z).all():
        row, latent = np.argwhere(~np.isfinite(z))[0]
        raise InputError(f"latent {latent} of row {row} of codes is {z[row, latent]}; every code must be finite.")
    if not isinstance(factors, Mapping):
        given = np.asarray(factors)
        if given.ndim != 2:
            raise InputError(f"factors has shape {given.shape}; one row of factors for each row of codes, (n, k), is needed.")
        factors = {f"factor {k}": column for k, column in enumerate(given.T)}
    kinds = getattr(factors, "kinds", {})
    found = [f for name, column in factors.items() if (f := _factor(str(name), column, kinds.get(name), len(z)))]
    if not found:
        raise InputError("no factor is left that varies; there is nothing to measure the codes against.")
    return z, found


def _factor(name: str, column: Any, kind: str | None, n: int) -> Factor | None:
    values = np.asarray(column)
    if values.shape != (n,):
        raise InputError(f"{name} has shape {values.shape}; codes has {n} rows, so {(n,)} is needed.")
    if values.dtype == object:  # a column of a table that holds words beside numbers
        numbers = all(isinstance(value, Real) for value in values)
        values = values.astype(float if numbers else str)
    if np.issubdtype(values.dtype, np.inexact) and not np.isfinite(values).all():
        raise InputError(
            f"{name} is {values[~np.isfinite(values)][0]} in row {np.argmin(np.isfinite(values))}; a value is needed."
        )
    distinct, numbers = np.unique(values, return_inverse=True)
    if len(distinct) < 2:
        warnings.warn(f"{name} has the single value {distinct[0]}: it is left out.", stacklevel=4)
        return None
    words = not (np.issubdtype(values.dtype, np.number) or values.dtype == bool)
    classes = words or kind in ("categorical", "binary")
    if classes and len(distinct) == n:
        warnings.warn(f"{name} has another value in every row, as a name has: it is left out.", stacklevel=4)
        return None
    if classes or n >= OFTEN * len(distinct):
        return Factor(name, numbers, True)
    return Factor(name, values.astype(float), False)


def binned(x: Float[np.ndarray, " n"], bins: int) -> Int[np.ndarray, " n"]:
    """Which of so many bins of equal width, from the least to the greatest value, each number is in."""
    return np.searchsorted(np.linspace(x.min(), x.max(), bins + 1)[1:-1], x, side="right")


def _numbered(x: np.ndarray) -> Int[np.ndarray, " n"]:
    return np.unique(x, return_inverse=True)[1]


def parted(n: int, seed: int) -> tuple[Int[np.ndarray, " train"], Int[np.ndarray, " test"]]:
    """Two thirds of n rows to learn from and a third to measure on, drawn at random: as 10,000 to 5,000.

    Raises:
        InputError: if there are fewer than six rows.
    """
    if n < 6:
        raise InputError(f"there are {n} rows; six are needed to learn from some and measure on others.")
    order = np.random.default_rng(seed).permutation(n)
    return order[: 2 * n // 3], order[2 * n // 3 :]
