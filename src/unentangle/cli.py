"""The command line: `unentangle` alone says what to type next. Commands import what they need, so that help is instant."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from tyro.conf import OmitArgPrefixes, Positional, arg

from . import __version__
from .errors import Diverged, InputError, sentence
from .reading import AS_IT_IS, Reading
from .terminal import calm, gone, say, show
from .train.memory import keep_freed

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
DATA = "a file or folder, or mra, beamsynthesis, mnist, dsprites or celeba."
SEED = "which of the run's models; by default the one whose swaps are most consistent, or that reconstructs best."
KEYS = "the name of the group keys in the file, by default as in the run; '' for none: every row is then a group."

RunArg = Positional[Annotated[Path, arg(help="the folder of a run.", metavar="RUN")]]
MaybeRunArg = Positional[Annotated[Path | None, arg(help="the folder of a run.", metavar="[RUN]", help_behavior_hint="")]]
DataArg = Positional[Annotated[str, arg(help=DATA, metavar="DATA")]]
OutArg = Annotated[Path, arg(help="the .npz, .h5, .nc or .csv to write.")]
SeedArg = Annotated[int | None, arg(help=SEED)]
KeysArg = Annotated[str | None, arg(help=KEYS)]
RowsArg = Annotated[str | None, arg(help="the name of the rows in the file, by default as in the run.")]
HowArg = Annotated[Reading, OmitArgPrefixes]
FileArg = Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")]
Names = Annotated[tuple[str, ...], arg(help_behavior_hint="")]


# -- commands -------------------------------------------------------------------------------------------------------------


def demo(out: Path = Path("runs/demo")) -> None:
    """Train SymAE on multi-reference alignment for two minutes, swap states and shifts, and say how right the swaps are.

    Args:
        out: a new folder for the model, the numbers and the figures.
    """
    from .methods import SymAE
    from .runs import fit

    with keep_freed():
        show(fit("mra", SymAE(), out, steps=DEMO_STEPS, say=say))


def inspect(data: DataArg, groups: str | None = None, x: str | None = None, how: HowArg = AS_IT_IS) -> None:
    """Say what is in a file and what a training would do with it, before hours go into one.

    Args:
        groups: the name of the group keys in the file, by default groups; '' for none.
        x: the name of the rows in the file, by default x.
    """
    from .inspection import advice, inspect, page
    from .progress import Display
    from .runs import DATASETS, open_data

    rows, keys = open_data(data, groups, x, how), "groups" if groups is None else groups

    def watch(chunks: Any) -> Any:
        with Display(sys.stderr.isatty()) as display:
            for part, chunk in chunks:
                yield part, chunk
                display.update(data, part.stop, len(rows))

    report = inspect(rows, watch=watch)
    say(page(report, data, keys))
    say("\n" + advice(report, data, keys, x or "x", file=data not in DATASETS, how=how), soft_wrap=True)


def encode(
    run: RunArg, data: DataArg, out: OutArg, seed: SeedArg = None, groups: KeysArg = None, x: RowsArg = None,
    how: HowArg = AS_IT_IS,
) -> None:  # fmt: skip
    """Write the codes of any rows: coherent (groups, p), nuisance (rows, q), which group each row belongs to, the names of the
    groups and the average of their rows; or, for methods with one code per row, latents (rows, m).

    Killed, the same command goes on where it was.
    """
    from .io.outputs import new_file
    from .runs import data_for, model_of
    from .streams import encode_file

    new_file(out)
    _print_columns(out, encode_file(model_of(run, seed), data_for(run, data, groups, x, how), out))


def swap(
    run: RunArg, data: DataArg, out: OutArg, state: Names = (), style: Names = (), pairs: FileArg = None, parts: Names = (),
    latents: tuple[int, ...] = (), seed: SeedArg = None, groups: KeysArg = None, x: RowsArg = None, how: HowArg = AS_IT_IS,
) -> None:  # fmt: skip
    """Write virtual data: every chosen group's state under the nuisance of every chosen row, or chosen pairs of these.

    The file is itself data that can be read (a .csv with --x 'x_*'): x (states * rows, ...), groups (the group that gave the
    state), and for each row style_group and style_row, where its nuisance comes from. With a method of one code per row, every
    chosen row (state_row) gets the chosen latents of every other chosen row; rows without group keys are chosen by their
    numbers. Killed, the same command goes on where it was.

    Args:
        state: keys of the groups whose state is wanted; by default all.
        style: keys of the groups whose rows give the nuisance; by default all.
        pairs: instead, a .csv with the columns state, keys of groups, and style, numbers of rows: one swap for each line.
        parts: names of the parts of a code that come from `style`; by default all parts per row, if another is per group.
        latents: numbers of the latents that come from `style`, for methods with one code per row.
    """
    from .io.codes import pairs_to_swap
    from .io.outputs import new_file
    from .runs import data_for, model_of
    from .streams import swap_file

    new_file(out)
    model, rows = model_of(run, seed), data_for(run, data, groups, x, how)
    if latents and (parts or not model.single):
        raise InputError(f"--latents {' '.join(map(str, latents))} is for methods with one code per row, without --parts.")
    chosen = {model.parts[0].name: latents} if latents else parts or None
    states, styles = pairs_to_swap(rows, model.state_by_row(chosen), state, style, pairs)
    _print_columns(out, swap_file(model, rows, out, states, styles, chosen))


def export(run: RunArg, out: Path, seed: SeedArg = None) -> None:
    """Write the encoders and the decoder of a run as ONNX files, for any number of rows, with standardising inside.

    Args:
        out: a folder for the files.
    """
    from .runs import model_of

    model = model_of(run, seed)
    say(f"{out}: {', '.join(path.name for path in model.export(out))}")
    for transform in model.trained.chain.transforms:
        say(f"note: rows are those after {transform!r}, which is not inside.")


def evaluate(
    run: MaybeRunArg = None, codes: FileArg = None, factors: FileArg = None, out: FileArg = None, draws: int = 10,
    dci: Literal["forest", "boosting"] = "forest", continuous: Names = (),
) -> None:  # fmt: skip
    """Measure a run again on its data, and write metrics.json, scores.json and the figures; or measure any codes and factors.

    Scores compare codes with the factors of the data, where it has some: beta-VAE and FactorVAE score, MIG, SAP, DCI,
    modularity, explicitness, InfoMEC, IRS, TAD and Gaussian total correlation, each with its interval and settings.

    Args:
        codes: instead of a run, a .npy, .npz or .csv of codes, one row of latents per sample, or what `encode` has written.
        factors: and a .csv, .npz or .npy of their true factors, one row per sample.
        out: a .json for the scores of such codes.
        draws: halves of the rows from which an interval is made; 0 for none.
        dci: the trees of DCI; boosting is what published numbers are made with, and much slower.
        continuous: factors that are a continuum though few values come often, as of a depth that was rounded; others are
            judged by their values.
    """
    from .scoring import score_files, score_run

    settings = {"draws": draws, "trees": dci}
    if run and not (codes or factors):
        score_run(run, continuous, show=show, **settings)
    elif run or not (codes and factors):
        raise InputError("evaluate needs either the folder of a run, or --codes FILE and --factors FILE.")
    else:
        score_files(codes, factors, out, continuous, show=show, **settings)


def reproduce(what: Positional[str], out: Path, fast: bool = False) -> None:
    """Remake a printed figure or table, for example symae.figure_1.

    Args:
        what: PAPER.FIGURE.
        out: a folder.
        fast: a smaller version, in under a minute.
    """
    from .recipes import find

    with keep_freed():
        find(what)(out, fast=fast)


def fit(args: Sequence[str]) -> None:
    """Train a method on data: fit DATA METHOD [flags]."""
    from .flags import first_line, fit_flags, fit_words, method_of, transforms_of
    from .methods import METHODS

    words, name = [a for a in args[:2] if not a.startswith("-")], next(iter(METHODS))
    if len(words) < 2 and not {"-h", "--help"} & set(args):
        raise InputError(f"fit needs DATA and METHOD, for example: unentangle fit mra {name} --out runs/mra.")
    data, name = words if len(words) == 2 else ("DATA", name)
    if name not in METHODS:
        raise InputError(f"the method {name!r} is unknown; there is {', '.join(METHODS)}.")
    about = first_line(METHODS[name]) if words else fit_words()
    given = _parsed(fit_flags(METHODS[name]), f"fit {data} {name}", args[len(words) :], about)
    method, transforms = method_of(METHODS[name], given), transforms_of(given)
    from .runs import fit

    out = given["out"] or Path("runs") / f"{Path(data).stem or 'mine'}-{name}"
    settings = {
        k: given[k] for k in ("steps", "batch", "lr", "seeds", "groups", "x", "how", "held_out") if given[k] is not None
    }
    with keep_freed():
        show(fit(data, method, out, transforms=transforms, say=say, **settings))


def data(args: Sequence[str]) -> None:
    """Make or fetch a data set, and write it as a file that is read again: data NAME [--out FILE] [flags of its own]."""
    from .datasets import DATASETS
    from .flags import data_flags, first_line
    from .io import write_dataset

    name = args[0] if args and not args[0].startswith("-") else ""
    if name not in DATASETS:
        named = ", ".join(DATASETS)
        raise InputError(f"data needs the name of a data set, of {named}; --out FILE, a new .npz or .h5, writes it.")
    given = _parsed(data_flags(DATASETS[name]), f"data {name}", args[1:], first_line(DATASETS[name]))
    out, rows = given.pop("out"), DATASETS[name](**given)
    if out is not None:
        write_dataset(out, rows)
    say(f"{name if out is None else out}: {rows}")


COMMANDS = {command.__name__: command for command in (demo, inspect, encode, swap, export, evaluate, reproduce)}


def main(argv: Sequence[str] | None = None) -> int:
    """The entry point; returns the exit status."""
    args = list(sys.argv[1:] if argv is None else argv)
    try:
        with calm():
            return _run(args)
    except (InputError, OSError, Diverged, MemoryError) as error:
        if isinstance(error, BrokenPipeError):
            return gone()
        print(f"error: {sentence(error)}", file=sys.stderr)
        return 1 if isinstance(error, Diverged) else 2
    except KeyboardInterrupt as stop:
        print("stopped; the same command goes on from the last checkpoint.", file=sys.stderr)
        return 128 + getattr(stop, "number", 2)


def _run(args: list[str]) -> int:
    if not args or args[0] in ("-h", "--help", "--version"):
        print(WELCOME if "--version" not in args else __version__)
        return 0
    if args[0] not in ("fit", "data", *COMMANDS):
        raise InputError(f"there is no command {args[0]!r}; there are fit, data, {', '.join(COMMANDS)}.")
    if not {"-h", "--help"} & set(args):
        _prepare()
    if args[0] in COMMANDS:
        tyro.cli(COMMANDS[args[0]], args=args[1:], prog=f"unentangle {args[0]}")
    else:
        {"fit": fit, "data": data}[args[0]](args[1:])
    return 0


# -- what they share ------------------------------------------------------------------------------------------------------


def _parsed(flags: type, name: str, args: Sequence[str], about: str) -> dict[str, Any]:
    return vars(tyro.cli(flags, args=args, prog=f"unentangle {name}", description=about))


def _print_columns(path: Path, columns: Any) -> None:
    say(f"{path}: " + ", ".join(f"{name} {column.shape}" for name, column in columns.items()))


def _prepare() -> None:
    """Keep compiled programs between calls, unless the user has said where or not to; draw without a screen."""
    import jax

    from .storage import cache_folder

    os.environ["MPLBACKEND"] = "agg"
    if jax.config.jax_compilation_cache_dir is None:  # pyright: ignore[reportAttributeAccessIssue]
        jax.config.update("jax_compilation_cache_dir", str(cache_folder()))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 1.0)
