"""How many latents are in use, and how well can each be told from the others?"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ..errors import InputError
from .tables import finite_codes


def learned_by_range(codes: Any, threshold: float = 0.2, *, inclusive: bool = False) -> int:
    """The number of latents whose values range over more than the threshold.

    The NashAE authors' rule: 0.2 for latents in (0, 1), and 2, inclusive, for the means of FactorVAE and beta-TCVAE.

    Args:
        codes: (rows, m).
        threshold: in the units of the codes.
        inclusive: whether a range that equals the threshold counts.
    """
    ranges = np.ptp(finite_codes(codes), axis=0)
    return int(np.sum(ranges >= threshold if inclusive else ranges > threshold))


def learned_by_variance(variances: Any, threshold: float = 0.8) -> int:
    """The number of latents whose variance of q(z|x), averaged over rows, is at most the threshold.

    The NashAE authors' rule for the VAE and beta-VAE, whose unused latents keep the prior's variance 1.

    Args:
        variances: (rows, m).
        threshold: in units of the prior's variance.
    """
    return int(np.sum(finite_codes(variances, "variances").mean(axis=0) <= threshold))


def effects(decode: Callable[[np.ndarray], np.ndarray], codes: Any) -> Float[np.ndarray, " m"]:
    """What each latent does to the decoded rows: their mean squared change when it is fixed at its mean, over their variance.

    Args:
        decode: codes (rows, m) to rows (rows, ...).
        codes: (rows, m).
    """
    codes = finite_codes(codes)
    whole = np.asarray(decode(codes), float)
    variance = np.mean((whole - whole.mean(axis=0)) ** 2)
    fixed = np.empty(codes.shape[1])
    for i in range(codes.shape[1]):
        without = codes.copy()
        without[:, i] = codes[:, i].mean()
        fixed[i] = np.mean((np.asarray(decode(without), float) - whole) ** 2)
    return fixed / variance if variance > 0 else np.zeros_like(fixed)


def used_latents(decode: Callable[[np.ndarray], np.ndarray], codes: Any, share: float = 0.01) -> int:
    """The number of latents whose effect on the decoded rows is more than this share of their variance: one rule for every
    method, whatever the units of its codes.
    """
    return int(np.sum(effects(decode, codes) > share))


class R2(NamedTuple):
    """Squared correlation: of every latent, averaged over all m of them, and over those that vary."""

    each: Float[np.ndarray, " m"]
    mean: float
    live: float


def squared_correlation(codes: Any, predicted: Any, dead: float = 0.0) -> R2:
    """R^2 between latents and their predictions as the squared Pearson correlation (NashAE paper, Figure 2).

    A latent whose values range over no more than `dead` counts 0. `mean` divides by all latents, `live` by those that are not
    dead. With `dead` = 0, `mean` is the paper's on Beamsynthesis.

    Args:
        codes: (rows, m).
        predicted: (rows, m).
        dead: in the units of the codes.
    """
    codes, predicted = finite_codes(codes), finite_codes(predicted, "predicted")
    if codes.shape != predicted.shape:
        raise InputError(f"codes has shape {codes.shape} and predicted {predicted.shape}; the same shape is needed.")
    a, b = codes - codes.mean(axis=0), predicted - predicted.mean(axis=0)
    spread = np.sum(a**2, axis=0) * np.sum(b**2, axis=0)
    live = np.ptp(codes, axis=0) > dead
    each = np.where(live & (spread > 1e-24), np.sum(a * b, axis=0) ** 2 / np.maximum(spread, 1e-24), 0.0)
    return R2(each, float(each.mean()), float(each[live].mean()) if live.any() else 0.0)
