"""NashAE beyond its tables."""

from pathlib import Path
from typing import Any

import numpy as np

from ..data import Dataset
from ..datasets import beamsynthesis
from ..methods import BetaVAE, NashAE
from ..metrics import beta_vae_score
from ..model import Model, describe
from ..recipes.nashae import SIZES, TABLE_1, _count
from ..recipes.nashae_images import TABLE_2, _counts, _table, sprites
from ..recipes.record import begin, interval
from ..storage import write
from ..study import study


def seeds_64(out: Path, *, fast: bool = False) -> None:
    """The two rows of Table 1 with NashAE's game, for seeds 0..63: writes `nashae_seeds_64.json` and `.md`."""
    settings = [row for row in TABLE_1 if row[0] is NashAE and row[2] > 0]
    work = begin(out, "nashae_seeds_64", fast)
    _count(work, settings, (4,) if fast else SIZES, range(2 if fast else 64), 50 if fast else 1000)


def beta_vae_scores(out: Path, *, fast: bool = False) -> None:
    """The beta-VAE score on Beamsynthesis (frequency against duty cycle, 20 pairs a point), m = 4, 8 seeds per method.

    The paper prints none for these data. Writes `nashae_beta_vae_scores.json`.
    """
    work, data = begin(out, "nashae_beta_vae_scores", fast), beamsynthesis()
    methods = [NashAE(m=4, lam=0.0), NashAE(m=4, lam=0.2), BetaVAE(m=4, beta=1.0), BetaVAE(m=4, beta=100.0)]
    seeds = range(2 if fast else 8)
    table = study(methods, data, seeds=seeds, steps=50 if fast else 1000, measure=_score, out=work.folder)
    found = []
    for position, method in enumerate(methods):
        values = [row["beta_vae_score"] for row in table[position * len(seeds) : (position + 1) * len(seeds)]]
        found.append(describe(method) | {"values": values, "mean": float(np.mean(values)), "interval_95": interval(values)})
    work.write({"methods": found})


def _score(model: Model, data: Dataset) -> dict[str, float]:
    return {"beta_vae_score": beta_vae_score(model.encode(data), data.factors, pairs=20, train=10_000, test=1_000)}


def learned_latents(out: Path, *, fast: bool = False) -> None:
    """How many latents the methods of Table 2 learn on dSprites, which has five factors, at their best settings, by trial.

    The paper's own table is in a supplement that we have not seen. Writes `nashae_learned_latents.json` and `.md`.
    """
    work, experiment = begin(out, "nashae_learned_latents", fast), sprites(fast=fast)
    content = _table(work, experiment, [s for s in TABLE_2 if s.best], lambda model: _counts(model, experiment))
    write(work.out / f"{work.called(work.name)}.md", _page(content))


def _page(content: dict[str, Any]) -> str:
    """The table of learned latents for people."""

    def shown(measure: dict[str, Any]) -> str:
        return f"{measure['mean']:.3g} ({', '.join(f'{value:g}' for value in measure['values'])})"

    rules = {"learned": "learned, by the rule of its paper", "used": "used, by one rule for all"}
    lines = [f"| method | {' | '.join(rules.values())} |", "|---|---|---|"]
    lines += [f"| {row['setting']} | {' | '.join(shown(row['measures'][rule]) for rule in rules)} |" for row in content["rows"]]
    about = content["settings"]
    return "\n".join(
        [
            "Latents of 10, on data with five factors: mean over trials, and every trial. A latent is used if the decoded "
            "images change by more than 1 % of their variance when it is fixed at its mean.",
            "",
            *lines,
            "",
            f"{about['data']}, {about['steps']} steps.",
            "",
        ]
    )
