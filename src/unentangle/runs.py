"""A run folder from its names: the data it was made of, found again, and its models."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .data.dataset import Dataset
from .data.transforms import Transform, restored
from .datasets import DATASETS
from .errors import InputError, short
from .io import read
from .methods.protocol import Method
from .model import Model
from .reading import AS_IT_IS, Reading
from .report import HELD_OUT, Report, report, split
from .storage import digest, plain, read_json, write_json
from .train import train
from .train.run import RunFolder


class Source(NamedTuple):
    """What `source.json` says about the data of a run: its file or name, the names in it, what was held out, the transforms,
    and how rows are read. A digest of these and of `config.json` is with them, so that no other file is opened in their place.
    """

    data: str
    groups: str = "groups"
    x: str = "x"
    held_out: float = 0.0
    transforms: Sequence[dict[str, Any]] = ()
    how: Mapping[str, Any] = AS_IT_IS.given()


SOURCE = {
    "data": str, "groups?": str, "x?": str, "held_out?": (int, float), "transforms?": [{"transform": str, "*": object}],
    "how?": {"*": object}, "digest?": str,
}  # fmt: skip
LOST = 1e-3  # of a standard deviation, by rounding
ROSE = 100.0  # times its least value, of a loss that stays finite
MEASURES = {"best": int, "*": object}


class Opened(NamedTuple):
    """A finished run: what `report` takes, and the name of the data."""

    models: list[Model]
    seeds: tuple[int, ...]
    data: Dataset
    rows: np.ndarray
    name: str


def open_data(name: str, groups: str | None = None, x: str | None = None, how: Reading = AS_IT_IS) -> Dataset:
    """A data set of the package by its name in `datasets.DATASETS`; or a file or folder, in which the group keys ("" for none)
    and the rows have these names, by default "groups" and "x".
    """
    if name in DATASETS:
        if (groups, x, how) != (None, None, AS_IT_IS):
            flags = ", ".join(f"--{flag}" for flag in ("groups", "x", *how.given()))
            raise InputError(f"{name} is a data set of the package, not a file: {flags} are for files.")
        return DATASETS[name]()
    if not Path(name).suffix and not Path(os.path.expanduser(name)).exists():
        raise InputError(f"{name!r} is neither a data set ({', '.join(DATASETS)}) nor a file or folder.")
    return read(name, groups="groups" if groups is None else groups or None, x=x or "x", **how.given())


def data_for(run: Path, name: str, groups: str | None = None, x: str | None = None, how: Reading = AS_IT_IS) -> Dataset:
    """Data under the names that the run had, and read as that was, unless others are given. Group keys in a file of their own
    are those of the run's rows only.
    """
    source = _source(run)
    if name in DATASETS or source is None:
        return open_data(name, groups, x, how)
    own = source.groups
    if _key_file(own) and str(Path(name).resolve()) != source.data:
        own = "groups"
    return open_data(name, own if groups is None else groups, x or source.x, how if how.given() else Reading(**source.how))


def model_of(run: Path, seed: int | None = None) -> Model:
    """The model of a seed; by default the best one of `metrics.json`, or the first if none was measured.

    Raises:
        InputError: if the run has no such model, or its files are damaged.
    """
    config = RunFolder.config(run)
    folder, seeds = RunFolder.of(run, config), config["seeds"]
    if seed is None and (run / "metrics.json").exists():
        seed = read_json(run / "metrics.json", MEASURES, "measures of a run")["best"]
    chosen = seeds[0] if seed is None else seed
    if chosen not in seeds:
        raise InputError(f"{run} has no seed {chosen}; it has {', '.join(map(str, seeds))}.")
    if not folder.model(chosen).exists():
        raise InputError(f"{run} has no model of seed {chosen} yet: its training is not finished; the same command goes on.")
    return folder.load(chosen)


def open_run(run: Path) -> Opened:
    """The models of a finished run, its data, and the rows that are measured.

    Raises:
        InputError: if the run is not finished, or the data has changed.
    """
    config, source = RunFolder.config(run), _source(run)
    if source is None:
        raise InputError(f"{run} has no source.json: it was not finished by `fit`, whose same command goes on.")
    names: Any = () if source.data in DATASETS else (source.groups, source.x, Reading(**source.how))
    whole = open_data(source.data, *names).through(*restored(source.transforms))
    data, rows = split(whole, source.held_out)
    if plain(data.fingerprint) != config.get("data"):
        raise InputError(f"{source.data} is no longer the data that {run} was trained on.")
    seeds = tuple(config["seeds"])
    return Opened([model_of(run, seed) for seed in seeds], seeds, whole, rows, source.data)


def _in_words(method: Method) -> str:
    """A method and those of its settings that are not the defaults."""
    default = {f.name: f.default for f in fields(method)}  # pyright: ignore[reportArgumentType]
    own = [f"{name}={getattr(method, name)!r}" for name, value in default.items() if getattr(method, name) != value]
    own = [short(" ".join(setting.split()), 80) for setting in own if not setting.startswith("recommended=")]
    return f"{type(method).__name__} with " + (", ".join(own) + ", else its defaults" if own else "its defaults")


def fit(
    name: str,
    method: Method,
    out: Path,
    *,
    groups: str | None = None,
    x: str | None = None,
    how: Reading = AS_IT_IS,
    held_out: float | None = None,
    transforms: Sequence[Transform] = (),
    say: Callable[[str], Any] = print,
    **settings: Any,
) -> Report:
    """Train a method on data by its name, and keep everything in a folder: models, histories, where the data is from, measures
    and figures.

    Args:
        name, groups, x, how: as for `open_data`.
        method: which method, with its numbers.
        out: the folder; the same call goes on with an interrupted run.
        held_out: the share of the groups that is measured, not trained on; by default `HELD_OUT` of a file, and none of the
            data sets of the package.
        transforms: what is done to the rows first.
        say: takes what there is to know, a line at a time.
        settings: of `train`: seeds, steps, batch, lr.
    """
    from . import plots
    from .storage import save

    whole, packaged = open_data(name, groups, x, how).through(*transforms), name in DATASETS
    share = (0.0 if packaged else HELD_OUT) if held_out is None else held_out
    known = whole.truth is not None and whole.truth.listed and any(part.per == "group" for part in method.parts)
    if held_out and known:
        raise InputError(f"{name} is measured on every shift of every state, which are known; --held-out is for other data.")
    say(f"{name}: {whole}\n{_in_words(method)}")
    data, rows = split(whole, share)
    for oddity in (*whole.oddities(), *_rounded(data)):
        say(f"note: {oddity}")
    if out_of_training := len(whole) - len(data):
        some = f", of which {len(rows)} are" if len(rows) < out_of_training else ", which are"
        say(f"held out: {out_of_training} rows{some} measured below")
    elif share:
        say("note: the groups are too few to hold some out; what is measured below was seen in training.")
    elif packaged and whole.groups is not None and not known:
        enough = max(HELD_OUT, np.ceil(200 / len(whole.group_names)) / 100)
        say(f"note: what is measured below was seen in training; --held-out {enough:g} keeps some groups for that.")
    start = time.monotonic()
    run = train(method, data, out=out, **settings)
    path = name if packaged else str(Path(os.path.expanduser(name)).resolve())
    keys = _resolved("groups" if groups is None else groups)
    source = Source(path, keys, x or "x", share, data.chain.described(), how.given())._asdict()
    source = {k: v for k, v in source.items() if v or k not in ("transforms", "how")}
    write_json(out / "source.json", source | {"digest": _signed(out, source)})
    say(f"trained in {time.monotonic() - start:.0f} s")
    for seed, record in zip(run.seeds, run.history, strict=True):
        for term, values in record.terms.items():
            if term == "reconstruction" and values[-1] > ROSE * max(min(values), 1e-30):
                rose = f"rose from {min(values):.3g} to {values[-1]:.3g}"
                say(f"note: seed {seed} diverged: its error of reconstruction {rose}; try a tenth of --lr.")
    histories = [record.steps for record in run.history], [record.terms for record in run.history]
    save(plots.history(*histories, [f"seed {seed}" for seed in run.seeds]), out / "history.png")
    return report(out, run.models, run.seeds, whole, rows)


def _rounded(data: Dataset) -> list[str]:
    """What single precision, which models compute and give rows in, leaves of rows that lie far from 0."""
    lost = float(np.max(np.abs(data.scale.mean) / data.scale.std)) * 2.0**-24
    if lost < LOST:
        return []
    return [
        f"rows lie so far from 0 that single precision, in which models give them, rounds them by {lost:.1%} of a standard "
        "deviation: subtract what is common to all first."
    ]


def _resolved(groups: str) -> str:
    """The keys in a file, `keys.npy` or `table.csv:column`, by the whole path of that file; other keys as they are."""
    file = _key_file(groups)
    return f"{Path(file).resolve()}{groups.removeprefix(file)}" if file else groups


def _key_file(groups: str) -> str:
    """The file that keys are in, if they are in one of their own."""
    return next((name for name in (groups, groups.rpartition(":")[0]) if Path(name).is_file()), "")


def _source(run: Path) -> Source | None:
    path = run / "source.json"
    if not path.exists():
        return None
    content = read_json(path, SOURCE, "source of a run")
    if content.pop("digest", "") != _signed(run, content):
        raise InputError(f"{path} is not as `fit` has written it, so its data is not opened; the same fit writes it again.")
    return Source(**content)


def _signed(run: Path, source: Mapping[str, Any]) -> str:
    return digest([plain(source), RunFolder.config(run)])
