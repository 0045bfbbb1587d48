"""The truth behind a data set, for those who made it: what a swap should have been.

A simulator knows the recording of any state under any nuisance. The codes never see it; swaps are measured against it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from ..errors import InputError
from ..freedom import Freedom
from .dataset import Dataset


@dataclass(frozen=True, eq=False)
class Truth:
    """The recording of a given state under the nuisance of a given row, and what freedom a right answer has.

    Args:
        recordings: states (n,) and nuisances (n, ...) to rows (n, *row) without noise, pair by pair.
        state: of each row of the data, as `recordings` takes it: (rows,), a number or name.
        nuisance: of each row of the data, as `recordings` takes it: (rows, ...), for example parameters of a simulator.
        freedom: what all answers of one pair of states may have in common and still be right.
        states: all states, (s,), where swaps are to be measured on all of them, whatever rows there are.
        nuisances: all nuisances, (m,), likewise; without them swaps are measured on the rows of the data.
        name: of the nuisance, in figures.
        pairs: named choices of pairs (state, donor), which are measured by themselves as well; figures show the first of them.
    """

    recordings: Callable[[np.ndarray, np.ndarray], np.ndarray]
    state: np.ndarray
    nuisance: np.ndarray
    freedom: Freedom = field(default_factory=Freedom)
    states: np.ndarray | None = None
    nuisances: np.ndarray | None = None
    name: str = "nuisance"
    pairs: Mapping[str, Sequence[tuple[int, int]]] = field(default_factory=dict)

    def under(self, state: Any, rows: Any = slice(None)) -> Float[np.ndarray, "n *row"]:
        """One state under the nuisances of some rows."""
        nuisance = self.nuisance[rows]
        return np.asarray(self.recordings(np.repeat(state, len(nuisance)), nuisance))

    def take(self, rows: np.ndarray) -> "Truth":
        """The truth behind some rows."""
        return replace(self, state=self.state[rows], nuisance=self.nuisance[rows])

    @property
    def listed(self) -> bool:
        """Whether all states and nuisances are known, so that swaps are measured on all of them."""
        return self.states is not None and self.nuisances is not None

    def grid(self) -> Dataset:
        """Every state under every nuisance, in float32 and without noise; each state is one group.

        Raises:
            InputError: if states or nuisances are not listed.
        """
        if self.states is None or self.nuisances is None:
            raise InputError("this truth does not list all states and nuisances, so there is no grid of them.")
        count = len(self.nuisances)
        state, nuisance = np.repeat(self.states, count), np.tile(self.nuisances, len(self.states))
        factors = {"state": (state, "categorical"), self.name: (nuisance, "continuous")}
        truth = replace(self, state=state, nuisance=nuisance)
        rows = np.asarray(self.recordings(state, nuisance)).astype(np.float32)
        return Dataset(rows, factors, groups=np.repeat(np.arange(len(self.states)), count), truth=truth)
