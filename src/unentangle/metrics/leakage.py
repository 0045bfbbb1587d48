"""How well can one code, or the state, be read from a code that should not know it?"""

import warnings
from typing import Any, NamedTuple

import numpy as np

from ..errors import InputError
from .tables import finite_codes, standardised


class Leakage(NamedTuple):
    """Balanced accuracy (the mean over states of the share of rows read right), and what guessing would give."""

    accuracy: float
    chance: float


def leakage(codes: Any, labels: Any, *, folds: int = 5, rows: int = 5000, most: int = 50, seed: int = 0) -> Leakage:
    """Cross-validated balanced accuracy with which a classifier reads the label from the code.

    The classifier is scikit-learn's support vector machine with Gaussian kernel on standardised codes, at its defaults, classes
    weighted equally. Chance is one over the number of labels. At or below chance, nothing leaks: where states share the very
    same codes, a row's nearest neighbours belong to the other states, and accuracy falls below chance.

    Args:
        codes: (n, q).
        labels: (n,) of any discrete type. Labels of a single row are left out.
        folds: of the stratified cross-validation; fewer if a label has fewer rows.
        rows: if there are more, as many are drawn at random.
        most: if there are more labels, as many are drawn at random, and only their rows are read: the time of the classifier is
            quadratic in their number.
        seed: of the folds and of that draw.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    codes, labels = finite_codes(codes), np.asarray(labels)
    if labels.shape != codes.shape[:1]:
        raise InputError(f"codes has shape {codes.shape} and labels {labels.shape}; (n, q) and (n,) are needed.")
    names = np.unique(labels)
    if len(names) > most:
        drawn = np.isin(labels, np.random.default_rng(seed).permutation(names)[:most])
        codes, labels = codes[drawn], labels[drawn]
    if len(codes) > rows:
        chosen = np.random.default_rng(seed).permutation(len(codes))[:rows]
        codes, labels = codes[chosen], labels[chosen]
    _, label, counts = np.unique(labels, return_inverse=True, return_counts=True)
    repeated = counts[label] >= 2
    codes, label = codes[repeated], label[repeated]
    sizes = np.bincount(label)[np.unique(label)] if len(label) else np.zeros(0)
    if len(sizes) < 2:
        raise InputError(f"{len(sizes)} label(s) have two rows or more; two such labels are needed to measure leakage.")
    parts = StratifiedKFold(int(min(folds, sizes.min())), shuffle=True, random_state=seed)
    classifier = make_pipeline(StandardScaler(), SVC(class_weight="balanced"))
    with warnings.catch_warnings():  # scikit-learn asks whether so many classes of so few rows are meant
        warnings.simplefilter("ignore", UserWarning)
        right = np.asarray(cross_val_predict(classifier, codes, label, cv=parts)) == label
    return Leakage(float(np.mean([right[label == c].mean() for c in np.unique(label)])), 1 / len(sizes))


def code_leakage(source: Any, target: Any, *, folds: int = 5, rows: int = 2000, seed: int = 0) -> float:
    """R^2 with which one code is read from another, on rows that the reader has not seen: 1 is complete; by chance, at most 0.

    The reader is scikit-learn's ridge regression on the Gaussian kernels exp(-|x - x'|^2 / p) of standardised codes with 300 of
    them, its penalty chosen among powers of ten by leaving one row out. R^2 is 1 - the squared error over the variance of the
    target, both summed over its standardised columns. Columns that do not vary do not count; R^2 is 0 if none varies.

    Args:
        source: (n, p).
        target: (n, q).
        folds: of the cross-validation.
        rows: if there are more, as many are drawn at random.
        seed: of the folds and of that draw.

    Raises:
        InputError: if the shapes do not go together, there are fewer than 10 rows, or a code is not finite.
    """
    from sklearn.kernel_approximation import Nystroem
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import KFold, cross_val_predict
    from sklearn.pipeline import make_pipeline

    source, target = finite_codes(source, "source"), finite_codes(target, "target")
    if len(source) != len(target) or len(source) < 10:
        raise InputError(
            f"source and target have shapes {source.shape} and {target.shape}; (n, p) and (n, q) of 10 rows are needed."
        )
    chosen = np.random.default_rng(seed).permutation(len(source))[:rows]
    source, target = (standardised(codes[chosen], least=1e-6) for codes in (source, target))
    kernels = Nystroem(gamma=1 / source.shape[1], n_components=min(300, len(source) // 2), random_state=seed)
    reader = make_pipeline(kernels, RidgeCV(np.logspace(-5, 2, 8)))
    parts = KFold(folds, shuffle=True, random_state=seed)
    error = target - np.asarray(cross_val_predict(reader, source, target, cv=parts)).reshape(target.shape)
    return float(1 - np.sum(error**2) / np.sum(target**2)) if target.any() else 0.0
