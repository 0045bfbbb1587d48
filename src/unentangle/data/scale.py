"""The one standardisation of rows, for arrays of numpy and of jax."""

from collections import Counter
from math import prod
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ..errors import InputError
from .grid import grid

LOUD = 0.9  # if a tenth of the rows holds more of the variance than this, each row is standardised by itself,
LONG = 32  # if it has so many values: the variance of fewer differs by chance
UNLIKE = 3.0  # channels whose deviations differ by more than this factor are of unlike units
MISSING = "NaN or infinite values; a model takes missing values only if it was trained on rows that lack some."
USUAL = (-99.0, -999.0, -9999.0, -99999.0, 999.0, 9999.0, 99999.0, 1e20, -1e20, 1e30, -1e30, 9.969209968386869e36)
STAND_INS = frozenset((*USUAL, *np.array(USUAL, np.float32).tolist()))  # what others write where a value is missing
SINGLE = 1e38  # what a model gives back must be less


class Scale(NamedTuple):
    """How raw rows become those a net sees: all by one mean and one standard deviation, each channel by its own, or each row.

    With `row_axes` = 0, `mean` and `std` are those of all values, or tuples of those of each channel, the last axis of a row.
    Otherwise the last `row_axes` axes are a row, which is standardised by itself; its own mean and standard deviation are its
    level, and `mean` and `std` are those of a typical row, for rows without one. `missing` says whether values may be missing:
    NaN, and left out of all means. All functions take and give arrays of numpy, or of jax, also while jax traces them.
    """

    mean: float | tuple[float, ...]
    std: float | tuple[float, ...]
    row_axes: int = 0
    missing: bool = False

    @classmethod
    def described(cls, about: Any, shape: tuple[int, ...]) -> "Scale":
        """The scale of rows of this shape that a file describes: the inverse of `_asdict`, with lists for tuples.

        Raises:
            InputError: if rows cannot have it.
            Exception: KeyError, TypeError or ValueError, if it is no description.
        """
        mean, std = (tuple(map(float, v)) if isinstance(v, list) else float(v) for v in (about["mean"], about["std"]))
        scale = cls(mean, std, int(about["row_axes"]), bool(about.get("missing", False)))
        means, stds = np.atleast_1d(mean), np.atleast_1d(std)
        fits = stds.shape == means.shape in ((1,), shape[-1:]) and scale.row_axes in (0, len(shape))
        if not (fits and ((stds > 0) & np.isfinite(stds) & np.isfinite(means)).all()):
            raise InputError("its rows have an impossible scale.")
        return scale

    def standardise(self, x: Any) -> Float[Any, "..."]:
        """Raw values as a net sees them: float32 of mean 0 and standard deviation 1, subtracted before it is rounded.

        Raises:
            InputError: if a value of a numpy array is infinite, or NaN though none may be missing.
        """
        xp = x.__array_namespace__()
        if xp is np and not np.isfinite(x).all() and (not self.missing or np.isinf(x).any()):
            what = "infinite values; every value must be finite or missing." if self.missing else MISSING
            raise InputError(f"the rows hold {what}")
        if not self.row_axes:
            mean, std = (np.asarray(v) if isinstance(v, tuple) else v for v in (self.mean, self.std))
            return ((x - mean) / std).astype(np.float32, copy=False)
        mean, std = self._levels(x)
        return ((x - mean) / xp.where(std > 0, std, 1.0)).astype(np.float32)

    def level(self, x: Any) -> Float[Any, "rows 2"]:
        """The mean and standard deviation of each row: what a net does not see if `row_axes` > 0, and `restore` needs."""
        return x.__array_namespace__().concatenate([part.reshape(-1, 1) for part in self._levels(x)], axis=1)

    def _levels(self, x: Any) -> tuple[Any, Any]:
        """The mean and standard deviation of each row, with axes of size 1: in double precision by numpy, in single by jax."""
        xp = x.__array_namespace__()
        settings: dict[str, Any] = {"axis": tuple(range(-self.row_axes, 0)), "keepdims": True}
        settings |= {"dtype": np.float64} if xp is np else {}
        mean, std = (xp.nanmean, xp.nanstd) if self.missing else (xp.mean, xp.std)
        return mean(x, **settings), std(x, **settings)

    def restore(self, x: Any, level: Float[Any, "rows 2"] | None = None) -> Float[Any, "rows ..."]:
        """The inverse of `standardise`, as float32, at the level of each row where there are levels."""
        if level is None:
            mean = np.asarray(self.mean) if isinstance(self.mean, tuple) else self.mean
            std = np.asarray(self.std, np.float64) if isinstance(self.std, tuple) else np.float64(self.std)
        else:
            mean, std = level.T.reshape(2, -1, *[1] * (x.ndim - 1))
        return (x * std + mean).astype(np.float32)

    def relative(self, answers: np.ndarray, rows: np.ndarray, level: Float[np.ndarray, "rows 2"] | None = None) -> float:
        """The mean squared error of raw answers, over the variance of the rows, both as a net sees them."""
        unit = self.std if level is None else level[:, 1].reshape(-1, *[1] * (rows.ndim - 1))
        apart = (answers - rows) / np.where(np.asarray(unit) > 0, unit, 1.0)
        return float(np.nanmean(apart**2) / np.nanvar(self.standardise(rows)))


class Moments(NamedTuple):
    """Of each channel: how many values are there, their mean, and the sum of their squared deviations."""

    number: Float[np.ndarray, " k"]
    mean: Float[np.ndarray, " k"]
    square: Float[np.ndarray, " k"]

    @classmethod
    def of(cls, rows: np.ndarray, channels: int) -> "Moments":
        """Those of rows (n, ..., channels), in double precision; NaN is no value."""
        values = rows.reshape(-1, channels).astype(np.float64, copy=False)
        count = np.sum(~np.isnan(values), axis=0, dtype=float)
        mean = np.nansum(values, axis=0) / np.maximum(count, 1)
        return cls(count, mean, np.nansum((values - mean) ** 2, axis=0))

    def joined(self, other: "Moments") -> "Moments":
        """Those of both together."""
        count = self.number + other.number
        apart, share = other.mean - self.mean, other.number / np.maximum(count, 1)
        square = self.square + other.square + apart**2 * self.number * share
        return Moments(count, self.mean + apart * share, square)

    @property
    def std(self) -> Float[np.ndarray, " k"]:
        """The standard deviation of each channel."""
        return np.sqrt(self.square / np.maximum(self.number, 1))


class Ends(NamedTuple):
    """The least and the greatest value that is none of `STAND_INS`, and how often each of those comes."""

    low: float = np.inf
    high: float = -np.inf
    counts: tuple[tuple[float, int], ...] = ()

    def joined(self, values: np.ndarray) -> "Ends":
        """Those of more values, of which some may be missing."""
        if not values.size:
            return self
        low, high, counts = float(np.nanmin(values)), float(np.nanmax(values)), self.counts
        if not STAND_INS.isdisjoint((low, high)):
            known = np.isin(values, list(STAND_INS))
            counts = tuple((Counter(dict(counts)) + Counter(values[known].tolist())).items())
            others = values[~known & ~np.isnan(values)]
            low, high = float(others.min(initial=np.inf)), float(others.max(initial=-np.inf))
        return Ends(min(self.low, low), max(self.high, high), counts)

    def said(self) -> list[str]:
        """A sentence for each stand-in that lies far from all other values."""
        apart = (self.high - self.low) / 2
        return [
            f"the value {value:g} comes {n} time(s), far from all others: if it means a missing one, write NaN in its place."
            for value, n in sorted(self.counts)
            if value < self.low - apart or value > self.high + apart
        ]


class Survey(NamedTuple):
    """What one pass over the data gives: the scale, the number of constant rows, the least and greatest row deviation, the
    number of rows that lack values, which channels hold nothing, and the ends of the values.
    """

    scale: Scale
    constant: int
    loudness: tuple[float, float]
    lacking: int = 0
    empty: tuple[int, ...] = ()
    ends: Ends = Ends()


def channels_of(row_shape: tuple[int, ...], ordered: bool = True) -> int:
    """How many values at the end of a row may be of unlike units: its channels, or all values where they have no order."""
    if len(row_shape) == 1 and not ordered:
        return row_shape[0]
    return row_shape[-1] if len(row_shape) > 1 and grid(row_shape).row == row_shape else 1


def mean_and_std(flat: Float[np.ndarray, "rows values"]) -> Float[np.ndarray, "2 rows"]:
    """Of each row, without missing values; the standard deviation of a constant row is 0, without what rounding leaves."""
    with np.errstate(over="ignore", invalid="ignore"):  # what is too large becomes infinite, and is refused by `survey`
        if not np.isnan(mean := flat.mean(axis=1)).any():
            return np.stack([mean, np.where(np.ptp(flat, axis=1) > 0, flat.std(axis=1), 0.0)])
        spread = np.nanmax(flat, axis=1) - np.nanmin(flat, axis=1)
        return np.stack([np.nanmean(flat, axis=1), np.where(spread > 0, np.nanstd(flat, axis=1), 0.0)])


def survey(
    centre: Float[np.ndarray, " n"],
    std: Float[np.ndarray, " n"],
    row_shape: tuple[int, ...],
    scaling: Scale | None = None,
    lacking: int = 0,
    moments: Moments | None = None,
) -> Survey:
    """What follows from the mean and standard deviation of each row, the number of rows that lack values, and the moments of
    each channel where there are several.

    All values share one mean and standard deviation, with two exceptions. Channels of unlike units, whose deviations differ by
    more than a factor of 3, are standardised each by itself. So is each row (of 32 values or more) if a tenth of the rows holds
    more than 90 % of the variance. A squared error would else see nothing but the loud ones.

    Raises:
        InputError: if all rows are constant and no scaling is given, or values are too large for single precision.
    """
    if not std.max() < SINGLE or not np.abs(centre).max() < SINGLE:
        raise InputError("the rows of x hold values beyond 1e38, the range of single precision; choose another unit.")
    varied = std > 0
    if scaling is None and not varied.any() and (moments is None or not moments.std.any()):
        raise InputError("every row of x is constant; there is nothing to learn from rows that do not vary.")
    loudness = (float(std.min() if scaling or not varied.any() else std[varied].min()), float(std.max()))
    loudest = np.sort(std**2)[::-1][: len(std) // 10].sum()
    deviations = np.zeros(0) if moments is None else moments.std
    means = np.zeros(0) if moments is None else moments.mean
    full = deviations > np.finfo(np.float32).eps * np.abs(means)
    empty = tuple(np.flatnonzero(~full).tolist()) if full.any() else ()
    if scaling is not None:
        scale = scaling._replace(missing=scaling.missing or lacking > 0)
    elif full.any() and deviations[full].max() > UNLIKE * deviations[full].min():
        scale = Scale(tuple(means.tolist()), tuple(np.where(full, deviations, 1.0).tolist()), missing=lacking > 0)
    elif loudest > LOUD * np.sum(std**2) and prod(row_shape) >= LONG:
        scale = Scale(float(np.median(centre[varied])), float(np.median(std[varied])), len(row_shape), lacking > 0)
    else:
        scale = Scale(float(centre.mean()), float(np.sqrt(np.mean(std**2) + centre.var())), missing=lacking > 0)
    return Survey(scale, int(np.sum(~varied)), loudness, lacking, empty)
