"""Layers of images that halve and double their height and width, with gradients that are fast on a CPU."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from .initial import lecun_normal


class Halve(eqx.Module):
    """A 4 x 4 convolution with stride 2 and padding 1: half the height and width, which must be even."""

    weight: Float[Array, "4 4 inputs outputs"]
    bias: Float[Array, " outputs"]

    def __init__(self, inputs: int, outputs: int, key: Key[Array, ""]):
        weight, self.bias = lecun_normal(key, 16 * inputs, outputs)
        self.weight = weight.reshape(4, 4, inputs, outputs)

    def __call__(self, x: Float[Array, "height width inputs"], *, key=None) -> Float[Array, "half_height half_width outputs"]:
        """One row."""
        return _strided(x[None], self.weight)[0] + self.bias

    def rows(self, x: Float[Array, "n height width inputs"]) -> Float[Array, "n half_height half_width outputs"]:
        """Many rows."""
        return halved(x, self.weight) + self.bias


class Double(eqx.Module):
    """A transposed 4 x 4 convolution with stride 2 and padding 1: twice the height and width; the transpose of `Halve`."""

    weight: Float[Array, "4 4 outputs inputs"]
    bias: Float[Array, " outputs"]

    def __init__(self, inputs: int, outputs: int, key: Key[Array, ""]):
        first, second = jax.random.split(key)
        weight, _ = lecun_normal(first, 16 * outputs, inputs)  # PyTorch counts the outputs of such a layer as its inputs
        self.weight = weight.reshape(4, 4, outputs, inputs)
        _, self.bias = lecun_normal(second, 16 * outputs, outputs)

    def __call__(self, x: Float[Array, "height width inputs"], *, key=None) -> Float[Array, "twice_height twice_width outputs"]:
        """One row."""
        return _transposed(x[None], self.weight)[0] + self.bias

    def rows(self, x: Float[Array, "n height width inputs"]) -> Float[Array, "n twice_height twice_width outputs"]:
        """Many rows."""
        return doubled(x, self.weight) + self.bias


# The two are each other's gradient. jax would take that of the first by a convolution of an image with holes, which is ten
# times slower on a CPU than one of 2 x 2 blocks. That works on many rows only (`mapped`), because the gradient of a kernel is a
# sum over rows.


def _strided(x: Any, kernel: Any) -> Float[Array, "n half_h half_w o"]:
    return jax.lax.conv_general_dilated(x, kernel, (2, 2), [(1, 1), (1, 1)], dimension_numbers=("NHWC", "HWIO", "NHWC"))


def _transposed(y: Any, kernel: Any) -> Float[Array, "n twice_h twice_w c"]:
    """Every 2 x 2 block of an image with a border of one, from 2 x 2 pixels."""
    n, height, width, outputs = y.shape
    blocks = kernel.reshape(2, 2, 2, 2, -1, outputs)[::-1, :, ::-1].transpose(0, 2, 5, 1, 3, 4).reshape(2, 2, outputs, -1)
    y = jax.lax.conv_general_dilated(y, blocks, (1, 1), [(1, 1), (1, 1)], dimension_numbers=("NHWC", "HWIO", "NHWC"))
    y = y.reshape(n, height + 1, width + 1, 2, 2, -1).transpose(0, 1, 3, 2, 4, 5)
    return y.reshape(n, 2 * height + 2, 2 * width + 2, -1)[:, 1:-1, 1:-1]


def _of_kernel(x: Any, y: Float[Array, "n half_h half_w o"]) -> Float[Array, "4 4 c o"]:
    """The gradient of sum(_strided(x, kernel) * y) for the kernel; for images of few channels by the patches that it meets."""
    channels, outputs = x.shape[3], y.shape[3]
    if channels > 4:
        kernel = jnp.zeros((4, 4, channels, outputs))
        return jax.linear_transpose(lambda kernel: _strided(x, kernel), kernel)(y)[0]
    x = jnp.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    last = [n - 2 for n in x.shape[1:3]]
    patches = jnp.concatenate([x[:, i : last[0] + i : 2, j : last[1] + j : 2] for i in range(4) for j in range(4)], axis=3)
    return (patches.reshape(-1, 16 * channels).T @ y.reshape(-1, outputs)).reshape(4, 4, channels, outputs)


@jax.custom_vjp
def halved(x: Any, kernel: Any) -> Float[Array, "n half_h half_w o"]:
    """`Halve` of many rows, without its bias."""
    return _strided(x, kernel)


@jax.custom_vjp
def doubled(y: Any, kernel: Any) -> Float[Array, "n twice_h twice_w c"]:
    """`Double` of many rows, without its bias."""
    return _transposed(y, kernel)


def _halved_gradient(saved: tuple[Array, Array], slope: Array) -> tuple[Array, Array]:
    x, kernel = saved
    return _transposed(slope, kernel), _of_kernel(x, slope)


def _doubled_gradient(saved: tuple[Array, Array], slope: Array) -> tuple[Array, Array]:
    y, kernel = saved
    return _strided(slope, kernel), _of_kernel(slope, y)


halved.defvjp(lambda x, kernel: (_strided(x, kernel), (x, kernel)), _halved_gradient)
doubled.defvjp(lambda y, kernel: (_transposed(y, kernel), (y, kernel)), _doubled_gradient)
