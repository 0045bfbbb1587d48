"""Codes and swaps of any amount of data, written as they come: what `Model` does in memory, part by part, into a file."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Int

from .data.dataset import Dataset
from .errors import InputError
from .io.outputs import Column, Columns, growing
from .methods.codes import Codes, mixed, per_row
from .methods.description import describe
from .model import Model
from .storage import plain

VALUES = 1 << 22  # of the rows that are read or made at once
Rows = Callable[[Int[np.ndarray, " some"]], tuple[str, Callable[[], np.ndarray]]]  # what some are made of, and they


def encode_file(model: Model, data: Dataset, path: Path) -> Columns:
    """Write the codes of a data set: for SymAE coherent (groups, p), nuisance (rows, q) and the average of the rows of each
    group; for methods with one code per row, latents (rows, m). With them the group of every row, the names of the groups, the
    factors, and the level of each row where rows are standardised by themselves.

    Args:
        model: whose codes.
        data: read a few groups at a time.
        path: a new .npz, .h5, .nc or .csv file (which has no averages); see `outputs.growing`.

    Returns:
        The arrays of the file.
    """
    data = model.view(data)
    n, names = len(data), _typed(data.group_names)
    groups, (axes, row) = len(names), shown(data)
    columns = {"group": Column(("n_rows",), (n,), np.int32)}
    factors = _named(data.factors, model)
    columns |= {name: Column(("n_rows",), (n,), values.dtype) for name, values in factors.items()}
    columns["group_names"] = Column(("n_groups",), (groups,), names.dtype)
    for part in reversed(model.parts):
        first, count = ("n_groups", groups) if part.per == "group" else ("n_rows", n)
        number = "latent" if model.single else f"{part.name}_number"
        columns[part.name] = Column((first, number), (count, part.size))
    if model.grouped and path.suffix != ".csv":
        columns["average"] = Column(("n_groups", *axes), (groups, *row))
    if model.trained.scale.row_axes:
        columns["level"] = Column(("n_rows", "mean_and_deviation"), (n, 2))
    with growing(path, _asked(model, data, "codes"), columns) as result:
        for number, rows in enumerate(whole_groups(data)):
            part, which = data.take(rows).load(), np.unique(data.group[rows])
            if result.has(number, source := _digest(part.x)):
                continue
            codes = model.codes(part)
            values = {"group": (rows, data.group[rows]), "group_names": (which, names[which])}
            values |= {name: (rows, factor[rows]) for name, factor in factors.items()}
            values |= {name: (rows, array) for name, array in codes.by_row.items()}
            values |= {name: (which, array) for name, array in codes.by_group.items()}
            if "average" in columns:
                values["average"] = (which, averages(part))
            if codes.level is not None:
                values["level"] = (rows, codes.level)
            result.part(number, source, **values)
    return columns


RESERVED = ("group", "group_names", "nuisance", "coherent", "latents", "level", "average")


def _named(factors: Mapping[str, np.ndarray], model: Model) -> dict[str, np.ndarray]:
    """Factors by names that can stand in any file and are not taken: level, which is, becomes level_."""
    taken, outcome = {*RESERVED, *(part.name for part in model.parts)}, {}
    for name, values in factors.items():
        safe = re.sub(r"[/\\]|\.\.", "_", name)
        while safe in taken | outcome.keys():
            safe += "_"
        outcome[safe] = _typed(values)
    return outcome


def swap_file(
    model: Model,
    data: Dataset,
    path: Path,
    state: Int[np.ndarray, " n"],
    style: Int[np.ndarray, " n"],
    parts: Any = None,
) -> Columns:
    """Write virtual data: row i of the file is the state of group state[i] under the nuisance of row style[i] of the data.

    The file is itself data that can be read (a .csv with x="x_*"): x (n, *row), groups (the group that gave the state), and
    for each row style_group and style_row, where its nuisance comes from. If the state gives parts per row
    (`Model.state_by_row`), state[i] is a row of the data, state_row; parts per group are those of the group of a row.

    Args:
        model: who swaps.
        data: where states and nuisances are from.
        path: a new .npz, .h5, .nc or .csv file; see `outputs.growing`.
        state: numbers of groups, or of rows.
        style: numbers of rows.
        parts: which parts come from the style, as in `Model.swap`.

    Returns:
        The arrays of the file.
    """
    rowwise, data = model.state_by_row(parts), model.view(data)
    if not len(state):
        raise InputError("no swap was asked for; at least one state and one style are needed.")
    given = data.group[state] if rowwise else state
    (axes, row), names = shown(data), _typed(data.group_names)
    columns = {
        "x": Column(("n_rows", *axes), (len(state), *row)),
        "groups": Column(("n_rows",), (len(state),), names.dtype),
        "style_group": Column(("n_rows",), (len(state),), names.dtype),
        "style_row": Column(("n_rows",), (len(state),), np.int64),
    } | ({"state_row": Column(("n_rows",), (len(state),), np.int64)} if rowwise else {})
    digest = sha256(state.tobytes() + style.tobytes()).hexdigest()
    with growing(path, [*_asked(model, data, "swaps"), digest, plain(parts)], columns) as result:
        swapped = (_swaps_of_groups if model.grouped else _swaps_of_rows)(model, data, state, style, parts)
        step = max(1, VALUES // int(np.prod(data.row_shape)))
        for number in range(-(-len(state) // step)):
            rows = np.arange(number * step, min((number + 1) * step, len(state)))
            source, made = swapped(rows)
            if result.has(number, source):
                continue
            values = {"x": made(), "groups": names[given[rows]], "style_row": style[rows]}
            values["style_group"] = names[data.group[style[rows]]]
            if rowwise:
                values["state_row"] = state[rows]
            result.part(number, source, **{name: (rows, value) for name, value in values.items()})
    return columns


def whole_groups(data: Dataset) -> Iterator[Int[np.ndarray, " some"]]:
    """The rows of some groups at a time, which hold about `VALUES` values, in the order of the file: each row once."""
    order, starts, sizes = map(np.asarray, data.layout)
    first = np.argsort(order[starts], kind="stable")
    ends = np.cumsum(sizes[first]) * int(np.prod(data.row_shape))
    for groups in np.split(first, np.flatnonzero(np.diff(ends // VALUES)) + 1):
        yield np.sort(np.concatenate([order[starts[g] : starts[g] + sizes[g]] for g in groups]))


def shown(data: Dataset) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The names and lengths of the axes of a row as a model gives it, its transforms undone where that can be."""
    row = data.chain.undo(np.zeros((1, *data.row_shape), np.float32)).shape[1:]
    return tuple(f"axis_{i + 1}" for i in range(len(row))), row


def averages(data: Dataset) -> np.ndarray:
    """The mean of the rows of each group, as a model gives rows: (groups, *row); NaN where all of them lack a value."""
    order, starts, _ = map(np.asarray, data.layout)
    rows = data.rows(order).astype(np.float64)
    there = ~np.isnan(rows)
    sums, counts = (np.add.reduceat(a, starts, axis=0) for a in (np.where(there, rows, 0.0), there.astype(np.float64)))
    return data.chain.undo((sums / np.where(counts > 0, counts, np.nan)).astype(np.float32))


def _swaps_of_groups(model: Model, data: Dataset, state: np.ndarray, style: np.ndarray, parts: Any) -> Rows:
    """Swaps of a method with a part per group. The groups are encoded first, whole groups at a time."""
    rowwise, taken = model.state_by_row(parts), model.taken(parts)
    whole = _codes_of(model, data, np.isin(np.arange(len(data)), style), data.group[state] if rowwise else state, taken)

    def swapped(i: np.ndarray) -> tuple[str, Callable[[], np.ndarray]]:
        other = whole.pair(data.group[style[i]], style[i])
        base = whole.pair(data.group[state[i]], state[i]) if rowwise else whole.pair(state[i], style[i])
        codes = Codes({}, mixed(per_row(base), per_row(other), taken), np.arange(len(i)), base.level)
        levels = [] if codes.level is None else [codes.level]
        return _digest(*codes.by_row.values(), *levels), partial(model.decode, codes)

    return swapped


def _codes_of(model: Model, data: Dataset, styles: np.ndarray, states: np.ndarray, taken: Any) -> Codes:
    """The codes of the groups of the states, and of the rows of the styles; of their groups if parts per group are taken."""
    groups, by_group = np.zeros(len(data.group_names), bool), {p.name for p in model.parts if p.per == "group"}
    groups[states] = True
    groups[data.group[styles]] |= bool(by_group & taken.keys())
    needed = groups[data.group] | styles
    counts = {"group": len(groups), "row": len(data)}
    arrays = {part.name: np.zeros((counts[part.per], part.size), np.float32) for part in model.parts}
    level = np.zeros((len(data), 2)) if model.trained.scale.row_axes else None
    for rows in whole_groups(data):
        if not len(rows := rows[needed[rows]]):
            continue
        codes = model.codes(data.take(rows).load())
        for name, array in codes.parts.items():
            arrays[name][np.unique(data.group[rows]) if name in by_group else rows] = array
        if level is not None:
            level[rows] = codes.level
    grouped = {name: array for name, array in arrays.items() if name in by_group}
    return Codes(grouped, {name: array for name, array in arrays.items() if name not in by_group}, data.group, level)


def _swaps_of_rows(model: Model, data: Dataset, state: np.ndarray, style: np.ndarray, parts: Any) -> Rows:
    """Swaps of a method without parts per group: rows of the data with some numbers of others."""

    def swapped(i: np.ndarray) -> tuple[str, Callable[[], np.ndarray]]:
        base, other = data.take(state[i]).load(), data.take(style[i]).load()
        return _digest(base.x, other.x), partial(model.swap, base, other, parts, pairs="each")

    return swapped


def _digest(*arrays: np.ndarray) -> str:
    """What tells a part from one of other rows or codes: the fingerprint of a large data set is that of some of its rows."""
    outcome = sha256()
    for array in arrays:
        outcome.update(array.tobytes())
    return outcome.hexdigest()


def _typed(values: np.ndarray) -> np.ndarray:
    """A column of numbers, or of words."""
    return values if values.dtype.kind in "biufU" else values.astype(str)


def _asked(model: Model, data: Dataset, what: str) -> list[Any]:
    """What tells one result from another: the weights of the model, and the data with its names."""
    weights, names = sha256(), sha256()
    for name, column in {"": data.group_names, **data.factors}.items():
        names.update(name.encode() + np.ascontiguousarray(_typed(column)).tobytes())
    for leaf in jax.tree.leaves(eqx.filter((model.trained.net, model.trained.state), eqx.is_array)):
        weights.update(np.asarray(leaf).tobytes())
    return [what, describe(model.method), model.trained.scale, weights.hexdigest(), names.hexdigest(), data.fingerprint]
