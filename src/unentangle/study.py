"""Many settings times many seeds: one tidy table.

A cell is one setting of a method with one seed. Settings that differ only in numbers, such as lam or beta, ride with the seeds
in one compiled program; other fields, such as m, make programs of their own. Every finished cell is a file at once, so a
stopped study goes on where it was.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from csv import DictWriter
from dataclasses import fields
from hashlib import sha256
from io import StringIO
from itertools import groupby
from pathlib import Path
from time import monotonic
from typing import Any

import jax
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from .data.dataset import Dataset
from .errors import Diverged
from .evaluate import evaluate
from .methods.protocol import Method
from .model import Model, describe
from .schedules import Number
from .storage import plain, read_json, write, write_json
from .train import Member, Program, check_seeds, numbers_of, prepare, settings

Measure = Callable[[Model, Dataset], Mapping[str, float]]
Row = dict[str, Any]


def study(
    methods: Sequence[Method],
    data: Dataset,
    *,
    seeds: int | Iterable[int] = range(8),
    measure: Measure = evaluate,
    out: str | Path | None = None,
    steps: int | None = None,
    batch: int | tuple[int, int] | None = None,
    lr: Number | None = None,
    replacement: bool = True,
    at_once: int | None = None,
    progress: bool = True,
) -> list[Row]:
    """Train every method with every seed, measure each, and return one row per cell.

    Args:
        methods: the settings, for example [NashAE(m, lam) for m in (4, 8) for lam in (0, 0.2)].
        data: what all train on.
        seeds: of the trainings.
        measure: what is kept of a model: numbers by name.
        out: a folder in which every finished cell is kept, and `table.csv`; the same call goes on from there.
        steps, batch, lr, replacement: as in `train`; by default what each method recommends.
        at_once: how many cells train as one program; by default 8 on a CPU and 128 elsewhere.
        progress: show what is done and how long is left.

    Returns:
        one dict per cell, in the order of methods, then seeds: `method`, its plain fields, `seed`, the measures, `seconds` (of
        training, per cell), and `diverged`. The measures of a cell that diverged are missing.

    Raises:
        InputError: before any training, if the data or a setting cannot be used.
    """
    seeds = check_seeds(seeds)
    trainers = [prepare(m, data, steps, batch, lr, replacement) for m in methods]
    size = at_once or (8 if jax.default_backend() == "cpu" else 128)
    folder = None if out is None else Path(out)
    keys = {(i, s): _key(t.method, s, settings(t), measure) for i, t in enumerate(trainers) for s in seeds}
    rows = {cell: row for cell, key in keys.items() if folder and (row := _kept(folder, key)) is not None}
    with _Display(len(keys), len(rows), progress) as display:
        for _, alike in groupby(
            sorted(range(len(methods)), key=lambda i: _program(methods[i])), lambda i: _program(methods[i])
        ):
            open_cells = [(i, s) for i in alike for s in seeds if (i, s) not in rows]
            if not open_cells:
                continue
            program = Program(trainers[open_cells[0][0]])
            for team in program.teams([Member(methods[i], s) for i, s in open_cells], size):
                cells, open_cells = open_cells[: len(team)], open_cells[len(team) :]
                for cell, row in zip(cells, _played(program, team, measure), strict=True):
                    rows[cell] = row
                    if folder:
                        write_json(_path(folder, keys[cell]), {"key": keys[cell], "row": row})
                display.show(len(team), f"{describe(team[0].method)['name']} {_numbers(team[0].method)}")
    table = [rows[cell] for cell in keys]
    if folder:
        write(folder / "table.csv", csv(table))
    return table


def csv(table: Sequence[Row]) -> str:
    """A table as comma-separated values, with every column that any row has."""
    text = StringIO(newline="")
    lines = DictWriter(text, list(dict.fromkeys(name for row in table for name in row)), lineterminator="\n")
    lines.writeheader()
    lines.writerows(table)
    return text.getvalue()


def _played(program: Program, team: Sequence[Member], measure: Measure) -> list[Row]:
    """One row per member; if the team diverges, each member has another try alone."""
    start = monotonic()
    try:
        trained = [model for model, _ in program.play(team)]
    except Diverged:
        if len(team) > 1:
            return [row for member in team for row in _played(program, [member], measure)]
        return [_row(team[0]) | {"diverged": True}]
    seconds = round((monotonic() - start) / len(team), 3)
    data = program.trainer.dealer.data
    found = [{k: plain(v) for k, v in measure(model, data).items()} for model in trained]
    return [_row(m) | values | {"seconds": seconds, "diverged": False} for m, values in zip(team, found, strict=True)]


def _row(member: Member) -> Row:
    described = describe(member.method)
    return {"method": described.pop("name"), **{k: v for k, v in described.items() if v is not None}, "seed": member.seed}


def _numbers(method: Method) -> str:
    named = {f.name: getattr(method, f.name) for f in fields(method)}  # pyright: ignore[reportArgumentType]
    return " ".join(f"{name}={v}" for name, v in named.items() if isinstance(v, int | float) and not isinstance(v, bool))


def _program(method: Method) -> str:
    """What methods have in common that are one program: all but the values of their numbers."""
    numbers, described = numbers_of(method), describe(method)
    shapes = {name: str(jax.tree.structure(number)) for name, number in numbers.items()}
    functions = {name: id(number) for name, number in numbers.items() if any(map(callable, jax.tree.leaves(number)))}
    return json.dumps([{k: v for k, v in described.items() if k not in numbers}, shapes, functions], sort_keys=True)


def _key(method: Method, seed: int, trained: dict[str, Any], measure: Measure) -> dict[str, Any]:
    name = getattr(measure, "__qualname__", str(measure))
    return plain({"method": describe(method), "seed": seed, **trained, "measure": name})


def _path(folder: Path, key: dict[str, Any]) -> Path:
    digest = sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    return folder / "cells" / f"{digest}.json"


def _kept(folder: Path, key: dict[str, Any]) -> Row | None:
    path = _path(folder, key)
    kept = read_json(path) if path.exists() else {}
    return kept["row"] if kept.get("key") == key else None


class _Display:
    """How many cells are done and how long is left: a bar on a terminal, a line per team elsewhere."""

    def __init__(self, total: int, done: int, progress: bool):
        self.console = Console(stderr=True, quiet=not progress, highlight=False)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        self.bar = Progress(*columns, console=self.console, disable=not self.console.is_terminal, speed_estimate_period=600)
        self.total, self.before, self.done, self.start = total, done, done, monotonic()
        self.task = self.bar.add_task("cells", total=total, completed=done)

    def __enter__(self) -> "_Display":
        self.bar.start()
        if self.done and not self.console.is_terminal:
            self.console.print(f"{self.done} of {self.total} cells were done before")
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.stop()

    def show(self, cells: int, name: str) -> None:
        """So many cells more are done, of which the first is called this."""
        self.done += cells
        self.bar.update(self.task, completed=self.done, description=name)
        if not self.console.is_terminal:
            spent = monotonic() - self.start
            left = spent * (self.total - self.done) / (self.done - self.before)
            self.console.print(f"{self.done} of {self.total} cells, {spent / 60:.1f} min, about {left / 60:.1f} left  ({name})")
