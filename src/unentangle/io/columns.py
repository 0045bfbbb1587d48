"""Columns of one number or word per row: their types, and reading them from text with separators."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import InputError
from .sniff import MISSING, Style, records, style

CELLS_AT_ONCE = 1 << 21  # of a file that are in memory as words
WORDS = 1 << 28  # characters that a column of words may take, as each takes those of the longest
POINTED = re.compile(r"[-+]?[1-9]\d{0,2}(\.\d{3})+")  # what may be 1,234 or 1234
IDENTIFIER = re.compile(r"[-+]?0\d|.*[eE]")  # rather than a number
TOTALS = ("mean", "average", "median", "std", "sum", "total", "min", "max", "count")
THOUSANDS = re.compile(r"[-+]?\d{1,3}([.,' ]\d{3})+([.,]\d+)?")  # of a word that is no number as it stands


class Odd(NamedTuple):
    """What stands among the numbers of a column and is none: the first such word, its line, how many, and how many numbers."""

    word: str
    line: int
    words: int
    numbers: int


class Columns(NamedTuple):
    """The columns of a text by their names, what was assumed, and those that hold numbers and words (`Odd`)."""

    columns: dict[str, np.ndarray]
    notes: list[str]
    odd: dict[str, Odd]


def read_csv(path: Path) -> dict[str, np.ndarray]:
    """The columns of a text by the names in its first line, or, if there are none, by their number (`parse`).

    Raises:
        InputError: if the file is not there or no text, its lines differ in length, or two columns have one name.
    """
    return parse(path).columns


def parse(path: Path) -> Columns:
    """The columns of a text, however it is written (`sniff`), and what was assumed of them.

    Whole numbers are read as such, other numbers as floats, everything else as words. Among numbers nothing, or a word that
    stands for it (`MISSING`), is NaN; a column that holds other words too is one of words.

    Raises:
        InputError: if the file is not there or no text, its lines differ in length, two columns have one name, or numbers are
            written with separators of thousands.
    """
    how = style(path)
    if twice := [name for name, count in Counter(how.names).items() if count > 1]:
        raise InputError(f"{path} has two columns of one name, {twice[0]!r}; names must differ.")
    tallies = [_Tally() for _ in how.names]
    for lines, columns in _blocks(how):
        for tally, words in zip(tallies, columns, strict=True):
            tally.add(words, lines, how.comma)
    for name, tally in zip(how.names, tallies, strict=True):
        if tally.thousands and tally.thousands == tally.words:
            raise InputError(
                f"line {tally.line} of {path} has {tally.word!r} in the column {name}; write numbers without separators of "
                "thousands, and with a decimal point."
            )
    kinds = [tally.kind() for tally in tallies]
    parts = [tally.parts for tally in tallies]
    mixed = [k for k, kind in enumerate(kinds) if kind is str and any(part.dtype.kind != "U" for part in parts[k])]
    for k in mixed:  # numbers that turned out to be words are read again as they stand
        parts[k] = []
    for _, columns in _blocks(how) if mixed else ():
        words = list(columns)
        for k in mixed:
            parts[k].append(_words(words[k]))
    for name, part in zip(how.names, parts, strict=True):
        if sum(map(len, part)) * max((p.dtype.itemsize for p in part), default=0) > 4 * WORDS:
            raise InputError(f"the column {name} of {path} has a word that is too long for a key or a factor.")
    odd = {n: Odd(t.word, t.line, t.words, t.numbers) for n, t in zip(how.names, tallies, strict=True) if t.words and t.numbers}
    gaps = {n: t.gaps for n, t, k in zip(how.names, tallies, kinds, strict=True) if k is float and any(t.gaps)}
    notes = [*how.notes]
    if gaps:
        said = [f"{n} ({', '.join(f'{c} {w!r}' for w, c in gap.items() if w)})" for n, gap in list(gaps.items())[:5]]
        more = f" and {len(gaps) - 5} more columns" if len(gaps) > 5 else ""
        notes.append(f"words among the numbers of {path} are taken as missing values, NaN, in {', '.join(said)}{more}.")
    columns = {n: _whole(part, kind) for n, part, kind in zip(how.names, parts, kinds, strict=True)}
    _refuse_points(how, columns)
    words = next((column for column in columns.values() if column.dtype.kind == "U" and len(column) > 1), None)
    if words is not None and words[-1].lower() in TOTALS and words[-1] not in words[:-1]:
        notes.append(f"the last line of {path}, {str(words[-1])!r}, is taken as a row; remove it if it sums up the others.")
    return Columns(columns, notes, odd)


def as_written(path: Path, columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Columns of a text as keys: words, if one is written as identifiers are, 007 or 1E5, or some are equal as numbers only."""
    how = style(path)
    whole = {n for n, v in columns.items() if v.dtype.kind in "if" and not (v.dtype.kind == "f" and np.isnan(v).any())}
    words: dict[str, list[str]] = {name: [] for name in how.names if name in whole}
    for _, record in records(how) if words else ():
        for k, name in enumerate(how.names):
            if name in words:
                words[name].append(record[k].strip())
    texts = {n: w for n, w in words.items() if len(set(w)) > len(np.unique(columns[n])) or any(map(IDENTIFIER.match, w))}
    return {**columns, **{name: np.array(some, str) for name, some in texts.items()}}


def numbers(words: Sequence[str]) -> np.ndarray:
    """Words as numbers, where all are, and different words are different numbers; else as they are."""
    values = next((v for kind in (int, float) if (v := _numbers(kind, words)) is not None), None)
    return np.array(words, str) if values is None or len(np.unique(values)) < len(set(words)) else values


def text(values: np.ndarray, what: str = "a column") -> np.ndarray:
    """A column as it is, or, if it holds text of any kind, as words.

    Raises:
        InputError: if a word is too long for that, or it is bytes that are no text.
    """
    if values.dtype.kind not in "OST":
        return values
    try:
        words = [v.decode() if isinstance(v, bytes) else str(v) for v in values.ravel().tolist()]
    except UnicodeDecodeError:
        raise InputError(f"{what} holds bytes that are no text (UTF-8); numbers or words are needed.") from None
    if len(words) * (longest := max(map(len, words), default=0)) > WORDS:
        raise InputError(f"{what} has a word of {longest} characters, which is too long for a key or a factor.")
    return np.array(words, str).reshape(values.shape)


def _refuse_points(how: Style, columns: Mapping[str, np.ndarray]) -> None:
    """Refuse a column in which 4.313 stands beside 999, and so may be 4313: whole numbers, and fractions of three digits only.

    Raises:
        InputError: naming the column and the first such word.
    """

    def may_be(column: np.ndarray) -> bool:
        if column.dtype.kind != "f" or not (np.nanmax(np.abs(column), initial=0) < 1000):
            return False
        broken = np.abs(column[column % 1 > 0])
        return bool((broken > 1).all() and (np.abs(broken * 1000 - np.round(broken * 1000)) < 1e-6).all())

    left = {k: ["", False, 0] for k, name in enumerate(how.names) if may_be(columns[name])}
    for line, record in records(how) if left else ():
        for k in list(left):
            word = record[k].strip()
            if POINTED.fullmatch(word):
                left[k] = left[k] if left[k][0] else [word, left[k][1], line]
            elif word.lstrip("+-").isdigit():
                left[k][1] |= int(word) != 0
            elif word not in MISSING:
                del left[k]
        if not left:
            return
    for k, (word, whole, line) in left.items():
        if word and whole:
            raise InputError(
                f"line {line} of {how.path} has {word!r} in the column {how.names[k]}, beside whole numbers: write "
                f"{word.replace('.', '')} if the point separates thousands, and {word}0 if it does not."
            )


class _Tally:
    """What a column holds: its values some lines at a time, numbers, gaps by the word that stands for them, and other words."""

    __slots__ = ("gaps", "line", "numbers", "parts", "thousands", "word", "words")

    def __init__(self):
        self.numbers = self.words = self.thousands = self.line = 0
        self.gaps: dict[str, int] = {}
        self.word, self.parts = "", []

    def add(self, words: Sequence[str], lines: Sequence[int], comma: bool) -> None:
        """Take in some more words, which stand in these lines."""
        for kind in (int, float) if not self.words else ():
            if not (comma and kind is float) and (values := _numbers(kind, words)) is not None:
                self.numbers += len(words)
                self.parts.append(values)
                return
        pointed = [word.replace(",", ".") for word in words] if comma else words
        odd = False
        for word, number, line in zip(words, pointed, lines, strict=True):
            if _is(float, number) and not (comma and POINTED.fullmatch(word.strip())):
                self.numbers += 1
            elif (bare := word.strip()) in MISSING:
                self.gaps[bare] = self.gaps.get(bare, 0) + 1
            else:
                self.word, self.line = (self.word, self.line) if self.words else (word, line)
                self.words, odd = self.words + 1, True
                self.thousands += THOUSANDS.fullmatch(bare) is not None
        gaps_only = not self.numbers and not odd
        values = words if odd or gaps_only else ["nan" if word.strip() in MISSING else word for word in pointed]
        self.parts.append(_words(values) if odd or gaps_only else np.array(list(map(float, values))))

    def kind(self) -> type:
        """Of int, float and str, the first that all words are; gaps alone are words."""
        if self.words or (not self.numbers and self.gaps):
            return str
        return int if not self.gaps and all(part.dtype.kind == "i" for part in self.parts) else float


def _words(words: Sequence[str]) -> np.ndarray:
    return np.array([word.strip() for word in words], str)


def _whole(parts: Sequence[np.ndarray], kind: type) -> np.ndarray:
    """The parts of a column as one; gaps that came before its first number are NaN."""
    if kind is float:
        parts = [np.full(len(part), np.nan) if part.dtype.kind == "U" else part.astype(float) for part in parts]
    return np.concatenate(parts) if parts else np.array([], np.int64)


def _blocks(how: Style) -> Iterator[tuple[list[int], Iterator[tuple[str, ...]]]]:
    """The words of each column, some lines at a time, and the numbers of the lines."""
    rows = records(how)
    while block := list(islice(rows, max(1, min(256, CELLS_AT_ONCE // len(how.names))))):
        yield [number for number, _ in block], zip(*(record for _, record in block), strict=True)


def _numbers(kind: type, words: Sequence[str]) -> np.ndarray | None:
    """Words as numbers of a kind, if all are (`_is`)."""
    try:
        values = np.array(list(map(kind, words)), np.int64 if kind is int else np.float64)
    except (ValueError, OverflowError):
        return None
    if "_" in "".join(words) or (
        values.dtype.kind == "f" and (abs(values) >= 2**63).any() and not all(_is(kind, w) for w in words)
    ):
        return None
    return values


def _is(kind: type, word: str) -> bool:
    """Whether a word is a number of this kind; Python's underscores, as in 1_000, are none.

    Nor are whole numbers of more than 64 bits, of which different ones would become one float.
    """
    try:
        number = kind(word)
    except ValueError:
        return False
    return "_" not in word and (-(2**63) <= number < 2**63 or not word.strip().lstrip("+-").isdigit())
