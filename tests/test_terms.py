"""What is ours: each term by itself, and with a method that is not SymAE."""

from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

import unentangle as un
from unentangle import nets
from unentangle.data.dataset import Scale
from unentangle.data.transforms import Chain
from unentangle.methods import TERMS, Adversarial, Blur, Codes, Coincidence, Consistency, Isometry, Part, Pooling, terms
from unentangle.methods.codes import Trained
from unentangle.methods.description import describe, restore
from unentangle.methods.protocol import Batch, Defaults, Player, Recommended, numbers_of
from unentangle.methods.symae import nuisance_code
from unentangle.methods.terms import RECOMMENDED, Step, Term, check_terms, recommended, virtual
from unentangle.methods.terms.alignment import (
    coarse,
    coincidence_penalty,
    consistency_penalty,
    half_and_half,
    isometry_penalty,
    leave_one_out,
    smooth,
    some_of_each,
)
from worlds import compiled, dense_symae, small_mra, untrained

# One program each, as in a training: compiling operation by operation, these tests would do little else.
coincidence_penalty, consistency_penalty, isometry_penalty = map(
    jax.jit, (coincidence_penalty, consistency_penalty, isometry_penalty)
)
coarse, smooth, leave_one_out = jax.jit(coarse), jax.jit(smooth), jax.jit(leave_one_out, static_argnums=2)


@cache
def value_and_gradient(penalty):
    return jax.jit(jax.value_and_grad(penalty))


def step_of(net, state, c, n, x=None):
    """What penalties see, of SymAE's nets."""
    decode = lambda c, n, group: net.decoder(c, n, group, state)[0]  # noqa: E731
    return Step(x, c, n, decode, lambda rows: nuisance_code(net, state, rows), {})


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


@pytest.mark.parametrize("more", [(), (Adversarial(3.0, None),)], ids=["alone", "with opponents"])
def test_players_see_blurred_rows_as_if_these_had_been_coarse(more):
    batch = Batch(jax.random.normal(jax.random.key(1), (4, 5, 12)), None, jax.random.key(2), 20)
    given = (Isometry(2.0, None), Consistency(0.5), *more)
    sharp, blurred = (dense_symae(rate=0.0, lam=3.0, terms=(*some, *given)) for some in ((), (Blur(0.1, None),)))
    net, state = sharp.init((12,), jax.random.key(0))
    before = batch._replace(x=coarse(batch.x, 0.1))
    expected = compiled(sharp.loss, net, state, None, before)[0]
    assert float(compiled(blurred.loss, net, state, None, batch)[0]) == pytest.approx(float(expected), rel=1e-5)
    shared = blurred.share(net, state, batch)
    assert (shared is not None) == bool(more)
    for ours, theirs in zip(jax.tree.leaves(shared), jax.tree.leaves(sharp.share(net, state, before)), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("blur", [Blur(0.1, None), Blur(0.1, un.Linear(1.0, 0.5)), Blur(un.Linear(0.3, 0.1), None)])
def test_a_blur_that_stays_is_refused(blur):
    with pytest.raises(un.InputError, match="at the end of the training"):
        un.train(dense_symae(16, terms=(blur,)), small_mra(k=16), steps=1)


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
    np.testing.assert_allclose(leave_one_out(at, 3 * at - 1, 0.1), 3 * at - 1, atol=0.01)
    alone = leave_one_out(at, jnp.zeros(20).at[7].set(1.0), 0.1)
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
    made = compiled(lambda codes: virtual(step_of(net, state, SIZES, codes)), codes)
    return float(consistency_penalty(made.again, made.given))


@pytest.mark.parametrize("gain", [1.0, 7.0])
def test_states_that_mean_the_same_by_a_code_are_consistent_at_any_scale(gain):
    assert inconsistency(gain * GIVEN, gain) == pytest.approx(0, abs=1e-9)


def test_states_that_encode_beside_what_they_were_given_are_not():
    variance = float(jnp.var(GIVEN[:, 4:].reshape(-1, 2), axis=0).mean())  # of the half that swaps are given
    assert inconsistency(GIVEN, beside=0.1) == pytest.approx(float(jnp.mean((0.1 * SIZES) ** 2)) / variance, rel=1e-4)


def two_sizes(nets_and_state):
    """A model that knows sizes, and codes of two of them."""
    codes = Codes({"coherent": np.array(SIZES[:2])}, {"nuisance": np.array(GIVEN[:2]).reshape(-1, 2)}, np.repeat([0, 1], 8))
    return un.Model(un.SymAE(p=1, q=2), Trained(*nets_and_state, Scale(0.0, 1.0), Chain((3,), ())), 0), codes


@pytest.mark.parametrize("beside", [0.0, 0.1])
def test_inconsistency_of_a_model_is_that_of_swaps_with_other_groups(beside):
    model, codes = two_sizes(sizes_and_nuisances(beside=beside))
    expected = np.mean((beside * SIZES[:2]) ** 2) / codes.nuisance.var(axis=0).mean()
    assert model.inconsistency(codes) == pytest.approx(float(expected), rel=0.1, abs=1e-9)


def test_a_donor_handed_back_is_inconsistent_though_its_nuisance_is_kept():
    net, state = sizes_and_nuisances()
    back = net._replace(nuisance=lambda x: x[1:], decoder=lambda c, n, group, state: (jnp.concatenate([n[:, :1], n], 1), state))
    model, codes = two_sizes((back, state))
    assert model.inconsistency(codes) > 1


def test_codes_that_do_not_vary_tell_nothing_of_consistency():
    model, codes = two_sizes(sizes_and_nuisances())
    one = replace(codes, by_group={"coherent": codes.coherent[:1]}, group=0 * codes.group)
    still = replace(codes, by_row={"nuisance": 0 * codes.nuisance})
    for constant in (one, still, replace(codes, by_group={"coherent": 0 * codes.coherent})):
        assert np.isnan(model.inconsistency(constant))


def test_consistency_teaches_the_encoders_and_not_the_decoder():
    net, state = dense_symae().init((12,), jax.random.key(0))
    c, n = jax.random.normal(jax.random.key(1), (4, 3)), jax.random.normal(jax.random.key(2), (4, 5, 4))

    def inconsistency(net_and_codes):
        made = virtual(step_of(net_and_codes[0], state, c, net_and_codes[1]))
        return consistency_penalty(made.again, made.given)

    of_net, of_codes = compiled(eqx.filter_grad(inconsistency), (net, n))
    assert not any(np.any(w) for w in jax.tree.leaves(of_net.decoder))
    assert all(np.any(w) for w in jax.tree.leaves(of_net.nuisance))
    assert np.any(of_codes)


def test_swaps_are_not_decoded_where_consistency_weighs_nothing():
    net, state = dense_symae().init((12,), jax.random.key(0))
    batch = Batch(jax.random.normal(jax.random.key(1), (4, 5, 12)), None, jax.random.key(2), 20)
    methods = [dense_symae(rate=0.0, lam=0.3, terms=(Consistency(weight),)) for weight in (0.0, 1.0)]
    never, always = (compiled(method.loss, net, state, None, batch)[1][0]["consistency"] for method in methods)
    assert never == 0 < always
    assert "consistency" not in compiled(dense_symae().loss, net, state, None, batch)[1][0]


@pytest.mark.parametrize("instances, each", [(1, 1), (2, 1), (5, 3), (30, 15), (60, 16)])
def test_half_of_what_is_compared_is_virtual(instances, each):
    net, state = sizes_and_nuisances()
    codes = jax.random.normal(jax.random.key(0), (len(SIZES), instances, 2))
    made = compiled(lambda codes: virtual(step_of(net, state, SIZES, codes)), codes)
    both = half_and_half(jnp.zeros((2, instances)), jnp.ones_like(made.again[:2, :, 0]))
    assert both.shape == (2, 2 * each)
    np.testing.assert_array_equal(both.sum(axis=1), each)


# -- pooling ---------------------------------------------------------------------------------------------------------------


def test_a_share_of_each_group_is_drawn_evenly():
    rows = jnp.arange(24.0).reshape(4, 6)
    draws = np.sort(jax.vmap(lambda key: some_of_each(key, rows, 0.5))(jax.random.split(jax.random.key(0), 200)))
    assert draws.shape == (200, 4, 3)
    assert (np.diff(draws) > 0).all()
    assert (draws // 6 == np.arange(4)[:, None]).all()
    np.testing.assert_allclose(np.bincount(draws.ravel().astype(int), minlength=24) / 200, 0.5, atol=0.15)
    np.testing.assert_array_equal(some_of_each(jax.random.key(0), rows, 1.0), rows)
    assert some_of_each(jax.random.key(0), rows, 0.01).shape == (4, 1)


def test_only_a_share_of_each_group_makes_its_code():
    """The loss under `Pooling` is that of the codes of the rows that were drawn, and reconstructs all rows."""
    method = dense_symae(rate=0.0, lam=0.0, terms=(Pooling(0.4),))
    net, state = method.init((12,), jax.random.key(0))
    batch = Batch(jax.random.normal(jax.random.key(1), (4, 5, 12)), None, jax.random.key(2), 20)
    c, n, _ = method._codes(net, state, batch)
    some = some_of_each(jax.random.fold_in(batch.key, 4), batch.x, 0.4)
    assert some.shape == (4, 2, 12)
    np.testing.assert_allclose(c, dense_symae()._codes(net, state, batch._replace(x=some))[0], atol=1e-5)
    assert n.shape == (4, 5, 4)
    assert np.abs(c - dense_symae()._codes(net, state, batch)[0]).max() > 1e-3


# -- weights --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "weight"),
    [
        *((kind, -1.0) for kind in (Blur, Isometry, Consistency, Coincidence, Adversarial)),
        *((kind, np.nan) for kind in (Blur, Isometry, Consistency, Coincidence, Adversarial)),
        *((kind, "much") for kind in (Blur, Isometry, Coincidence, Adversarial)),
        *((kind, un.Linear(0.0, 1.0)) for kind in (Blur, Isometry, Coincidence, Adversarial)),  # which have a ramp already
        (Pooling, 0.0),
        (Pooling, 1.1),
    ],
)
def test_impossible_weights_are_refused(kind, weight):
    with pytest.raises(un.InputError, match=rf"{kind.name}=|weight='much'|ramp comes on top of a schedule; say ramp=None"):
        kind(weight)


@pytest.mark.parametrize("given", [[Blur()], Blur(), (Blur, Isometry()), ("blur",), None])
def test_terms_that_are_no_tuple_of_terms_are_refused(given):
    with pytest.raises(un.InputError, match="a tuple of terms is needed"):
        check_terms(given)


def test_a_term_stands_once():
    with pytest.raises(un.InputError, match="terms holds isometry twice"):
        un.SymAE(terms=(Isometry(1.0), Blur(), Isometry(2.0)))


def test_what_is_recommended_with_other_weights():
    assert recommended() == RECOMMENDED == un.SymAE().terms
    changed = recommended(blur=0, isometry=10.0)
    assert [t.name for t in changed] == ["pooled", "isometry", "consistency", "coincidence"]
    assert changed[1] == Isometry(10.0)
    assert changed[1].ramp == Isometry().ramp
    with pytest.raises(un.InputError, match=r"no term isometri; there are blur, pooled, isometry"):
        recommended(isometri=1.0)
    assert recommended(blur=0, pooled=0, isometry=0, consistency=0, coincidence=0) == ()


def test_terms_go_through_json_and_back():
    every = (*RECOMMENDED[:2], Isometry(3, None), Consistency(2), Coincidence(un.Cosine(0.1), None), Adversarial())
    assert {term.name for term in every} == TERMS.keys()
    method = un.SymAE(terms=every, lam=1, lam_ramp=None)
    assert restore(describe(method)) == method
    assert describe(method) == describe(un.SymAE(terms=every, lam=1.0, lam_ramp=None))


@pytest.mark.parametrize("instances", [(1, 4), (4, 1)])
def test_batches_in_which_a_penalty_has_nothing_to_compare_are_refused(instances):
    for term in (Isometry(), Consistency(), Coincidence(), Adversarial(), Isometry(un.Linear(0.0, 1.0), None)):
        with pytest.raises(un.InputError, match="two of both are needed"):
            dense_symae(lam=0.0, terms=(term,)).check(small_mra(), instances)
    for term in (Blur(), Pooling(), Isometry(0.0), Consistency(0.0)):
        dense_symae(lam=0.0, terms=(term,)).check(small_mra(), instances)


@pytest.mark.parametrize("term", [Isometry(1.0, None), Consistency(1.0), Coincidence(1.0, None), Adversarial(1.0, None)])
def test_the_loss_is_linear_in_the_weight_of_a_term(term):
    """Its slope is the term that the history shows."""
    batch = Batch(jax.random.normal(jax.random.key(1), (4, 5, 12)), None, jax.random.key(2), 20)
    methods = [dense_symae(rate=0.0, lam=0.3, terms=(replace(term, weight=w),)) for w in (1.0, 2.0, 5.0)]
    net, state = methods[0].init((12,), jax.random.key(0))
    (one, (named, _)), (two, _), (five, _) = (compiled(m.loss, net, state, None, batch) for m in methods)
    slope = float(named[term.name])
    assert slope > 1e-3 or isinstance(term, Adversarial)
    assert float(two - one) == pytest.approx(slope, rel=1e-3, abs=1e-6)
    assert float(five - one) == pytest.approx(4 * slope, rel=1e-3, abs=1e-6)
    plain = compiled(dense_symae(rate=0.0, lam=0.3).loss, net, state, None, batch)[0]
    assert float(one - plain) == pytest.approx(slope, rel=1e-3, abs=1e-6)


# -- any method with a code per group and one per row ------------------------------------------------------------------------


class ToyNets(NamedTuple):
    """Dense nets, and what terms add."""

    content: Any
    style: Any
    decoder: Any
    terms: dict[str, Any]


def content(net, state, x):
    return nets.mapped(net.content, x)


def mean(net, state, features, mask):
    return jnp.sum(features * mask[..., None], axis=1) / jnp.sum(mask, axis=1, keepdims=True)


def style(net, state, x):
    return nets.mapped(net.style, x)


def decode(net, state, group, c, n):
    return nets.mapped(net.decoder, jnp.concatenate([c[group], n], axis=1))


@dataclass(frozen=True)
class Toy(Defaults):
    """A group autoencoder without a penalty: the content of a group is the mean of those of its rows."""

    terms: tuple[Term, ...] = ()
    recommended: Recommended = field(default=Recommended(1, (3, 4), 1e-3), compare=False)
    decode = staticmethod(decode)

    @property
    def parts(self):
        return Part("content", 3, "group", content, mean), Part("style", 4, encode=style)

    def init(self, shape, key):
        def build():
            ks, (size,) = nets.keys(key), shape
            sides = ([size, 8, 3], [size, 8, 4], [7, 8, size])
            made = [eqx.nn.Sequential(nets.mlp(widths, nets.ELU, ks)) for widths in sides]
            return terms.with_nets(ToyNets(*made, {}), self.terms, 3, 4, key)

        return eqx.nn.make_with_state(build)()

    def players(self):
        return (*terms.players(self.terms), Player(self.loss, ("content", "style", "decoder")))

    def share(self, net, state, batch):
        return self.codes(net, state, batch.key, terms.before(self.terms, batch.x))

    def codes(self, net, state, key, x):
        seen = terms.pooled(self.terms, key, x)
        c = jax.vmap(lambda rows: jnp.mean(content(net, state, rows), axis=0))(seen)
        return c, jax.vmap(lambda rows: style(net, state, rows))(x)

    def loss(self, net, state, shared, batch):
        x = terms.before(self.terms, batch.x)
        c, n = self.codes(net, state, batch.key, x)
        group = jnp.repeat(jnp.arange(len(x)), x.shape[1])
        rows = decode(net, state, group, c, n.reshape(-1, 4))
        error = jnp.mean((rows.reshape(x.shape) - x) ** 2)
        decoder = lambda c, n, group: decode(net, state, group, c, n)  # noqa: E731
        more, named = terms.penalties(self.terms, Step(x, c, n, decoder, lambda r: style(net, state, r), net.terms))
        return error + more, ({"reconstruction": error} | named, state)


@pytest.mark.long
def test_all_terms_train_with_a_method_that_is_not_symae():
    data = small_mra()
    every = (*recommended(isometry=2.0), Adversarial())
    assert numbers_of(Toy(every)).keys() == {"terms.blur", "terms.isometry", "terms.coincidence", "terms.adversarial"}
    run = un.train(Toy(every), data, progress=False)
    named = {"reconstruction", "isometry", "consistency", "coincidence", "adversarial", "prediction"}
    assert run.history[0].terms.keys() == named
    assert np.isfinite([values[-1] for values in run.history[0].terms.values()]).all()
    before = Toy(every).init((12,), jax.random.fold_in(jax.random.key(0), 0))[0]
    assert all(np.any(a != b) for a, b in zip(*map(arrays, (before, run[0].trained.net)), strict=True))


def arrays(net):
    """The weights of a net; biases that no loss feels may stay."""
    return [w for w in jax.tree.leaves(eqx.filter(net, eqx.is_array)) if w.ndim == 2]


def test_a_model_of_a_method_that_is_not_symae_has_all_verbs(tmp_path):
    data, method = small_mra(), Toy()
    model = untrained(method, data)
    codes = model.encode(data)
    assert (codes.content.shape, codes.style.shape) == ((6, 3), (30, 4))
    assert "content (6, 3)" in repr(codes)
    with pytest.raises(AttributeError, match="no part 'nuisance'; there are content, style"):
        _ = codes.nuisance
    swapped = model.swap(data, data)
    assert swapped.shape == (6, 30, 12)
    np.testing.assert_allclose(swapped[data.group, np.arange(30)], model.reconstruct(data), atol=1e-5)
    assert model.traverse(data).shape == (4, 10, 12)
    own = data.take(data.group == 1)
    np.testing.assert_allclose(model.interpolate(own)[::10], model.reconstruct(own), atol=1e-4)
    assert model.shortfall(data) >= 0
    model.save(tmp_path / "toy.safetensors")
    again = un.Model.load(tmp_path / "toy.safetensors", method)
    np.testing.assert_array_equal(again.reconstruct(data), model.reconstruct(data))
