"""What a run is worth: the rows that are measured, the measures of every seed, the best one, and what is written of them."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from .data.dataset import Dataset
from .errors import InputError
from .model import Model

HELD_OUT = 0.1
MEASURED_ROWS = 20_000  # of more rows, those of some groups are measured
NOTHING = 0.98  # error of reconstructions, of the variance of the rows, of a model that has learned nothing
DIVERGED = 2.0  # the same of one that is worse than nothing
FOR_UDR = 300  # of fewer rows, latents of models that have nothing in common look alike by chance


class Report(NamedTuple):
    """The measures of a run.

    `seeds` and `measures` (by name, one number per seed) are in the same order; `best` is the seed with the least
    `Model.shortfall`; `baselines` are the errors of what no learning gives, where the truth is known. `table` and `lines` are
    for people: a number per seed in each line of the table, then sentences.
    """

    seeds: tuple[int, ...]
    best: int
    measures: dict[str, list[float]]
    baselines: dict[str, float]
    lines: list[str]

    @property
    def table(self) -> list[list[str]]:
        """A line of titles and a line for each measure."""
        rows = [[name, *(f"{value:.4g}" for value in values)] for name, values in self.measures.items()]
        return [["", *(f"seed {seed}" for seed in self.seeds)], *rows]


def split(data: Dataset, share: float) -> tuple[Dataset, Int[np.ndarray, " rows"]]:
    """The data to train on, and the rows of `data` to measure.

    A share of the groups (of the rows, if there are no groups) is held out and measured, if it holds two or more groups with
    several rows of two or more states; otherwise all rows are trained on and measured. Of more than `MEASURED_ROWS` rows, those
    of some groups are measured.

    Raises:
        InputError: if the share is not at least 0 and less than 1.
    """
    if not 0 <= share < 1:
        raise InputError(f"held_out={share}; a share of the groups, at least 0 and less than 1, is needed.")
    if round(share * len(data.group_names)) > 1:
        out = data.held_out(share)
        several = min(np.sum(np.unique(keys[out], return_counts=True)[1] > 1) for keys in (data.group, data.states))
        if data.groups is None or several > 1:
            training = data.take(~out)
            if data.scale.missing and not training.scale.missing:  # the rows held out lack values, which a model is to take
                training = replace(training, scaling=training.scale._replace(missing=True))
            return training, some_groups(data, np.flatnonzero(out))
    return data, some_groups(data, np.arange(len(data)))


def some_groups(data: Dataset, rows: Int[np.ndarray, " n"]) -> Int[np.ndarray, " some"]:
    """These rows; of more than `MEASURED_ROWS`, those of some groups, fifty or more, and of large groups some at random."""
    if len(rows) <= MEASURED_ROWS:
        return rows
    _, group, sizes = np.unique(data.group[rows], return_inverse=True, return_counts=True)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(sizes))
    many = max(50, int(np.searchsorted(np.cumsum(sizes[order]), MEASURED_ROWS)))
    return np.sort(rng.permutation(rows[np.isin(group, order[:many])])[: 2 * MEASURED_ROWS])


def report(
    folder: str | Path, models: Sequence[Model], seeds: Sequence[int], data: Dataset, rows: Int[np.ndarray, " rows"]
) -> Report:
    """Measure the models of a run, and write `metrics.json`, the figures of the best model and, for methods with a part per
    group and data without a known truth, `instances.csv` (how much single rows say about their group).

    Args:
        folder: where the files are written.
        models: one for each seed.
        seeds: of the trainings.
        data: all rows.
        rows: the numbers of the rows to measure (`split`).
    """
    from .evaluate import agreement, baselines, evaluate, single_rows
    from .figures import figures
    from .storage import save, write, write_json
    from .train.training import least

    folder, seeds, measured = Path(folder), tuple(seeds), data if len(rows) == len(data) else data.take(rows)
    grouped = models[0].grouped
    listed = measured.truth is not None and measured.truth.listed
    single = [single_rows(m, measured) if grouped and not listed else None for m in models]
    values = [evaluate(m, measured, alone) for m, alone in zip(models, single, strict=True)]
    if not grouped and len(models) > 1 and len(data) >= FOR_UDR:
        values = [v | {"udr": score} for v, score in zip(values, agreement(models, data), strict=True)]
    measures = {name: [v[name] for v in values] for name in values[0]}
    shortfall = measures["inconsistency" if grouped else "reconstruction_error"]  # `Model.shortfall`, of these rows
    failed = [_failed(error) for error in measures["reconstruction_relative"]]
    position = least([np.nan if bad and not all(failed) else v for v, bad in zip(shortfall, failed, strict=True)])
    best, alone = models[position], single[position]
    result = Report(seeds, seeds[position], measures, baselines(measured) if grouped else {}, [])
    content: dict[str, Any] = {"seeds": seeds, "best": result.best} | measures
    write_json(folder / "metrics.json", content | ({"baselines": result.baselines} if result.baselines else {}))
    for name, figure in figures(best, measured).items():
        save(figure, folder / f"{name}.png")
    if alone:
        groups, text = measured.group_names[measured.group[alone.rows]], StringIO()
        lines = zip(rows[alone.rows], groups, alone.informativeness.round(4), strict=True)
        csv.writer(text).writerows([("row", "group", "informativeness"), *lines])
        write(folder / "instances.csv", text.getvalue())
    lines = failures(result)
    if not failed[position]:  # else its codes say nothing
        lines += [_swaps(result, len(np.unique(measured.states)))] if result.baselines else []
        lines += [_leakage(result)] if alone else [] if grouped else [_latents(result, best.parts[0].size)]
    files = ", ".join(sorted(p.name for p in folder.iterdir() if not p.name.startswith(".")))
    return result._replace(lines=[*lines, f"{folder}: {files}"])


def _failed(relative: float) -> bool:
    """Whether rows are reconstructed no better than by their mean."""
    return not relative < NOTHING


def failures(result: Report) -> list[str]:
    """A sentence for each seed whose model reconstructs rows no better than their mean does, with what to try."""
    lines = []
    for seed, error in zip(result.seeds, result.measures["reconstruction_relative"], strict=True):
        if _failed(error) and not error < DIVERGED:
            lines.append(
                f"seed {seed} diverged: its reconstructions are wrong by {error:.3g} times the variance of the rows, and their "
                "mean by 1; no other number of it means anything. Try a tenth of --lr."
            )
        elif _failed(error):
            lines.append(
                f"seed {seed} collapsed: it reconstructs these rows no better than their mean does (error {error:.3f} of their "
                "variance), so its codes are of no use for them. Try more --steps, a tenth of --lr, or a smaller --beta where "
                "there is one."
            )
    return lines


def _swaps(result: Report, states: int) -> str:
    """How wrong swaps are, beside what no learning gives."""
    mean = {name: np.mean(values) for name, values in result.measures.items()}
    known, names = result.baselines, {"constant": "a constant", "donor": "the donor given back"}
    chosen = [name.removeprefix("donor_") for name in known if name.startswith("donor_")]
    beside = "; ".join(
        f"{names.get(n, n.replace('_', ' '))}: {value:.4g}"
        for n, value in known.items()
        if n.removeprefix("donor_") not in chosen and not n.endswith("told_states")
    )
    return (
        f"swap_error {mean['swap_error']:.4g} over all {states * (states - 1)} pairs of states ({beside}); "
        + "".join(
            f"over the paper's pairs ({name}) {mean[f'swap_error_{name}']:.4g} "
            f"({known['constant']:.4g}; {known[f'donor_{name}']:.4f}); "
            for name in chosen
        )
        + "0 is perfect"
    )


def _latents(result: Report, m: int) -> str:
    """How many latents are in use."""
    used, learned = result.measures["used_latents"], result.measures.get("learned_latents")
    count = f"{used[0]}" if len(set(used)) == 1 else f"{min(used)} to {max(used)} (from seed to seed)"
    rule = f" (by the rule of the method's paper: {', '.join(map(str, learned))})" if learned else ""
    return f"factors found: {count} of {m} latents are in use, each doing more than 1 % of the variance{rule}"


def _leakage(result: Report) -> str:
    """What each code says about the other, of the best model."""
    position = result.seeds.index(result.best)
    value = {name: values[position] for name, values in result.measures.items()}
    read = value["nuisance_from_coherent"]
    return (
        (f"seed {result.best}, the most consistent: " if len(result.seeds) > 1 else "")
        + f"leakage {value['leakage']:.3f}: how often the state is read from the nuisance code "
        f"(chance {value['leakage_chance']:.3f}; 1 is complete); from the coherent code of a single row, "
        + (f"{read:.3f} of its nuisance code is read (R^2, chance 0)" if np.isfinite(read) else "nothing: too few rows")
        + f"; swaps, encoded again, are {value['inconsistency']:.3f} of the variance of the codes away from the codes that "
        "they were given (0 is perfect)" + ("" if result.baselines else ": there is no truth to compare them with")
    )
