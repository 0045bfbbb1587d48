"""Multi-reference alignment (SymAE paper, section 3.1): states are vectors, the nuisance is a cyclic shift."""

from functools import partial
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from ..data import CommonRoll, Dataset, Truth
from ..errors import InputError

PHI = ((0, 1), (1, 2), (2, 0), (3, 5), (4, 3), (5, 4))
"""The pairs (state, donor) of the paper's figures: 1 -> 2 -> 3 -> 1 and 4 -> 6 -> 5 -> 4, counted from 0."""


def mra_states(k: int = 100) -> Float[np.ndarray, "6 {k}"]:
    """The six states of eq. 7, [a_i]_j = phi_i(j / k) for j = 1..k: a box, a cosine, a ramp, and the three rescaled to
    [-1, 1].
    """
    x = np.arange(1, k + 1) / k
    phi = np.stack([x > 0.5, 0.5 + 0.5 * np.cos(2 * np.pi * x), (1 - 2 * x) * (x < 0.5)])
    return np.concatenate([phi, 2 * phi - 1])  # eq. 7


def fourier_states(seed: int, number: int = 6, *, modes: int = 5, k: int = 100) -> Float[np.ndarray, "{number} {k}"]:
    """Random states that are smooth: sum_m a_m cos(2 pi m j / k) + b_m sin(2 pi m j / k) for m = 1..modes, a and b normal."""
    phase = 2 * np.pi * np.arange(1, modes + 1)[:, None] * np.arange(1, k + 1) / k
    return np.random.default_rng(seed).standard_normal((number, 2 * modes)) @ np.concatenate([np.cos(phase), np.sin(phase)])


def step_states(seed: int, number: int = 6, *, steps: int = 8, k: int = 100) -> Float[np.ndarray, "{number} {k}"]:
    """Random states that jump: `steps` constant pieces around the circle, of normal heights, between random positions.

    Raises:
        InputError: if there are fewer positions than steps.
    """
    if not 1 <= steps <= k:
        raise InputError(f"steps={steps}; between 1 and the {k} positions are needed.")
    rng = np.random.default_rng(seed)
    starts = np.stack([np.sort(rng.permutation(k)[:steps]) for _ in range(number)])
    piece = np.stack([np.searchsorted(s, np.arange(k), side="right") - 1 for s in starts])  # -1: the last one, around the end
    return np.take_along_axis(rng.standard_normal((number, steps)), piece % steps, axis=1)


def orbit(states: ArrayLike) -> Float[np.ndarray, "states k k"]:
    """Every cyclic shift of every state: [i, l, j] is (R_l a_i)_j = a_i at j + l modulo k."""
    states = np.asarray(states, dtype=float)
    if states.ndim != 2:
        raise InputError(f"states has shape {states.shape}; (number of states, length) is needed.")
    count, k = states.shape
    return shifted(states, np.arange(count)[:, None], np.arange(k))


def shifted(
    states: Float[np.ndarray, "number k"], state: Int[np.ndarray, "*#n"], shift: Int[np.ndarray, "*#n"]
) -> Float[np.ndarray, "*n k"]:
    """R_l a_i for each of these states i and shifts l, pair by pair (the two broadcast)."""
    k = states.shape[1]
    return states[state[..., None], (shift[..., None] + np.arange(k)) % k]


def mra(
    n_x: int = 18,
    n_tau: int = 30,
    *,
    k: int = 100,
    states: ArrayLike | None = None,
    draw: Literal["exhaustive", "algorithm-1", "with-replacement"] = "exhaustive",
    noise: float = 0.0,
    seed: int = 0,
) -> Dataset:
    """Draw n_x groups of n_tau cyclic shifts, each group of one state.

    Args:
        n_x: number of groups (datapoints X_i).
        n_tau: instances per group.
        k: length of the six states of eq. 7.
        states: other states (number, length) in their place.
        draw: "exhaustive" is what the authors' code does: no pair of state and shift comes twice until every state has fewer
            than n_tau shifts left, and then all are put back, so that (18, 30) holds every state three times with 90
            different shifts. "algorithm-1" is the paper as printed: a state drawn uniformly for each group, different shifts
            within the group. "with-replacement" draws shifts independently.
        noise: standard deviation of Gaussian noise on every sample.
        seed: the data's own seed, apart from any training seed.

    Returns:
        rows (n_x * n_tau, k) float32, grouped by datapoint, with the factors `state` and `shift` (in samples), and the truth:
        every shift of every state, free up to a common roll.
    """
    states = np.asarray(mra_states(k) if states is None else states, dtype=float)
    count, k, _ = orbit(states).shape
    if n_x < 1 or n_tau < 1 or (n_tau > k and draw != "with-replacement"):
        raise InputError(
            f"n_x={n_x} groups of n_tau={n_tau} were asked for; both must be at least 1, and there are {k} different shifts "
            'to fill a group (draw="with-replacement" repeats them).'
        )
    rng = np.random.default_rng(seed)
    if draw == "exhaustive":
        state, shift = _draw_exhaustive(rng, n_x, n_tau, count, k)
    elif draw == "algorithm-1":
        state = rng.integers(count, size=n_x)
        shift = np.stack([rng.permutation(k)[:n_tau] for _ in range(n_x)])
    elif draw == "with-replacement":
        state, shift = rng.integers(count, size=n_x), rng.integers(k, size=(n_x, n_tau))
    else:
        raise InputError(f"draw={draw!r} is unknown; it is exhaustive, algorithm-1 or with-replacement.")
    state, shift = np.repeat(state, n_tau), shift.ravel()
    x = shifted(states, state, shift)
    x = (x + noise * rng.standard_normal(x.shape)).astype(np.float32)
    factors = {"state": (state, "categorical"), "shift": (shift, "continuous")}
    phi = {"phi": PHI if count == 6 else ()}
    truth = Truth(partial(shifted, states), state, shift, CommonRoll(), np.arange(count), np.arange(k), "shift", phi)
    return Dataset(x, factors, np.repeat(np.arange(n_x), n_tau), truth=truth)


def _draw_exhaustive(
    rng: np.random.Generator, n_x: int, n_tau: int, count: int, k: int
) -> tuple[Int[np.ndarray, " n_x"], Int[np.ndarray, "n_x n_tau"]]:
    left: dict[int, np.ndarray] = {}
    state, shift = np.empty(n_x, int), np.empty((n_x, n_tau), int)
    for i in range(n_x):
        if not left:
            left = {s: rng.permutation(k) for s in range(count)}
        state[i] = rng.choice(list(left))
        shift[i], rest = np.split(left[state[i]], [n_tau])
        left[state[i]] = rest
        if len(rest) < n_tau:
            del left[state[i]]
    return state, shift
