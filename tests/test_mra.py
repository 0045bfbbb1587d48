import numpy as np
import pytest

import unentangle as un
from unentangle.evaluate import baselines


def test_the_six_states_are_equation_7():
    box, cosine, ramp, *rescaled = un.data.mra_states()
    assert box.sum() == 50
    assert cosine[99] == 1
    assert (ramp > 0).sum() == 49
    assert ramp.max() == pytest.approx(0.98)
    np.testing.assert_allclose(rescaled, 2 * np.stack([box, cosine, ramp]) - 1)


def test_random_states_are_smooth_or_jump():
    smooth, steps = un.data.fourier_states(101), un.data.step_states(201)
    assert smooth.shape == steps.shape == (6, 100)
    spectrum = np.abs(np.fft.rfft(smooth))
    assert np.all(spectrum[:, 1:6].max(axis=1) > 1)
    np.testing.assert_allclose(np.delete(spectrum, range(1, 6), axis=1), 0, atol=1e-9)
    jumps = np.sum(steps != np.roll(steps, 1, axis=1), axis=1)
    np.testing.assert_array_equal(jumps, 8)
    np.testing.assert_array_equal(steps, un.data.step_states(201))
    assert not np.array_equal(smooth, un.data.fourier_states(102))
    with pytest.raises(un.InputError, match="steps=101"):
        un.data.step_states(0, steps=101)


def test_a_shift_moves_to_the_left():
    a = np.arange(5.0)
    np.testing.assert_array_equal(un.data.orbit(a[None])[0, 2], [2, 3, 4, 0, 1])


def test_rows_are_their_factors():
    data = un.data.mra(noise=0)
    states = un.data.orbit(un.data.mra_states())
    truth = states[data.factors["state"], data.factors["shift"]]
    np.testing.assert_allclose(data.x, truth, atol=1e-6)
    assert data.x.shape == (540, 100)
    assert data.factors.kinds == {"state": "categorical", "shift": "continuous"}


def test_exhaustive_draws_use_every_pair_once():
    data = un.data.mra()
    pairs = set(zip(data.factors["state"], data.factors["shift"], strict=True))
    assert len(pairs) == len(data)
    _, counts = np.unique(data.factors["state"], return_counts=True)
    assert (counts == 90).all()  # every state exactly three times
    full = un.data.mra(6, 97)
    assert len(np.unique(full.factors["state"])) == 6
    more = un.data.mra(24, 30)  # the pools refill
    assert len(more.group_names) == 24


@pytest.mark.parametrize(("draw", "distinct"), [("algorithm-1", True), ("with-replacement", False)])
def test_other_draws(draw, distinct):
    data = un.data.mra(200, 30, draw=draw)
    shifts = data.factors["shift"].reshape(200, 30)
    assert all(len(set(s)) == 30 for s in shifts) == distinct
    states = data.factors["state"].reshape(200, 30)
    assert (states == states[:, :1]).all()


def test_noise_has_its_standard_deviation_and_the_seed_its_data():
    clean, noisy, again, other = (un.data.mra(noise=n, seed=s) for n, s in ((0, 3), (0.5, 3), (0.5, 3), (0.5, 4)))
    assert np.std(noisy.x - clean.x) == pytest.approx(0.5, rel=0.02)
    np.testing.assert_array_equal(noisy.x, again.x)
    assert (noisy.x != other.x).any()


def test_own_states_and_lengths():
    data = un.data.mra(4, 5, states=np.random.default_rng(0).standard_normal((2, 17)))
    assert data.row_shape == (17,)
    assert un.data.mra(3, 4, k=8).row_shape == (8,)


@pytest.mark.parametrize("options", [{"n_tau": 101}, {"n_x": 0}, {"states": np.ones(3)}])
def test_impossible_draws_are_refused(options):
    with pytest.raises(un.InputError):
        un.data.mra(**options)


def test_the_truth_is_every_shift_of_every_state():
    data = un.data.mra(4, 5, noise=0.5)
    clean = un.data.mra(4, 5)
    np.testing.assert_allclose(data.truth.recordings(data.truth.state, data.truth.nuisance), clean.x, atol=1e-6)
    np.testing.assert_array_equal(data.truth.grid().x, un.data.orbit(un.data.mra_states()).reshape(600, 100).astype(np.float32))
    assert data.truth.pairs["phi"][0] == (0, 1)
    assert un.data.mra(4, 5, states=np.eye(5)).truth.pairs["phi"] == ()


def test_baselines_are_the_known_ones():
    values = baselines(un.data.mra())
    assert values["constant"] == pytest.approx(0.3972, abs=5e-5)
    assert values["donor"] == pytest.approx(0.5099, abs=5e-5)
    assert values["donor_phi"] == pytest.approx(0.2785, abs=5e-5)
    assert values["alignment_told_shift"] == pytest.approx(0, abs=1e-12)
