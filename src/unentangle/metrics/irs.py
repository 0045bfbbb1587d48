"""Interventional robustness: does a latent stay where it is while its factor stays, whatever the others do?"""

from typing import Any

import numpy as np

from ..errors import InputError
from .tables import binned, check_sizes, table


def irs(codes: Any, factors: Any, *, quantile: float = 0.99, bins: int = 20) -> float:
    """Interventional robustness score.

    R. Suter et al., "Robustly disentangled causal mechanisms", 2019, section 4, on rows as they are: for a latent and a factor,
    1 minus the quantile of |z - E[z|v]|, averaged over the values v of the factor, relative to the largest |z - E z|. Of each
    latent the best factor counts, weighted by the latent's largest deviation. To 1 (best), from 0, or below it where rows
    of a value lie further from their mean than any from the mean of all. The paper takes the maximum (quantile 1), common use
    the 99th percentile, and cuts factors of many classes into bins of their numbers, too, as it is here.

    Known failures: the largest deviation is that of an outlier, so heavy tails score high, and more rows score higher; a
    factor of many values of which few rows are there scores high, because those rows deviate little from their own mean; says
    nothing of whether a factor is there at all. Depends on the scale of latents, by their weights.

    Args:
        codes: (n, m); constant latents do not count, and 0 is the score if all are.
        quantile: of the deviations, above 0, at most 1.
        bins: per factor that is a continuum or has more classes.
    """
    check_sizes(bins=bins)
    if not 0 < quantile <= 1:
        raise InputError(f"quantile={quantile}; a number above 0, and at most 1, is needed.")
    z, columns = table(codes, factors)
    z = z[:, np.ptp(z, axis=0) > 0]
    if not z.size:
        return 0.0
    largest = np.abs(z - z.mean(axis=0)).max(axis=0)
    deviations = []
    for f in columns:
        classes = np.unique(binned(f.values.astype(float), bins), return_inverse=True)[1]
        order = np.argsort(classes, kind="stable")
        groups = np.split(z[order], np.cumsum(np.bincount(classes))[:-1])
        deviations.append(np.mean([np.quantile(np.abs(g - g.mean(axis=0)), quantile, axis=0) for g in groups], axis=0))
    robust = 1 - np.min(deviations, axis=0) / largest
    return float(np.average(robust, weights=largest))
