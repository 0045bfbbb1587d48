"""Named arrays as others lay them out: rows of unlike length, keys of shape (1, n), columns first, keys in attributes."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np

from ..data.dataset import Dataset
from ..data.factors import Factors
from ..data.lengths import of_source, ragged, remarks
from ..data.rows import Blocks
from ..errors import InputError
from ..reading import Reading
from .columns import text
from .decoded import Flat, Reversed
from .named import Arrays, Chosen, Dimensions, axes_of, can_be_rows, dataset, joined, matches

CHANNEL = re.compile(r"(chan|channels?|comp|components?|bands?|leads?|sensors?|electrodes?)", re.IGNORECASE)
TIME = re.compile(r"(t|times?|samples?|seconds?)", re.IGNORECASE)
Attributes = Callable[[str], Mapping[str, Any]]
# Attributes that describe values, and no rows.
ABOUT = frozenset(
    (
        *("units", "long_name", "standard_name", "calendar", "axis", "coordinates", "grid_mapping", "positive", "bounds"),
        *("valid_min", "valid_max", "valid_range", "scale_factor", "add_offset", "missing_value", "Conventions", "history"),
        *("CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "TITLE", "VERSION", "title"),
    )
)


@dataclass(frozen=True)
class Ragged:
    """Rows of unlike length in one array, read by `read`."""

    read: Callable[[], Sequence[np.ndarray]]
    count: int
    dtype: np.dtype

    @property
    def shape(self) -> tuple[int, None]:
        """The number of rows, and that lengths differ."""
        return self.count, None


def of_objects(array: Any) -> Any:
    """An array of arrays as rows; others as they are."""
    if not isinstance(array, np.ndarray) or array.dtype != object or array.ndim != 1 or not array.size:
        return array
    rows = list(array)
    alike = len({row.shape for row in rows}) == 1
    return np.stack(rows) if alike else Ragged(lambda: rows, len(rows), np.result_type(*rows))


def dataset_of(
    path: Path,
    arrays: Arrays,
    groups: Any,
    x: str,
    factors: Chosen,
    how: Reading,
    dimensions: Dimensions = lambda array: (),
    attributes: Attributes = lambda name: {},
    notes: Sequence[str] = (),
) -> Dataset:
    """The data set that named arrays make, as `named.dataset` does it, however they are laid out.

    - Arrays of n values on more axes, (1, n) or (n, 1), are columns where rows are n.
    - The only array that can be rows is read with its axes reversed where keys that are asked for are as many as its last axis
      is long, and not its first, as MATLAB and Fortran write it; a note says so.
    - Rows of unlike length are cut, filled up or cut into windows as `how.length` says (`lengths.ragged`).
    - Attributes of one value per row, or of one value on each of several arrays or their folders, are columns.

    Args:
        path, groups, x, factors, dimensions: as for `named.dataset`.
        arrays: those of the file, `Ragged` ones among them.
        how: what to do with rows of unlike length.
        attributes: those of an array or a folder by its name; "" is the whole file.
        notes: what was assumed before.

    Raises:
        InputError: as `named.dataset`; or if rows differ in length and nothing is said about it; or if all axes are equally
            long, so that nothing tells which are rows.
    """
    uneven = {name: array for name, array in arrays.items() if isinstance(array, Ragged)}
    arrays = {name: array for name, array in arrays.items() if name not in uneven}
    pattern, axes = axes_of(x, (*arrays, *uneven))
    if axes == ("time",) or (axes is None and how.length and how.length[0] == "window"):
        arrays = _one_long(arrays, pattern, axes)
        x = pattern if pattern in arrays else x
        axes = None if pattern in arrays else axes
    chosen = _rows_of(pattern, arrays, uneven)
    if chosen in uneven:
        return _ragged(path, chosen, uneven[chosen], axes, arrays, groups, factors, how, dimensions, attributes, notes)
    if chosen and pattern == "x":
        x = chosen if axes is None else f"{chosen}: {' '.join(axes)}"
    arrays = _flat(arrays, chosen, pattern)
    if chosen and axes is None and len(arrays[chosen].shape) > 1:
        if any(named := [str(name or "").rpartition("/")[2] for name in dimensions(arrays[chosen])]):
            x, said = _as_named(path, chosen, named, x)
        else:
            arrays, said = _turned(path, arrays, chosen, groups, factors)
        notes = (*notes, *said)
    words = [groups] if isinstance(groups, str) else []
    words += factors if isinstance(factors, list | tuple) else []
    own = {name for name in words if name not in arrays and _is_attribute(name, arrays, attributes)}
    known = [name for name in factors if name not in own] if isinstance(factors, list | tuple) else factors
    data = dataset(path, arrays, None if isinstance(groups, str) and groups in own else groups, x, known, dimensions)
    data = _with_attributes(path, data, chosen, groups, factors, attributes, own)
    return replace(data, notes=(*notes, *data.notes))


def _as_named(path: Path, chosen: str, named: Sequence[str], x: str) -> tuple[str, list[str]]:
    """What is `x` and what is to be said of it, where the axes of the rows have names."""
    if len(named) == 3 and CHANNEL.fullmatch(named[1]) and not CHANNEL.fullmatch(named[2]):
        return f"{chosen}: row channel time", [f"the axes of {chosen} in {path} are {', '.join(named)}: channels go last."]
    if len(named) == 2 and TIME.fullmatch(named[0]) and not TIME.fullmatch(named[1]):
        along = f"rows of {chosen} in {path} lie along {named[0]}"
        return x, [f"{along}; if each is one of {named[1]}, say --x '{chosen}: time row'."]
    return x, []


def _rows_of(pattern: str, arrays: Arrays, uneven: Mapping[str, Ragged]) -> str:
    """The name of the one array that is rows; "" if there is none, or a pattern says that they are several."""
    if pattern in arrays or pattern in uneven:
        return pattern
    if pattern != "x":
        return ""
    rows = [name for name, array in arrays.items() if can_be_rows(array)]
    several = [name for name in rows if not _is_vector(arrays[name].shape)]
    if not several and len(uneven) == 1:
        return next(iter(uneven))
    return (several or rows)[0] if len(rows) == 1 or len(several) == 1 else ""


def _one_long(arrays: Arrays, pattern: str, axes: Sequence[str] | None) -> dict[str, Any]:
    """The arrays, of which the one of one axis that is asked for, or that is the only array, is one long row."""
    name = pattern if pattern in arrays else next(iter(arrays)) if pattern == "x" and len(arrays) == 1 else None
    if name is None or not (len(arrays[name].shape) == 1 or _is_vector(arrays[name].shape)):
        return dict(arrays)
    array = arrays[name] if len(arrays[name].shape) == 1 else np.asarray(arrays[name]).ravel()
    return {**arrays, name: joined([array], ("time",), [name])}


def _is_vector(shape: tuple[int, ...]) -> bool:
    return len(shape) > 1 and max(shape) > 1 and max(shape) == prod(shape)


def _flat(arrays: Arrays, chosen: str, pattern: str) -> dict[str, Any]:
    """The arrays, with those of n values on more axes on one axis, where the rows that are chosen have an axis as long."""
    shape = arrays[chosen].shape if chosen else ()
    ends = (shape[0], shape[-1]) if shape else ()
    parts = set() if pattern in arrays else set(matches(pattern, arrays))

    def is_column(name: str, array: Any) -> bool:
        return name != chosen and name not in parts and _is_vector(array.shape) and prod(array.shape) in ends

    return {name: Flat(array) if is_column(name, array) else array for name, array in arrays.items()}


def _turned(path: Path, arrays: dict[str, Any], chosen: str, groups: Any, factors: Chosen) -> tuple[dict[str, Any], list[str]]:
    """The arrays, with the rows reversed where their last axis is as long as what is asked for, and what to say about it."""
    rows, wanted = arrays[chosen], [groups] if isinstance(groups, str) else []
    first, last = rows.shape[0], rows.shape[-1]
    wanted += [] if factors is None else list(factors)
    named = {name: prod(arrays[name].shape) for name in wanted if name in arrays and len(arrays[name].shape) == 1}
    if groups is not None and not isinstance(groups, str) and np.ndim(groups) == 1:
        named["groups"] = len(groups)
    inside = [f"axis_{k}" for k in range(1, len(rows.shape) - 1)]
    first_words, last_words = (" ".join(w) for w in (["row", *inside, "time"], ["time", *reversed(inside), "row"]))
    if named and last in named.values() and first not in named.values():
        name = next(name for name, n in named.items() if n == last)
        note = (
            f"{chosen} in {path} has shape {tuple(rows.shape)} and {name} {last} values, so its last axis is taken as rows and "
            f"the others in reverse; say x='{chosen}: {last_words}', in the order that is right, if it is another."
        )
        turned = Reversed(rows) if hasattr(rows, "__getitem__") else np.asarray(rows).transpose()
        return {**arrays, chosen: turned}, [note]
    turned = [name for name in named if isinstance(arrays.get(name), Flat) and arrays[name].of.shape[0] == 1]
    if turned and first == last == named[turned[0]]:
        raise InputError(
            f"{chosen} in {path} has shape {tuple(rows.shape)}, so nothing tells which axis is rows: say x='{chosen}: "
            f"{first_words}' or, as MATLAB writes it, x='{chosen}: {last_words}'."
        )
    columns = [name for name, array in arrays.items() if isinstance(array, Flat)]
    if not named and columns and first not in (n := [prod(arrays[name].shape) for name in columns]) and last in n:
        return arrays, [
            f"the first axis of {chosen} in {path}, of {first}, is taken as rows; {columns[0]} has {last} values, as many as "
            f"the last: if that is rows, say --x {quote(f'{chosen}: {last_words}')} --groups {quote(columns[0])}."
        ]
    return arrays, []


def _ragged(
    path: Path,
    name: str,
    uneven: Ragged,
    axes: Sequence[str] | None,
    arrays: Arrays,
    groups: Any,
    factors: Chosen,
    how: Reading,
    dimensions: Any,
    attributes: Attributes,
    notes: Sequence[str],
) -> Dataset:
    """The data set of rows of unlike length: first that of their numbers, then rows of one length in their place."""
    rows = [np.asarray(row) for row in uneven.read()]
    if axes is not None:
        inside = [axis for axis in axes if axis != "row"]
        if axes[0] != "row" or len(inside) != rows[0].ndim:
            raise InputError(
                f"the rows of {name} in {path} differ in length and have {rows[0].ndim} axes; name row first, and these."
            )
        order = sorted(range(len(inside)), key=lambda k: inside[k] == "channel")
        rows = [row.transpose(order) for row in rows]
    elif rows[0].ndim == 2 and len({len(row) for row in rows}) == 1 and len({row.shape[1] for row in rows}) > 1:
        raise InputError(
            f"the rows of {name} in {path} have {len(rows[0])} lists each, which differ in length: say x='{name}: row channel "
            "time' and --length crop, pad or window N."
        )
    names, what = [f"row {k} of {name} in {path}" for k in range(len(rows))], f"the rows of {name} in {path}"
    x, source = ragged(rows, how, names, what)
    numbers = {**arrays, name: np.zeros((uneven.count, 2))}
    data = dataset_of(path, numbers, groups, name, factors, how, dimensions, attributes, notes)
    return of_source(data, x, source, how, remarks([len(row) for row in rows], how, names, what))


def _is_attribute(name: str, arrays: Arrays, attributes: Attributes) -> bool:
    """Whether an array or a folder of arrays has an attribute of this name."""
    places = {place for array in arrays for place in (array, *_above(array))}
    return any(name in attributes(place) for place in places)


def _with_attributes(
    path: Path, data: Dataset, chosen: str, groups: Any, factors: Chosen, attributes: Attributes, own: set[str]
) -> Dataset:
    """The data with columns that are attributes, of which `groups` may be one; those of `own` must be there."""
    columns = _columns(data, chosen, attributes)
    if absent := own - set(columns):
        raise InputError(f"the attribute {min(absent)!r} in {path} has neither one value per row nor one for each array.")
    keys = columns.get(groups) if isinstance(groups, str) and data.groups is None else None
    if factors is None:
        columns = {n: c for n, c in columns.items() if n != groups and n not in data.factors and len(np.unique(c)) > 1}
    else:
        columns = {n: c for n, c in columns.items() if n in factors and n not in data.factors}
    if not columns and keys is None:
        return data
    declared = data.factors.declared
    there = {name: (values, declared[name]) if name in declared else values for name, values in data.factors.items()}
    return replace(data, factors=Factors(there | columns), groups=data.groups if keys is None else keys)


def _columns(data: Dataset, chosen: str, attributes: Attributes) -> dict[str, np.ndarray]:
    """Attributes as columns: of one value per row, or of one value on every one of several arrays or their folders."""
    n, columns = len(data), {}
    if chosen:
        folders = [chosen, *_above(chosen)]
        for name, value in [item for folder in reversed(folders) for item in _plain(attributes(folder)).items()]:
            if value.shape == (n,) or (_is_vector(value.shape) and value.size == n):
                columns[name] = value.ravel()
        return columns
    if not isinstance(data.x, Blocks) or len(data.x.names) < 2:
        return columns
    each = []
    for part in data.x.names:
        of_part = {}
        for folder in [*reversed(_above(part)), part]:
            of_part |= {k: v for k, v in _plain(attributes(folder)).items() if folder}
        each.append(of_part)
    for name in set.intersection(*map(set, each)):
        values = [np.ravel(of_part[name]) for of_part in each]
        if all(len(v) in (1, size) for v, size in zip(values, data.x.sizes, strict=True)):
            columns[name] = np.concatenate([np.broadcast_to(v, size) for v, size in zip(values, data.x.sizes, strict=True)])
    return dict(sorted(columns.items()))


def _above(name: str) -> list[str]:
    """The folders that an array is in, from the nearest to the whole file, which is ""."""
    return [name.rsplit("/", k)[0] for k in range(1, name.count("/") + 1)] + [""]


def _plain(attributes: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The attributes that are numbers or words and may say something of rows."""
    plain = {}
    for name, value in attributes.items():
        if name in ABOUT or name.startswith(("_", "MATLAB_", "NX_")) or value is None or isinstance(value, dict):
            continue
        try:
            array = np.asarray(value)
            array = text(array) if array.dtype.kind in "OST" else array
        except (InputError, ValueError):
            continue
        if array.dtype.kind in "biufU" and array.size:
            plain[name] = array
    return plain


def refuse_elsewhere(elsewhere: Mapping[str, str], wanted: Sequence[str]) -> None:
    """Refuse a file of which an array, or a folder above it, that is wanted has no values in it; `elsewhere` says why.

    Raises:
        InputError: that says why.
    """
    for name in wanted:
        for absent, reason in elsewhere.items():
            if name == absent or name.startswith(f"{absent}/"):
                raise InputError(reason)
