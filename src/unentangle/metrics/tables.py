"""What the measures of codes and factors start from: finite codes, and factors that vary."""

import warnings
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ..data.factors import kind_of
from ..errors import InputError, Note

HUGE = 1e38  # numbers of this size are no float32, which trees work with


class Factor(NamedTuple):
    """A column of true values: classes, numbered from 0, or a continuum."""

    name: str
    values: Float[np.ndarray, " n"] | Int[np.ndarray, " n"]
    discrete: bool

    def classes(self, bins: int = 20) -> Int[np.ndarray, " n"]:
        """The class of every row; a continuum is cut into bins of equal width, of which those that are empty do not count."""
        return self.values if self.discrete else np.unique(binned(self.values, bins), return_inverse=True)[1]


class Decided(dict[str, np.ndarray]):
    """Some rows of factors, as named columns; what is a class and what a continuum was decided on more rows."""

    def __init__(self, factors: Sequence[Factor], rows: Any):
        super().__init__({f.name: f.values[rows] for f in factors})
        self.declared = {f.name: "categorical" if f.discrete else "continuous" for f in factors}


class Checked(NamedTuple):
    """Codes and factors as every measure takes them, and the factors that are left out, with the reason."""

    codes: Float[np.ndarray, "n m"]
    factors: list[Factor]
    left_out: dict[str, str]


def table(codes: Any, factors: Any) -> tuple[Float[np.ndarray, "n m"], list[Factor]]:
    """Codes and factors, `checked`, with a warning for each factor that is left out."""
    z, usable, left_out = checked(codes, factors)
    for name, why in left_out.items():
        warnings.warn(f"{name} {why}: it is left out.", Note, stacklevel=3)
    return z, usable


def checked(codes: Any, factors: Any) -> Checked:
    """Codes and factors as every measure takes them.

    Args:
        codes: (n, m), finite.
        factors: named columns (`Dataset.factors`, a mapping, or a data frame), or an array (n, k). A column that was given to
            `Factors` as categorical, binary or continuous is that. Of others words are classes, and two values, numbers that
            come ten times on average (of fractions at most fifty), and at most twenty whole numbers that come twice; the rest
            is a continuum. A factor with a single value says nothing, nor do words of one row each: it is left out.

    Raises:
        InputError: naming what was found and what is needed.
    """
    z = finite_codes(codes)
    if hasattr(factors, "columns"):
        factors = {name: np.asarray(factors[name]) for name in factors.columns}
    if not isinstance(factors, Mapping):
        given = np.asarray(factors)
        if given.dtype.kind == "U" and not hasattr(factors, "dtype"):
            given = np.asarray(factors, object)  # numbers beside words stay numbers
        if given.ndim != 2:
            raise InputError(f"factors has shape {given.shape}; one row of factors for each row of codes, (n, k), is needed.")
        factors = {f"factor {k}": column for k, column in enumerate(given.T)}
    kinds, decided = getattr(factors, "declared", {}), isinstance(factors, Decided)
    judged = {str(name): _factor(str(name), column, kinds.get(name), decided, len(z)) for name, column in factors.items()}
    usable = [factor for factor in judged.values() if isinstance(factor, Factor)]
    left_out = {name: why for name, why in judged.items() if isinstance(why, str)}
    reasons = [f"{name} {why}" for name, why in left_out.items()]
    if not usable:
        reasons.insert(0, "no factor is left that varies, so there is nothing to measure the codes against")
    if not usable or (decided and left_out):
        raise InputError(f"{'; '.join(reasons)}.")
    return Checked(z, usable, left_out)


def finite_codes(codes: Any, name: str = "codes") -> Float[np.ndarray, "n m"]:
    """Codes as a table of finite numbers.

    Raises:
        InputError: naming what was found and what is needed.
    """
    try:
        z = np.asarray(codes, float)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} holds words, or rows of different length; a table of numbers (n, m) is needed.") from error
    if z.ndim != 2 or not z.size:
        raise InputError(f"{name} has shape {z.shape}; one row of latents for each sample, (n, m), is needed.")
    if not (fit := np.abs(z) < HUGE).all():
        row, latent = np.argwhere(~fit)[0]
        raise InputError(f"latent {latent} of row {row} of {name} is {z[row, latent]}; every code must be finite, below 1e38.")
    return z


def check_sizes(least: int = 1, **numbers: Any) -> None:
    """Refuse numbers of bins, points and the like that are not whole, or less than the least that makes sense.

    Raises:
        InputError: naming the first.
    """
    for name, number in numbers.items():
        if not isinstance(number, int | np.integer) or isinstance(number, bool) or number < least:
            raise InputError(f"{name}={number!r}; a whole number of at least {least} is needed.")


def standardised(codes: Float[np.ndarray, "n m"], least: float = 0.0) -> Float[np.ndarray, "n m"]:
    """Zero mean and unit variance; 0 for latents whose deviation is no more than `least` times their greatest size."""
    std = codes.std(axis=0)
    return (codes - codes.mean(axis=0)) / np.where(std > least * np.abs(codes).max(axis=0), std, np.inf)


def missing(column: Any) -> Bool[np.ndarray, " n"]:
    """In which rows a column has no value: None, NaN, or an empty word."""
    values = np.asarray(column)
    if values.dtype == object:
        return np.array([value is None or value != value or value == "" for value in values], bool)
    if values.dtype.kind in "fc":
        return ~np.isfinite(values)
    return values == "" if values.dtype.kind == "U" else np.zeros(values.shape, bool)


def _factor(name: str, column: Any, kind: str | None, decided: bool, n: int) -> Factor | str:
    """A factor, or why it says nothing."""
    values = np.asarray(column)
    if values.shape != (n,):
        raise InputError(f"{name} has shape {values.shape}; codes has {n} rows, so {(n,)} is needed.")
    if (gaps := missing(values)).any():
        raise InputError(f"{name} is {values[gaps][0] or 'empty'} in row {np.argmax(gaps)}; a value is needed.")
    if values.dtype == object:  # a column of a table that holds words beside numbers
        numbers = all(isinstance(value, Real) for value in values)
        values = values.astype(float if numbers else str)
    distinct, classes = np.unique(values, return_inverse=True)
    if len(distinct) < 2:
        return f"has the single value {distinct[0]}"
    words = not (np.issubdtype(values.dtype, np.number) or values.dtype == bool)
    if (words or kind == "categorical") and len(distinct) == n and not decided:
        return "has another value in every row, as a name has"
    if not words and (kind or kind_of(values, by_value=True)) == "continuous":
        if not (fit := np.abs(numbers := values.astype(float)) < HUGE).all():
            raise InputError(f"{name} is {numbers[~fit][0]} in row {np.argmin(fit)}; numbers below 1e38 are needed.")
        return Factor(name, numbers, False)
    return Factor(name, classes, True)


def binned(x: Float[np.ndarray, " n"], bins: int) -> Int[np.ndarray, " n"]:
    """Which of so many bins of equal width, from the least to the greatest value, each number is in."""
    return np.searchsorted(np.linspace(x.min(), x.max(), bins + 1)[1:-1], x, side="right")


def parted(n: int, seed: int) -> tuple[Int[np.ndarray, " train"], Int[np.ndarray, " test"]]:
    """Two thirds of n rows to learn from and a third to measure on, drawn at random: as 10,000 to 5,000.

    Raises:
        InputError: if there are fewer than six rows.
    """
    if n < 6:
        raise InputError(f"there are {n} rows; six are needed to learn from some and measure on others.")
    order = np.random.default_rng(seed).permutation(n)
    return order[: 2 * n // 3], order[2 * n // 3 :]


def check_learnable(name: str, learned: np.ndarray) -> None:
    """Refuse a factor that does not vary in the rows that are learned from.

    Raises:
        InputError: naming it.
    """
    if len(np.unique(learned)) < 2:
        raise InputError(f"{name} has one value in the {len(learned)} rows that are learned from; more rows are needed.")


def repeated_classes(factors: Sequence[Factor], bins: int) -> list[Int[np.ndarray, " n"]]:
    """The classes of every factor that has a value which comes twice."""
    return [classes for f in factors if (np.bincount(classes := f.classes(bins)) > 1).any()]
