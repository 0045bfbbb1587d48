"""The variational autoencoder and beta-VAE.

D. P. Kingma, M. Welling, "Auto-Encoding Variational Bayes", 2013; I. Higgins et al., "beta-VAE: Learning Basic Visual Concepts
with a Constrained Variational Framework", 2017. Minimises, on standardised rows,

    -log p(x|z)  +  beta KL(q(z|x) || N(0, I)),     z ~ q(z|x) = N(mean(x), diag var(x)),

mean over rows, SUM over samples and over latents: the convention under which the printed beta mean what they say. p(x|z) is a
Gaussian of variance 1, or for rows in 0..1 a Bernoulli distribution, whose log odds the decoder gives. As in the code of
NashAE's authors, which made the printed tables, KL is log q(z|x) - log p(z) at the sampled z by default, and the optimiser is
Adagrad.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Key
from scipy.special import expit

from .. import nets
from ..data.dataset import Dataset, Scale
from ..errors import InputError
from ..gaussian import kl_to_prior, log_normal, sample
from ..metrics import learned_by_variance
from ..schedules import Number
from .latent import Latents
from .protocol import Batch, Player, Recommended, Trained

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
    decoder: nets.Net, z: Float[Array, "rows m"], x: Float[Array, "rows ..."], likelihood: Likelihood
) -> Float[Array, ""]:
    """-log p(x|z), mean over rows, sum over samples: of a Gaussian of variance 1, or of a Bernoulli distribution."""
    y = nets.mapped(decoder, z)
    log_p = x * y - jax.nn.softplus(y) if likelihood == "bernoulli" else log_normal(x, y, 0.0)
    return -jnp.mean(jnp.sum(log_p.reshape(len(x), -1), axis=1))


class Variational(Latents):
    """What VAEs share: their p(x|z), and the spread of their q(z|x)."""

    likelihood: Likelihood

    def check(self, data: Dataset, batch: int | tuple[int, int]) -> None:
        """Refuse rows that are no probabilities, for a Bernoulli likelihood."""
        if self.likelihood == "bernoulli":
            low, high = (f([f(x) for _, x in data.chunks()]) for f in (np.min, np.max))
            if data.scale != Scale(0.0, 1.0) or low < 0 or high > 1:
                raise InputError(
                    "likelihood='bernoulli' needs rows in 0..1 that are not standardised; these go from "
                    f"{low:g} to {high:g} with {data.scale}: Dataset(x, scaling=Scale(0.0, 1.0)) leaves rows as they are."
                )

    def shown(self, rows: Any) -> Any:
        """The mean of p(x|z) for what the decoder gives."""
        probability: Any = expit if isinstance(rows, np.ndarray) else jax.nn.sigmoid
        return probability(rows) if self.likelihood == "bernoulli" else rows

    def variances(self, trained: Trained, data: Dataset) -> Float[np.ndarray, "rows m"]:
        """The variances of q(z|x) of every row."""
        return trained.rows(_variances, data)

    def divergence(self, trained: Trained, data: Dataset) -> Float[np.ndarray, " m"]:
        """KL(q(z|x) || N(0, 1)) of every latent, the mean over rows, in nats."""
        mean, log_var = self.encode(trained, data), np.log(self.variances(trained, data))
        return np.asarray(kl_to_prior(jnp.asarray(mean), jnp.asarray(log_var))).mean(axis=0)


def sampled_divergence(q: Posterior) -> Float[Array, "rows m"]:
    """Log q(z|x) - log p(z) of every latent at the sampled z, whose mean is KL(q(z|x) || N(0, 1))."""
    return log_normal(q.z, q.mean, q.log_var) - log_normal(q.z, 0.0, 0.0)


def mean_of(output: Float[Array, " twice"]) -> Float[Array, " m"]:
    """The mean, the first half of what the encoder says of a row."""
    return output[: output.shape[0] // 2]


def _variances(net, state, x):
    return jnp.exp(jnp.split(nets.mapped(net.encoder, x), 2, axis=1)[1])


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

    recommended: ClassVar[Recommended] = Recommended(steps=1000, batch=100, lr=1e-2)
    heads: ClassVar[int] = 2
    code: ClassVar[Any] = mean_of

    def __post_init__(self):
        self._check_numbers(beta=(0, np.inf))

    def players(self) -> tuple[Player, ...]:
        """One player, who moves everything."""
        return (Player(self.loss, optimiser=ADAGRAD),)

    def loss(self, net: nets.Autoencoder, state: nets.State, shared: None, batch: Batch):
        """The negative evidence lower bound, its divergence weighted by beta."""
        q = posterior(net.encoder, batch.x, batch.key)
        reconstruction = reconstruction_error(net.decoder, q.z, batch.x, self.likelihood)
        divergence = kl_to_prior(q.mean, q.log_var) if self.kl == "exact" else sampled_divergence(q)
        kl = jnp.mean(jnp.sum(divergence, axis=1))
        return reconstruction + self.beta * kl, ({"reconstruction": reconstruction, "kl": kl}, state)

    def learned(self, trained: Trained, data: Dataset) -> int:
        """How many latents have a variance that is at most 0.8 on average over the data."""
        return learned_by_variance(self.variances(trained, data))


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
