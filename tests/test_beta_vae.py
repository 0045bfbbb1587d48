"""The VAE family: its losses are sums of known parts."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import bernoulli, norm

import unentangle as un
from unentangle import nets
from unentangle.data.dataset import Scale
from unentangle.gaussian import kl_to_prior
from unentangle.methods.beta_vae import posterior
from unentangle.methods.protocol import Batch
from worlds import compiled, dense_latents, small_mra, untrained

X = jnp.asarray(small_mra().x)
BATCH = Batch(X, X[::-1], jax.random.key(1), 30)


def terms(kind, **numbers):
    method = dense_latents(kind, **numbers)
    net, state = method.init((12,), jax.random.key(0))
    loss, (named, _) = compiled(method.loss, net, state, None, BATCH)
    return net, float(loss), {name: float(v) for name, v in named.items()}


def test_the_likelihood_is_summed_over_samples():
    net, loss, named = terms(un.VAE)
    q = compiled(posterior, net.encoder, X, BATCH.key)
    exact = -norm.logpdf(np.asarray(X), np.asarray(compiled(jax.vmap(net.decoder), q.z))).sum(axis=1).mean()
    assert named["reconstruction"] == pytest.approx(exact, rel=1e-5)
    assert loss == pytest.approx(named["reconstruction"] + named["kl"], rel=1e-5)


@pytest.mark.parametrize("kind", [un.BetaVAE, un.BetaTCVAE, un.FactorVAE], ids=lambda kind: kind.__name__)
def test_a_bernoulli_likelihood_is_that_of_bits(kind):
    """Its loss is the log probability of the bits, and it refuses other rows."""
    bits = np.random.default_rng(0).integers(2, size=(40, 12)).astype(np.uint8)
    method = dense_latents(kind, likelihood="bernoulli")
    net, state = method.init((12,), jax.random.key(0))
    batch = BATCH._replace(x=jnp.asarray(bits, jnp.float32), second=jnp.asarray(bits, jnp.float32))
    shared = compiled(method.share, net, state, batch)
    _, (named, _) = compiled(method.players()[-1].loss, net, state, shared, batch)
    logits = np.asarray(compiled(jax.vmap(net.decoder), compiled(posterior, net.encoder, batch.x, batch.key).z))
    exact = -bernoulli.logpmf(bits, 1 / (1 + np.exp(-logits))).sum(axis=1).mean()
    assert float(named["reconstruction"]) == pytest.approx(exact, rel=1e-5)
    with pytest.raises(un.InputError, match="not standardised; these go from 0 to 1"):
        un.train(method, un.Dataset(bits), steps=2)
    with pytest.raises(un.InputError, match="these go from 0 to 3"):
        un.train(method, un.Dataset(3 * bits, scaling=Scale(0.0, 1.0)), steps=2)


def test_rows_of_a_bernoulli_likelihood_are_shown_as_probabilities():
    data = un.Dataset(np.random.default_rng(0).integers(2, size=(40, 12)), scaling=Scale(0.0, 1.0))
    method = dense_latents(un.BetaVAE, likelihood="bernoulli")
    model = untrained(method, data)
    logits = compiled(jax.vmap(model.trained.net.decoder), model.encode(data))
    np.testing.assert_allclose(model.reconstruct(data), jax.nn.sigmoid(logits), atol=1e-5)


def test_beta_weighs_the_divergence_and_nothing_else():
    _, one, named = terms(un.BetaVAE, beta=1.0)
    _, many, _ = terms(un.BetaVAE, beta=8.0)
    assert many - one == pytest.approx(7 * named["kl"], rel=1e-4)
    net, _, exact = terms(un.BetaVAE, kl="exact")
    q = compiled(posterior, net.encoder, X, BATCH.key)
    assert exact["kl"] == pytest.approx(float(kl_to_prior(q.mean, q.log_var).sum(axis=1).mean()), rel=1e-5)


@pytest.mark.parametrize("sampler", ["weighted", "stratified"])
def test_the_parts_of_the_divergence_add_up(sampler):
    """Whatever the estimate of q(z), the three parts together are the sampled divergence; at beta = 1 this is a VAE."""
    _, loss, named = terms(un.BetaTCVAE, beta=1.0, sampler=sampler)
    _, vae, parts = terms(un.VAE)
    assert named["information"] + named["correlation"] + named["divergence"] == pytest.approx(parts["kl"], rel=1e-4)
    assert loss == pytest.approx(vae, rel=1e-5)


def test_the_vae_of_factor_vae_learns_from_the_second_batch():
    method = dense_latents(un.FactorVAE, gamma=3.0)
    net, state = method.init((12,), jax.random.key(0))
    loss, (named, _) = compiled(method.loss, net, state, None, BATCH)
    other, _ = compiled(method.loss, net, state, None, BATCH._replace(x=0 * X))
    assert float(loss) == float(other)
    total = named["reconstruction"] + named["kl"] + 3 * named["correlation"]
    assert float(loss) == pytest.approx(float(total), rel=1e-5)


def test_the_discriminator_is_that_of_the_authors_code_or_ones_own():
    """Three layers of 1,024 SELU units with weights of variance 1 / inputs."""
    discriminator = un.FactorVAE(m=3).init((12,), jax.random.key(0))[0].discriminator
    weights = [np.asarray(layer.weight) for layer in discriminator.layers if isinstance(layer, nets.Dense)]
    biases = [np.asarray(layer.bias) for layer in discriminator.layers if isinstance(layer, nets.Dense)]
    assert [w.shape for w in weights] == [(3, 1024), (1024, 1024), (1024, 1024), (1024, 1)]
    np.testing.assert_allclose([w.std() * len(w) ** 0.5 for w in weights], 1, rtol=0.1)
    z = h = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    for weight, bias in zip(weights[:3], biases[:3], strict=True):
        h = np.asarray(jax.nn.selu(h @ weight + bias))
    np.testing.assert_allclose(compiled(jax.vmap(discriminator), z), h @ weights[3] + biases[3], atol=1e-4)
    own = un.FactorVAE(m=3, discriminator=lambda key: nets.Dense(3, 1, key))
    assert eqx.filter_eval_shape(own.init, (12,), jax.random.key(0))[0].discriminator.weight.shape == (3, 1)
    with pytest.raises(un.InputError, match=r"discriminator makes \(2,\) of a row of shape \(3,\); \(1,\) is needed"):
        un.FactorVAE(m=3, discriminator=nets.Dense(3, 2, jax.random.key(0))).init((12,), jax.random.key(0))
    with pytest.raises(un.InputError, match="'mlp' is no net"):
        nets.made("mlp", jax.random.key(0))


def test_a_discriminator_that_knows_nothing_is_half_right():
    method = dense_latents(un.FactorVAE)
    net, state = method.init((12,), jax.random.key(0))
    silent = net._replace(discriminator=jax.tree.map(lambda w: 0 * w if hasattr(w, "shape") else w, net.discriminator))
    entropy, _ = compiled(method.discriminate, silent, state, jax.random.normal(jax.random.key(0), (30, 3)), BATCH)
    assert float(entropy) == pytest.approx(np.log(2), rel=1e-6)
