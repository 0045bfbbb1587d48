"""Numbers that change while a training runs.

A schedule is a function of progress, the fraction of the training that is done: 0 at the first step, 1 at the end.
Any numeric field of a method, and the learning rate, may be a plain number or a schedule.
"""

from collections.abc import Callable
from numbers import Real
from typing import Annotated, Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .errors import InputError

Progress = Float[Array, ""]

Number = Annotated[Any, "a number, or a schedule of one"]
"""A float, a schedule, or (inside a training step) the scalar array that either became."""

Ramp = Annotated[Any, "a schedule of a factor, or None"]
"""How a weight changes: the factor by which it is multiplied, a schedule from 0 to 1 or back; None where it is constant."""


class Linear(eqx.Module):
    """A straight line from `start`, left at progress `since`, to `end`, reached at `until`; constant before and after."""

    start: Number
    end: Number
    until: Number = 1.0
    since: Number = 0.0

    def __post_init__(self):
        if isinstance(self.since, Real) and isinstance(self.until, Real) and float(self.since) >= float(self.until):
            raise InputError(f"since={self.since} and until={self.until}; since must be less than until.")

    def __call__(self, progress: Progress) -> Array:
        """The value at this progress."""
        way = (progress - self.since) / (self.until - self.since)
        return self.start + (self.end - self.start) * jnp.clip(way, 0.0, 1.0)

    def __rmul__(self, weight: Number) -> "Linear":
        return Linear(weight * self.start, weight * self.end, self.until, self.since)


class Cosine(eqx.Module):
    """Half a cosine from `start` to `end` over the whole training, after a linear `warmup` from 0."""

    start: Number
    end: Number = 0.0
    warmup: Number = 0.0

    def __call__(self, progress: Progress) -> Array:
        """The value at this progress."""
        rise = jnp.where(self.warmup > 0, jnp.clip(progress / jnp.maximum(self.warmup, 1e-9), 0.0, 1.0), 1.0)
        return rise * (self.end + (self.start - self.end) * 0.5 * (1 + jnp.cos(jnp.pi * progress)))

    def __rmul__(self, weight: Number) -> "Cosine":
        return Cosine(weight * self.start, weight * self.end, self.warmup)


class Ramped(eqx.Module):
    """A weight times a ramp that is a function of the user."""

    weight: Number
    ramp: Number

    def __call__(self, progress: Progress) -> Array:
        """The value at this progress."""
        return at(self.weight, progress) * at(self.ramp, progress)


SCHEDULES: dict[str, Callable[..., Any]] = {"linear": Linear, "cosine": Cosine}


def at(number: Number, progress: Progress) -> Array:
    """The value of a number or schedule at this progress."""
    return jnp.asarray(number(progress) if callable(number) else number, jnp.float32)


def is_number(value: Any) -> bool:
    """Whether this can stand where a number is wanted."""
    return (isinstance(value, Real | jax.Array) and not isinstance(value, bool)) or callable(value)
