"""FactorVAE: a discriminator tells the codes from their shuffle, and the VAE makes that impossible.

H. Kim, A. Mnih, "Disentangling by Factorising", 2018. The discriminator D sees codes z of one batch and the same codes with
every latent permuted over the batch by itself, and learns which is which; log D / (1 - D) then estimates the log density ratio
whose mean is the total correlation. On another batch the VAE minimises (their eq. 2)

    -log p(x|z)  +  KL(q(z|x) || N(0, I))  +  gamma mean log D(z) / (1 - D(z)).

Conventions of `beta_vae.py`; gamma is what the NashAE paper's tables call FactorVAE's beta. The discriminator is that of its
authors' code: three hidden layers of 1,024 SELU units (Kim and Mnih: six of 1,000 leaky ReLU).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from equinox.nn import Sequential
from jaxtyping import Array, Float, Key

from .. import nets
from ..dependence import shuffled
from ..schedules import Number
from .beta_vae import Likelihood, Variational, posterior, reconstruction_error, sampled_divergence
from .latent import Latents
from .protocol import ADAM, Batch, Player, Recommended, check_fields


class FactorVAENets(NamedTuple):
    """The autoencoder, and the discriminator: a code's log odds of being a true one."""

    encoder: nets.Net
    decoder: nets.Net
    discriminator: nets.Net


@dataclass(frozen=True)
class FactorVAE(Variational):
    """The factorising variational autoencoder.

    Args:
        m: number of latents.
        gamma: weight of the total correlation (in the NashAE paper's tables: beta).
        likelihood: p(x|z), as in BetaVAE.
        encoder: your own net of one row, as in BetaVAE.
        decoder: your own net of one code, as in BetaVAE.
        discriminator: your own net of one code (m numbers -> 1, its log odds of being a true one), likewise.
    """

    m: int = 8
    gamma: Number = 75.0
    likelihood: Likelihood = "gaussian"
    encoder: nets.Net | None = None
    decoder: nets.Net | None = None
    discriminator: nets.Net | None = None

    recommended = Recommended(steps=1000, batch=100, lr=1e-4)
    second_batch = True

    def __post_init__(self):
        check_fields(self, gamma=(0, np.inf))

    def build(self, shape: tuple[int, ...], key: Key[Array, ""]) -> FactorVAENets:
        """An autoencoder, and a discriminator."""
        ks = nets.keys(jax.random.fold_in(key, 1))
        if self.discriminator is None:
            discriminator = Sequential(nets.mlp([self.m, 1024, 1024, 1024, 1], nets.SELU, ks, nets.lecun_normal))
        else:
            discriminator = nets.made(self.discriminator, next(ks))
            nets.output_shape(discriminator, "discriminator", (self.m,), (1,))
        base = Latents.build(self, shape, key)
        return FactorVAENets(base.encoder, base.decoder, discriminator)

    def players(self) -> tuple[Player, ...]:
        """The discriminator moves first."""
        momentum = optax.scale_by_adam(b1=0.5, b2=0.9, eps=1e-8)
        judge = Player(self.discriminate, ("discriminator",), optimiser=momentum)
        return (judge, Player(self.loss, ("encoder", "decoder"), optimiser=ADAM))

    def share(self, net: FactorVAENets, state: nets.State, batch: Batch) -> Float[Array, "rows m"]:
        """Codes of the first batch, for the discriminator to learn from."""
        return posterior(net.encoder, batch.x, batch.key).z

    def discriminate(self, net: FactorVAENets, state: nets.State, z: Float[Array, "rows m"], batch: Batch):
        """Half the cross entropy on true codes and half that on shuffled ones."""
        odds = jax.vmap(net.discriminator)(jnp.concatenate([z, shuffled(batch.key, z)]))[:, 0]
        true, false = jnp.split(odds, 2)
        entropy = 0.5 * (jnp.mean(jax.nn.softplus(-true)) + jnp.mean(jax.nn.softplus(false)))
        return entropy, ({"discrimination": entropy}, state)

    def loss(self, net: FactorVAENets, state: nets.State, shared: Any, batch: Batch):
        """The negative evidence lower bound on the second batch, plus gamma times the total correlation."""
        assert batch.second is not None
        q = posterior(net.encoder, batch.second, batch.key)
        reconstruction = reconstruction_error(net.decoder, q.z, batch.second, self.likelihood, batch.missing)
        kl = jnp.mean(jnp.sum(sampled_divergence(q), axis=1))
        correlation = jnp.mean(jax.vmap(net.discriminator)(q.z))
        terms = {"reconstruction": reconstruction, "kl": kl, "correlation": correlation}
        return reconstruction + kl + self.gamma * correlation, (terms, state)
