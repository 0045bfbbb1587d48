"""Group keys in a table beside the data, whose lines are found by the names of the rows.

A row's name is the path of its array or file, or a value that stands beside it in the data, as in a column of identifiers. The
table names it in any of its columns: whole, by one level of the path, or without its suffix. Many rows may share one line, as
the rows of one event do in a table of events.
"""

import re
import unicodedata
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from .columns import text

Names = Sequence[Hashable]
SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,8}(\.gz)?$")  # of files; what begins with a digit is a part of a number


@dataclass(frozen=True, eq=False)
class KeyTable:
    """A table `columns`, read from `file`, whose column `key` holds the keys."""

    file: str
    key: str
    columns: Mapping[str, np.ndarray]

    def of(
        self, path: Path, count: int, beside: Mapping[str, Any], names: Sequence[str] | None
    ) -> tuple[np.ndarray, list[str]]:
        """The key of each of so many rows of `path`, and notes of what was assumed.

        Args:
            path: where the rows are from, for the sentences.
            count: how many rows there are.
            beside: what else the data holds of each row, by name.
            names: the path of the array or file that each row is from, where it has any.

        Raises:
            InputError: if the table names some rows and not all, names one twice with two keys, or names none and has another
                number of lines.
        """
        keys, known = self.columns[self.key], list(_names_of(beside, names))
        tried = [match for role, ours in known for name in self.columns for match in self._matches(role, ours, name)]
        whole = [match for match in tried if not match.missing]
        for match in sorted(whole, key=lambda match: (not match.one_each, bool(match.twice))):
            if not match.twice:
                return keys[match.lines], []
        if (both := _together(whole, keys)) is not None:
            return keys[both], []
        for match in sorted((m for m in tried if m.one_each), key=lambda match: len(match.missing)):
            if match.missing:
                raise InputError(
                    f"{self.file} has no line for {match.missing[0]} of {path} in its column {match.column}, which names "
                    f"{len(match.lines) - len(match.missing)} of the {count} rows; every row needs a line."
                )
            raise InputError(f"{self.file} has two lines for {match.twice} of {path}, with different keys; one is needed.")
        if len(keys) != count:
            such = f", such as {names[0]}" if names else ""
            raise InputError(
                f"{self.file} has {len(keys)} lines and {path} {count} rows, and no column of the table holds names of the "
                f"rows{such}; give it a column of their names, or a line per row in their order."
            )
        self._check_order(path, beside)
        if len(self.columns) == 1 and names is None:
            return keys, []
        return keys, [f"no column of {self.file} holds names of the rows of {path}, so its lines are taken in their order."]

    def _matches(self, role: str, ours: Names, name: str) -> Iterator["_Match"]:
        """How the column `name` of the table names the rows, if it names any."""
        theirs = self.columns[name]
        if name == self.key and len(self.columns) > 1:
            return
        words = theirs.dtype.kind not in "biuf"
        if role and not words and role != name:  # numbers of another name are others
            return
        values: Names = [composed(str(v)) for v in text(theirs).tolist()] if words else theirs.tolist()
        ways = [values, [_last(v) for v in values], [_bare(_last(v)) for v in values]] if words and not role else [values]
        both = [(ours, way) for way in ways]
        if role == name or (words and role and isinstance(ours[0], str)) or (not role and len(set(ours)) == len(ours)):
            both.append((_whole(ours), _whole(values)))  # 7 and 007 are the same where nothing else is
        for names, way in both:
            if names and (match := _match(names, name, way, self.columns[self.key], runs=not role)):
                yield match
                return

    def _check_order(self, path: Path, beside: Mapping[str, Any]) -> None:
        """Refuse a table whose lines are plainly in another order than the rows: some column has the same values in both."""
        for name in beside.keys() & self.columns.keys():
            ours, theirs = (text(np.asarray(column)).astype(str) for column in (beside[name], self.columns[name]))
            words = all(np.asarray(side[name]).dtype.kind not in "biuf" for side in (beside, self.columns))
            if (ours != theirs).any() and (words or (np.sort(ours) == np.sort(theirs)).all()):
                raise InputError(
                    f"the lines of {self.file} are in another order than the rows of {path}, as their columns {name} show, and "
                    "no column names each row once; give both a column of identifiers."
                )


@dataclass(frozen=True, eq=False)
class _Match:
    """The line of each row by one column of the table: rows without one, a name of two, and whether rows differ in name."""

    column: str
    ours: Names
    values: Names
    lines: np.ndarray
    missing: Sequence[Hashable]
    twice: str
    one_each: bool


def _whole(values: Names) -> Names:
    """Values as whole numbers, if all are, and different ones stay so; else none."""
    found = [int(value) for value in map(str, values) if value.isdigit()]
    return found if len(found) == len(values) and len(set(found)) == len(set(values)) else ()


def _match(ours: Names, column: str, values: Names, keys: np.ndarray, runs: bool) -> _Match | None:
    """How values name the rows; `runs` of rows may have one name, as those of one array have. None if they hardly do."""
    line: dict[Hashable, int] = {}
    twice: set[Hashable] = set()
    for number, value in enumerate(values):
        if keys[line.setdefault(value, number)] != keys[number]:
            twice.add(value)
    different = dict.fromkeys(ours)
    missing = [name for name in different if name not in line]
    one_each = len(different) == (sum(1 for _ in groupby(ours)) if runs else len(ours)) and len(different) > 1
    found = len(different) - len(missing)
    if not found or (missing and (not one_each or 2 * found < len(different))):
        return None
    both = next((str(name) for name in different if name in twice), "")
    return _Match(column, ours, values, np.array([line.get(name, -1) for name in ours]), missing, both, one_each)


def _together(matches: Sequence[_Match], keys: np.ndarray) -> np.ndarray | None:
    """The lines that several columns name together, as event and station do, if they tell all keys apart."""
    by_column = {match.column: match for match in matches}
    if len(by_column) < 2:
        return None
    ours, theirs = (
        list(zip(*part, strict=True)) for part in zip(*((m.ours, m.values) for m in by_column.values()), strict=True)
    )
    match = _match(ours, "", theirs, keys, runs=False)
    return None if match is None or match.missing or match.twice else match.lines


def _names_of(beside: Mapping[str, Any], names: Sequence[str] | None) -> Iterator[tuple[str, Names]]:
    """What may name the rows: paths, in several ways, which have no name themselves, and columns, which have."""
    if names is not None:
        whole = [composed(name) for name in names]
        levels = list(zip(*(name.split("/") for name in whole), strict=False))
        ways = [
            whole,
            [_bare(name) for name in whole],
            [_last(name) for name in whole],
            [_bare(_last(n)) for n in whole],
            *levels,
        ]
        yield from (("", way) for way in ways)
    for name, column in beside.items():
        values = text(np.asarray(column))
        if values.dtype.kind == "f" and np.all(values % 1 == 0):
            values = values.astype(np.int64)
        values = values.astype(str) if values.dtype.kind == "M" else values
        if values.dtype.kind in "biu":
            yield name, values.tolist()
        elif values.dtype.kind == "U":
            yield name, [composed(value) for value in values.tolist()]


def composed(name: str) -> str:
    """A name with its accents as others write them: some systems keep them apart."""
    return unicodedata.normalize("NFC", name)


def _last(name: Any) -> str:
    return str(name).replace("\\", "/").rpartition("/")[2]


def _bare(name: str) -> str:
    """A name without a file's suffix."""
    return SUFFIX.sub("", name)
