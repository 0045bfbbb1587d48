"""AUROC of every latent for every attribute, and what NashAE's paper makes of them: the total AUROC difference."""

from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ..errors import InputError
from .information import entropy, information
from .tables import check_sizes, table


class TAD(NamedTuple):
    """The total AUROC difference, and how many attributes are captured among how many independent ones."""

    score: float
    captured: int
    independent: int


def auroc(codes: Any, attributes: Any) -> Float[np.ndarray, "m k"]:
    """The area under the ROC curve of each latent as a detector of each binary attribute, exact, ties counted half.

    It is the chance that the latent is greater in a row with the attribute than in one without: 1 or 0 for a perfect detector
    (the second of the absence), 0.5 for a constant latent. From the sum of ranks, all pairs by one matrix product.

    Args:
        codes: (n, m).
        attributes: (n, k) of two values each, of which the greater is the presence; or named columns.
    """
    from scipy.stats import rankdata

    z, labels = _binary(codes, attributes)
    present = labels.sum(axis=0)
    above = rankdata(z, axis=0).T @ labels - present * (present + 1) / 2
    return above / (present * (len(labels) - present))


def threshold_auroc(codes: Any, attributes: Any, thresholds: int = 101) -> Float[np.ndarray, "m k"]:
    """The area under the ROC curve as the NashAE authors' code has it; the better of both directions.

    The thresholds go evenly from the least to the greatest value of a latent, and the area is the upper sum over the sorted
    rates. So it is too large, and far too large where most values crowd between two thresholds: use `auroc`.

    Args:
        codes: (n, m).
        attributes: (n, k) of two values each, or named columns.
        thresholds: their number.
    """
    check_sizes(2, thresholds=thresholds)
    z, labels = _binary(codes, attributes)
    sizes = np.stack([len(labels) - labels.sum(axis=0), labels.sum(axis=0)])  # rows without and with each attribute
    area = np.empty((z.shape[1], labels.shape[1]))
    for j, latent in enumerate(z.T):
        at = np.linspace(0, 1, thresholds) * np.ptp(latent) + latent.min()
        passed = np.searchsorted(at, latent, side="right")  # the number of thresholds that a row reaches
        level = np.eye(thresholds + 1)[passed]
        counts = np.stack([level.T @ (1 - labels), level.T @ labels])
        reached = 1 - np.cumsum(counts, axis=1)[:, :-1] / sizes[:, None]  # false and true positive rates: (2, thresholds, k)
        area[j] = np.maximum(_upper_sum(*reached), _upper_sum(*(1 - reached)))
    return area


def _upper_sum(false: Float[np.ndarray, "t k"], true: Float[np.ndarray, "t k"]) -> Float[np.ndarray, " k"]:
    false, true = np.sort(false, axis=0), np.sort(true, axis=0)
    return np.sum(true[1:] * np.diff(false, axis=0), axis=0)


def tad(
    codes: Any,
    attributes: Any,
    *,
    mode: Literal["paper", "exact"] = "paper",
    capture: float = 0.75,
    dependence: float = 0.2,
    dead: float = 0.2,
) -> TAD:
    """Total AUROC difference: the sum, over attributes that are captured and independent, of best minus second-best AUROC.

    E. Yeats et al., "NashAE", 2022, section 3, with the two filters of the authors' code, which makes the printed numbers:
    an attribute is captured if its best AUROC is at least 0.75, and independent if no other attribute tells more than a fifth
    of its entropy. Greater is better; at most half the number of attributes. The paper uses 1,000 rows.

    Known failures: it grows with the number of attributes that are captured, so it compares codes on one data set only; and
    by the paper's rule for the area ("paper"), a latent that is dead but for an outlier detects everything. "exact" has the
    exact area, which is smaller. Both take latents of small range for dead, so the score depends on the scale of the codes.

    Args:
        codes: (n, m). Of a VAE, the authors take samples of the codes, not their means.
        attributes: (n, k) of two values each, or named columns.
        mode: whose area, "paper" (`threshold_auroc`) or "exact" (`auroc`).
        capture: the least AUROC of a captured attribute.
        dependence: the greatest share of an attribute's entropy that another may tell.
        dead: a latent whose values range over no more than this has 0.5 with every attribute.
    """
    z, labels = _binary(codes, attributes)
    if mode == "paper":
        area = threshold_auroc(z, labels)
    elif mode == "exact":
        area = auroc(z, labels)
        area = np.maximum(area, 1 - area)
    else:
        raise InputError(f"mode={mode!r} is unknown; it is 'paper' or 'exact'.")
    area = np.where(np.ptp(z, axis=0)[:, None] > dead, area, 0.5)
    first, second = np.sort(np.concatenate([area, np.full((1, area.shape[1]), 0.5)]), axis=0)[[-1, -2]]
    alone = independent(labels.astype(bool), dependence)
    counted = alone & (first >= capture)
    return TAD(float(np.sum((first - second)[counted])), int(counted.sum()), int(alone.sum()))


def independent(attributes: Bool[np.ndarray, "n k"], most: float = 0.2) -> Bool[np.ndarray, " k"]:
    """Of which attributes no other tells more than this share of their entropy."""
    columns = attributes.T.astype(int)
    shared = np.array([[information(a, b) for b in columns] for a in columns])
    np.fill_diagonal(shared, 0.0)
    return shared.max(axis=1) <= most * np.array([entropy(np.bincount(a)) for a in columns])


def _binary(codes: Any, attributes: Any) -> tuple[Float[np.ndarray, "n m"], Float[np.ndarray, "n k"]]:
    z, columns = table(codes, attributes)
    for f in columns:
        if len(values := np.unique(f.values)) > 2:
            raise InputError(f"{f.name} has {len(values)} values; an attribute has two, present and absent.")
    return z, np.stack([f.values > f.values.min() for f in columns], axis=1).astype(float)
