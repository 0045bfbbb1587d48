from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import unentangle as un
from unentangle import nets
from unentangle.dependence import PENALTIES, energy_penalty
from unentangle.methods.protocol import Batch, numbers_of, with_numbers
from unentangle.methods.symae import CoherentCode, coherent_features, max_pool, mean_pool, min_pool, regularise
from unentangle.methods.terms import Coincidence, Consistency, Isometry
from unentangle.schedules import at
from worlds import compiled, dense_symae, linear_symae, small_mra, untrained

regularise = jax.jit(regularise, static_argnums=0)  # one program, as in a training


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
    features = coherent_features(net, state, x.reshape(20, 12)).reshape(4, 5, -1)
    c = CoherentCode(mean_pool)(net, state, features, jnp.ones((4, 5), bool))
    n = jax.vmap(jax.vmap(net.nuisance))(x)
    decoded = jax.vmap(lambda c, n: jax.vmap(lambda m: net.decoder.dec(jnp.concatenate([c, m])))(n))(c, n)
    np.testing.assert_allclose(terms["reconstruction"], np.mean((decoded - x) ** 2), rtol=1e-5)
    np.testing.assert_allclose(terms["penalty"], energy_penalty(n), rtol=1e-5)
    np.testing.assert_allclose(loss, terms["reconstruction"] + 3 * terms["penalty"], rtol=1e-5)


def test_the_loss_does_not_know_the_order_of_groups_and_instances():
    method = dense_symae(rate=0.0, lam=0.3, terms=(Isometry(75.0, None),))
    net, state = method.init((12,), jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (4, 5, 12))
    batch = Batch(x, None, jax.random.key(2), 20)
    mixed = batch._replace(x=x[::-1, jnp.array([3, 1, 0, 4, 2])])
    np.testing.assert_allclose(
        compiled(method.loss, net, state, None, mixed)[0], compiled(method.loss, net, state, None, batch)[0], rtol=1e-4
    )


def test_the_multiplicative_decoder_is_a_product():
    c, n = jnp.ones((1, 2)), jnp.ones((2, 3))

    def both(key):
        net, state = un.SymAE(p=2, q=3).init((20,), key)
        d = net.decoder
        product = jax.vmap(d.dec3)(jax.vmap(d.dec1)(c) * jax.vmap(d.dec2)(n))
        return d(c, n, jnp.array([0, 0]), state)[0], product

    decoded, product = compiled(both, jax.random.key(0))
    np.testing.assert_allclose(decoded, product, atol=1e-6)


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
    terms = (Isometry(2.0, None), Consistency(0.5), Coincidence(0.7, None))
    method = dense_symae(rate=0.0, lam=3.0, penalty=penalty, terms=terms)
    net, state = method.init((12,), jax.random.key(0))
    batch = Batch(jax.random.normal(jax.random.key(1), (4, 5, 12)), None, jax.random.key(2), 20)
    loss, (named, _) = compiled(method.loss, net, state, None, batch)
    penalised = compiled(PENALTIES.get(penalty, penalty), compiled(jax.vmap(jax.vmap(net.nuisance)), batch.x))
    assert float(named["penalty"]) == pytest.approx(float(penalised), rel=1e-5)
    total = named["reconstruction"] + 3 * named["penalty"] + 2 * named["isometry"] + 0.5 * named["consistency"]
    total += 0.7 * named["coincidence"]
    assert float(loss) == pytest.approx(float(total), rel=1e-6)


# -- settings -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "number"), [("rate", -1.0), ("lam", -1.0), ("lam", np.nan), ("rate", 1.0), ("p", 0), ("q", 0)]
)
def test_impossible_numbers_are_refused(name, number):
    with pytest.raises(un.InputError, match=name):
        un.SymAE(**{name: number})


def course(method, name, times=(0.0, 0.3, 0.6, 0.7, 1.0)):
    """A number of a method in the course of a training."""
    return [round(float(at(numbers_of(method)[name], jnp.asarray(t))), 6) for t in times]


def test_a_weight_keeps_its_ramp_and_without_one_is_constant():
    assert course(un.SymAE(), "lam") == [0.3, 0.15, 0, 0, 0]
    assert course(un.SymAE(lam=1.0), "lam") == [1, 0.5, 0, 0, 0]
    assert course(un.SymAE(lam=1.0, lam_ramp=None), "lam") == [1] * 5
    assert course(un.SymAE(lam_ramp=un.Linear(0.0, 1.0)), "lam") == [0, 0.09, 0.18, 0.21, 0.3]
    assert course(un.SymAE(), "rate", (0.0, 0.35, 0.7, 1.0)) == [0.5, 0.25, 0, 0]
    assert course(un.SymAE(rate=un.Linear(0.2, 0.6), rate_ramp=None), "rate") == [0.2, 0.32, 0.44, 0.48, 0.6]


@pytest.mark.parametrize(
    ("numbers", "says"),
    [
        ({"lam": un.Linear(0.3, 0.0)}, "lam_ramp comes on top of a schedule; say lam_ramp=None"),
        ({"rate": lambda progress: 0.5 * progress}, "rate_ramp comes on top of a schedule"),
        ({"lam_ramp": 0.5}, "lam_ramp=0.5; a schedule of a factor, or None"),
        ({"rate_ramp": "linear"}, "rate_ramp='linear'; a schedule of a factor"),
    ],
)
def test_a_ramp_is_a_schedule_of_a_plain_number(numbers, says):
    with pytest.raises(un.InputError, match=says):
        un.SymAE(**numbers)


@pytest.mark.parametrize("number", ["rate", "lam"])
def test_a_ramp_that_leaves_the_bounds_on_its_way_is_refused_before_training(number):
    """The ramp is out of bounds from 5 % to 15 % of the training only."""

    def bump(progress):
        return jnp.where(jnp.abs(progress - 0.1) < 0.05, -1.0 if number == "lam" else 4.0, 1.0)

    method = dense_symae(**{number: 0.3, f"{number}_ramp": bump})
    with pytest.raises(un.InputError, match=f"{number}="):
        un.train(method, small_mra(), steps=1000, progress=False)


def test_numbers_of_and_with_numbers_are_inverse():
    terms = (Isometry(2.0), Consistency(0.5), Coincidence(un.Linear(0.1, 0.3), None))
    method = un.SymAE(lam=0.7, lam_ramp=None, terms=terms)
    numbers = numbers_of(method)
    assert numbers.keys() == {"rate", "lam", "terms.isometry", "terms.coincidence"}  # a plain number cannot be scheduled
    again = with_numbers(method, numbers)
    assert eqx.tree_equal(numbers_of(again), numbers)
    assert (again.lam, again.rate_ramp, again.terms[1]) == (0.7, None, Consistency(0.5))
    now = {"rate": 0.1, "lam": 0.2, "terms.isometry": 3.0, "terms.coincidence": 4.0}
    assert numbers_of(with_numbers(method, now)) == now
    assert with_numbers(method, {"lam": 0.1}) == replace(method, lam=0.1)
    assert with_numbers(un.NashAE(), {"lam": 0.5}) == un.NashAE(lam=0.5)


@pytest.mark.parametrize(
    ("example", "deviates", "steps", "batch"),
    [
        (1, {}, 3000, (18, 30)),
        (2, {"rate": 0.0, "lam": 10 / (97 * 100)}, 3000, (6, 97)),
        (3, {"decoder": "concatenation"}, 3000, (18, 30)),
        (4, {"regulariser": "gaussian-noise"}, 4000, (18, 30)),
        (5, {"decoder": "dense"}, 3000, (18, 30)),
    ],
)
def test_what_is_printed_is_what_the_paper_prints(example, deviates, steps, batch):
    """p = 5, q = 10, r = 0.5 constant, no penalty, nothing of ours; Adam at 1e-3 in full batches (appendix A)."""
    printed = un.SymAE.printed(example)
    as_printed = {"p": 5, "q": 10, "rate": 0.5, "lam": 0.0, "penalty": "energy", "decoder": "multiplicative", "pool": "mean"}
    as_printed |= {"regulariser": "dropout-unscaled", "architecture": "appendix", "terms": ()}
    assert {name: getattr(printed, name) for name in as_printed} == as_printed | deviates
    assert (printed.rate_ramp, printed.lam_ramp) == (None, None)
    assert printed.recommended == (steps, batch, 1e-3)
    assert printed.players()[-1].optimiser is un.methods.protocol.KERAS_ADAM
    own = un.SymAE.printed(example, lam=0.5, terms=(Isometry(),), architecture="authors")
    assert (own.lam, own.terms, own.architecture) == (0.5, (Isometry(),), "authors")
    assert own.recommended == printed.recommended


def test_the_paper_has_five_examples():
    with pytest.raises(un.InputError, match="example=6; the paper has Examples 1 to 5"):
        un.SymAE.printed(6)
    assert un.SymAE.printed() == un.SymAE.printed(1)


def test_what_is_recommended_can_be_read_of_the_class_and_of_a_method():
    assert un.SymAE.recommended == un.SymAE().recommended == un.SymAE(p=2).recommended
    assert un.SymAE.recommended[:2] == (5000, (3, 30))


def test_a_net_without_weights_can_be_a_part():
    """A player names the nets that it moves, of which some may hold nothing to be moved."""
    method = dense_symae(coherent_1=lambda key: nets.Dense(12, 3, key), coherent_2=eqx.nn.Identity())
    run = un.train(method, small_mra(), steps=1, batch=(2, 3), progress=False)
    assert run[0].encode(small_mra()).coherent.shape == (6, 3)
