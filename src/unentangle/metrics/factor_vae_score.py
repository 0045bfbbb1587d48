"""The FactorVAE score: which latent varies least where one factor is held fixed?"""

from typing import Any

import numpy as np

from ..errors import InputError
from .tables import check_sizes, repeated_classes, table


def factor_vae_score(
    codes: Any,
    factors: Any,
    *,
    rows: int = 64,
    train: int = 10_000,
    test: int = 5_000,
    dead: float = 0.05,
    bins: int = 20,
    seed: int = 0,
) -> float:
    """Accuracy with which the factor that some rows share is told from the latent that varies least among them.

    H. Kim and A. Mnih, "Disentangling by factorising", 2018, section 4. A point is a factor drawn at random, one of its values,
    and `rows` random rows of that value; its feature is the latent of least variance relative to that over all rows; the
    classifier is the majority of the training points. From 1/K (chance) to 1 (best); 0 if every latent is dead. Works on any
    rows, also where not every combination of values is there; of the K factors those are left out whose values come once each.

    Known failures: does not see that a factor is spread over several latents, nor that a latent holds others besides; nor, on
    small tables, that few rows share a value; and codes of small scale are all dead, and score 0.

    Args:
        rows: per point, drawn with replacement.
        train: points to learn from.
        test: points to measure on.
        dead: latents whose standard deviation is less do not count, in the units of the codes.
    """
    check_sizes(train=train, test=test, bins=bins)
    check_sizes(2, rows=rows)
    z, columns = table(codes, factors)
    rng = np.random.default_rng(seed)
    live = z.std(axis=0, ddof=1) >= dead
    if not live.any():
        return 0.0
    z = z[:, live] / z[:, live].std(axis=0, ddof=1)
    repeated = repeated_classes(columns, bins)
    if not repeated:
        raise InputError("no value of any factor comes twice; rows that share one are needed.")
    votes = np.zeros((2, z.shape[1], len(repeated)))
    for k, classes in enumerate(repeated):
        order, sizes = np.argsort(classes, kind="stable"), np.bincount(classes)
        starts, shared = np.cumsum(sizes) - sizes, np.flatnonzero(sizes > 1)
        for part, count in enumerate((train, test)):
            points = np.sum(rng.integers(len(repeated), size=count) == k)
            for some in np.array_split(rng.choice(shared, points), -(-points // 1000) or 1):
                chosen = starts[some, None] + rng.integers(sizes[some, None], size=(len(some), rows))
                least = z[order[chosen]].var(axis=1).argmin(axis=1)
                votes[part, :, k] += np.bincount(least, minlength=z.shape[1])
    learned = votes[0].argmax(axis=1)
    return float(votes[1][np.arange(z.shape[1]), learned].sum() / votes[1].sum())
