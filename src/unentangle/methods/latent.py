"""What methods share whose code is one vector of m latents per row."""

from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, Key

from .. import nets
from .protocol import Defaults


class Latents(Defaults):
    """A method with m latents per row.

    In its nets, `encoder` is a function of one row that gives `heads` numbers per latent, `decoder` a function of one code.
    """

    m: int
    encoder: nets.Net | None
    decoder: nets.Net | None
    heads: ClassVar[int] = 1
    encoders = ("encoder",)

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> tuple[Any, nets.State]:
        """Fresh nets for rows of this shape."""
        return eqx.nn.make_with_state(self.build)(shape, key)

    def build(self, shape: tuple[int, ...], key: Key[Array, ""]) -> Any:
        """The nets: an autoencoder, unless the method has more."""
        return nets.autoencoder(shape, self.m, self.heads, key, self.encoder, self.decoder)

    @property
    def decode(self) -> Callable[..., Array]:
        """The decoder as a function of codes."""
        return decoded


def decoded(net: Any, state: nets.State, group: Array, codes: Float[Array, "rows m"]) -> Array:
    """The row of every code."""
    return nets.mapped(net.decoder, codes)


def squashed(net: Any, state: nets.State, x: Float[Array, "rows ..."]) -> Float[Array, "rows m"]:
    """Codes in (0, 1): the sigmoid of what the encoder gives."""
    return jax.nn.sigmoid(nets.mapped(net.encoder, x))


def by_range(codes: np.ndarray, variances: np.ndarray | None) -> int:
    """Latents in (0, 1) are learned if they move by more than 0.2 over the data: the rule of NashAE's authors."""
    from ..metrics import learned_by_range

    return learned_by_range(codes)
