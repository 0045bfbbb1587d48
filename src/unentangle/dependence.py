"""How much do codes know about each other?

Three families of answers: distances between the codes of groups, the energy distance first (SymAE) and then its rivals; the
covariance of a latent with its prediction from the others (NashAE); and total correlation (the VAE family).

The energy distance compares two samples without a density or a kernel width, and J asks it about a label: how far are the
codes of one state from the codes of all (SymAE paper, section 4.2). Both come down to mean distances, because the terms of
Definition 5 telescope: with T the mean distance over all pairs and W the mean over pairs of the same state,

    J = sum_x P(x) E(p(y|x), p(y)) = (T - W) / 2.

So J shrinks with the scale of the codes, and 2 J / T, the share of the spread that the state explains, does not. J = 0 says
that the codes of every state have the same distribution; it does not say that the same code means the same nuisance.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from .errors import InputError
from .gaussian import log_normal

TINY = 1e-12  # in place of a scale of zero, where all codes are one

# -- energy ---------------------------------------------------------------------------------------------------------------


def distances(x: Float[Array, "n d"], y: Float[Array, "m d"]) -> Float[Array, "n m"]:
    """Euclidean distances |x_i - y_j|, by differences, with gradient zero (not NaN) where points coincide."""
    square = jnp.sum((x[:, None] - y[None]) ** 2, axis=-1)
    apart = square > 0
    return jnp.where(apart, jnp.sqrt(jnp.where(apart, square, 1.0)), 0.0)


def energy_distance(x: Float[Array, "n d"], y: Float[Array, "m d"]) -> Float[Array, ""]:
    """Energy distance of two samples, E|x - y| - E|x - x'| / 2 - E|y - y'| / 2 (Definition 3).

    Never negative, and zero only for equal samples (Theorem 4). Differentiable; memory linear in n + m.
    """
    return mean_distance(x, y) - mean_distance(x, x) / 2 - mean_distance(y, y) / 2


def mean_distance(x: Float[Array, "n d"], y: Float[Array, "m d"]) -> Float[Array, ""]:
    """The mean of |x_i - y_j| over all pairs, in blocks of 256 rows of x, which gradients compute again."""
    block = jax.checkpoint(lambda row: distances(row[None], y).mean())
    return jax.lax.map(block, x, batch_size=256).mean()


def energy_penalty(codes: Float[Array, "groups instances d"]) -> Float[Array, ""]:
    """The regulariser J of section 4.2.4 as printed, of the distributions p_i and p of eq. 9.

    The mean over groups of 2 E(p_i, p), which is T - W, or twice the J of Definition 5.

    The zero distances of a code to itself count, as printed: without them the penalty can be negative, and training on
    batches then drives it to minus infinity by scaling the codes up.
    """
    total, within = _mean_distances(codes)
    return total - within


def relative_energy_penalty(codes: Float[Array, "groups instances d"]) -> Float[Array, ""]:
    """`energy_penalty` over the mean distance of the codes, (T - W) / T: the same for codes of any scale, at most 1."""
    total, within = _mean_distances(codes)
    return (total - within) / jnp.maximum(total, TINY)


def _mean_distances(codes: Float[Array, "groups instances d"]) -> tuple[Array, Array]:
    """T and W of groups of equal size."""
    groups, instances, d = codes.shape
    rows = codes.reshape(groups * instances, d)
    means = distances(rows, rows).reshape(groups, instances, groups, instances).mean(axis=(1, 3))
    return means.mean(), jnp.diagonal(means).mean()  # of p and of the p_i of eq. 9


class Dependence(NamedTuple):
    """J, and J over the mean pairwise distance T of the codes (between 0 and 1/2)."""

    J: float
    relative: float


def J(x: Any, y: Any, *, neighbours: int | None = None) -> Dependence:
    """The dependence J of Definition 5: zero if and only if X and Y are independent (Theorem 6).

    For discrete X this is exact for the given rows, weighting each value by its frequency, in memory linear in n (distances
    are taken tile by tile; time is quadratic, see `J_estimate` for more than about 100,000 rows). For sampled continuous X the
    law of Y given x_i is taken from the nearest `neighbours` of x_i, and pairs of a row with itself are left out.

    Args:
        x: (n,) labels of any discrete type; or floats (n,) or (n, d), which are taken as continuous.
        y: (n, q) codes.
        neighbours: for continuous x, the number of nearest neighbours; by default the square root of n.
    """
    x, codes = _check(x, y)
    if np.issubdtype(x.dtype, np.floating):
        total, within = _continuous_means(x, codes, int(np.ceil(np.sqrt(len(codes)))) if neighbours is None else neighbours)
    else:
        total, within = _discrete_means(np.unique(x, return_inverse=True)[1], codes)
    return Dependence((total - within) / 2, (total - within) / 2 / total if total > 0 else 0.0)


class Estimate(NamedTuple):
    """A value and its standard error."""

    value: float
    error: float


def J_estimate(x: Any, y: Any, *, pairs: int = 1_000_000, seed: int = 0) -> Estimate:
    """J for discrete X from random pairs of rows, with its standard error; time and memory linear.

    Each draw takes a row, a row out of all, and a row of the first one's state: half the difference of the two distances is
    an unbiased estimate of what `J` computes over all pairs.
    """
    x, codes = _check(x, y)
    if np.issubdtype(x.dtype, np.floating):
        raise InputError("x holds floats, which are continuous; `J_estimate` needs discrete labels.")
    label = np.unique(x, return_inverse=True)[1]
    order = np.argsort(label, kind="stable")
    sizes = np.bincount(label)
    starts = np.cumsum(sizes) - sizes
    rng = np.random.default_rng(seed)
    count, total, square = 0, 0.0, 0.0
    while count < pairs:
        m = min(pairs - count, 1 << 18)
        i, other = rng.integers(len(codes), size=(2, m))
        same = order[starts[label[i]] + rng.integers(sizes[label[i]])]
        half = (np.linalg.norm(codes[i] - codes[other], axis=1) - np.linalg.norm(codes[i] - codes[same], axis=1)) / 2
        count, total, square = count + m, total + half.sum(), square + (half**2).sum()
    mean = total / count
    return Estimate(float(mean), float(np.sqrt(max(square / count - mean**2, 0.0) / count)))


def _check(x: Any, y: Any) -> tuple[np.ndarray, Float[np.ndarray, "n q"]]:
    x, y = np.asarray(x), np.asarray(y)
    y = y[:, None] if y.ndim == 1 else y
    continuous = np.issubdtype(x.dtype, np.floating)
    if y.ndim != 2 or x.shape[:1] != y.shape[:1] or not len(y) or (x.ndim != 1 and not (continuous and x.ndim == 2)):
        raise InputError(f"x has shape {x.shape} and y {y.shape}; (n,) labels and (n, q) codes are needed.")
    if not np.isfinite(y).all() or (continuous and not np.isfinite(x).all()):
        raise InputError("x or y holds NaN or infinite values; every value must be finite.")
    return x, y.astype(np.float32)


def _discrete_means(label: Int[np.ndarray, " n"], codes: Float[np.ndarray, "n q"], tile: int = 512) -> tuple[float, float]:
    n = len(codes)
    tile = min(tile, n)
    weight = 1.0 / np.bincount(label)[label]
    pad = -n % tile
    codes = np.pad(codes, ((0, pad), (0, 0)))
    label = np.pad(label, (0, pad), constant_values=-1)
    weight = np.pad(weight, (0, pad))
    total, within = _tiled_sums(jnp.asarray(codes), jnp.asarray(label), jnp.asarray(weight, jnp.float32), tile)
    return float(np.sum(total, dtype=float)) / n**2, float(np.sum(within, dtype=float)) / n


@partial(jax.jit, static_argnums=3)
def _tiled_sums(codes: Array, label: Array, weight: Array, tile: int) -> tuple[Array, Array]:
    """Sums of distances over all pairs, and over pairs of one label weighted, per tile of rows; tiles off the diagonal
    count twice.
    """
    codes, label, weight = (a.reshape(-1, tile, *a.shape[1:]) for a in (codes, label, weight))
    number = codes.shape[0]

    def pair(row, column):
        (a, la, wa), (b, lb, _) = ((codes[i], label[i], weight[i]) for i in (row, column))
        d = jnp.where((la >= 0)[:, None] & (lb >= 0)[None], distances(a, b), 0.0) * jnp.where(row == column, 1.0, 2.0)
        return jnp.sum(d), jnp.sum(jnp.where(la[:, None] == lb[None], d * wa[:, None], 0.0))

    def sums(row):
        def add(column, so_far):
            return jax.tree.map(jnp.add, so_far, pair(row, column))

        return jax.lax.fori_loop(row, number, add, (jnp.zeros(()), jnp.zeros(())))

    return jax.lax.map(sums, jnp.arange(number))


def _continuous_means(x: np.ndarray, codes: Float[np.ndarray, "n q"], neighbours: int) -> tuple[float, float]:
    n = len(codes)
    if not 2 <= neighbours <= n:
        raise InputError(f"neighbours={neighbours} was asked for; between 2 and the {n} rows are needed.")
    from sklearn.neighbors import NearestNeighbors

    near = NearestNeighbors(n_neighbors=neighbours).fit(x.reshape(n, -1)).kneighbors(return_distance=False)
    within = jax.lax.map(
        lambda index: jnp.sum(distances(jnp.asarray(codes)[index], jnp.asarray(codes)[index])),
        jnp.asarray(near),
        batch_size=64,
    )
    total, _ = _discrete_means(np.zeros(n, int), codes)
    pairs = neighbours * (neighbours - 1)
    return total * n / (n - 1), float(np.mean(within, dtype=float)) / pairs


# -- the rivals of the energy distance ------------------------------------------------------------------------------------
#
# What section 4.2.1 of the SymAE paper argues against, on the same terms as `energy_penalty`: the codes of every group of a
# batch are compared with all codes of the batch, and the groups averaged. Zero where the codes of all groups coincide.


def kl_penalty(codes: Float[Array, "groups instances d"]) -> Float[Array, ""]:
    """Kullback-Leibler divergence of the densities of the groups from that of all, mean_i KL(p_i || p), where a density is a
    sum of Gaussian kernels on the codes (point masses, eq. 8, have no divergence) and the mean under p_i is over its codes.

    At most the logarithm of the number of groups. The width of the kernel is Scott's, n^(-1 / (d + 4)) times the deviation of
    the codes, so that the penalty is the same for codes of any scale.
    """
    groups, instances, d = codes.shape
    rows = codes.reshape(-1, d)
    width = instances ** (-2 / (d + 4)) * jnp.maximum(jnp.mean(jnp.var(rows, axis=0)), TINY)  # squared
    square = jnp.sum((rows[:, None] - rows[None]) ** 2, axis=2).reshape(groups, instances, groups, instances)
    each = jax.nn.logsumexp(-square / (2 * width), axis=3) - jnp.log(1.0 * instances)  # eq. 8 smoothed: log p_k(N_ij)
    own = jnp.diagonal(each, axis1=0, axis2=2)
    return jnp.mean(own) - jnp.mean(jax.nn.logsumexp(each, axis=2) - jnp.log(1.0 * groups))


def wasserstein(x: Float[Array, "n d"], y: Float[Array, "m d"]) -> Float[Array, " d"]:
    """Wasserstein distance W_1 of two samples of every latent by itself: the mean distance of their quantiles."""
    n, m = len(x), len(y)
    stops = np.union1d(m * np.arange(1, n + 1), n * np.arange(1, m + 1))  # in units of 1 / (n m)
    starts = np.concatenate([[0], stops[:-1]])
    apart = jnp.abs(jnp.sort(x, axis=0)[starts // m] - jnp.sort(y, axis=0)[starts // n])
    return jnp.sum(apart * ((stops - starts) / (n * m))[:, None], axis=0)


def wasserstein_penalty(codes: Float[Array, "groups instances d"]) -> Float[Array, ""]:
    """Wasserstein distances W_1 of the groups from all, the mean over latents: blind to what several latents say jointly."""
    return jnp.mean(jax.vmap(lambda own: wasserstein(own, codes.reshape(-1, codes.shape[2])))(codes))


def transport_cost(x: Float[Array, "n d"], y: Float[Array, "m d"], epsilon: Any, iterations: int = 50) -> Float[Array, ""]:
    """The mean distance by the entropic plan that transports one sample to the other, by Sinkhorn's iterations.

    W_1 in the limit of a small `epsilon` (a distance) and many iterations. The gradient holds the plan constant, which at the
    optimum is that of the regularised cost.
    """
    cost = distances(x, y)
    frozen = jax.lax.stop_gradient(cost) / epsilon
    log_n, log_m = jnp.log(1.0 * len(x)), jnp.log(1.0 * len(y))

    def iterate(_, g):
        f = -jax.nn.logsumexp(g[None] - frozen - log_m, axis=1)
        return -jax.nn.logsumexp(f[:, None] - frozen - log_n, axis=0)

    g = jax.lax.fori_loop(0, iterations, iterate, jnp.zeros(len(y)))
    f = -jax.nn.logsumexp(g[None] - frozen - log_m, axis=1)
    return jnp.sum(jnp.exp(f[:, None] + g[None] - frozen - log_n - log_m) * cost)


def sinkhorn_penalty(codes: Float[Array, "groups instances d"]) -> Float[Array, ""]:
    """Sinkhorn divergences of the groups from all, S(p_i, p) = C(p_i, p) - C(p_i, p_i) / 2 - C(p, p) / 2, where C is the
    `transport_cost` with epsilon a tenth of the mean distance of the codes.
    """
    rows = codes.reshape(-1, codes.shape[2])
    epsilon = 0.1 * jax.lax.stop_gradient(jnp.maximum(distances(rows, rows).mean(), TINY))
    across = jax.vmap(lambda own: transport_cost(own, rows, epsilon) - transport_cost(own, own, epsilon) / 2)(codes)
    return jnp.mean(across) - transport_cost(rows, rows, epsilon) / 2


def hsic(k: Float[Array, "n n"], l: Float[Array, "n n"]) -> Float[Array, ""]:  # noqa: E741
    """Hilbert-Schmidt independence criterion of two kernel matrices, trace(K H L H) / n^2 (Gretton et al. 2005)."""
    return jnp.mean((k - k.mean(axis=0)) * (l - l.mean(axis=1, keepdims=True)))


def hsic_penalty(codes: Float[Array, "groups instances d"]) -> Float[Array, ""]:
    """HSIC of codes, under a Gaussian kernel as wide as their mean distance, and groups, under the kernel [same group]."""
    groups, instances, d = codes.shape
    rows = codes.reshape(-1, d)
    apart = distances(rows, rows)
    same = jnp.kron(jnp.eye(groups), jnp.ones((instances, instances)))
    return hsic(jnp.exp(-0.5 * (apart / jnp.maximum(apart.mean(), TINY)) ** 2), same)


Penalty = Callable[[Float[Array, "groups instances d"]], Float[Array, ""]]

PENALTIES: dict[str, Penalty] = {
    "energy": energy_penalty,
    "relative-energy": relative_energy_penalty,
    "kl": kl_penalty,
    "wasserstein": wasserstein_penalty,
    "sinkhorn": sinkhorn_penalty,
    "hsic": hsic_penalty,
}
"""Of the codes of a batch by group. The one that is a game, "adversarial", has players: it is the term `Adversarial`."""


# -- prediction -----------------------------------------------------------------------------------------------------------


def prediction_covariance(z: Float[Array, "rows m"], predicted: Float[Array, "rows m"]) -> Float[Array, " m"]:
    """Cov(z_i, z'_i) of every latent with its prediction, over rows (NashAE paper, eq. 4), divided by the number of rows.

    At the best prediction, z'_i = E[z_i | the others], it is the variance of z'_i: zero if and only if knowing the others does
    not change the mean of z_i.
    """
    return jnp.mean(z * predicted, axis=0) - jnp.mean(z, axis=0) * jnp.mean(predicted, axis=0)


# -- total correlation ----------------------------------------------------------------------------------------------------

Sampler = Literal["weighted", "stratified"]


class Densities(NamedTuple):
    """Logarithms of the densities of codes under the aggregate posterior q(z): joint, and of each latent alone."""

    joint: Float[Array, " rows"]
    each: Float[Array, "rows m"]


def aggregate_densities(
    z: Float[Array, "rows m"],
    mean: Float[Array, "rows m"],
    log_var: Float[Array, "rows m"],
    n: int | Float[Array, ""],
    sampler: Sampler = "weighted",
) -> Densities:
    """Log densities of codes under q(z), the mean of q(z|x) over all n rows of the data, estimated from a batch of B rows.

    "weighted" is minibatch-weighted sampling (Chen et al. 2018, eq. 5): every row of the batch counts 1 / (n B), a lower bound
    in expectation, and off by a constant. "stratified" (their appendix C.2) is unbiased: the row that z_i was drawn from counts
    1 / n, as it does in the data, and the others stand for the remaining n - 1 rows, (n - 1) / (n (B - 1)) each. It needs a
    batch of different rows.
    """
    rows = z.shape[0]
    if sampler == "weighted":
        log_weight = jnp.full((rows, rows), -jnp.log(1.0 * n) - jnp.log(1.0 * rows))
    else:
        if rows < 2:
            raise InputError("a batch of one row cannot be stratified; two are needed.")
        log_weight = jnp.where(jnp.eye(rows, dtype=bool), -jnp.log(1.0 * n), jnp.log1p(-1 / n) - jnp.log(rows - 1.0))
    log_q = log_normal(z[:, None], mean[None], log_var[None])
    joint = jax.nn.logsumexp(log_q.sum(axis=2) + log_weight, axis=1)
    return Densities(joint, jax.nn.logsumexp(log_q + log_weight[:, :, None], axis=1))


def gaussian_total_correlation(covariance: Float[Array, "m m"] | Float[np.ndarray, "m m"]) -> Float[Array, ""]:
    """TC of a Gaussian: half of (the sum of the log variances minus the log determinant), in nats."""
    return 0.5 * (jnp.sum(jnp.log(jnp.diagonal(covariance))) - jnp.linalg.slogdet(covariance)[1])


def shuffled(key: Key[Array, ""], z: Float[Array, "rows m"]) -> Float[Array, "rows m"]:
    """Every latent permuted over the rows by itself: a sample of the product of the marginals (FactorVAE, algorithm 1)."""
    return jax.vmap(jax.random.permutation, in_axes=(0, 1), out_axes=1)(jax.random.split(key, z.shape[1]), z)
