"""The SymAE paper's experiments, each as printed or with our recommended settings.

R. Sun, B. Geshkovski, L. Demanet, "Interpretable Style Swapping with a Symmetric Autoencoder". The paper prints no number for a
swap; the authors' code keeps one (0.0212 over six pairs, with n_x = 80 and n_tau = 15).
"""

from pathlib import Path
from time import monotonic

import numpy as np

from .. import plots
from ..data import mra, mra_states, orbit
from ..evaluate import evaluate, mra_baselines
from ..figures import mra_figures
from ..methods import SymAE
from ..metrics import roll_error
from ..model import describe
from ..storage import save, write_json
from ..train import train
from .record import provenance, write_result

RECIPES = ("figure_1", "swaps")


def figure_1(out: Path, *, fast: bool = False) -> None:
    """Figure 1, Remark 2: answers that differ by a common roll are equally right; one that rolls from shift to shift is not.

    The donor is the box, the state the cosine. Writes `figure_1.png` and the errors of the three answers before and after the
    best common roll.
    """
    start = monotonic()
    box, cosine = orbit(mra_states()[:2])
    answers = {"one answer": np.roll(cosine, 10, axis=1), "another answer": np.roll(cosine, 35, axis=1)}
    wrong = np.stack([np.roll(row, shift) for shift, row in enumerate(cosine)])  # undoes every shift
    shifts = [0, 20, 40, 60, 80]
    figure = plots.remark_2(np.stack([box[0], cosine[0]]), [a[shifts] for a in answers.values()], shifts, list(answers))
    save(figure, out / "figure_1.png")
    errors = {
        name: {"as_is": float(np.mean((a - cosine) ** 2)), "after_the_best_common_roll": float(roll_error(a, cosine))}
        for name, a in {**answers, "no shift at all": wrong}.items()
    }
    write_json(out / "symae_figure_1.json", {"errors": errors, "provenance": provenance(monotonic() - start)})


def swaps(out: Path, *, fast: bool = False) -> None:
    """SymAE with the recommended settings on multi-reference alignment (n_x = 18, n_tau = 30), seeds 0..4: how right are swaps?

    Each seed is a run of its own under `out`, so that a stopped recipe goes on. Writes `symae_swaps.json`, and the redatuming
    and code figures (2 and 4) of the seed whose swap error is the median.
    """
    method, data, states = SymAE(), mra(), mra_states()
    steps, seeds = (200, range(2)) if fast else (method.recommended.steps, range(5))
    values, models, start = [], [], monotonic()
    for seed in seeds:
        run = train(method, data, seeds=seed, steps=steps, out=out / f"seed-{seed}")
        models.append(run[0])
        values.append(evaluate(run[0], data, states) | {"training_seconds": run.history[0].seconds[-1]})
    settings = {
        "data": {"name": "mra", "n_x": 18, "n_tau": 30, "k": 100, "seed": 0},
        "method": describe(method),
        "steps": steps,
        "batch": method.recommended.batch,
        "lr": describe(method.recommended.lr),
        "seeds": list(seeds),
        "baselines": mra_baselines(states),
        "note": "swap_error_phi is beside the authors' code's only number, at n_x = 80, n_tau = 15, p = 2, q = 20",
    }
    measured = {name: [v[name] for v in values] for name in values[0]}
    median = int(np.argsort(measured["swap_error"])[len(values) // 2])
    for name, figure in mra_figures(models[median], data).items():
        save(figure, out / f"{name}.png")
    write_result(out / "symae_swaps.json", settings, measured, {"swap_error_phi": 0.0212}, monotonic() - start)
