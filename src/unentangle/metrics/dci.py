"""DCI: disentanglement, completeness and informativeness, from how much each latent helps to predict each factor."""

import warnings
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from ..errors import InputError
from .tables import Factor, check_learnable, parted, table


class DCI(NamedTuple):
    """The three scores; informativeness on rows that were not learned from."""

    disentanglement: float
    completeness: float
    informativeness: float


def dci(codes: Any, factors: Any, *, trees: Literal["boosting", "forest"] = "boosting", seed: int = 0) -> DCI:
    """Does each latent help to predict one factor (D), each factor need one latent (C), and is it predicted well (I)?

    C. Eastwood and C. Williams, "A framework for the quantitative evaluation of disentangled representations", 2018, section
    2: 1 minus the entropy, in base K or m, of each row or column of the importances, weighted by its share of them. I is the
    accuracy on held-out rows, as in common use, or of a factor that is a continuum its R^2. All from 0 to 1 (best).

    Known failures: the scores depend on the predictor, so they compare only under the same one, and trees give D and C also to
    codes of noise, which they learn by heart: read them beside I. Copies of a latent share its importance, so C falls.
    Factors of very many classes take very long.

    Args:
        codes: (n, m). Two thirds of the rows are learned from.
        trees: "boosting", scikit-learn's gradient boosting at its defaults, the usual choice and slow (a tree per class and
            round), or "forest", a hundred extremely randomised trees of depth ten by entropy, a hundred times faster. Every
            split of these may use any latent: where it may use some only, as by scikit-learn's default, trees must split by
            noise at times, so that perfect codes beside latents of noise are not found perfect, and constant latents change
            the scores.
        seed: of the parts and the trees.
    """
    weights, scores = _predicted(codes, factors, trees, seed)
    return DCI(disentanglement(weights), completeness(weights), float(np.mean(scores)))


def importances(
    codes: Any, factors: Any, *, trees: Literal["boosting", "forest"] = "boosting", seed: int = 0
) -> Float[np.ndarray, "m k"]:
    """How much each latent helps to predict each factor, summing to 1 over the latents."""
    return _predicted(codes, factors, trees, seed)[0]


def _predicted(codes: Any, factors: Any, trees: str, seed: int) -> tuple[Float[np.ndarray, "m k"], tuple[float, ...]]:
    """The importances, and how well each factor is predicted."""
    z, columns = table(codes, factors)
    train, test = parted(len(z), seed)
    weights, scores = zip(*(_predict(z, f, train, test, trees, seed) for f in columns), strict=True)
    return np.stack(weights, axis=1), scores


def disentanglement(importance: Float[np.ndarray, "m k"]) -> float:
    """D of a table of importances: 1 if each latent matters to one factor; also if there is only one factor."""
    return _concentration(importance) if importance.shape[1] > 1 else 1.0


def completeness(importance: Float[np.ndarray, "m k"]) -> float:
    """C of a table of importances: 1 if each factor needs one latent; also if there is only one latent."""
    return _concentration(importance.T) if importance.shape[0] > 1 else 1.0


def _concentration(rows: Float[np.ndarray, "a b"]) -> float:
    """1 - the entropy of each row in base b, weighted by the rows' sums."""
    from scipy.stats import entropy

    each = 1 - entropy(rows + 1e-11, base=rows.shape[1], axis=1)
    share = rows.sum(axis=1)
    return float(np.average(each, weights=share if share.sum() > 0 else None))


def _predict(z: np.ndarray, factor: Factor, train: np.ndarray, test: np.ndarray, trees: str, seed: int):
    """The importances of the latents for one factor, and how well it is predicted."""
    from sklearn import ensemble

    if trees == "boosting":
        kinds: Any = (ensemble.GradientBoostingRegressor, ensemble.GradientBoostingClassifier)
        settings: dict[str, Any] = {}
    elif trees == "forest":
        kinds = (ensemble.ExtraTreesRegressor, ensemble.ExtraTreesClassifier)
        settings = {"max_depth": 10, "max_features": None, "n_jobs": -1}
        settings |= {"criterion": "entropy"} if factor.discrete else {}
    else:
        raise InputError(f"trees={trees!r} is unknown; it is 'boosting' or 'forest'.")
    check_learnable(factor.name, factor.values[train])
    model = kinds[factor.discrete](random_state=seed, **settings).fit(z[train], factor.values[train])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        score = model.score(z[test], factor.values[test])
    return model.feature_importances_, max(float(score), 0.0)
