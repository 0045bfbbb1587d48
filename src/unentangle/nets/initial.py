"""First weights, as in the code of each paper's authors."""

from collections.abc import Callable
from math import prod

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key


def drawn(draw: Callable[..., Array], key: Key[Array, ""], shape: tuple[int, ...], *bounds: float) -> Array:
    """`draw(key, shape)` of a distribution of `jax.random`, and a few compiled programs for layers of all sizes: jax's numbers
    do not depend on how many are drawn, so that these are the first of many.
    """
    n = prod(shape)
    return draw(key, (max(2**14, 2 ** (n - 1).bit_length()),), jnp.float32, *bounds)[:n].reshape(shape)


def glorot_uniform(key: Key[Array, ""], shape: tuple[int, ...]) -> Array:
    """Uniform on +-sqrt(6 / (fan in + fan out)), the last two axes being inputs and outputs (Glorot and Bengio 2010)."""
    receptive = prod(shape[:-2])
    limit = (6 / (receptive * (shape[-2] + shape[-1]))) ** 0.5
    return drawn(jax.random.uniform, key, shape, -limit, limit)


def keras(key: Key[Array, ""], inputs: int, outputs: int) -> tuple[Array, Array]:
    """Weights and biases as Keras starts a dense layer."""
    return glorot_uniform(key, (inputs, outputs)), jnp.zeros(outputs)


def lecun_normal(key: Key[Array, ""], inputs: int, outputs: int, gain: float = 1.0) -> tuple[Array, Array]:
    """Normal weights of variance gain^2 / inputs, as SELU wants them with gain 1, and PyTorch's biases, uniform on
    +-1 / sqrt(inputs).
    """
    first, second = jax.random.split(key)
    scale = inputs**-0.5
    weight = gain * scale * drawn(jax.random.normal, first, (inputs, outputs))
    return weight, drawn(jax.random.uniform, second, (outputs,), -scale, scale)


Start = Callable[[Key[Array, ""], int, int], tuple[Array, Array]]
