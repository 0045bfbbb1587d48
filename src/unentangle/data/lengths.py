"""Rows of unlike length made one array, and windows of long ones."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Int, Shaped

from ..errors import InputError
from ..reading import Reading
from .dataset import Dataset, evenly
from .factors import Factors
from .rows import Rows, is_lazy

FLAGS = (
    "say --length crop to cut all to the shortest, --length pad to fill up with missing values, or --length window N to take "
    "windows of N samples"
)
HOLLOW = 50  # times what is there that padded rows may take, where they are more than `MANY` values
MANY = 1 << 24
LENGTHS = re.compile(
    r"(.*[ _./])?(len|lengths?|n_?(samples?|t|frames)|num_?samples|npts|seq_?len(gth)?s?|samples)", re.IGNORECASE
)
FEW = 2  # times what is asked for that is read of a row on disk at once, rather than window by window


def ragged(
    rows: Sequence[np.ndarray], how: Reading, names: Sequence[str], what: str
) -> tuple[Shaped[np.ndarray, "n length ..."], Int[np.ndarray, " n"]]:
    """Rows of unlike length as one array, and for each row of it the number of the row it is from.

    Args:
        rows: arrays (length, ...), of which all but the lengths agree.
        how: its `length` cuts all to the shortest, from the beginning; or fills up to the longest with NaN, for which whole
            numbers become floats; or takes windows of n samples every `hop` samples, also where all lengths agree. What is left
            behind the last window of a row is left out, and so are rows shorter than a window (`remarks` says so).
        names: what each row is called, for the sentences that refuse them.
        what: what they are together, for example "the traces in x.mseed".

    Raises:
        InputError: if they differ in length and `how` does not say what to do, if they differ in more, or nothing is left.
    """
    for name, row in zip(names, rows, strict=True):
        if row.ndim < 1 or row.shape[1:] != rows[0].shape[1:]:
            raise InputError(f"{name} has shape {row.shape} and {names[0]} {rows[0].shape}; they may differ in length only.")
    lengths = [len(row) for row in rows]
    kind, *size = how.length or (None,)
    if kind == "window":
        return _windows_of(rows, int(size[0]), how, what)
    every = np.arange(len(rows))
    if len(set(lengths)) <= 1:
        return np.stack(rows), every
    if kind is None:
        raise InputError(f"{what} differ in length ({counted(lengths)}); {FLAGS}.")
    if kind == "crop":
        if not min(lengths):
            raise InputError(f"{names[lengths.index(0)]} has no samples, so nothing is left of {what} cut to the shortest.")
        return np.stack([row[: min(lengths)] for row in rows]), every
    longest, there = max(lengths), sum(lengths)
    if len(rows) * longest > max(MANY, HOLLOW * there):
        raise InputError(
            f"{what} hold {there} samples and would be {len(rows)} times {longest} if filled up ({counted(lengths)}); "
            "say --length crop or --length window N."
        )
    dtype = np.result_type(*rows)
    whole = dtype.kind in "biu"
    padded = np.full((len(rows), longest, *rows[0].shape[1:]), np.nan, np.result_type(dtype, np.float32) if whole else dtype)
    for row, into in zip(rows, padded, strict=True):
        into[: len(row)] = row
    return padded, every


def counted(lengths: Sequence[int]) -> str:
    """How often each length comes, the most common first."""
    common = Counter(lengths).most_common()
    some = ", ".join(f"{count} of {length}{'' if k else ' samples'}" for k, (length, count) in enumerate(common[:3]))
    return some + (f" and {len(common) - 3} other lengths, {min(lengths)} to {max(lengths)}" if len(common) > 3 else "")


def remarks(lengths: Sequence[int], how: Reading, names: Sequence[str], what: str) -> tuple[str, ...]:
    """What was done to rows of these lengths by `ragged`, a sentence each, to be notes of a data set."""
    kind, *size = how.length or (None,)
    shortest, longest = min(lengths), max(lengths)
    if kind == "window":
        short = sum(length < int(size[0]) for length in lengths)
        return (f"{short} of {len(lengths)} of {what} are shorter than a window of {size[0]} and left out.",) if short else ()
    if kind is None or shortest == longest:
        return ()
    if kind == "crop":
        name = names[list(lengths).index(shortest)]
        return (f"{what} are cut to {shortest} samples, as many as {name} has; the longest has {longest}.",)
    missing = 1 - sum(lengths) / (longest * len(lengths))
    return (f"{what} are filled up to {longest} samples; {missing:.2g} of all values are missing.",)


def windows(source: Int[np.ndarray, " n"], how: Reading) -> dict[str, Int[np.ndarray, " n"]]:
    """The factor `window`, the first sample of each window, where `source` says which row it is from, as `ragged` does; none
    where no row gave several.
    """
    number = np.arange(len(source)) - np.searchsorted(source, source)
    return {"window": number * (how.hop or int((how.length or ("window", 0))[1]))} if number.any() else {}


def windowed(data: Dataset, how: Reading, name: Any) -> Dataset:
    """Rows of unlike length (`Blocks.lengths`) made alike, and the windows of all rows if such are asked for.

    Group keys and factors are those of the row, and the factor `window` holds the first sample of each. Rows that are one
    window long stay as they are. Windows of rows on disk are read when they are needed, if those are of one length.

    Raises:
        InputError: if the rows are shorter than a window, or differ in length and `how` does not say what to do.
    """
    if (lengths := getattr(data.x, "lengths", None)) is not None:
        names, what = np.repeat(data.x.names, data.x.sizes).tolist(), f"the rows of {name}"
        return _alike(data, lengths, how, names, what, remarks(lengths.tolist(), how, names, what))
    if not how.length or how.length[0] != "window" or data.x.shape[1] == (size := int(how.length[1])):
        return data
    if data.x.shape[1] < size:
        raise InputError(f"the rows of {name} have {data.x.shape[1]} samples, fewer than a window of {size}; say a smaller.")
    x = Windows(data.x, size, how.hop or size)
    return of_source(data, x if is_lazy(data.x) else x[:], np.arange(len(x)) // x.each, how)


def without_padding(data: Dataset, how: Reading, name: Any) -> Dataset:
    """Rows whose ends are padding, as a factor of their lengths tells: cut to these lengths where `how` says so, else with NaN
    there. It is padding if behind the length of every row there is one value, the same in all, and seldom just before it.

    In rows on disk, some are looked at to tell, and NaN is set where rows are read.
    """
    size = data.x.shape[1] if data.x.ndim > 1 else 0
    for factor, lengths in data.factors.items():
        if not LENGTHS.fullmatch(factor) or lengths.dtype.kind not in "iu" or not 0 < lengths.min() < lengths.max() <= size:
            continue
        short = np.flatnonzero(lengths < size)
        some = short[evenly(len(short), 500)] if is_lazy(data.x) else short
        rows = data.x[some]
        ends = np.concatenate([row[n:].ravel() for row, n in zip(rows, lengths[some], strict=True)])
        last = np.concatenate([row[n - 1].ravel() for row, n in zip(rows, lengths[some], strict=True)])
        if len(np.unique(ends)) > 1 or np.isnan(ends[0]) or 2 * np.sum(last == ends[0]) > len(last):
            continue
        x = Ended(data.x, lengths)
        note = f"rows of {name} end where their factor {factor} says, as there is only {ends[0]:g} behind."
        if how.length is None:
            return replace(data, x=x if is_lazy(data.x) else x[:], notes=(*data.notes, f"{note[:-1]}: that is NaN."))
        return _alike(replace(data, x=x), lengths, how, [f"row {k}" for k in range(len(data))], f"the rows of {name}", [note])
    return data


def _alike(
    data: Dataset, lengths: Int[np.ndarray, " n"], how: Reading, names: Sequence[str], what: str, notes: Sequence[str]
) -> Dataset:
    """Rows cut to these lengths and made alike by `ragged`."""
    rows = [data.x[k][:length] for k, length in enumerate(lengths)]
    return of_source(data, *ragged(rows, how, names, what), how, notes)


class Ended(Rows):
    """Rows of which each ends at a length of its own; behind it is NaN."""

    def __init__(self, of: Any, lengths: Int[np.ndarray, " n"]):
        self.of, self.ends, self.row_shape = of, lengths, tuple(of.shape[1:])
        self.dtype = np.result_type(of.dtype, np.float32)

    def __len__(self) -> int:
        return len(self.ends)

    def read(self, index: Int[np.ndarray, " some"]) -> np.ndarray:
        """The rows of these numbers."""
        rows = self.of[index].astype(self.dtype)
        rows[np.arange(rows.shape[1]) >= self.ends[index][:, None]] = np.nan
        return rows


def of_source(data: Dataset, x: Any, source: Int[np.ndarray, " n"], how: Reading, notes: Sequence[str] = ()) -> Dataset:
    """Rows that were made of those of a data set, with the keys and factors of the row that `source` says each is from."""
    groups = None if data.groups is None else data.groups[source]
    columns: dict[str, Any] = {name: (first, "continuous") for name, first in windows(source, how).items()}
    columns |= {column: (values[source], data.factors.kinds[column]) for column, values in data.factors.items()}
    factors = Factors(columns)
    factors.declared = dict(data.factors.declared)
    return replace(data, x=x, factors=factors, groups=groups, truth=None, notes=(*data.notes, *notes))


class Windows(Rows):
    """Windows of the rows of others, `each` of a row one after the other: window w of row r is number r * each + w.

    Args:
        of: rows (n, length, ...), on disk or in memory.
        size: samples of a window, at most length.
        hop: samples from one window to the next.
    """

    def __init__(self, of: Any, size: int, hop: int):
        self.of, self._size, self._hop = of, size, hop
        self.each = (of.shape[1] - size) // hop + 1
        self.row_shape, self.dtype = (size, *of.shape[2:]), of.dtype

    def __len__(self) -> int:
        return self.of.shape[0] * self.each

    @property
    def read_ratio(self) -> float:
        """That of the rows."""
        return self.of.read_ratio if is_lazy(self.of) else 1.0

    def read(self, index: Int[np.ndarray, " some"]) -> np.ndarray:
        """The windows of these numbers; of a long row on disk only they are read, if they are few."""
        row, window = np.divmod(index, self.each)
        values = np.empty((index.size, *self.row_shape), self.dtype)
        by_row = np.argsort(row, kind="stable")
        rows, starts = np.unique(row[by_row], return_index=True)
        for number, which in zip(rows, np.split(by_row, starts[1:]), strict=True):
            firsts = window[which] * self._hop
            if is_lazy(self.of) and FEW * len(which) * self._size < self.of.shape[1]:
                for into, first in zip(which, firsts, strict=True):
                    values[into] = self.of.part(int(number), int(first), int(first) + self._size)
            else:
                start, end = int(firsts.min()), int(firsts.max()) + self._size
                long = self.of.part(int(number), start, end) if is_lazy(self.of) else self.of[number, start:end]
                for into, first in zip(which, firsts - start, strict=True):
                    values[into] = long[first : first + self._size]
        return values


def _windows_of(rows: Sequence[np.ndarray], size: int, how: Reading, what: str) -> tuple[np.ndarray, np.ndarray]:
    hop = how.hop or size
    number = [max(0, (len(row) - size) // hop + 1) for row in rows]
    if not sum(number):
        lengths = [len(row) for row in rows]
        raise InputError(f"all of {what} are shorter than a window of {size} ({counted(lengths)}); say a smaller one.")
    cut = [row[k * hop : k * hop + size] for row, many in zip(rows, number, strict=True) for k in range(many)]
    return np.stack(cut), np.repeat(np.arange(len(rows)), number)
