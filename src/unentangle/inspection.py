"""What is in a data set, and what a training would make of it: a check before the hours that it takes."""

import re
import shlex
from collections.abc import Callable, Iterable
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int
from rich.console import Group
from rich.table import Table
from rich.text import Text

from .data.dataset import Dataset, evenly, is_lazy
from .data.scale import Ends, Moments, Scale, Survey, channels_of, mean_and_std, survey
from .errors import InputError
from .methods import SymAE
from .methods.protocol import Method, numbers_of
from .methods.terms.alignment import row_axes, smooth
from .reading import AS_IT_IS, Reading
from .schedules import at
from .train.batches import RESIDENT_BYTES

FEW = 15  # groups, of which a tenth would be fewer than two to hold out
CLIPPED = 0.01  # of the values of a row are its greatest, or its least
LONG = 100  # values, of fewer than which nothing is said about clipping
CHANNELS = 12  # more than these are samples
SHOWN = 12  # factors on the page
COARSE = 0.1  # of what varies in a row, of which less is left when it is smoothed by a twentieth of its length
PROPOSED = re.compile(r"say (--x .+)\.$")  # by a note of whoever read the data (`io.proposals`)
SLOW = 16  # times what one row takes must be read from disk for it


class Column(NamedTuple):
    """A factor: its kind, how many different values it has, the first and last of them, the rows of a value on average, and how
    many rows have NaN, which is no value.
    """

    kind: str
    distinct: int
    first: Any
    last: Any
    rows: float
    missing: int

    @property
    def could_be_groups(self) -> bool:
        """Whether it parts the rows into several groups of several rows."""
        return self.distinct > 1 and self.rows >= 2 and not self.missing


class Report(NamedTuple):
    """What one pass over a data set finds.

    Counts are of rows, statistics of finite rows; `sizes` are the least, median and greatest number of rows of a group. `notes`
    tell what is odd, yet can be used; `refusals` why a training would not begin, and what to do; `plan` what it would do.
    """

    rows: int
    row_shape: tuple[int, ...]
    dtype: str
    gigabytes: float
    on_disk: bool
    least: float
    greatest: float
    mean: float
    std: float
    not_finite: int
    lacking: int
    constant: int
    clipped: int
    repeated: int
    groups: int | None
    sizes: tuple[int, float, int]
    single: int
    factors: dict[str, Column]
    notes: list[str]
    refusals: list[str]
    plan: list[str]

    @property
    def keys(self) -> list[str]:
        """The factors that could be group keys, likely ones first."""
        keys = [name for name, column in self.factors.items() if column.could_be_groups]
        return sorted(keys, key=lambda name: self.factors[name].kind == "continuous")


def inspect(data: Dataset, method: Method | None = None, watch: Callable[[Iterable[Any]], Iterable[Any]] = iter) -> Report:
    """Read a data set once, a few rows at a time, and some rows again: what is in it, and what would a training do with it?

    It takes what a training refuses, too: rows with infinite values, or without any, are counted and left out of the
    statistics. So are rows that lack some values (NaN), from which a training learns.

    Args:
        data: the data.
        method: the method that would be trained, by default `SymAE()` for data with groups, else none.
        watch: passes the chunks of rows through, as a progress bar does.

    Raises:
        InputError: if rows cannot be read.
    """
    method = SymAE() if method is None and data.groups is not None else method
    parts, moments, ends, channels = [], None, Ends(), channels_of(data.row_shape, data.ordered)
    for _, rows in watch(data.chunks()):
        parts.append(_measured(flat := rows.reshape(len(rows), -1)))
        ends = ends.joined(flat[parts[-1].finite].astype(np.float64))
        if channels > 1:
            here = Moments.of(flat[parts[-1].finite], channels)
            moments = here if moments is None else moments.joined(here)
    every = _Rows(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    good, sizes = _Rows(*(column[every.finite] for column in every)), data.group_sizes

    def of_good(function: Callable[[np.ndarray], Any], values: np.ndarray) -> float:
        with np.errstate(over="ignore", invalid="ignore"):  # what is too large is refused below
            return float(function(values)) if values.size else np.nan

    report = Report(
        rows=len(data),
        row_shape=data.row_shape,
        dtype=str(data.x.dtype),
        gigabytes=prod(data.x.shape) * data.x.dtype.itemsize / 2**30,
        on_disk=is_lazy(data.x),
        least=of_good(np.min, good.least),
        greatest=of_good(np.max, good.greatest),
        mean=of_good(np.mean, good.mean),
        std=of_good(lambda std: np.sqrt(np.mean(std**2) + good.mean.var()), good.std),
        not_finite=len(data) - len(good.std),
        lacking=int(np.sum(good.lacking)),
        constant=int(np.sum(good.std == 0)),
        clipped=int(np.sum(good.clipped)),
        repeated=len(data) - len(np.unique(every.digest)),
        groups=None if data.groups is None else len(sizes),
        sizes=(int(sizes.min()), float(np.median(sizes)), int(sizes.max())),
        single=int(np.sum(sizes == 1)) if data.groups is not None else 0,
        factors={name: _column(data, name) for name in data.factors},
        notes=[],
        refusals=_refusals(data, method, every.finite),
        plan=[],
    )
    report = report._replace(notes=[*_notes(data, report), *ends.said()])
    if not good.std.size:
        return report
    try:
        found = survey(good.mean, good.std, data.row_shape, data.scaling, report.lacking, moments)
    except InputError as error:
        return report._replace(refusals=[*report.refusals, str(error)])
    report = report._replace(notes=[*report.notes, *_oscillating(data, method, every.finite & (every.std > 0))])
    return report._replace(plan=_plan(data, report, method, found))


def page(report: Report, source: str, groups: str) -> Group:
    """A report for people to read, about a file or data set of this name, whose group keys were looked for under that one."""
    size = f"{report.gigabytes:.3g} GB" if report.gigabytes >= 1 else f"{1024 * report.gigabytes:.3g} MB"
    place = ", on disk" if report.on_disk else ""
    spread = f"mean {report.mean:.4g}, standard deviation {report.std:.4g}"
    counts = {
        "with infinity or without any value": report.not_finite,
        "lacking values": report.lacking,
        "constant": report.constant,
        "flat at an end": report.clipped,
    }
    odd = [f"{count:,} {what}" for what, count in (counts | {"copies of others": report.repeated}).items() if count]
    least, median, greatest = report.sizes
    sizes = f"of {least} rows" if least == greatest else f"of {least} to {greatest} rows (median {median:g})"
    facts = [
        ("rows", f"{report.rows:,} of shape {report.row_shape}, {report.dtype}, {size}{place}"),
        ("values", f"{report.least:.4g} to {report.greatest:.4g}, {spread}"),
        ("odd rows", ", ".join(odd) or "none"),
        ("groups", "none" if report.groups is None else f"{report.groups:,} by {groups}, {sizes}"),
    ]
    title = "factors"
    for name, column in list(report.factors.items())[:SHOWN]:
        values = f"{column.distinct:,} values from {column.first} to {column.last}" if column.distinct > 1 else column.first
        facts.append((title, f"{name}: {column.kind}, {values}"))
        title = ""
    if len(report.factors) > SHOWN:
        facts.append(("", f"and {len(report.factors) - SHOWN} more"))
    parts = {"refused": report.refusals, "note": report.notes, "training": report.plan}
    words = [(title, sentence) for title, sentences in parts.items() for sentence in sentences]
    return Group(Text(source), _grid(facts), "", _grid(words))


def _grid(lines: Iterable[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    for title, words in lines:
        table.add_row(title, Text(words))
    return table


def advice(report: Report, source: str, groups: str, x: str, file: bool = True, how: Reading = AS_IT_IS) -> str:
    """What to type next, with the names of the data, of its group keys and rows, which can be others in a `file`, and `how`."""
    rows = (f" --x {shlex.quote(x)}" if x != "x" else "") + how.flags()
    keys = f" --groups {shlex.quote(groups)}" if groups != "groups" else ""
    name, out = shlex.quote(source), shlex.quote(f"runs/{Path(source).stem or 'mine'}")
    if proposed := next((found[1] for note in report.notes if (found := PROPOSED.search(note))), None):
        return f"next: unentangle inspect {name} {proposed}{'' if '--groups' in proposed else keys}{how.flags()}"
    if report.refusals:
        return f"then again: unentangle inspect {name}{rows}{keys}"
    if report.groups is not None:
        return f"next: unentangle fit {name} symae{rows}{keys} --out {out}"
    if report.keys and file:
        others = f"\n(or by {', '.join(report.keys[1:SHOWN])})" if len(report.keys) > 1 else ""
        return f"next: unentangle inspect {name}{rows} --groups {shlex.quote(report.keys[0])}{others}"
    needs = "SymAE needs a key per row: --groups" if file else "there are none for SymAE"
    return f"next: unentangle fit {name} nashae{rows} --out {out}\n(no groups are needed; {needs})"


# -- what a pass finds ----------------------------------------------------------------------------------------------------


class _Rows(NamedTuple):
    """What is measured of each row."""

    finite: Bool[np.ndarray, " n"]
    lacking: Bool[np.ndarray, " n"]
    mean: Float[np.ndarray, " n"]
    std: Float[np.ndarray, " n"]
    least: Float[np.ndarray, " n"]
    greatest: Float[np.ndarray, " n"]
    clipped: Bool[np.ndarray, " n"]
    digest: Int[np.ndarray, " n"]


def _measured(rows: np.ndarray) -> _Rows:
    digest = np.array([hash(row.tobytes()) for row in rows])
    flat = rows.astype(np.float64)
    gaps = np.isnan(flat)
    finite = np.asarray(~(np.isinf(flat).any(axis=1) | gaps.all(axis=1)))
    flat[~finite] = 0.0
    least, greatest = np.nanmin(flat, axis=1), np.nanmax(flat, axis=1)
    often = np.maximum(*(np.sum(flat == edge[:, None], axis=1) for edge in (least, greatest)))
    continua = flat.shape[1] >= LONG and rows.dtype.itemsize > 1  # bytes and bits are at their ends by nature
    clipped = (often > CLIPPED * flat.shape[1]) & (least < greatest) & (often > 2) & continua
    mean, std = mean_and_std(flat)
    return _Rows(finite, np.asarray(gaps.any(axis=1)), mean, std, least, greatest, clipped, digest)


def _column(data: Dataset, name: str) -> Column:
    column = data.factors[name]
    missing = np.isnan(column) if column.dtype.kind == "f" else np.zeros(len(column), bool)
    values = np.unique(column[~missing] if not missing.all() else column)
    rows = len(data) / len(values)
    return Column(data.factors.kinds[name], len(values), values[0].item(), values[-1].item(), rows, int(missing.sum()))


# -- in words -------------------------------------------------------------------------------------------------------------


def _refusals(data: Dataset, method: Method | None, finite: Bool[np.ndarray, " n"]) -> list[str]:
    refusals = []
    if not finite.all():
        bad = np.flatnonzero(~finite)
        where = f"row {bad[0]}" if len(bad) == 1 else f"{len(bad)} rows, the first of them row {bad[0]},"
        holds = "holds" if len(bad) == 1 else "hold"
        refusals.append(f"{where} {holds} infinite values, or none at all: leave such rows out.")
    if method is not None:
        try:
            method.check(data, method.recommended.batch)
        except InputError as error:
            refusals.append(str(error))
    return refusals


def _notes(data: Dataset, report: Report) -> list[str]:
    notes, shape = list(data.notes), report.row_shape
    if report.lacking:
        notes.append(
            f"{report.lacking} row(s) lack values (NaN): a training learns from the rest of them, or say --missing drop."
        )
    if report.constant:
        notes.append(f"{report.constant} row(s) are constant, so there is nothing in them: dead traces are better left out.")
    if report.clipped:
        notes.append(
            f"{report.clipped} row(s) have their greatest or least value in more than {CLIPPED:.0%} of their samples: clipped, "
            "silent or flat in parts by nature; clipped ones are better left out."
        )
    if report.repeated:
        notes.append(f"{report.repeated} row(s) are copies of others, to the last bit.")
    notes += [f"the factor {name} is NaN in {f.missing} row(s)." for name, f in report.factors.items() if f.missing]
    if report.single:
        notes.append(f"{report.single} group(s) have a single row, from which nobody can tell what varies.")
    if report.groups is not None and 1 < report.groups < FEW:
        notes.append(f"{report.groups} groups are too few to hold some out: what is learned cannot be tried on unseen ones.")
    named = any("row channel time" in note for note in data.notes)
    if len(shape) == 2 and shape[0] <= CHANNELS and shape[1] >= 4 * shape[0] and not named:
        notes.append(
            f"rows of shape {shape} are taken as {shape[0]} samples of {shape[1]} channels; if they are {shape[0]} channels of "
            f"{shape[1]} samples, say so by the names of the axes: --x 'NAME: row channel time'."
        )
    if is_lazy(data.x) and (times := data.x.read_ratio) > SLOW and report.gigabytes * 2**30 > RESIDENT_BYTES:
        notes.append(
            f"for each row {times:.0f} times as much must be read; save the file in chunks of one or a few whole rows."
        )
    return notes


def _oscillating(data: Dataset, method: Method | None, usable: Bool[np.ndarray, " n"]) -> list[str]:
    """Whether a blur leaves next to nothing of rows: of some of them, each about its mean and as loud as the others."""
    good = np.flatnonzero(usable)
    blur = 0.0 if method is None else numbers_of(method).get("terms.blur", 0.0)
    if not (good.size and at(blur, jnp.zeros(())) > 0):
        return []
    if not data.ordered:
        return ["the values of a row have no order, so a blur mixes what is unlike; SymAE blurs rows at first: say --blur 0."]
    some = int(np.clip((1 << 22) // prod(data.row_shape), 1, 64))
    rows = np.asarray(data.rows(good[evenly(len(good), some)]))
    scale = Scale(0.0, 1.0, row_axes=len(data.row_shape), missing=True)
    x = jnp.nan_to_num(jnp.asarray(scale.standardise(rows)))[None]  # what is missing is the mean
    x = x - jnp.mean(x, axis=row_axes(x), keepdims=True)  # of each channel
    left = float(jnp.sum(smooth(x, 0.05) ** 2) / jnp.sum(x**2))
    if left >= COARSE:
        return []
    return [
        f"rows have next to nothing coarse: smoothed by a twentieth of their length they keep {left:.1%} of what varies "
        "in them. They oscillate, or neighbouring values are unrelated; SymAE blurs rows at first, so say --blur 0."
    ]


def _plan(data: Dataset, report: Report, method: Method | None, found: Survey) -> list[str]:
    scale, loudness = found.scale, found.loudness
    if isinstance(scale.std, tuple):
        units = sorted(std for k, std in enumerate(scale.std) if k not in found.empty)
        plan = [
            f"Each of the {len(scale.std)} {'channels' if data.ordered else 'features'} is standardised by itself, as their "
            f"standard deviations go from "
            f"{units[0]:.3g} to {units[-1]:.3g}."
        ]
    elif scale.row_axes:
        plan = [
            f"Each row is standardised by itself, as their standard deviations go from {loudness[0]:.3g} to {loudness[1]:.3g} "
            "and a tenth of the rows would else be all that counts; its level travels with its code."
        ]
    else:
        plan = [f"All rows are standardised by one mean, {scale.mean:.4g}, and one standard deviation, {scale.std:.4g}."]
    if report.on_disk and 4 * data.x.size > RESIDENT_BYTES:
        plan.append("The rows stay on disk and are read as they are needed.")
    if method is None or data.groups is None:
        return plan
    number, instances = method.recommended.batch if isinstance(method.recommended.batch, tuple) else (1, 1)
    small = int(np.sum(data.group_sizes < instances))
    drawn = f"A step draws {min(number, len(data.group_sizes))} of the {report.groups} groups and {instances} rows of each"
    plan.append(f"{drawn}; {small} group(s) have fewer, and repeat some of theirs." if small else f"{drawn}.")
    return plan
