"""The variational autoencoder and beta-VAE.

D. P. Kingma, M. Welling, "Auto-Encoding Variational Bayes", 2013; I. Higgins et al., "beta-VAE: Learning Basic Visual Concepts
with a Constrained Variational Framework", 2017. Minimises, on standardised rows,

    -log p(x|z)  +  beta KL(q(z|x) || N(0, I)),     z ~ q(z|x) = N(mean(x), diag var(x)),

mean over rows, SUM over samples and over latents: the convention under which the printed beta mean what they say. p(x|z) is a
Gaussian of variance 1, or for rows in 0..1 a Bernoulli distribution, whose log odds the decoder gives. As in the code of
NashAE's authors, which made the printed tables, KL is log q(z|x) - log p(z) at the sampled z by default, and the optimiser is
Adagrad.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Key

from .. import nets
from ..data.dataset import Dataset, Scale
from ..errors import InputError
from ..gaussian import kl_to_prior, log_normal, sample
from ..schedules import Number
from .codes import Part
from .latent import Latents, decoded
from .protocol import Batch, Player, Recommended, check_fields

Likelihood = Literal["gaussian", "bernoulli"]
ADAGRAD = optax.scale_by_rss(initial_accumulator_value=0.0, eps=1e-10)


class Posterior(NamedTuple):
    """q(z|x) of every row of a batch, and a sample of each."""

    mean: Float[Array, "rows m"]
    log_var: Float[Array, "rows m"]
    z: Float[Array, "rows m"]


def posterior(encoder: nets.Net, x: Float[Array, "rows ..."], key: Key[Array, ""]) -> Posterior:
    """q(z|x) and z ~ q(z|x)."""
    mean, log_var = jnp.split(nets.mapped(encoder, x), 2, axis=1)
    return Posterior(mean, log_var, sample(key, mean, log_var))


def reconstruction_error(
    decoder: nets.Net, z: Float[Array, "rows m"], x: Float[Array, "rows ..."], likelihood: Likelihood, missing: bool = False
) -> Float[Array, ""]:
    """-log p(x|z), mean over rows, sum over samples: of a Gaussian of variance 1, or of a Bernoulli distribution.

    Where values may be missing, the sum is over those that are there, times the share by which samples outnumber them.
    """
    y = nets.mapped(decoder, z)
    there = ~jnp.isnan(x) if missing else None
    x = x if there is None else jnp.where(there, x, 0)
    log_p = x * y - jax.nn.softplus(y) if likelihood == "bernoulli" else log_normal(x, y, 0.0)
    if there is not None:
        log_p = jnp.where(there, log_p, 0) * (there.size / jnp.maximum(jnp.sum(there), 1))
    return -jnp.mean(jnp.sum(log_p.reshape(len(x), -1), axis=1))


class Variational(Latents):
    """What VAEs share: their p(x|z), and the mean and variance of their q(z|x)."""

    likelihood: Likelihood
    heads: ClassVar[int] = 2

    @property
    def parts(self) -> tuple[Part, ...]:
        """The mean of q(z|x)."""
        return (Part("latents", self.m, encode=means, variance=variances, learned=by_wide_range),)

    @property
    def decode(self) -> Callable[..., Array]:
        """The mean of p(x|z)."""
        return probabilities if self.likelihood == "bernoulli" else decoded

    def check(self, data: Dataset, batch: int | tuple[int, int]) -> None:
        """Refuse rows that are no probabilities, for a Bernoulli likelihood."""
        if self.likelihood == "bernoulli":
            low, high = (f([f(x) for _, x in data.chunks()]) for f in (np.min, np.max))
            if data.scale != Scale(0.0, 1.0) or low < 0 or high > 1:
                raise InputError(
                    "likelihood='bernoulli' needs rows in 0..1 that are not standardised; these go from "
                    f"{low:g} to {high:g} with {data.scale}: Dataset(x, scaling=Scale(0.0, 1.0)) leaves rows as they are."
                )


def sampled_divergence(q: Posterior) -> Float[Array, "rows m"]:
    """Log q(z|x) - log p(z) of every latent at the sampled z, whose mean is KL(q(z|x) || N(0, 1))."""
    return log_normal(q.z, q.mean, q.log_var) - log_normal(q.z, 0.0, 0.0)


def means(net: Any, state: nets.State, x: Float[Array, "rows ..."]) -> Float[Array, "rows m"]:
    """The mean of q(z|x), the first half of what the encoder gives."""
    return jax.vmap(lambda output: output[: output.shape[0] // 2])(nets.mapped(net.encoder, x))


def variances(net: Any, state: nets.State, x: Float[Array, "rows ..."]) -> Float[Array, "rows m"]:
    """The variance of q(z|x)."""
    return jnp.exp(jnp.split(nets.mapped(net.encoder, x), 2, axis=1)[1])


def probabilities(net: Any, state: nets.State, group: Array, codes: Float[Array, "rows m"]) -> Array:
    """The mean of a Bernoulli p(x|z), whose log odds the decoder gives."""
    return jax.nn.sigmoid(decoded(net, state, group, codes))


def by_wide_range(codes: np.ndarray, variances: np.ndarray | None) -> int:
    """Latents are learned if their means range over 2 or more: the rule of NashAE's authors for beta-TCVAE and FactorVAE."""
    from ..metrics import learned_by_range

    return learned_by_range(codes, 2.0, inclusive=True)


def by_variance(codes: np.ndarray, variances: np.ndarray | None) -> int:
    """Latents are learned if their variance is at most 0.8 on average over the data: the rule of NashAE's authors for VAEs."""
    from ..metrics import learned_by_variance

    return learned_by_variance(variances)


@dataclass(frozen=True)
class BetaVAE(Variational):
    """The beta-variational autoencoder.

    Args:
        m: number of latents.
        beta: weight of the divergence from the prior.
        kl: "sampled" takes the divergence at the sampled z, "exact" in closed form.
        likelihood: p(x|z), "gaussian" or, for rows in 0..1 that are not standardised, "bernoulli".
        encoder: your own net of one row (row -> m means and m log variances): an Equinox module (every seed then starts from
            its weights) or a function of a key that makes one.
        decoder: your own net of one code (m numbers -> row), likewise.
    """

    m: int = 8
    beta: Number = 100.0
    kl: Literal["sampled", "exact"] = "sampled"
    likelihood: Likelihood = "gaussian"
    encoder: nets.Net | None = None
    decoder: nets.Net | None = None

    recommended = Recommended(steps=1000, batch=100, lr=1e-2)

    def __post_init__(self):
        check_fields(self, beta=(0, np.inf))

    @property
    def parts(self) -> tuple[Part, ...]:
        """The mean of q(z|x)."""
        return (Part("latents", self.m, encode=means, variance=variances, learned=by_variance),)

    def players(self) -> tuple[Player, ...]:
        """One player, who moves everything."""
        return (Player(self.loss, optimiser=ADAGRAD),)

    def loss(self, net: nets.Autoencoder, state: nets.State, shared: None, batch: Batch):
        """The negative evidence lower bound, its divergence weighted by beta."""
        q = posterior(net.encoder, batch.x, batch.key)
        reconstruction = reconstruction_error(net.decoder, q.z, batch.x, self.likelihood, batch.missing)
        divergence = kl_to_prior(q.mean, q.log_var) if self.kl == "exact" else sampled_divergence(q)
        kl = jnp.mean(jnp.sum(divergence, axis=1))
        return reconstruction + self.beta * kl, ({"reconstruction": reconstruction, "kl": kl}, state)


@dataclass(frozen=True)
class VAE(BetaVAE):
    """The variational autoencoder: beta is 1.

    Args:
        m: number of latents.
        beta: weight of the divergence from the prior.
        kl: "sampled" takes the divergence at the sampled z, "exact" in closed form.
        likelihood: p(x|z), "gaussian" or, for rows in 0..1 that are not standardised, "bernoulli".
        encoder: your own net of one row, as in BetaVAE.
        decoder: your own net of one code, as in BetaVAE.
    """

    beta: Number = 1.0
