"""Which of the named arrays of a file are rows, group keys and factors.

Files that hold more than one array are all the same here: a mapping of names to arrays, where the names are paths as in HDF5.
Three ways to say which arrays are rows, all in one string `x`:

- a name, `"waveforms"`: that array. The others with one value per row are group keys and factors.
- a pattern, `"{event}/{pixel}/{station}"` or `"{event}/waveforms"`: every array of numbers whose path fits, one after the
  other. What stands in a path where the pattern has a name is a factor, `*` stands for anything, and neither goes over a slash.
  Arrays beside the rows of every part, `event_7/depth`, are factors too, of one value or of one value per row.
- either of them and the names of the axes, `"waveforms: row channel time"`: the axis named row goes first, channel last.
  Without an axis named row, each array is one row; so is by default an array of one axis that fits a pattern.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ..data.columns import as_keys
from ..data.dataset import Dataset
from ..data.rows import Blocks
from ..errors import InputError
from .arrays import Member, damaged
from .columns import numbers, text
from .keys import KeyTable
from .proposals import recordings

Arrays = Mapping[str, Any]
Dimensions = Callable[[Any], Sequence[str | None]]
Chosen = Sequence[str] | Mapping[str, Any] | None  # factors: their names, or they themselves, or all there are


def dataset(
    path: Path,
    arrays: Arrays,
    groups: Any = "groups",
    x: str = "x",
    factors: Chosen = None,
    dimensions: Dimensions = lambda array: (),
) -> Dataset:
    """The data set that named arrays make.

    Args:
        path: where they are from, for the sentences that refuse them.
        arrays: what is there by its name, read where `numpy.asarray` asks for it.
        groups: the name of the group keys, or the keys, or None. The default name "groups" may be absent.
        x: which arrays are rows (see above). The default name "x" may be absent where only one array can be rows, or where all
            arrays are leaves of a tree of one depth: its levels are then the factors `level_1`, `level_2` ...
        factors: the names of those that are factors, by default all there are; or the factors; for a tree whose levels have no
            name, these.
        dimensions: the names of an array's axes, where the file tells.

    Raises:
        InputError: if a named array is missing, or they do not go together; the sentence lists what is there.
    """
    pattern, axes = axes_of(x, arrays)
    if pattern == "x" and not ("x" in arrays and can_be_rows(arrays["x"])):
        named = factors if isinstance(factors, Sequence) else ()
        pattern, factors = _guess(path, arrays, named), None if named and _is_tree(arrays) else factors
    if pattern in arrays:
        rows = joined([arrays[pattern]], axes, [pattern])
        known = axes is None or axes[0] == "row"

        def dimension(array: Any) -> str | None:
            return next(iter(dimensions(array)), None) if known else None

        others = {name: a for name, a in arrays.items() if name != pattern and _goes_with(a, arrays[pattern], rows, dimension)}
        if isinstance(groups, str) and groups in arrays and len(arrays[groups].shape) == 1:
            along, first = dimension(arrays[groups]), dimension(arrays[pattern])
            if along != first and None not in (along, first):
                rest = " ".join(["time", *(f"axis_{k}" for k in range(1, len(rows.shape) - 1)), "row"])
                raise InputError(
                    f"{groups} in {path} lies along {along}, and {pattern} has rows along {first}: name the axes of {pattern}, "
                    f"as in --x '{pattern}: {rest}'."
                )
        shape = tuple(arrays[pattern].shape)
        masks = [n for n, a in arrays.items() if n != pattern and tuple(a.shape) == shape and a.dtype == bool]
        notes = [
            f"{n} in {path} has a truth value for each of {pattern} and is left out; set what is missing to NaN." for n in masks
        ]
        one_each = [n for n, a in arrays.items() if n != pattern and rows.ndim and tuple(a.shape) == rows.shape[:1]]
        if odd := [f"{n} ({arrays[n].dtype})" for n in one_each if n != groups and not _holds_values(arrays[n])]:
            notes.append(f"{listed(odd, 5)} of {path} hold(s) no numbers, words or times, so no keys and no factors.")
        return choose(path, rows, others, groups, factors, arrays, notes=notes)
    fit = {name: values for name, values in matches(pattern, arrays).items() if can_be_rows(arrays[name], 1)}
    if not fit:
        raise InputError(f"{path} has no array {pattern!r}; it holds {listed(arrays)}.")
    parts = [arrays[name] for name in fit]
    if axes is None and all(len(part.shape) == 1 for part in parts):
        axes = ("time",)
    rows = joined(parts, axes, list(fit))
    sizes = [1] * len(parts) if axes and "row" not in axes else [part.shape[(axes or ("row",)).index("row")] for part in parts]
    levels = {name: numbers([values[name] for values in fit.values()]) for name in next(iter(fit.values()))}
    columns = {name: np.repeat(column, sizes) for name, column in levels.items() if x != "x" or len(np.unique(column)) > 1}
    names = np.repeat(list(fit), sizes).tolist()
    own = pattern if x != "x" or (isinstance(groups, str) and groups in levels) else ""
    notes = [] if axes else recordings(f"arrays of {path}", sizes, tuple(rows.shape[1:]), own, list(fit), groups)
    return choose(path, rows, _beside(arrays, list(fit), sizes) | columns, groups, factors, levels, names, notes)


def choose(
    path: Path,
    rows: Any,
    columns: Arrays,
    groups: Any,
    factors: Chosen,
    there: Arrays | None = None,
    names: Sequence[str] | None = None,
    notes: Sequence[str] = (),
) -> Dataset:
    """The data set of these rows, with the columns that are its group keys and factors, chosen as by `dataset`.

    `columns` may be keys or factors, one value per row, by name; `there` is all that was in the file, if it is more than they.
    `names` are the paths of the arrays or files that each row is from, by which a `KeyTable` names it.

    Raises:
        InputError: if a named column is missing.
    """
    there = columns if there is None else {**there, **columns}

    def column(name: str, role: str) -> np.ndarray:
        if name not in there:
            near = [other for other in there if other.endswith(f".{name}")] or get_close_matches(name, there, 2)
            meant = f" (perhaps {' or '.join(near)} is meant)" if near else ""
            raise InputError(f"{path} has no array {name!r}{role}{meant}; it holds {listed(there)}.")
        with damaged(f"{name} in {path}", "one number or word per row"):
            return text(np.asarray(there[name]), f"{name} in {path}")

    keys, what = groups, "groups"
    if isinstance(groups, KeyTable):
        keys, assumed = groups.of(path, rows.shape[0] if rows.shape else 0, columns, names)
        notes, what = [*notes, *assumed], f"{groups.key} in {groups.file}"
    elif isinstance(groups, str):
        keys, what = None if groups == "groups" and groups not in there else column(groups, ""), f"{groups} in {path}"
    if factors is None:
        factors = [name for name in columns if not isinstance(groups, str) or name != groups]
    if not isinstance(factors, Mapping):
        factors = {name: column(name, " to be a factor") for name in factors}
    return Dataset(rows, factors, None if keys is None else as_keys(keys, what), notes=notes)


def joined(arrays: Sequence[Any], axes: Sequence[str] | None, names: Sequence[str]) -> Any:
    """Arrays as one, with rows first and channels last: in memory where they are, else read by rows.

    Those of unlike length stay apart, for `files.read` to do what is asked for (`lengths.windowed`), or to refuse them.
    """
    arrays = [np.asarray(array) if isinstance(array, Member) else array for array in arrays]
    if len(arrays) == 1 and axes is None and isinstance(arrays[0], np.ndarray):
        return arrays[0]
    in_memory = all(isinstance(array, np.ndarray) and not isinstance(array, np.memmap) for array in arrays)
    rows = Blocks(arrays, axes, names, uneven=True)
    return rows[:] if in_memory and rows.lengths is None else rows


def axes_of(x: str, arrays: Iterable[str] = ()) -> tuple[str, tuple[str, ...] | None]:
    """The pattern and the names of the axes in `x`; nothing before the colon is the default name."""
    pattern, colon, words = x.rpartition(":")
    axes = tuple(words.split())
    if x in arrays or not colon or (len(axes) < 2 and axes != ("time",)) or not all(word.isidentifier() for word in axes):
        return x, None
    if len(set(axes)) < len(axes):
        raise InputError(f"x={x!r} names an axis twice; the names must differ.")
    return pattern.strip() or "x", axes


def matches(pattern: str, names: Iterable[str]) -> dict[str, dict[str, str]]:
    """The names that a pattern fits, each with what stands where the pattern has a name in braces.

    Raises:
        InputError: if the pattern has a name twice.
    """
    pieces = [part for part in re.split(r"(\{\w+\}|\*)", pattern) if part]
    wanted = [piece[1:-1] for piece in pieces if re.fullmatch(r"\{\w+\}", piece)]
    if len(set(wanted)) < len(wanted) or not all(name.isidentifier() for name in wanted):
        raise InputError(f"x={pattern!r}; the names in braces must be words, and differ.")
    kinds = {"*": r"[^/]*"} | {f"{{{name}}}": rf"(?P<{name}>[^/]+?)" for name in wanted}
    expression = re.compile("".join(kinds.get(piece) or re.escape(piece) for piece in pieces), re.DOTALL)
    return {name: fit.groupdict() for name in names if (fit := expression.fullmatch(name))}


def listed(names: Iterable[str], most: int = 20) -> str:
    """Names in a sentence, not too many."""
    names = list(map(str, names))
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "") or "nothing"


def can_be_rows(array: Any, axes: int = 2) -> bool:
    """Whether an array holds numbers on so many to four axes; complex ones are rows that are refused."""
    return array.dtype.kind in "biufc" and axes <= len(array.shape) <= 4


def _holds_values(array: Any) -> bool:
    """Whether it holds numbers or words, and no Python objects, which are words in other files than zips."""
    return array.dtype.kind in "biufSUOTMm" and not (isinstance(array, Member) and array.dtype.hasobject)


def _guess(path: Path, arrays: Arrays, named: Sequence[str]) -> str:
    """The pattern that means the only array that can be rows, or all leaves of a tree."""
    rows = [name for name, array in arrays.items() if can_be_rows(array)]
    rows = rows if len(rows) == 1 else [name for name in rows if prod(arrays[name].shape) > 1]  # one number is no row
    if len(rows) == 1:
        return rows[0]
    if not (leaves := _leaves(arrays)) or not _is_tree(arrays):
        if "x" in arrays:
            return "x"
        some = ", ".join(f"--x {name}" for name in rows[:3])
        hint = f"; say which are rows: {some}" if rows and len(leaves) < 2 else ""
        hint = hint if len(leaves) < 2 else "; x='{event}/{station}' would take what lies so deep"
        raise InputError(f"{path} has no array 'x'; it holds {listed(arrays)}{hint}.")
    depth = leaves[0].count("/") + 1
    if named and len(named) != depth:
        raise InputError(f"the arrays of {path} lie {depth} levels deep, as {leaves[0]}; {len(named)} names were given.")
    return "/".join(f"{{{name}}}" for name in named or [f"level_{k + 1}" for k in range(depth)])


def _leaves(arrays: Arrays) -> list[str]:
    return [name for name, array in arrays.items() if can_be_rows(array, 1) and "/" in name]


def _is_tree(arrays: Arrays) -> bool:
    """Whether the numbers in it lie equally deep, in rows of one shape."""
    leaves = _leaves(arrays)
    shapes = {(name.count("/"), len(a.shape), a.shape[min(1, len(a.shape) - 1) :]) for name in leaves for a in [arrays[name]]}
    return len(leaves) > 1 and len(shapes) == 1


def _goes_with(array: Any, x: Any, rows: Any, dimension: Callable[[Any], str | None]) -> bool:
    """Whether an array has one value for each row."""
    along = {dimension(array), dimension(x)}
    return _holds_values(array) and rows.ndim > 0 and array.shape == rows.shape[:1] and (None in along or len(along) == 1)


def _beside(arrays: Arrays, parts: Sequence[str], sizes: Sequence[int]) -> dict[str, np.ndarray]:
    """What stands beside the rows in the folder of every part: one value, or one value per row."""
    folders: dict[str, dict[str, Any]] = {}
    for name, array in arrays.items():
        folder, _, leaf = name.rpartition("/")
        folders.setdefault(folder, {})[leaf] = array
    beside = [folders[name.rpartition("/")[0]] for name in parts]
    if len(set(map(id, beside))) < len(beside):  # several parts share a folder: whose is it?
        return {}

    def fits(array: Any, size: int) -> bool:
        return _holds_values(array) and array.shape in ((), (size,))

    common = set.intersection(*({leaf for leaf, a in b.items() if fits(a, n)} for b, n in zip(beside, sizes, strict=True)))
    common -= {name.rpartition("/")[2] for name in parts}
    return {
        leaf: np.concatenate([np.broadcast_to(text(np.asarray(b[leaf])), n) for b, n in zip(beside, sizes, strict=True)])
        for leaf in sorted(common)
    }
