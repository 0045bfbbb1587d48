"""The beta-VAE score: can a linear classifier tell which factor was held fixed?"""

from typing import Any

import numpy as np
from jaxtyping import Float, Int
from sklearn.linear_model import LogisticRegression

from ..errors import InputError


def beta_vae_score(
    codes: Any, factors: Any, *, pairs: int = 64, train: int = 10_000, test: int = 5_000, seed: int = 0
) -> float:
    """Accuracy with which the factor that the two rows of each pair share is read from their mean absolute difference.

    I. Higgins et al., "beta-VAE", 2017, section 3. A point is a factor drawn at random, and as its feature the mean over
    `pairs` pairs of |z_1 - z_2|, where the two rows of a pair share the value of that factor (drawn for each pair) and are
    random otherwise; the classifier is scikit-learn's logistic regression at its defaults. Works on any rows, also where not
    every combination of values is there.

    Args:
        codes: (n, m).
        factors: (n, k) of discrete values, or named columns; a factor of one value is left out.
        pairs: per point.
        train: points to learn from.
        test: points to measure on.
        seed: of the draw.

    Raises:
        InputError: if there are fewer than two factors that vary and whose values come twice.
    """
    codes, table = np.asarray(codes, float), np.asarray(factors)
    if codes.ndim != 2 or table.ndim != 2 or len(codes) != len(table):
        raise InputError(f"codes has shape {codes.shape} and factors {table.shape}; (n, m) and (n, k) are needed.")
    kept = [column for column in table.T if 1 < len(np.unique(column)) < len(column)]
    if len(kept) < 2:
        raise InputError(f"{len(kept)} factor(s) vary and have values that come twice; two are needed.")
    rng = np.random.default_rng(seed)
    x, y = _points(rng, codes, kept, train, pairs)
    classifier = LogisticRegression().fit(x, y)
    return float(classifier.score(*_points(rng, codes, kept, test, pairs)))


def _points(
    rng: np.random.Generator, codes: np.ndarray, factors: list[np.ndarray], count: int, pairs: int
) -> tuple[Float[np.ndarray, "count m"], Int[np.ndarray, " count"]]:
    fixed = rng.integers(len(factors), size=count)
    features = np.empty((count, codes.shape[1]))
    for k, factor in enumerate(factors):
        points = np.flatnonzero(fixed == k)
        value = np.unique(factor, return_inverse=True)[1]
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
