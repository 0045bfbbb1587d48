"""How right is a swap? Errors against the true recordings, up to the freedom that a right answer has."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ..errors import InputError
from ..freedom import Freedom


class SwapErrors(NamedTuple):
    """Mean squared errors of swaps, each after the best element of the freedom common to all answers of its pair."""

    pairs: Float[np.ndarray, "groups donors"]
    """[g, d]: the state of group g under all nuisances of donor d."""
    state: np.ndarray
    """The state of each group: (groups,)."""
    donor: np.ndarray
    """The state of each donor: (donors,). A pair of one state with itself is reconstruction."""
    variance: float
    """Of all values of the true recordings of swaps between different states."""

    @property
    def mean(self) -> float:
        """Over all pairs of two different states; NaN if there is none."""
        return _mean(self.pairs[~self._own])

    @property
    def relative(self) -> float:
        """The mean over the variance of the true recordings."""
        return self.mean / self.variance if self.variance > 0 else float("nan")

    @property
    def worst(self) -> float:
        """The worst pair of two different states; NaN if there is none."""
        return float(np.max(self.pairs[~self._own], initial=-np.inf)) if not self._own.all() else float("nan")

    @property
    def reconstruction(self) -> float:
        """Of every state under its own nuisances, with the same freedom."""
        return _mean(self.pairs[self._own])

    def over(self, pairs: Sequence[tuple[int, int]]) -> float:
        """The mean over these pairs (state, donor); NaN if there is none."""
        return _mean(np.concatenate([self.pairs[self.state == s][:, self.donor == d].ravel() for s, d in pairs] or [[]]))

    @property
    def _own(self) -> np.ndarray:
        return self.state[:, None] == self.donor


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def swap_errors(
    answers: Iterable[np.ndarray],
    truth: Iterable[np.ndarray],
    state: np.ndarray,
    donor: np.ndarray,
    freedom: Freedom | None = None,
    donor_state: np.ndarray | None = None,
) -> SwapErrors:
    """The error of every group's state under the nuisances of every donor.

    Args:
        answers: for each group, its state under the nuisances of all n rows, (n, *row).
        truth: for each group, what they should be, (n, *row).
        state: of each group, (groups,).
        donor: of each row, (n,): rows of one donor have the freedom in common. The state of the row, or a finer label.
        freedom: what a right answer may differ by; by default nothing.
        donor_state: the state of each row, (n,), if `donor` is a finer label.

    Raises:
        InputError: if answers and truth differ in shape.
    """
    freedom = Freedom() if freedom is None else freedom
    labels, first, label = np.unique(donor, return_index=True, return_inverse=True)
    of = np.asarray(donor if donor_state is None else donor_state)
    columns, state = of[first], np.asarray(state)
    pairs, count, total, square = np.empty((len(state), len(labels))), 0, 0.0, 0.0
    for g, (answer, true) in enumerate(zip(answers, truth, strict=True)):
        if np.shape(answer) != np.shape(true):
            raise InputError(f"the answers have shape {np.shape(answer)} and the truth {np.shape(true)}; they must be alike.")
        for d in range(len(labels)):
            pairs[g, d] = freedom.align(answer[label == d], true[label == d]).error  # eq. 6, by how much it fails
        others = np.asarray(true[of != state[g]], float)
        count, total, square = count + others.size, total + others.sum(), square + np.sum(others**2)
    mean = total / max(count, 1)
    return SwapErrors(pairs, state, columns, float(square / max(count, 1) - mean**2))
