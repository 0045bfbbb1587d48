"""Train a method on data: settings, their checks, and the run that comes out."""

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..data.dataset import Dataset, evenly
from ..errors import Diverged, InputError
from ..methods.description import describe
from ..methods.protocol import Method, is_size, numbers_of, with_numbers
from ..model import Model
from ..progress import Display
from ..schedules import Number, at
from ..storage import alone
from . import engine
from .batches import Batches
from .engine import Program
from .run import Record, RunFolder
from .step import Spec, Trainer


@dataclass(frozen=True)
class Run(Sequence[Model]):
    """The trained models of one run, in the order of their seeds; `run[0]` is the first one's."""

    seeds: tuple[int, ...]
    models: tuple[Model, ...]
    history: tuple[Record, ...]
    data: Dataset
    snapshots: tuple[dict[int, Model], ...] = ()
    """Of each seed, the models that were asked for, by step."""

    def __getitem__(self, position):
        return self.models[position]

    def __len__(self) -> int:
        return len(self.models)

    def best(self) -> Model:
        """The model that falls least short of what its method is for (`shortfall`) on up to 4,096 rows of the training data."""
        rows = self.data.take(evenly(len(self.data), 4096))
        return self.models[least([model.shortfall(rows) for model in self.models])]

    def __repr__(self) -> str:
        return f"Run({len(self)} models of {self.models[0].method!r}; seeds {', '.join(map(str, self.seeds))})"


def least(values: Sequence[float | None]) -> int:
    """The position of the least of some numbers; NaN or None is no number."""
    return int(np.argmin(np.nan_to_num(np.array(values, float), nan=np.inf)))


def train(
    method: Method,
    data: Dataset,
    *,
    seeds: int | Iterable[int] = 0,
    steps: int | None = None,
    batch: int | tuple[int, int] | None = None,
    lr: Number | None = None,
    replacement: bool | None = None,
    out: str | Path | None = None,
    snapshots: Sequence[int] = (),
    progress: bool = True,
) -> Run:
    """Train a method on data, once per seed.

    Args:
        method: its numbers; what is not given here has the method's recommended value.
        seeds: one number or several; the data's own seed is another one. On a CPU a seed's result is the same whatever others
            are trained.
        steps: how many.
        batch: rows per batch, or (groups, instances per group) for methods of groups.
        lr: learning rate, a number or a schedule.
        replacement: whether a batch of rows may hold a row twice; by default it may, unless the method's estimates forbid it.
            Instances of one group are different ones anyway, as far as there are so many.
        out: a folder in which the training is kept as it goes: the same call goes on from there, bit for bit, after any stop.
        snapshots: steps, multiples of 50, after which the models are kept in `out` as well: `run.snapshots`.
        progress: show a bar with the named loss terms.

    Raises:
        InputError: before any training, if the data or the settings cannot be used, or `out` holds another run.
        Diverged: if a loss is not finite; the last good checkpoint stays in `out`.
    """
    seeds = check_seeds(seeds)
    trainer = prepare(method, data, steps, batch, lr, replacement)
    about = settings(trainer) | {"method": describe(method)}
    folder = None if out is None else RunFolder.of(Path(out), about)
    program = None if folder and folder.holds(seeds) else Program(trainer)  # what is finished is read, and not compiled again
    if snapshots and (folder is None or any(step % engine.CHUNK or not 0 < step <= trainer.steps for step in snapshots)):
        multiples = f"multiples of {engine.CHUNK} up to {trainer.steps}"
        raise InputError(f"snapshots={list(snapshots)}; they need `out`, and {multiples}.")
    if folder:
        others = {"snapshots": list(snapshots)} if snapshots else {}
        folder.claim(about | {"seeds": seeds} | others)
    specs, results, failed = [Spec(method, seed) for seed in seeds], dict[int, tuple[Model, Record]](), list[Diverged]()
    with alone(folder.path) if folder else nullcontext(), Display(progress) as display:
        for together in engine.teams(specs):
            own = tuple(spec.seed for spec in together)
            name = f"seed {own[0]}" if len(own) == 1 else f"seeds {own[0]}..{own[-1]}"

            def show(step: int, terms: dict[str, float], name: str = name) -> None:
                words = "  ".join(f"{term} {value:.4g}" for term, value in terms.items())
                display.update(name, step, trainer.steps, f"step {step} of {trainer.steps}  {words}")

            if not (folder and (trained := folder.finished(own, method))):
                assert program
                try:
                    trained = dict(zip(own, program.run(together, folder, show, snapshots), strict=True))
                except Diverged as error:
                    failed.append(error)  # the other seeds are trained all the same
                    continue
                if folder:
                    for seed in own:
                        folder.finish(seed, *trained[seed])
            if folder:
                folder.forget(own)
            results |= trained
    if failed:
        raise failed[0]
    models, records = zip(*(results[s] for s in seeds), strict=True)
    stages = tuple({step: folder.load(s, method, step) for step in snapshots} for s in seeds if folder)
    return Run(seeds, models, records, data, stages)


def prepare(
    method: Method,
    data: Dataset,
    steps: int | None = None,
    batch: int | tuple[int, int] | None = None,
    lr: Number | None = None,
    replacement: bool | None = None,
) -> Trainer:
    """The trainer of a method on data, with the method's recommended values where none are given.

    Raises:
        InputError: if the data or the settings cannot be used.
    """
    recommended = method.recommended
    steps = recommended.steps if steps is None else steps
    sizes: Any = recommended.batch if batch is None else batch
    lr = recommended.lr if lr is None else lr
    if not isinstance(data, Dataset):
        raise InputError(f"data is of type {type(data).__name__}; a Dataset is needed: unentangle.Dataset(x, groups=keys).")
    if isinstance(recommended.batch, tuple):
        sizes = tuple(sizes) if isinstance(sizes, Iterable) else (sizes,)
        if len(sizes) != 2:
            raise InputError(f"batch={batch}; this method needs (groups, instances per group), such as {recommended.batch}.")
    elif isinstance(sizes, Iterable):
        raise InputError(f"batch={batch}; this method needs a number of rows, such as {recommended.batch}.")
    if not all(map(is_size, (steps, *(sizes if isinstance(sizes, tuple) else (sizes,))))):
        raise InputError(f"steps={steps} and batch={batch}; whole numbers of at least 1 are needed.")
    replacement = method.may_repeat if replacement is None else replacement
    if replacement and not method.may_repeat:
        raise InputError(f"replacement=True; {method!r} needs batches of different rows.")
    if not replacement and np.prod(sizes) > len(data):
        raise InputError(f"batches of {np.prod(sizes)} different rows were asked for; the data has {len(data)}.")
    check_numbers(method, lr)
    method.check(data, sizes)
    _ = data.scale  # checks every value
    return Trainer(method, Batches(data, sizes, method.second_batch, bool(replacement)), steps, lr)


def settings(trainer: Trainer) -> dict[str, Any]:
    """What distinguishes trainings from each other, besides method and seeds."""
    batches = trainer.batches
    about = {"steps": trainer.steps, "batch": batches.size, "lr": describe(trainer.lr), "data": batches.data.fingerprint}
    return about if batches.replacement else about | {"replacement": False}


def check_seeds(seeds: int | Iterable[int]) -> tuple[int, ...]:
    """One or more different numbers below 2 ** 32, or an InputError."""
    seeds = (seeds,) if isinstance(seeds, int | np.integer) else tuple(seeds)
    if not seeds or len(set(seeds)) < len(seeds):
        raise InputError(f"seeds are {list(seeds)}; one or more different numbers are needed.")
    if min(seeds) < 0 or max(seeds) >= 2**32:
        raise InputError(f"seeds are {list(seeds)}; each must be at least 0 and less than 2 ** 32.")
    return seeds


def check_numbers(method: Method, lr: Number, points: int = 101) -> None:
    """Let the method check its own numbers along the whole training, at so many points, and check the learning rate.

    Raises:
        InputError: if a number is out of its bounds at some point, or a schedule is no function of progress.
    """
    progress = np.linspace(0, 1, points, dtype=np.float32)
    ramps = numbers_of(method) | {"lr": lr}
    try:
        along = {name: jax.vmap(lambda t, n=n: at(n, t).reshape(()))(jnp.asarray(progress)) for name, n in ramps.items()}
    except (TypeError, ValueError) as error:
        raise InputError(f"a schedule is no function of progress that jax can trace: {str(error).splitlines()[0]}") from error
    values = {name: np.asarray(column) for name, column in along.items()}
    for t, rate in zip(progress, values.pop("lr"), strict=True):
        if not 0 <= rate < np.inf:
            raise InputError(f"lr={lr} is {float(rate)} after {float(t):.0%}; it must be finite and not negative.")
    for row in dict.fromkeys(zip(*(column.tolist() for column in values.values()), strict=True)):  # each combination once
        with_numbers(method, dict(zip(values, row, strict=True)))
