"""What a trained model is worth, in numbers: the measures of `metrics` on its codes and swaps."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from .classical import classical_swaps, simple_swaps
from .data.dataset import Dataset, Scale, evenly, mean_and_std
from .data.truth import Truth
from .dependence import J
from .errors import InputError
from .gaussian import kl_to_prior
from .methods.codes import Codes, side_by_side
from .methods.nashae import Prediction
from .metrics import (
    R2,
    SwapErrors,
    code_leakage,
    informativeness,
    leakage,
    squared_correlation,
    swap_errors,
    udr,
    used_latents,
)
from .model import Model
from .train import train

EXACT_ROWS = 20_000  # J takes quadratic time; of more rows, so many are drawn
SWAPS = 20_000  # of data with a truth; of more, those of some groups are measured


class SingleRows(NamedTuple):
    """Some rows, the codes per group that each has as a group of its own, and its `metrics.informativeness`."""

    rows: Int[np.ndarray, " n"]
    codes: Float[np.ndarray, "n p"]
    informativeness: Float[np.ndarray, " n"]


def evaluate(model: Model, data: Dataset, single: SingleRows | None = None) -> dict[str, float]:
    """Every measure that applies, by name.

    reconstruction_error is the mean squared error in the units of the data. reconstruction_relative is the same over the
    variance of the data, or of each row where rows are standardised by themselves. Rows of data with transforms are compared as
    they come out of these.

    Methods with codes per group and per row ("state" and "nuisance" below): J is Definition 5 between state and nuisance code
    (the penalty of 4.2.4 is twice that). J_relative is J over the mean distance of two nuisance codes. J_relative_chance is its
    mean if states are dealt at random (not 0, because the distance of a code to itself counts). leakage is the accuracy with
    which the state is read from the nuisance code, beside leakage_chance. Without a factor `state` the group is the state.
    inconsistency needs no truth: how far swaps, encoded again, are from the codes that they were made with, over the variance
    of these (`Model.inconsistency`). Of models trained alike, the one with the least is taken for the best. A training that
    gives it much weight can make it small for other reasons than right swaps.

    Data with a truth: swap_error is the mean squared error of swaps between different states, after the best element of the
    truth's freedom for each pair, averaged over pairs. swap_error_worst is that of the worst pair, swap_error_relative the mean
    over the variance of the true recordings, and swap_error_NAME that of pairs which the truth names. Under a wider freedom,
    such as a roll `between` two samples, there are swap_error_NAME and reconstruction_error_NAME. If the truth lists all states
    and nuisances, everything is measured on all of them; the code of a state is then that of a fresh group of the median size.

    Without such a list there are three numbers more, of 2,000 rows. nuisance_from_coherent is the R^2 with which the nuisance
    code of a row is read from the group code that it has by itself, both less their means over the group.
    coherent_from_nuisance is that with which the code of its group is read from its nuisance code (`code_leakage`). The third
    is the mean of `informativeness`. They are NaN where there are too few rows.

    Methods with codes per row only: learned_latents counts them by the rule of the method's paper, used_latents by one rule for
    all (`metrics.used_latents`). predictor_r2 is that of the method's own predictors, and predictability that of new ones on
    held-out rows (`predictability`), over all latents and over the live ones. Against the factors of the data such codes are
    measured by `metrics.scores(model.encode(data), data.factors)`, with intervals, settings and versions.

    Args:
        model: any trained model.
        data: rows of its shape.
        single: what `single_rows` has given before, if that is to be computed once.

    Raises:
        InputError: if the data does not have the model's row shape, or too few rows per state to measure leakage.
    """
    data = model.view(data)
    if not model.grouped:
        return _latent_measures(model, data)
    measures: dict[str, float] = {}
    if data.truth is not None and data.truth.listed:
        data, swapped = grid_swaps(model, data, data.truth)
        codes, decoded = model.codes(data), swapped[data.group, np.arange(len(data))]
    else:
        codes = model.codes(data)
        decoded, swapped = model.decode(codes), None
        measures |= _single_row_measures(single or single_rows(model, data), codes)
    if data.truth is not None:
        if swapped is None:
            swapped = model.swap(data.take(np.isin(data.group, measured_groups(data))), codes)
        measures = _swap_measures(data, data.truth, swapped) | measures
    nuisance = side_by_side(codes.by_row)
    leak = leakage(nuisance, data.states)
    return {
        **measures,
        "inconsistency": model.inconsistency(codes),
        **_reconstruction(model, data, decoded),
        **_dependence(data.states, nuisance),
        "leakage": leak.accuracy,
        "leakage_chance": leak.chance,
    }


# -- swaps against the truth ----------------------------------------------------------------------------------------------


def measured_groups(data: Dataset) -> Int[np.ndarray, " some"]:
    """The groups whose states are swapped: all, or some evenly spread if that would be more than `SWAPS` rows."""
    return evenly(len(data.group_names), max(2, SWAPS // len(data)))


def grid_swaps(model: Model, data: Dataset, truth: Truth) -> tuple[Dataset, Float[np.ndarray, "states rows *row"]]:
    """Every state under every nuisance that the truth lists, `Truth.grid`, and each state swapped to all rows of it.

    The code of a state is that of a fresh group without noise, of as many different nuisances as the median group of the data.
    """
    whole, rng, size = truth.grid(), np.random.default_rng(0), int(np.median(data.group_sizes))
    count = len(whole) // len(whole.group_names)
    own = [np.flatnonzero(whole.group == g)[rng.permutation(count)[:size]] for g in range(len(whole.group_names))]
    state, nuisance = (np.concatenate([column[rows] for rows in own]) for column in (whole.states, whole.factors[truth.name]))
    fresh = Dataset(truth.recordings(state, nuisance), groups=np.repeat(np.arange(len(own)), len(own[0])))
    return whole, model.swap(fresh, whole)


def _swap_measures(data: Dataset, truth: Truth, swapped: Any) -> dict[str, float]:
    errors = _against(data, truth, swapped)
    measures = {"swap_error": errors.mean, "swap_error_worst": errors.worst, "swap_error_relative": errors.relative}
    measures |= {f"swap_error_{name}": errors.over(pairs) for name, pairs in truth.pairs.items()}
    for name, freedom in truth.freedom.wider.items():
        wider = _against(data, replace(truth, freedom=freedom), swapped)
        measures |= {f"swap_error_{name}": wider.mean, f"reconstruction_error_{name}": wider.reconstruction}
    return measures


def _against(data: Dataset, truth: Truth, answers: Any, by_group: bool = False) -> SwapErrors:
    """The errors of answers, for each measured group its state under all rows; `by_group`: each donor group has its freedom."""
    state = truth.state[np.unique(data.group, return_index=True)[1][measured_groups(data)]]
    true = (data.chain.undo(data.chain.forward(truth.under(s))) for s in state)
    return swap_errors(answers, true, state, data.group if by_group else truth.state, truth.freedom, truth.state)


def baselines(data: Dataset) -> dict[str, float]:
    """What swaps are worth without learning, of data with a truth; without one, nothing.

    constant is the error of each state's own best constant, donor that of handing the donor back, donor_NAME the same for pairs
    which the truth names. The others are errors on the rows of the data: NAME_by_groups those of `classical.simple_swaps`,
    NAME_told_states the same if it is known which groups share a state, and that of the classical method that is told the kind
    of nuisance. What does not know which groups share a state has a freedom for each pair of groups.
    """
    if data.truth is None:
        return {}
    whole = data.truth.grid() if data.truth.listed else data
    truth, rows = whole.truth or data.truth, whole.chain.undo(whole.rows(np.arange(len(whole))))
    rows = np.where(np.isnan(rows), np.nanmean(rows, axis=0), rows) if whole.scale.missing else rows
    donor = _against(whole, truth, [rows] * len(measured_groups(whole)))
    constant = np.mean([np.var(truth.under(s), dtype=float) for s in np.unique(truth.state)])
    values = {"constant": float(constant), "donor": donor.mean}
    values |= {f"donor_{name}": donor.over(pairs) for name, pairs in truth.pairs.items()}
    blind = {f"{name}_by_groups": swap for name, swap in simple_swaps(data).items()} | classical_swaps(data)
    told = {f"{name}_told_states": swap for name, swap in simple_swaps(data, data.truth.state).items()}
    for swaps, by_group in ((blind, True), (told, False)):
        for name, swap in swaps.items():
            values[name] = _against(data, data.truth, map(swap, measured_groups(data).tolist()), by_group).mean
    return values


# -- single rows ----------------------------------------------------------------------------------------------------------


def single_rows(model: Model, data: Dataset, rows: int = 2000, seed: int = 0) -> SingleRows:
    """What single rows say of their group, of at most so many drawn at random: see `SingleRows`.

    A row's informativeness is measured against group codes made of the other half of each group, so that it is not compared
    with itself. Groups of one row are left out, and no row is drawn where fewer than two groups are left.
    """
    rng = np.random.default_rng(seed)
    several = np.flatnonzero(data.group_sizes[data.group] > 1)
    if len(np.unique(data.group[several])) < 2:
        return SingleRows(several[:0], np.zeros((0, 1), np.float32), np.zeros(0))
    chosen = np.sort(rng.permutation(several)[:rows])
    order, starts, sizes = map(np.asarray, data.layout)
    half = np.empty(len(data), int)
    for start, size in zip(starts, sizes, strict=True):
        half[order[start : start + size]] = rng.permutation(size) % 2
    of_chosen = np.isin(data.group, np.unique(data.group[chosen])) & (sizes[data.group] > 1)
    group = np.unique(data.group[chosen], return_inverse=True)[1]

    def group_codes(some: Dataset) -> Float[np.ndarray, "groups p"]:
        return side_by_side(model.codes(some).by_group)

    halves = [group_codes(data.take(of_chosen & (half == side))) for side in (0, 1)]
    x = data.take(chosen)
    codes = group_codes(replace(x, groups=np.arange(len(x))))
    values = np.empty(len(chosen))
    for side in (0, 1):
        those = half[chosen] == side
        values[those] = informativeness(codes[those], halves[1 - side], group[those]) if those.any() else 0
    return SingleRows(chosen, codes, values)


def _single_row_measures(single: SingleRows, codes: Codes) -> dict[str, float]:
    if len(single.rows) < 10:
        return dict.fromkeys(("nuisance_from_coherent", "coherent_from_nuisance", "informativeness"), np.nan)
    group, nuisance = codes.group[single.rows], side_by_side(codes.by_row)[single.rows]
    return {
        "nuisance_from_coherent": code_leakage(_within(single.codes, group), _within(nuisance, group)),
        "coherent_from_nuisance": code_leakage(nuisance, side_by_side(codes.by_group)[group]),
        "informativeness": float(single.informativeness.mean()),
    }


def _within(codes: Float[np.ndarray, "n d"], group: Int[np.ndarray, " n"]) -> Float[np.ndarray, "n d"]:
    """Codes less their means over the group."""
    _, group, counts = np.unique(group, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), codes.shape[1]))
    np.add.at(sums, group, codes)
    return codes - (sums / counts[:, None])[group]


# -- reconstruction, and codes per row ------------------------------------------------------------------------------------


def _reconstruction(model: Model, data: Dataset, decoded: Float[np.ndarray, "rows ..."]) -> dict[str, float]:
    scale, squares, relative, spread = model.trained.scale, [], [], []
    by_channel = isinstance(scale.std, tuple)
    mean, unit = (np.asarray(scale.mean), np.asarray(scale.std)) if by_channel else (0.0, 1.0)
    for part, x in data.chunks():
        apart = decoded[part] - data.chain.undo(x).astype(float)
        squares.append(np.nanmean((apart**2).reshape(len(x), -1), axis=1))
        relative.append(np.nanmean(((apart / unit) ** 2).reshape(len(x), -1), axis=1) if by_channel else squares[-1])
        spread.append(mean_and_std(((x.astype(float) - mean) / unit).reshape(len(x), -1)))
    error, (centre, std) = np.concatenate(relative), np.concatenate(spread, axis=1)
    if scale.row_axes:
        variance = std**2
    elif by_channel:
        variance = np.mean(std**2) + centre.var()
    else:  # not that of `data.scale`, which few rows, as are held out, may have each for itself, or not at all
        variance = float(np.square(data.scaling.std)) if data.scaling else np.mean(std**2) + centre.var()
    return {
        "reconstruction_error": float(np.mean(np.concatenate(squares))),
        "reconstruction_relative": float(np.mean(error / np.where(variance > 0, variance, 1.0))),
    }


def _latent_measures(model: Model, data: Dataset) -> dict[str, float]:
    [part] = model.parts
    codes, predictions = model.codes(data), model.predictions(data)
    latents = codes.by_row[part.name]
    measures: dict[str, float] = {}
    if part.learned is not None:
        measures["learned_latents"] = part.learned(latents, model.variances(data))
    measures["used_latents"] = used_latents(model.decode, latents[evenly(len(latents), 2000)])
    measures |= _reconstruction(model, data, model.decode(codes))
    if predictions is not None:
        measures["predictor_r2"] = squared_correlation(latents, predictions).mean
        measures["predictor_r2_live"] = squared_correlation(latents, predictions, dead=0.2).live
    if len(latents) >= 4:
        fresh = predictability(latents)
        measures |= {"predictability": fresh.mean, "predictability_live": fresh.live}
    return measures


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
    random = [(z, np.log(v)) for z, v in zip(codes, variances, strict=True) if v is not None]
    live = [np.asarray(kl_to_prior(jnp.asarray(mean), jnp.asarray(log_var))).mean(axis=0) > 0.01 for mean, log_var in random]
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
