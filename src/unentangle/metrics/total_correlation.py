"""How much the latents know about each other, as if they were Gaussian."""

from typing import Any

import numpy as np

from ..errors import InputError
from .tables import finite_codes


def gaussian_total_correlation(codes: Any) -> float:
    """Total correlation in nats of the Gaussian with the covariance of the codes: (sum_j log S_jj - log det S) / 2.

    F. Locatello et al., "Challenging common assumptions in the unsupervised learning of disentangled representations", 2019.
    From 0 (best: no latent is told by the others linearly), without bound: infinite if one is a combination of others.
    Constant latents are left out.

    Known failures: sees correlations only. Latents that determine each other by curves may score 0; `predictability` asks them.
    Of as many rows as latents or fewer it is infinite, as in so few rows each is a combination of the others.

    Args:
        codes: (n, m).
    """
    z = finite_codes(codes)
    if len(z) < 2:
        raise InputError("codes has one row; two or more are needed.")
    z = z[:, np.ptp(z, axis=0) > 0]
    if z.shape[1] < 2:
        return 0.0
    correlation = np.corrcoef(z, rowvar=False)
    least = np.linalg.eigvalsh(correlation)[0]
    if least < 1e-12:
        return float("inf")
    return float(max(0.0, -np.linalg.slogdet(correlation)[1] / 2))
