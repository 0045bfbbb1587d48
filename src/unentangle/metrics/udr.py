"""UDR: do models of different seeds find the same latents? No factors needed."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from ..errors import InputError
from .infomec import active
from .tables import finite_codes, standardised


def udr(
    models: Sequence[Any],
    *,
    live: Sequence[Any] | None = None,
    relation: Literal["lasso", "spearman"] = "lasso",
    alpha: float = 0.1,
) -> Float[np.ndarray, " models"]:
    """Unsupervised disentanglement ranking: the score of each of several models by how well its latents match the others'.

    S. Duan et al., "Unsupervised model selection for variational disentangled representation learning", 2020, section 4. The
    relation R of two models is a table of how much each latent of one says of each of the other: the size of the coefficients
    of a lasso on standardised codes, or Spearman's rank correlation. The score of a pair is (mean_i max_j R_ij^2 / sum_j R_ij +
    mean_j max_i R_ij^2 / sum_i R_ij) / 2 over live latents; that of a model is the median over the others. From 0 to 1 (best;
    the lasso shrinks its coefficients by alpha, so that of models that are the same it gives 1 - alpha).

    Known failures: models that are alike in a wrong way score high; PCA does. A lasso of many live latents that are not
    related linearly finds nothing.

    Args:
        models: two or more tables of codes (n, m) of the same rows, by models of different seeds; m may differ.
        live: for each model, which of its latents count (m,): in a VAE those of KL above 0.01. By default those whose values
            range over more than a tenth of the model's widest range.
        relation: "lasso" or "spearman".
        alpha: weight of the lasso.

    Raises:
        InputError: if there are fewer than two models, or their rows differ in number.
    """
    tables = [finite_codes(codes) for codes in models]
    shapes = [t.shape for t in tables]
    if len(tables) < 2 or len({len(t) for t in tables}) > 1:
        raise InputError(f"models has codes of shapes {shapes}; two or more tables (n, m) of the same rows are needed.")
    if relation not in ("lasso", "spearman"):
        raise InputError(f"relation={relation!r} is unknown; it is 'lasso' or 'spearman'.")
    counted = [np.asarray(mask, bool) for mask in live] if live is not None else [active(t, 0.1) for t in tables]
    if [c.shape for c in counted] != [s[1:] for s in shapes]:
        raise InputError(
            f"live has masks of shapes {[c.shape for c in counted]}; one for each model is needed, with a number per latent."
        )
    standard = [standardised(t) * c for t, c in zip(tables, counted, strict=True)]
    scores = np.full((len(tables), len(tables)), np.nan)
    for i, a in enumerate(standard):
        for j, b in enumerate(standard):
            if i != j:
                related = spearman(a, b) if relation == "spearman" else lasso(a, b, alpha)
                scores[i, j] = one_to_one(related[np.ix_(counted[i], counted[j])])
    return np.nanmedian(scores, axis=0)


def lasso(a: Float[np.ndarray, "n p"], b: Float[np.ndarray, "n q"], alpha: float = 0.1) -> Float[np.ndarray, "p q"]:
    """The size of the coefficients with which a lasso makes b of a."""
    from sklearn.linear_model import Lasso

    return np.abs(Lasso(alpha=alpha).fit(a, b).coef_).reshape(b.shape[1], a.shape[1]).T


def spearman(a: Float[np.ndarray, "n p"], b: Float[np.ndarray, "n q"]) -> Float[np.ndarray, "p q"]:
    """The size of Spearman's rank correlation of every column of a with every column of b; 0 for constant ones."""
    from scipy.stats import rankdata

    a, b = (rankdata(x, axis=0) - (len(x) + 1) / 2 for x in (a, b))
    a, b = (x / np.maximum(np.linalg.norm(x, axis=0), 1e-12) for x in (a, b))
    return np.abs(a.T @ b)


def one_to_one(related: Float[np.ndarray, "p q"]) -> float:
    """How much every row and column of a table has one large number: the mean of max^2 / sum, 0 for an empty table."""
    if not related.size:
        return 0.0
    sides = [r.max(axis=1) ** 2 / np.where(r.sum(axis=1) > 0, r.sum(axis=1), 1.0) for r in (related, related.T)]
    return float(np.mean([s.mean() for s in sides]))
