"""How the text of a table is written: its encoding, separator and decimal mark, and what stands before its first row."""

import codecs
import csv
import gzip
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import InputError
from .arrays import check_size, damaged

# What other programs write where there is no value. "-1" and the like are numbers, of which a file cannot say that.
MISSING = frozenset(
    ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "n.a.", "na", "nan", "NaN", "NAN", "NULL", "Null", "null", "None", "none", "nil",
     "NaT", "missing", "Missing", "-", "--", "---", "–", "—", "?", ".", "..", "...", "*", "-nan", "-nan(ind)", "nan(ind)",
     "1.#QNAN", "-1.#IND", "1.#IND", "#DIV/0!", "#VALUE!", "#NUM!", "#REF!", "#NULL!", "#NAME?")
)  # fmt: skip
SEPARATORS = ("\t", ";", "|", ",", " ")  # a blank stands for any number of blanks and tabs
LOOKED_AT = 200  # lines from which it is told how a file is written
CHARACTERS = 1 << 21  # of them, if they are long
CELLS = 64  # of a line whose numbers are counted
CONTROLS = bytes({*range(9), *range(14, 32)} - {0x1A, 0x1B})
COMMENT = re.compile(r"#|(%|//|!)(\s|$)")
DECIMAL = re.compile(r"[-+]?\d*,\d+([eE][-+]?\d+)?")
csv.field_size_limit(1 << 24)


class Style(NamedTuple):
    """How a text is written: what `records` needs, the names of the columns, and how many records stand before the first row.

    `comma` says that numbers have a decimal comma, `padded` that blanks follow separators, `comments` how many lines come
    before the first record.
    """

    path: Path
    encoding: str
    separator: str
    padded: bool
    comma: bool
    comments: int
    names: list[str]
    before: int
    notes: list[str]


def style(path: Path) -> Style:
    """How the text of a table is written, told from its first lines.

    Raises:
        InputError: if it is not there, no text, empty, or of a size that `check_size` refuses.
    """
    if not path.is_file():
        problem = "is no file" if path.exists() else "does not exist"
        raise InputError(f"{path} {problem}; a {path.suffix or '.csv'} file is needed.")
    encoding, notes = encoding_of(path), []
    if encoding == "cp1252":
        notes.append(f"{path} is no UTF-8, so it is read as Windows-1252 (Latin-1): look at its accents.")
    with opened(path, encoding) as file:
        lines = list(_some(file))
    comments = next((k for k, line in enumerate(lines) if line.strip() and not COMMENT.match(line)), len(lines))
    some = [line for line in lines[comments:] if line.strip()]
    if not some:
        raise InputError(f"{path} is empty; a line of names and a line per row are needed.")
    separator = _separator(some)
    padded = separator != " " and all(re.sub(rf"{re.escape(separator)} ", "", line).count(separator) == 0 for line in some[:20])
    found = Style(path, encoding, separator, padded, False, comments, [], 0, notes)
    rows = [row for row in _parsed(some, found) if row]
    width = Counter(map(len, rows)).most_common(1)[0][0]
    body = [row[:CELLS] for row in rows[1:] or rows if len(row) == width]
    found = found._replace(comma=separator != "," and any(map(_with_comma, zip(*body, strict=True))))
    return _headed(found, rows, width, [COMMENT.sub("", line, count=1) for line in lines[:comments] if line.strip()])


def records(how: Style) -> Iterator[tuple[int, list[str]]]:
    """The words of each row, with the number of its line; lines without any word at the end are none, as spreadsheets add them.

    Raises:
        InputError: if a row is longer or shorter than the names.
    """
    width, before, empty = len(how.names), how.before, []
    try:
        with opened(how.path, how.encoding) as file:
            for _ in range(how.comments):
                next(file)
            reader = _reader(file, how)
            for record in reader:
                if len(record) <= 1 < width and not "".join(record).strip():
                    continue
                if before:
                    before -= 1
                    continue
                number, record = how.comments + reader.line_num, record or [""]
                if len(record) != width:
                    raise InputError(
                        f"line {number} of {how.path} has {len(record)} values; others have {width}, separated by "
                        f"{_called(how.separator)}."
                    )
                if not any(map(str.strip, record)):
                    empty.append((number, record))
                    continue
                yield from empty
                empty.clear()
                yield number, record
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{how.path} cannot be read: it is no text of values, separated by commas or the like.") from error


def is_number(word: str, comma: bool = False) -> bool:
    """Whether a word is a number; Python's underscores, as in 1_000, are none."""
    try:
        float(word.replace(",", ".") if comma else word)
    except ValueError:
        return False
    return "_" not in word


# -- text -----------------------------------------------------------------------------------------------------------------


def opened(path: Path, encoding: str) -> TextIOWrapper:
    """A text of this encoding, opened to be read, unpacked where it is compressed."""
    return TextIOWrapper(_unpacked(path), encoding, newline="")


def _unpacked(path: Path) -> Any:
    """The bytes of a file, opened to be read, unpacked where it is compressed."""
    return gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb")


def encoding_of(path: Path) -> str:
    """UTF-8, UTF-16 where it says so or every other byte is zero, else Windows-1252; after a look at the whole text."""
    with damaged(path, "a text of columns"), _unpacked(path) as file:
        size, first = 0, file.read(1 << 20)
        wide = [np.mean(np.frombuffer(first[k : 1 << 12 : 2] or b"x", np.uint8) == 0) for k in (0, 1)]
        if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            encoding = "utf-16"
        else:
            encoding = "utf-16-le" if wide[1] > 0.4 > wide[0] else "utf-16-be" if wide[0] > 0.4 > wide[1] else "utf-8-sig"
        decoders = {name: codecs.getincrementaldecoder(name)() for name in dict.fromkeys((encoding, "cp1252"))}
        chunk = first
        while True:
            size += len(chunk)
            check_size(path, size, path.stat().st_size)
            if encoding == "utf-8-sig" and chunk.translate(None, CONTROLS) != chunk:
                decoders.clear()
            for name, decoder in list(decoders.items()):
                try:
                    if "\0" in decoder.decode(chunk, final=not chunk):
                        del decoders[name]
                except UnicodeDecodeError:
                    del decoders[name]
            if not chunk or not decoders:
                break
            chunk = file.read(1 << 20)
    fit = encoding if encoding in decoders else "cp1252" if encoding == "utf-8-sig" and decoders else None
    if fit is None:
        raise InputError(f"{path} cannot be read: it is no text of values, separated by commas or the like.")
    return fit


def _some(file: TextIOWrapper) -> Iterator[str]:
    """The first lines, not too many characters of them, but three."""
    size = 0
    for number, line in enumerate(islice(file, LOOKED_AT)):
        size += len(line)
        if number >= 3 and size > CHARACTERS:
            return
        yield line


# -- separators -----------------------------------------------------------------------------------------------------------


def _reader(lines: Iterator[str], how: Style):
    if how.separator == " ":
        lines = (line.replace("\t", " ").strip() for line in lines)
    return csv.reader(lines, delimiter=how.separator, skipinitialspace=how.padded or how.separator == " ")


def _parsed(lines: Sequence[str], how: Style) -> list[list[str]]:
    try:
        return list(_reader(iter(lines), how))
    except csv.Error as error:
        raise InputError(f"{how.path} cannot be read: it is no text of values, separated by commas or the like.") from error


def _separator(lines: Sequence[str]) -> str:
    """The one that parts all lines, or those after the first half, into equally many words, of which most are numbers."""
    for some in (lines[:20], lines[len(lines) // 2 :][:20]):
        best, nearly = _parting(some)
        if best or nearly:
            return best or nearly
    return next((s for s in (",", ";", "\t") if s in lines[0]), ",")


def _parting(lines: Sequence[str]) -> tuple[str, str]:
    """The separator that parts all lines into equally many words, and one that nearly does; each "" if there is none."""
    best, most, nearly = "", -1, ""
    for separator in SEPARATORS:
        try:
            rows = [row for row in _reader(iter(lines), Style(Path(), "", separator, True, False, 0, [], 0, [])) if row]
        except csv.Error:
            continue
        agree = sum(len(row) == len(rows[0]) for row in rows)
        if len(rows[0]) < 2 or agree < len(rows):
            nearly = separator if not nearly and len(rows[0]) > 1 and 3 * agree >= 2 * len(rows) else nearly
            continue
        count = sum(is_number(word, comma=separator != ",") for row in rows for word in row[:CELLS])
        if count > most:
            best, most = separator, count
    return best, nearly


def _called(separator: str) -> str:
    return {"\t": "tabs", ";": "semicolons", ",": "commas", " ": "blanks"}.get(separator, repr(separator))


def _with_comma(words: Sequence[str]) -> bool:
    """Whether most words of a column are numbers with a decimal comma, which cannot all be thousands."""
    found = [word for word in words if DECIMAL.fullmatch(word.strip())]
    return 2 * len(found) > len(words) and not all(re.fullmatch(r"\s*[-+]?[1-9]\d{0,2},\d{3}\s*", word) for word in found)


# -- what stands before the rows ------------------------------------------------------------------------------------------


def _headed(how: Style, rows: list[list[str]], width: int, comments: Sequence[str]) -> Style:
    """With the names of the columns, so many, and how many records are no rows."""
    above = _above(how, rows, width)
    first, below = rows[above], [row for row in rows[above + 1 :] if len(row) == width]
    header = len(first) == width and _is_header(how, first, below)
    notes, names = list(how.notes), [] if header else _short(how, rows, above, width)
    if titles := above - bool(names):
        begin = " ".join(rows[0])[:40].strip()
        notes.append(f"{titles} line(s) of {how.path} before the table are left out, from {begin!r}.")
    if names:
        return how._replace(names=names, before=above, notes=notes)
    if not header:
        named = next((names for names in map(list, _parsed(comments[-1:], how)) if len(names) == width), None)
        if named and not all(is_number(name) for name in named):
            return how._replace(names=[name.strip() for name in named], before=above, notes=notes)
        notes.append(f"{how.path} has no line of names, so its columns are called 0 to {width - 1}, by their number.")
        return how._replace(names=[str(k) for k in range(width)], before=above, notes=notes)
    names, before = [name.strip() for name in first], above + 1
    if sum(is_number(name, how.comma) for name in names) > 1:
        notes.append(f"line {before} of the records in {how.path} ({', '.join(names[:5])}) is taken as names, not as a row.")
    while len(below) > 2 and _is_units(how, below[0], below[1:]):
        notes.append(f"line {before + 1} of {how.path} holds no numbers ({', '.join(below[0][:5])}): it is left out, as units.")
        below, before = below[1:], before + 1
    return how._replace(names=names, before=before, notes=notes)


def _above(how: Style, rows: list[list[str]], width: int) -> int:
    """How many records stand before the table: shorter ones, or of one word, above a line of names, or without any number."""

    def sparse(row: list[str]) -> bool:
        return len(row) < width or (width > 2 and sum(map(bool, map(str.strip, row))) < 2)

    above = next((k for k, row in enumerate(rows) if not sparse(row)), 0)
    first, below = rows[above], [row for row in rows[above + 1 :] if len(row) == width]
    titles = all(len(row) < width and not any(is_number(word, how.comma) for word in row) for row in rows[:above])
    return above if len(first) == width and (titles or (below and _is_header(how, first, below))) else 0


def _short(how: Style, rows: list[list[str]], above: int, width: int) -> list[str]:
    """The names in a line before the table that has one less, as R writes where rows have names, or rows end in a separator."""
    names = [name.strip() for name in rows[above - 1]] if above else []
    if len(names) != width - 1 or len(names) < 2 or any(is_number(name, how.comma) for name in names):
        return []
    ended = all(not row[-1].strip() for row in rows[above:] if len(row) == width)
    return [*names, ""] if ended else ["", *names]


def _is_header(how: Style, first: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether the first record names the columns: where numbers stand below it, it holds other things, or counts."""
    numeric = _numeric(how, below) if below else [is_number(word, how.comma) for word in first]
    above = [word for k, (word, number) in enumerate(zip(first, numeric, strict=True)) if number and (k or word)]  # an index
    if not all(is_number(word, how.comma) or word in MISSING for word in above):
        return True
    words = [k for k, number in enumerate(numeric) if not number]
    again = [any(row[k] == first[k] for row in below) for k in words if first[k] not in MISSING]
    if not above or not any(is_number(word, how.comma) for word in above):
        return not (again and all(again))
    if any(again) or not all(is_number(word, how.comma) for word in above):
        return False
    counts = above in ([str(k + s) for k in range(len(above))] for s in (0, 1))
    after = [row[k] for row in below[:1] for k, number in enumerate(numeric) if number]
    if not after or _even(how, after):
        return False
    return counts or _even(how, above) if words else counts and len(above) > 2


def _even(how: Style, words: Sequence[str]) -> bool:
    """Whether words are numbers that increase by even steps, as times and wavelengths do."""
    if len(words) < 3 or not all(is_number(word, how.comma) for word in words):
        return False
    steps = np.diff([float(word.replace(",", ".")) for word in words])
    return bool(steps.min() > 0 and np.ptp(steps) < 1e-3 * steps.mean())


def _is_units(how: Style, row: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether a record has no number in several columns of numbers, but a word."""
    words = [word for word, number in zip(row, _numeric(how, below), strict=True) if number]
    return len(words) > 1 and not any(is_number(w, how.comma) for w in words) and not MISSING.issuperset(words)


def _numeric(how: Style, rows: Sequence[Sequence[str]]) -> list[bool]:
    """Which columns hold more numbers than words."""
    return [
        2 * sum(is_number(word, how.comma) for word in some) > len(some)
        for some in ([word for word in column if word not in MISSING] for column in zip(*rows, strict=True))
    ]
