"""Section 4.1."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from .. import plots
from ..datasets import mnist, mra, mra_states, orbit
from ..datasets.originals import local_folder
from ..methods import SymAE
from ..metrics import off_data
from ..model import Model, describe
from .record import begin
from .symae import _steps
from .symae_digits import DIGITS


def interpolation(out: Path, *, fast: bool = False) -> None:
    """From one instance to another of the same state: do decoded paths stay on data? On signals and, where MNIST is, on digits.

    A path runs from one nuisance code to another straight, as the spline through two codes does; as a geodesic of the decoder's
    metric; or as one that keeps near the codes of half of the state's other instances. `off_data` says how far its points are
    from the other half, beside fading one instance out and the other in, and beside real rows and their reconstructions.
    Writes `symae_interpolation.json` and a picture for each case.
    """
    work = begin(out, "symae_interpolation", fast)
    model = work.train(SymAE(), mra(), steps=_steps(SymAE(), fast))[0]
    shifts = orbit(mra_states()).astype(np.float32)
    cases = {
        f"mra_{gap}_samples_apart": (model, [(every[[0, gap]], np.delete(every, [0, gap], axis=0)) for every in shifts])
        for gap in (3, 10, 30)
    }
    if os.environ.get("UNENTANGLE_DATA") and local_folder("mnist").is_dir():
        model = work.train(DIGITS, mnist(limit=2000 if fast else None), steps=_steps(DIGITS, fast))[0]
        held_out = mnist(split="test", limit=1000 if fast else None)
        images = [np.asarray(held_out.x[held_out.states == d], np.float32) for d in range(10)]
        cases["mnist_held_out"] = (model, [(every[:2], every[2:]) for every in images])
    found: dict[str, Any] = {}
    for case, (model, pairs) in cases.items():
        paths = [_paths(model, ends, others[::2]) for ends, others in pairs]
        off = [
            {name: off_data(rows, others[1::2]).mean() for name, rows in path.items()}
            for path, (_, others) in zip(paths, pairs, strict=True)
        ]
        found[case] = {name: float(np.mean([o[name] for o in off])) for name in off[0]}
        shown = [{name: rows for name, rows in path.items() if name not in ("real", "reconstructed")} for path in paths]
        work.save(plots.paths(shown, f"decoded paths: {case.replace('_', ' ')}"), f"interpolation_{case}")
        methods = {"mra": describe(SymAE()), "mnist": describe(DIGITS)}
        work.write({"settings": {"points": 7, "seed": 0, "methods": methods}, "off_data": found})


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
