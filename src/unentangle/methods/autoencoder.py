"""The plain autoencoder: what NashAE is without its game."""

from dataclasses import dataclass

from .. import nets
from .codes import Part
from .latent import Latents, by_range, squashed
from .protocol import ADAM, Batch, Player, Recommended, check_fields, half_mean_square


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

    recommended = Recommended(steps=1000, batch=100, lr=1e-3)

    def __post_init__(self):
        check_fields(self)

    @property
    def parts(self) -> tuple[Part, ...]:
        """Latents in (0, 1)."""
        return (Part("latents", self.m, encode=squashed, learned=by_range),)

    def players(self) -> tuple[Player, ...]:
        """One player, who moves everything."""
        return (Player(self.loss, optimiser=ADAM),)

    def loss(self, net: nets.Autoencoder, state: nets.State, shared: None, batch: Batch):
        """Half the mean squared error."""
        z = squashed(net, state, batch.x)
        reconstruction = half_mean_square(nets.mapped(net.decoder, z), batch.x, batch.missing)
        return reconstruction, ({"reconstruction": reconstruction}, state)
