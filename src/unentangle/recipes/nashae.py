"""The NashAE paper's experiments on Beamsynthesis.

E. Yeats, F. Liu, D. Womble, H. Li, "NashAE: Disentangling Representations through Adversarial Covariance Minimization", 2022.
Settings are those of the authors' code: 1,000 steps, batches of 100 rows drawn with replacement. Two differences do not matter.
Rows are standardised by the data's own mean and deviation (theirs, 0.318 and 0.4168, are a little off). Every seed draws its
own batches (theirs share one order).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import plots
from ..data import Dataset
from ..datasets import beamsynthesis
from ..methods import BetaTCVAE, BetaVAE, FactorVAE, NashAE
from ..methods.description import describe
from ..methods.protocol import Method
from ..metrics import squared_correlation, used_latents
from ..model import Model
from ..storage import write
from ..study import Row, study
from .record import Work, interval, two_sample

SIZES = (4, 8, 16, 32)
FACTORS = 2
TABLE_1: tuple[tuple[type, str, float, tuple[float, ...]], ...] = (
    (NashAE, "lam", 0.0, (1.375, 5.75, 13.125, 28.75)),
    (NashAE, "lam", 0.2, (0, 0, 0.25, 1)),
    (NashAE, "lam", 0.3, (0, 0, 0.375, 0.5)),
    (BetaVAE, "beta", 1.0, (2, 6, 14, 28.875)),
    (BetaVAE, "beta", 50.0, (1.375, 2, 2.5, 3.5)),
    (BetaVAE, "beta", 100.0, (0, 1, 1.25, 3.125)),
    (BetaVAE, "beta", 125.0, (1.375, 1.5, 1.875, 3.25)),
    (BetaTCVAE, "beta", 1.0, (1.875, 5.25, 9.625, 18.625)),
    (BetaTCVAE, "beta", 50.0, (0.75, 1.25, 1, 0.5)),
    (BetaTCVAE, "beta", 75.0, (0.375, 0.5, 1, 0.875)),
    (BetaTCVAE, "beta", 100.0, (0.75, 0.625, 1.125, 0.625)),
    (FactorVAE, "gamma", 50.0, (0.5, 1.25, 0.875, 0.625)),
    (FactorVAE, "gamma", 75.0, (0.5, 1, 1.25, 0.5)),
    (FactorVAE, "gamma", 100.0, (0.25, 0.75, 1, 0.75)),
    (FactorVAE, "gamma", 125.0, (0.875, 0.75, 0.625, 0.75)),
)


def counts(model: Model, data: Dataset) -> dict[str, float]:
    """Latents learned by the rule of the method's paper, on 100 random rows as there, and used, by one rule for all."""
    rows = np.random.default_rng(0).permutation(len(data))[:100]
    codes = model.encode(data)
    return {
        "learned": learned(model, data.take(rows)),
        "used": used_latents(model.decode, codes),
        "reconstruction_relative": float(np.mean((model.decode(codes) - data.x) ** 2) / np.square(data.scale.std)),
    }


def learned(model: Model, data: Dataset) -> int:
    """Latents learned by the rule of the method's paper."""
    (part,) = model.parts
    assert part.learned
    return part.learned(model.encode(data), model.variances(data))


def table_1(work: Work) -> None:
    """Table 1: how far is the number of learned latents from the 2 factors, for 15 settings, 4 sizes of code and 8 seeds?

    Every finished training stays under `out`, so that a stopped recipe goes on if its code is the same. Writes
    `nashae_table_1.json` and, to read, `nashae_table_1.md`. `fast` trains 2 seeds and 50 steps at m = 4.
    """
    settings = [row for row in TABLE_1 if row[2] in (0.2, 100.0)] if work.fast else TABLE_1
    count_latents(work, settings, 8)


def count_latents(work: Work, settings: Sequence[Any], seeds: int) -> None:
    """Train settings of Table 1 with so many seeds; write the JSON and the page."""
    data, sizes = beamsynthesis(), SIZES[: 1 if work.fast else None]
    seeds, steps = (2, 50) if work.fast else (seeds, 1000)
    cells = [(row, i, m) for row in settings for i, m in enumerate(sizes)]
    methods: list[Method] = [kind(m=m, **{number: value}) for (kind, number, value, _), _, m in cells]
    table = study(methods, data, seeds=range(seeds), steps=steps, batch=100, measure=counts, out=work.folder)
    results = [
        {"method": kind.__name__, "number": number, "value": value, "m": m, **_cell(rows, float(printed[i]))}
        for ((kind, number, value, printed), i, m), rows in zip(cells, by_setting(table, seeds), strict=True)
    ]
    content = {
        "settings": {
            "data": "beamsynthesis()",
            "steps": steps,
            "batch": 100,
            "seeds": list(range(seeds)),
            "rules": {
                "learned": "the paper's, on 100 random rows: NashAE range > 0.2; BetaVAE mean variance <= 0.8; BetaTCVAE and "
                "FactorVAE range of the mean >= 2",
                "used": "a latent fixed at its mean changes the decoded rows by more than 1 % of their variance",
            },
            "methods": {kind.__name__: describe(kind()) for kind in dict.fromkeys(row[0] for row in settings)},
        },
        "cells": results,
        "baselines_missed": [
            f"{c['method']} {c['value']:g} m={c['m']}" for c in results if c["method"] != "NashAE" and not c["covered"]
        ],
    }
    write(work.out / f"{work.called(work.name)}.md", page(work.write(content)))


def by_setting(table: Sequence[Row], seeds: int) -> list[Sequence[Row]]:
    """The rows of each setting of a study with so many seeds."""
    return [table[first : first + seeds] for first in range(0, len(table), seeds)]


def _cell(rows: Sequence[Row], printed: float) -> dict[str, Any]:
    """One cell of Table 1: counts, their differences from the factors, the paper's value, and whether ours covers it."""
    learned, trained = [r.get("learned") for r in rows], [r for r in rows if not r["diverged"]]
    if len(trained) < 2:
        return {"learned": learned, "printed": printed, "diverged": len(rows) - len(trained), "covered": False}
    signed, used = (np.array([r[name] for r in trained]) - FACTORS for name in ("learned", "used"))
    away = np.abs(signed)
    return {
        "learned": learned,
        "used": [r.get("used") for r in rows],
        "signed": float(np.mean(signed)),
        "mean": float(np.mean(away)),
        "interval_95": interval(away),
        "used_signed": float(np.mean(used)),
        "used_mean": float(np.mean(np.abs(used))),
        "printed": printed,
        "covered": bool(abs(np.mean(away) - printed) <= two_sample(away)),
        "diverged": len(rows) - len(trained),
        **{name: float(np.mean([r[name] for r in trained])) for name in ("reconstruction_relative", "seconds")},
    }


NAMES = {"lam": "λ", "beta": "β", "gamma": "γ"}


def page(content: dict[str, Any]) -> str:
    """The table for people: ours, the paper's, and on which side of 2 ours is."""

    def shown(cell: dict[str, Any]) -> str:
        if "mean" not in cell:
            return f"diverged ({cell['printed']:g}) *"
        sides = f"{cell['signed']:+.3g}, used {cell['used_signed']:+.3g}"
        return f"{cell['mean']:.3g} ({cell['printed']:g}) {sides}{'' if cell['covered'] else ' *'}"

    seeds, steps, provenance = len(content["settings"]["seeds"]), content["settings"]["steps"], content["provenance"]
    table = "\n".join(markdown(content, shown))
    return f"""Mean absolute difference between learned latents and the 2 factors; in brackets the paper's; behind it the mean \
signed difference, by the rule of the method's paper and by one rule for all (used).

{table}

\\* the two-sample 95 % interval (our spread for both) does not cover the paper's value.
{seeds} seeds, {steps} steps; {provenance["seconds"] / 60:.0f} minutes on {provenance["device"]["cores"]} cores.
"""


def markdown(content: dict[str, Any], shown: Callable[[dict[str, Any]], str]) -> list[str]:
    """A Markdown table of the cells: one row per setting, one column per m."""
    cells = content["cells"]
    sizes = sorted({c["m"] for c in cells})
    lines = ["| method | " + " | ".join(f"m = {m}" for m in sizes) + " |", "|---|" + "---|" * len(sizes)]
    for kind, number, value in dict.fromkeys((c["method"], c["number"], c["value"]) for c in cells):
        row = sorted((c for c in cells if (c["method"], c["value"]) == (kind, value)), key=lambda c: c["m"])
        lines.append(f"| {kind} {NAMES[number]} = {value:g} | " + " | ".join(map(shown, row)) + " |")
    return lines


def readme(content: dict[str, Any]) -> str:
    """The table as the README shows it: ours, and the paper's in brackets."""
    return "\n".join(markdown(content, lambda c: f"{c.get('mean', float('nan')):.3g} ({c['printed']:g})"))


def figure_2(work: Work) -> None:
    """Figure 2 on Beamsynthesis, m = 32: true and predicted latents for lam = 0, 0.1 and 0.2, R^2, and how many are live.

    Writes `figure_2.png` and `nashae_figure_2.json`.
    """
    data, steps = beamsynthesis(), 50 if work.fast else 1000
    models = [work.train(NashAE(m=32, lam=lam), data, steps=steps)[0] for lam in (0.0, 0.1, 0.2)]
    work.write({"networks": true_and_predicted(work, models, data, "figure_2")})


def true_and_predicted(
    work: Work, models: Sequence[Model], data: Dataset, picture: str, still: float = 0.0
) -> list[dict[str, float]]:
    """Draw every latent of networks of NashAE against its prediction; return the lam and the `predictors` of each network."""
    networks, panels = [], []
    for model in models:
        codes, predicted, numbers = predictors(model, data, still)
        networks.append({"lam": describe(model.method)["lam"]} | numbers)
        title = "λ = {lam:g}: {live} of {m} live\nmean R² {r2:.2f}, of the live {r2_live:.2f}"
        panels.append((title.format(m=codes.shape[1], **networks[-1]), codes, predicted))
    work.save(plots.predictions(panels), picture)
    return networks


def predictors(model: Model, data: Dataset, still: float = 0.0) -> tuple[np.ndarray, np.ndarray, dict[str, float]]:
    """The latents of a NashAE and their predictions, (rows, m) each. In numbers: how many latents are live, the mean R^2 of
    all, in which a standard deviation of no more than `still` counts 0, and that of the live ones.
    """
    codes, predicted = model.encode(data), model.predictions(data)
    assert predicted is not None
    r2 = squared_correlation(codes * (codes.std(axis=0) > still), predicted).mean
    r2_live = squared_correlation(codes, predicted, dead=0.2).live
    return codes, predicted, {"live": learned(model, data), "r2": r2, "r2_live": r2_live}


def figure_3(work: Work) -> None:
    """Figure 3: the whole latent space of a plain autoencoder, NashAE, a VAE and beta-VAE at m = 4, seed 0.

    Writes `figure_3.png`, and `nashae_figure_3.json` with how many latents each learned.
    """
    data = beamsynthesis()
    models = {name: work.train(method, data, steps=50 if work.fast else 1000)[0] for name, method in FIGURE_3.items()}
    codes = {name: model.encode(data) for name, model in models.items()}
    figure = plots.latent_spaces(codes, data.factors["duty"], "duty cycle", data.factors["frequency"], "frequency")
    work.save(figure, "figure_3")
    work.write({"learned": {name: learned(model, data) for name, model in models.items()}, "seed": 0})


FIGURE_3 = {
    "NashAE λ = 0 (AE)": NashAE(m=4, lam=0.0),
    "NashAE λ = 0.2": NashAE(m=4, lam=0.2),
    "β-VAE β = 1 (VAE)": BetaVAE(m=4, beta=1.0),
    "β-VAE β = 100": BetaVAE(m=4, beta=100.0),
}
