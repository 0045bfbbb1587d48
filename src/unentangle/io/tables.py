"""Tables: some columns are the samples of a row, the others its group key and factors."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from ..data.dataset import Dataset
from ..errors import InputError
from ..reading import Reading
from .arrays import load_npy, members, refuse_special
from .arrow import names_of, read_columns
from .columns import Columns, Odd, as_written, numbers, parse, read_csv
from .keys import KeyTable
from .named import Chosen, axes_of, choose, joined, listed
from .sniff import MISSING, style


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
        return {str(k): column for k, column in enumerate(whole.T if len(whole) > 1 else whole)}
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
    if wanted == "*":
        lone = axes is not None and axes[:1] != ("row",)  # lines are no rows
        fit, assumed = _without_counts(path, fit, columns, lone)
        if pattern == "x" and not lone:
            fit, more = _alike(path, fit, columns)
            assumed = [*assumed, *more]
        notes = [*notes, *assumed, *(_of_words(path, fit, columns, odd) if of_text else ())]
    samples = [name for name in fit if columns[name].dtype.kind in "biuf"]
    if wanted != "*" and len(samples) < len(fit):
        name = next(n for n in fit if columns[n].dtype.kind not in "biuf")
        which = f" ({odd[name].word!r} in line {odd[name].line})" if name in odd else ""
        raise InputError(f"the column {name!r} of {path} holds words{which}; samples are numbers.")
    if not samples:
        held = next((note for note in notes if note.endswith(NONE)), f"it has {listed(columns)}.")
        raise InputError(f"{path} has no column of numbers for x={pattern!r}; {held}")
    taken = set(samples)
    rows = np.stack([columns[name] for name in samples], axis=1)
    beside = {
        name: column
        for name, column in single.items()
        if name not in taken and (name or groups == "" or column.dtype.kind == "U")
    }
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
        notes = [*notes, *_whole(path, samples, columns, wanted), *_long(path, samples, single)]
    if of_text and isinstance(groups, str) and groups in beside and len(rows) == len(single[groups]):
        beside |= as_written(path, {groups: single[groups]})
        if beside[groups].dtype.kind == "U" and (words := sorted(MISSING & set(beside[groups].tolist()) - {""})):
            notes = [
                *notes,
                f"the column {groups} of {path} has the key {words[0]!r}, which is taken as a word, not as missing.",
            ]
    if axes is not None:
        return choose(path, rows, beside, groups, factors, notes=notes)
    return replace(choose(path, rows, beside, groups, factors, single, notes=notes), ordered=_counting(samples))


def _alike(path: Path, fit: Sequence[str], columns: Mapping[str, np.ndarray]) -> tuple[list[str], list[str]]:
    """Columns of samples without the few whose names do not count as those of most do: `moisture` beside nm_400, nm_410 ..."""
    stems = {name: _stem(name) for name in fit if columns[name].dtype.kind in "biuf"}
    most, count = Counter(stem for stem in stems.values() if stem).most_common(1)[0] if any(stems.values()) else ("", 0)
    others = [name for name, stem in stems.items() if stem != most]
    if count < 8 or not others or len(others) > count / 4:  # of few columns, names tell little
        return list(fit), []
    example = next(name for name, stem in stems.items() if stem == most)
    return [name for name in fit if name not in others], [
        f"{listed(others, 3)} of {path} is no sample, as it is not called as {example} and {count - 1} others are; --x '*' "
        "takes in every column of numbers."
    ]


def _stem(name: str) -> str:
    """A name with each number in it as 0; nothing if there is none."""
    return NUMBER.sub("0", name) if NUMBER.search(name) else ""


def _counting(names: Sequence[str]) -> bool:
    """Whether names of columns differ in their numbers only, as those of samples do: s0, s1; or are numbers."""
    return len({_stem(name) for name in names}) == 1 and (len(names) == 1 or bool(_stem(names[0])))


def check_order(files: Sequence[Path]) -> None:
    """Refuse tables whose columns do not stand in one order, as their samples are read in that of each file.

    Raises:
        InputError: naming the first that differs.
    """
    kind = suffix_of(files[0])
    if kind not in TEXTS and TABLES.get(kind) is not read_columns:
        return
    each = ((style(file).names if kind in TEXTS else names_of(file)) for file in files)
    first = next(each)
    for file, names in zip(files[1:], each, strict=True):
        both = set(first) & set(names)
        if [name for name in first if name in both] != [name for name in names if name in both]:
            raise InputError(
                f"{file} has the columns {listed(names, 5)}, and {files[0]} {listed(first, 5)}: write both in one order, in "
                "which samples are read."
            )


def _without_counts(
    path: Path, fit: Sequence[str], columns: Mapping[str, np.ndarray], lone: bool
) -> tuple[list[str], list[str]]:
    """Columns of samples without those that count lines or their times, and what is to be said of them.

    In a file that is one row (`lone`), a first column of even steps is a time whatever its name.
    """
    left, notes, first = list(fit), [], next(iter(columns))
    for name in fit if len(fit) > 1 else ():
        column, at_first = columns[name], name == first
        if column.dtype.kind not in "biuf" or TIMES.fullmatch(name):
            continue
        nameless = NAMELESS.fullmatch(name) and (name or at_first)
        numbered = column.dtype.kind in "iu" and column[:1].tolist() in ([0], [1]) and bool((np.diff(column) == 1).all())
        if nameless or (numbered and (name in INDEX or (at_first and len(column) > 3))):
            which = "the first column" if at_first else "the column"
            what = "has no name" if nameless else "only numbers its lines"
            called = f", {name}," if name else ""
            notes.append(f"{which} of {path}{called} {what}, {NONE[:-1]}; x=, or --x, with a pattern of columns takes it in.")
            left.remove(name)
        elif numbered and len(column) > 3:
            notes.append(f"the column {name} of {path} only numbers its lines; if it is no sample, {NAMING}.")
    for name in list(left) if len(left) > 1 else ():
        timed = TIMES.fullmatch(name) or (lone and name == next(iter(columns)))
        if timed and columns[name].dtype.kind in "iuf" and len(left) > 1 and _even(columns[name]):
            notes.append(f"the column {name} of {path} is taken as a time, as it goes up in even steps, {NONE}")
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
    notes = [f"the column {n} of {path} holds words beside numbers, {NONE}" for n in fit if n in odd]
    for name in fit:
        if columns[name].dtype.kind == "U" and name not in odd and all(map(MEASURED.match, columns[name].tolist()[:1000])):
            notes.append(f"the column {name} of {path} holds words such as {str(columns[name][0])!r}, {NONE}")
    empty = [n for n in fit if columns[n].dtype.kind == "U" and n not in odd and set(columns[n].tolist()) <= MISSING]
    return notes + ([f"{listed(empty, 5)} of {path} hold(s) no value, {NONE}"] if any(empty) else [])


def _whole(path: Path, samples: Sequence[str], columns: Mapping[str, np.ndarray], wanted: str) -> list[str]:
    """A note of columns of few whole numbers among those of fractions, which may be keys."""
    whole = [n for n in samples if columns[n].dtype.kind in "iu"]
    if wanted != "*" or not 0 < 4 * len(whole) < len(samples):
        return []
    return [
        f"{listed(whole, 3)} of {path} hold(s) whole numbers, the other columns of samples fractions; if it is a key, say "
        f"--groups {whole[0]}, and if no sample, {NAMING}."
    ]


def _long(path: Path, samples: Sequence[str], columns: Mapping[str, np.ndarray]) -> list[str]:
    """A note of a table that has a line for every value of a row."""
    named = [name for name in columns if name.lower() in VARIABLE and columns[name].dtype.kind == "U"]
    if not named or not any(name.lower() in ("value", "values") for name in samples):
        return []
    return [f"each line of {path} is a row, though it may hold one value only, that of {named[0]}: if so, pivot it first."]


def _fields(path: Path) -> dict[str, np.ndarray]:
    """The fields of the records in a `.npy`, or the one array that is in it."""
    array = load_npy(path)
    return {name: array[name] for name in array.dtype.names} if array.dtype.names else {"table": array}


UNSURE = (".dat", ".prn", ".asc", ".tab")  # of texts and others
TEXTS = tuple(suffix + end for suffix in (".csv", ".tsv", ".txt", *UNSURE) for end in ("", ".gz"))
VARIABLE = ("variable", "feature", "parameter", "channel", "quantity", "name")
INDEX = ("index", "Unnamed: 0", "idx", "id", "row", "n", "no", "nr", "number", "#")
TIMES = re.compile(r"(t|time|times|seconds?|secs?|samples?|timestamps?|ms|elapsed)([ _]?[\[(]?\w{0,3}[\])]?)", re.IGNORECASE)
NAMELESS = re.compile(r"(Unnamed: \d+|__index_level_\d+__)?")  # as pandas calls the index of a frame
NUMBER = re.compile(r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?")
MEASURED = re.compile(r"\W{0,2}[\d.,]*\d|(true|false)$", re.IGNORECASE)  # a word that begins as a number does, or a truth value
NONE = "so it is no sample."
NAMING = "name the samples by a pattern, as in --x 's*'"
TABLES = {
    **dict.fromkeys(TEXTS, read_csv),
    **dict.fromkeys((".parquet", ".arrow", ".feather"), read_columns),
    ".npz": lambda path: {name: np.asarray(array) for name, array in members(path).items()},
    ".npy": _fields,
}
