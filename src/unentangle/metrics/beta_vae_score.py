"""The beta-VAE score: can a linear classifier tell which factor was held fixed?"""

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ..errors import InputError
from .explicitness import logistic
from .tables import table


def beta_vae_score(
    codes: Any, factors: Any, *, pairs: int = 64, train: int = 10_000, test: int = 5_000, bins: int = 20, seed: int = 0
) -> float:
    """Accuracy with which the factor that the two rows of each pair share is read from their mean absolute difference.

    I. Higgins et al., "beta-VAE", 2017, section 3. A point is a factor drawn at random, and as its feature the mean over
    `pairs` pairs of |z_1 - z_2|, where the two rows of a pair share the value of that factor (drawn for each pair) and are
    random otherwise; the classifier is scikit-learn's logistic regression at its defaults. From 1/K (chance) to 1 (best).
    Works on any rows, also where not every combination of values is there.

    Known failures: an easy test, near 1 also for codes that mix factors; depends on the scale of the codes, which the
    classifier's penalty sees.

    Args:
        codes: (n, m).
        factors: (n, k), or named columns; a continuum is cut into bins.
        pairs: per point.
        train: points to learn from.
        test: points to measure on.
        bins: per factor that is a continuum.
        seed: of the draw.

    Raises:
        InputError: if there are fewer than two factors that vary and whose values come twice.
    """
    z, columns = table(codes, factors)
    kept = [c for f in columns if (np.bincount(c := f.classes(bins)) > 1).any()]
    if len(kept) < 2:
        raise InputError(f"{len(kept)} factor(s) vary and have values that come twice; two are needed.")
    rng = np.random.default_rng(seed)
    x, y = _points(rng, z, kept, train, pairs)
    classifier = logistic(x, y)
    return float(classifier.score(*_points(rng, z, kept, test, pairs)))


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
