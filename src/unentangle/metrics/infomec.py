"""InfoMEC: modularity, explicitness and compactness by information."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ..errors import InputError
from .explicitness import logistic
from .information import entropy, information
from .tables import check_sizes, standardised, table


class InfoMEC(NamedTuple):
    """The three scores, and the number of latents that are active."""

    modularity: float
    explicitness: float
    compactness: float
    active: int


def infomec(codes: Any, factors: Any, *, neighbours: int = 10, share: float = 0.05, bins: int = 20) -> InfoMEC:
    """InfoM, InfoE and InfoC, each from 0 to 1 (best).

    K. Hsu et al., "Disentanglement via latent quantization", 2023, section 4. With the information of each factor i in each
    latent j over the factor's entropy, N_ij, among S factors and A active latents,

        InfoM = (mean_j max_i N_ij / sum_i N_ij - 1/S) / (1 - 1/S),
        InfoC = (mean_i max_j N_ij / sum_j N_ij - 1/A) / (1 - 1/A),

    and InfoE is the mean over factors of the share of their entropy that a logistic regression on all latents takes away,
    classes weighted equally. InfoM is 1 if there is one factor, InfoC if there is one active latent.

    Known failures: to InfoM and InfoC a latent of large scale silences the others, as the range tells which are active; sums
    over many uninformative latents add up the errors of the estimate, so InfoM and InfoC of noise are not 0; InfoE, measured
    on the rows it is learned from, is too high for few rows, and reads latents too small for any decoder to use.

    Args:
        codes: (n, m). A latent of few values that come often counts as discrete, others as continuous; for InfoE all are
            numbers.
        neighbours: of the estimate of information, B. Ross, "Mutual information between discrete and continuous data sets",
            2014.
        share: a latent is active if its range is more than this share of the widest.
    """
    check_sizes(neighbours=neighbours, bins=bins)
    if not 0 <= share < 1:
        raise InputError(f"share={share}; a number of at least 0 and less than 1 is needed.")
    z, columns = table(codes, factors)
    classes = [f.classes(bins) for f in columns]
    live, z = active(z, share), standardised(z)
    if not live.any():
        return InfoMEC(0.0, 0.0, 0.0, 0)
    entropies = [entropy(np.bincount(c)) for c in classes]
    shared = np.array([[nearest_information(latent, c, neighbours) for latent in z[:, live].T] for c in classes])
    shared /= np.array(entropies)[:, None]
    explicit = np.mean([_explained(z, c) for c in classes])
    return InfoMEC(_peaked(shared.T), float(explicit), _peaked(shared), int(live.sum()))


def active(z: Float[np.ndarray, "n m"], share: float) -> Bool[np.ndarray, " m"]:
    """Latents whose range is more than a share of the widest range."""
    ranges = np.ptp(z, axis=0)
    return ranges > share * ranges.max()


def _peaked(rows: Float[np.ndarray, "a b"]) -> float:
    """The mean share that the largest number of each row has of its sum, from 0 (all alike) to 1 (the only one)."""
    chance = 1 / rows.shape[1]
    total = rows.sum(axis=1)
    each = np.where(total > 0, rows.max(axis=1) / np.where(total > 0, total, 1.0), chance)
    return float((each.mean() - chance) / (1 - chance)) if chance < 1 else 1.0


def _explained(z: Float[np.ndarray, "n m"], classes: Int[np.ndarray, " n"]) -> float:
    from sklearn.metrics import log_loss

    model = logistic(z, classes, C=np.inf, class_weight="balanced")
    guessing = np.log(len(model.classes_))  # what balanced weights make of codes that say nothing
    return float(max(0.0, (guessing - log_loss(classes, model.predict_proba(z))) / guessing))


def nearest_information(latent: Float[np.ndarray, " n"], classes: Int[np.ndarray, " n"], neighbours: int = 10) -> float:
    """I(latent; class) in nats by the distances to nearest neighbours of the same class (Ross 2014), exact on a line.

    For each row, r is the distance to its k-th neighbour of the same class and c the number of rows of any class within r:
    digamma(n) + <digamma(k)> - <digamma(size of the class)> - <digamma(c)>. Rows of a class of their own are left out. Where
    r is 0, because many rows have one value, k is the number of these in the class. A latent of few values is counted instead.
    """
    from scipy.special import digamma

    values, numbers = np.unique(latent, return_inverse=True)
    if len(latent) >= 10 * len(values):
        return information(numbers, classes)
    sizes = np.bincount(classes)
    repeated = sizes[classes] > 1
    latent, classes = latent[repeated], classes[repeated]
    if not len(latent):
        return 0.0
    ordered, radius, used = np.sort(latent), np.empty(len(latent)), np.empty(len(latent))
    for c in np.unique(classes):
        rows = np.flatnonzero(classes == c)
        rows = rows[np.argsort(latent[rows])]
        k, own = min(neighbours, len(rows) - 1), latent[rows]
        equal = np.searchsorted(own, own, side="right") - np.searchsorted(own, own, side="left")
        radius[rows] = _nearest(own, k)
        used[rows] = np.where(radius[rows] > 0, k, equal)
    inside = radius * (1 - 1e-10)  # the k-th neighbour itself is not counted, the row is
    within = np.searchsorted(ordered, latent + inside, side="right") - np.searchsorted(ordered, latent - inside, side="left")
    return max(0.0, float(digamma(len(latent)) + np.mean(digamma(used) - digamma(sizes[classes]) - digamma(within))))


def _nearest(ordered: Float[np.ndarray, " n"], k: int) -> Float[np.ndarray, " n"]:
    """The distance from each of some increasing numbers to its k-th neighbour: the least width of k + 1 in a row around it."""
    far = np.pad(ordered, k, constant_values=(-np.inf, np.inf))
    below, above = (np.stack([far[k + s * i :][: len(ordered)] for i in range(k + 1)]) for s in (-1, 1))
    return np.maximum(ordered - below, (above - ordered)[::-1]).min(axis=0)
