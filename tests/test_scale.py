"""Rows that lack values, channels of unlike units, and values of any size."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import unentangle as un
from unentangle.data.scale import Moments, Scale
from unentangle.methods.beta_vae import reconstruction_error
from unentangle.methods.protocol import Gaps, fresh, half_mean_square, mean_square
from unentangle.methods.terms import Blur
from unentangle.methods.terms.term import before
from unentangle.report import split
from worlds import dense_latents, dense_symae, small_mra

RNG = np.random.default_rng(0)


def with_gaps(data, share=0.2):
    """The same rows, some values of which are missing."""
    x = np.array(data.x)
    x[np.random.default_rng(1).random(x.shape) < share] = np.nan
    return replace(data, x=x, truth=None)


@pytest.mark.parametrize("loss", [mean_square, half_mean_square])
def test_a_loss_is_that_of_the_values_that_are_there(loss):
    y, x = RNG.standard_normal((2, 3, 5, 7)).astype(np.float32)
    gaps = RNG.random(x.shape) < 0.3
    lacking = jnp.asarray(np.where(gaps, np.nan, x))
    share = float(loss(jnp.asarray(y[~gaps]), jnp.asarray(x[~gaps])))
    value, gradient = jax.value_and_grad(lambda y: loss(y, lacking, missing=True))(jnp.asarray(y))
    assert float(value) == pytest.approx(share, rel=1e-5)
    assert not np.any(np.asarray(gradient)[gaps])
    assert np.isfinite(gradient).all()
    assert float(loss(jnp.asarray(y), jnp.asarray(x), missing=True)) == pytest.approx(
        float(loss(jnp.asarray(y), jnp.asarray(x))), rel=1e-5
    )


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_a_likelihood_leaves_out_what_is_missing(likelihood):
    def decoder(z):
        return z  # a net of one code that gives it back

    z, x = (jnp.asarray(a, jnp.float32) for a in RNG.random((2, 4, 6)))
    whole, masked = (float(reconstruction_error(jax.jit(decoder), z, x, likelihood, missing)) for missing in (False, True))
    assert masked == pytest.approx(whole, rel=1e-5)
    doubled = [jnp.concatenate([a, jnp.full_like(a, fill)], axis=1) for a, fill in ((z, 0.3), (x, np.nan))]
    assert float(reconstruction_error(decoder, *doubled, likelihood, True)) == pytest.approx(2 * whole, rel=1e-5)


@pytest.mark.parametrize(
    "method",
    [dense_symae(), *map(dense_latents, (un.NashAE, un.BetaVAE, un.FactorVAE))],
    ids=lambda method: type(method).__name__,
)
def test_every_method_learns_from_rows_that_lack_values(method, tmp_path):
    data = with_gaps(small_mra())
    batch = (3, 4) if isinstance(method.recommended.batch, tuple) else 12
    model = un.train(method, data, steps=5, batch=batch, progress=False)[0]
    rows = model.reconstruct(data)
    assert np.isfinite(rows).all()
    model.save(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(un.Model.load(tmp_path / "model.safetensors", method).reconstruct(data), rows)
    assert model.shortfall(data) >= 0


def test_what_stands_in_a_gap_is_nothing_to_a_code():
    """Encoders see a number of their own there and are told of the gap, so that it is not that number."""
    method = dense_latents(un.AE)
    net, _ = fresh(method, (12,), jax.random.key(0), missing=True)
    plain, _ = fresh(method, (12,), jax.random.key(0))
    assert isinstance(net.encoder.layers[0], Gaps)
    row = jnp.asarray(RNG.standard_normal(12))
    np.testing.assert_array_equal(net.encoder(row), plain.encoder(row))
    gap, number = row.at[3].set(jnp.nan), row.at[3].set(0.0)
    np.testing.assert_array_equal(net.encoder(gap), plain.encoder(number))
    told = eqx.tree_at(lambda n: n.encoder.layers[0].sums, net, jnp.ones((12, 16)))  # as after a training
    np.testing.assert_array_equal(told.encoder(number), plain.encoder(number))
    assert np.abs(told.encoder(gap) - told.encoder(number)).max() > 1e-3


def test_a_blur_keeps_gaps_and_rows_without_gaps():
    x = jnp.asarray(RNG.standard_normal((2, 3, 16)), jnp.float32)
    lacking = x.at[0, 1, 4:6].set(jnp.nan)
    blurred = before((Blur(0.1, None),), lacking, missing=True)
    np.testing.assert_array_equal(jnp.isnan(blurred), jnp.isnan(lacking))
    np.testing.assert_allclose(blurred[1], before((Blur(0.1, None),), x)[1], atol=1e-6)


def test_a_model_of_whole_rows_refuses_gaps_and_says_why():
    data = small_mra()
    model = un.train(dense_latents(un.AE), data, steps=1, batch=8, progress=False)[0]
    with pytest.raises(un.InputError, match="missing values only if it was trained on rows that lack some"):
        model.encode(with_gaps(data))


def test_rows_without_any_value_and_infinite_ones_are_refused():
    x = np.ones((4, 5)) * np.arange(5)
    for value, rows, says in (
        (np.nan, slice(2, 3), "row 2 of x holds no value"),
        (np.inf, (1, 3), "row 1 of x holds an infinite"),
    ):
        bad = x.copy()
        bad[rows] = value
        with pytest.raises(un.InputError, match=says):
            _ = un.Dataset(bad).scale


def test_held_out_rows_may_lack_values_where_those_of_the_training_do_not():
    data = small_mra(n_x=20, n_tau=3)
    out = data.held_out(0.1)
    x = np.array(data.x)
    x[np.flatnonzero(out)[0], 2] = np.nan
    training, _ = split(replace(data, x=x, truth=None), 0.1)
    assert not training.lacking.any()
    assert training.scale.missing


@pytest.mark.parametrize("missing", ["mask", "drop", "refuse"])
def test_missing_values_are_kept_left_out_or_refused_on_reading(missing, tmp_path):
    data = with_gaps(small_mra(), 0.02)
    np.savez(tmp_path / "rows.npz", x=data.x, groups=data.groups)
    if missing == "refuse":
        with pytest.raises(un.InputError, match=r"rows of .*rows.npz lack values; --missing mask"):
            un.read(tmp_path / "rows.npz", missing=missing)
        return
    read = un.read(tmp_path / "rows.npz", missing=missing)
    kept = np.ones(len(data), bool) if missing == "mask" else ~data.lacking
    np.testing.assert_array_equal(np.asarray(read.x), data.x[kept])
    np.testing.assert_array_equal(read.groups, data.groups[kept])
    assert any("are left out" in note for note in read.notes) == (missing == "drop")


def test_masked_arrays_are_missing_values():
    x = np.ma.MaskedArray(np.arange(12.0).reshape(3, 4), mask=np.eye(3, 4, dtype=bool))
    np.testing.assert_array_equal(un.Dataset(x).lacking, [True] * 3)
    assert np.isnan(np.asarray(un.Dataset(x).x)[0, 0])
    whole = np.ma.MaskedArray(np.arange(12).reshape(3, 4), mask=np.eye(3, 4, dtype=bool))
    assert np.isnan(np.asarray(un.Dataset(whole).x)[1, 1])


# -- scale ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(40, 2), (40, 3), (9, 7, 3)])
@pytest.mark.parametrize("missing", [False, True])
def test_channels_of_unlike_units_are_standardised_each_by_itself(shape, missing):
    x = RNG.standard_normal((50, *shape)) * 10.0 ** np.arange(shape[-1]) + 100 * np.arange(shape[-1])
    if missing:
        x[RNG.random(x.shape) < 0.1] = np.nan
    scale = un.Dataset(x).scale
    assert len(scale.std) == shape[-1]
    seen = scale.standardise(x).reshape(-1, shape[-1])
    np.testing.assert_allclose(np.nanmean(seen, axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(np.nanstd(seen, axis=0), 1, rtol=1e-5)
    np.testing.assert_allclose(scale.restore(scale.standardise(x)), x, rtol=1e-4, atol=1e-3)
    like = un.Dataset(RNG.standard_normal((50, *shape)) * (2 + np.arange(shape[-1]))).scale
    assert isinstance(like.std, float)


def test_features_without_order_are_standardised_each_by_itself():
    x = RNG.standard_normal((60, 5)) * [1, 10, 1e3, 1e-3, 5] + 7
    scale = un.Dataset(x, ordered=False).scale
    np.testing.assert_allclose(scale.standardise(x).std(axis=0), 1, rtol=1e-5)
    assert isinstance(un.Dataset(x).scale.std, float)


def test_a_channel_that_holds_nothing_is_named():
    x = RNG.standard_normal((20, 30, 3)) * [1.0, 0.0, 100.0]
    data = un.Dataset(x)
    assert any("channel(s) 1 hold one value only" in odd for odd in data.oddities())
    assert np.isfinite(data.scale.standardise(x)).all()


@pytest.mark.parametrize("cuts", [(1,), (5, 6), (3, 10, 11)])
def test_moments_of_parts_are_those_of_all(cuts):
    x = RNG.standard_normal((12, 4, 3)) * [1, 1e6, 1e-6] + [0, 1e8, 3]
    x[RNG.random(x.shape) < 0.2] = np.nan
    first, *others = (Moments.of(part, 3) for part in np.split(x, cuts))
    for other in others:
        first = first.joined(other)
    np.testing.assert_allclose(first.mean, np.nanmean(x, axis=(0, 1)))
    np.testing.assert_allclose(first.std, np.nanstd(x, axis=(0, 1)), rtol=1e-6)


def test_a_scale_by_channel_is_saved_with_its_model(tmp_path):
    x = RNG.standard_normal((12, 6, 2)) * [1, 1000.0]
    encoder, decoder = (un.methods.METHODS["nashae"](m=2).init((6, 2), jax.random.key(0))[0][k] for k in (0, 1))
    model = un.train(un.AE(m=2, encoder=encoder, decoder=decoder), un.Dataset(x), steps=1, batch=4, progress=False)[0]
    model.save(tmp_path / "model.safetensors")
    again = un.Model.load(tmp_path / "model.safetensors", model.method)
    assert again.trained.scale == model.trained.scale
    assert len(again.trained.scale.std) == 2


@pytest.mark.parametrize("unit", [1e-23, 1.0, 1e20])
def test_measures_do_not_depend_on_the_unit(unit):
    data = small_mra()
    scaled = un.Dataset((np.asarray(data.x, np.float64) * unit).astype(np.float32), groups=data.groups)
    model = un.train(dense_symae(), scaled, steps=2, batch=(3, 4), progress=False)[0]
    measures = un.evaluate(model, scaled)
    assert 0.01 < measures["reconstruction_relative"] < 10
    assert measures["reconstruction_error"] == pytest.approx(
        measures["reconstruction_relative"] * float(np.var(data.x)) * unit**2, rel=0.01
    )


def test_scales_that_rows_cannot_have_are_refused():
    for about in ({"mean": [0, 0], "std": [1, 0]}, {"mean": [0.0, 0.0], "std": 1.0}, {"mean": [0] * 3, "std": [1] * 3}):
        with pytest.raises(un.InputError):
            Scale.described(about | {"row_axes": 0}, (5, 2))
