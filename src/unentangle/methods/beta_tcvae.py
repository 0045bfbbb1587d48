"""beta-TCVAE: the divergence of a VAE taken apart, and only the dependence of the latents punished.

R. T. Q. Chen, X. Li, R. Grosse, D. Duvenaud, "Isolating Sources of Disentanglement in VAEs", 2018. With q(z) the mean of q(z|x)
over the data, the divergence from the prior is the sum of three parts (their eq. 2),

    mutual information  log q(z|x) - log q(z)
    total correlation   log q(z) - sum_d log q(z_d)
    dimension-wise KL   sum_d log q(z_d) - log p(z_d),

of which the second is weighted by beta. q(z) is estimated from the batch (`dependence.aggregate_densities`). Conventions of
`beta_vae.py`.
"""

from dataclasses import dataclass
from typing import Literal

import jax.numpy as jnp
import numpy as np

from .. import nets
from ..dependence import aggregate_densities
from ..gaussian import log_normal
from ..schedules import Number
from .beta_vae import ADAGRAD, Likelihood, Variational, posterior, reconstruction_error
from .protocol import Batch, Player, Recommended, check_fields


@dataclass(frozen=True)
class BetaTCVAE(Variational):
    """The total-correlation variational autoencoder.

    Args:
        m: number of latents.
        beta: weight of the total correlation.
        sampler: "weighted" or "stratified", how q(z) is estimated from a batch.
        likelihood: p(x|z), as in BetaVAE.
        encoder: your own net of one row, as in BetaVAE.
        decoder: your own net of one code, as in BetaVAE.
    """

    m: int = 8
    beta: Number = 75.0
    sampler: Literal["weighted", "stratified"] = "weighted"
    likelihood: Likelihood = "gaussian"
    encoder: nets.Net | None = None
    decoder: nets.Net | None = None

    recommended = Recommended(steps=1000, batch=100, lr=1e-2)

    def __post_init__(self):
        check_fields(self, beta=(0, np.inf))

    @property
    def may_repeat(self) -> bool:
        """Whether a batch may hold a row twice: the stratified weights are for different rows."""
        return self.sampler == "weighted"

    def players(self) -> tuple[Player, ...]:
        """One player, who moves everything."""
        return (Player(self.loss, optimiser=ADAGRAD),)

    def loss(self, net: nets.Autoencoder, state: nets.State, shared: None, batch: Batch):
        """Reconstruction error plus mutual information, beta times total correlation, and dimension-wise divergence."""
        q = posterior(net.encoder, batch.x, batch.key)
        reconstruction = reconstruction_error(net.decoder, q.z, batch.x, self.likelihood, batch.missing)
        joint, each = aggregate_densities(q.z, q.mean, q.log_var, batch.n, self.sampler)
        conditional = jnp.sum(log_normal(q.z, q.mean, q.log_var), axis=1)
        information = jnp.mean(conditional - joint)
        correlation = jnp.mean(joint - jnp.sum(each, axis=1))
        divergence = jnp.mean(jnp.sum(each - log_normal(q.z, 0.0, 0.0), axis=1))
        terms = {
            "reconstruction": reconstruction,
            "information": information,
            "correlation": correlation,
            "divergence": divergence,
        }
        return reconstruction + information + self.beta * correlation + divergence, (terms, state)
