import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import energy_distance as scipy_energy_distance

from unentangle import InputError
from unentangle.dependence import J, J_estimate, distances, energy_distance, energy_penalty


def direct_J(label, codes):
    """Definition 5, term by term, in float64."""
    total = 0.0
    for value in np.unique(label):
        own = codes[label == value]
        e = cdist(own, codes).mean() - cdist(own, own).mean() / 2 - cdist(codes, codes).mean() / 2
        total += e * (label == value).mean()
    return total


def sample(seed, n, d):
    return np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)


@given(st.floats(-50, 50), st.floats(-50, 50))
def test_energy_distance_of_two_points_is_their_distance(a, b):
    assert energy_distance(jnp.array([[a]]), jnp.array([[b]])) == pytest.approx(abs(np.float32(a) - np.float32(b)), abs=1e-5)


SIZES = st.sampled_from([1, 7])


@given(st.integers(0, 50), SIZES, SIZES)
def test_energy_distance_is_a_distance_of_samples(seed, n, m):
    x, y = sample(seed, n, 3), sample(seed + 1, m, 3)
    e = energy_distance(jnp.asarray(x), jnp.asarray(y))
    assert e >= -1e-6
    assert e == pytest.approx(float(energy_distance(jnp.asarray(y), jnp.asarray(x))), abs=1e-6)
    assert energy_distance(jnp.asarray(x), jnp.asarray(x[::-1])) == pytest.approx(0, abs=1e-6)  # Theorem 4
    if n != m or not np.allclose(np.sort(x, 0), np.sort(y, 0)):
        assert e > 1e-4


def test_energy_distance_agrees_with_scipy_in_one_dimension():
    x, y = sample(0, 40, 1), sample(1, 30, 1) + 1
    theirs = scipy_energy_distance(x[:, 0], y[:, 0]) ** 2 / 2  # theirs is the root of twice ours
    assert energy_distance(jnp.asarray(x), jnp.asarray(y)) == pytest.approx(theirs, rel=1e-5)


def test_two_states_at_two_points():
    codes = np.array([[0.0], [0.0], [1.0], [1.0]])
    # E(delta_0, half and half) = 1/2 - 0 - 1/4, the same for the other; T = 1/2
    assert J(["a", "a", "b", "b"], codes) == pytest.approx((0.25, 0.5))
    assert energy_penalty(jnp.asarray(codes.reshape(2, 2, 1))) == pytest.approx(0.5)


@given(st.integers(0, 50), st.sampled_from([2, 5, 60]), st.sampled_from([1, 4]))
def test_J_is_definition_5(seed, n, d):
    codes, label = sample(seed, n, d), np.random.default_rng(seed).integers(0, 4, n)
    found = J(label, codes)
    assert pytest.approx(direct_J(label, codes.astype(float)), abs=1e-5) == found.J
    assert 0 <= found.relative + 1e-6 <= 0.5 + 1e-5


def test_tiles_change_nothing():
    codes, label = sample(0, 1300, 10), np.random.default_rng(0).integers(0, 6, 1300)
    assert pytest.approx(direct_J(label, codes.astype(float)), abs=1e-5) == J(label, codes).J


def test_J_is_zero_if_and_only_if_independent():
    codes = sample(0, 50, 3)
    both = np.concatenate([codes, codes])  # every code once under each label
    assert pytest.approx(0, abs=1e-6) == J(np.repeat([0, 1], 50), both).J
    assert J(np.repeat([0, 1], 50), both + np.repeat([0, 0.5], 50)[:, None]).J > 0.01


def test_J_of_an_unequal_number_of_rows_weighs_by_frequency():
    codes = np.array([[0.0], [1.0], [1.0], [1.0]])
    assert pytest.approx(direct_J(np.array([0, 1, 1, 1]), codes), abs=1e-6) == J([0, 1, 1, 1], codes).J


@given(st.floats(0.1, 10), st.floats(-5, 5))
def test_relative_J_knows_no_scale_and_no_origin(scale, shift):
    codes, label = sample(0, 40, 3), np.arange(40) % 3
    moved = J(label, codes * scale + shift)
    assert moved.relative == pytest.approx(J(label, codes).relative, abs=1e-4)
    assert pytest.approx(scale * J(label, codes).J, rel=1e-2, abs=1e-4) == moved.J


def test_the_penalty_is_twice_J_as_printed_in_4_2_4():
    codes = sample(0, 60, 4)
    n_x, n_tau = 6, 10
    between = cdist(codes, codes).reshape(n_x, n_tau, n_x, n_tau)
    printed = np.mean(
        [
            2 / (n_x * n_tau**2) * between[i].sum() - between[i, :, i].sum() / n_tau**2 - between.sum() / (n_x * n_tau) ** 2
            for i in range(n_x)
        ]
    )
    penalty = float(energy_penalty(jnp.asarray(codes.reshape(n_x, n_tau, 4))))
    assert penalty == pytest.approx(printed, abs=1e-5)
    assert penalty == pytest.approx(2 * J(np.repeat(np.arange(n_x), n_tau), codes).J, abs=1e-5)


def test_gradients_are_finite_where_points_coincide():
    x = jnp.zeros((4, 3)).at[2:].set(1.0)
    assert jnp.all(jnp.isfinite(jax.grad(lambda x: distances(x, x).sum())(x)))
    assert jnp.all(jnp.isfinite(jax.grad(lambda x: energy_penalty(x.reshape(2, 2, 3)))(jnp.zeros((4, 3)))))
    apart = jnp.array([[0.0, 0.0], [3.0, 4.0]])
    np.testing.assert_allclose(jax.grad(lambda x: distances(x, apart[1:]).sum())(apart[:1]), [[-0.6, -0.8]], atol=1e-6)


def test_an_estimate_from_pairs_is_right_within_its_error():
    codes, label = sample(0, 3000, 3), np.random.default_rng(1).integers(0, 5, 3000)
    codes[label == 2] += 1
    exact = J(label, codes).J
    estimates = [J_estimate(label, codes, pairs=20_000, seed=s) for s in range(20)]
    deviations = [(e.value - exact) / e.error for e in estimates]
    assert np.abs(deviations).max() < 4
    assert 0.5 < np.std(deviations) < 1.6
    assert J_estimate(label, codes, pairs=320_000).error == pytest.approx(estimates[0].error / 4, rel=0.1)


def test_sampled_continuous_x():
    rng = np.random.default_rng(0)
    x, noise = rng.uniform(size=2000), rng.standard_normal((2000, 2))
    circle = np.stack([np.cos(2 * np.pi * x), np.sin(2 * np.pi * x)], 1)
    assert abs(J(x, noise).relative) < 0.01
    assert J(x, circle).relative > 0.45  # x determines the code: nearly the whole spread
    assert J(x, circle + noise).relative < J(x, circle).relative


@pytest.mark.parametrize(("x", "y"), [([0, 1], np.ones((3, 2))), ([0, 1], np.array([[np.nan], [1]])), ([], np.ones((0, 2)))])
def test_wrong_input(x, y):
    with pytest.raises(InputError):
        J(x, y)


def test_memory_is_linear_in_the_number_of_codes():
    """Twenty thousand codes would need 1.6 GB as a matrix of distances."""
    program = """if True:
        import resource, numpy as np
        from unentangle.dependence import J
        rng = np.random.default_rng(0)
        J(rng.integers(0, 6, 1000), rng.standard_normal((1000, 10)))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        J(rng.integers(0, 6, 20_000), rng.standard_normal((20_000, 10)))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    grown = int(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout)
    assert grown < 200_000  # kB
