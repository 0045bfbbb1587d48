"""Mutual information of latents and factors, and the scores that are read from it: MIG and modularity."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from .tables import binned, check_sizes, table


def mutual_information(codes: Any, factors: Any, bins: int = 20) -> Float[np.ndarray, "m k"]:
    """I(z_j; v_k) in nats of every latent with every factor, by histograms.

    Latents, and factors that are a continuum, are cut into bins of equal width from their least to their greatest value. The
    estimate is too high by about (bins - 1)(classes - 1) / 2n; a constant latent has none.
    """
    check_sizes(bins=bins)
    z, columns = table(codes, factors)
    return _shared(z, [f.classes(bins) for f in columns], bins)


def _shared(z: Float[np.ndarray, "n m"], classes: list[Int[np.ndarray, " n"]], bins: int) -> Float[np.ndarray, "m k"]:
    return np.array([[information(latent, c) for c in classes] for latent in (binned(column, bins) for column in z.T)])


def information(a: Int[np.ndarray, " n"], b: Int[np.ndarray, " n"]) -> float:
    """Mutual information in nats of two columns of small whole numbers; 0 where it is no more than rounding."""
    joint = np.bincount(a * (b.max() + 1) + b, minlength=(a.max() + 1) * (b.max() + 1)).reshape(-1, b.max() + 1)
    shared = entropy(joint.sum(axis=1)) + entropy(joint.sum(axis=0)) - entropy(joint.ravel())
    return shared if shared > 1e-12 else 0.0


def entropy(counts: Int[np.ndarray, " n"]) -> float:
    """Entropy in nats of a distribution given by counts."""
    share = counts[counts > 0] / counts.sum()
    return float(-np.sum(share * np.log(share)))


def mig(codes: Any, factors: Any, *, bins: int = 20) -> float:
    """Mutual information gap: is each factor in one latent, and in no other?

    R. Chen et al., "Isolating sources of disentanglement in VAEs", 2018, eq. 6: the mean over factors of (I_1 - I_2) / H, where
    I_1 and I_2 are the largest two of I(z_j; v_k) and H is the entropy of the factor. From 0 to 1 (best). Histograms of 20
    bins, as in common use.

    Known failures: a latent may hold several factors and score 1; two copies of a latent score 0; of one that is continuous
    the histogram sees what 20 bins can, so that a factor of many classes stays below 1.
    """
    check_sizes(bins=bins)
    z, columns = table(codes, factors)
    classes = [f.classes(bins) for f in columns]
    shared = np.sort(_shared(z, classes, bins), axis=0)
    second = shared[-2] if z.shape[1] > 1 else 0.0
    return float(np.mean((shared[-1] - second) / [entropy(np.bincount(c)) for c in classes]))


def modularity(codes: Any, factors: Any, *, bins: int = 20) -> float:
    """Does each latent know of one factor only?

    K. Ridgeway and M. Mozer, "Learning deep disentangled embeddings with the F-statistic loss", 2018, section 2: of a latent
    j, 1 - sum over k other than its best of I_jk^2 / ((K - 1) I_jbest^2); the mean over all latents, where one that knows
    nothing counts 0. From 0 to 1 (best); 1 where there is a single factor.

    Known failures: says nothing of whether the factors are in the code at all, several latents may share one, and by
    histograms even a latent of noise knows a little of every factor, so that it counts at random rather than 0.
    """
    square = mutual_information(codes, factors, bins) ** 2
    best, others = square.max(axis=1), max(square.shape[1] - 1, 1)
    each = 1 - (square.sum(axis=1) - best) / np.where(best > 0, best * others, 1.0)
    return float(np.mean(np.where(best > 0, each, 0.0)))
