"""Codes and their schema: named parts, each one vector per row or one per group.

A method declares its parts with the small functions that make them; what is done with codes is written once, in `model.py`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from ..data.dataset import Dataset, Scale
from ..data.transforms import Chain
from ..errors import InputError


class Part(NamedTuple):
    """A part of a code, and how it comes about. The functions hold no arrays; x are standardised rows (n, *row)."""

    name: str
    size: int
    per: Literal["row", "group"] = "row"
    encode: Callable[..., Array] | None = None  # (net, state, x) -> codes (n, size); per group: features, to be pooled
    pool: Callable[..., Array] | None = (
        None  # per group: (net, state, features (groups, instances, ...), mask) -> (groups, size)
    )
    predict: Callable[..., Array] | None = None  # (net, state, codes) -> each number as the method's predictors have it
    variance: Callable[..., Array] | None = None  # (net, state, x) -> the variances of q(z|x)
    learned: Callable[[np.ndarray, np.ndarray | None], int] | None = None  # (codes, variances) -> latents learned, by its paper


@dataclass(frozen=True, eq=False)
class Codes:
    """The codes of a data set. Every part is an attribute, too: `codes.coherent`, `codes.nuisance`.

    Args:
        by_group: the parts per group, by name, each (groups, size).
        by_row: the parts per row, by name, each (rows, size).
        group: the group of each row, as an index into the parts per group.
        level: mean and standard deviation of each row, where rows are standardised one by one.
    """

    by_group: Mapping[str, Float[np.ndarray, "groups _"]]
    by_row: Mapping[str, Float[np.ndarray, "rows _"]]
    group: Int[np.ndarray, " rows"]
    level: Float[np.ndarray, "rows 2"] | None = None

    @property
    def parts(self) -> dict[str, np.ndarray]:
        """All parts by name."""
        return {**self.by_group, **self.by_row}

    def __getattr__(self, name: str) -> np.ndarray:
        for parts in ("by_group", "by_row"):
            if name in self.__dict__.get(parts, {}):
                return self.__dict__[parts][name]
        names = [*self.__dict__.get("by_group", ()), *self.__dict__.get("by_row", ())]
        raise AttributeError(f"codes have no part {name!r}; there are {', '.join(names)}.")

    def pair(self, groups: Any, rows: Any) -> "Codes":
        """Row i of these codes has the parts per group of group groups[i] and the parts per row of row rows[i].

        Args:
            groups: a number of a group, or one for each row.
            rows: numbers of rows, (n,).
        """
        rows = np.asarray(rows)
        level = None if self.level is None else self.level[rows]
        by_row = {name: part[rows] for name, part in self.by_row.items()}
        return Codes(self.by_group, by_row, np.broadcast_to(groups, rows.shape), level)

    def __repr__(self) -> str:
        return f"Codes({', '.join(f'{name} {part.shape}' for name, part in self.parts.items())})"


class Trained(NamedTuple):
    """A net at rest, and what is needed to go from raw rows to its codes and back."""

    net: Any
    state: eqx.nn.State
    scale: Scale
    chain: Chain

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a row as the net sees it."""
        return self.chain.row_shape

    @property
    def chunk(self) -> int:
        """How many rows are evaluated at once."""
        return int(np.clip((1 << 20) // np.prod(self.shape), 16, 512))

    def map(self, function: Callable[..., Array], *arrays: np.ndarray) -> np.ndarray:
        """function(net, state, *arrays) along the first axis, in chunks of one size, so that it compiles once."""
        n, size = len(arrays[0]), min(self.chunk, max(len(arrays[0]), 1))
        size = 1 << (size - 1).bit_length()
        results = []
        for start in range(0, n, size):
            rows = [a[start : start + size] for a in arrays]
            pad = size - len(rows[0])
            rows = [np.pad(r, [(0, pad), *[(0, 0)] * (r.ndim - 1)], mode="edge") for r in rows]
            results.append(np.asarray(_apply(function, self.net, self.state, *rows))[: size - pad])
        return np.concatenate(results)

    def restore(self, rows: np.ndarray, level: Float[np.ndarray, "rows 2"] | None) -> Float[np.ndarray, "rows ..."]:
        """What the net gives, in the units of the data, with its transforms undone where that can be."""
        return self.chain.undo(self.scale.restore(rows, level))


@eqx.filter_jit
def _apply(function: Callable[..., Array], net: Any, state: eqx.nn.State, *arrays: Any) -> Array:
    return function(net, state, *arrays)


class Under(NamedTuple):
    """A decoder as a function of the parts that vary from row to row; the others are shared by all rows."""

    decode: Any
    shared: tuple[Array | None, ...]  # for each part in order, (1, size) or None

    def __call__(self, net: Any, state: Any, *varying: Array) -> Array:
        """Rows (n, *row) of codes (n, size)."""
        rest, n = iter(varying), varying[0].shape[0]
        group = jnp.arange(n) if all(s is None for s in self.shared) else jnp.zeros(n, int)
        return self.decode(net, state, group, *(next(rest) if s is None else s for s in self.shared))

    def apart(self, ends: tuple[int, ...], net: Any, state: Any, varying: Array) -> Array:
        """The same of parts that lie side by side, up to these ends."""
        return self(net, state, *jnp.split(varying, ends, axis=1))


def per_row(codes: Codes) -> dict[str, np.ndarray]:
    """All parts by name, each with one code per row."""
    return {name: part[codes.group] for name, part in codes.by_group.items()} | dict(codes.by_row)


def side_by_side(parts: Mapping[str, Float[np.ndarray, "n _"]]) -> Float[np.ndarray, "n d"]:
    """Several parts of codes as one array."""
    return np.concatenate(list(parts.values()), axis=1)


def mixed(
    base: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray], taken: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The parts of `base`, with the numbers that are taken from `other`."""
    codes = {name: part.copy() for name, part in base.items()}
    for name, numbers in taken.items():
        codes.setdefault(name, other[name].copy())[:, numbers] = other[name][:, numbers]
    return codes


def array_of(part: Part, given: Any, argument: str) -> Float[np.ndarray, "n size"]:
    """Codes of one part as an array.

    Raises:
        InputError: if it has another shape.
    """
    codes = np.atleast_2d(np.asarray(given, np.float32))
    if codes.ndim != 2 or codes.shape[1] != part.size:
        needed = f"a Dataset, Codes, or {part.name} codes (n, {part.size}) are needed"
        raise InputError(f"{argument} has shape {codes.shape}; {needed}.")
    return codes


def numbers_of_parts(schema: Sequence[Part], parts: Any, method: str) -> dict[str, Int[np.ndarray, " n"]]:
    """The numbers of each part that `parts` mean: names, {name: numbers}, or None for all parts per row beside one per group.

    Raises:
        InputError: if there is no such part or number, or None does not tell.
    """
    sizes = {p.name: p.size for p in schema}
    if parts is None and not any(p.per == "group" for p in schema):
        name, size = next(iter(sizes.items()))
        raise InputError(
            f"{method} needs to be told which of its {size} {name} come from style: parts={{'{name}': [0]}}, or --latents 0."
        )
    parts = [p.name for p in schema if p.per == "row"] if parts is None else parts
    names = [parts] if isinstance(parts, str) else list(parts) if isinstance(parts, Iterable) else []
    if not names or set(names) - sizes.keys():
        raise InputError(f"parts={parts!r}; some of {', '.join(sizes)} are needed.")
    taken = {name: parts[name] if isinstance(parts, Mapping) else np.arange(sizes[name]) for name in names}
    for name, numbers in taken.items():
        if not np.size(numbers) or not np.isin(numbers, np.arange(sizes[name])).all():
            raise InputError(f"parts={parts!r}; a list of some of the {name} 0 to {sizes[name] - 1} is needed.")
    return {name: np.atleast_1d(np.asarray(numbers, int)) for name, numbers in taken.items()}


Piece = tuple[Any, Int[np.ndarray, "g size"], Bool[np.ndarray, "g size"], np.ndarray]


def chunks(data: Dataset) -> Iterator[Piece]:
    """All rows in order, some at a time, as `whole_groups` gives them."""
    for part, rows in data.chunks():
        index = np.arange(part.start, part.stop)[:, None]
        yield index[:, 0], index, np.ones(index.shape, bool), rows


def whole_groups(data: Dataset, chunk: int) -> Iterator[Piece]:
    """Groups of similar size together: their numbers, the rows of each padded to a power of two, which of these are real, and
    what the real ones hold.

    Ragged groups then need one compiled program per power of two, and at most twice the work.
    """
    order, starts, sizes = map(np.asarray, data.layout)
    padded = 1 << np.ceil(np.log2(sizes)).astype(int)
    for size in np.unique(padded):
        alike = np.flatnonzero(padded == size)
        for members in np.array_split(alike, -(-len(alike) * size // max(chunk, size))):
            inside = np.arange(size)
            mask = inside < sizes[members][:, None]
            index = order[starts[members][:, None] + np.where(mask, inside, 0)]
            yield members, index, mask, data.rows(index[mask])
