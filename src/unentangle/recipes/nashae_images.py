"""The NashAE paper's experiments on images: Table 2 (dSprites), Table 3 and Figures 2 and 4 (CelebA).

Settings are those of the authors' code. Where the published data are not there, the part of them that is there is used, and the
JSON says which. Without a GPU only the best settings are trained: Table 2 three times each, Table 3 once, for fewer steps.

At the printed settings the latents of NashAE on dSprites end at 0 or 1 within some ten steps, in the authors' code too, and on
some seeds they stay there. So its decoder starts from the mean image with a last layer a tenth as large, and the learning rate
rises over the first 300 steps. CelebA is standardised as a whole, not channel by channel.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float

from .. import nets
from ..data import Dataset, celeba, dsprites
from ..data.dataset import Scale
from ..methods import BetaTCVAE, BetaVAE, FactorVAE, NashAE
from ..methods.beta_vae import Variational
from ..methods.latent import Latents
from ..methods.protocol import Method
from ..metrics import beta_vae_score, squared_correlation, tad, used_latents
from ..model import Model, describe
from ..schedules import Linear, Number
from .record import Work, begin, summary

RECIPES = ("table_2", "table_3")


class Setting(NamedTuple):
    """A row of a table: a method, its number, what the paper prints, and whether it is the method's best."""

    kind: type
    number: str
    value: float
    printed: tuple[float, ...]
    best: bool = False


TABLE_2 = (
    Setting(NashAE, "lam", 0.002, (96.57,), best=True),
    Setting(BetaVAE, "beta", 8.0, (96.21,), best=True),
    Setting(BetaTCVAE, "beta", 2.0, (95.01,), best=True),
    Setting(NashAE, "lam", 0.0, (91.41,)),
    Setting(NashAE, "lam", 0.001, (92.58,)),
    Setting(NashAE, "lam", 0.008, ()),
    Setting(BetaVAE, "beta", 1.0, (84.63,)),
    Setting(BetaVAE, "beta", 4.0, (93.68,)),
    Setting(BetaTCVAE, "beta", 1.0, (84.64,)),
    Setting(BetaTCVAE, "beta", 4.0, (93.95,)),
)
"""Percent. Two of the three lambdas of NashAE are lost in our text of the paper: most likely they are 0 and 0.001; 0.008 is the
notebook's."""

TABLE_3 = (
    Setting(NashAE, "lam", 0.2, (0.543, 5), best=True),
    Setting(BetaTCVAE, "beta", 15.0, (0.446, 4.33), best=True),
    Setting(BetaVAE, "beta", 100.0, (0.351, 2.33), best=True),
    Setting(FactorVAE, "gamma", 15.0, (0.285, 3), best=True),
    *(Setting(NashAE, "lam", *row) for row in ((0.0, (0.235, 5.33)), (0.1, (0.362, 4)), (0.8, (0.474, 5)))),
    *(Setting(BetaVAE, "beta", *row) for row in ((1.0, (0.158, 3.67)), (50.0, (0.287, 2.67)), (250.0, (0.307, 2)))),
    *(Setting(BetaTCVAE, "beta", *row) for row in ((1.0, (0.165, 3.33)), (8.0, (0.359, 4)), (25.0, (0.403, 3.67)))),
    *(Setting(FactorVAE, "gamma", *row) for row in ((1.0, (0.188, 3)), (8.0, (0.208, 2.33)), (50.0, (0.276, 3)))),
    Setting(BetaTCVAE, "beta", 50.0, (0.362, 3.67)),
    Setting(FactorVAE, "gamma", 75.0, (0.148, 1.33)),
)
"""TAD, and the number of captured attributes."""

Build = Callable[..., nets.Autoencoder]


def table_2(out: Path, *, fast: bool = False) -> None:
    """Table 2: the beta-VAE score on dSprites in percent. The fixed factor is one of scale, orientation, x and y, as in the
    authors' code.

    Beside it how many latents are learned by the rule of the method's paper, and used by one rule for all. Writes
    `nashae_table_2.json` after every training.
    """
    whole = dsprites(x=slice(0, None, 8), y=slice(0, None, 8)) if fast else dsprites()
    data = Dataset(whole.x, whole.factors, scaling=Scale(0.0, 1.0))
    mean = np.sum([rows.sum(axis=0, dtype=float) for _, rows in data.chunks()], axis=0) / len(data)

    def method(setting: Setting) -> Method:
        numbers: dict[str, Any] = {"m": 10, setting.number: setting.value}
        if setting.kind is NashAE:
            return NashAE(**numbers, **_own(partial(_calm, partial(nets.dsprites, 10, 1), mean)))
        return setting.kind(likelihood="bernoulli", **numbers, **_own(partial(nets.dsprites, 10, 2)))

    def lr(setting: Setting) -> Number:
        return Linear(0.0, 1e-3, until=0.075) if setting.kind is NashAE else 1e-3

    def measured(model: Model) -> dict[str, float]:
        codes = model.encode(data)
        known = {name: data.factors[name] for name in ("scale", "orientation", "x", "y")}
        score = beta_vae_score(codes, known, pairs=100, train=60_000, test=1000, classifier="adagrad")
        return {"beta_vae_score_percent": 100 * score} | _counts(model, data)

    _table(begin(out, "nashae_table_2", fast), data, Plan(TABLE_2, method, lr, measured, trials=3 if _small() else 15))


def table_3(out: Path, *, fast: bool = False) -> None:
    """Table 3: the total AUROC difference on CelebA, and how many attributes are captured; and of Figure 2 the mean R^2 of
    NashAE's predictors and the live latents.

    1,000 images, as in the authors' code, which takes samples of VAEs' codes, not their means; yet of beta-VAE's latents those
    whose means range over no more than 0.2 are dead, as NashAE's are. In R^2 a latent counts 0 if its standard deviation is no
    more than 0.01. Writes `nashae_table_3.json` after every training.
    """
    data = celeba()
    shown = data.take(np.random.default_rng(30).permutation(len(data))[:1000])

    def method(setting: Setting) -> Method:
        heads = 1 if setting.kind is NashAE else 2
        return setting.kind(m=32, **{setting.number: setting.value}, **_own(partial(nets.celeba, 32, heads)))

    def lr(setting: Setting) -> Number:
        return 1e-4 if setting.kind is FactorVAE else 1e-3

    def measured(model: Model) -> dict[str, float]:
        codes = _sampled(model, shown)
        found: dict[str, float] = {}
        for mode in ("paper", "exact"):
            score = tad(codes, shown.factors, mode=mode)
            found |= {f"tad_{mode}": score.score, f"captured_{mode}": score.captured}
        if isinstance(model.method, NashAE):
            predicted = model.method.predictions(model.trained, shown)
            found["predictor_r2"] = squared_correlation(codes * (codes.std(axis=0) > 0.01), predicted).mean
        return found | _counts(model, shown)

    trials, steps = (1, 1000) if _small() else (3, 4000)
    _table(begin(out, "nashae_table_3", fast), data, Plan(TABLE_3, method, lr, measured, trials, steps))


class Plan(NamedTuple):
    """How a table is made: of its settings the methods, their learning rates, and what is measured."""

    settings: tuple[Setting, ...]
    method: Callable[[Setting], Method]
    lr: Callable[[Setting], Number]
    measured: Callable[[Model], dict[str, float]]
    trials: int
    steps: int = 4000


def _table(work: Work, data: Dataset, plan: Plan) -> None:
    """Trial by trial, all settings on a GPU, else the best of each method."""
    asked = [s for s in plan.settings if s.best or not (_small() or work.fast)]
    steps, trials = (20, 1) if work.fast else (plan.steps, plan.trials)
    found: dict[Setting, list[dict[str, float]]] = {setting: [] for setting in asked}
    for trial in range(trials):
        for setting in asked:
            run = work.train(plan.method(setting), data, trial, steps=steps, batch=200, lr=plan.lr(setting))
            found[setting].append(plan.measured(run[0]) | {"seconds": run.history[0].seconds[-1]})
            rows = [
                {
                    "method": describe(plan.method(s)),
                    "lr": describe(plan.lr(s)),
                    "printed": s.printed,
                    "measures": summary({m: [v[m] for v in values] for m in values[0]}),
                }
                for s, values in found.items()
                if values
            ]
            about = {"data": repr(data), "steps": steps, "batch": 200, "only_the_best_settings": _small() or work.fast}
            work.write({"settings": about, "rows": rows})


def _small() -> bool:
    """Whether there is no GPU."""
    return jax.default_backend() == "cpu"


def _own(build: Build) -> dict[str, Any]:
    """Nets of a pair as a method takes them."""
    return {
        "encoder": lambda key: build(nets.keys(key)).encoder,
        "decoder": lambda key: build(nets.keys(jax.random.fold_in(key, 1))).decoder,
    }


def _calm(build: Build, mean: Float[np.ndarray, "..."], ks: Any) -> nets.Autoencoder:
    """A pair whose decoder starts near the mean image."""
    pair = build(ks)

    def last(decoder: Any) -> tuple[Any, Any]:
        dense = [layer for layer in decoder.layers if isinstance(layer, nets.Dense)][-1]
        return dense.weight, dense.bias

    weight, _ = last(pair.decoder)
    return pair._replace(decoder=eqx.tree_at(last, pair.decoder, (0.1 * weight, mean.ravel().astype(np.float32))))


def _counts(model: Model, data: Dataset) -> dict[str, float]:
    """Latents learned by the rule of the method's paper, on 1,000 rows, and used, by one rule for all."""
    assert isinstance(model.method, Latents)
    some = data.take(np.random.default_rng(0).permutation(len(data))[:1000])
    return {"learned": model.method.learned(model.trained, some), "used": used_latents(model.decode, model.encode(some))}


def _sampled(model: Model, data: Dataset) -> Float[np.ndarray, "rows m"]:
    """The codes of an autoencoder; of a VAE a sample of each, of beta-VAE's dead latents 0."""
    codes = model.encode(data)
    if not isinstance(model.method, Variational):
        return codes
    spread = np.sqrt(model.method.variances(model.trained, data))
    drawn = codes + spread * np.random.default_rng(0).standard_normal(codes.shape)
    return drawn * (np.ptp(codes, axis=0) > 0.2) if isinstance(model.method, BetaVAE) else drawn
