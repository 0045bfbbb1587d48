"""How well can a linear classifier read each factor from all latents? Explicitness, and the information of InfoMEC."""

import warnings
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from .tables import check_learnable, check_sizes, parted, table
from .tad import auroc


def explicitness(codes: Any, factors: Any, *, bins: int = 20, seed: int = 0) -> float:
    """Area under the ROC curve with which a logistic regression on all latents tells each value of each factor from the rest.

    K. Ridgeway and M. Mozer, "Learning deep disentangled embeddings with the F-statistic loss", 2018, section 2: the mean over
    the values of a factor, then over factors, on rows that were not learned from. From 0.5 (chance; in few rows also below) to
    1 (best). scikit-learn's logistic regression at its defaults, on standardised codes, learned from two thirds of the rows.

    Known failures: a value whose codes lie amid those of others, as on the inner one of two circles, is told from them by no
    plane, though it may be told by eye. It says nothing of which latents hold a factor.
    """
    from sklearn.preprocessing import StandardScaler

    check_sizes(bins=bins)
    z, columns = table(codes, factors)
    train, test = parted(len(z), seed)
    scaler = StandardScaler().fit(z[train])
    learned, tested = (np.asarray(scaler.transform(z[part])) for part in (train, test))
    areas = []
    for f in columns:
        classes = f.classes(bins)
        check_learnable(f.name, classes[train])
        model = logistic(learned, classes[train])
        chances = model.predict_proba(tested)
        values = [v for v in model.classes_ if 0 < np.sum(classes[test] == v) < len(test)]
        each = [auroc(chances[:, [np.searchsorted(model.classes_, v)]], (classes[test] == v)[:, None]).item() for v in values]
        areas.append(np.mean(each) if each else 0.5)
    return float(np.mean(areas))


def logistic(x: Float[np.ndarray, "n m"], y: Int[np.ndarray, " n"], **settings: Any) -> Any:
    """scikit-learn's multinomial logistic regression, stopped without a warning if it has not converged.

    It runs on one thread: so small a problem takes up to 80 times longer if its threads wait for those of others.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        return LogisticRegression(**settings).fit(x, y)
