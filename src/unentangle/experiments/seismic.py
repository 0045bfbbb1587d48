"""The SymAE paper's own example, simulated and measured, and real recordings.

R. Sun, B. Geshkovski, L. Demanet, "Interpretable Style Swapping with a Symmetric Autoencoder", eqs 1-2. Redatuming by SymAE is
from P. Bharadwaj, M. Li, L. Demanet, "Redatuming physical systems using symmetric autoencoders" (2022). Neither prints a number
for it.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from sklearn.decomposition import PCA
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from ..data import Dataset
from ..datasets import Shots, ipoc, mobil, seismic, shots
from ..datasets.seismic import FILTER
from ..evaluate import evaluate
from ..methods import SymAE
from ..methods.description import describe
from ..methods.terms import Pooling
from ..metrics import filter_error, filtered, leakage, matching_filter
from ..model import Model
from ..recipes.record import Row, Variant, Work, compare, seconds, summary
from ..train import Run
from .plots import pair_errors, probes, records, regions

CONVOLUTIONAL = SymAE(decoder="convolution", terms=(Pooling(),))
"""Recommended for recordings of unknown sources: the decoder is eq. 1. Without isometry, because a source moves the recordings
of one medium further than those of another. Without consistency, which costs a quarter of the time and did not help with weight
1. Without coincidence, which was not tried. Without blur, because records oscillate about zero and have nothing coarse."""

# -- simulated shots ------------------------------------------------------------------------------------------------------


class Swaps(NamedTuple):
    """Which pairs are held out: a medium, and the row that gives it a source it was not recorded with."""

    medium: Int[np.ndarray, " n"]
    donor: Int[np.ndarray, " n"]


def redatuming(work: Work) -> None:
    """Sources swapped between media, for all pairs that are not in the data, against the true records of these pairs.

    SymAE on the 8 media and 40 sources of `datasets.seismic`, without noise and with, seeds 0..4. Errors are energies over
    those of the true records without noise: as they are, and after one filter for each medium, fitted by least squares to all
    its swaps (the seismic Remark 2). Then two changes, without noise, seeds 0 and 1: the recommended decoder for signals in
    place of the convolution, and no dropout. Writes `seismic_redatuming.json`, `seismic_redatuming.png` and
    `seismic_pairs.png`.
    """
    size: dict[str, Any] = {"n_tau": 5, "n_1": 3, "n_2": 10, "samples": 128, "receivers": 8} if work.fast else {}
    made = shots(**{name: n for name, n in size.items() if name != "n_tau"})
    seeds, training = (range(1), {"steps": 60}) if work.fast else (range(5), {"steps": 1500})
    clean, noisy = (seismic(noise=noise, **size) for noise in (0.0, 0.3))
    cases = {
        "without noise": Variant(CONVOLUTIONAL, clean, training, seeds),
        "noise 0.3": Variant(CONVOLUTIONAL, noisy, training, seeds),
    }
    for what, change in (("recommended decoder", {"decoder": "multiplicative"}), ("no dropout", {"rate": 0.0})):
        cases[f"without noise, {what}"] = Variant(replace(CONVOLUTIONAL, **change), clean, training, seeds[:2])
    cases = dict(list(cases.items())[: 1 if work.fast else None])
    about_data = {"name": "seismic", "media": made.names, **size}
    settings = {"data": about_data, **cases["without noise"].resolved, "filter_samples": FILTER, "target": 0.15}
    swaps = held_out(clean)  # those of noisy data are the same
    source = clean.factors["source"]
    truth, recorded = made.records(swaps.medium, source[swaps.donor]), made.records(clean.states, source)
    about: dict[str, Row] = {}
    for label, (method, data, *_) in cases.items():
        about[label] = {"method": describe(method), "noise": 0.0 if data is clean else 0.3, "swaps": len(truth)}
        if label in ("without noise", "noise 0.3"):
            about[label]["baselines"] = baselines(data, swaps, truth, work.fast)

    def measure(label: str, run: Run) -> Row:
        codes = run[0].encode(run.data)
        virtual, leak = run[0].decode(codes.pair(swaps.medium, swaps.donor)), leakage(codes.nuisance, run.data.states)
        if label == "without noise" and run.seeds == (0,):
            _draw(work, run.data, made, swaps, virtual, truth)
        reconstruction = {"reconstruction_error": filter_error(run[0].decode(codes), recorded, 0)}
        leaks = {"leakage": leak.accuracy, "leakage_chance": leak.chance}
        return _up_to_filters(swaps, virtual, truth) | reconstruction | leaks | {"training_seconds": seconds(run)}

    def content(rows: dict[str, list[Row]]) -> Row:
        measures = {
            label: about[label] | {"measures": summary(own), "seeds": list(cases[label].seeds)[: len(own)]}
            for label, own in rows.items()
        }
        return {"settings": settings, "cases": measures}

    compare(work, cases, measure, content)


def held_out(data: Dataset) -> Swaps:
    """Every medium under every row whose source it was not recorded with."""
    medium, source = data.states, data.factors["source"]
    pairs = [
        (state, row)
        for state in np.unique(medium)
        for row in np.flatnonzero((medium != state) & ~np.isin(source, source[medium == state]))
    ]
    return Swaps(*np.array(pairs).T)


def _up_to_filters(swaps: Swaps, virtual: np.ndarray, truth: np.ndarray, length: int = FILTER) -> dict[str, float]:
    """The error of all swaps, and of the medium with the worst, before and after a filter for each medium."""
    media = [swaps.medium == m for m in np.unique(swaps.medium)]
    after = np.concatenate([filtered(virtual[m], matching_filter(virtual[m], truth[m], length)) for m in media])
    ordered = np.concatenate([truth[m] for m in media])
    return {
        "swap_error": filter_error(virtual, truth, 0),
        "swap_error_filtered": filter_error(after, ordered, 0),
        "worst_medium": max(filter_error(virtual[m], truth[m], 0) for m in media),
        "worst_medium_filtered": max(filter_error(virtual[m], truth[m], length) for m in media),
    }


def baselines(data: Dataset, swaps: Swaps, truth: np.ndarray, fast: bool = False) -> dict[str, Any]:
    """What no learning gives, from the same rows, for every fourth swap.

    donor: the donor's record handed back. mean: the mean record of the medium. The others deconvolve by a least-squares filter
    f over all receivers. `filter`, like SymAE, does not know which sources are the same: f takes a record of the medium to the
    donor's record, and the record with the best fit is used. `filter_told` knows: for each source i that the medium a and the
    donor's medium b share, f takes (b, i) to the donor (b, j), and f * (a, i) is the answer. It takes the answer of the i with
    the best fit, or the mean of all answers. Length, damping and which of the two are chosen by the truth, in favour of the
    baselines.
    """
    swaps, truth = Swaps(swaps.medium[::4], swaps.donor[::4]), truth[::4]
    x, medium, source = np.asarray(data.x, float), data.states, data.factors["source"]
    means = np.stack([x[medium == m].mean(axis=0) for m in np.unique(medium)])
    errors: dict[str, Any] = {"donor": filter_error(x[swaps.donor], truth, 0)}
    errors["mean"] = filter_error(means[swaps.medium], truth, 0)
    row = {(m, s): r for r, (m, s) in enumerate(zip(medium, source, strict=True))}

    def untold_pairs(a: int, donor: int) -> tuple[list[int], list[int], list[int]]:
        """From which rows to which rows filters are fitted, and what they are then applied to."""
        rows = np.flatnonzero(medium == a).tolist()
        return rows, [donor] * len(rows), rows

    def told_pairs(a: int, donor: int) -> tuple[list[int], list[int], list[int]]:
        b = medium[donor]
        shared = np.intersect1d(source[medium == a], source[medium == b])
        return [row[b, i] for i in shared], [donor] * len(shared), [row[a, i] for i in shared]

    tries = {
        "filter": (untold_pairs, ((17, 1e-2), (65, 1e-2))),
        "filter_told": (told_pairs, ((65, 1e-5), (257, 1e-5), (257, 1e-2))),
    }
    for name, (ways, settings) in tries.items():
        tried = []
        for length, damping in settings[: 1 if fast else None]:
            answers = [_deconvolved(x, ways(a, d), length, damping) for a, d in np.transpose(swaps).tolist()]
            for kind, virtual in zip(("best fit", "mean"), map(np.stack, zip(*answers, strict=True)), strict=True):
                tried.append(_up_to_filters(swaps, virtual, truth) | {"length": length, "damping": damping, "kind": kind})
        errors[name] = min(tried, key=lambda t: t["swap_error"])
    return errors


def _deconvolved(
    x: np.ndarray, rows: tuple[list[int], list[int], list[int]], length: int, damping: float
) -> tuple[np.ndarray, np.ndarray]:
    """Of filters from given rows to wanted ones, applied to others: the answer of the one that fits best, and their mean."""
    given, wanted, shown = rows
    if not given:
        return np.zeros_like(x[0]), np.zeros_like(x[0])
    filters = [matching_filter(x[a], x[b], length, damping) for a, b in zip(given, wanted, strict=True)]
    misfits = [np.sum((filtered(x[a], f) - x[b]) ** 2) for a, b, f in zip(given, wanted, filters, strict=True)]
    answers = [filtered(x[row], f) for row, f in zip(shown, filters, strict=True)]
    return answers[int(np.argmin(misfits))], np.mean(answers, axis=0)


def _draw(work: Work, data: Dataset, made: Shots, swaps: Swaps, virtual: np.ndarray, truth: np.ndarray) -> None:
    """The swap of the median error for three media, and the error of every pair."""
    each = np.sum((virtual - truth) ** 2, axis=(1, 2)) / np.sum(truth.astype(float) ** 2, axis=(1, 2))
    source, shown = data.factors["source"], {}
    for m in np.unique(swaps.medium)[:3][::-1] if work.fast else (0, 3, 5):
        own = np.flatnonzero(swaps.medium == m)
        k = own[np.argsort(each[own])[len(own) // 2]]
        donor = swaps.donor[k]
        name = f"{made.names[m]}, source {source[donor]}\nfrom {made.names[data.states[donor]]}\nerror {each[k]:.3f}"
        row = {"donor": np.asarray(data.x[donor]), "true": truth[k], "virtual": virtual[k]}
        shown[name] = row | {"difference": virtual[k] - truth[k]}
    work.save(records(shown, 0.008), "seismic_redatuming")
    pairs = np.full((len(made.names), len(made.wavelets)), np.nan)
    for m, s in {(m, source[d]) for m, d in zip(*swaps, strict=True)}:
        pairs[m, s] = np.mean(each[(swaps.medium == m) & (source[swaps.donor] == s)])
    title = "virtual records of held-out pairs (white: recorded)"
    work.save(pair_errors(pairs, made.names, "source", title), "seismic_pairs")


# -- real recordings ------------------------------------------------------------------------------------------------------


def earthquakes(work: Work) -> None:
    """200 earthquakes at one station in ten regions of origin (`datasets.ipoc`): how well do codes predict distance, depth,
    azimuth and magnitude? Of recordings that the training did not see, in five folds.

    Writes `seismic_earthquakes.json` and `seismic_earthquakes.png`.

    Raises:
        InputError: if the files are not in the folder seismic/ipoc_pb01 of the one that UNENTANGLE_DATA names.
    """
    data = ipoc()
    angle = np.radians(data.factors["azimuth"])
    targets = {name: data.factors[name][:, None] for name in ("distance", "depth", "magnitude")}
    targets["azimuth"] = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    held_out = probe(work, data, targets, {"name": "ipoc", "rows": len(data), "regions": data.group_sizes.tolist()})
    places = {name: data.factors[name] for name in ("east", "north", "depth")}
    work.save(regions(places, data.group, held_out["r2"], held_out["chance_95"]), "seismic_earthquakes")


def gather(work: Work) -> None:
    """The marine gather in groups of six neighbouring shots (`datasets.mobil`): how well do codes predict the place along the
    line?

    A training sees only 48 neighbouring traces: expect little. Writes `seismic_gather.json` and `seismic_gather.png`.

    Raises:
        InputError: if seismic/mobil.npy is not in the folder that UNENTANGLE_DATA names.
    """
    data = mobil()
    targets = {"shot": data.factors["shot"][:, None].astype(float)}
    held_out = probe(work, data, targets, {"name": "mobil", "rows": len(data), "groups": data.group_sizes.tolist()})
    work.save(probes(held_out["r2"], held_out["chance_95"]), "seismic_gather")


Targets = Mapping[str, Float[np.ndarray, "n _"]]
Fold = tuple[np.ndarray, np.ndarray]  # the rows that are learned from, and those held out
Kinds = Mapping[str, np.ndarray]  # codes by kind


def probe(work: Work, data: Dataset, targets: Targets, about: dict[str, Any]) -> dict[str, Any]:
    """R^2 with which codes predict the targets of rows that are held out of the training, fold by fold; and their leakage.

    Each fold holds out a fifth of every group. Codes are those of single recordings, each a group of its own. A support vector
    machine learns from the codes of the training rows and predicts the others. Beside them stand as many principal components
    of the rows, and chance: the R^2 that 19 of 20 shuffles of the targets do not reach.
    """
    training = {"steps": 20 if work.fast else 1000}
    with warnings.catch_warnings():  # scikit-learn says that small groups are not in every fold
        warnings.simplefilter("ignore", UserWarning)
        folds = list(StratifiedKFold(5, shuffle=True, random_state=0).split(data.group, data.group))[: 1 if work.fast else 5]
    runs = [work.train(CONVOLUTIONAL, data.take(rows), number, **training) for number, (rows, _) in enumerate(folds)]
    codes = [_single(run[0], data, rows) for run, (rows, _) in zip(runs, folds, strict=True)]
    rng = np.random.default_rng(0)
    shuffles = [rng.permutation(len(data)) for _ in range(3 if work.fast else 20)]

    def chance(kind: str, y: np.ndarray) -> float:
        return float(np.quantile([_r2(folds, codes, kind, y[shuffled]) for shuffled in shuffles], 0.95))

    held_out = {
        "r2": {kind: {name: _r2(folds, codes, kind, y) for name, y in targets.items()} for kind in codes[0]},
        "chance_95": {kind: {name: chance(kind, y) for name, y in targets.items()} for kind in codes[0]},
        "group_read_from": {kind: _read(folds, codes, kind, data.group) for kind in codes[0]},
        "group_chance": 1 / len(data.group_names),
    }
    settings = {"data": about, "method": describe(CONVOLUTIONAL), **training, "folds": len(folds)}
    rows = [evaluate(run[0], run.data) | {"training_seconds": seconds(run)} for run in runs]
    work.write({"settings": settings, "held_out": held_out, "training_rows": summary(rows)})
    return held_out


def _single(model: Model, data: Dataset, learned: np.ndarray) -> Kinds:
    """The codes of every recording by itself, and as many principal components of the training rows."""
    codes = model.encode(Dataset(data.x, scaling=model.trained.scale))
    rows = model.trained.scale.standardise(np.asarray(data.x)).reshape(len(data), -1)
    both = np.concatenate([codes.coherent, codes.nuisance], axis=1)
    components = PCA(min(both.shape[1], len(learned)), random_state=0).fit(rows[learned]).transform(rows)
    kinds = {"coherent code": codes.coherent, "nuisance code": codes.nuisance, "both codes": both}
    return kinds | {"principal components": components}


def _predicted(folds: Sequence[Fold], codes: Sequence[Kinds], kind: str, y: np.ndarray, machine: Callable[[], Any]) -> Fold:
    """The predictions for the held-out rows of all folds, and the truth."""
    predicted = [
        make_pipeline(StandardScaler(), machine()).fit(c[kind][learned], y[learned]).predict(c[kind][out])
        for (learned, out), c in zip(folds, codes, strict=True)
    ]
    return np.concatenate(predicted), np.concatenate([y[out] for _, out in folds])


def _r2(folds: Sequence[Fold], codes: Sequence[Kinds], kind: str, y: Float[np.ndarray, "n d"]) -> float:
    """1 - squared error over variance, summed over the columns of y."""
    missed = spread = 0.0
    for column in ((y - y.mean(axis=0)) / y.std()).T:
        predicted, true = _predicted(folds, codes, kind, column, SVR)
        missed, spread = missed + np.sum((predicted - true) ** 2), spread + np.sum((true - true.mean()) ** 2)
    return float(1 - missed / spread)


def _read(folds: Sequence[Fold], codes: Sequence[Kinds], kind: str, group: np.ndarray) -> float:
    """Balanced accuracy with which the group of held-out rows is read."""
    predicted, true = _predicted(folds, codes, kind, group, lambda: SVC(class_weight="balanced"))
    with warnings.catch_warnings():  # scikit-learn says that a group of one row was never held out
        warnings.simplefilter("ignore", UserWarning)
        return float(balanced_accuracy_score(true, predicted))
