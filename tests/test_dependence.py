import subprocess
import sys
from itertools import combinations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import energy_distance as scipy_energy_distance
from scipy.stats import norm, wasserstein_distance

from unentangle import InputError
from unentangle.dependence import (
    J,
    J_estimate,
    aggregate_densities,
    distances,
    energy_distance,
    energy_penalty,
    gaussian_total_correlation,
    hsic,
    hsic_penalty,
    kl_penalty,
    prediction_covariance,
    relative_energy_penalty,
    shuffled,
    sinkhorn_penalty,
    transport_cost,
    wasserstein,
    wasserstein_penalty,
)

# One program each, as in a training: compiling operation by operation, these tests would do little else.
distances, energy_distance, hsic, wasserstein = map(jax.jit, (distances, energy_distance, hsic, wasserstein))
energy_penalty, hsic_penalty, kl_penalty, relative_energy_penalty, sinkhorn_penalty, wasserstein_penalty = map(
    jax.jit, (energy_penalty, hsic_penalty, kl_penalty, relative_energy_penalty, sinkhorn_penalty, wasserstein_penalty)
)
prediction_covariance, gaussian_total_correlation = map(jax.jit, (prediction_covariance, gaussian_total_correlation))
aggregate_densities = jax.jit(aggregate_densities, static_argnums=(3, 4))
transport_cost = jax.jit(transport_cost, static_argnums=3)


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


# -- penalties ------------------------------------------------------------------------------------------------------------

DEGREE = {  # of homogeneity: what happens to the penalty when all codes are scaled
    energy_penalty: 1,
    wasserstein_penalty: 1,
    sinkhorn_penalty: 1,
    relative_energy_penalty: 0,
    kl_penalty: 0,
    hsic_penalty: 0,
}
every_penalty = pytest.mark.parametrize("penalty", DEGREE, ids=lambda p: p.__name__)
GROUPS = sample(0, 4 * 7, 3).reshape(4, 7, 3)


@every_penalty
def test_a_penalty_is_zero_if_all_groups_have_the_same_codes_and_grows_as_they_part(penalty):
    same = np.stack([GROUPS[0, np.roll(np.arange(7), i)] for i in range(4)])
    apart = np.arange(4, dtype=np.float32)[:, None, None]
    assert penalty(same) == pytest.approx(0, abs=1e-6)
    assert 1e-3 < penalty(same + 0.5 * apart) < penalty(same + apart) < penalty(same + 2 * apart)


@every_penalty
def test_a_penalty_knows_no_order_and_no_origin(penalty):
    there = float(penalty(GROUPS))
    assert penalty(GROUPS[[2, 0, 3, 1], ::-1]) == pytest.approx(there, rel=1e-4)
    assert penalty(GROUPS + 2.0) == pytest.approx(there, rel=1e-4)
    assert penalty(5 * GROUPS) == pytest.approx(5 ** DEGREE[penalty] * there, rel=1e-4)


@every_penalty
def test_collapsed_codes_have_no_penalty_and_a_finite_gradient(penalty):
    value, gradient = jax.jit(jax.value_and_grad(penalty))(jnp.ones((3, 4, 2)))
    assert value == pytest.approx(0, abs=1e-6)
    assert jnp.all(jnp.isfinite(gradient))


def test_the_divergence_of_densities_is_at_most_the_logarithm_of_the_number_of_groups():
    far = GROUPS / 1e4 + np.arange(4)[:, None, None] * np.eye(3)[[0, 1, 2, 0]][:, None]
    assert 0.5 * np.log(4) < kl_penalty(far) <= np.log(4)


@given(st.integers(0, 50), SIZES, SIZES)
def test_wasserstein_is_that_of_scipy(seed, n, m):
    x, y = sample(seed, n, 2), sample(seed + 1, m, 2) + 0.5
    theirs = [wasserstein_distance(x[:, i], y[:, i]) for i in range(2)]
    np.testing.assert_allclose(wasserstein(jnp.asarray(x), jnp.asarray(y)), theirs, atol=1e-5)


def test_transport_costs_the_wasserstein_distance_in_the_limit():
    x, y = jnp.asarray(sample(0, 9, 1)), jnp.asarray(sample(1, 6, 1) + 0.5)
    exact = float(wasserstein(x, y)[0])
    costs = [float(transport_cost(x, y, epsilon, 2000)) for epsilon in (1.0, 0.1, 0.01)]
    assert costs[0] > costs[1] > costs[2] > exact - 1e-5
    assert costs[2] == pytest.approx(exact, rel=0.01)


def test_hsic_is_the_trace():
    k, l = (np.cov(sample(seed, 5, 8)) for seed in (0, 1))  # noqa: E741
    h = np.eye(5) - 1 / 5
    assert hsic(jnp.asarray(k), jnp.asarray(l)) == pytest.approx(np.trace(k @ h @ l @ h) / 25, rel=1e-4)


# -- edges ----------------------------------------------------------------------------------------------------------------


def test_gradients_are_finite_where_points_coincide():
    x = np.repeat([0.0, 1.0], 2)[:, None] * np.ones(3)
    assert np.isfinite(jax.jit(jax.grad(lambda x: distances(x, x).sum()))(x)).all()
    assert np.isfinite(jax.jit(jax.grad(energy_penalty))(jnp.zeros((2, 2, 3)))).all()
    here, there = np.array([[[0.0, 0.0]], [[3.0, 4.0]]])
    np.testing.assert_allclose(jax.jit(jax.grad(lambda x: distances(x, there).sum()))(here), [[-0.6, -0.8]], atol=1e-6)


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


def test_no_neighbours_are_not_the_default_number():
    with pytest.raises(InputError, match="neighbours=0"):
        J(np.linspace(0, 1, 9), np.ones((9, 2)), neighbours=0)


@pytest.mark.long
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


# -- prediction and total correlation -------------------------------------------------------------------------------------


def test_the_best_prediction_covaries_as_much_as_it_varies():
    """Cov(z_i, E[z_i | rest]) = Var(E[z_i | rest]), and 0 for a constant prediction."""
    rng = np.random.default_rng(0)
    other = rng.integers(0, 4, 100_000)
    z = (other**2 + rng.standard_normal(100_000)).astype(np.float32)
    best = np.array([z[other == v].mean() for v in range(4)])[other]
    found = prediction_covariance(jnp.asarray(z[:, None]), jnp.asarray(best[:, None]))
    np.testing.assert_allclose(found, [best.var()], rtol=1e-3)
    np.testing.assert_allclose(prediction_covariance(jnp.asarray(z[:, None]), jnp.full((100_000, 1), 3.0)), [0], atol=1e-3)
    x, y = rng.standard_normal((2, 50, 3)).astype(np.float32)
    exact = [np.cov(a, b, bias=True)[0, 1] for a, b in zip(x.T, y.T, strict=True)]
    np.testing.assert_allclose(prediction_covariance(jnp.asarray(x), jnp.asarray(y)), exact, atol=1e-6)


def mixture(seed, n, m):
    """Posteriors N(mean, var) of n rows, and the exact density of their mean at a draw from each."""
    rng = np.random.default_rng(seed)
    mean, log_var = rng.standard_normal((n, m)), rng.uniform(-1, 0, (n, m))
    z = mean + np.exp(log_var / 2) * rng.standard_normal((n, m))
    each = norm.pdf(z[:, None], mean, np.exp(log_var / 2))
    return (z, mean, log_var), each.prod(axis=2).mean(axis=1), each.mean(axis=1)


def test_the_stratified_estimate_of_a_density_is_unbiased():
    """Over all batches that hold a row, the estimates of its density average to the density, exactly."""
    arrays, joint, each = mixture(0, 6, 2)
    with jax.enable_x64(True):
        estimates = {i: [] for i in range(6)}
        for batch in combinations(range(6), 3):
            found = aggregate_densities(*(jnp.asarray(a[list(batch)]) for a in arrays), 6, "stratified")
            for position, i in enumerate(batch):
                estimates[i].append((np.exp(found.joint[position]), *np.exp(found.each[position])))
    means = np.array([np.mean(estimates[i], axis=0) for i in range(6)])
    np.testing.assert_allclose(means, np.column_stack([joint, each]), rtol=1e-10)


@pytest.mark.parametrize("sampler", ["weighted", "stratified"])
def test_the_order_of_a_batch_does_not_matter(sampler):
    """The published stratified weights fail this: they fill a column in place of the diagonal."""
    arrays, _, _ = mixture(1, 64, 10)
    order = np.random.default_rng(0).permutation(64)
    with jax.enable_x64(True):
        straight = aggregate_densities(*map(jnp.asarray, arrays), 737_280, sampler)
        shuffled_too = aggregate_densities(*(jnp.asarray(a[order]) for a in arrays), 737_280, sampler)
        np.testing.assert_allclose(straight.joint[order], shuffled_too.joint, rtol=1e-12)
        np.testing.assert_allclose(straight.each[order], shuffled_too.each, rtol=1e-12)


def test_a_batch_of_all_rows_knows_the_density():
    """Then every row stands for itself: stratified is exact, weighted is too, but for its constant log n."""
    arrays, joint, each = mixture(2, 50, 3)
    with jax.enable_x64(True):
        exact = aggregate_densities(*map(jnp.asarray, arrays), 50, "stratified")
        weighted = aggregate_densities(*map(jnp.asarray, arrays), 50, "weighted")
        np.testing.assert_allclose(exact.joint, np.log(joint), rtol=1e-9)
        np.testing.assert_allclose(exact.each, np.log(each), rtol=1e-9)
        np.testing.assert_allclose(weighted.joint + np.log(50), np.log(joint), rtol=1e-9)


def test_total_correlation_of_gaussians_is_known():
    """Narrow posteriors around Gaussian rows: TC from the aggregate density nears that of the Gaussian."""
    covariance = np.array([[1.0, 0.8, 0.0], [0.8, 1.0, 0.3], [0.0, 0.3, 1.0]])
    known = float(gaussian_total_correlation(jnp.asarray(covariance)))
    assert known == pytest.approx(-0.5 * np.log(np.linalg.det(covariance)), rel=1e-5)
    assert float(gaussian_total_correlation(jnp.eye(4) * 3)) == pytest.approx(0, abs=1e-6)
    rng = np.random.default_rng(0)
    wide = covariance - 0.1 * np.eye(3)  # rows; their posteriors of variance 0.1 make up the rest
    mean = rng.multivariate_normal(np.zeros(3), wide, 3000)
    z = mean + np.sqrt(0.1) * rng.standard_normal(mean.shape)
    density = aggregate_densities(*map(jnp.asarray, (z, mean, np.full_like(z, np.log(0.1)))), 3000, "stratified")
    estimate = float(jnp.mean(density.joint - density.each.sum(axis=1)))
    assert estimate == pytest.approx(known, abs=0.06)


def test_shuffled_codes_keep_their_marginals_and_lose_their_dependence():
    z = jnp.repeat(jnp.arange(500.0)[:, None], 3, axis=1)
    found = np.asarray(shuffled(jax.random.key(0), z))
    np.testing.assert_array_equal(np.sort(found, axis=0), z)
    assert np.abs(np.corrcoef(found.T) - np.eye(3)).max() < 0.15
