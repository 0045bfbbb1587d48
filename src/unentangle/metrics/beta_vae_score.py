"""The beta-VAE score: can a linear classifier tell which factor was held fixed?"""

from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..errors import InputError
from .explicitness import logistic
from .tables import check_sizes, repeated_classes, table


def beta_vae_score(
    codes: Any,
    factors: Any,
    *,
    pairs: int = 64,
    train: int = 10_000,
    test: int = 5_000,
    classifier: Literal["logistic", "adagrad"] = "logistic",
    bins: int = 20,
    seed: int = 0,
) -> float:
    """Accuracy with which the factor that the two rows of each pair share is read from their mean absolute difference.

    I. Higgins et al., "beta-VAE", 2017, section 3. A point is a factor drawn at random, and as its feature the mean over
    `pairs` pairs of |z_1 - z_2|, where the two rows of a pair share the value of that factor (drawn for each pair) and are
    random otherwise. The classifier is scikit-learn's logistic regression at its defaults, or, as in the code of NashAE's
    authors (who take 100 pairs, 60,000 points to learn from and 1,000 to measure on), `adagrad`. From 1/K (chance) to 1 (best).
    Works on any rows, also where not every combination of values is there; of the K factors those are left out whose values
    come once each.

    Known failures: an easy test, near 1 also for codes that mix factors; depends on the scale of the codes, which the
    classifier's penalty sees.

    Args:
        pairs: per point.
        train: points to learn from.
        test: points to measure on.
        classifier: "logistic" or "adagrad".

    Raises:
        InputError: if there are fewer than two factors that vary and whose values come twice.
    """
    if classifier not in ("logistic", "adagrad"):
        raise InputError(f"classifier={classifier!r} is unknown; it is 'logistic' or 'adagrad'.")
    check_sizes(pairs=pairs, train=train, test=test, bins=bins)
    z, columns = table(codes, factors)
    repeated = repeated_classes(columns, bins)
    if len(repeated) < 2:
        raise InputError(f"{len(repeated)} factor(s) vary and have values that come twice; two are needed.")
    rng = np.random.default_rng(seed)
    x, y = _points(rng, z, repeated, train, pairs)
    new, true = _points(rng, z, repeated, test, pairs)
    if classifier == "logistic":
        return float(logistic(x, y).score(new, true))
    weight, bias = adagrad(x, y, len(repeated), seed)
    return float(np.mean((new @ weight + bias).argmax(axis=1) == true))


def adagrad(
    x: Float[np.ndarray, "n m"], y: Int[np.ndarray, " n"], classes: int, seed: int
) -> tuple[Float[np.ndarray, "m classes"], Float[np.ndarray, " classes"]]:
    """Weights and biases of a linear classifier that sees one point at a time: cross entropy, Adagrad of rate 1, and for the
    last twentieth of the points a fresh one of rate 0.05.
    """
    import optax

    def loss(net: tuple[Array, Array], point: Array, label: Array) -> Array:
        return -jax.nn.log_softmax(point @ net[0] + net[1])[label]

    @jax.jit
    def learned(net: Any, rate: Any, points: Array, labels: Array) -> Any:
        rule = optax.adagrad(rate, initial_accumulator_value=0.0, eps=1e-10)

        def step(carry: Any, point: Any) -> tuple[Any, None]:
            net, memory = carry
            moves, memory = rule.update(jax.grad(loss)(net, *point), memory)
            return (jax.tree.map(jnp.add, net, moves), memory), None

        return jax.lax.scan(step, (net, rule.init(net)), (points, labels))[0][0]

    first, second = jax.random.split(jax.random.key(seed))
    scale, late = x.shape[1] ** -0.5, len(x) * 19 // 20
    net: Any = (
        scale * jax.random.normal(first, (x.shape[1], classes)),
        jax.random.uniform(second, (classes,), float, -scale, scale),
    )
    for rate, part in ((1.0, slice(late)), (0.05, slice(late, None))):
        net = learned(net, rate, jnp.asarray(x[part], jnp.float32), jnp.asarray(y[part]))
    return np.asarray(net[0]), np.asarray(net[1])


def _points(
    rng: np.random.Generator, codes: np.ndarray, factors: list[np.ndarray], count: int, pairs: int
) -> tuple[Float[np.ndarray, "count m"], Int[np.ndarray, " count"]]:
    fixed = rng.integers(len(factors), size=count)
    features = np.empty((count, codes.shape[1]))
    for k, value in enumerate(factors):
        points = np.flatnonzero(fixed == k)
        order, sizes = np.argsort(value, kind="stable"), np.bincount(value)
        place = np.empty(len(value), int)
        place[order] = np.arange(len(value)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        pool = np.flatnonzero(sizes[value] > 1)
        for part in np.array_split(points, -(-len(points) * pairs // (1 << 20)) or 1):
            first = rng.choice(pool, size=(len(part), pairs))
            v = value[first]
            other = (place[first] + 1 + rng.integers(sizes[v] - 1)) % sizes[v]  # another row of the same value
            second = order[(np.cumsum(sizes) - sizes)[v] + other]
            features[part] = np.abs(codes[first] - codes[second]).mean(axis=1)
    return features, fixed
