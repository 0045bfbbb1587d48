from functools import cache, partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d

import unentangle as un
from unentangle import nets
from unentangle.data.dataset import Scale
from unentangle.data.transforms import Chain
from unentangle.dependence import PENALTIES, energy_penalty
from unentangle.methods.protocol import Batch, Trained
from unentangle.methods.symae import (
    Codes,
    Pairs,
    adversarial_penalty,
    coarse,
    coherent_codes,
    coincidence_penalty,
    consistency_penalty,
    half_and_half,
    isometry_penalty,
    max_pool,
    mean_pool,
    min_pool,
    others_say,
    regularise,
    smooth,
    some_of_each,
    standardised,
)
from worlds import compiled, dense_symae, linear_symae, small_mra, untrained

# One program each, as in a training: compiling operation by operation, these tests would do little else.
adversarial_penalty, coincidence_penalty, consistency_penalty, isometry_penalty = map(
    jax.jit, (adversarial_penalty, coincidence_penalty, consistency_penalty, isometry_penalty)
)
coarse, smooth, standardised = map(jax.jit, (coarse, smooth, standardised))
others_say, regularise = jax.jit(others_say, static_argnums=2), jax.jit(regularise, static_argnums=0)


@cache
def value_and_gradient(penalty):
    return jax.jit(jax.value_and_grad(penalty))


@pytest.fixture(scope="module")
def model():
    return untrained(dense_symae(k=16), small_mra(k=16))


def test_the_order_of_instances_does_not_matter(model):
    data = small_mra(k=16)
    order = np.random.default_rng(0).permutation(len(data))
    codes, mixed = model.encode(data), model.encode(data.take(order))
    assert np.abs(mixed.coherent - codes.coherent).max() < 1e-5
    np.testing.assert_allclose(mixed.nuisance, codes.nuisance[order], atol=1e-5)


@pytest.mark.parametrize("size", [1, 3, 5, 7, 12])
def test_groups_of_any_size_encode_alone_as_together(model, size):
    x = np.random.default_rng(0).standard_normal((40, 16)).astype(np.float32)
    ragged = un.Dataset(x, groups=np.repeat([0, 1, 2], [size, 20, 20 - size]))
    together = model.encode(ragged)
    for g in range(3):
        alone = model.encode(un.Dataset(x[ragged.groups == g], groups=np.zeros((ragged.groups == g).sum(), int)))
        np.testing.assert_allclose(together.coherent[g], alone.coherent[0], atol=1e-5)
    one = model.encode(x[:1])
    assert one.coherent.shape == (1, 3)


@pytest.mark.parametrize(("pool", "numpy"), [(mean_pool, np.mean), (max_pool, np.max), (min_pool, np.min)])
def test_pools_respect_masks(pool, numpy):
    f = np.random.default_rng(0).standard_normal((6, 2, 3)).astype(np.float32)
    mask = np.array([True, False, True, True, False, False])
    np.testing.assert_allclose(pool(jnp.asarray(f), jnp.asarray(mask)), numpy(f[mask], axis=0), atol=1e-6)


def test_an_own_pool_is_a_function_of_features_and_mask():
    def first_and_last(features, mask):
        return jnp.max(jnp.where(mask[:, None], features, -9), axis=0) - jnp.min(jnp.where(mask[:, None], features, 9), axis=0)

    data = small_mra()
    model = untrained(dense_symae(pool=first_and_last), data)
    assert np.isfinite(model.encode(data).coherent).all()


def test_with_a_linear_encoder_the_code_of_a_group_is_the_mean_of_its_instances():
    data = small_mra()
    model = untrained(linear_symae(), data)
    whole = model.encode(data).coherent
    single = model.encode(un.Dataset(data.x)).coherent
    np.testing.assert_allclose(whole, single.reshape(6, 5, -1).mean(axis=1), atol=1e-5)


@given(st.sampled_from(["dropout", "gaussian-noise", "gaussian-dropout"]), st.sampled_from([0.1, 0.5]))
def test_regularisers_keep_the_mean_and_have_the_printed_spread(kind, r):
    n = jnp.full((40_000, 1), 3.0)
    noisy = regularise(kind, n, jnp.asarray(r), jax.random.key(0))
    spread = {"dropout": 3 * (r / (1 - r)) ** 0.5, "gaussian-noise": r, "gaussian-dropout": 3 * (r / (1 - r)) ** 0.5}[kind]
    assert float(noisy.mean()) == pytest.approx(3, abs=5 * spread / 200)
    assert float(noisy.std()) == pytest.approx(spread, rel=0.03)


def test_dropout_as_printed_is_not_scaled():
    noisy = regularise("dropout-unscaled", jnp.full((40_000, 1), 3.0), jnp.asarray(0.5), jax.random.key(0))
    assert set(np.unique(noisy)) == {0.0, 3.0}
    assert float(noisy.mean()) == pytest.approx(1.5, rel=0.03)


@pytest.mark.parametrize("kind", ["dropout", "dropout-unscaled", "gaussian-noise", "gaussian-dropout"])
def test_no_noise_at_rate_zero(kind):
    n = jax.random.normal(jax.random.key(0), (20, 4))
    np.testing.assert_array_equal(regularise(kind, n, jnp.asarray(0.0), jax.random.key(1)), n)


def test_the_loss_is_the_mean_squared_error_plus_lam_times_the_printed_penalty():
    method = dense_symae(rate=0.0, lam=3.0, penalty="energy")
    net, state = method.init((12,), jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (4, 5, 12))
    loss, (terms, _) = compiled(method.loss, net, state, None, Batch(x, None, jax.random.key(2), 20))
    c, _ = coherent_codes(net, state, mean_pool, x)
    n = jax.vmap(jax.vmap(net.nuisance))(x)
    decoded = jax.vmap(lambda c, n: jax.vmap(lambda m: net.decoder.dec(jnp.concatenate([c, m])))(n))(c, n)
    np.testing.assert_allclose(terms["reconstruction"], np.mean((decoded - x) ** 2), rtol=1e-5)
    np.testing.assert_allclose(terms["penalty"], energy_penalty(n), rtol=1e-5)
    np.testing.assert_allclose(loss, terms["reconstruction"] + 3 * terms["penalty"], rtol=1e-5)


def test_the_loss_does_not_know_the_order_of_groups_and_instances():
    method = dense_symae(rate=0.0, lam=0.3, isometry=75.0)
    net, state = method.init((12,), jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (4, 5, 12))
    batch = Batch(x, None, jax.random.key(2), 20)
    mixed = batch._replace(x=x[::-1, jnp.array([3, 1, 0, 4, 2])])
    np.testing.assert_allclose(
        compiled(method.loss, net, state, None, mixed)[0], compiled(method.loss, net, state, None, batch)[0], rtol=1e-4
    )


def test_the_multiplicative_decoder_is_a_product():
    net, state = un.SymAE(p=2, q=3).init((20,), jax.random.key(0))
    c, n = jnp.ones((1, 2)), jnp.ones((2, 3))
    d = net.decoder
    a = jax.vmap(d.dec1)(c)
    b = jax.vmap(d.dec2)(n)
    np.testing.assert_allclose(d(c, n, jnp.array([0, 0]), state)[0], jax.vmap(d.dec3)(a * b), atol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"nuisance": lambda key: nets.Dense(12, 7, key)}, r"nuisance makes \(7,\).*\(4,\) is needed"),
        ({"decoder": lambda key: nets.Dense(7, 9, key)}, r"decoder makes \(9,\).*\(12,\) is needed"),
        ({"coherent_1": lambda key: nets.Dense(5, 9, key)}, "coherent_1 does not take"),
    ],
)
def test_own_nets_that_do_not_fit_are_named(wrong, says):
    with pytest.raises(un.InputError, match=says):
        un.train(dense_symae(**wrong), small_mra(), steps=1, progress=False)


def test_an_own_encoder_alone_gets_a_dense_layer():
    own = un.SymAE(p=2, q=3, coherent_1=lambda key: eqx.nn.MLP(12, 8, 8, 1, key=key))
    net, _ = own.init((12,), jax.random.key(0))
    assert jax.vmap(net.coherent_2)(jnp.zeros((3, 8))).shape == (3, 2)


# -- penalties ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("penalty", [*PENALTIES, lambda codes: jnp.mean(codes**2)], ids=[*PENALTIES, "own"])
def test_the_loss_adds_the_named_penalty_of_the_nuisance_codes(penalty):
    method = dense_symae(rate=0.0, lam=3.0, penalty=penalty, isometry=2.0, consistency=0.5, coincidence=0.7)
    net, state = method.init((12,), jax.random.key(0))
    batch = Batch(jax.random.normal(jax.random.key(1), (4, 5, 12)), None, jax.random.key(2), 20)
    loss, (terms, _) = compiled(method.loss, net, state, None, batch)
    penalised = compiled(PENALTIES.get(penalty, penalty), compiled(jax.vmap(jax.vmap(net.nuisance)), batch.x))
    assert float(terms["penalty"]) == pytest.approx(float(penalised), rel=1e-5)
    total = terms["reconstruction"] + 3 * terms["penalty"] + 2 * terms["isometry"] + 0.5 * terms["consistency"]
    total += 0.7 * terms["coincidence"]
    assert float(loss) == pytest.approx(float(total), rel=1e-6)


def test_the_loss_adds_what_the_opponents_earn():
    method = dense_symae(rate=0.0, lam=3.0, penalty="adversarial")
    net, state = method.init((12,), jax.random.key(0))
    batch = Batch(jax.random.normal(jax.random.key(1), (4, 5, 12)), None, jax.random.key(2), 20)
    loss, (terms, _) = compiled(method.loss, net, state, None, batch)
    codes = method.share(net, state, batch)
    assert [c.shape for c in codes] == [(20, 3), (20, 4)]
    found = Pairs(jax.vmap(net.opponents.coherent)(codes.nuisance), jax.vmap(net.opponents.nuisance)(codes.coherent))
    covariances = [np.mean(c * f, axis=0) - np.mean(c, axis=0) * np.mean(f, axis=0) for c, f in zip(codes, found, strict=True)]
    assert float(terms["penalty"]) == pytest.approx(np.concatenate(covariances).mean(), abs=1e-6)
    assert float(loss) == pytest.approx(float(terms["reconstruction"] + 3 * terms["penalty"]), rel=1e-6)


def test_a_number_that_does_not_vary_is_not_blown_up():
    codes = jnp.stack([jnp.full(16, 3.1), jnp.arange(16.0)], axis=1)
    assert jnp.abs(standardised(codes)[:, 0]).max() < 1e-2
    assert jnp.std(standardised(codes)[:, 1]) == pytest.approx(1, rel=1e-4)


def test_the_game_between_the_codes_is_lost_where_one_tells_the_other():
    """Opponents who know the truth earn all of the variance, those who know nothing earn none."""
    codes = Pairs(*(standardised(jax.random.normal(jax.random.key(i), (200, 3)) * 10 + 5) for i in range(2)))
    np.testing.assert_allclose([c.std() for c in codes], 1, rtol=1e-3)
    assert adversarial_penalty(codes, codes) == pytest.approx(1, rel=1e-3)
    assert adversarial_penalty(codes, Pairs(jnp.ones((200, 3)), jnp.ones((200, 3)))) == pytest.approx(0, abs=1e-5)
    gradient = jax.grad(lambda codes: adversarial_penalty(codes, Pairs(jnp.ones((200, 3)), jnp.ones((200, 3)))))(codes)
    assert not any(np.any(g) for g in gradient)  # a code is held constant in the covariance with its prediction


# -- blur -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "axes"),
    [((30,), [2]), ((31, 2), [2]), ((20, 20), [2, 3]), ((9, 13, 3), [2, 3]), ((1,), [2])],
    ids=["signal", "channels", "grey", "image", "one number"],
)
def test_rows_are_smoothed_along_their_axes_as_by_scipy(row, axes):
    x = np.random.default_rng(0).standard_normal((2, 3, *row)).astype(np.float32)
    expected = x
    for axis in axes:
        expected = gaussian_filter1d(expected, 0.15 * x.shape[axis], axis=axis, mode="reflect", truncate=8.0)
    np.testing.assert_allclose(smooth(jnp.asarray(x), 0.15), expected, atol=2e-3)


def test_what_is_smoothed_by_nothing_is_what_it_was_and_by_much_its_mean():
    x = jax.random.normal(jax.random.key(0), (2, 3, 40))
    np.testing.assert_allclose(smooth(x, 0.0), x, atol=1e-5)
    np.testing.assert_allclose(smooth(x, 10.0), jnp.broadcast_to(x.mean(axis=2, keepdims=True), x.shape), atol=1e-5)


def test_two_widths_add_as_variances():
    x = jax.random.normal(jax.random.key(0), (2, 3, 40))
    np.testing.assert_allclose(smooth(smooth(x, 0.03), 0.04), smooth(x, 0.05), atol=1e-5)


@pytest.mark.parametrize("row", [(40,), (20, 2), (9, 9)])
def test_coarse_rows_vary_about_their_means_as_they_did_and_sharp_ones_are_themselves(row):
    x = 3 + jax.random.normal(jax.random.key(0), (3, 4, *row)) * jnp.array([0.0, 1.0, 5.0]).reshape(-1, *[1] * (1 + len(row)))
    sharp, rows = compiled(jax.vmap(coarse, (None, 0)), x, jnp.array([0.0, 0.1]))  # seeds together
    np.testing.assert_array_equal(sharp, x)
    x, rows = np.asarray(x), np.asarray(rows)
    before, after = (np.mean(a, axis=(2, 3) if row == (9, 9) else 2, keepdims=True) for a in (x, rows))
    np.testing.assert_allclose(after, before, atol=1e-4)
    spread = [np.mean((a - m) ** 2, axis=tuple(range(1, a.ndim))) for a, m in ((x, before), (rows, after))]
    np.testing.assert_allclose(spread[1], spread[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("penalty", ["relative-energy", "adversarial"])
def test_players_see_blurred_rows_as_if_these_had_been_coarse(penalty):
    batch = Batch(jax.random.normal(jax.random.key(1), (4, 5, 12)), None, jax.random.key(2), 20)
    given = {"rate": 0.0, "lam": 3.0, "isometry": 2.0, "consistency": 0.5, "penalty": penalty}
    sharp, blurred = dense_symae(**given), dense_symae(**given, blur=0.1)
    net, state = sharp.init((12,), jax.random.key(0))
    before = batch._replace(x=coarse(batch.x, 0.1))
    expected = compiled(sharp.loss, net, state, None, before)[0]
    assert float(compiled(blurred.loss, net, state, None, batch)[0]) == pytest.approx(float(expected), rel=1e-5)
    shared = blurred.share(net, state, batch)
    for ours, theirs in zip(jax.tree.leaves(shared), jax.tree.leaves(sharp.share(net, state, before)), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_a_blur_that_stays_is_refused():
    with pytest.raises(un.InputError, match="at the end of the training"):
        un.train(dense_symae(blur=0.1), small_mra(k=16), steps=1)


# -- isometry -------------------------------------------------------------------------------------------------------------

TURN = 2 * np.pi * np.random.default_rng(0).random((3, 16))


def circles(turn):
    return jnp.asarray(np.stack([np.cos(turn), np.sin(turn)], axis=2))


def test_codes_that_move_as_the_recordings_do_have_no_isometry_penalty():
    x = circles(TURN)
    assert isometry_penalty(circles(3 - TURN), x) < 1e-6
    own = jnp.array([1.0, 2.0, 5.0])[:, None, None]  # every group may have its own scale
    assert isometry_penalty(own * circles(TURN), x) < 1e-6
    bent = jnp.concatenate([x, 0.3 * circles(2 * TURN)], axis=2)  # a function of the distance, not the distance
    assert isometry_penalty(x, bent) < 1e-4
    assert isometry_penalty(bent, x) < 1e-4
    uneven = [float(isometry_penalty(circles(TURN + by * np.sin(TURN)), x)) for by in (0.05, 0.1, 0.2)]
    assert uneven[1] / uneven[0] == pytest.approx(4, rel=0.3)
    assert uneven[2] / uneven[1] == pytest.approx(4, rel=0.3)
    assert uneven[0] > 1e-5


def test_a_regression_of_the_others_is_exact_on_a_line_and_leaves_itself_out():
    at = jnp.linspace(0, 1, 20)
    np.testing.assert_allclose(others_say(at, 3 * at - 1, 0.1), 3 * at - 1, atol=0.01)
    alone = others_say(at, jnp.zeros(20).at[7].set(1.0), 0.1)
    assert alone[7] == pytest.approx(0, abs=1e-6)


def test_the_isometry_penalty_knows_no_order_and_no_motion():
    x, codes = jax.random.normal(jax.random.key(0), (2, 3, 10, 4))
    there = float(isometry_penalty(codes, x))
    assert there > 0.01
    mixed = jnp.array([4, 2, 9, 0, 1, 3, 5, 8, 7, 6])
    assert isometry_penalty(codes[::-1, mixed], x[::-1, mixed]) == pytest.approx(there, rel=1e-4)
    assert isometry_penalty(7 * codes[..., ::-1] + 2, 3 * x - 1) == pytest.approx(there, rel=1e-4)


def test_recordings_that_are_all_far_apart_have_nothing_to_say():
    far = jnp.eye(20)[None]  # every pair at the same distance, as good as for unlike images
    codes = jax.random.normal(jax.random.key(0), (1, 20, 3))
    assert isometry_penalty(codes, far) < 1e-4


def test_a_signal_that_comes_back_does_not_forbid_the_circle_of_its_shifts():
    """Of a wave of period 1 / 2 with less of period 1, shifts by 1 / 2 are nearer to each other than most."""
    place = np.arange(64) / 64
    wave = np.cos(4 * np.pi * place) + 0.7 * np.cos(2 * np.pi * place)
    shift = np.random.default_rng(0).permutation(64)[:24]
    x = jnp.asarray(np.stack([np.roll(wave, s) for s in shift]))[None]
    turns = [(2 * np.pi * shift / 64 + by * np.sin(2 * np.pi * shift / 64))[None] for by in (0.0, 0.1, 0.3)]
    circle, uneven, more = (float(isometry_penalty(circles(turn), x)) for turn in turns)
    assert 5 * circle < uneven < more


@pytest.mark.parametrize("instances", [2, 40])
def test_the_isometry_penalty_of_any_group_is_finite_and_so_is_its_gradient(instances):
    x = jnp.zeros((2, instances, 5))
    for codes in (jnp.zeros((2, instances, 3)), jax.random.normal(jax.random.key(0), (2, instances, 3))):
        value, gradient = value_and_gradient(isometry_penalty)(codes, x)
        assert jnp.isfinite(value)
        assert jnp.all(jnp.isfinite(gradient))


# -- coincidence ----------------------------------------------------------------------------------------------------------

STEPS = 2 * np.pi * np.arange(12) / 12


def beside(turn, by, groups=3):
    """Copies of the same codes on a circle, each so far beside the one before."""
    return circles(np.stack([turn + by * group for group in range(groups)]))


@pytest.mark.parametrize(
    "turn", [STEPS, 0.3 * STEPS**1.5, np.repeat(STEPS[:2], 6)], ids=["even", "uneven", "drawn again and again"]
)
def test_codes_that_are_the_same_in_all_groups_coincide_and_stay(turn):
    values = [float(coincidence_penalty(beside(turn, by))) for by in (0.0, 0.01, 0.02, 0.04)]
    assert values[0] == 0
    assert np.all(np.diff(values) > 0)
    assert not value_and_gradient(coincidence_penalty)(beside(turn, 0.0))[1].any()


def test_codes_without_their_like_have_nothing_to_say():
    far = beside(STEPS, 0.0, 2) + jnp.array([0.0, 10.0])[:, None, None]
    assert coincidence_penalty(far) == pytest.approx(1)
    assert not value_and_gradient(coincidence_penalty)(far)[1].any()


def test_the_coincidence_penalty_knows_no_order_no_motion_no_scale_and_hardly_an_outlier():
    codes = circles(np.stack([STEPS, STEPS + 0.1, STEPS[::-1] - 0.05]))
    there = float(coincidence_penalty(codes))
    assert 0.1 < there < 0.9
    mixed = np.random.default_rng(0).permutation(12)
    assert coincidence_penalty(codes[::-1, mixed]) == pytest.approx(there, rel=1e-4)
    assert coincidence_penalty(7 * codes[..., ::-1] + 2) == pytest.approx(there, rel=1e-4)
    assert coincidence_penalty(codes.at[:, 0].set(100.0)) == pytest.approx(there, abs=0.1)


@pytest.mark.parametrize("shape", [(1, 5, 3), (3, 1, 3), (2, 40, 3)])
def test_the_coincidence_penalty_of_any_groups_is_finite_and_so_is_its_gradient(shape):
    for codes in (jnp.zeros(shape), jax.random.normal(jax.random.key(0), shape)):
        value, gradient = value_and_gradient(coincidence_penalty)(codes)
        assert jnp.isfinite(value)
        assert jnp.all(jnp.isfinite(gradient))


# -- consistency ----------------------------------------------------------------------------------------------------------


SIZES = jnp.array([[1.0], [2.0], [5.0]])
GIVEN = jax.random.normal(jax.random.key(0), (3, 8, 2))


def sizes_and_nuisances(gain=1.0, beside=0.0):
    """Nets that know their world: rows (s, s n) of nuisances n at the size s of the state, encoded as gain n + beside s."""

    def decoder(sizes, codes, group, state):
        size = sizes[group]
        return jnp.concatenate([size, size * codes / gain], axis=1), state

    net = nets.SymAENets(lambda x: x[:1], nets.LINEAR, lambda x: gain * x[1:] / x[0] + beside * x[0], decoder)
    return net, eqx.nn.make_with_state(lambda: nets.LINEAR)()[1]


def inconsistency(codes, gain=1.0, beside=0.0):
    net, state = sizes_and_nuisances(gain, beside)
    virtual = compiled(partial(un.SymAE()._virtual, net, state), SIZES, codes)
    return float(consistency_penalty(virtual.again, virtual.given))


@pytest.mark.parametrize("gain", [1.0, 7.0])
def test_states_that_mean_the_same_by_a_code_are_consistent_at_any_scale(gain):
    assert inconsistency(gain * GIVEN, gain) == pytest.approx(0, abs=1e-9)


def test_states_that_encode_beside_what_they_were_given_are_not():
    variance = float(jnp.var(GIVEN[:, 4:].reshape(-1, 2), axis=0).mean())  # of the half that swaps are given
    assert inconsistency(GIVEN, beside=0.1) == pytest.approx(float(jnp.mean((0.1 * SIZES) ** 2)) / variance, rel=1e-4)


def two_sizes(nets_and_state):
    codes = Codes(np.array(SIZES[:2]), np.array(GIVEN[:2]).reshape(-1, 2), np.repeat([0, 1], 8))
    return Trained(*nets_and_state, Scale(0.0, 1.0), Chain((3,), ())), codes


@pytest.mark.parametrize("beside", [0.0, 0.1])
def test_inconsistency_of_a_model_is_that_of_swaps_with_other_groups(beside):
    trained, codes = two_sizes(sizes_and_nuisances(beside=beside))
    expected = np.mean((beside * SIZES[:2]) ** 2) / codes.nuisance.var(axis=0).mean()
    assert un.SymAE().inconsistency(trained, codes) == pytest.approx(float(expected), rel=0.1, abs=1e-9)


def test_a_donor_handed_back_is_inconsistent_though_its_nuisance_is_kept():
    net, state = sizes_and_nuisances()
    back = net._replace(nuisance=lambda x: x[1:], decoder=lambda c, n, group, state: (jnp.concatenate([n[:, :1], n], 1), state))
    trained, codes = two_sizes((back, state))
    assert un.SymAE().inconsistency(trained, codes) > 1


def test_codes_that_do_not_vary_tell_nothing_of_consistency():
    trained, codes = two_sizes(sizes_and_nuisances())
    one = codes._replace(coherent=codes.coherent[:1], group=0 * codes.group)
    for constant in (one, codes._replace(nuisance=0 * codes.nuisance), codes._replace(coherent=0 * codes.coherent)):
        assert np.isnan(un.SymAE().inconsistency(trained, constant))


def test_consistency_teaches_the_encoders_and_not_the_decoder():
    method = dense_symae(consistency=1.0)
    net, state = method.init((12,), jax.random.key(0))
    c, n = jax.random.normal(jax.random.key(1), (4, 3)), jax.random.normal(jax.random.key(2), (4, 5, 4))

    def inconsistency(net_and_codes):
        virtual = method._virtual(net_and_codes[0], state, c, net_and_codes[1])
        return consistency_penalty(virtual.again, virtual.given)

    of_net, of_codes = compiled(eqx.filter_grad(inconsistency), (net, n))
    assert not any(np.any(w) for w in jax.tree.leaves(of_net.decoder))
    assert all(np.any(w) for w in jax.tree.leaves(of_net.nuisance))
    assert np.any(of_codes)


def test_swaps_are_not_decoded_where_consistency_weighs_nothing():
    net, state = dense_symae().init((12,), jax.random.key(0))
    batch = Batch(jax.random.normal(jax.random.key(1), (4, 5, 12)), None, jax.random.key(2), 20)
    methods = [dense_symae(rate=0.0, lam=0.3, consistency=weight) for weight in (0.0, 1.0)]
    never, always = (compiled(method.loss, net, state, None, batch)[1][0]["consistency"] for method in methods)
    assert never == 0 < always


@pytest.mark.parametrize("instances, each", [(1, 1), (2, 1), (5, 3), (30, 15), (60, 16)])
def test_half_of_what_is_compared_is_virtual(instances, each):
    net, state = sizes_and_nuisances()
    codes = jax.random.normal(jax.random.key(0), (len(SIZES), instances, 2))
    virtual = compiled(partial(un.SymAE()._virtual, net, state), SIZES, codes)
    both = half_and_half(jnp.zeros((2, instances)), jnp.ones_like(virtual.again[:2, :, 0]))
    assert both.shape == (2, 2 * each)
    np.testing.assert_array_equal(both.sum(axis=1), each)


def test_a_share_of_each_group_is_drawn_evenly():
    rows = jnp.arange(24.0).reshape(4, 6)
    draws = np.stack([np.sort(some_of_each(jax.random.key(i), rows, 0.5)) for i in range(200)])
    assert draws.shape == (200, 4, 3)
    assert (np.diff(draws) > 0).all()
    assert (draws // 6 == np.arange(4)[:, None]).all()
    np.testing.assert_allclose(np.bincount(draws.ravel().astype(int), minlength=24) / 200, 0.5, atol=0.15)
    np.testing.assert_array_equal(some_of_each(jax.random.key(0), rows, 1.0), rows)
    assert some_of_each(jax.random.key(0), rows, 0.01).shape == (4, 1)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        *((weight, -1.0) for weight in ("rate", "lam", "blur", "isometry", "consistency", "coincidence")),
        ("lam", np.nan),
        ("rate", 1.0),
        ("p", 0),
        ("pooled", 0.0),
        ("pooled", 1.1),
    ],
)
def test_impossible_numbers_are_refused(name, number):
    with pytest.raises(un.InputError):
        un.SymAE(**{name: number})
