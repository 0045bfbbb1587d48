"""Digits."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from ..datasets import mnist
from ..metrics import Strokes
from ..model import describe
from ..recipes.record import begin, resolved, summary
from ..recipes.symae import _steps
from ..recipes.symae_digits import DIGITS, _handwriting, _reader, style_and_content


def digits_weights(out: Path, *, fast: bool = False) -> None:
    """Which weights suit MNIST? Without the test images: SymAE learns from five of six groups of the training images, in 1,500
    steps of the recommended 5,000, and swaps among the others. Of those whose swaps are read as the intended digit in at
    least 95 of 100 cases, the one with the highest `score` is chosen. Writes `symae_digits_weights.json`.
    """
    work, data = begin(out, "symae_digits_weights", fast), mnist(limit=2000 if fast else None)
    cut, tried = data.group % 6 == 5, {}
    learned, judged = data.take(~cut), data.take(cut)
    reader, steps = _reader(learned, fast), 100 if fast else 1500
    weights: list[dict[str, float]] = [{"lam": lam, "consistency": c} for lam in (30.0, 10.0) for c in (5.0, 1.0)]
    for change in [*weights, *(weights[0] | {without: 0.0} for without in ("blur", "isometry"))]:
        method = replace(DIGITS, **change)
        found = style_and_content(work.train(method, learned, steps=steps)[0], judged, reader)
        tried[", ".join(f"{name} {value:g}" for name, value in change.items())] = (
            {"method": describe(method)} | found | {"score": _score(found)}
        )
        right = [label for label, one in tried.items() if one["read_swaps"] >= 0.95]
        chosen = max(right, key=lambda label: tried[label]["score"], default=None)
        about = {"learned": len(learned), "judged": len(judged), "seed": 0, **resolved(method, learned, steps=steps)}
        work.write({"settings": about, "tried": tried, "chosen": chosen})


def digits(out: Path, *, fast: bool = False) -> None:
    """Figures 3 and 15 on MNIST (section 3.2), with held-out writers, and what the paper leaves without a measure.

    SymAE learns from the training images and swaps among the test images, as many of both as make whole groups: is the digit
    kept, read by a classifier that never saw a swap, and does the style come along, by the strokes? Writes
    `symae_digits.json`, `figure_3.png` and `figure_15.png`.

    Raises:
        InputError: if the original files are not in the folder `mnist` of the one that UNENTANGLE_DATA names.
    """
    work = begin(out, "symae_digits", fast)
    data, held_out = mnist(limit=2000 if fast else None), mnist(split="test", limit=1000 if fast else None)
    reader = _reader(data, fast)
    about = {
        "data": {"name": "mnist", "training": len(data), "held_out": len(held_out), "n_tau": 20},
        "method": describe(DIGITS),
        **resolved(DIGITS, data, steps=_steps(DIGITS, fast)),
        "reader": repr(reader),
    }
    values: list[dict[str, float]] = []
    for seed in range(1 if fast else 3):
        run = work.train(DIGITS, data, seed, steps=_steps(DIGITS, fast))
        values.append(style_and_content(run[0], held_out, reader) | {"training_seconds": run.history[0].seconds[-1]})
        found = summary({measure: [v[measure] for v in values] for measure in values[0]})
        work.write({"settings": about | {"seeds": list(range(seed + 1))}, "measures": found})
        if seed == 0:
            _handwriting(work, run[0], held_out)


def _score(found: dict[str, float]) -> float:
    """The share of digits kept, times how much of the styles that reconstructions keep comes along in swaps."""
    kept = [found[f"{style}_swaps"] / found[f"{style}_reconstructions"] for style in Strokes._fields]
    return found["read_swaps"] * float(np.mean(kept))
