"""The shortest paths between codes, in the metric that a decoder gives them.

A step dN of a code is as long as the step of the decoded row, |dec(N + dN) - dec(N)| (the SymAE paper's section 1 promises such
paths). Nothing makes sure that steps off the data are long. The shortest way from one row to another is often to fade one out
and the other in, and a decoder that can do so will. So a path can also be kept near the codes of data.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .dependence import TINY, distances
from .errors import InputError


def geodesics(
    decode: Callable[[Array], Array],
    codes: Float[np.ndarray, "n q"],
    among: Float[np.ndarray, "k q"] | None = None,
    pieces: int = 16,
    keep: float = 10.0,
) -> Float[np.ndarray, "paths corners q"]:
    """Geodesics from each of n codes to the next, as pieces + 1 codes each.

    At constant speed the geodesic has the least energy of all paths, the mean square of its speed. L-BFGS lowers the energy
    from the straight line on, and finds a path that is shortest among its neighbours.

    Args:
        decode: codes (rows, q) to rows (rows, ...), differentiable; what a `jax.tree_util.Partial` holds is not compiled in.
        codes: where to go through.
        among: codes of data to keep near. A step then counts 1 + keep * (d / u)^2 times as much: d is its distance from the
            nearest of them (a smooth one) and u the mean distance of these from their own nearest. The search starts on the
            path from one of them to the next on which the squares of the steps are least.
        pieces: steps of each path.
        keep: how much being off the data counts.

    Raises:
        InputError: if there are fewer than two codes, or `among` holds fewer than two different ones.
    """
    from scipy.optimize import minimize
    from scipy.spatial.distance import cdist

    if len(codes) < 2:
        raise InputError(f"codes has shape {codes.shape}; a path needs two ends.")
    nearby, spacing_of_data = None, 1.0
    if among is not None:
        among = np.unique(among, axis=0)
        if len(among) < 2:
            raise InputError("among holds one code only; how near a path should keep is known from two different ones on.")
        nearby, spacing_of_data = jnp.asarray(among), np.mean(np.sort(cdist(among, among), axis=1)[:, 1])
    line = np.stack([_stepping(*ends, among, pieces) for ends in pairwise(codes)])
    spacing = np.sqrt(np.mean(np.diff(line, axis=1) ** 2)) + TINY

    def path(inner: Any) -> Array:
        return jnp.asarray(line, jnp.float32).at[:, 1:-1].add(spacing * inner.reshape(len(line), pieces - 1, -1))

    weights, rest = eqx.partition(decode, eqx.is_array)

    def energies(inner: Any, weights: Any) -> Float[Array, " paths"]:
        corners = path(inner)
        rows = eqx.combine(weights, rest)(corners.reshape(-1, corners.shape[2])).reshape(*corners.shape[:2], -1)
        square = jnp.sum(jnp.diff(rows, axis=1) ** 2, axis=2)
        if nearby is not None:
            middle = ((corners[:, 1:] + corners[:, :-1]) / 2).reshape(-1, corners.shape[2])
            off = (distances(middle, nearby) / spacing_of_data) ** 2
            square *= 1 + keep * jnp.sum(jax.nn.softmax(-off, axis=1) * off, axis=1).reshape(square.shape)
        return jnp.sum(square, axis=1)

    start = np.zeros((len(line), pieces - 1, codes.shape[1]))
    unit = jax.jit(energies)(jnp.asarray(start, jnp.float32), weights) + TINY  # every path counts alike

    @jax.jit
    @jax.value_and_grad
    def energy(inner: Any, weights: Any) -> Array:
        return jnp.sum(energies(inner, weights) / unit)

    def value(inner: np.ndarray) -> tuple[float, np.ndarray]:
        total, slope = energy(jnp.asarray(inner, jnp.float32), weights)
        return float(total), np.asarray(slope, float)

    result = minimize(value, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 100})
    return np.asarray(path(jnp.asarray(result.x, jnp.float32)))


def _stepping(
    start: Float[np.ndarray, " q"], end: Float[np.ndarray, " q"], among: Float[np.ndarray, "k q"] | None, pieces: int
) -> Float[np.ndarray, "corners q"]:
    """A path of evenly spaced corners: straight, or from code to code so that the squares of the steps are least."""
    from scipy.sparse.csgraph import shortest_path
    from scipy.spatial.distance import cdist

    stones = np.stack([start, end])
    if among is not None and (start != end).any():
        codes = np.concatenate([stones, among])
        before = shortest_path(cdist(codes, codes, "sqeuclidean"), indices=0, return_predecessors=True)[1]
        way = [1]
        while way[-1] != 0:
            way.append(before[way[-1]])
        stones = codes[way[::-1]]
    along = np.append(0.0, np.cumsum(np.linalg.norm(np.diff(stones, axis=0), axis=1)))
    return np.stack([np.interp(np.linspace(0, along[-1], pieces + 1), along, column) for column in stones.T], axis=1)
