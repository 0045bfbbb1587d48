"""Many settings times many seeds: one tidy table.

A cell is one setting of a method with one seed. Settings that differ only in numbers, such as lam or beta, share one compiled
program with all seeds; other fields, such as m, make programs of their own. Every finished cell is written to a file at once,
and unfinished ones leave checkpoints, so a stopped study goes on where it was. Cells that train together are the same ones
then, because a cell's last bits may depend on its company on a GPU.
"""

import json
import math
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from csv import DictWriter
from dataclasses import fields
from functools import partial
from io import StringIO
from itertools import groupby
from pathlib import Path
from time import monotonic
from typing import Any

import equinox as eqx
import jax

from .data.dataset import Dataset
from .errors import Diverged, InputError
from .evaluate import evaluate
from .methods.description import describe
from .methods.protocol import Method, numbers_of, with_numbers
from .model import Model
from .progress import Display
from .schedules import Number
from .storage import alone, digest, plain, read_json, sweep, write, write_json
from .train.engine import Program, teams
from .train.run import RunFolder
from .train.step import Spec, Trainer, part
from .train.training import check_seeds, prepare, settings

Measure = Callable[[Model, Dataset], Mapping[str, float]]
Row = dict[str, Any]
CELL = {"key": {"*": object}, "row": {"*": object}}


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
    replacement: bool | None = None,
    at_once: int = 128,
    progress: bool = True,
) -> list[Row]:
    """Train every method with every seed, measure each, and return one row per cell.

    Args:
        methods: the settings, for example [NashAE(m, lam) for m in (4, 8) for lam in (0, 0.2)].
        data: what all train on.
        seeds: of the trainings.
        measure: a function (model, data) that returns numbers by name.
        out: a folder in which every finished cell is kept, and `table.csv`; the same call goes on from there.
        steps, batch, lr, replacement: as in `train`; by default what each method recommends.
        at_once: how many cells train together on a GPU; on a CPU each trains alone.
        progress: show what is done and how long is left.

    Returns:
        one dict per cell, in the order of methods, then seeds: `method`, its plain fields, `seed`, the measures, `seconds` (of
        training, per cell), and `diverged`. The measures of a cell that diverged are missing.

    Raises:
        InputError: before any training, if the data or a setting cannot be used.
    """
    methods, seeds = tuple(methods), check_seeds(seeds)
    if not methods or at_once < 1:
        raise InputError(
            f"{len(methods)} methods and at_once={at_once}; at least one method, and one cell at once, are needed."
        )
    trainers = [prepare(m, data, steps, batch, lr, replacement) for m in methods]
    folder = None if out is None else Path(out)
    keys = {(i, s): _key(t, s, measure) for i, t in enumerate(trainers) for s in seeds}
    rows = {cell: row for cell, key in keys.items() if folder and (row := _saved(folder, key)) is not None}
    costs = [cost(t) for t in trainers]
    programs = [_program(m) for m in methods]
    for part_of in (folder, folder / "cells") if folder else ():
        part_of.mkdir(parents=True, exist_ok=True)
        sweep(part_of)
    with alone(folder) if folder else nullcontext(), Display(progress) as display:

        def show(cells: Sequence[tuple[int, int]] = (), step: int = 0, terms: Any = None) -> None:
            """These cells have trained so many steps; the cells that have a row are done."""
            share = step / trainers[cells[0][0]].steps if cells else 0.0
            done = sum(costs[i] for i, _ in rows) + share * sum(costs[i] for i, s in cells if (i, s) not in rows)
            label = f" ({_name(methods[cells[0][0]])})" if cells else ""
            display.update("cells", done, sum(costs[i] for i, _ in keys), f"{len(rows)} of {len(keys)} done{label}")

        show()
        for _, alike in groupby(sorted(range(len(methods)), key=programs.__getitem__), key=programs.__getitem__):
            left, program = [(i, s) for i in alike for s in seeds], None
            for specs in teams([Spec(methods[i], s) for i, s in left], at_once):
                cells, left = left[: len(specs)], left[len(specs) :]
                if all(cell in rows for cell in cells):
                    continue
                program = program or Program(trainers[cells[0][0]])
                place = folder / "open" / digest([keys[cell] for cell in cells]) if folder else None
                if place:
                    place.mkdir(parents=True, exist_ok=True)
                trained = _trained(program, specs, measure, place, partial(show, cells))
                for cell, row in zip(cells, trained, strict=True):
                    rows[cell] = row
                    if folder:
                        write_json(_path(folder, keys[cell]), {"key": keys[cell], "row": row})
                show(cells)
                if place:
                    shutil.rmtree(place, ignore_errors=True)
    table = [rows[cell] for cell in keys]
    if folder:
        shutil.rmtree(folder / "open", ignore_errors=True)
        write(folder / "table.csv", csv(table))
    return table


def cost(trainer: Trainer) -> float:
    """How much work a training is, up to a factor: weights moved, as often as they are."""
    net, _ = eqx.filter_eval_shape(trainer.method.init, trainer.batches.data.row_shape, jax.random.key(0))
    sizes = jax.tree.map(lambda w: math.prod(w.shape) if hasattr(w, "shape") else 0, net)
    moved = 0
    for player in trainer.method.players():
        parts = [part(sizes, path) for path in player.parts] or sizes
        moved += player.times * sum(size for size in jax.tree.leaves(parts) if isinstance(size, int))
    return float(moved * trainer.steps)


def csv(table: Sequence[Row]) -> str:
    """A table as comma-separated values, with every column that any row has."""
    text = StringIO(newline="")
    lines = DictWriter(text, list(dict.fromkeys(name for row in table for name in row)), lineterminator="\n")
    lines.writeheader()
    lines.writerows(table)
    return text.getvalue()


def _trained(
    program: Program, specs: Sequence[Spec], measure: Measure, place: Path | None, show: Callable[[int, Any], None]
) -> Iterator[Row]:
    """One row per spec, as soon as it is measured; if specs that train together diverge, each is trained once more alone."""
    start = monotonic()
    try:
        trained = program.run(specs, RunFolder(place, place.name) if place else None, show)
    except Diverged:
        if len(specs) > 1:
            for spec in specs:
                yield from _trained(program, [spec], measure, None, show)
        else:
            yield _row(specs[0]) | {"diverged": True}
        return
    seconds = round(max((monotonic() - start) / len(specs), trained[0][1].seconds[-1]), 3)
    for spec, (model, _) in zip(specs, trained, strict=True):
        values = plain(dict(measure(model, program.trainer.batches.data)))
        yield _row(spec) | values | {"seconds": seconds, "diverged": False}


def _row(spec: Spec) -> Row:
    described = describe(spec.method)
    weights = {term["term"]: term["weight"] for term in described.pop("terms", []) if "term" in term}
    plain = {name: value for name, value in described.items() if value is not None} | weights
    return {"method": plain.pop("name"), **plain, "seed": spec.seed}


def _name(method: Method) -> str:
    named = {f.name: getattr(method, f.name) for f in fields(method)}  # pyright: ignore[reportArgumentType]
    numbers = (f"{name}={v}" for name, v in named.items() if isinstance(v, int | float) and not isinstance(v, bool))
    return " ".join([type(method).__name__, *numbers])


def _program(method: Method) -> str:
    """What methods of one program have in common: all but the values of their numbers."""
    numbers = numbers_of(method)
    shapes = {name: str(jax.tree.structure(number)) for name, number in numbers.items()}
    functions = {name: id(number) for name, number in numbers.items() if any(map(callable, jax.tree.leaves(number)))}
    rest = describe(with_numbers(method, dict.fromkeys(numbers, 0.0)))
    return json.dumps([type(method).__qualname__, rest, shapes, functions], sort_keys=True)


def _key(trainer: Trainer, seed: int, measure: Measure) -> dict[str, Any]:
    return plain({"method": describe(trainer.method), "seed": seed, **settings(trainer), "measure": describe(measure)})


def _path(folder: Path, key: dict[str, Any]) -> Path:
    return folder / "cells" / f"{digest(key)}.json"


def _saved(folder: Path, key: dict[str, Any]) -> Row | None:
    if not (path := _path(folder, key)).exists():
        return None
    saved = read_json(path, CELL, "cell of a study")
    return saved["row"] if saved["key"] == key else None
