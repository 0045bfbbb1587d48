from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unentangle.recipes import concatenation
from unentangle.recipes.concatenation import (
    CENTRE,
    NUISANCES,
    STATES,
    Case,
    Model,
    bernoulli_loss,
    expected_gaussian_loss,
    gaussian_loss,
    nuisance,
    rectified,
    rectified_normal,
    start,
    trained,
)
from worlds import compiled

KEY = jax.random.key(0)
MODEL = start(jax.random.key(1), jnp.asarray(0.3), jnp.asarray(-0.7), m=7)


def test_the_loss_is_equation_10():
    a, b, c = np.asarray(MODEL.units, float)
    total = np.zeros(3)
    for s in range(10):
        for shift in range(20):
            n = 0.3 * s - 0.7 * shift
            for mask, slope in enumerate((b + c, c, b)):
                total[mask] += (np.maximum(a * s + slope * n, 0).sum() / 10 - shift) ** 2 / 200
    for mask in range(3):
        found = compiled(bernoulli_loss, MODEL, KEY, jnp.eye(3)[mask], 10.0)
        assert float(found) == pytest.approx(total[mask], rel=1e-4)
    assert float(bernoulli_loss(MODEL, KEY, jnp.ones(3), 10.0)) == pytest.approx(total.sum(), rel=1e-4)


def test_the_expected_gaussian_loss_is_the_mean_of_its_samples():
    units = 3 * MODEL.units  # so that the noise matters beside the error
    keys = jax.random.split(KEY, 4000)
    samples = compiled(jax.vmap(lambda key: gaussian_loss(MODEL._replace(units=units), key, 1.0, True)), keys)
    error = float(samples.std()) / 4000**0.5
    found = float(compiled(expected_gaussian_loss, MODEL._replace(units=units), KEY, 1.0))
    assert found == pytest.approx(float(samples.mean()), abs=4 * error)
    assert abs(found - float(compiled(gaussian_loss, MODEL._replace(units=units * 0), KEY, 1.0, True))) > 20 * error


def test_equal_units_pay_least_for_a_code_that_keeps_some_of_the_state_unless_states_are_centred():
    """What the module says of Gaussian masks: of relu(k s + (t_1 + t_2) N / 2) / m with N = l - k s."""

    def loss(k, centre, m=100, scale=10.0):
        units = scale / m * jnp.array([k, 0.5, 0.5])[:, None] * jnp.ones(m)
        return expected_gaussian_loss(Model(-k, jnp.asarray(1.0), units), KEY, scale, centre)

    ks = jnp.linspace(-1, 2, 31)
    for centre, best in ((0.0, 0.7), (CENTRE, 0.0)):
        losses = compiled(jax.vmap(partial(loss, centre=centre)), ks)
        assert ks[np.argmin(losses)] == pytest.approx(best, abs=0.01)


def test_told_gradients_are_those_of_the_sums():
    def plain(a, b):
        return jax.nn.relu(a[:, :, None] * STATES + b[:, :, None] * NUISANCES).sum(axis=1)

    a, b, by = (
        jax.random.normal(key, shape) for key, shape in zip(jax.random.split(KEY, 3), [(2, 7), (2, 7), (2, 200)], strict=True)
    )
    told, summed = (compiled(lambda of, *at: jax.vjp(of, *at)[1](by), of, a, b) for of in (rectified, plain))
    for found, true in zip(told, summed, strict=True):
        np.testing.assert_allclose(found, true, rtol=1e-4, atol=1e-3)


def test_mean_and_variance_of_a_rectified_normal_variable_and_their_derivatives():
    z = np.linspace(-10, 10, 20_001)
    weight = np.exp(-(z**2) / 2) / (2 * np.pi) ** 0.5 * (z[1] - z[0])
    for mean, deviation in ((0.7, 0.4), (-0.7, 0.4), (3.0, 1e-4), (-3.0, 1e-4), (50.0, 1e-2)):
        value, above = np.maximum(mean + deviation * z, 0), mean + deviation * z > 0
        first = value @ weight
        rest = value - first
        by_mean, by_deviation = above @ weight, (above * z) @ weight
        true = [
            [first, rest**2 @ weight],
            [by_mean, 2 * (rest * above) @ weight],
            [by_deviation, 2 * (rest * above * z) @ weight],
        ]
        at = jnp.asarray(mean), jnp.asarray(deviation)
        found = compiled(rectified_normal, *at), *(compiled(jax.jacfwd(rectified_normal, i), *at) for i in (0, 1))
        np.testing.assert_allclose(np.array(found), true, rtol=1e-3, atol=1e-5)


def test_states_may_be_counted_from_anywhere(monkeypatch):
    """As if they were these numbers."""
    losses = [partial(bernoulli_loss, weights=jnp.ones(3), scale=10.0), partial(gaussian_loss, scale=10.0, own=True)]
    losses.append(partial(expected_gaussian_loss, scale=10.0))
    found = [compiled(jax.value_and_grad(partial(loss, centre=4.5)), MODEL, KEY) for loss in losses]
    monkeypatch.setattr(concatenation, "STATES", STATES - 4.5)
    for (value, slope), loss in zip(found, losses, strict=True):
        true, true_slope = compiled(jax.value_and_grad(loss), MODEL, KEY)
        assert float(value) == pytest.approx(float(true), rel=1e-5)
        jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4), slope, true_slope)


def test_one_t_for_all_units_scales_the_code():
    t = 1 + jax.random.normal(KEY, (1, 2, 1))
    scaled = MODEL._replace(units=MODEL.units * jnp.array([[1.0], [t[0, 0, 0]], [t[0, 1, 0]]]))
    found, same = gaussian_loss(MODEL, KEY, 10.0, False), bernoulli_loss(scaled, KEY, jnp.eye(3)[0], 10.0)
    assert float(found) == pytest.approx(float(same), rel=1e-5)


def test_training_lowers_the_loss_stops_where_asked_and_keeps_what_is_frozen():
    models, keys = jax.tree.map(lambda p: jnp.stack([p, 2 * p]), MODEL), jax.random.split(KEY, 2)
    weights = jnp.ones((2, 3))

    def loss(model, key, weights):
        return bernoulli_loss(model, key, weights, 10.0)

    _, before, _ = trained(loss, models, keys, 1, weights=weights)
    _, last, taken = trained(loss, models, keys, 300, weights=weights)
    assert np.all(last < before)
    assert np.all(taken == 300)
    _, near, stopped = trained(loss, models, keys, 300, stop=float(before.min()) * 0.9, weights=weights)
    assert np.all(stopped <= 300)
    assert stopped.min() < 300
    assert near.min() < float(before.min()) * 0.9
    held, _, _ = trained(loss, models, keys, 50, held=True, weights=weights)
    np.testing.assert_allclose(held.alpha / held.beta, models.alpha / models.beta, rtol=1e-6)
    assert not np.any(held.beta == models.beta)
    assert np.abs(nuisance(MODEL)).max() == pytest.approx(0.7 * 19)


def test_a_grid_goes_on_where_it_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(concatenation, "AXIS", np.array([-0.5, 0.5]))

    def loss(model, key):
        return bernoulli_loss(model, key, jnp.ones(3), 10.0)

    first = concatenation._grid(tmp_path, Case(loss), 3)
    (tmp_path / "row-01.json").unlink()
    again = concatenation._grid(tmp_path, Case(loss), 3)
    assert first["alpha"].shape == (2, 2)
    for name in ("alpha", "beta", "loss", "steps"):
        assert np.array_equal(first[name], again[name])
    assert first["seconds"][0] == again["seconds"][0]
