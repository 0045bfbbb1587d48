"""Columns of one number or word per row: their types, and reading them from comma-separated values."""

import csv
from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import islice
from pathlib import Path

import numpy as np

from ..errors import InputError

MISSING = frozenset(("", "NA"))
LINES = 256  # of a file that are in memory as words
WORDS = 1 << 28  # characters that a column of words may take, as each takes those of the longest


def read_csv(path: Path) -> dict[str, np.ndarray]:
    """Its columns by their names in the first line, or, if that holds numbers only, by their number.

    Whole numbers are read as such, other numbers as floats, everything else as words. Among numbers nothing, or NA, is NaN.

    Raises:
        InputError: if the file is not there or no text, its lines differ in length, or two columns have one name.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist; a .csv file is needed.")
    first = next(_blocks(path), None)
    if first is None:
        raise InputError(f"{path} is empty; a line of names and a line per row are needed.")
    named = not all(_is(float, word) for word in first[0])
    names = first[0] if named else [str(k) for k in range(len(first[0]))]
    if len(set(names)) < len(names):
        raise InputError(f"{path} has two columns of one name among {', '.join(names)}; names must differ.")
    kinds: list[type] = [int] * len(names)
    empty = [True] * len(names)
    for columns in map(list, _columns(path, named)):
        kinds = [_kind(words, kind, MISSING) for words, kind in zip(columns, kinds, strict=True)]
        empty = [there and MISSING.issuperset(words) for words, there in zip(columns, empty, strict=True)]
    kinds = [str if nothing and kind is float else kind for kind, nothing in zip(kinds, empty, strict=True)]
    parts: list[list[np.ndarray]] = [[_typed((), kind)] if kind is not str else [] for kind in kinds]
    for columns in _columns(path, named):
        for part, words, kind in zip(parts, columns, kinds, strict=True):
            part.append(_typed(words, kind))
    for name, part in zip(names, parts, strict=True):
        if sum(map(len, part)) * max(p.dtype.itemsize for p in part) > 4 * WORDS:
            raise InputError(f"the column {name} of {path} has a word that is too long for a key or a factor.")
    return {name: np.concatenate(part) for name, part in zip(names, parts, strict=True)}


def numbers(words: Sequence[str]) -> np.ndarray:
    """Words as numbers, where all are, and different words are different numbers; else as they are."""
    kind = _kind(words, int)
    values = _typed(words, kind)
    return values if len(np.unique(values)) == len(set(words)) else _typed(words, str)


def text(values: np.ndarray) -> np.ndarray:
    """A column as it is, or, if it holds text of any kind, as words.

    Raises:
        InputError: if a word is too long for that.
        UnicodeDecodeError: if it is bytes that are no text.
    """
    if values.dtype.kind not in "OST":
        return values
    words = [v.decode() if isinstance(v, bytes) else str(v) for v in values.ravel().tolist()]
    if len(words) * (longest := max(map(len, words), default=0)) > WORDS:
        raise InputError(f"a column has a word of {longest} characters, which is too long for a key or a factor.")
    return np.array(words, str).reshape(values.shape)


def _blocks(path: Path) -> Iterator[list[list[str]]]:
    """Some lines at a time, all of the length of the first; empty ones are left out."""
    width = None
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            numbered = ((number, line) for number, line in enumerate(filter(None, csv.reader(file)), 1))
            while block := list(islice(numbered, LINES)):
                width = width or len(block[0][1])
                for number, line in block:
                    if len(line) != width:
                        raise InputError(f"line {number} of {path} has {len(line)} values; the first line has {width}.")
                yield [line for _, line in block]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read: it is no text of comma-separated values.") from error


def _columns(path: Path, named: bool) -> Iterator[Iterable[Sequence[str]]]:
    """The words of each column, some lines at a time, without the line of names."""
    for number, block in enumerate(_blocks(path)):
        if lines := block[1:] if named and not number else block:
            yield zip(*lines, strict=True)


def _kind(words: Sequence[str], first: type, missing: Set[str] = frozenset()) -> type:
    """Of int, float and str, the first that all words are; not before `first`. Words for what is missing are floats."""
    kinds = (int, float)[(int, float, str).index(first) :]
    return next((k for k in kinds if all(_is(k, word) or (k is float and word in missing) for word in words)), str)


def _is(kind: type, word: str) -> bool:
    """Whether a word is a number of this kind; Python's underscores, as in 1_000, are none.

    Nor are whole numbers of more than 64 bits, of which different ones would become one float.
    """
    try:
        number = kind(word)
    except ValueError:
        return False
    return "_" not in word and (-(2**63) <= number < 2**63 or not word.strip().lstrip("+-").isdigit())


def _typed(words: Sequence[str], kind: type) -> np.ndarray:
    if kind is float:
        words = [word if word not in MISSING else "nan" for word in words]
    dtype = {int: np.int64, float: np.float64, str: str}[kind]
    return np.array([kind(word) for word in words], dtype)
