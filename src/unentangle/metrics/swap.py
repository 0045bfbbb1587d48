"""How right is a swap? For multi-reference alignment the truth is known up to one cyclic roll (SymAE paper, Remark 2).

Nobody can say which shift of a signal is the unshifted one, so that a swap which rolls all answers of a pair of states by the
same amount is right; one which rolls them differently is wrong.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from ..errors import InputError

PHI = (1, 2, 0, 5, 3, 4)
"""The donor of each state in the paper's figures: 1 -> 2 -> 3 -> 1 and 4 -> 6 -> 5 -> 4, counted from 0."""


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
    correlation = _correlation(x, truth).sum(axis=-2)  # at r: the sum over rows of roll(x, r) * truth
    own = _correlation(truth, truth).sum(axis=-2)
    after, slope = np.roll(correlation, -1, axis=-1), (own - np.roll(own, -1, axis=-1))[..., :1]
    t = np.clip(0.5 + (after - correlation) / np.maximum(2 * slope, 1e-300), 0, 1) if between else np.zeros(1)
    square = own[..., :1] - 2 * t * (1 - t) * slope - 2 * ((1 - t) * correlation + t * after)
    square = np.maximum((x**2).sum(axis=(-2, -1)) + square.min(axis=-1), 0)
    return np.asarray(square / (x.shape[-2] * k))


def _correlation(x: Float[np.ndarray, "*rows k"], y: Float[np.ndarray, "*rows k"]) -> Float[np.ndarray, "*rows k"]:
    """At r: the sum over samples of roll(x, r) * y."""
    return np.fft.irfft(np.fft.rfft(y) * np.fft.rfft(x).conj(), n=x.shape[-1])


class SwapErrors(NamedTuple):
    """Mean squared errors of swaps between every two states, up to a common roll."""

    pairs: Float[np.ndarray, "states donors"]
    """[i, d]: state i under the nuisances of state d; the diagonal is reconstruction."""

    @property
    def mean(self) -> float:
        """Over all ordered pairs of two different states."""
        return float(self._swaps().mean())

    @property
    def worst(self) -> float:
        """The worst of these pairs."""
        return float(self._swaps().max())

    @property
    def reconstruction(self) -> float:
        """Of every state under its own nuisances, with the same freedom to roll."""
        return float(np.mean(np.diag(self.pairs)))

    @property
    def phi(self) -> float:
        """Over the six pairs of the paper's figures; NaN unless there are six states."""
        return float(np.mean([self.pairs[i, d] for i, d in enumerate(PHI)])) if len(self.pairs) == 6 else float("nan")

    def _swaps(self) -> np.ndarray:
        return self.pairs[~np.eye(len(self.pairs), dtype=bool)]


def swap_errors(
    swapped: Float[np.ndarray, "states donors n k"], truth: Float[np.ndarray, "states n k"], between: bool = False
) -> SwapErrors:
    """The error of each state under each donor's n nuisances, where truth[i, l] is state i under nuisance l."""
    return SwapErrors(roll_error(swapped, np.broadcast_to(np.asarray(truth)[:, None], np.shape(swapped)), between))


class Baselines(NamedTuple):
    """What no learning gives on the same data."""

    constant: float
    """Mean squared error of each state's own best constant: its variance, averaged over states."""
    donor: SwapErrors
    """The donor given back unswapped, at its best roll."""


def swap_baselines(truth: Float[np.ndarray, "states n k"]) -> Baselines:
    """Errors of each state's best constant, and of handing the donor back."""
    truth = np.asarray(truth, float)
    constant = float(truth.reshape(len(truth), -1).var(axis=1).mean())
    return Baselines(constant, swap_errors(np.broadcast_to(truth[None], (len(truth), *truth.shape)), truth))
