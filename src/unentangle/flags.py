"""Flags that are declared elsewhere: a method's fields and terms, the transforms of rows, the arguments of a data set."""

from collections.abc import Callable, Mapping
from dataclasses import field, fields, make_dataclass, replace
from inspect import getdoc, signature
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from docstring_parser import parse
from tyro.conf import OmitArgPrefixes, arg

from .data.transforms import Bandpass, Envelope, Resample, Taper, Transform, Window
from .errors import InputError
from .methods import METHODS, TERMS
from .reading import AS_IT_IS, Reading
from .schedules import Linear, Number, Ramp

Flag = tuple[str, Any, Any]

# What is done to rows before a training, in this order: the type of a flag, what it takes, its words, and the transform.
TRANSFORMS: dict[str, tuple[Any, str, str, Callable[[Any], Transform]]] = {
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
OUT = "a folder for the run, by default runs/DATA-METHOD; the same command goes on with an interrupted one."
SHARE = "share of the groups that is measured, not trained on: by default 0.1 of a file, none of the package's data."
RAMP = "START END UNTIL [SINCE]"


def fit_flags(method: Any) -> type:
    """The flags of `fit DATA METHOD` for one kind of method: a dataclass of the settings of a training, of the transforms, and
    of the method's numbers (`method_of` makes the method).
    """
    recommended = method.recommended
    by_group = Annotated[tuple[int, int], arg(help="groups per batch, instances per group.")]
    batch = by_group if isinstance(recommended.batch, tuple) else Annotated[int, arg(help="rows per batch.")]
    flags = [
        _optional("out", Path, OUT, "PATH"),
        _optional("groups", str, "the name of the group keys in the file.", "STR", "groups"),
        _optional("x", str, "the name of the rows in the file.", "STR", "x"),
        _optional("held_out", float, SHARE, "FLOAT"),
        ("how", Annotated[Reading, OmitArgPrefixes], field(default=AS_IT_IS)),
        ("seeds", Annotated[tuple[int, ...], arg(help="one model per seed.")], field(default=(0,))),
        ("steps", Annotated[int, arg(help="optimiser steps.")], field(default=recommended.steps)),
        _optional("lr", float, "learning rate.", "FLOAT", recommended.lr),
        ("batch", batch, field(default=recommended.batch)),
        *(_optional(name, kind, words, takes) for name, (kind, takes, words, _) in TRANSFORMS.items()),
        *_method_flags(method),
    ]
    return make_dataclass("Fit", flags)


def fit_words() -> str:
    """What `fit --help` says first."""
    from .datasets import DATASETS

    return (
        f"Train a method on data: fit DATA METHOD [flags].\n\nDATA is a file or folder, or one of {', '.join(DATASETS)};\n"
        f"METHOD is one of {', '.join(METHODS)}.\n"
        f"These are the flags of {next(iter(METHODS))}; `fit DATA METHOD --help` says those of another one."
    )


def transforms_of(given: Mapping[str, Any]) -> tuple[Transform, ...]:
    """The transforms that were asked for, in their order."""
    return tuple(make(given[name]) for name, (_, _, _, make) in TRANSFORMS.items() if given[name] is not None)


def method_of(method: Any, given: Mapping[str, Any]) -> Any:
    """The method of this kind with the numbers that were given; the others keep their defaults. A term of weight 0 is left out.

    Raises:
        InputError: if a number is refused, or a ramp is neither none nor three or four numbers.
    """
    given = {name: _ramp(name, v) if name.endswith("_ramp") else v for name, v in given.items() if v is not None}
    own = {f.name: given[f.name] for f in fields(method) if f.name in given}
    if terms := _terms(method):
        ends = {"weight": "", "ramp": "_ramp"}
        changes = [{name: given[t.name + end] for name, end in ends.items() if t.name + end in given} for t, _ in terms]
        weighed = [(t, given.get(t.name, weight), change) for (t, weight), change in zip(terms, changes, strict=True)]
        if idle := [t.name for t, weight, change in weighed if weight == 0 and "ramp" in change]:
            raise InputError(f"--{idle[0]}-ramp was given, but {idle[0]} has no weight; say --{idle[0]} as well.")
        own["terms"] = tuple(replace(t, **change) for t, weight, change in weighed if weight != 0)
    return method(**own)


def data_flags(maker: Callable[..., Any]) -> type:
    """The flags of `data NAME`: --out, and those arguments of the data set that can be typed."""
    hints, words = get_type_hints(maker), _words(maker)
    plain = {name: _plain(hints[name]) for name in signature(maker).parameters}
    flags: list[Flag] = [("out", Annotated[Path | None, arg(help="a new .npz or .h5 file.")], field(default=None))]
    flags += [
        (name, Annotated[plain[name], arg(help=words.get(name))], field(default=argument.default))
        for name, argument in signature(maker).parameters.items()
        if plain[name] is not None
    ]
    return make_dataclass("Data", flags)


def first_line(of: Any) -> str:
    """The first line of a docstring."""
    return (getdoc(of) or "").partition("\n")[0]


def _method_flags(method: Any) -> list[Flag]:
    hints, words, flags = get_type_hints(method, include_extras=True), _words(method), []
    for f in fields(method):
        plain = _plain(hints[f.name])
        if hints[f.name] == Number:
            flags.append(_optional(f.name, float, words.get(f.name, ""), "FLOAT", f.default))
        elif hints[f.name] == Ramp:
            flags.append(_ramp_flag(f.name, words.get(f.name, ""), f.default))
        elif plain is not None:
            flags.append((f.name, Annotated[plain, arg(help=words.get(f.name))], field(default=f.default)))
    for term, weight in _terms(method):
        about = " ".join((getdoc(type(term)) or "").partition("\n\n")[0].split())
        flags.append(_optional(term.name, float, f"weight of a term, 0 for none. {about}", "FLOAT", weight))
        if get_type_hints(type(term), include_extras=True)["weight"] == Number:
            flags.append(_ramp_flag(f"{term.name}_ramp", f"a factor of {term.name} over the training:", term.ramp))
    return flags


def _terms(method: Any) -> list[tuple[Any, float]]:
    """All terms with their weights by default, if the method takes any; that of a term which it does not have is 0."""
    default = next((f.default for f in fields(method) if f.name == "terms"), None)
    if default is None:
        return []
    own = {term.name: term for term in default}
    return [(own.get(name) or kind(), own[name].weight if name in own else 0) for name, kind in TERMS.items()]


def _ramp_flag(name: str, words: str, default: Any) -> Flag:
    numbers = default and [default.start, default.end, default.until, *([default.since] if default.since else [])]
    line = "a line from START to END, left at SINCE and reached at UNTIL, shares of the training; or none."
    return _optional(
        name,
        tuple[str, ...],
        f"{words} {line}".strip(),
        f"none|{RAMP}",
        " ".join(f"{n:g}" for n in numbers) if numbers else "none",
    )


def _ramp(name: str, words: tuple[str, ...]) -> Linear | None:
    if words == ("none",):
        return None
    try:
        start, end, until, *since = map(float, words)
        return Linear(start, end, until, *since)
    except InputError as error:
        raise InputError(f"--{name.replace('_', '-')}: {error}") from error
    except (TypeError, ValueError) as error:
        raise InputError(f"--{name.replace('_', '-')} {' '.join(words)}; none, or {RAMP} in numbers, is needed.") from error


def _optional(name: str, kind: Any, words: str, takes: str, default: Any = None) -> Flag:
    """A flag that may be left out; `default` says what that means."""
    hint = "" if default is None else f"(default: {default})"
    return name, Annotated[kind | None, arg(help=words or None, metavar=takes, help_behavior_hint=hint)], field(default=None)


def _plain(hint: Any) -> Any:
    """The type of an argument on the command line, or None if it is for Python only."""
    if hint in (int, float, bool, str) or get_origin(hint) is Literal:
        return hint
    return next((h for h in get_args(hint) if get_origin(h) is Literal), None)


def _words(of: Any) -> dict[str, str]:
    """What the docstring says of each argument, in one line."""
    described = parse(getdoc(of) or "").params
    return {name: " ".join((p.description or "").split()) for p in described for name in p.arg_name.split(", ")}
