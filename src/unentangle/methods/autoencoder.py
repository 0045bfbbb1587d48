"""The plain autoencoder: what NashAE is without its game."""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import optax

from .. import nets
from ..data.dataset import Dataset
from ..metrics import learned_by_range
from .latent import Latents, half_mean_square
from .protocol import Batch, Player, Recommended, Trained

ADAM = optax.scale_by_adam(eps=1e-8)


@dataclass(frozen=True)
class AE(Latents):
    """An autoencoder with latents in (0, 1), which lowers half the mean squared error.

    Args:
        m: number of latents.
        encoder: your own net of one row (row -> m numbers, squashed by a sigmoid afterwards): an Equinox module (every seed
            then starts from its weights) or a function of a key that makes one.
        decoder: your own net of one code (m numbers -> row), likewise.
    """

    m: int = 8
    encoder: nets.Net | None = None
    decoder: nets.Net | None = None

    recommended: ClassVar[Recommended] = Recommended(steps=1000, batch=100, lr=1e-3)
    code: ClassVar[Any] = jax.nn.sigmoid

    def __post_init__(self):
        self._check_numbers()

    def players(self) -> tuple[Player, ...]:
        """One player, who moves everything."""
        return (Player(self.loss, optimiser=ADAM),)

    def loss(self, net: nets.Autoencoder, state: nets.State, shared: None, batch: Batch):
        """Half the mean squared error."""
        z = jax.nn.sigmoid(nets.mapped(net.encoder, batch.x))
        reconstruction = half_mean_square(nets.mapped(net.decoder, z), batch.x)
        return reconstruction, ({"reconstruction": reconstruction}, state)

    def learned(self, trained: Trained, data: Dataset) -> int:
        """How many latents move by more than 0.2 over the data."""
        return learned_by_range(self.encode(trained, data))
