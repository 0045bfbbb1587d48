"""What is free in the answer to "this state, under the nuisances of that one": nothing, a roll, or a short filter.

States and nuisances are known only up to what one can take from the other. Nobody can say which shift of a signal is the
unshifted one, so a swap that rolls all answers of a pair of states by the same amount is right, and one that rolls them
differently is wrong (SymAE paper, Remark 2). Likewise media and sources of a convolutional model are known up to a filter.
"""

from dataclasses import dataclass
from math import ceil, log2
from typing import ClassVar, NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.fft import irfft, rfft
from numpy.typing import ArrayLike

from .errors import InputError


class Aligned(NamedTuple):
    """Answers after the best element of a freedom, and the mean squared error that is left."""

    answers: Float[np.ndarray, "n *row"]
    error: float


@dataclass(frozen=True)
class Freedom:
    """What right answers may differ by from the truth, all answers of one pair of states in the same way. This one: nothing."""

    after: ClassVar[str] = ""  # what `align` does, for titles of figures

    @property
    def wider(self) -> "dict[str, Freedom]":
        """Larger freedoms, by name, under which errors are given as well."""
        return {}

    def align(self, answers: Float[np.ndarray, "n *row"], truth: Float[np.ndarray, "n *row"]) -> Aligned:
        """The answers after the best element of the freedom, common to all n of them."""
        return Aligned(answers, _mean_square(answers, truth))


@dataclass(frozen=True)
class CommonRoll(Freedom):
    """A cyclic roll along the first axis of a row: see `roll_error`.

    Args:
        between: whether a roll by a part of a sample is free, too; it changes the error only, answers move by whole samples.
    """

    between: bool = False
    after: ClassVar[str] = ", after the best common roll of each pair"

    @property
    def wider(self) -> dict[str, Freedom]:
        """Rolls between two samples."""
        return {} if self.between else {"between": CommonRoll(between=True)}

    def align(self, answers: Float[np.ndarray, "n k *channels"], truth: Float[np.ndarray, "n k *channels"]) -> Aligned:
        """Answers rolled to where their correlation with the truth is largest."""
        x, y = (np.moveaxis(a.reshape(*a.shape[:2], -1), 1, 2).reshape(-1, a.shape[1]) for a in (answers, truth))
        roll = int(np.argmax(correlation(x, y).sum(axis=0)))
        return Aligned(np.roll(answers, roll, axis=1), float(roll_error(x, y, self.between)))


@dataclass(frozen=True)
class ShortFilter(Freedom):
    """A convolution in time of so many samples, the same for all channels: see `matching_filter`."""

    length: int
    after: ClassVar[str] = ", after the best common filter of each pair"

    def align(self, answers: Float[np.ndarray, "n k *channels"], truth: Float[np.ndarray, "n k *channels"]) -> Aligned:
        """Answers through the filter that takes them to the truth with the least squared error."""
        x, y = (a.reshape(*a.shape[:2], -1).astype(float) for a in (answers, truth))
        moved = filtered(x, matching_filter(x, y, self.length)).reshape(answers.shape) if x.any() else answers
        return Aligned(moved, _mean_square(moved, truth))


def _mean_square(x: np.ndarray, truth: np.ndarray) -> float:
    return float(np.mean((np.asarray(x, float) - truth) ** 2))


# -- rolls ----------------------------------------------------------------------------------------------------------------


def roll_error(x: ArrayLike, truth: ArrayLike, between: bool = False) -> Float[np.ndarray, "*pairs"]:
    """Mean squared error after the best common cyclic roll: min over r of mean over (n, k) of (roll(x, r) - truth)^2.

    The roll is common to all n rows. By the FFT, since only the correlation of x and truth depends on r: exact, O(n k log k).
    With `between` it may lie between two samples r and r + 1, where the truth is a mixture (1 - t) and t of its two rolls: then
    the error is the least over t as well, which is the root of a line.

    Args:
        x: (*pairs, n, k).
        truth: (*pairs, n, k).
        between: whether a roll by a part of a sample is one, too.

    Raises:
        InputError: if x and the truth are not of one shape.
    """
    x, truth = np.asarray(x, float), np.asarray(truth, float)
    if x.shape != truth.shape or x.ndim < 2:
        raise InputError(f"x has shape {x.shape} and the truth {truth.shape}; both must be (..., n, k).")
    k = x.shape[-1]
    shared = correlation(x, truth).sum(axis=-2)  # at r: the sum over rows of roll(x, r) * truth
    own = correlation(truth, truth).sum(axis=-2)
    after, slope = np.roll(shared, -1, axis=-1), (own - np.roll(own, -1, axis=-1))[..., :1]
    t = np.clip(0.5 + (after - shared) / np.maximum(2 * slope, 1e-300), 0, 1) if between else np.zeros(1)
    square = own[..., :1] - 2 * t * (1 - t) * slope - 2 * ((1 - t) * shared + t * after)
    square = np.maximum((x**2).sum(axis=(-2, -1)) + square.min(axis=-1), 0)
    return np.asarray(square / (x.shape[-2] * k))


def correlation(x: Float[np.ndarray, "*rows k"], y: Float[np.ndarray, "*rows k"]) -> Float[np.ndarray, "*rows k"]:
    """At r: the sum over samples of roll(x, r) * y."""
    return irfft(rfft(y) * rfft(x).conj(), n=x.shape[-1])


# -- least-squares filters (Wiener, Levinson) -----------------------------------------------------------------------------


def matching_filter(
    x: Float[np.ndarray, "*many samples channels"],
    y: Float[np.ndarray, "*many samples channels"],
    length: int,
    damping: float = 1e-6,
) -> Float[np.ndarray, " {length}"]:
    """The filter f with the least |f * x - y|^2 + damping |x|^2 |f|^2, summed over all records and channels.

    f * x is the full convolution, records being zero outside; f[k] is the weight at a delay of k - length // 2 samples.

    Raises:
        InputError: if the shapes differ, length < 1, or x is zero.
    """
    from scipy.linalg import solve_toeplitz

    x, y = np.asarray(x, float), np.asarray(y, float)
    if x.shape != y.shape or x.ndim < 2 or length < 1:
        raise InputError(
            f"x has shape {x.shape}, y {y.shape} and length={length}; two equal (..., samples, channels) are needed."
        )
    size = 2 ** ceil(log2(x.shape[-2] + length))
    axes = (*range(x.ndim - 2), x.ndim - 1)
    along, across = (rfft(a, size, axis=-2) for a in (x, y))
    own = irfft(np.sum(np.abs(along) ** 2, axis=axes), size)
    shared = irfft(np.sum(along.conj() * across, axis=axes), size)
    if own[0] <= 0:
        raise InputError("x is zero everywhere; there is nothing to filter.")
    delays = np.arange(length) - length // 2
    column = own[:length].copy()
    column[0] *= 1 + damping
    return np.asarray(solve_toeplitz(column, shared[delays]))


def filtered(x: Float[np.ndarray, "*many samples channels"], f: Float[np.ndarray, " length"]) -> Float[np.ndarray, "..."]:
    """F * x as `matching_filter` means it, within the samples of x."""
    samples, before = x.shape[-2], len(f) // 2
    size = 2 ** ceil(log2(samples + len(f)))
    full = irfft(rfft(x, size, axis=-2) * rfft(f, size)[:, None], size, axis=-2)
    return full[..., before : before + samples, :]


def filter_error(
    x: Float[np.ndarray, "n samples channels"], truth: Float[np.ndarray, "n samples channels"], length: int
) -> float:
    """The energy of f * x - truth over that of truth, f being the best filter common to all n; without one if length is 0."""
    x = np.asarray(x, float) if length == 0 else filtered(np.asarray(x, float), matching_filter(x, truth, length))
    return float(np.sum((x - truth) ** 2) / np.sum(np.asarray(truth, float) ** 2))
