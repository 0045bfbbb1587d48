"""NashAE beyond what its paper prints: more seeds, another score, and the latents that are learned on dSprites."""

from typing import Any

import numpy as np

from ..data import Dataset
from ..datasets import beamsynthesis
from ..methods import NashAE
from ..methods.description import describe
from ..metrics import beta_vae_score
from ..model import Model
from ..recipes.nashae import FIGURE_3, TABLE_1, by_setting, count_latents
from ..recipes.nashae_images import TABLE_2, counts, sprites, table
from ..recipes.record import Work, interval
from ..storage import write
from ..study import study


def seeds_64(work: Work) -> None:
    """The two rows of Table 1 with NashAE's game, for seeds 0..63: writes `nashae_seeds_64.json` and `.md`."""
    settings = [row for row in TABLE_1 if row[0] is NashAE and row[2] > 0]
    count_latents(work, settings, 64)


def beta_vae_scores(work: Work) -> None:
    """The beta-VAE score on Beamsynthesis (frequency against duty cycle, 20 pairs a point), m = 4, 8 seeds per method.

    Writes `nashae_beta_vae_scores.json`.
    """
    data, seeds = beamsynthesis(), 2 if work.fast else 8
    methods = list(FIGURE_3.values())
    rows = study(methods, data, seeds=range(seeds), steps=50 if work.fast else 1000, measure=_score, out=work.folder)
    scores = [[row["beta_vae_score"] for row in own] for own in by_setting(rows, seeds)]
    results = [
        describe(method) | {"values": values, "mean": float(np.mean(values)), "interval_95": interval(values)}
        for method, values in zip(methods, scores, strict=True)
    ]
    work.write({"methods": results})


def _score(model: Model, data: Dataset) -> dict[str, float]:
    return {"beta_vae_score": beta_vae_score(model.encode(data), data.factors, pairs=20, train=10_000, test=1_000)}


def learned_latents(work: Work) -> None:
    """How many latents the methods of Table 2 learn on dSprites, which has five factors, at their best settings, by trial.

    The paper's own table is in a supplement that we have not seen. Writes `nashae_learned_latents.json` and `.md`.
    """
    experiment = sprites(fast=work.fast)
    content = table(work, experiment, [s for s in TABLE_2 if s.best], lambda model: counts(model, experiment))
    write(work.out / f"{work.called(work.name)}.md", page(content))


def page(content: dict[str, Any]) -> str:
    """The table of learned latents for people."""

    def shown(measure: dict[str, Any]) -> str:
        return f"{measure['mean']:.3g} ({', '.join(f'{value:g}' for value in measure['values'])})"

    rules = {"learned": "learned, by the rule of its paper", "used": "used, by one rule for all"}
    lines = [f"| method | {' | '.join(rules.values())} |", "|---|---|---|"]
    lines += [f"| {row['setting']} | {' | '.join(shown(row['measures'][rule]) for rule in rules)} |" for row in content["rows"]]
    about, rows = content["settings"], "\n".join(lines)
    return f"""Latents of 10, on data with five factors: mean over trials, and every trial. A latent is used if the decoded \
images change by more than 1 % of their variance when it is fixed at its mean.

{rows}

{about["data"]}, {about["steps"]} steps.
"""
