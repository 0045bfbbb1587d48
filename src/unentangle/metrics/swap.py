"""How right is a swap? For multi-reference alignment the truth is known up to one cyclic roll (SymAE paper, Remark 2).

Nobody can say which shift of a signal is the unshifted one, so that a swap which rolls all answers of a pair of states by the
same amount is right; one which rolls them differently is wrong.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ..freedom import roll_error

PHI = (1, 2, 0, 5, 3, 4)
"""The donor of each state in the paper's figures: 1 -> 2 -> 3 -> 1 and 4 -> 6 -> 5 -> 4, counted from 0."""


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
