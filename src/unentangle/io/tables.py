"""Tables: some columns are the samples of a row, the others its group key and factors."""

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from ..data.dataset import Dataset
from ..errors import InputError
from ..reading import Reading
from .arrays import load_npy, members, refuse_special
from .arrow import read_columns
from .columns import Columns, Odd, as_keys, numbers, parse, read_csv
from .keys import KeyTable
from .named import Chosen, axes_of, choose, joined, listed
from .sniff import MISSING


def read_table(path: str | Path) -> dict[str, np.ndarray]:
    """Named columns of one value per row, from a text such as `.csv`, or a `.parquet`, `.npz` or `.npy` file.

    Args:
        path: a text, whose first line names the columns unless it is like the others; a `.parquet`; a `.npz` of columns, or
            of one table; or a `.npy` table (rows, columns). Columns without a name are called by their number. Numbers are read
            as numbers, everything else as words.

    Raises:
        InputError: if the file cannot be read, or its lines differ in length.
    """
    path = Path(path)
    refuse_special(path)
    if suffix_of(path) not in TABLES:
        raise InputError(f"{path} is not a .csv, .npz or .npy file, nor a .parquet; a table is read from {', '.join(TABLES)}.")
    arrays = TABLES[suffix_of(path)](path)
    if len(arrays) == 1 and (whole := next(iter(arrays.values()))).ndim == 2:
        return {str(k): column for k, column in enumerate(whole.T)}
    if odd := [f"{name} {a.shape}" for name, a in arrays.items() if a.ndim != 1]:
        raise InputError(f"{path} holds {', '.join(odd)}; columns of one value per row are needed.")
    return arrays


def suffix_of(path: Path) -> str:
    """The suffix of a file in small letters, of a compressed text with the one before it: `.csv.gz`."""
    last = path.suffix.lower()
    return last if last != ".gz" else Path(path.stem).suffix.lower() + last


def read_rows(path: Path, groups: Any, x: str, factors: Chosen, how: Reading) -> Dataset:
    """A data set from the columns of a text or `.parquet`.

    Args:
        path: the file.
        groups: the column of the group keys, or the keys, or None. The default name "groups" may be absent.
        x: which columns are samples, in the order of the file: a pattern such as `sample_*`; by default all that hold numbers
            and are neither group keys nor factors, nor count the rows or their times. Or the column of a `.parquet` whose
            values are lists of one length, which is also found by itself if it is the only one. Axes after a colon say what
            lines and columns are: `: time channel` makes the file one row, `: time row` each column.
        factors: the names of the columns that are factors, by default all that are not samples.

    Raises:
        InputError: if the file cannot be read, a column is missing or holds a few words among numbers, or no column holds
            samples.
    """
    of_text = suffix_of(path) in TEXTS
    columns, notes, odd = parse(path) if of_text else Columns(TABLES[suffix_of(path)](path), [], {})
    pattern, axes = axes_of(x, columns)
    lists = {name: column for name, column in columns.items() if column.ndim > 1}
    single = {name: column for name, column in columns.items() if column.ndim == 1}
    if pattern in lists or (pattern == "x" and len(lists) == 1):
        name = pattern if pattern in lists else next(iter(lists))
        return choose(path, joined([columns[name]], axes, [name]), single, groups, factors)
    wanted = "*" if pattern == "x" else pattern
    keyed = [groups] if isinstance(groups, str) else groups.columns if isinstance(groups, KeyTable) else ()
    others = {*(factors or ()), *keyed}
    fit = [name for name in single if fnmatchcase(name, wanted) and name not in others]
    if wanted == "*" and of_text:
        lone = axes is not None and axes[:1] != ("row",)  # lines are no rows
        fit, assumed = _without_counts(path, fit, columns, lone)
        notes = [*notes, *assumed, *_of_words(path, fit, columns, odd)]
    samples = [name for name in fit if columns[name].dtype.kind in "biuf"]
    if wanted != "*" and len(samples) < len(fit):
        name = next(n for n in fit if columns[n].dtype.kind not in "biuf")
        which = f" ({odd[name].word!r} in line {odd[name].line})" if name in odd else ""
        raise InputError(f"the column {name!r} of {path} holds words{which}; samples are numbers.")
    if not samples:
        raise InputError(f"{path} has no column of numbers for x={pattern!r}; it has {listed(columns)}.")
    taken = set(samples)
    rows = np.stack([columns[name] for name in samples], axis=1)
    beside = {name: column for name, column in single.items() if name not in taken and (name or column.dtype.kind == "U")}
    if axes is None and len(samples) == 1 and how.length and how.length[0] == "window":
        axes, rows = ("time",), rows[:, 0]  # one long recording
    if axes is not None and axes[:1] != ("row",):
        rows = joined([rows], axes, [path.name])
        beside = {name: column[:1] for name, column in beside.items() if len(set(column.tolist())) == 1 and "row" not in axes}
        if "row" in axes:
            return choose(path, rows, {"column": numbers(samples)}, groups, factors, names=samples, notes=notes)
    elif axes is not None:
        rows = joined([rows], axes, [path.name])
    else:
        notes = [*notes, *_whole(path, samples, columns, wanted)]
    if of_text and isinstance(groups, str) and groups in beside and len(rows) == len(single[groups]):
        beside[groups] = as_keys(path, groups, single[groups])
    return choose(path, rows, beside, groups, factors, notes=notes)


def _without_counts(
    path: Path, fit: Sequence[str], columns: Mapping[str, np.ndarray], lone: bool
) -> tuple[list[str], list[str]]:
    """Columns of samples without those that count lines or their times, and what is to be said of them.

    In a file that is one row (`lone`), a first column of even steps is a time whatever its name.
    """
    left, notes = list(fit), []
    for name in fit[:1] if len(fit) > 1 else ():
        column = columns[name]
        numbered = column.dtype.kind in "iu" and column[:1].tolist() in ([0], [1]) and bool((np.diff(column) == 1).all())
        if column.dtype.kind in "biuf" and next(iter(columns)) == name and (
            not name or (numbered and (name in INDEX or len(column) > 3) and not TIMES.fullmatch(name))
        ):  # fmt: skip
            what = (
                f"the first column of {path}, {name}, only numbers its lines"
                if name
                else f"the first column of {path} has no name"
            )
            notes.append(f"{what}, so it is no sample; x=, or --x, with a pattern of columns takes it in.")
            left.remove(name)
    for name in list(left) if len(left) > 1 else ():
        timed = TIMES.fullmatch(name) or (lone and name == next(iter(columns)))
        if timed and columns[name].dtype.kind in "iuf" and len(left) > 1 and _even(columns[name]):
            notes.append(f"the column {name} of {path} is taken as a time, as it goes up in even steps, so it is no sample.")
            left.remove(name)
    return left, notes


def _even(column: np.ndarray) -> bool:
    steps = np.diff(column.astype(float))
    return len(steps) > 1 and bool(steps.min() > 0 and np.ptp(steps) < 0.1 * steps.mean())


def _of_words(path: Path, fit: Sequence[str], columns: Mapping[str, np.ndarray], odd: Mapping[str, Odd]) -> list[str]:
    """Notes of columns that hold words and could have held samples.

    Raises:
        InputError: if a column holds more numbers than words, of which one may be a slip.
    """
    for name in fit:
        if name in odd and odd[name].numbers > odd[name].words:
            word, line, words, count = odd[name]
            more = f" and {words - 1} other word(s)" if words > 1 else ""
            raise InputError(
                f"the column {name!r} of {path} holds {count} numbers, {word!r} in line {line}{more}: correct or empty what is "
                f"no number, name the columns of samples by a pattern (x='s*', or --x 's*'), or the column as groups={name!r}."
            )
    notes = [f"the column {n} of {path} holds words beside numbers, so it is no sample." for n in fit if n in odd]
    for name in fit:
        if columns[name].dtype.kind == "U" and name not in odd and all(map(MEASURED.match, columns[name].tolist()[:1000])):
            notes.append(f"the column {name} of {path} holds words such as {str(columns[name][0])!r}, so it is no sample.")
    empty = [n for n in fit if columns[n].dtype.kind == "U" and n not in odd and set(columns[n].tolist()) <= MISSING]
    return notes + ([f"{listed(empty, 5)} of {path} hold(s) no value, so it is no sample."] if any(empty) else [])


def _whole(path: Path, samples: Sequence[str], columns: Mapping[str, np.ndarray], wanted: str) -> list[str]:
    """A note of columns of few whole numbers among those of fractions, which may be keys."""
    whole = [n for n in samples if columns[n].dtype.kind in "iu" and len(np.unique(columns[n])) <= len(columns[n]) / 2]
    if wanted != "*" or not 0 < 4 * len(whole) < len(samples):
        return []
    return [
        f"{listed(whole, 3)} of {path} hold(s) whole numbers that repeat, the other columns of samples fractions; if it is a "
        f"key, say --groups {whole[0]}, and if no sample, name the samples by a pattern, as in --x 's*'."
    ]


TEXTS = tuple(suffix + end for suffix in (".csv", ".tsv", ".txt") for end in ("", ".gz"))
INDEX = ("index", "Unnamed: 0", "idx", "id", "row", "n", "no", "nr", "number", "#")
TIMES = re.compile(r"(t|time|times|seconds?|secs?|samples?|timestamps?|ms|elapsed)([ _]?[\[(]?\w{0,3}[\])]?)", re.IGNORECASE)
MEASURED = re.compile(r"\s*[-+]?[\d.,]*\d")  # a word that begins as a number does
TABLES = {
    **dict.fromkeys(TEXTS, read_csv),
    **dict.fromkeys((".parquet", ".arrow", ".feather"), read_columns),
    ".npz": lambda path: {name: np.asarray(array) for name, array in members(path).items()},
    ".npy": lambda path: {"table": load_npy(path)},
}
