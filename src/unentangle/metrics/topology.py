"""The shape of nuisance codes: loops, overlap of the states, and how a known nuisance runs through them.

A cyclic nuisance should trace one closed curve, the same for every state (SymAE paper, figures 4 and 7).
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from ..errors import InputError, optional
from .tables import finite_codes


class Loops(NamedTuple):
    """The two longest lives of loops, in units of the codes, and their ratio (infinite if there is one loop only)."""

    first: float
    second: float

    @property
    def ratio(self) -> float:
        """The first over the second: large if the codes trace one closed curve."""
        return self.first / self.second if self.second > 0 else float("inf") if self.first > 0 else 0.0


def loops(codes: Any) -> Loops:
    """Persistent homology of codes (n, q) in degree 1, by Vietoris-Rips complexes: a loop lives from the distance at which it
    closes to that at which it fills.

    Raises:
        InputError: if a code is not finite, or the package `ripser` is not installed (the extra `topology`).
    """
    z = finite_codes(codes)
    ripser = optional("ripser", "loops are found", "ripser")
    born, died = ripser.ripser(z, maxdim=1)["dgms"][1].T
    lives = np.sort(np.append(died - born, [0.0, 0.0]))
    return Loops(float(lives[-1]), float(lives[-2]))


def neighbour_mixing(codes: Any, states: ArrayLike) -> float:
    """How often the nearest other code is that of another state, over how often it would be if states were dealt at random.

    0 if every state keeps to itself, 1 if the codes of all states are drawn from one distribution, and a little more, up to
    (n - 1) / (n - rows of a state), if every code has a twin in another state.

    Args:
        codes: (n, q).
        states: (n,).

    Raises:
        InputError: if a code is not finite, or there are not as many states as codes, or one state only.
    """
    z, states = finite_codes(codes), np.asarray(states)
    if states.shape != z.shape[:1]:
        raise InputError(f"states has shape {states.shape}; one state for each of the {len(z)} codes is needed.")
    if len(np.unique(states)) < 2:
        raise InputError("the codes are of one state; mixing needs at least two.")
    from sklearn.neighbors import NearestNeighbors

    near = NearestNeighbors(n_neighbors=2).fit(z).kneighbors(z, return_distance=False)
    other = np.where(near[:, 0] == np.arange(len(z)), near[:, 1], near[:, 0])
    same = np.unique(states, return_inverse=True, return_counts=True)
    chance = np.mean((len(z) - same[2][same[1]]) / (len(z) - 1))
    return float(np.mean(states[other] != states) / chance)


class Courses(NamedTuple):
    """How a cyclic nuisance runs through the codes of each state, beside the first state."""

    orientation: Int[np.ndarray, " states"]  # 1: as in the first state, -1: backwards
    offset: Int[np.ndarray, " states"]  # the step of this state that lies where step 0 of the first one does
    apart: Float[np.ndarray, " states"]  # root mean square distance after both, over that of the first state from its mean
    unevenness: Float[np.ndarray, " states"]  # standard deviation over mean of the length of a step: 0 for an isometry


def courses(codes: Any) -> Courses:
    """Orientation, offset and evenness of the closed curves that a cyclic nuisance traces, one curve per state (NaN where all
    codes of a curve are one).

    Curves are compared step by step at the roll, forwards or backwards, that brings them closest to the first state's.

    Args:
        codes: (states, steps, q).

    Raises:
        InputError: if they have another shape, or one of them is not finite.
    """
    codes = np.asarray(codes, float)
    if codes.ndim != 3:
        raise InputError(f"codes has shape {codes.shape}; a curve of codes for each state, (states, steps, q), is needed.")
    states, steps, q = codes.shape
    finite_codes(codes.reshape(states * steps, q))
    roll, at = np.arange(steps)[:, None], np.arange(steps)[None]
    matches = []
    for own in codes:
        square = np.sum((own[:, None] - codes[0][None]) ** 2, axis=2)
        ways = {turn: np.mean(square[(roll + turn * at) % steps, at], axis=1) for turn in (1, -1)}
        turn = min(ways, key=lambda turn: ways[turn].min())
        matches.append((turn, int(np.argmin(ways[turn])), ways[turn].min()))
    turns, offsets, squares = map(np.array, zip(*matches, strict=True))
    spread = np.mean(np.sum((codes[0] - codes[0].mean(axis=0)) ** 2, axis=1))
    lengths = np.linalg.norm(np.roll(codes, -1, axis=1) - codes, axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return Courses(turns, offsets, np.sqrt(squares / spread), lengths.std(axis=1) / lengths.mean(axis=1))
