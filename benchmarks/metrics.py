"""Each measure of codes and factors on 10,000 x 10 codes and 5 factors, sized as those of dSprites: ours and the usual way.

    python benchmarks/metrics.py [--skip-boosting]

The usual ways are those of the common implementations, written plainly: loops over latents, factors, points and thresholds,
scikit-learn's estimators as they are. Every time is the best of three, but for what takes longer than ten seconds. AUROC is
that of 40 attributes and 32 latents. Run on an idle machine.
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.feature_selection import mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, mutual_info_score, roc_auc_score
from sklearn.preprocessing import MultiLabelBinarizer, StandardScaler
from sklearn.svm import LinearSVC

from unentangle import metrics
from unentangle.metrics.tables import parted
from unentangle.recipes.record import provenance
from unentangle.storage import write_json

RNG = np.random.default_rng(0)
SIZES = (3, 6, 40, 32, 32)
FACTORS = np.stack([RNG.integers(size, size=10_000) for size in SIZES], axis=1)
CODES = (FACTORS / np.array(SIZES)) @ RNG.standard_normal((5, 10)) + 0.1 * RNG.standard_normal((10_000, 10))
ATTRIBUTES = RNG.uniform(size=(10_000, 40)) < RNG.uniform(0.1, 0.9, 40)
LATENTS = ATTRIBUTES[:, :32] + RNG.standard_normal((10_000, 32))
TRAIN, TEST = parted(10_000, 0)


def information() -> np.ndarray:
    """Mutual information, pair by pair."""
    edges = [np.histogram(z, 20)[1][:-1] for z in CODES.T]
    return np.array([[mutual_info_score(np.digitize(z, e), f) for f in FACTORS.T] for z, e in zip(CODES.T, edges, strict=True)])


def mig() -> float:
    """The mutual information gap."""
    shared = np.sort(information(), axis=0)
    return float(np.mean((shared[-1] - shared[-2]) / [mutual_info_score(f, f) for f in FACTORS.T]))


def sap() -> float:
    """A support vector machine for every latent and factor."""
    scores = np.array(
        [
            [
                LinearSVC(C=0.01, class_weight="balanced").fit(z[TRAIN, None], f[TRAIN]).score(z[TEST, None], f[TEST])
                for f in FACTORS.T
            ]
            for z in CODES.T
        ]
    )
    return float(np.mean(np.diff(np.sort(scores, axis=0)[-2:], axis=0)))


def dci() -> metrics.DCI:
    """Gradient boosting for every factor."""
    models = [GradientBoostingClassifier(random_state=0).fit(CODES[TRAIN], f[TRAIN]) for f in FACTORS.T]
    weights = np.stack([m.feature_importances_ for m in models], axis=1)
    right = [m.score(CODES[TEST], f[TEST]) for m, f in zip(models, FACTORS.T, strict=True)]
    return metrics.DCI(metrics.disentanglement(weights), metrics.completeness(weights), float(np.mean(right)))


def explicitness() -> float:
    """A logistic regression for every factor."""
    scaler = StandardScaler().fit(CODES[TRAIN])
    train, test = (np.asarray(scaler.transform(CODES[part])) for part in (TRAIN, TEST))
    areas = []
    for f in FACTORS.T:
        told = LogisticRegression().fit(train, f[TRAIN]).predict_proba(test)
        areas.append(roc_auc_score(MultiLabelBinarizer().fit_transform(f[TEST][:, None]), told))
    return float(np.mean(areas))


def infomec() -> float:
    """The estimate of information for every latent and factor, and a logistic regression for every factor."""
    z = StandardScaler().fit_transform(CODES)
    np.array([[mutual_info_classif(z[:, [j]], f, n_neighbors=10).item() for j in range(10)] for f in FACTORS.T])
    explained = []
    for f in FACTORS.T:
        model = LogisticRegression(C=np.inf, class_weight="balanced").fit(z, f)
        guessing = np.log(len(model.classes_))
        explained.append((guessing - log_loss(f, model.predict_proba(z))) / guessing)
    return float(np.mean(explained))


def irs() -> float:
    """Bin by bin of every factor."""
    largest, kept = np.abs(CODES - CODES.mean(axis=0)).max(axis=0), np.zeros((10, 5))
    for k, f in enumerate(FACTORS.T):
        bins = np.digitize(f, np.histogram(f, 20)[1][:-1])
        for b in np.unique(bins):
            away = np.abs(CODES[bins == b] - CODES[bins == b].mean(axis=0))
            kept[:, k] += np.percentile(away, 99, axis=0) / len(np.unique(bins))
    return float(np.average((1 - kept / largest[:, None]).max(axis=1), weights=largest))


def factor_vae_score() -> float:
    """Point by point."""
    votes, spread = np.zeros((2, 10, 5)), CODES.var(axis=0, ddof=1)
    for number in range(15_000):
        k = RNG.integers(5)
        rows = RNG.choice(np.flatnonzero(FACTORS[:, k] == RNG.integers(SIZES[k])), 64)
        votes[int(number >= 10_000), np.argmin(CODES[rows].var(axis=0, ddof=1) / spread), k] += 1
    learned = votes[0].argmax(axis=1)
    return float(votes[1][np.arange(10), learned].sum() / votes[1].sum())


def beta_vae_score() -> float:
    """Point by point, and a linear classifier that takes 10,000 steps, a point each."""

    def point() -> tuple[np.ndarray, int]:
        k, apart = RNG.integers(5), np.zeros(10)
        for _ in range(64):
            first, second = RNG.choice(np.flatnonzero(FACTORS[:, k] == RNG.integers(SIZES[k])), 2)
            apart += np.abs(CODES[first] - CODES[second]) / 64
        return apart, k

    weight, memory = np.zeros((11, 5)), np.zeros((11, 5))
    for _ in range(10_000):
        apart, k = point()
        x = np.append(apart, 1)
        told = np.exp(x @ weight - (x @ weight).max())
        slope = np.outer(x, told / told.sum() - np.eye(5)[k])
        memory += slope**2
        weight -= slope / np.sqrt(memory + 1e-10)
    return float(np.mean([(np.append(x, 1) @ weight).argmax() == k for x, k in (point() for _ in range(1000))]))


def auroc() -> np.ndarray:
    """Threshold by threshold, for every latent and attribute."""
    area = np.empty((32, 40))
    for j, z in enumerate(LATENTS.T):
        at = np.linspace(z.min(), z.max(), 101)
        for k, label in enumerate(ATTRIBUTES.T):
            rates = np.sort([(np.mean(z[~label] >= t), np.mean(z[label] >= t)) for t in at], axis=0)
            area[j, k] = np.sum(rates[1:, 1] * np.diff(rates[:, 0]))
    return area


MEASURES: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "mig": (partial(metrics.mig, CODES, FACTORS), mig),
    "modularity": (partial(metrics.modularity, CODES, FACTORS), information),
    "sap": (partial(metrics.sap, CODES, FACTORS), sap),
    "explicitness": (partial(metrics.explicitness, CODES, FACTORS), explicitness),
    "infomec": (partial(metrics.infomec, CODES, FACTORS), infomec),
    "irs": (partial(metrics.irs, CODES, FACTORS), irs),
    "factor_vae_score": (partial(metrics.factor_vae_score, CODES, FACTORS), factor_vae_score),
    "beta_vae_score": (partial(metrics.beta_vae_score, CODES, FACTORS), beta_vae_score),
    "auroc": (partial(metrics.auroc, LATENTS, ATTRIBUTES), auroc),
    "dci": (partial(metrics.dci, CODES, FACTORS, trees="forest"), dci),
}


REASONS = {
    "explicitness": "both fit the same logistic regressions by the same optimiser, which is most of either",
    "infomec": "as explicitness, which is most of it",
    "irs": "the quantiles of all groups are most of either, which take a hundredth of a second",
}
"""Why some are less than five times faster."""


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """The seconds it takes, and what it answers."""
    best = np.inf
    for _ in range(3):
        start = monotonic()
        answer = function()
        best = min(best, monotonic() - start)
        if best > 10:
            break
    return best, answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--skip-boosting", action="store_true", help="leave out gradient boosting, which takes minutes")
    skip, begun, found = parser.parse_args().skip_boosting, monotonic(), {}
    for name, (ours, usual) in MEASURES.items():
        seconds, answer = timed(ours)
        found[name] = {"ours": seconds}
        if not (skip and name == "dci"):
            found[name] |= {"usual": (theirs := timed(usual))[0], "times_faster": theirs[0] / seconds}
            if isinstance(answer, float) and isinstance(theirs[1], float):
                found[name] |= {"value": answer, "usual_value": theirs[1]}
            if found[name]["times_faster"] < 5 and name in REASONS:
                found[name]["reason"] = REASONS[name]
            if name == "dci":
                found[name] |= {"scores_of_forest": answer._asdict(), "scores_of_boosting": theirs[1]._asdict()}
        print(name, found[name], flush=True)
    whole = sum(found[name]["ours"] for name in found if name != "auroc")
    print("all scores", whole)
    about = {"rows": 10_000, "latents": 10, "factor_sizes": SIZES, "auroc": "32 latents, 40 attributes"}
    result = {"settings": about, "measures": found, "seconds_of_all_scores": whole}
    write_json(Path(__file__).parent / "results" / "metrics.json", result | {"provenance": provenance(monotonic() - begun)})


if __name__ == "__main__":
    with catch_warnings():
        simplefilter("ignore")
        main()
