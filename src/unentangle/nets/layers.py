"""Layers, channel-last, and how nets of them are applied.

A net is a plain function of one row (Equinox style); `over_rows` maps it over many.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from equinox.nn import Lambda, Sequential
from jaxtyping import Array, Float, Inexact, Key

from .images import Double, Halve
from .initial import Start, glorot_uniform, keras

Net = Callable[..., Any]
State = eqx.nn.State


class Dense(eqx.Module):
    """x W + b."""

    weight: Float[Array, "inputs outputs"]
    bias: Float[Array, " outputs"]

    def __init__(self, inputs: int, outputs: int, key: Key[Array, ""], start: Start = keras):
        self.weight, self.bias = start(key, inputs, outputs)

    def __call__(self, x: Float[Array, " inputs"], *, key=None) -> Float[Array, " outputs"]:
        """One row."""
        return x @ self.weight + self.bias


class Conv(eqx.Module):
    """Convolution with zero padding to the same size and stride 1, in one or two dimensions, channels last."""

    weight: Float[Array, "*kernel inputs outputs"]
    bias: Float[Array, " outputs"]

    def __init__(self, kernel: tuple[int, ...], inputs: int, outputs: int, key: Key[Array, ""]):
        self.weight, self.bias = glorot_uniform(key, (*kernel, inputs, outputs)), jnp.zeros(outputs)

    def __call__(self, x: Float[Array, "*space inputs"], *, key=None) -> Float[Array, "*space outputs"]:
        """One row."""
        space = "WH"[: x.ndim - 1]
        layout = (f"N{space}C", f"{space}IO", f"N{space}C")
        strides = (1,) * len(space)
        y = jax.lax.conv_general_dilated(x[None], self.weight, strides, "SAME", dimension_numbers=layout)
        return y[0] + self.bias


class Residual(eqx.Module):
    """x + two convolutions of it, the second of which starts from zero."""

    first: Conv
    second: Conv

    def __init__(self, kernel: tuple[int, ...], channels: int, key: Key[Array, ""]):
        self.first, second = Conv(kernel, channels, channels, key), Conv(kernel, channels, channels, key)
        self.second = eqx.tree_at(lambda conv: conv.weight, second, jnp.zeros_like(second.weight))

    def __call__(self, x: Float[Array, "*space c"], *, key=None) -> Float[Array, "*space c"]:
        """One row."""
        return x + self.second(selu(self.first(selu(x))))


class BatchNorm(eqx.nn.StatefulLayer):
    """Normalise each channel over all rows and positions, as Keras does (momentum 0.99, epsilon 1e-3; running statistics begin
    at 0 and 1, and that is not corrected).

    Weights and running statistics are Equinox's, whose own form, of one row among others, takes six times as long.
    """

    norm: Any

    def __init__(self, channels: int):
        self.norm = eqx.nn.BatchNorm(channels, axis_name="rows", momentum=0.99, eps=1e-3, mode="batch")

    def __call__(self, x: Float[Array, "n *space c"], state: State, *, key=None) -> tuple[Float[Array, "n *space c"], State]:
        """Many rows, unlike other layers."""
        norm, axes = self.norm, tuple(range(x.ndim - 1))
        count, running = state.get(norm.batch_counter), state.get(norm.batch_state_index)
        if norm.inference:
            mean, variance = running
        else:
            mean = x.mean(axis=axes)
            variance = jnp.mean((x - mean) ** 2, axis=axes)
            moved = [
                norm.momentum * old + (1 - norm.momentum) * new for old, new in zip(running, (mean, variance), strict=True)
            ]
            state = state.set(norm.batch_counter, count + 1).set(norm.batch_state_index, tuple(moved))
        return (x - mean) * (norm.weight / jnp.sqrt(variance + norm.eps)) + norm.bias, state


def max_pool(x: Float[Array, "*space c"]) -> Float[Array, "*half c"]:
    """Halve every space axis longer than 1 by the larger of two neighbours; an odd last position is dropped, as in Keras."""
    for axis in range(x.ndim - 1):
        if x.shape[axis] > 1:
            x = jnp.maximum(*_even_and_odd(x, axis))
    return x


def blur_pool(x: Float[Array, "*space c"]) -> Float[Array, "*half c"]:
    """Halve every space axis longer than 1: the larger of two neighbours at every position, then every second one of their
    averages with weights (1, 3, 3, 1) / 8, so that a shift by one position changes little (Zhang 2019).
    """
    for axis in range(x.ndim - 1):
        if x.shape[axis] > 1:
            even, odd = _even_and_odd(x, axis)
            within, between = jnp.maximum(even, odd), jnp.maximum(odd, _moved(even, axis, 1))
            x = (_moved(between, axis, -1) + 3 * within + 3 * between + _moved(within, axis, 1)) / 8
    return x


def _even_and_odd(x: Array, axis: int) -> tuple[Array, Array]:
    """Every second position along an axis, and the others; an odd last one is dropped."""
    half = x.shape[axis] // 2
    pairs = jax.lax.slice_in_dim(x, 0, 2 * half, axis=axis).reshape(*x.shape[:axis], half, 2, *x.shape[axis + 1 :])
    even, odd = (jnp.take(pairs, i, axis=axis + 1) for i in (0, 1))
    return even, odd


def _moved(x: Array, axis: int, by: Literal[1, -1]) -> Array:
    """Every position's next (1) or last (-1) neighbour along an axis; at the end, itself."""
    parts = [(1, None), (-1, None)] if by == 1 else [(None, 1), (None, -1)]
    return jnp.concatenate([x[(*[slice(None)] * axis, slice(*part))] for part in parts], axis=axis)


def upsample(factor: int) -> Lambda:
    """Repeat every position `factor` times along every space axis."""

    def repeat(x: Float[Array, "*space c"]) -> Float[Array, "*larger c"]:
        for axis in range(x.ndim - 1):
            x = jnp.repeat(x, factor, axis=axis)
        return x

    return Lambda(repeat)


def reshape(shape: tuple[int, ...]) -> Lambda:
    """Give a row this shape."""
    return Lambda(lambda x: jnp.reshape(x, shape))


@jax.custom_jvp
def elu(x: Array) -> Array:
    """Exponential linear unit (Clevert et al. 2016). Like that of `selu`, its derivative is taken from its value, without a
    second exponential, where a step would spend much of its time.
    """
    return jnp.where(x > 0, x, jnp.exp(jnp.minimum(x, 0.0)) - 1)


@elu.defjvp
def _elu_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    y = elu(*primals)
    return y, tangents[0] * jnp.where(y > 0, 1, y + 1)


@jax.custom_jvp
def selu(x: Array) -> Array:
    """Scaled exponential linear unit (Klambauer et al. 2017)."""
    return SELU_SCALE * jnp.where(x > 0, x, SELU_ALPHA * (jnp.exp(jnp.minimum(x, 0.0)) - 1))


SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


@selu.defjvp
def _selu_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    y = selu(*primals)
    return y, tangents[0] * jnp.where(y > 0, SELU_SCALE, y + SELU_SCALE * SELU_ALPHA)


ELU, SELU, LINEAR = Lambda(elu), Lambda(selu), Lambda(lambda x: x)
POOL, FLATTEN = Lambda(max_pool), Lambda(jnp.ravel)


def over_rows(net: Net, x: Inexact[Array, "rows ..."], state: State) -> tuple[Array, State]:
    """Apply a net of one row to many, layer by layer, as some layers do many rows faster at once, and pass the state of its
    layers (batch statistics) along.
    """
    if isinstance(net, Sequential):
        for layer in net.layers:
            x, state = over_rows(layer, x, state)
        return x, state
    if isinstance(net, BatchNorm):
        return net(x, state)
    if isinstance(net, eqx.nn.StatefulLayer) and net.is_stateful():
        return jax.vmap(net, axis_name="rows", in_axes=(0, None), out_axes=(0, None))(x, state)
    return net.rows(x) if isinstance(net, Halve | Double) else jax.vmap(net)(x), state


def mapped(net: Net, x: Inexact[Array, "rows ..."]) -> Array:
    """Apply a net of one row, without a state, to many."""
    return over_rows(net, x, STATELESS)[0]


STATELESS = State(())


def keys(key: Key[Array, ""]) -> Iterator[Key[Array, ""]]:
    """Fresh keys without end."""
    while True:
        key, fresh = jax.random.split(key)
        yield fresh


def mlp(widths: list[int], activation: Lambda, ks: Iterator[Key[Array, ""]], start: Start = keras) -> list[Any]:
    """Dense layers of these widths, the activation between them."""
    layers: list[Any] = []
    for inputs, outputs in pairwise(widths):
        layers += [Dense(inputs, outputs, next(ks), start), activation]
    return layers[:-1]
