"""The nets of methods with one code per row: those of the NashAE authors' code, and the default ones for images.

Weights start as `lecun_normal` says.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from math import prod
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from equinox.nn import Lambda, Sequential
from jaxtyping import Array, Key

from ..data.grid import grid
from .images import Double, Halve
from .initial import lecun_normal
from .layers import FLATTEN, SELU, Conv, Dense, Net, Residual, keys, mlp, reshape
from .own import made, output_shape


class Autoencoder(NamedTuple):
    """An encoder (row -> numbers of the code) and a decoder (code -> row)."""

    encoder: Net
    decoder: Net


def autoencoder(
    shape: tuple[int, ...], m: int, heads: int, key: Key[Array, ""], encoder: Net | None = None, decoder: Net | None = None
) -> Autoencoder:
    """The default nets for rows of any shape, convolutional for images and dense for signals, with a linear head of `heads`
    numbers per latent. A user's own nets take their place.
    """
    ks = keys(key)
    inward, outward = (convolutional if len(grid(shape).space) == 2 else beamsynthesis)(shape, m, heads, ks)
    if encoder is not None:
        inward = made(encoder, next(ks))
        output_shape(inward, "encoder", shape, (heads * m,))
    if decoder is not None:
        outward = made(decoder, next(ks))
        output_shape(outward, "decoder", (m,), shape)
    return Autoencoder(inward, outward)


def both(build: Callable[[Iterator[Key[Array, ""]]], Autoencoder]) -> dict[str, Any]:
    """The two nets of a pair as a method takes them: `NashAE(m=10, **both(partial(dsprites, 10, 1)))`."""
    return {
        "encoder": lambda key: build(keys(key)).encoder,
        "decoder": lambda key: build(keys(jax.random.fold_in(key, 1))).decoder,
    }


def beamsynthesis(shape: tuple[int, ...], m: int, heads: int, ks: Iterator[Key[Array, ""]]) -> Autoencoder:
    """The nets of the NashAE authors' code for Beamsynthesis: 200, 80 and 40 SELU units, and back."""
    size = prod(shape)
    inward = Sequential([FLATTEN, *mlp([size, 200, 80, 40, heads * m], SELU, ks, lecun_normal)])
    return Autoencoder(inward, Sequential([*mlp([m, 40, 80, 200, size], SELU, ks, lecun_normal), reshape(shape)]))


def convolutional(shape: tuple[int, ...], m: int, heads: int, ks: Iterator[Key[Array, ""]]) -> Autoencoder:
    """For images of any size: two residual blocks on patches, the second at half the resolution, and a hidden layer of 256.

    The last layer starts a tenth as large as usual: a full one paints noise, which the first steps undo through the codes, and
    those of NashAE, in (0, 1), end at 0 or 1 and do not come back.
    """
    g, width = grid(shape), 32
    even = all(n % 2 == 0 for n in g.space)
    inner, small = (2 * width, tuple(n // 2 for n in g.space)) if even else (width, g.space)
    down, up = ([Halve(width, inner, next(ks))], [Double(inner, width, next(ks))]) if even else ([], [])
    first = [Lambda(g.cut), Conv(g.kernel, g.channels, width, next(ks)), Residual(g.kernel, width, next(ks)), SELU]
    dense = mlp([inner * prod(small), 256, heads * m], SELU, ks, lecun_normal)
    inward = Sequential([*first, *down, Residual(g.kernel, inner, next(ks)), SELU, FLATTEN, *dense])
    start = [*mlp([m, 256, inner * prod(small)], SELU, ks, lecun_normal), reshape((*small, inner))]
    last = Conv(g.kernel, width, g.channels, next(ks))
    last = eqx.tree_at(lambda conv: conv.weight, last, 0.1 * last.weight)
    middle = [Residual(g.kernel, inner, next(ks)), SELU, *up, Residual(g.kernel, width, next(ks)), SELU]
    return Autoencoder(inward, Sequential([*start, *middle, last, Lambda(g.join)]))


RELU, TANH = Lambda(jax.nn.relu), Lambda(jnp.tanh)


def dsprites(m: int, heads: int, ks: Iterator[Key[Array, ""]]) -> Autoencoder:
    """The dense nets of the NashAE authors' code for dSprites, 64 x 64: two layers of 1,200 units. An autoencoder (one head)
    has ReLU and gain 1 on both sides; a VAE (two) has ReLU's gain, a linear head, and back three layers of tanh and its gain.
    """
    inner, outer = [FLATTEN], [reshape((64, 64))]
    if heads == 1:
        inward, outward = mlp([4096, 1200, 1200, m], RELU, ks, lecun_normal), mlp([m, 1200, 1200, 4096], RELU, ks, lecun_normal)
    else:
        inward = mlp([4096, 1200, 1200], RELU, ks, partial(lecun_normal, gain=2**0.5))
        inward += [RELU, Dense(1200, heads * m, next(ks), lecun_normal)]
        outward = mlp([m, 1200, 1200, 1200, 4096], TANH, ks, partial(lecun_normal, gain=5 / 3))
    return Autoencoder(Sequential([*inner, *inward]), Sequential([*outward, *outer]))


def celeba(m: int, heads: int, ks: Iterator[Key[Array, ""]]) -> Autoencoder:
    """The convolutional nets of the NashAE authors' code for CelebA, 64 x 64 x 3."""
    channels = (3, 32, 32, 64, 64)
    inner = [layer for a, b in pairwise(channels) for layer in (Halve(a, b, next(ks)), SELU)]
    inward = [*inner, FLATTEN, *mlp([1024, 256, heads * m], SELU, ks, lecun_normal)]
    outer = [layer for a, b in pairwise(channels[::-1]) for layer in (Double(a, b, next(ks)), SELU)]
    outward = [*mlp([m, 256, 1024], SELU, ks, lecun_normal), SELU, reshape((4, 4, 64)), *outer[:-1]]
    return Autoencoder(Sequential(inward), Sequential(outward))
