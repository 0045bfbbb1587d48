"""How much the latents know about each other, as if they were Gaussian."""

from typing import Any

import numpy as np

from ..errors import InputError


def gaussian_total_correlation(codes: Any) -> float:
    """Total correlation in nats of the Gaussian with the covariance of the codes: (sum_j log S_jj - log det S) / 2.

    F. Locatello et al., "Challenging common assumptions in the unsupervised learning of disentangled representations", 2019.
    From 0 (best: no latent is told by the others linearly), without bound: infinite if one is a combination of others.
    Constant latents are left out.

    Known failure: sees correlations only. Latents that determine each other by curves may score 0; `predictability` asks them.

    Args:
        codes: (n, m).
    """
    z = np.asarray(codes, float)
    if z.ndim != 2 or len(z) < 2 or not np.isfinite(z).all():
        raise InputError(f"codes has shape {z.shape}; finite numbers (n, m), two rows or more, are needed.")
    z = z[:, np.ptp(z, axis=0) > 0]
    if z.shape[1] < 2:
        return 0.0
    correlation = np.corrcoef(z, rowvar=False)
    least = np.linalg.eigvalsh(correlation)[0]
    if least < 1e-12:
        return float("inf")
    return float(max(0.0, -np.linalg.slogdet(correlation)[1] / 2))
