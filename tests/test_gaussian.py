import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from unentangle.gaussian import kl_to_prior, log_normal, sample

NUMBERS = st.floats(-3, 3)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_log_normal_is_that_of_scipy(x, mean, log_var):
    found = float(log_normal(jnp.asarray(x), jnp.asarray(mean), jnp.asarray(log_var)))
    np.testing.assert_allclose(found, norm.logpdf(x, mean, np.exp(log_var / 2)), rtol=1e-4, atol=1e-5)


@given(NUMBERS, NUMBERS)
def test_kl_is_the_integral_it_stands_for(mean, log_var):
    z = np.linspace(-40, 40, 20_001)
    q, p = norm.logpdf(z, mean, np.exp(log_var / 2)), norm.logpdf(z)
    exact = np.trapezoid(np.exp(q) * (q - p), z)
    np.testing.assert_allclose(float(kl_to_prior(jnp.asarray(mean), jnp.asarray(log_var))), exact, rtol=1e-4, atol=1e-5)


def test_samples_have_the_mean_and_variance_asked_for():
    mean, log_var = jnp.full((200_000, 2), jnp.asarray([1.0, -2.0])), jnp.full((200_000, 2), jnp.asarray([0.0, -3.0]))
    z = np.asarray(sample(jax.random.key(0), mean, log_var))
    np.testing.assert_allclose(z.mean(axis=0), [1, -2], atol=0.01)
    np.testing.assert_allclose(z.var(axis=0), np.exp([0, -3]), rtol=0.02)
    gradient = jax.grad(lambda v: sample(jax.random.key(1), jnp.zeros(3), v).sum())(jnp.zeros(3))
    np.testing.assert_allclose(gradient, 0.5 * sample(jax.random.key(1), jnp.zeros(3), jnp.zeros(3)), rtol=1e-5)
