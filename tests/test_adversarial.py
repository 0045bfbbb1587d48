"""NashAE's game between the two codes of a group autoencoder."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import unentangle as un
from unentangle.methods import Adversarial
from unentangle.methods.protocol import Batch
from unentangle.methods.terms.adversarial import Pairs, adversarial_penalty, pairs, standardised
from worlds import compiled, dense_symae, small_mra

adversarial_penalty, standardised = map(jax.jit, (adversarial_penalty, standardised))


def test_the_loss_adds_what_the_opponents_earn():
    method = dense_symae(rate=0.0, lam=0.0, terms=(Adversarial(3.0, None),))
    net, state = method.init((12,), jax.random.key(0))
    batch = Batch(jax.random.normal(jax.random.key(1), (4, 5, 12)), None, jax.random.key(2), 20)
    loss, (terms, _) = compiled(method.loss, net, state, None, batch)
    codes = pairs(*method.share(net, state, batch))
    assert [c.shape for c in codes] == [(20, 3), (20, 4)]
    opponents = net.terms["adversarial"]
    found = Pairs(jax.vmap(opponents.coherent)(codes.nuisance), jax.vmap(opponents.nuisance)(codes.coherent))
    covariances = [np.mean(c * f, axis=0) - np.mean(c, axis=0) * np.mean(f, axis=0) for c, f in zip(codes, found, strict=True)]
    assert float(terms["adversarial"]) == pytest.approx(np.concatenate(covariances).mean(), abs=1e-6)
    assert float(loss) == pytest.approx(float(terms["reconstruction"] + 3 * terms["adversarial"]), rel=1e-6)


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


@pytest.mark.long
def test_opponents_move_five_times_and_the_encoders_not_with_them():
    method = dense_symae(lam=0.0, terms=(Adversarial(),))
    opponents, encoders = method.players()
    assert (opponents.parts, opponents.times, opponents.pace) == (("terms.adversarial",), 5, 10.0)
    assert not any(part.startswith("terms") for part in encoders.parts)
    run = un.train(method, small_mra(), steps=1, batch=(4, 4), progress=False)
    assert {"adversarial", "prediction"} <= run.history[0].terms.keys()
    start = method.init((12,), jax.random.fold_in(jax.random.key(0), 0))[0].terms["adversarial"]
    weights = zip(*(jax.tree.leaves(n) for n in (start, run[0].trained.net.terms["adversarial"])), strict=True)
    assert all(np.any(a != b) for a, b in weights if getattr(a, "ndim", 0) == 2)
