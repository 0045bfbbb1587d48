"""The SymAE paper's experiments on signals, each as printed and with our recommended settings.

R. Sun, B. Geshkovski, L. Demanet, "Interpretable Style Swapping with a Symmetric Autoencoder". The paper prints no number for a
swap. The authors' code keeps one: 0.0212 over six pairs, with n_x = 80 and n_tau = 15.

Each example runs as the paper prints it, as the authors' code has it where that differs, and with our training. Printed runs
see raw values in full batches for 3,000 epochs. All runs see every state equally often, as the code draws groups: Algorithm 1
draws states at random, and 98 of 100 of its data sets of six groups (Example 2) lack one. The states are those of eq. 7; the
triangle of the code is a sample wider. In the multiplicative decoder, dec1 sees only the coherent code and dec2 only the
nuisance code, as in the code; appendix A writes z for both. The decoders of Examples 3 and 5, which the paper does not
describe, are those of the code. Example 1 and all others have p = 5; section 3.1 has p = 2.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import numpy as np
from equinox.nn import Sequential
from jaxtyping import Float
from matplotlib.figure import Figure

from .. import nets, plots
from ..data import Dataset
from ..data.dataset import Scale
from ..datasets import mnist, mra, mra_states, orbit
from ..datasets.originals import local_folder
from ..errors import Diverged
from ..evaluate import evaluate
from ..figures import code_figure, redatuming
from ..methods import SymAE
from ..methods.description import describe
from ..methods.terms import recommended
from ..metrics import off_data, roll_error
from ..model import Model
from ..train import Run
from .record import Row, Variant, Work, compare, seconds, slug

DIGITS = SymAE(p=20, q=20, lam=30.0, lam_ramp=None, terms=recommended(coincidence=0.0))
"""Codes as large as the authors', no nuisance that comes twice, and the weight of the penalty that `digits_weights` chose."""

MEASURES = ("swap_error", "swap_error_phi", "reconstruction_error", "J", "J_relative", "leakage")


def figure_1(work: Work) -> None:
    """Figure 1, Remark 2: the box under the shift of the cosine. Nobody knows the real shift of a cosine. Answers that take it
    for 0 and for 25 are equally right; one that rolls from shift to shift is not.

    Writes `figure_1.png` and the errors of the three answers before and after the best common roll.
    """
    box, cosine = orbit(mra_states()[:2])
    answers = {"the cosine's shift taken for 0": box, "taken for 25": np.roll(box, -25, axis=1)}
    shifts = [0, 20, 40, 60, 80]
    figure = plots.remark_2(np.stack([cosine[0], box[0]]), [a[shifts] for a in answers.values()], shifts, list(answers))
    work.save(figure, "figure_1")
    unmoved = np.stack([np.roll(row, shift) for shift, row in enumerate(box)])
    errors = {
        name: {"as_is": float(np.mean((a - box) ** 2)), "after_the_best_common_roll": float(roll_error(a, box))}
        for name, a in {**answers, "the same box under every shift": unmoved}.items()
    }
    work.write({"errors": errors})


def example(
    method: SymAE, training: dict[str, Any] | None = None, size: tuple[int, int] = (18, 30), *, raw: bool = False
) -> Variant:
    """A method on n_x groups of n_tau instances; the net sees raw rows if `raw`."""
    return Variant(method, raw_rows(mra(*size)) if raw else mra(*size), training or {})


def raw_rows(data: Dataset, unit: float = 1.0) -> Dataset:
    """The same data, of which a net sees the values in this unit, not standardised."""
    return replace(data, scaling=Scale(0.0, unit))


def printed(number: int, size: tuple[int, int] | None = None, snapshots: Sequence[int] = (), **own: Any) -> Variant:
    """An example as printed, of so many groups and instances if the size differs, and with settings of its own."""
    method = SymAE.printed(number, **own)
    n_x, n_tau = size or np.broadcast_to(method.recommended.batch, 2).tolist()
    return example(method, {"batch": (n_x, n_tau), "snapshots": tuple(snapshots)}, (n_x, n_tau), raw=True)


def shortened(variant: Variant) -> Variant:
    """The same on 18 groups of six for 50 steps, of which the last one is the snapshot if there are any."""
    snapshots = (50,) if variant.training.get("snapshots") else ()
    data = replace(mra(18, 6), scaling=variant.data.scaling)
    return variant._replace(data=data, training={**variant.training, "steps": 50, "batch": (6, 6), "snapshots": snapshots})


AUTHORS: dict[str, Any] = {"architecture": "authors", "regulariser": "dropout"}


def example_1() -> dict[str, Variant]:
    """The multiplicative decoder and dropout."""
    return {"as printed": printed(1), "authors' code": printed(1, **AUTHORS), "recommended": example(SymAE())}


def figure_2(work: Work) -> None:
    """Example 1, redatuming with the multiplicative decoder and dropout: `symae_figure_2.json`, `figure_2_<variant>.png`."""
    examples(work, example_1(), {"figure_2": redatuming})


def figure_4(work: Work) -> None:
    """The codes of Example 1: `symae_figure_4.json`, `figure_4_<variant>.png`."""
    examples(work, example_1(), {"figure_4": code_figure})


def figure_5(work: Work) -> None:
    """Section 4.1: a spline through the nuisance codes of a group of state 5, in Example 1, decoded at the whole shifts
    between.

    Writes `figure_5_<variant>.png`, of the shifts that the training never saw. `symae_figure_5.json` has the mean squared error
    at the instances of the group, at those of the other groups of state 5, and at all other shifts.
    """
    examples(work, example_1(), {"figure_5": _spline_drawn}, _spline_measured)


class Spline(NamedTuple):
    """The (n, k) rows that a spline through the codes of a group passes, shift by shift, and which rows the training saw."""

    decoded: Float[np.ndarray, "n k"]
    truth: Float[np.ndarray, "n k"]
    seen: dict[str, np.ndarray]


def _spline(model: Model, data: Dataset) -> Spline:
    shift, fifth = data.factors["shift"].astype(int), data.states == 4
    members = np.flatnonzero(data.group == np.flatnonzero(data.group_states == 4)[0])
    members = members[np.argsort(shift[members])]
    own = shift[members]
    at = np.arange(own[0], own[-1] + 1)
    decoded = model.interpolate(data.take(members), own.astype(float), at.astype(float))
    seen = {"instances": np.isin(at, own), "other_groups": np.isin(at, shift[fifth]) & ~np.isin(at, own)}
    return Spline(decoded, orbit(mra_states())[4, at], seen | {"never_seen": ~np.isin(at, shift[fifth])})


def _spline_measured(model: Model, data: Dataset) -> dict[str, Any]:
    decoded, truth, seen = _spline(model, data)
    error = np.mean((decoded - truth) ** 2, axis=1)
    counts = {f"spline_shifts_{where}": int(there.sum()) for where, there in seen.items()}
    return {f"spline_error_{where}": error[there].mean() for where, there in seen.items()} | counts


def _spline_drawn(model: Model, data: Dataset) -> Figure:
    decoded, truth, seen = _spline(model, data)
    shown = seen["never_seen"]
    return plots.paths([{"decoded": decoded[shown], "the truth": truth[shown]}], "")


def figures_6_7(work: Work) -> None:
    """Example 2, six groups of 97, a penalty in place of dropout: `symae_figures_6_7.json`, `figure_6_*.png`, `figure_7_*.png`.

    The printed lambda of 10 goes with a squared error summed over the 97 x 100 samples of a group (eq. 5), so that it is 10 /
    9,700 of ours. The code averages the error and sums over its six groups a penalty half as large: there 10 is 30 of ours. Its
    folder with lambda = 10 has the concatenation decoder; the paper names none. Two differences remain: the penalty of the code
    sees the encoder at rest, with running statistics, and one of its notebooks has distances to the power of 1.8.
    """
    variants = {
        "as printed": printed(2),
        "authors' code": printed(2, lam=30.0, decoder="concatenation", **AUTHORS),
        "recommended": example(SymAE(), size=(6, 97)),
    }
    examples(work, variants, {"figure_6": redatuming, "figure_7": code_figure})


def figures_10_11(work: Work) -> None:
    """Example 3, the concatenation decoder: `symae_figures_10_11.json`, `figure_10_*.png`, `figure_11_*.png`."""
    variants = {
        "as printed": printed(3),
        "authors' code": printed(3, **AUTHORS),
        "our training": example(SymAE(decoder="concatenation")),
    }
    examples(work, variants, {"figure_10": redatuming, "figure_11": code_figure})


def figures_12_13(work: Work) -> None:
    """Example 4, additive noise in place of dropout, after 100, 500, 2000 and 4000 epochs, the redatuming after 3,000:
    `symae_figures_12_13.json`, `figure_12_*.png`, `figure_13_*.png`.

    As printed, all else is that of Example 1. The code's folder has the concatenation decoder and a deviation of 0.5, which the
    paper does not print; its snapshots have q = 5, its Figure 12 has q = 10. `nuisance_range` is that of the widest component
    of the codes. The paper says that their range grows from about 5 to about 100.
    """
    stages = (100, 500, 2000, 3000)
    variants = {
        "as printed": printed(4, snapshots=stages),
        "authors' code": printed(4, snapshots=stages, architecture="authors", decoder="concatenation"),
        "our training": example(SymAE(regulariser="gaussian-noise")),
    }
    examples(work, variants, {"figure_12": redatuming, "figure_13": code_figure})


def figure_14(work: Work) -> None:
    """Example 5, dense decoders: is it spectral bias? `symae_figure_14.json`, `figure_14_<variant>.png`.

    The JSON has the share of each frequency's power that reconstructions miss, `missing_by_frequency`; of the second variant
    also after 300 and 1,000 steps. The paper prints neither the decoder nor sizes, but compares with Example 1, whose sizes the
    first variant has. Layers are those of the code: six of 5,000 units on a GPU, else five of 1,000, as in one of its
    notebooks, there without activations. Sizes are read from the names of the code's folders. The fourth variant has no
    dropout.
    """
    layers, units = (5, 1000) if jax.default_backend() == "cpu" else (6, 5000)

    def dense(activation: Any, codes: int) -> Callable[[Any], Any]:
        return lambda key: Sequential(nets.mlp([codes, 100, *[units] * layers, 100], activation, nets.keys(key)))

    sizes: dict[str, Any] = {"size": (30, 20), "p": 2, "q": 6, **AUTHORS}
    variants = {
        f"as printed, {layers} x {units}": printed(5, decoder=dense(nets.ELU, 15)),
        f"ELU, {layers} x {units}": printed(5, snapshots=(300, 1000), decoder=dense(nets.ELU, 8), **sizes),
        f"linear, {layers} x {units}": printed(5, decoder=dense(nets.LINEAR, 8), **sizes),
        f"ELU, {layers} x {units}, without dropout": printed(5, rate=0.0, decoder=dense(nets.ELU, 8), **sizes),
        "our training, dense": example(SymAE(decoder="dense")),
    }
    results = examples(work, variants, {"figure_14": redatuming}, _missing)
    stages = {label: one["measures"] for label, one in results.items() if "measures" in one}
    stages |= {stage: measures for one in results.values() for stage, measures in one.get("snapshots", {}).items()}
    curves = {stage: np.array(measures["missing_by_frequency"][1:26]) for stage, measures in stages.items()}
    figure = plots.lines(np.arange(1, 26), curves, "frequency", "share of its power missing", "what decoders miss")
    work.save(figure, "figure_14_spectrum")


def _missing(model: Model, data: Dataset) -> dict[str, Any]:
    """The share of the power of each frequency that reconstructions miss."""
    real, error = (np.abs(np.fft.rfft(x)) ** 2 for x in (data.x, model.reconstruct(data) - data.x))
    return {"missing_by_frequency": (error.sum(axis=0) / np.maximum(real.sum(axis=0), 1e-12)).tolist()}


def examples(
    work: Work,
    variants: dict[str, Variant],
    pictures: dict[str, Callable[[Model, Dataset], Figure]],
    also: Callable[[Model, Dataset], dict[str, Any]] = lambda model, data: {},
) -> dict[str, Any]:
    """Train, measure and draw every variant and its snapshots; write the JSON after each. A variant that the same code has
    written there, with its pictures beside it, is not done again.
    """
    if work.fast:
        variants = {label: shortened(variant) for label, variant in variants.items()}

    def about(label: str) -> Row:
        method, data, *_ = variants[label]
        size = {"n_x": len(data.group_names), "n_tau": len(data) // len(data.group_names)}
        named = size | {"name": "mra", "k": 100, "draw": "exhaustive", "seed": 0}
        return {"data": named, "method": describe(method), "training": variants[label].resolved}

    def stages(label: str) -> dict[str, int | None]:
        """The step of each snapshot, by its name; the last one is the end."""
        return {f"{label}, step {step}": step for step in variants[label].training.get("snapshots", ())} | {label: None}

    def measure(label: str, run: Run) -> Row:
        measures = {}
        for stage, step in stages(label).items():
            model = run[0] if step is None else run.snapshots[0][step]
            spread = {"nuisance_range": float(np.ptp(model.encode(run.data).nuisance, axis=0).max())}
            measures[stage] = swap_measures(model, run.data) | spread | also(model, run.data)
            for picture, draw in pictures.items():
                figure = draw(model, run.data)
                figure.suptitle(f"{stage}\n{figure.get_suptitle()}".strip(), fontsize=11)
                work.save(figure, f"{picture}_{slug(stage)}")
        return about(label) | {"measures": measures.pop(label) | {"seconds": seconds(run)}, "snapshots": measures}

    def diverged(label: str, error: Diverged) -> Row:
        return about(label) | {"diverged": str(error)}

    def done(label: str, row: Row) -> bool:
        names = [work.called(f"{picture}_{slug(stage)}") for picture in pictures for stage in stages(label)]
        return "diverged" in row or all((work.out / f"{name}.png").exists() for name in names)

    before = work.saved.get("variants", {})
    saved = {label: [before[label]] for label in variants if label in before and done(label, before[label])}
    rows = compare(work, variants, measure, lambda rows: {"variants": only(rows)}, saved, diverged)
    return only(rows)


def only(rows: dict[str, list[Row]]) -> dict[str, Row]:
    """The row of each variant that has one seed."""
    return {label: row for label, (row,) in rows.items()}


def swap_measures(model: Model, data: Dataset) -> dict[str, float]:
    """The `MEASURES` of a model on the states of eq. 7."""
    measures = evaluate(model, data)
    return {name: measures[name] for name in MEASURES}


def steps_of(method: SymAE, fast: bool) -> int:
    """The recommended steps, or 100."""
    return 100 if fast else method.recommended.steps


def interpolation(work: Work) -> None:
    """From one instance to another of the same state: do decoded paths stay on data? On signals and, where MNIST is, on digits.

    A path runs from one nuisance code to another: straight, as the spline through two codes does; as a geodesic of the
    decoder's metric; or as a geodesic near the codes of half of the state's other instances. `off_data` is the distance of its
    points from the other half. Beside it stand the fade from one instance to the other, real rows, and their reconstructions.
    Writes `symae_interpolation.json` and a picture for each case.
    """
    model = work.train(SymAE(), mra(), steps=steps_of(SymAE(), work.fast))[0]
    shifts = orbit(mra_states()).astype(np.float32)
    cases = {
        f"mra_{gap}_samples_apart": (model, [(every[[0, gap]], np.delete(every, [0, gap], axis=0)) for every in shifts])
        for gap in (3, 10, 30)
    }
    if os.environ.get("UNENTANGLE_DATA") and local_folder("mnist").is_dir():
        model = work.train(DIGITS, mnist(limit=2000 if work.fast else None), steps=steps_of(DIGITS, work.fast))[0]
        held_out = mnist(split="test", limit=1000 if work.fast else None)
        images = [np.asarray(held_out.x[held_out.states == d], np.float32) for d in range(10)]
        cases["mnist_held_out"] = (model, [(every[:2], every[2:]) for every in images])
    methods = {"mra": describe(SymAE()), "mnist": describe(DIGITS)}
    distances: dict[str, Any] = {}
    for case, (model, pairs) in cases.items():
        paths = [_paths(model, ends, others[::2]) for ends, others in pairs]
        off = [
            {name: off_data(rows, others[1::2]).mean() for name, rows in path.items()}
            for path, (_, others) in zip(paths, pairs, strict=True)
        ]
        distances[case] = {name: float(np.mean([o[name] for o in off])) for name in off[0]}
        shown = [{name: rows for name, rows in path.items() if name not in ("real", "reconstructed")} for path in paths]
        work.save(plots.paths(shown, f"decoded paths: {case.replace('_', ' ')}"), f"interpolation_{case}")
        work.write({"settings": {"points": 7, "seed": 0, "methods": methods}, "off_data": distances})


def _paths(
    model: Model, ends: Float[np.ndarray, "2 ..."], rows: Float[np.ndarray, "n ..."]
) -> dict[str, Float[np.ndarray, "points ..."]]:
    """Seven rows between one end and the other, by each kind of path, under the coherent code of the two ends."""
    t = np.linspace(0, 1, 9)[1:-1]
    weight = t.reshape(-1, *[1] * (ends.ndim - 1))
    near: dict[str, Any] = {"path": "geodesic", "among": rows}
    return {
        "real": rows,
        "reconstructed": model.reconstruct(rows),
        "faded": (1 - weight) * ends[0] + weight * ends[1],
        "straight": model.interpolate(ends, [0, 1], t),
        "geodesic": model.interpolate(ends, [0, 1], t, path="geodesic"),
        "geodesic_near_codes": model.interpolate(ends, [0, 1], t, **near),
    }
