import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import unentangle as un
from unentangle.dependence import prediction_covariance
from unentangle.methods.nashae import Predictors
from unentangle.methods.protocol import Batch
from worlds import compiled, dense_latents, small_mra

Z = jax.random.uniform(jax.random.key(3), (20, 5))


def test_a_predictor_does_not_see_its_own_latent():
    """The derivative of z' with respect to z has an empty diagonal and a full rest."""
    jacobian = compiled(jax.jacobian(lambda z: Predictors(5, jax.random.key(0))(z[None])[0]), Z[0])
    assert np.all(np.diag(jacobian) == 0)
    assert np.all(np.abs(jacobian[~np.eye(5, dtype=bool)]) > 1e-6)


def test_the_batched_predictors_are_m_networks():
    batched = Predictors(5, jax.random.key(0))
    first = batched.first.weight.reshape(5, 5, -1), batched.first.bias.reshape(5, -1)  # latent, predictor, unit

    def alone(i):
        h = jax.nn.selu(Z.at[:, i].set(0.0) @ first[0][:, i] + first[1][i])
        h = jax.nn.selu(h @ batched.second.weight[i] + batched.second.bias[i])
        return (h @ batched.third.weight[i] + batched.third.bias[i])[:, 0]

    together = compiled(batched, Z)
    for i in range(5):
        np.testing.assert_allclose(together[:, i], compiled(alone, jnp.asarray(i)), atol=1e-5)


def losses(method):
    data = small_mra()
    net, state = method.init(data.row_shape, jax.random.key(0))
    x = jnp.asarray(data.x)
    batch = Batch(x, None, jax.random.key(1), len(x))
    return net, x, batch, state


def test_the_loss_is_the_authors():
    """(1 - lam) half the mean squared error + lam times the summed covariance, in which the true latent is a constant."""
    method = dense_latents(un.NashAE, lam=0.3)
    net, x, batch, state = losses(method)
    z, predicted = compiled(lambda net: (z := jax.nn.sigmoid(jax.vmap(net.encoder)(x)), net.predictors(z)), net)
    half = 0.5 * np.mean((np.asarray(compiled(jax.vmap(net.decoder), z)) - np.asarray(x)) ** 2)
    covariance = float(np.sum(compiled(prediction_covariance, z, predicted)))
    assert float(compiled(method.disentangle, net, state, None, batch)[0]) == pytest.approx(
        0.7 * half + 0.3 * covariance, rel=1e-5
    )
    prediction = 0.5 * np.mean((np.asarray(predicted) - np.asarray(z)) ** 2)
    assert float(compiled(method.predict, net, state, z, batch)[0]) == pytest.approx(prediction, rel=1e-5)

    def gradient(detach):
        loss = dense_latents(un.NashAE, lam=1.0 - 1e-6, detach=detach).disentangle
        return jax.flatten_util.ravel_pytree(
            eqx.filter(compiled(eqx.filter_grad(lambda net: loss(net, state, None, batch)[0]), net).encoder, eqx.is_array)
        )[0]

    # what both have in common is the way through the predictors; the rest is the covariance with a constant prediction
    def direct(encoder):
        return jnp.sum(prediction_covariance(jax.nn.sigmoid(jax.vmap(encoder)(x)), predicted))

    rest = jax.flatten_util.ravel_pytree(eqx.filter(compiled(eqx.filter_grad(direct), net.encoder), eqx.is_array))[0]
    np.testing.assert_allclose(gradient(False) - gradient(True), rest, atol=1e-5)


def test_the_raw_game_rewards_the_predictors_error():
    method = dense_latents(un.NashAE, lam=0.5, game="minmax")
    net, x, batch, state = losses(method)
    z, predicted = compiled(lambda net: (z := jax.nn.sigmoid(jax.vmap(net.encoder)(x)), net.predictors(z)), net)
    loss, (terms, _) = compiled(method.disentangle, net, state, None, batch)
    raised = -0.5 * np.mean(np.sum((np.asarray(predicted) - np.asarray(z)) ** 2, axis=1))
    assert float(terms["adversarial"]) == pytest.approx(raised, rel=1e-5)
    assert float(loss) == pytest.approx(0.5 * float(terms["reconstruction"]) + 0.5 * raised, rel=1e-5)


@pytest.mark.long
def test_without_its_weight_the_game_leaves_a_plain_autoencoder():
    data = small_mra()
    plain, weightless = (
        un.train(dense_latents(kind, **numbers), data, steps=20, batch=12, progress=False)[0]
        for kind, numbers in ((un.AE, {}), (un.NashAE, {"lam": 0.0}))
    )
    np.testing.assert_allclose(plain.encode(data), weightless.encode(data), atol=1e-4)


@pytest.mark.long
def test_an_autoencoder_without_pace_stands_still_while_the_predictors_learn():
    """So does one whose pace rises after half of the steps, until then."""
    data, method = small_mra(), dense_latents(un.NashAE, pace=0.0)
    rising = dataclasses.replace(method, pace=un.Linear(0.0, 1.0, since=0.5))
    still, moved = (un.train(m, data, steps=100, batch=12, progress=False) for m in (method, rising))
    first = method.init(data.row_shape, jax.random.fold_in(jax.random.key(0), 0))[0][:2]
    assert eqx.tree_equal(first, still[0].trained.net[:2])
    assert not eqx.tree_equal(first, moved[0].trained.net[:2])
    early, late = still.history[0].terms["prediction"]
    assert late < early == pytest.approx(moved.history[0].terms["prediction"][0], rel=1e-5)


@pytest.mark.long
def test_the_game_makes_latents_unpredictable():
    """Rows made of two independent numbers, three latents: by themselves they tell of each other, in the game they do not."""
    rng = np.random.default_rng(0)
    u, v = rng.uniform(-1, 1, (2, 1000))
    rows = un.Dataset(np.concatenate([np.outer(u, np.sin(np.arange(6))), np.outer(v, np.cos(np.arange(6)))], axis=1))

    def r2(lam):
        method = dense_latents(un.NashAE, lam=lam)
        model = un.train(method, rows, steps=300, batch=50, lr=6e-3, progress=False)[0]
        return un.metrics.squared_correlation(model.encode(rows), model.predictions(rows)).mean

    assert r2(0.5) < 0.5 * r2(0.0)


@pytest.mark.parametrize(
    ("numbers", "says"),
    [
        ({"m": 0}, "m=0; a whole number of at least 1"),
        ({"lam": 1.0}, "lam=1.0; it must be at least 0 and less than 1"),
        ({"lam": -0.1}, "less than 1"),
        ({"lam": "much"}, "a number or a schedule"),
        ({"pace": -1.0}, "pace=-1.0; it must be at least 0"),
        ({"updates": 0}, "updates=0; a whole number of at least 1"),
        ({"lam": np.array([0.1, 0.2])}, "a number or a schedule"),
    ],
)
def test_impossible_numbers_are_refused(numbers, says):
    with pytest.raises(un.InputError, match=says):
        un.NashAE(**numbers)


@pytest.mark.parametrize("kind", [un.VAE, un.BetaVAE, un.BetaTCVAE])
def test_a_negative_beta_is_refused(kind):
    with pytest.raises(un.InputError, match="beta=-1; it must be at least 0"):
        kind(beta=-1)
    with pytest.raises(un.InputError, match="gamma=-1"):
        un.FactorVAE(gamma=-1)


@pytest.mark.long
def test_default_nets_of_images_keep_every_latent_alive():
    """White squares on black. With a last layer as large as usual, codes end at 0 or 1 within some steps, and stay there."""
    rng, pixel = np.random.default_rng(0), np.arange(8)
    (x, y), half = rng.uniform(3, 5, (2, 400, 1)), rng.uniform(1.5, 3, (400, 1))
    data = un.Dataset((np.abs(pixel - y) < half)[:, :, None] & (np.abs(pixel - x) < half)[:, None])
    model = un.train(un.NashAE(m=6, lam=0.002), data, steps=30, batch=50, progress=False)[0]
    assert (np.ptp(model.encode(data), axis=0) > 0.5).all()
