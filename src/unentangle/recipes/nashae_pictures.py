"""Figures 2 and 4."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
from jaxtyping import Float

from .. import plots
from ..methods import NashAE
from ..metrics import auroc
from ..model import Model
from .nashae import true_and_predicted
from .nashae_images import TABLE_2, TABLE_3, Experiment, Setting, _about, _captured, _percent, faces, sprites
from .record import Work, begin

# -- figures --------------------------------------------------------------------------------------------------------------


def figure_2_dsprites(out: Path, *, fast: bool = False) -> None:
    """Figure 2 on dSprites, where the paper does not show it: the first trials of Table 2's NashAE for every lam.

    Writes `figure_2_dsprites.png`, true against predicted latents, and `nashae_figure_2_dsprites.json` with the mean R^2, the
    live latents and the score of Table 2.
    """
    work, experiment = begin(out, "nashae_figure_2_dsprites", fast), sprites(fast=fast)
    scored = partial(_percent, data=experiment.data, fast=fast)
    _figure_2(work, experiment, TABLE_2, "figure_2_dsprites", scored)


def figure_2_celeba(out: Path, *, fast: bool = False) -> None:
    """Figure 2 on CelebA: the first trials of Table 3's NashAE for lam = 0, 0.1 and 0.2.

    Writes `figure_2_celeba.png`, true against predicted latents, and `nashae_figure_2_celeba.json` with the mean R^2, the live
    latents and the measures of Table 3. Printed are a mean R^2 of 0.52, 0.09 and 0.04, and 32, 28 and 22 live latents, of all
    202,599 images.
    """
    work, experiment = begin(out, "nashae_figure_2_celeba", fast), faces(fast=fast)
    settings = [setting for setting in TABLE_3 if setting.value <= 0.2]
    _figure_2(work, experiment, settings, "figure_2_celeba", partial(_captured, data=experiment.shown))


def _figure_2(
    work: Work,
    experiment: Experiment,
    settings: Sequence[Setting],
    picture: str,
    measured: Callable[[Model], dict[str, float]] = lambda model: {},
) -> None:
    """The networks of NashAE among these settings, by lam."""
    asked = sorted((s for s in settings if s.kind is NashAE and s.calm), key=lambda s: s.value)
    models = [experiment.first(work, setting) for setting in asked]
    networks = true_and_predicted(work, models, experiment.shown, picture, experiment.still)
    networks = [numbers | measured(model) for numbers, model in zip(networks, models, strict=True)]
    work.write({"settings": _about(experiment), "networks": networks})


def figure_4_dsprites(out: Path, *, fast: bool = False) -> None:
    """Figure 4 on dSprites, where factors take the place of attributes: greater than their median, or a heart.

    The orientation is left out, which is the same after a turn. Writes `figure_4_dsprites.png` and
    `nashae_figure_4_dsprites.json`.
    """
    work, experiment = begin(out, "nashae_figure_4_dsprites", fast), sprites(fast=fast)
    factors = experiment.shown.factors
    halves = {"large": "scale", "on the right": "x", "low": "y"}
    attributes = {name: factors[factor] > np.median(factors[factor]) for name, factor in halves.items()}
    attributes["a heart"] = factors["shape"] == 2
    _figure_4(work, experiment, TABLE_2, attributes, "figure_4_dsprites")


def figure_4_celeba(out: Path, *, fast: bool = False) -> None:
    """Figure 4: what the best detector of bangs, of blond hair and of men does to a face, for each method at its best.

    Writes `figure_4_celeba.png` and `nashae_figure_4_celeba.json`. The picture shows a face of CelebA, whose images may not be
    passed on: it stays in `out`, and does not belong in a repository or on a page.
    """
    work, experiment = begin(out, "nashae_figure_4_celeba", fast), faces(fast=fast)
    attributes = {name: experiment.shown.factors[name] for name in ("Bangs", "Blond_Hair", "Male")}
    _figure_4(work, experiment, TABLE_3, attributes, "figure_4_celeba")


def _figure_4(
    work: Work, experiment: Experiment, settings: Sequence[Setting], attributes: Mapping[str, np.ndarray], picture: str
) -> None:
    """Traversals of the first image that is shown, by the first trials of each method's best setting and of lam = 0."""
    shown, found, paths, names = experiment.shown, [], [], []
    asked = [s for s in settings if s.best or (s.kind is NashAE and s.value == 0)]
    models = {setting: experiment.first(work, setting) for setting in asked}
    for (name, attribute), (setting, model) in product(attributes.items(), models.items()):
        latent, area = best_detector(model.encode(shown), attribute)
        found.append({"attribute": name, "setting": setting.label, "latent": latent, "auroc": area})
        paths.append(model.traverse(shown, 0, [latent])[0])
        names.append(f"{name.replace('_', ' ')}\n{setting.label}\nlatent {latent}, AUROC {area:.2f}")
    title = f"The best detector of each attribute, from its least to its greatest value over {len(shown)} images"
    work.save(plots.traversals(np.stack(paths), names, title), picture)
    work.write({"settings": _about(experiment), "detectors": found})


def best_detector(codes: Float[np.ndarray, "rows m"], attribute: np.ndarray, dead: float = 0.2) -> tuple[int, float]:
    """The latent that detects an attribute, or its absence, best, and its exact AUROC; one that ranges over no more than `dead`
    detects nothing, as in Table 3.
    """
    area = auroc(codes, {"attribute": attribute})[:, 0]
    area = np.where(np.ptp(codes, axis=0) > dead, np.maximum(area, 1 - area), 0.5)
    return int(area.argmax()), float(area.max())
