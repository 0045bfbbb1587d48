"""Rows of any shape as convolutions see them."""

from math import ceil
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float


class Grid(NamedTuple):
    """A row as convolutions see it: patches of neighbouring samples on a line of at most 128 or a square of at most 16.

    Long signals and large images are cut into patches whose samples become channels, so that the cost of a net does not grow
    with their resolution.
    """

    shape: tuple[int, ...]
    row: tuple[int, ...]
    patch: int
    space: tuple[int, ...]
    channels: int

    @property
    def kernel(self) -> tuple[int, ...]:
        """The size of a convolution kernel: 5 on a line, 3 x 3 on a plane."""
        return (5,) if len(self.space) == 1 else (3, 3)

    def _padded(self) -> tuple[int, ...]:
        return tuple(n * self.patch for n in self.space)

    def cut(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """A row as (*space, channels), padded with zeros to whole patches."""
        x = x.reshape(*self.row)
        size, dims = x.shape[:-1], len(self.space)
        x = jnp.pad(x, [*((0, full - n) for full, n in zip(self._padded(), size, strict=True)), (0, 0)])
        x = x.reshape(*(n for pair in zip(self.space, (self.patch,) * dims, strict=True) for n in pair), -1)
        return jnp.moveaxis(x, range(0, 2 * dims, 2), range(dims)).reshape(*self.space, self.channels)

    def join(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """The inverse of `cut`: (*space, channels) as a row."""
        dims = len(self.space)
        x = x.reshape(*self.space, *(self.patch,) * dims, -1)
        x = jnp.moveaxis(x, range(dims), range(0, 2 * dims, 2)).reshape(*self._padded(), -1)
        return x[tuple(slice(n) for n in self.row[:-1])].reshape(self.shape)


def grid(shape: tuple[int, ...]) -> Grid:
    """How to see a row of this shape: (length,), (length, channels), (height, width) or (height, width, channels).

    Two axes of equal size are a grey image; two of different size are a signal and its channels.
    """
    image = len(shape) == 3 or (len(shape) == 2 and shape[0] == shape[1])
    row = shape if len(shape) == 3 or (len(shape) == 2 and not image) else (*shape, 1)
    size = row[:-1]
    patch = ceil(max(size) / (16 if image else 128))
    return Grid(shape, row, patch, tuple(ceil(n / patch) for n in size), row[-1] * patch ** len(size))
