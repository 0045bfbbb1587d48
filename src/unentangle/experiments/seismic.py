"""The SymAE paper's own example, made and measured, and real recordings.

R. Sun, B. Geshkovski, L. Demanet, "Interpretable Style Swapping with a Symmetric Autoencoder", eqs 1-2; redatuming by SymAE
is P. Bharadwaj, M. Li, L. Demanet, "Redatuming physical systems using symmetric autoencoders" (2022). Neither prints a number
for it.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from sklearn.decomposition import PCA
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from .. import plots
from ..data import Dataset
from ..datasets import Shots, ipoc, mobil, seismic, shots
from ..evaluate import evaluate
from ..methods import SymAE
from ..methods.description import describe
from ..metrics import filter_error, filtered, leakage, matching_filter
from ..model import Model, describe
from ..recipes.record import Work, begin, summary

RECIPES = ("redatuming", "earthquakes", "gather")

CONVOLUTIONAL = SymAE(decoder="convolution", blur=0.0, isometry=0.0, consistency=0.0, coincidence=0.0)
"""Recommended for recordings of unknown sources: the decoder is eq. 1. Without isometry, as a source moves recordings of one
medium further than those of another; without consistency, which costs a quarter of the time and did not help with weight 1;
without coincidence, which was not tried; without blur, because records oscillate about zero and have nothing coarse."""

FILTER = 33
"""Length in samples of the filter of each medium that a swap is compared up to: 0.26 s, less than half as long as a source."""


# -- simulated shots ------------------------------------------------------------------------------------------------------


class Swaps(NamedTuple):
    """Which pairs are held out: a medium, and the row that gives it a source it was not recorded with."""

    medium: Int[np.ndarray, " n"]
    donor: Int[np.ndarray, " n"]


def redatuming(out: Path, *, fast: bool = False) -> None:
    """Sources swapped between media, for all pairs that are not in the data, against the true records of these pairs.

    SymAE on the 8 media and 40 sources of `data.seismic`, without noise and with, seeds 0..4. Errors are energies over those of
    the true records, without noise: as they are, and after one filter for each medium, fitted by least squares to all its swaps
    (the seismic Remark 2). Then what else there is, without noise, seeds 0 and 1: the recommended decoder for signals in place
    of the convolution, and no dropout. Writes `seismic_redatuming.json`, `seismic_redatuming.png` and `seismic_pairs.png`.
    """
    work = begin(out, "seismic_redatuming", fast)
    size: dict[str, Any] = {"n_tau": 5, "n_1": 3, "n_2": 10, "samples": 128, "receivers": 8} if fast else {}
    made = shots(**{name: n for name, n in size.items() if name != "n_tau"})
    steps, seeds = (60, range(1)) if fast else (1500, range(5))
    cases: dict[str, tuple[float, SymAE, Sequence[int]]] = {
        "without noise": (0.0, CONVOLUTIONAL, seeds),
        "noise 0.3": (0.3, CONVOLUTIONAL, seeds),
        "without noise, recommended decoder": (0.0, replace(CONVOLUTIONAL, decoder="multiplicative"), seeds[:2]),
        "without noise, no dropout": (0.0, replace(CONVOLUTIONAL, rate=0.0), seeds[:2]),
    }
    settings = {
        "data": {"name": "seismic", "media": made.names, **size},
        "steps": steps,
        "batch": SymAE.recommended.batch,
        "lr": describe(SymAE.recommended.lr),
        "filter_samples": FILTER,
        "target": 0.15,
    }
    found: dict[str, Any] = {}
    for label, (noise, method, seeds) in list(cases.items())[: 1 if fast else None]:
        data = seismic(noise=noise, **size)
        swaps = held_out(data)
        truth = made.records(swaps.medium, data.factors["source"][swaps.donor])
        found[label] = {"method": describe(method), "noise": noise, "swaps": len(truth)}
        first = not any(about["noise"] == noise and "baselines" in about for about in found.values())
        if first:
            found[label]["baselines"] = baselines(data, swaps, truth, fast)
        values: list[dict[str, float]] = []
        for position, seed in enumerate(seeds):
            run = work.train(method, data, seed, steps=steps)
            virtual = redatumed(run[0], data, swaps)
            values.append(_measures(run[0], data, swaps, virtual, truth, made))
            values[-1] |= {"training_seconds": run.history[0].seconds[-1]}
            found[label]["measures"] = summary({name: [v[name] for v in values] for name in values[0]})
            found[label]["seeds"] = list(seeds)[: position + 1]
            work.write({"settings": settings, "cases": found})
            if label == "without noise" and seed == 0:
                _draw(work, data, made, swaps, virtual, truth)


def held_out(data: Dataset) -> Swaps:
    """Every medium under every row whose source it was not recorded with."""
    medium, source = data.states, data.factors["source"]
    pairs = [
        (state, row)
        for state in np.unique(medium)
        for row in np.flatnonzero((medium != state) & ~np.isin(source, source[medium == state]))
    ]
    return Swaps(*np.array(pairs).T)


def redatumed(model: Model, data: Dataset, swaps: Swaps) -> Float[np.ndarray, "n samples receivers"]:
    """Virtual records: the medium's coherent code with the donor's nuisance code."""
    codes = model.encode(data)
    return model.decode(codes._replace(nuisance=codes.nuisance[swaps.donor], group=swaps.medium))


def relative(x: np.ndarray, truth: np.ndarray) -> float:
    """The energy of the difference over that of the truth."""
    return float(np.sum((np.asarray(x, float) - truth) ** 2) / np.sum(np.asarray(truth, float) ** 2))


def _up_to_filters(swaps: Swaps, virtual: np.ndarray, truth: np.ndarray, length: int = FILTER) -> dict[str, float]:
    """The error of all swaps, and of the medium with the worst, before and after a filter for each medium."""
    media = [swaps.medium == m for m in np.unique(swaps.medium)]
    after = np.concatenate([_best_filtered(virtual[m], truth[m], length) for m in media])
    ordered = np.concatenate([truth[m] for m in media])
    return {
        "swap_error": relative(virtual, truth),
        "swap_error_filtered": relative(after, ordered),
        "worst_medium": max(filter_error(virtual[m], truth[m], 0) for m in media),
        "worst_medium_filtered": max(filter_error(virtual[m], truth[m], length) for m in media),
    }


def _best_filtered(x: np.ndarray, truth: np.ndarray, length: int) -> np.ndarray:
    return filtered(x, matching_filter(x, truth, length))


def _measures(
    model: Model, data: Dataset, swaps: Swaps, virtual: np.ndarray, truth: np.ndarray, made: Shots
) -> dict[str, float]:
    codes = model.encode(data)
    clean = made.records(data.states, data.factors["source"])
    leak = leakage(codes.nuisance, data.states)
    return _up_to_filters(swaps, virtual, truth) | {
        "reconstruction_error": relative(model.decode(codes), clean),
        "leakage": leak.accuracy,
        "leakage_chance": leak.chance,
    }


def baselines(data: Dataset, swaps: Swaps, truth: np.ndarray, fast: bool = False) -> dict[str, Any]:
    """What no learning gives, from the same rows, for every fourth swap.

    donor: the donor's record handed back. mean: the mean record of the medium. The others are deconvolution by a least-squares
    filter f over all receivers. `filter`, which like SymAE does not know which sources are the same: f takes a record of the
    medium to the donor's record as well as it can, and the record for which it can best is used. `filter_told`, which knows:
    of the records of a source i that the medium a and the donor's medium b share, f is that from (b, i) to the donor (b, j),
    and f * (a, i) the answer; of all such i the one whose f fits best, or the mean of all their answers. Length and damping,
    and which of the two, are those with the least error by the truth: chosen in favour of the baselines, as nobody could.
    """
    swaps, truth = Swaps(swaps.medium[::4], swaps.donor[::4]), truth[::4]
    x, medium, source = np.asarray(data.x, float), data.states, data.factors["source"]
    means = np.stack([x[medium == m].mean(axis=0) for m in np.unique(medium)])
    found: dict[str, Any] = {"donor": relative(x[swaps.donor], truth), "mean": relative(means[swaps.medium], truth)}
    row = {(m, s): r for r, (m, s) in enumerate(zip(medium, source, strict=True))}

    def untold(a: int, donor: int) -> tuple[list[int], list[int], list[int]]:
        """From which rows to which rows filters are fitted, and what they are then applied to."""
        rows = np.flatnonzero(medium == a).tolist()
        return rows, [donor] * len(rows), rows

    def told(a: int, donor: int) -> tuple[list[int], list[int], list[int]]:
        b = medium[donor]
        shared = np.intersect1d(source[medium == a], source[medium == b])
        return [row[b, i] for i in shared], [donor] * len(shared), [row[a, i] for i in shared]

    tries = {"filter": (untold, ((17, 1e-2), (65, 1e-2))), "filter_told": (told, ((65, 1e-5), (257, 1e-5), (257, 1e-2)))}
    for name, (ways, settings) in tries.items():
        tried = []
        for length, damping in settings[: 1 if fast else None]:
            answers = [_deconvolved(x, ways(a, d), length, damping) for a, d in np.transpose(swaps).tolist()]
            for kind, virtual in zip(("best fit", "mean"), map(np.stack, zip(*answers, strict=True)), strict=True):
                errors = _up_to_filters(swaps, virtual, truth)
                tried.append(errors | {"length": length, "damping": damping, "kind": kind})
        found[name] = min(tried, key=lambda t: t["swap_error"])
    return found


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
        shown[name] = {
            "donor": np.asarray(data.x[donor]),
            "true": truth[k],
            "virtual": virtual[k],
            "difference": virtual[k] - truth[k],
        }
    work.save(plots.records(shown, 0.008), "seismic_redatuming")
    pairs = np.full((len(made.names), len(made.wavelets)), np.nan)
    for m, s in {(m, source[d]) for m, d in zip(*swaps, strict=True)}:
        pairs[m, s] = np.mean(each[(swaps.medium == m) & (source[swaps.donor] == s)])
    work.save(
        plots.pair_errors(pairs, made.names, "source", "virtual records of held-out pairs (white: recorded)"), "seismic_pairs"
    )


# -- real recordings ------------------------------------------------------------------------------------------------------


def earthquakes(out: Path, *, fast: bool = False) -> None:
    """200 earthquakes at one station in ten regions of origin (`data.ipoc`): what do the codes know of distance, depth, azimuth
    and magnitude? Of recordings that the training did not see, in five folds.

    Writes `seismic_earthquakes.json` and `seismic_earthquakes.png`.

    Raises:
        InputError: if the files are not in the folder seismic/ipoc_pb01 of the one that UNENTANGLE_DATA names.
    """
    data = ipoc()
    angle = np.radians(data.factors["azimuth"])
    targets = {name: data.factors[name][:, None] for name in ("distance", "depth", "magnitude")}
    targets["azimuth"] = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    about = {"name": "ipoc", "rows": len(data), "regions": data.group_sizes.tolist()}
    work = begin(out, "seismic_earthquakes", fast)
    found = _known(work, data, targets, {"data": about}, 20 if fast else 1000)
    places = {name: data.factors[name] for name in ("east", "north", "depth")}
    work.save(plots.regions(places, data.group, found["r2"], found["chance_95"]), "seismic_earthquakes")


def gather(out: Path, *, fast: bool = False) -> None:
    """The marine gather in groups of six neighbouring shots (`data.mobil`): what do the codes know of the place along the line?

    Only 48 neighbouring traces are learned from at a time: expect little. Writes `seismic_gather.json` and
    `seismic_gather.png`.

    Raises:
        InputError: if seismic/mobil.npy is not in the folder that UNENTANGLE_DATA names.
    """
    data = mobil()
    about = {"name": "mobil", "rows": len(data), "groups": data.group_sizes.tolist()}
    work = begin(out, "seismic_gather", fast)
    targets = {"shot": data.factors["shot"][:, None].astype(float)}
    found = _known(work, data, targets, {"data": about}, 20 if fast else 1000)
    work.save(plots.known(found["r2"], found["chance_95"]), "seismic_gather")


Targets = Mapping[str, Float[np.ndarray, "n _"]]


def _known(work: Work, data: Dataset, targets: Targets, about: dict[str, Any], steps: int) -> dict[str, Any]:
    """Leakage, and the R^2 with which the codes tell the targets, of rows that are held out of the training, fold by fold.

    A fifth of every group is held out at a time. Codes are those of single recordings, each a group of its own; a support
    vector machine learns from the codes of the training rows what to expect of the others. Beside them, as many principal
    components of the rows, and chance: the R^2 that 19 of 20 shuffles of the targets stay below.
    """
    with warnings.catch_warnings():  # scikit-learn says that small groups are not in every fold
        warnings.simplefilter("ignore", UserWarning)
        folds = list(StratifiedKFold(5, shuffle=True, random_state=0).split(data.group, data.group))
    codes: list[dict[str, np.ndarray]] = []
    measured: list[dict[str, float]] = []
    for number, (learned, _) in enumerate(folds[: 1 if work.fast else 5]):
        run = work.train(CONVOLUTIONAL, data.take(learned), number, steps=steps)
        codes.append(_single(run[0], data, learned))
        measured.append(evaluate(run[0], run.data) | {"training_seconds": run.history[0].seconds[-1]})
    folds = folds[: len(codes)]
    r2 = {kind: {t: _r2(folds, codes, kind, y) for t, y in targets.items()} for kind in codes[0]}
    rng = np.random.default_rng(0)
    shuffles = [rng.permutation(len(data)) for _ in range(3 if work.fast else 20)]
    chance = {
        kind: {t: float(np.quantile([_r2(folds, codes, kind, y[s]) for s in shuffles], 0.95)) for t, y in targets.items()}
        for kind in codes[0]
    }
    content = {
        "settings": about | {"method": describe(CONVOLUTIONAL), "steps": steps, "folds": len(folds)},
        "held_out": {
            "r2": r2,
            "chance_95": chance,
            "group_read_from": {kind: _read(folds, codes, kind, data.group) for kind in codes[0]},
            "group_chance": 1 / len(data.group_names),
        },
        "training_rows": summary({name: [m[name] for m in measured] for name in measured[0]}),
    }
    work.write(content)
    return content["held_out"]


def _single(model: Model, data: Dataset, learned: np.ndarray) -> dict[str, np.ndarray]:
    """The codes of every recording by itself, and as many principal components of the training rows."""
    codes = model.encode(Dataset(data.x, scaling=model.trained.scale))
    rows = model.trained.scale.standardise(np.asarray(data.x)).reshape(len(data), -1)
    size = codes.coherent.shape[1] + codes.nuisance.shape[1]
    parts = PCA(min(size, len(learned)), random_state=0).fit(rows[learned]).transform(rows)
    both = np.concatenate([codes.coherent, codes.nuisance], axis=1)
    return {"coherent code": codes.coherent, "nuisance code": codes.nuisance, "both codes": both, "principal components": parts}


def _across(folds: Any, codes: Sequence[Mapping[str, np.ndarray]], kind: str, y: np.ndarray, machine: Callable[[], Any]):
    """What is predicted for the held-out rows of all folds, and the truth."""
    told = [
        make_pipeline(StandardScaler(), machine()).fit(c[kind][learned], y[learned]).predict(c[kind][out])
        for (learned, out), c in zip(folds, codes, strict=True)
    ]
    return np.concatenate(told), np.concatenate([y[out] for _, out in folds])


def _r2(folds: Any, codes: Sequence[Mapping[str, np.ndarray]], kind: str, y: Float[np.ndarray, "n d"]) -> float:
    """1 - squared error over variance, summed over the columns of y."""
    missed = spread = 0.0
    for column in ((y - y.mean(axis=0)) / y.std()).T:
        told, true = _across(folds, codes, kind, column, SVR)
        missed, spread = missed + np.sum((told - true) ** 2), spread + np.sum((true - true.mean()) ** 2)
    return float(1 - missed / spread)


def _read(folds: Any, codes: Sequence[Mapping[str, np.ndarray]], kind: str, group: np.ndarray) -> float:
    """Balanced accuracy with which the group of held-out rows is read."""
    told, true = _across(folds, codes, kind, group, lambda: SVC(class_weight="balanced"))
    with warnings.catch_warnings():  # scikit-learn says that a group of one row was never held out
        warnings.simplefilter("ignore", UserWarning)
        return float(balanced_accuracy_score(true, told))
