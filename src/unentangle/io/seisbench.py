"""SeisBench's waveforms in HDF5, with the table beside them.

Waveforms lie in data/, each under its own name, or many in a bucket. A row of the table names its waveform, as in
`bucket0$5,:3,:1200`: the sixth of the bucket, of which 3 components and 1,200 samples are no padding.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..data.dataset import Dataset
from ..data.lengths import ragged, remarks
from ..data.rows import Blocks, Rows
from ..errors import InputError
from ..reading import Reading
from .columns import read_csv
from .named import Chosen, choose

LETTERS = {"C": "channel", "W": "time", "N": "row"}


def seisbench_table(path: Path, arrays: Mapping[str, Any]) -> Path | None:
    """The table beside waveforms, if these are SeisBench's."""
    table = path.with_name(path.stem.replace("waveforms", "metadata") + ".csv")
    there = "waveforms" in path.stem and table.is_file() and "data_format/dimension_order" in arrays
    return table if there else None


def read_seisbench(path: Path, table: Path, arrays: Mapping[str, Any], groups: Any, factors: Chosen, how: Reading) -> Dataset:
    """Rows in the order of the table, whose columns are factors where they are not the same for all.

    What the table does not name in data/, such as data/x_axis, is no waveform.

    Raises:
        InputError: if the table names what is not there, or waveforms differ in length or channels and `how` does not say what
            to do with lengths.
    """
    columns = read_csv(table)
    if "trace_name" not in columns:
        raise InputError(f"{table} has no column trace_name, which tells where in {path.name} each row is.")
    traces = [str(name) for name in columns["trace_name"]]
    places = [name.partition(",")[0].partition("$") for name in traces]
    for name, _, index in places:
        if f"data/{name}" not in arrays or not (index.isdigit() or not index):
            raise InputError(f"{table} names the waveform {name}{'$' if index else ''}{index}, which {path} does not hold.")
    letters = np.asarray(arrays["data_format/dimension_order"])[()]
    axes = [LETTERS[c] for c in (letters.decode() if isinstance(letters, bytes) else str(letters)) if c in "CW"]
    bounds = [_bounds(name, axes) for name in traces]
    names = [f"data/{name}" for name in dict.fromkeys(place[0] for place in places)]
    rows, notes, source = _rows(path, arrays, names, places, axes, bounds, how, traces)
    named = groups if isinstance(groups, str) else None
    columns = {n: c for n, c in columns.items() if n == named or 1 < len(np.unique(c)) < len(c) + (c.dtype.kind != "U")}
    data = choose(path, np.zeros((len(traces), 2)), columns, groups, factors, names=traces)
    return replace(data.take(source), x=rows, notes=(*data.notes, *notes))


def _bounds(trace: str, axes: Sequence[str]) -> dict[str, int]:
    """How many components and samples of a waveform are no padding, where its name in the table says so."""
    stops = [re.fullmatch(r"\s*:(\d+)\s*", word) for word in trace.split(",")[1:]]
    return {axis: int(stop[1]) for axis, stop in zip(axes, stops, strict=False) if stop}


def _rows(
    path: Path,
    arrays: Mapping[str, Any],
    names: Sequence[str],
    places: Sequence[tuple[str, str, str]],
    axes: Sequence[str],
    bounds: Sequence[Mapping[str, int]],
    how: Reading,
    traces: Sequence[str],
) -> tuple[Any, tuple[str, ...], np.ndarray]:
    """The waveforms, notes about them, and the line of the table that each is from.

    Those of one length stay on disk.
    """
    alone = all(not dollar for _, dollar, _ in places)
    whole = axes if alone else ["row", *axes]
    shapes = {name: tuple(arrays[name].shape) for name in names}
    for name, shape in shapes.items():
        if len(shape) != len(whole):
            raise InputError(f"{name} in {path} has shape {shape}; {len(whole)} axes are needed: {', '.join(whole)}.")
    sizes = []
    for (name, _, index), bound in zip(places, bounds, strict=True):
        shape = dict(zip(whole, shapes[f"data/{name}"], strict=True))
        if index and int(index) >= shape["row"]:
            raise InputError(f"the table beside {path} names {name}${index}; data/{name} has {shape['row']} waveforms.")
        sizes.append(tuple(min(bound.get(axis, shape[axis]), shape[axis]) for axis in ("time", "channel") if axis in shape))
    every = np.arange(len(places))
    if len(set(sizes)) == 1:
        return _of_one_size(arrays, names, shapes, places, whole, alone, sizes[0]), (), every
    if len({size[1:] for size in sizes}) > 1:
        counts = sorted({size[1] for size in sizes})
        raise InputError(
            f"the table beside {path} tells of waveforms of {' and '.join(map(str, counts))} channels; all must agree."
        )
    back = [k for k, axis in enumerate(axes) if axis == "time"] + [k for k, axis in enumerate(axes) if axis == "channel"]
    rows = []
    for (name, dollar, index), size in zip(places, sizes, strict=True):
        values = np.asarray(arrays[f"data/{name}"][int(index)] if dollar else arrays[f"data/{name}"][...])
        rows.append(values.transpose(back)[tuple(slice(n) for n in size)])
    what, lengths = f"the waveforms in {path}", [len(row) for row in rows]
    joined, source = ragged(rows, how, traces, what)
    return joined, remarks(lengths, how, traces, what), source


def _of_one_size(
    arrays: Mapping[str, Any],
    names: Sequence[str],
    shapes: Mapping[str, tuple[int, ...]],
    places: Sequence[tuple[str, str, str]],
    whole: Sequence[str],
    alone: bool,
    size: tuple[int, ...],
) -> Rows:
    """Waveforms of one size, which stay on disk; what is behind their size is padding."""
    kept: dict[str, int] = dict(zip(("time", "channel"), size, strict=False))
    parts = {}
    for name in names:
        cut = tuple(slice(kept.get(axis, n)) for axis, n in zip(whole, shapes[name], strict=True))
        needs = any(c.stop < n for c, n in zip(cut, shapes[name], strict=True))
        parts[name] = _Cut(arrays[name], cut) if needs else arrays[name]
    if alone:
        order = [f"data/{place[0]}" for place in places]
        return Blocks([parts[name] for name in order], whole, order)
    blocks = Blocks([parts[name] for name in names], whole, names)
    starts = dict(zip(names, np.cumsum(blocks.sizes) - blocks.sizes, strict=True))
    order = np.array([starts[f"data/{name}"] + int(index or 0) for name, _, index in places])
    return Blocks(blocks.arrays, whole, names, order)


class _Cut:
    """The beginning of an array on disk along each axis; axes of rows are whole."""

    def __init__(self, of: Any, cut: tuple[slice, ...]):
        self.of, self.cut, self.dtype, self.chunks = of, cut, of.dtype, getattr(of, "chunks", None)
        self.shape = tuple(min(c.stop, n) for c, n in zip(cut, of.shape, strict=True))

    def __getitem__(self, where: Any) -> np.ndarray:
        if where is Ellipsis:
            return np.asarray(self.of[self.cut])
        where = where if isinstance(where, tuple) else (where,)
        whole = (*where, *[slice(None)] * (len(self.shape) - len(where)))
        return np.asarray(self.of[tuple(c if w == slice(None) else w for w, c in zip(whole, self.cut, strict=True))])
