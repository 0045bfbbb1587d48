"""Diagonal Gaussians: the few formulas a variational autoencoder needs, as plain functions.

A Gaussian is its mean and the logarithm of its variance, arrays of one shape (..., m); log is natural, so results are in nats.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

LOG_2PI = 1.8378770664093453


def log_normal(x: Float[Array, "..."], mean: Float[Array, "..."] | float, log_var: Float[Array, "..."] | float) -> Array:
    """Log density of N(mean, exp(log_var)) at x, elementwise."""
    return -0.5 * (LOG_2PI + log_var + (x - mean) ** 2 * jnp.exp(-log_var))


def kl_to_prior(mean: Float[Array, "..."], log_var: Float[Array, "..."]) -> Float[Array, "..."]:
    """KL(N(mean, exp(log_var)) || N(0, 1)) of every latent: (mean^2 + exp(log_var) - log_var - 1) / 2 (Kingma 2013, app. B)."""
    return 0.5 * (mean**2 + jnp.exp(log_var) - log_var - 1)


def sample(key: Key[Array, ""], mean: Float[Array, "..."], log_var: Float[Array, "..."]) -> Float[Array, "..."]:
    """A draw, mean + exp(log_var / 2) * noise, differentiable in both."""
    return mean + jnp.exp(0.5 * log_var) * jax.random.normal(key, mean.shape)
