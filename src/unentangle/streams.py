"""Codes and swaps of any amount of data, written as they come: what `Model` does in memory, part by part, into a file."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from .methods.latent import Latents
from .methods.symae import Codes, SymAE
from .model import Model, describe

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
    n, names, method = len(data), _typed(data.group_names), model.method
    groups, (axes, row) = len(names), shown(data)
    columns = {"group": Column(("n_rows",), (n,), np.int32)}
    factors = _named(data.factors)
    columns |= {name: Column(("n_rows",), (n,), values.dtype) for name, values in factors.items()}
    columns["group_names"] = Column(("n_groups",), (groups,), names.dtype)
    if isinstance(method, SymAE):
        columns |= {
            "nuisance": Column(("n_rows", "nuisance_number"), (n, method.q)),
            "coherent": Column(("n_groups", "coherent_number"), (groups, method.p)),
        }
        if path.suffix != ".csv":
            columns["average"] = Column(("n_groups", *axes), (groups, *row))
    else:
        columns["latents"] = Column(("n_rows", "latent"), (n, method.m))  # pyright: ignore[reportAttributeAccessIssue]
    if model.trained.scale.row_axes:
        columns["level"] = Column(("n_rows", "mean_and_deviation"), (n, 2))
    with growing(path, _asked(model, data, "codes"), columns) as result:
        for number, rows in enumerate(whole_groups(data)):
            part, which = data.take(rows).load(), np.unique(data.group[rows])
            if result.has(number, source := _digest(part.x)):
                continue
            found = {"group": (rows, data.group[rows]), "group_names": (which, names[which])}
            found |= {name: (rows, values[rows]) for name, values in factors.items()}
            if isinstance(method, SymAE):
                codes = model.encode(part)
                found |= {"nuisance": (rows, codes.nuisance), "coherent": (which, codes.coherent)}
                if "average" in columns:
                    found["average"] = (which, averages(part))
                level = codes.level
            else:
                found["latents"], level = (rows, model.encode(part)), model.trained.level(part)
            if level is not None:
                found["level"] = (rows, level)
            result.part(number, source, **found)
    return columns


RESERVED = ("group", "group_names", "nuisance", "coherent", "latents", "level", "average")


def _named(factors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Factors by names that can stand in any file and are not taken: level, which is, becomes level_."""
    found: dict[str, np.ndarray] = {}
    for name, values in factors.items():
        safe = re.sub(r"[/\\]|\.\.", "_", name)
        while safe in (*RESERVED, *found):
            safe += "_"
        found[safe] = _typed(values)
    return found


def swap_file(
    model: Model,
    data: Dataset,
    path: Path,
    state: Int[np.ndarray, " n"],
    style: Int[np.ndarray, " n"],
    latents: Sequence[int] | None = None,
) -> Columns:
    """Write virtual data: row i of the file is the state of group state[i] under the nuisance of row style[i] of the data.

    The file is itself data that can be read (a .csv with x="x_*"): x (n, *row), groups (the group that gave the state), and for
    each row style_group and style_row, where its nuisance comes from. With a method of one code per row, state[i] is a row of
    the data (state_row), and its chosen latents come from row style[i].

    Args:
        model: who swaps.
        data: where states and nuisances are from.
        path: a new .npz, .h5, .nc or .csv file; see `outputs.growing`.
        state: numbers of groups, or of rows.
        style: numbers of rows.
        latents: for methods with one code per row, which latents.

    Returns:
        The arrays of the file.
    """
    by_row, data = isinstance(model.method, Latents), model.view(data)
    if not len(state):
        raise InputError("no swap was asked for; at least one state and one style are needed.")
    if latents and not by_row:
        raise InputError(f"latents={list(latents)}; SymAE swaps whole nuisance codes, so latents is for other methods.")
    given = data.group[state] if by_row else state
    (axes, row), names = shown(data), _typed(data.group_names)
    columns = {
        "x": Column(("n_rows", *axes), (len(state), *row)),
        "groups": Column(("n_rows",), (len(state),), names.dtype),
        "style_group": Column(("n_rows",), (len(state),), names.dtype),
        "style_row": Column(("n_rows",), (len(state),), np.int64),
    } | ({"state_row": Column(("n_rows",), (len(state),), np.int64)} if by_row else {})
    digest = sha256(state.tobytes() + style.tobytes()).hexdigest()
    with growing(path, [*_asked(model, data, "swaps"), digest, latents], columns) as result:
        if isinstance(model.method, Latents):
            rows_of = _latent_rows(model, data, state, style, latents)
        else:
            rows_of = _symae_rows(model, model.method, data, state, style)  # pyright: ignore[reportArgumentType]
        step = max(1, VALUES // int(np.prod(data.row_shape)))
        for number in range(-(-len(state) // step)):
            rows = np.arange(number * step, min((number + 1) * step, len(state)))
            source, made = rows_of(rows)
            if result.has(number, source):
                continue
            found = {"x": made(), "groups": names[given[rows]], "style_row": style[rows]}
            found["style_group"] = names[data.group[style[rows]]]
            if by_row:
                found["state_row"] = state[rows]
            result.part(number, source, **{name: (rows, values) for name, values in found.items()})
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
    """The mean of the rows of each group, as a model gives rows: (groups, *row)."""
    order, starts, _ = map(np.asarray, data.layout)
    sums = np.add.reduceat(data.rows(order).astype(np.float64), starts, axis=0)
    return data.chain.undo((sums / data.group_sizes.reshape(-1, *[1] * len(data.row_shape))).astype(np.float32))


def _symae_rows(model: Model, method: SymAE, data: Dataset, state: np.ndarray, style: np.ndarray) -> Rows:
    """The coherent codes of groups with the nuisance codes of rows."""
    needed = np.isin(data.group, state)
    needed[style] = True
    coherent = np.empty((len(data.group_names), method.p), np.float32)
    nuisance, level = np.empty((len(data), method.q), np.float32), np.empty((len(data), 2))
    for rows in whole_groups(data):
        if not len(rows := rows[needed[rows]]):
            continue
        part = data.take(rows).load()
        codes = model.encode(part)
        coherent[np.unique(data.group[rows])] = codes.coherent
        nuisance[rows], level[rows] = codes.nuisance, 0 if codes.level is None else codes.level
    leveled = model.trained.scale.row_axes > 0

    def rows_of(i: np.ndarray) -> tuple[str, Callable[[], np.ndarray]]:
        codes = Codes(coherent, nuisance[style[i]], state[i], level[style[i]] if leveled else None)
        return _digest(coherent[state[i]], codes.nuisance, level[style[i]]), partial(model.decode, codes)

    return rows_of


def _latent_rows(model: Model, data: Dataset, state: np.ndarray, style: np.ndarray, latents: Any) -> Rows:
    """The rows of the data with some latents of others."""

    def rows_of(i: np.ndarray) -> tuple[str, Callable[[], np.ndarray]]:
        base, other = data.take(state[i]).load(), data.take(style[i]).load()
        return _digest(base.x, other.x), partial(model.swap, base, other, pairs="each", latents=latents)

    return rows_of


def _digest(*arrays: np.ndarray) -> str:
    """What tells a part from one of other rows or codes: the fingerprint of a large data set is that of some of its rows."""
    found = sha256()
    for array in arrays:
        found.update(array.tobytes())
    return found.hexdigest()


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
