"""What a trained model is worth, in numbers: the measures of `metrics` on its codes and swaps."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from .data.dataset import Dataset, Scale, evenly, mean_and_std
from .datasets.mra import orbit
from .dependence import J
from .errors import InputError
from .gaussian import kl_to_prior
from .methods.codes import Codes
from .methods.nashae import Prediction
from .metrics import (
    R2,
    code_leakage,
    informativeness,
    leakage,
    squared_correlation,
    swap_baselines,
    swap_errors,
    udr,
    used_latents,
)
from .model import Model
from .train import train

EXACT_ROWS = 20_000  # J takes quadratic time; of more rows, so many are drawn


class Instances(NamedTuple):
    """Some rows, the coherent code that each has as a group of its own, and its `metrics.informativeness`."""

    rows: Int[np.ndarray, " n"]
    alone: Float[np.ndarray, "n p"]
    informativeness: Float[np.ndarray, " n"]


def evaluate(
    model: Model,
    data: Dataset,
    states: ArrayLike | None = None,
    group_size: int = 30,
    told: Instances | None = None,
) -> dict[str, float]:
    """Every measure that applies, by name.

    reconstruction_error is the mean squared error in the units of the data, reconstruction_relative the same over the variance
    of the data, or of each row where rows are standardised by themselves; of data with transforms, rows are compared as they
    come out of these. J is Definition 5 between state and nuisance code (the penalty of 4.2.4 is twice that), J_relative is J
    over the mean distance of two nuisance codes, and J_relative_chance its mean if states are dealt at random (not 0, because
    the distance of a code to itself counts). leakage is the accuracy with which the state is read from the nuisance code,
    beside leakage_chance. Without a factor `state` the group is the state. inconsistency needs no truth either: how far swaps,
    encoded again, are from the codes that they were made with, over the variance of these (`SymAE.inconsistency`). Of models
    trained alike the one with the least is taken for the best; a training that gives it much weight can make it small for other
    reasons than right swaps.

    With the `states` of multi-reference alignment all this is measured on every shift of every state, the coherent code being
    that of a fresh group, and the swap errors are added. In swap_error_between, and in reconstruction_error_between beside it,
    the common roll may lie between two samples.

    For methods with one code per row: learned_latents counts them by the rule of the method's paper, used_latents by one rule
    for all (`metrics.used_latents`), predictor_r2 is that of NashAE's own predictors, and predictability that of new ones on
    held-out rows (`predictability`), over all latents and over the live ones. Against the factors of the data such codes are
    measured by `metrics.scores(model.encode(data), data.factors)`, with intervals, settings and versions, as `unentangle
    evaluate` does.

    Without known states there are three numbers more, of 2,000 rows: nuisance_from_coherent, the R^2 with which the nuisance
    code of a row is read from the coherent code that it has by itself, both less their means over the group;
    coherent_from_nuisance, with which the coherent code of its group is read from its nuisance code (`code_leakage`); and the
    mean of `informativeness`. They are NaN where there are too few rows. They come from `instances`, or from what that has
    `told` before.

    Raises:
        InputError: if the data does not have the model's row shape, or too few rows per state to measure leakage.
    """
    data = model.view(data)
    if not model.grouped:
        return _latent_measures(model, data)
    if states is not None and data.transforms:
        raise InputError(f"states is for data without transforms; this goes through {data.transforms}.")
    if states is not None:
        swapped, truth = mra_swaps(model, states, group_size)
        errors = swap_errors(swapped, truth)
        swaps = {"swap_error": errors.mean, "swap_error_worst": errors.worst, "swap_error_phi": errors.phi}
        free = swap_errors(swapped, truth, between=True)
        swaps |= {"swap_error_between": free.mean, "reconstruction_error_between": free.reconstruction}
        data = orbits(states)
        codes = model.encode(data)
        decoded = np.einsum("iilk->ilk", swapped).reshape(len(data), -1)
    else:
        codes = model.encode(data)
        swaps, decoded = _told(told or instances(model, data), codes), model.decode(codes)
    leak = leakage(codes.nuisance, data.states)
    return {
        **swaps,
        "inconsistency": model.inconsistency(codes),
        **_reconstruction(model, data, decoded),
        **_dependence(data.states, codes.nuisance),
        "leakage": leak.accuracy,
        "leakage_chance": leak.chance,
    }


def instances(model: Model, data: Dataset, rows: int = 2000, seed: int = 0) -> Instances:
    """What single rows tell, of at most so many drawn at random: see `Instances`.

    A row's informativeness is measured against coherent codes made of the other half of each group, so that it is not compared
    with itself; groups of one row are left out, and nothing is told where fewer than two are left.
    """
    rng = np.random.default_rng(seed)
    several = np.flatnonzero(data.group_sizes[data.group] > 1)
    if len(np.unique(data.group[several])) < 2:
        return Instances(several[:0], np.zeros((0, 1), np.float32), np.zeros(0))
    chosen = np.sort(rng.permutation(several)[:rows])
    order, starts, sizes = map(np.asarray, data.layout)
    half = np.empty(len(data), int)
    for start, size in zip(starts, sizes, strict=True):
        half[order[start : start + size]] = rng.permutation(size) % 2
    kept = np.isin(data.group, np.unique(data.group[chosen])) & (sizes[data.group] > 1)
    group = np.unique(data.group[chosen], return_inverse=True)[1]
    halves = [model.encode(data.take(kept & (half == side))).coherent for side in (0, 1)]
    x = data.take(chosen)
    alone = model.encode(replace(x, groups=np.arange(len(x)))).coherent
    told = np.empty(len(chosen))
    for side in (0, 1):
        those = half[chosen] == side
        told[those] = informativeness(alone[those], halves[1 - side], group[those]) if those.any() else 0
    return Instances(chosen, alone, told)


def _told(found: Instances, codes: Codes) -> dict[str, float]:
    rows, alone, told = found
    nuisance, group = codes.nuisance[rows], codes.group[rows]
    if len(rows) < 10:
        return dict.fromkeys(("nuisance_from_coherent", "coherent_from_nuisance", "informativeness"), np.nan)
    return {
        "nuisance_from_coherent": code_leakage(_within(alone, group), _within(nuisance, group)),
        "coherent_from_nuisance": code_leakage(nuisance, codes.coherent[group]),
        "informativeness": float(told.mean()),
    }


def _within(codes: Float[np.ndarray, "n d"], group: Int[np.ndarray, " n"]) -> Float[np.ndarray, "n d"]:
    """Codes less their means over the group."""
    _, group, counts = np.unique(group, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), codes.shape[1]))
    np.add.at(sums, group, codes)
    return codes - (sums / counts[:, None])[group]


def mra_swaps(
    model: Model, states: ArrayLike, group_size: int = 30, seed: int = 0
) -> tuple[Float[np.ndarray, "states donors k k"], Float[np.ndarray, "states k k"]]:
    """Every state under the nuisance codes of all k shifts of every donor, and the truth, for `metrics.swap_errors`.

    The coherent code of a state is that of a fresh group of `group_size` different shifts.
    """
    truth, rng = orbit(states), np.random.default_rng(seed)
    fresh = np.stack([shifts[rng.permutation(len(shifts))[:group_size]] for shifts in truth])
    groups = np.repeat(np.arange(len(truth)), fresh.shape[1])
    data = orbits(states)
    swapped = model.swap(Dataset(fresh.reshape(len(groups), -1), groups=groups), data)
    return swapped.reshape(len(truth), *truth.shape), truth


def mra_baselines(states: ArrayLike) -> dict[str, float]:
    """What no learning gives: the error of each state's best constant, and of the donor handed back at its best roll."""
    constant, donor = swap_baselines(orbit(states))
    return {"constant": constant, "donor": donor.mean, "donor_phi": donor.phi}


def orbits(states: ArrayLike) -> Dataset:
    """Every shift of every state: groups are states, factors `state` and `shift`."""
    count, k = np.shape(states)
    state, shift = np.repeat(np.arange(count), k), np.tile(np.arange(k), count)
    factors = {"state": (state, "categorical"), "shift": (shift, "continuous")}
    return Dataset(orbit(states).reshape(count * k, k).astype(np.float32), factors, groups=state)


def _reconstruction(model: Model, data: Dataset, decoded: Float[np.ndarray, "rows ..."]) -> dict[str, float]:
    squares, spread = [], []
    for part, x in data.chunks():
        squares.append(((decoded[part] - data.chain.undo(x)) ** 2).reshape(len(x), -1).mean(1, dtype=float))
        spread.append(mean_and_std(x.reshape(len(x), -1).astype(float)))
    error, (centre, std) = np.concatenate(squares), np.concatenate(spread, axis=1)
    if model.trained.scale.row_axes:
        variance = std**2
    else:  # not that of `data.scale`, which few rows, as are held out, may have each for itself, or not at all
        variance = data.scaling.std**2 if data.scaling else np.mean(std**2) + centre.var()
    return {
        "reconstruction_error": float(np.mean(error)),
        "reconstruction_relative": float(np.mean(error / np.where(variance > 0, variance, 1.0))),
    }


def _latent_measures(model: Model, data: Dataset) -> dict[str, float]:
    whole, part = model.codes(data), model.parts[0]
    codes = whole.by_row[part.name]
    found = {
        **({"learned_latents": part.learned(codes, model.variances(data))} if part.learned else {}),
        "used_latents": used_latents(model.decode, codes[evenly(len(codes), 2000)]),
        **_reconstruction(model, data, model.decode(whole)),
    }
    predicted = model.predictions(data)
    if predicted is not None:
        found["predictor_r2"] = squared_correlation(codes, predicted).mean
        found["predictor_r2_live"] = squared_correlation(codes, predicted, dead=0.2).live
    if len(codes) >= 4:
        fresh = predictability(codes)
        found |= {"predictability": fresh.mean, "predictability_live": fresh.live}
    return found


def predictability(codes: ArrayLike, *, steps: int = 1000, rows: int = 20_000, seed: int = 0) -> R2:
    """How well each latent can be told from the others: NashAE's predictors fitted to any frozen codes, no labels needed.

    They learn on one half of the rows; the answer is R^2 (`squared_correlation`) of their predictions on the other half, 0 for
    a latent of whose mean the others say nothing.

    Args:
        codes: (n, m), of any method. Each latent is standardised; one whose values range over less than a tenth of the widest
            range is dead: it counts 0 and is not shown to the predictors.
        steps: of the predictors.
        rows: if there are more, as many are drawn at random.
        seed: of the halves and the predictors.
    """
    codes = np.asarray(codes, float)
    if codes.ndim != 2 or len(codes) < 4 or not np.isfinite(codes).all():
        raise InputError(f"codes has shape {codes.shape}; finite numbers (n, m) with n of at least 4 are needed.")
    codes = codes[np.random.default_rng(seed).permutation(len(codes))[:rows]]
    dead = 0.1 * float(np.ptp(codes, axis=0).max())
    seen = (codes - codes.mean(axis=0)) / np.where(np.ptp(codes, axis=0) > dead, codes.std(axis=0), np.inf)
    half = len(codes) // 2
    learner = train(
        Prediction(seen.shape[1]), Dataset(seen[:half], scaling=Scale(0.0, 1.0)), seeds=seed, steps=steps, progress=False
    )
    return squared_correlation(codes[half:], learner[0].encode(seen[half:]), dead)


def agreement(models: Sequence[Model], data: Dataset, rows: int = 1000) -> list[float]:
    """Of several models of one method with one code per row, how well the latents of each match those of the others:
    `metrics.udr` on up to so many rows. Latents of a VAE are live if their divergence from the prior is above 0.01, as in UDR's
    paper.
    """
    some = data.take(evenly(len(data), rows))
    codes, variances = [m.encode(some) for m in models], [m.variances(some) for m in models]
    live = [
        np.asarray(kl_to_prior(z, np.log(v))).mean(axis=0) > 0.01
        for z, v in zip(codes, variances, strict=True)
        if v is not None
    ]
    return udr(codes, live=live or None).tolist()


def _dependence(states: np.ndarray, nuisance: Float[np.ndarray, "rows q"]) -> dict[str, float]:
    state = np.unique(states, return_inverse=True)[1]
    if len(nuisance) > EXACT_ROWS:
        chosen = np.random.default_rng(0).permutation(len(nuisance))[:EXACT_ROWS]
        state, nuisance = state[chosen], nuisance[chosen]
    value, relative = J(state, nuisance)
    counts = np.bincount(state)
    n, share = len(state), counts / len(state)
    chance = (1 - n / (n - 1) * np.sum(share * (1 - 1 / np.maximum(counts, 1)))) / 2  # of labels dealt at random
    return {"J": value, "J_relative": relative, "J_relative_chance": float(chance)}
