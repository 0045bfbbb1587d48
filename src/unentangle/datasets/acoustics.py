"""The acoustic wave equation in two dimensions (SymAE paper, eq. 2), by finite differences:

    (1 / v^2) d^2 u / dt^2 - Laplacian u = w(t) delta(x - x_s),     u = du/dt = 0 before the source.

Second order in time, any even order in space. Around the model lies a sponge, where d/dt becomes d/dt + g with a damping g that
grows as the square of the depth inside it, so that waves that leave it come back weak. The domain is absorbing on all sides,
the top included.
"""

from functools import partial
from math import factorial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from numpy.typing import ArrayLike

from ..errors import InputError


def second_difference(order: int) -> Float[np.ndarray, " half"]:
    """The weights c_0 .. c_k of a central second difference of even order 2k, at unit spacing.

    u''(0) = c_0 u(0) + sum_m c_m (u(m) + u(-m)), c_m = 2 (-1)^(m+1) k!^2 / (m^2 (k-m)! (k+m)!) (Fornberg 1988).

    Raises:
        InputError: if the order is odd or less than 2.
    """
    if order < 2 or order % 2:
        raise InputError(f"order={order}; an even number of at least 2 is needed.")
    k = order // 2
    sides = [2 * (-1) ** (m + 1) * factorial(k) ** 2 / (m**2 * factorial(k - m) * factorial(k + m)) for m in range(1, k + 1)]
    return np.array([-2 * sum(sides), *sides])


def laplacian(u: Float[Array, "x z"], dx: float, order: int = 8) -> Float[Array, "x z"]:
    """The Laplacian on a square grid of spacing dx, with zeros outside."""
    centre, *sides = second_difference(order)
    k = order // 2
    wide = jnp.pad(u, k)
    rows, columns = (slice(k, k + n) for n in u.shape)
    total = 2 * centre * u
    for m, weight in enumerate(sides, 1):
        total += weight * (wide[k + m : k + m + u.shape[0], columns] + wide[k - m : k - m + u.shape[0], columns])
        total += weight * (wide[rows, k + m : k + m + u.shape[1]] + wide[rows, k - m : k - m + u.shape[1]])
    return total / dx**2


def longest_step(fastest: float, dx: float, order: int = 8) -> float:
    """The time step beyond which the scheme is unstable, in s: 2 dx / (v sqrt(2 (|c_0| + 2 sum_m |c_m|))). In a sponge, where
    the damping g adds (g dt)^2 to the (v dt)^2 k^2 of a wave, of which 4 is the most, it is a little shorter.
    """
    centre, *sides = np.abs(second_difference(order))
    return 2 * dx / (fastest * np.sqrt(2 * (centre + 2 * sum(sides))))


def impulse_response(
    velocity: ArrayLike,
    dx: float,
    dt: float,
    steps: int,
    source: tuple[int, int],
    receivers: ArrayLike,
    *,
    order: int = 8,
    border: int = 60,
    return_share: float = 1e-3,
) -> Float[np.ndarray, "steps receivers"]:
    """The field at the receivers for w = delta(t), the discrete Green's function; convolve it with a wavelet to use it.

    It holds all frequencies that the grid carries, those without meaning included, where a wavelength is less than about four
    grid spacings. The scheme is linear: a band-limited wavelet takes them away exactly.

    Args:
        velocity: (x, z), in m/s, which goes on beyond its edges in the sponge.
        dx: grid spacing, in m.
        dt: time step, in s; see `longest_step`. In the corners of the sponge its g is twice that at a side.
        steps: number of samples; the first is at time 0.
        source: its grid node (x, z).
        receivers: their grid nodes, (receivers, 2).
        order: of the differences in space.
        border: width of the sponge, in nodes.
        return_share: the amplitude that should come back of a wave that meets the sponge head-on, for a wavelength that is
            short against its width.

    Raises:
        InputError: if the step is unstable, or a node lies outside the model.
    """
    velocity, nodes = np.asarray(velocity, np.float32), np.atleast_2d(np.asarray(receivers, int))
    if velocity.ndim != 2 or not np.all(np.isfinite(velocity) & (velocity > 0)):
        raise InputError(f"velocity has shape {velocity.shape}; positive numbers (x, z) are needed.")
    strongest = 1.5 * float(velocity.mean()) * np.log(1 / return_share) / max(border * dx, dx)
    most = 1 / np.hypot(1 / longest_step(float(velocity.max()), dx, order), strongest if border else 0.0)
    if not 0 < dt <= most:
        raise InputError(f"dt={dt:g} s; steps of at most {most:.3g} s are stable at dx={dx:g} m and {velocity.max():.5g} m/s.")
    if np.any((nodes < 0) | (nodes >= velocity.shape)) or not all(
        0 <= at < n for at, n in zip(source, velocity.shape, strict=True)
    ):
        raise InputError(f"a source or receiver lies outside the model of {velocity.shape} nodes.")
    inside = [np.arange(-border, n + border) for n in velocity.shape]
    depth = [np.maximum(np.maximum(-at, at - n + 1), 0) / max(border, 1) for at, n in zip(inside, velocity.shape, strict=True)]
    damping = strongest * (depth[0][:, None] ** 2 + depth[1] ** 2) * dt
    wide = np.pad(velocity, border, mode="edge")
    field = _march(
        jnp.asarray((dt * wide) ** 2),
        jnp.asarray(damping, jnp.float32),
        jnp.asarray(np.array(source) + border),
        jnp.asarray(nodes + border),
        (dx, 1 / (dt * dx**2), steps, order),
    )
    return np.asarray(field)


@partial(jax.jit, static_argnums=4)
def _march(
    speed: Float[Array, "x z"],
    damping: Float[Array, "x z"],
    source: Int[Array, "2"],
    nodes: Int[Array, "receivers 2"],
    scheme: tuple[float, float, int, int],
) -> Float[Array, "steps receivers"]:
    """Steps of (d/dt + g)^2 u = v^2 (Laplacian u + w delta), with speed = (v dt)^2 and damping = g dt."""
    dx, strength, steps, order = scheme

    def step(fields: tuple[Array, Array], n: Array) -> tuple[tuple[Array, Array], Any]:
        now, change = fields  # the last change in place of the field before: a difference of two would be lost to rounding
        force = laplacian(now, dx, order).at[source[0], source[1]].add(jnp.where(n == 0, strength, 0.0))
        change = ((1 - damping) * change + speed * force - damping**2 * now) / (1 + damping)  # eq. 2
        return (now + change, change), now[nodes[:, 0], nodes[:, 1]]

    start = jnp.zeros_like(speed)
    return jax.lax.scan(step, (start, start), jnp.arange(steps))[1]
