"""The scores of codes against factors, of the models of a run or of two files, with words about them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .data.dataset import Factors, evenly
from .errors import InputError
from .io.codes import read_codes, row_numbers
from .io.tables import read_table
from .metrics import Score, Scores, scores
from .metrics.tables import missing
from .report import report
from .runs import open_run
from .storage import write_json

ROWS = 10_000  # of a run; of more, as many are scored


LITTLE = 0.05  # variance below which the FactorVAE score takes a latent for dead, as published


class Scored(NamedTuple):
    """Scores for people: a line of the table for each score, a column for each model; then sentences."""

    table: list[list[str]]
    lines: list[str]


def score_run(run: Path, continuous: Sequence[str], *, show: Callable[[Any], Any], **settings: Any) -> None:
    """Measure a run again (`report`); score the codes of methods without a part per group, too, and write `scores.json`.

    Factors in `continuous` are a continuum though few values come often. `show` takes a `Report` or `Scored` as soon as it is
    there; `settings` are those of `metrics.scores`.

    Raises:
        InputError: as `open_run`, or if a name in `continuous` is no factor of numbers.
    """
    models, seeds, data, measured, name = open_run(run)
    if models[0].grouped and continuous:
        raise InputError(f"--continuous is about scores, which a {type(models[0].method).__name__} has none of.")
    factors = Factors({}) if models[0].grouped else _usable(data.factors, continuous, name, show)
    show(report(run, models, seeds, data, measured))
    if not len(factors):
        return
    rows = measured[evenly(len(measured), ROWS)]
    some, factors = data.take(rows), factors.take(rows)
    try:
        codes = [model.encode(some) for model in models]
        each = [scores(z, factors, **settings) for z in codes]
    except InputError as error:
        show(Scored([], [f"note: no scores: {error}"]))
        return
    write_json(run / "scores.json", {"seeds": seeds, "each": [_plain(result) for result in each]})
    small = [note for z in codes[:1] for note in _small(z)]
    show(_scored([f"seed {seed}" for seed in seeds], each, *small, f"{run}: scores.json"))


def score_files(
    codes: Path, factors: Path, out: Path | None, continuous: Sequence[str], *, show: Callable[[Any], Any], **settings: Any
) -> None:
    """Score a table of codes (`io.codes.read_codes`) against a table of factors, one row per sample, and write the scores to
    a new .json file, if one is named; the rest as in `score_run`.

    Raises:
        InputError: if the tables do not fit each other, or cannot be scored.
    """
    if out and (out.suffix != ".json" or out.exists()):
        raise InputError(f"{out} {'exists already' if out.exists() else 'is not a .json'}; give the name of a new .json file.")
    columns = _columns(codes, read_codes, show)
    if words := [name for name, column in columns.items() if not np.issubdtype(column.dtype, np.number)]:
        raise InputError(f"{codes} holds words in the column {words[0]}; codes are numbers.")
    if len({len(column) for column in columns.values()}) > 1:
        raise InputError(f"the columns of {codes} differ in length; one value per row is needed.")
    z = np.stack(list(columns.values()), axis=1)
    given = _columns(factors, read_table, show)
    for name, column in given.items():
        if len(column) != len(z):
            raise InputError(f"{factors} has {len(column)} rows of {name}, and {codes} has {len(z)}; as many are needed.")
    known = _usable(Factors(given), continuous, factors, show)
    if not len(known):
        raise InputError(f"no factor of {factors} has a value in every row, so there is nothing to measure {codes} against.")
    try:
        result = scores(z, known, **settings)
    except InputError as error:
        raise InputError(f"{codes} cannot be scored: {error}") from error
    if out:
        write_json(out, _plain(result))
    last = [f"{out}: {len(result.found)} scores, with intervals, settings and versions"] if out else []
    show(_scored(["value"], [result], *_small(z), *last))


def _usable(factors: Factors, continuous: Sequence[str], source: Any, show: Callable[[Any], Any]) -> Factors:
    """The factors that have a value in every row; those of the names in `continuous` are a continuum.

    Raises:
        InputError: if one of these is no factor of numbers.
    """
    for name in continuous:
        if name not in factors or not np.issubdtype(factors[name].dtype, np.number):
            there = ", ".join(factors) or "none"
            raise InputError(f"--continuous {name} is no factor of numbers of {source}; its factors are: {there}.")
    with_gaps = [name for name, column in factors.items() if missing(column).any()]
    show(Scored([], [f"note: the factor {name} is not scored, as some rows have no value of it." for name in with_gaps]))
    kinds = factors.declared | dict.fromkeys(continuous, "continuous")
    return Factors({n: (v, kinds[n]) if n in kinds else v for n, v in factors.items() if n not in with_gaps})


def _columns(path: Path, reader: Callable[[Path], dict[str, np.ndarray]], show: Callable[[Any], Any]) -> dict[str, np.ndarray]:
    columns = reader(path)
    if (name := row_numbers(columns)) is not None:
        show(Scored([], [f"note: the first column of {path} numbers its rows; it is left out."]))
        del columns[name]
    return columns


def _small(z: np.ndarray) -> list[str]:
    """That measures with thresholds of their own do not see codes which vary by little."""
    variances = z.var(axis=0)
    if not (most := float(variances.max())) > 0 or not ((variances > 1e-3 * most) & (variances < LITTLE)).any():
        return []
    return [
        f"note: latents vary by little (standard deviations of {np.sqrt(variances.min()):.2g} to {np.sqrt(most):.2g}), and "
        f"factor_vae_score leaves out those of a variance below {LITTLE:g}, as its authors do; sap, too, depends on the scale: "
        "0 may mean small codes. Standardise the codes to compare these two."
    ]


def _plain(result: Scores) -> dict[str, Any]:
    return result._asdict() | {"found": {name: score._asdict() for name, score in result.found.items()}}


def _scored(titles: Sequence[str], each: Sequence[Scores], *last: str) -> Scored:
    names = dict.fromkeys(name for result in each for name in result.found)
    table = [["", *titles], *([name, *(_cell(result.found.get(name)) for result in each)] for name in names)]
    notes: dict[str, list[str]] = {}
    for title, result in zip(titles, each, strict=True):
        for note in _notes(result):
            notes.setdefault(note, []).append(title)
    lines = [f"note: {n}" if len(of) == len(titles) else f"note on {', '.join(of)}: {n}" for n, of in notes.items()]
    first = each[0]
    kinds = ", ".join(f"{name} ({kind})" for name, kind in first.factors.items())
    lines.append(f"{first.rows} rows, {first.latents} latents; factors: {kinds}")
    lines.append(("95 % intervals by halves of the rows; " if first.settings["draws"] else "") + first.versions)
    return Scored(table, [*lines, *last])


def _cell(score: Score | None) -> str:
    """A score with its interval, if it has one."""
    if score is None:
        return "-"
    low, high = score.interval_95
    return f"{score.value:.3f}" + ("" if np.isinf(low) else f" ({low:.3f} to {high:.3f})")


def _notes(result: Scores) -> list[str]:
    """What else one needs to know to read these scores."""
    reasons = dict.fromkeys(result.without_interval.values())
    unbounded = {why: [name for name, w in result.without_interval.items() if w == why] for why in reasons}
    return [
        *(f"no {name}: {why}" for name, why in result.without.items()),
        *(f"no interval of {', '.join(names)}: {why}" for why, names in unbounded.items()),
        *(f"the factor {name} is left out: it {why}." for name, why in result.left_out.items()),
        *(
            f"latent {latent} ranges over less than a twentieth of the widest range; measures that do not see scale count it."
            for latent in result.still
        ),
    ]
