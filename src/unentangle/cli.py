"""The command line: `unentangle` alone says what to type next."""

import csv
import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, fields, make_dataclass
from functools import partial
from inspect import getdoc, signature
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import jax
import matplotlib as mpl
import numpy as np
import tyro
from docstring_parser import parse
from rich.console import Console
from rich.progress import track
from rich.table import Table
from tyro.conf import Positional, arg

from . import __version__, plots, recipes
from .data import Dataset
from .data.dataset import Factors, evenly
from .data.transforms import Bandpass, Envelope, Resample, Taper, Transform, Window, restored
from .datasets import beamsynthesis, celeba, dsprites, ipoc, mnist, mobil, mra, mra_states, seismic
from .errors import Diverged, InputError
from .evaluate import Instances, agreement, instances, mra_baselines
from .evaluate import evaluate as measure
from .figures import figures, latent_figures, mra_figures
from .inspection import advice, page
from .inspection import inspect as look_at
from .io import read
from .io.columns import numbers
from .io.outputs import Columns, new_file
from .io.tables import read_table
from .io.writing import write_dataset
from .methods import METHODS, SymAE
from .methods.latent import Latents
from .methods.protocol import Method
from .metrics import Score, Scores, scores
from .metrics.tables import missing
from .model import Model
from .schedules import Number
from .storage import cache_folder, plain, read_json, save, write, write_json
from .streams import encode_file, swap_file
from .train.memory import keep_freed
from .train.run import RunFolder
from .train.training import least, train

CONSOLE = Console(highlight=False, width=None if sys.stdout.isatty() else 110)

WELCOME = f"""unentangle {__version__}: separate what stays from what varies in data, and recombine them.

  unentangle demo --out runs/demo                       SymAE on shifted signals: learns, swaps and is measured (2 minutes)
  unentangle fit mra symae --out runs/mra               the same with the recommended settings
  unentangle fit beamsynthesis nashae --out runs/beam   NashAE finds how many factors vary, without labels
  unentangle fit FILE.npz symae --out runs/mine         your own rows: arrays "x" (rows, ...) and "groups" (rows,)
  unentangle inspect FILE                               what is in a file (HDF5, csv, SAC ...), and what training would do
  unentangle encode runs/mine FILE.npz --out codes.npz  the codes of any rows
  unentangle swap runs/mine FILE.npz --out swaps.npz    every state under every nuisance, or chosen latents between rows
  unentangle export runs/mine --out onnx                encoders and decoder as ONNX files
  unentangle evaluate runs/mine                         the numbers again
  unentangle evaluate --codes C.npy --factors F.csv     MIG, DCI, SAP ... of any codes, without a model

unentangle COMMAND --help explains each one."""

DEMO_STEPS = 1600
SCORED_ROWS = 10_000
FOR_UDR = 300  # of fewer rows, latents of models that have nothing in common look alike by chance
HELD_OUT = 0.1
OUT_WORDS = "a folder for the run, by default runs/DATA-METHOD; the same command goes on with an interrupted one."
HELD_OUT_WORDS = (
    f"share of the groups that is measured, not trained on: by default {HELD_OUT} of a file, none of the package's data."
)
MEASURED_ROWS = 20_000  # of a file; of more rows, those of some groups are measured
# What is done to rows before a training, in this order: the type of a flag, what it takes, its words, and the transform.
TRANSFORM_FLAGS: dict[str, tuple[Any, str, str, Callable[[Any], Transform]]] = {
    "window": (tuple[int, int], "FIRST LAST", "keep the samples first, ..., last - 1 of every row.", lambda v: Window(*v)),
    "bandpass": (
        tuple[float, float, float],
        "LOW HIGH RATE",
        "zero-phase filter between two corners in Hz; rate is samples per second.",
        lambda v: Bandpass(*v),
    ),
    "envelope": (Literal["hilbert"], "hilbert", "the instantaneous amplitude of every row.", lambda _: Envelope()),
    "taper": (float, "FRACTION", "fade in and out over this fraction of a row at each end.", Taper),
    "resample": (int, "SAMPLES", "so many samples over the same time; undone on output.", Resample),
}
DATA = {
    "mra": mra,
    "beamsynthesis": beamsynthesis,
    "seismic": seismic,
    "mnist": mnist,
    "dsprites": dsprites,
    "celeba": celeba,
    "ipoc": ipoc,
    "mobil": mobil,
}
FIT_WORDS = f"""Train a method on data: fit DATA METHOD [flags].

DATA is a file or folder, or one of {", ".join(DATA)};
METHOD is one of {", ".join(METHODS)}.
These are the flags of {next(iter(METHODS))}; `fit DATA METHOD --help` says those of another one."""


RunFolderArg = Positional[Annotated[Path, arg(metavar="RUN")]]
DataArg = Positional[Annotated[str, arg(metavar="DATA")]]
FileArg = Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")]


# -- commands -------------------------------------------------------------------------------------------------------------


def demo(out: Path = Path("runs/demo")) -> None:
    """Train SymAE on multi-reference alignment for two minutes, swap states and shifts, and say how right the swaps are.

    Args:
        out: a new folder for the model, the numbers and the figures.
    """
    _fit("mra", SymAE(), out, steps=DEMO_STEPS)


def encode(
    run: RunFolderArg,
    data: DataArg,
    out: Path,
    seed: int | None = None,
    groups: str | None = None,
    x: str | None = None,
) -> None:
    """Write the codes of any rows: coherent (groups, p), nuisance (rows, q), which group each row belongs to, the names of the
    groups and the average of their rows; or, for methods with one code per row, latents (rows, m).

    Killed, the same command goes on where it was.

    Args:
        run: the folder of a run.
        data: a file, mra, beamsynthesis, mnist, dsprites or celeba.
        out: the .npz, .h5, .nc or .csv to write.
        seed: which of the run's models; by default the one whose swaps are most consistent, or that reconstructs best.
        groups: the name of the group keys in the file, by default as in the run; '' for none: every row is then a group.
        x: the name of the rows in the file, by default as in the run.
    """
    new_file(out)
    _print_columns(out, encode_file(_model(run, seed), _like(run, data, groups, x), out))


def inspect(data: DataArg, groups: str | None = None, x: str | None = None) -> None:
    """Say what is in a file and what a training would do with it, before hours go into one.

    Args:
        data: a file or folder, or mra, beamsynthesis, mnist, dsprites or celeba.
        groups: the name of the group keys in the file, by default groups; '' for none.
        x: the name of the rows in the file, by default x.
    """
    bar = partial(track, description=data, console=CONSOLE, transient=True, disable=not CONSOLE.is_terminal)
    found = look_at(_asked(data, groups, x), watch=bar)
    keys, rows = _names(groups, x)
    CONSOLE.print(page(found, data, keys))
    CONSOLE.print(f"\n{advice(found, data, keys, rows, file=data not in DATA)}", soft_wrap=True, markup=False)


def swap(
    run: RunFolderArg,
    data: DataArg,
    out: Path,
    state: tuple[str, ...] = (),
    style: tuple[str, ...] = (),
    pairs: FileArg = None,
    latents: tuple[int, ...] = (),
    seed: int | None = None,
    groups: str | None = None,
    x: str | None = None,
) -> None:
    """Write virtual data: every chosen group's state under the nuisance of every chosen row, or chosen pairs of these.

    The file is itself data that can be read (a .csv with --x 'x_*'): x (states * rows, ...), groups (the group that gave the
    state), and for each row style_group and style_row, where its nuisance comes from. With a method of one code per row, every
    chosen row (state_row) gets the chosen latents of every other chosen row; rows without group keys are chosen by their
    numbers. Killed, the same command goes on where it was.

    Args:
        run: the folder of a run.
        data: a file, mra, beamsynthesis, mnist, dsprites or celeba.
        out: the .npz, .h5, .nc or .csv to write.
        state: keys of the groups whose state is wanted; by default all.
        style: keys of the groups whose rows give the nuisance; by default all.
        pairs: instead, a .csv with the columns state, keys of groups, and style, numbers of rows: one swap for each line.
        latents: numbers of the latents that come from `style`, for methods with one code per row.
        seed: which of the run's models; by default the one whose swaps are most consistent, or that reconstructs best.
        groups: the name of the group keys in the file, by default as in the run.
        x: the name of the rows in the file, by default as in the run.
    """
    new_file(out)
    model, rows = _model(run, seed), _like(run, data, groups, x)
    by_row = isinstance(model.method, Latents)
    if pairs:
        if state or style:
            raise InputError("--pairs says which states and styles; leave --state and --style out.")
        states, styles = _pairs(pairs, rows, by_row)
    else:
        chosen, donors = _mask(rows, state), np.flatnonzero(_mask(rows, style))
        givers = np.flatnonzero(chosen) if by_row else np.unique(rows.group[chosen])
        if (number := len(givers) * len(donors)) > 1 << 31:
            raise InputError(
                f"{len(givers)} states under {len(donors)} styles are {number:.1g} rows; choose by --state, --style."
            )
        states, styles = np.repeat(givers, len(donors)), np.tile(donors, len(givers))
    _print_columns(out, swap_file(model, rows, out, states, styles, latents or None))


def _pairs(path: Path, data: Dataset, by_row: bool) -> tuple[np.ndarray, np.ndarray]:
    """The group (or row) that gives the state and the row that gives the nuisance, of each line of a table."""
    table = read_table(path)
    if missing := {"state", "style"} - table.keys():
        raise InputError(f"{path} has no column {' and '.join(sorted(missing))}; it has {', '.join(table)}.")
    names = np.arange(len(data)) if by_row else data.group_names
    keys, rows = table["state"], table["style"]
    if keys.dtype.kind in "if" and names.dtype.kind == "U":
        names = numbers([str(name) for name in names])  # 007 is 7 in a table
    if keys.dtype.kind == "U" or names.dtype.kind not in "biuf":
        names, keys = names.astype(str), keys.astype(str)
    if unknown := sorted(set(keys.tolist()) - set(names.tolist())):
        raise InputError(f"{path} asks for the state of {unknown[0]}, which is no {'row' if by_row else 'group'} of the data.")
    if not np.issubdtype(rows.dtype, np.number) or (rows % 1 != 0).any() or (rows < 0).any() or (rows >= len(data)).any():
        raise InputError(f"the column style of {path} holds more than numbers of rows, which are 0 to {len(data) - 1}.")
    order = np.argsort(names)
    return order[np.searchsorted(names, keys, sorter=order)], rows.astype(int)


def _print_columns(path: Path, columns: Columns) -> None:
    CONSOLE.print(f"{path}: " + ", ".join(f"{name} {column.shape}" for name, column in columns.items()))


def export(run: RunFolderArg, out: Path, seed: int | None = None) -> None:
    """Write the encoders and the decoder of a run as ONNX files, for any number of rows, with standardising inside.

    Args:
        run: the folder of a run.
        out: a folder for the files.
        seed: which of the run's models; by default the one whose swaps are most consistent, or that reconstructs best.
    """
    model = _model(run, seed)
    CONSOLE.print(f"{out}: {', '.join(path.name for path in model.export(out))}")
    for transform in model.trained.chain.transforms:
        CONSOLE.print(f"note: rows are those after {transform!r}, which is not inside.")


def evaluate(
    run: Positional[Annotated[Path | None, arg(metavar="[RUN]", help_behavior_hint="")]] = None,
    codes: FileArg = None,
    factors: FileArg = None,
    out: FileArg = None,
    draws: int = 10,
    dci: Literal["forest", "boosting"] = "forest",
    continuous: Annotated[tuple[str, ...], arg(help_behavior_hint="")] = (),
) -> None:
    """Measure a run again on its data, and write metrics.json, scores.json and the figures; or measure any codes and factors.

    Scores compare codes with the factors of the data, where it has some: beta-VAE and FactorVAE score, MIG, SAP, DCI,
    modularity, explicitness, InfoMEC, IRS, TAD and Gaussian total correlation, each with its interval and settings.

    Args:
        run: the folder of a run.
        codes: instead of a run, a .npy, .npz or .csv of codes, one row of latents per sample, or what `encode` has written.
        factors: and a .csv, .npz or .npy of their true factors, one row per sample.
        out: a .json for the scores of such codes.
        draws: halves of the rows from which an interval is made; 0 for none.
        dci: the trees of DCI; boosting is what published numbers are made with, and much slower.
        continuous: factors that are a continuum though few values come often, as of a depth that was rounded; others are
            judged by their values.
    """
    if codes or factors or run is None:
        if run or not (codes and factors):
            raise InputError("evaluate needs either the folder of a run, or --codes FILE and --factors FILE.")
        return _scores_of_files(codes, factors, out, continuous, {"draws": draws, "trees": dci})
    config = _config(run)
    if not (run / "source.json").exists():
        raise InputError(f"{run} has no source.json: it was not finished by `fit`, whose same command goes on.")
    source, seeds = _json_of(run / "source.json", "source of a run"), tuple(config["seeds"])
    held_out = source.pop("held_out", 0.0)
    transforms = restored(source.pop("transforms", []))
    whole = _data(**source).through(*transforms)
    data, measured = _parts(whole, held_out)
    if plain(data.fingerprint) != config["data"]:
        raise InputError(f"{source['data']} is no longer the data that {run} was trained on.")
    models = [_model(run, s) for s in seeds]
    latents = isinstance(models[0].method, Latents)
    if continuous and not latents:
        raise InputError(f"--continuous is about scores, which a {type(models[0].method).__name__} has none of.")
    known = _scored(whole.factors, continuous, source["data"]) if latents else Factors({})
    data = _report(run, source["data"], whole, measured, seeds, models)
    if len(known):
        rows = evenly(len(data), SCORED_ROWS)
        some, known = data.take(rows), known.take(measured).take(rows)
        try:
            each = [scores(m.encode(some), known, draws=draws, trees=dci) for m in models]
        except InputError as error:
            CONSOLE.print(f"note: no scores: {error}")
            return None
        write_json(run / "scores.json", {"seeds": seeds, "each": [_plain_scores(s) for s in each]})
        _print_scores([f"seed {s}" for s in seeds], each)
        CONSOLE.print(f"{run}: scores.json")
    return None


def _scored(factors: Factors, continuous: Sequence[str], source: Any) -> Factors:
    """The factors that have a value in every row; those of these names are a continuum."""
    for name in continuous:
        if name not in factors or not np.issubdtype(factors[name].dtype, np.number):
            there = ", ".join(factors) or "none"
            raise InputError(f"--continuous {name} is no factor of numbers of {source}; its factors are: {there}.")
    with_gaps = [name for name, column in factors.items() if missing(column).any()]
    for name in with_gaps:
        CONSOLE.print(f"note: the factor {name} is not scored, as some rows have no value of it.")
    kinds = factors.declared | dict.fromkeys(continuous, "continuous")
    return Factors({n: (v, kinds[n]) if n in kinds else v for n, v in factors.items() if n not in with_gaps})


def _scores_of_files(codes: Path, factors: Path, out: Path | None, continuous: Sequence[str], settings: dict[str, Any]) -> None:
    if out and (out.suffix != ".json" or out.exists()):
        raise InputError(f"{out} {'exists already' if out.exists() else 'is not a .json'}; give the name of a new .json file.")
    columns = _without_index(codes, _columns_of_codes(codes))
    if words := [name for name, column in columns.items() if not np.issubdtype(column.dtype, np.number)]:
        raise InputError(f"{codes} holds words in the column {words[0]}; codes are numbers.")
    if len({len(column) for column in columns.values()}) > 1:
        raise InputError(f"the columns of {codes} differ in length; one value per row is needed.")
    z = np.stack(list(columns.values()), axis=1)
    given = _without_index(factors, read_table(factors))
    for name, column in given.items():
        if len(column) != len(z):
            raise InputError(f"{factors} has {len(column)} rows of {name}, and {codes} has {len(z)}; as many are needed.")
    known = _scored(Factors(given), continuous, factors)
    if not len(known):
        raise InputError(f"no factor of {factors} has a value in every row, so there is nothing to measure {codes} against.")
    try:
        found = scores(z, known, **settings)
    except InputError as error:
        raise InputError(f"{codes} cannot be scored: {error}") from error
    _print_scores(["value"], [found])
    if out:
        write_json(out, _plain_scores(found))
        CONSOLE.print(f"{out}: {len(found.found)} scores, with intervals, settings and versions")


def _columns_of_codes(path: Path) -> dict[str, np.ndarray]:
    """The columns of a table of codes; of what `encode` has written, the latents."""
    if path.suffix not in (".csv", ".npy", ".parquet"):
        try:
            return {str(k): column for k, column in enumerate(np.asarray(read(path, groups=None, x="latents").x).T)}
        except InputError:
            if path.suffix != ".npz":
                raise
    columns = read_table(path)
    latents = {name: column for name, column in columns.items() if re.fullmatch(r"latents_\d+", name)}
    return latents or columns


def _without_index(path: Path, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Columns without the numbers of the rows, as which other programs write a first column without a name."""
    (name, first), *rest = columns.items()
    counts = first.dtype.kind == "i" and len(first) > 1 and first[0] in (0, 1) and (np.diff(first) == 1).all()
    if not (rest and counts and name in ("", "index", "Unnamed: 0")):
        return columns
    CONSOLE.print(f"note: the first column of {path} numbers its rows; it is left out.")
    return dict(rest)


def _plain_scores(found: Scores) -> dict[str, Any]:
    return found._asdict() | {"found": {name: score._asdict() for name, score in found.found.items()}}


def _cell(score: Score | None) -> str:
    """A score with its interval, where there are such."""
    if score is None:
        return "-"
    low, high = score.interval_95
    return f"{score.value:.3f}" + ("" if np.isinf(low) else f" ({low:.3f} to {high:.3f})")


def _print_scores(titles: Sequence[str], each: Sequence[Scores]) -> None:
    table = Table("", *titles, box=None, pad_edge=False)
    for name in dict.fromkeys(name for s in each for name in s.found):
        table.add_row(name, *(_cell(s.found.get(name)) for s in each))
    CONSOLE.print(table)
    notes: dict[str, list[str]] = {}
    for title, score in zip(titles, each, strict=True):
        for note in _notes(score):
            notes.setdefault(note, []).append(title)
    for note, titled in notes.items():
        CONSOLE.print(f"note: {note}" if len(titled) == len(titles) else f"note on {', '.join(titled)}: {note}")
    about = each[0]
    kinds = ", ".join(f"{name} ({kind})" for name, kind in about.factors.items())
    CONSOLE.print(f"{about.rows} rows, {about.latents} latents; factors: {kinds}")
    intervals = "95 % intervals by halves of the rows; " if about.settings["draws"] else ""
    CONSOLE.print(intervals + about.versions)


def _notes(found: Scores) -> list[str]:
    """What else one needs to know to read these scores."""
    unbounded = {why: [n for n, w in found.without_interval.items() if w == why] for why in found.without_interval.values()}
    return [
        *(f"no {name}: {why}" for name, why in found.without.items()),
        *(f"no interval of {', '.join(names)}: {why}" for why, names in unbounded.items()),
        *(f"the factor {name} is left out: it {why}." for name, why in found.left_out.items()),
        *(
            f"latent {latent} ranges over less than a twentieth of the widest range; measures that do not see scale count it."
            for latent in found.still
        ),
    ]


def reproduce(what: Positional[str], out: Path, fast: bool = False) -> None:
    """Remake a printed figure or table, for example symae.figure_1.

    Args:
        what: PAPER.FIGURE.
        out: a folder.
        fast: a smaller version, in under a minute.
    """
    with keep_freed():
        recipes.find(what)(out, fast=fast)


def _fit_command(name: str) -> type:
    """The flags of `fit DATA METHOD`: those of the training, and the method's plain fields with its own words."""
    method: Any = METHODS[name]
    grouped = isinstance(method.recommended.batch, tuple)
    by_group = Annotated[tuple[int, int], arg(help="groups per batch, instances per group.")]
    batch = by_group if grouped else Annotated[int, arg(help="rows per batch.")]
    words = _words(method)
    flags: list[Any] = [
        ("out", Annotated[Path | None, arg(help=OUT_WORDS, metavar="PATH", help_behavior_hint="")], None),
        ("groups", _named("the name of the group keys in the file.", "groups"), None),
        ("x", _named("the name of the rows in the file.", "x"), None),
        ("held_out", Annotated[float | None, arg(help=HELD_OUT_WORDS, metavar="FLOAT", help_behavior_hint="")], None),
        ("seeds", Annotated[tuple[int, ...], arg(help="one model per seed.")], (0,)),
        ("steps", Annotated[int, arg(help="optimiser rounds.")], method.recommended.steps),
        ("lr", Annotated[float | None, arg(help="learning rate.", metavar="FLOAT", help_behavior_hint=_hint(method))], None),
        ("batch", batch, method.recommended.batch),
        *(
            (name, Annotated[kind | None, arg(help=words, metavar=takes, help_behavior_hint="")], None)
            for name, (kind, takes, words, _) in TRANSFORM_FLAGS.items()
        ),
    ]
    hints = get_type_hints(method, include_extras=True)
    for f in fields(method):  # pyright: ignore[reportArgumentType]
        plain = _plain(hints[f.name])
        if hints[f.name] == Number:
            hint = arg(help=words.get(f.name), metavar="FLOAT", help_behavior_hint=f"(default: {f.default})")
            flags.append((f.name, Annotated[float | None, hint], None))
        elif plain is not None:
            flags.append((f.name, Annotated[plain, arg(help=words.get(f.name))], f.default))
    return make_dataclass("Fit", [(n, t, field(default=d[0])) if d else (n, t) for n, t, *d in flags])


def _hint(method: Any) -> str:
    return f"(default: {method.recommended.lr})"


def _named(words: str, default: str) -> Any:
    """The type of a flag for a name in a file."""
    return Annotated[str | None, arg(help=words, metavar="STR", help_behavior_hint=f"(default: {default})")]


def _words(of: Any) -> dict[str, str]:
    """What the docstring says of each argument, in one line."""
    return {p.arg_name: " ".join((p.description or "").split()) for p in parse(getdoc(of) or "").params}


def _plain(hint: Any) -> Any:
    """The type of a field on the command line, or None if it is for Python only."""
    if hint in (int, float, bool, str) or get_origin(hint) is Literal:
        return hint
    literals = [h for h in get_args(hint) if get_origin(h) is Literal]
    return literals[0] if literals else None


def fit(args: Sequence[str]) -> None:
    """Train a method on data: fit DATA METHOD [flags]."""
    words = [a for a in args[:2] if not a.startswith("-")]
    if len(words) < 2 and not {"-h", "--help"} & set(args):
        raise InputError(f"fit needs DATA and METHOD, for example: unentangle fit mra {next(iter(METHODS))} --out runs/mra.")
    data, name = words if len(words) == 2 else ("DATA", next(iter(METHODS)))
    if name not in METHODS:
        raise InputError(f"the method {name!r} is unknown; there is {', '.join(METHODS)}.")
    method, prog = METHODS[name], f"unentangle fit {data} {name}"
    about = _first(method) if words else FIT_WORDS
    given = vars(tyro.cli(_fit_command(name), args=args[len(words) :], prog=prog, description=about))
    numbers = {f.name: given[f.name] for f in fields(method) if given.get(f.name) is not None}
    settings = {k: given[k] for k in ("steps", "batch", "lr", "seeds", "groups", "x", "held_out") if given[k] is not None}
    flags = ((given[name], make) for name, (_, _, _, make) in TRANSFORM_FLAGS.items())
    settings["transforms"] = tuple(make(value) for value, make in flags if value is not None)
    out = given["out"] or Path("runs") / f"{Path(data).stem or 'mine'}-{name}"
    _fit(data, method(**numbers), out, **settings)


def data(args: Sequence[str]) -> None:
    """Make or fetch a data set, and write it as a file that is read again: data NAME [--out FILE] [flags of its own]."""
    name = args[0] if args and not args[0].startswith("-") else ""
    if name not in DATA:
        raise InputError(f"data needs the name of a data set, of {', '.join(DATA)}; --out FILE, a new .npz or .h5, writes it.")
    made, words = DATA[name], _words(DATA[name])
    flags: list[Any] = [("out", Annotated[Path | None, arg(help="a new .npz or .h5 file.")], field(default=None))]
    hints = get_type_hints(made)
    for flag in signature(made).parameters.values():
        if (plain := _plain(hints[flag.name])) is not None:
            flags.append((flag.name, Annotated[plain, arg(help=words.get(flag.name))], field(default=flag.default)))
    command = make_dataclass("Data", flags)
    given = vars(tyro.cli(command, args=args[1:], prog=f"unentangle data {name}", description=_first(made)))
    out = given.pop("out")
    rows = made(**given)
    if out is not None:
        write_dataset(out, rows)
    CONSOLE.print(f"{name if out is None else out}: {rows!r}")


# -- what they share ------------------------------------------------------------------------------------------------------


def _fit(
    source: str,
    method: Method,
    out: Path,
    *,
    steps: int | None = None,
    batch: Any = None,
    lr: float | None = None,
    seeds: Sequence[int] = (0,),
    groups: str | None = None,
    x: str | None = None,
    held_out: float | None = None,
    transforms: Sequence[Transform] = (),
) -> None:
    data = _asked(source, groups, x).through(*transforms)
    if held_out and _known(source, data, method):
        raise InputError(f"{source} is measured on every shift of every state, which are known; --held-out is for other data.")
    if held_out is None:
        held_out = 0.0 if source in DATA else HELD_OUT
    CONSOLE.print(f"{data!r}\n{method!r}")
    whole, (data, measured) = data, _parts(data, held_out)
    for oddity in data.oddities():
        CONSOLE.print(f"note: {oddity}")
    if len(data) < len(whole):
        some = f", of which {len(measured)} are" if len(measured) < len(whole) - len(data) else ", which are"
        CONSOLE.print(f"held out: {len(whole) - len(data)} rows{some} measured below")
    elif held_out:
        CONSOLE.print("note: the groups are too few to hold some out; what is measured below was seen in training.")
    elif source in DATA and data.groups is not None and not _known(source, data, method):
        share = max(HELD_OUT, np.ceil(200 / len(data.group_names)) / 100)
        CONSOLE.print(f"note: what is measured below was seen in training; --held-out {share:g} keeps some groups for that.")
    start = time.monotonic()
    with keep_freed():
        run = train(method, data, seeds=seeds, steps=steps, batch=batch, lr=lr, out=out)
    path = source if source in DATA else str(Path(os.path.expanduser(source)).resolve())
    kept = {"transforms": data.chain.described()} if transforms else {}
    keys, rows = _names(groups, x)
    write_json(out / "source.json", {"data": path, "groups": _resolved(keys), "x": rows, "held_out": held_out} | kept)
    CONSOLE.print(f"trained in {time.monotonic() - start:.0f} s")
    records = run.history
    figure = plots.history([r.steps for r in records], [r.terms for r in records], [f"seed {s}" for s in run.seeds])
    save(figure, out / "history.png")
    _report(out, source, whole, measured, run.seeds, run.models)


def _known(source: str, data: Dataset, method: Method) -> bool:
    """Whether the swaps of a method on this data have a truth."""
    return source == "mra" and not data.transforms and not isinstance(method, Latents)


def _resolved(groups: str) -> str:
    """The keys in a file, `keys.npy` or `table.csv:column`, by the whole path of that file; other keys as they are."""
    file = _key_file(groups)
    return f"{Path(file).resolve()}{groups.removeprefix(file)}" if file else groups


def _key_file(groups: str) -> str:
    """The file that keys are in, where they are in one of their own."""
    return next((name for name in (groups, groups.rpartition(":")[0]) if Path(name).is_file()), "")


def _parts(data: Dataset, held_out: float) -> tuple[Dataset, np.ndarray]:
    """The data to train on, and the rows to measure: those of a share of the groups that are held out, if they are two or more
    of several rows and not all of one state; else all.
    """
    if not 0 <= held_out < 1:
        raise InputError(f"--held-out {held_out}; a share of the groups, at least 0 and less than 1, is needed.")
    if round(held_out * len(data.group_names)) > 1:
        out = data.held_out(held_out)
        several = min(np.sum(np.unique(keys[out], return_counts=True)[1] > 1) for keys in (data.group, data.states))
        if data.groups is None or several > 1:
            return data.take(~out), _some_groups(data, np.flatnonzero(out))
    return data, _some_groups(data, np.arange(len(data)))


def _some_groups(data: Dataset, rows: np.ndarray) -> np.ndarray:
    """Rows to measure, if there are too many: those of some groups, fifty or more, and of large groups some at random."""
    if len(rows) <= MEASURED_ROWS:
        return rows
    _, group, sizes = np.unique(data.group[rows], return_inverse=True, return_counts=True)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(sizes))
    many = max(50, int(np.searchsorted(np.cumsum(sizes[order]), MEASURED_ROWS)))
    return np.sort(rng.permutation(rows[np.isin(group, order[:many])])[: 2 * MEASURED_ROWS])


def _report(
    out: Path, source: str, whole: Dataset, measured: np.ndarray, seeds: Sequence[int], models: Sequence[Model]
) -> Dataset:
    """Measure all seeds on some rows, write metrics.json and the figures of the best, and print what was found; return these
    rows.
    """
    data = whole if len(measured) == len(whole) else whole.take(measured)
    known = _known(source, data, models[0].method)
    states = mra_states() if known else None
    group_size = int(np.median(data.group_sizes))
    alone = [None if known or isinstance(m.method, Latents) else instances(m, data) for m in models]
    values = [measure(m, data, states, group_size, told) for m, told in zip(models, alone, strict=True)]
    if len(models) > 1 and isinstance(models[0].method, Latents) and len(whole) >= FOR_UDR:
        values = [v | {"udr": score} for v, score in zip(values, agreement(models, whole), strict=True)]
    content: dict[str, Any] = {"seeds": list(seeds)} | {name: [v[name] for v in values] for name in values[0]}
    if states is not None:
        content["baselines"] = mra_baselines(states)
    write_json(out / "metrics.json", content)
    position = _best(content)
    best, told = models[position], alone[position]
    draw = latent_figures if isinstance(best.method, Latents) else mra_figures if states is not None else figures
    for name, figure in draw(best, data).items():
        save(figure, out / f"{name}.png")
    table = Table("", *(f"seed {s}" for s in seeds), box=None, pad_edge=False)
    for name in values[0]:
        table.add_row(name, *(f"{v[name]:.4f}" for v in values))
    CONSOLE.print(table)
    if states is not None:
        line = content["baselines"]
        CONSOLE.print(
            f"swap_error {np.mean(content['swap_error']):.4f} over all 30 pairs of states (a constant: {line['constant']:.4f}; "
            f"the donor given back: {line['donor']:.4f}); over the paper's six pairs {np.mean(content['swap_error_phi']):.4f} "
            f"({line['constant']:.4f}; {line['donor_phi']:.4f}); 0 is perfect"
        )
    elif isinstance(best.method, Latents):
        used, learned = content["used_latents"], content["learned_latents"]
        found = f"{used[0]}" if len(set(used)) == 1 else f"{min(used)} to {max(used)} (from seed to seed)"
        CONSOLE.print(
            f"factors found: {found} of {best.method.m} latents are in use, each doing more than 1 % of the variance "
            f"(by the rule of the method's paper: {', '.join(map(str, learned))})"
        )
    elif told:
        shown, read = values[position], values[position]["nuisance_from_coherent"]
        CONSOLE.print(
            (f"seed {seeds[position]}, the most consistent: " if len(seeds) > 1 else "")
            + f"leakage {shown['leakage']:.3f}: how often the state is read from the nuisance code "
            f"(chance {shown['leakage_chance']:.3f}; 1 is complete); from the coherent code of a single row, "
            + (f"{read:.3f} of its nuisance code is read (R^2, chance 0)" if np.isfinite(read) else "nothing: too few rows")
            + f"; swaps, encoded again, are {shown['inconsistency']:.3f} of the variance of the codes away from the codes that "
            "they were given (0 is perfect): there is no truth to compare them with"
        )
        _write_instances(out / "instances.csv", told, data, measured)
    CONSOLE.print(f"{out}: " + ", ".join(sorted(p.name for p in out.iterdir() if not p.name.startswith("."))))
    return data


def _write_instances(path: Path, found: Instances, data: Dataset, measured: np.ndarray) -> None:
    """How much single rows tell of their group: their numbers in the file, their groups, and `informativeness`."""
    groups, text = data.group_names[data.group[found.rows]], StringIO()
    lines = [
        ("row", "group", "informativeness"),
        *zip(measured[found.rows], groups, found.informativeness.round(4), strict=True),
    ]
    csv.writer(text).writerows(lines)
    write(path, text.getvalue())


def _asked(data: str, groups: str | None, x: str | None) -> Dataset:
    """Data under the names that were given, which only a file has; '' for no groups."""
    if data in DATA and (groups, x) != (None, None):
        raise InputError(f"{data} is a data set of the package, not a file: --groups and --x name nothing in it.")
    return _data(data, *_names(groups, x))


def _names(groups: str | None, x: str | None) -> tuple[str, str]:
    """What the group keys and the rows are called, where nothing else was given."""
    return "groups" if groups is None else groups, x or "x"


def _data(data: str, groups: str, x: str) -> Dataset:
    if data in DATA:
        return DATA[data]()
    if not Path(data).suffix and not Path(os.path.expanduser(data)).exists():
        raise InputError(f"{data!r} is neither a data set ({', '.join(DATA)}) nor a file or folder.")
    return read(data, groups=groups or None, x=x)


def _like(run: Path, data: str, groups: str | None, x: str | None) -> Dataset:
    """Data under the names that the run had, unless others are given; keys in their own file are those of its rows only."""
    if data in DATA:
        return _asked(data, groups, x)
    source = _json_of(run / "source.json", "source of a run") if (run / "source.json").exists() else {}
    kept = source.get("groups", "groups")
    if _key_file(kept) and str(Path(data).resolve()) != source.get("data"):
        kept = "groups"
    return _data(data, kept if groups is None else groups, x or source.get("x", "x"))


def _config(run: Path) -> dict[str, Any]:
    if not (run / "config.json").exists():
        raise InputError(f"{run} holds no run; unentangle fit makes one.")
    return _json_of(run / "config.json", "configuration of a run", "seeds")


def _json_of(path: Path, what: str, *names: str) -> dict[str, Any]:
    """What a run keeps as JSON under some names, of which these lists are needed."""
    found = read_json(path)
    if not isinstance(found, dict) or not all(isinstance(found.get(name), list) and found[name] for name in names):
        raise InputError(f"{path} does not hold the {what}; train again, or remove it.")
    return found


def _best(measured: Mapping[str, Any]) -> int:
    """Of several seeds, the one whose swaps are most consistent; of methods with one code per row, that reconstructs best."""
    return least(measured.get("inconsistency", measured["reconstruction_error"]))  # NaN is null in JSON


def _model(run: Path, seed: int | None) -> Model:
    """The model of a seed; without one, the best, or the first if none was measured."""
    seeds = _config(run)["seeds"]
    if seed is None and (run / "metrics.json").exists():
        seed = seeds[_best(_json_of(run / "metrics.json", "measures of a run", "reconstruction_error"))]
    chosen = seeds[0] if seed is None else seed
    if chosen not in seeds:
        raise InputError(f"{run} has no seed {chosen}; it has {', '.join(map(str, seeds))}.")
    path = RunFolder(run).model(chosen)
    if not path.exists():
        raise InputError(f"{run} has no model of seed {chosen} yet: its training is not finished; the same command goes on.")
    return Model.load(path)


def _mask(data: Dataset, keys: Sequence[str]) -> np.ndarray:
    names = data.group_names.astype(str)
    if missing := [k for k in keys if k not in names]:
        known = ", ".join(names[:20]) + (" ..." if len(names) > 20 else "")
        raise InputError(f"there is no group {', '.join(missing)}; the groups are {known}.")
    return np.isin(names[data.group], keys) if keys else np.ones(len(data), bool)


def _first(method: Any) -> str:
    return (getdoc(method) or "").splitlines()[0]


COMMANDS: dict[str, Callable[..., None]] = {
    "demo": demo, "inspect": inspect, "encode": encode, "swap": swap, "export": export, "evaluate": evaluate,
    "reproduce": reproduce,
}  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """The entry point; returns the exit status."""
    args = list(sys.argv[1:] if argv is None else argv)
    if not args or args[0] in ("-h", "--help", "--version"):
        print(WELCOME if "--version" not in args else __version__)
        return 0
    mpl.use("Agg")
    _cache_programs()
    try:
        if args[0] in ("fit", "data"):
            {"fit": fit, "data": data}[args[0]](args[1:])
        elif args[0] in COMMANDS:
            tyro.cli(COMMANDS[args[0]], args=args[1:], prog=f"unentangle {args[0]}")
        else:
            raise InputError(f"there is no command {args[0]!r}; there are fit, data, {', '.join(COMMANDS)}.")
    except (InputError, OSError, Diverged) as error:
        sentence = re.sub(r"[\x00-\x1f\x7f]+", " ", str(error))  # names in files may hold line ends and codes of the terminal
        print(f"error: {sentence}", file=sys.stderr)
        return 1 if isinstance(error, Diverged) else 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on from the last checkpoint.", file=sys.stderr)
        return 130
    return 0


def _cache_programs() -> None:
    """Keep compiled programs between calls, unless the user has said where or not to."""
    if jax.config.jax_compilation_cache_dir is None:  # pyright: ignore[reportAttributeAccessIssue]
        jax.config.update("jax_compilation_cache_dir", str(cache_folder()))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 1.0)
