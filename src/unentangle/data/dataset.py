"""The one data type: rows, the factors behind them, and the groups they came in.

A group is one datapoint X_i of the SymAE paper (section 2): the instances recorded of one physical state, each with its own
nuisance. Several groups can share a state; the state, where it is known, is a factor. Groups may have any size.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from hashlib import sha256
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, Key

from ..errors import InputError
from ..freedom import Freedom
from .columns import as_keys
from .factors import Factors
from .rows import as_rows, is_lazy
from .scale import Ends, Moments, Scale, Survey, channels_of, mean_and_std, survey
from .transforms import TRANSFORMS, Chain, Transform

if TYPE_CHECKING:
    from .truth import Truth


class Layout(NamedTuple):
    """Where the rows of each group are: group g has rows order[starts[g] : starts[g] + sizes[g]]."""

    order: Int[Array | np.ndarray, " n"]
    starts: Int[Array | np.ndarray, " groups"]
    sizes: Int[Array | np.ndarray, " groups"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Observations in rows, with the factors behind them and the group each came in.

    Args:
        x: n rows, each of shape (length,), (length, channels), (height, width) or (height, width, channels): anything
            `numpy.asarray` takes. Memory maps, HDF5 and zarr arrays stay on disk, and `Packed` rows in bits, until needed.
        factors: named columns of n values, where known.
        groups: one key per row, of any sortable type. Without it every row is a group of its own.
        scaling: how rows are standardised, where it is not to be found from the data (`scale`).
        transforms: what is done to rows as they are read (`transforms`), before they are standardised.
        truth: what a swap of these rows should be, where whoever made them knows it (`Truth`).
        notes: what whoever read the rows had to assume, a sentence each; `fit` and `inspect` say it.
        ordered: whether the values of a row follow each other, as samples do. Features without order, the columns of a table,
            are standardised each by itself where their units are unlike.

    Raises:
        InputError: if the rank is wrong, the lengths of x, factors and groups differ, or the transforms do not fit the rows.
    """

    x: Any
    factors: Any = None
    groups: Any = None
    scaling: Scale | None = None
    transforms: Sequence[Transform] = ()
    truth: "Truth | None" = None
    notes: Sequence[str] = ()
    ordered: bool = True

    def __post_init__(self):
        x = as_rows(self.x)
        if not 2 <= len(x.shape) <= 4:
            raise InputError(
                f"x has shape {tuple(x.shape)}; it needs 2 to 4 axes: rows, then the length of a signal or the height and "
                "width of an image, then channels."
            )
        if x.dtype.kind not in "biuf":
            raise InputError(f"x holds {x.dtype}; real numbers are needed.")
        if 0 in x.shape:
            raise InputError(f"x has shape {tuple(x.shape)}, so it is empty; at least one row of one sample is needed.")
        factors = self.factors if isinstance(self.factors, Factors) else Factors(self.factors or {})
        groups = None if self.groups is None else as_keys(self.groups)
        of_truth = () if self.truth is None else (("the truth's state", self.truth.state),)
        for name, column in [("groups", groups), *((f"factor {name!r}", f) for name, f in factors.items()), *of_truth]:
            if column is not None and (column.ndim != 1 or len(column) != x.shape[0]):
                raise InputError(f"{name} has shape {column.shape}; x has {x.shape[0]} rows, so {(x.shape[0],)} is needed.")
        transforms = tuple(self.transforms)
        if unknown := [t for t in transforms if type(t) not in TRANSFORMS.values()]:
            raise InputError(f"transforms holds {unknown[0]!r}; it may hold {', '.join(TRANSFORMS)}.")
        for field, value in (("x", x), ("factors", factors), ("groups", groups), ("transforms", transforms)):
            object.__setattr__(self, field, value)
        _ = self.row_shape  # checks that the transforms fit

    def through(self, *transforms: Transform) -> "Dataset":
        """The same rows through these transforms, which come after those that there are; nothing is computed yet.

        A truth that is free up to a roll or a filter does not go along, because transformed rows are no rolls of each other.
        """
        exact = self.truth is None or not transforms or self.truth.freedom == Freedom()
        return replace(self, transforms=(*self.transforms, *transforms), truth=self.truth if exact else None)

    # -- what is there ----------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return self.x.shape[0]

    @cached_property
    def chain(self) -> Chain:
        """The way of the rows of x through the transforms."""
        return Chain(tuple(self.x.shape[1:]), tuple(self.transforms))

    @cached_property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of one row, after the transforms."""
        return self.chain.row_shape

    @cached_property
    def _grouping(self) -> tuple[np.ndarray, np.ndarray]:
        if self.groups is None:
            return np.arange(len(self)), np.arange(len(self))
        names, group = np.unique(self.groups, return_inverse=True)
        return names, group

    @property
    def group_names(self) -> np.ndarray:
        """The key of each group, sorted: (groups,)."""
        return self._grouping[0]

    @property
    def group(self) -> np.ndarray:
        """For each row, which of `group_names` it belongs to: (n,)."""
        return self._grouping[1]

    @cached_property
    def layout(self) -> Layout:
        """Where the rows of each group are."""
        order = np.argsort(self.group, kind="stable").astype(np.int32)
        sizes = np.bincount(self.group, minlength=len(self.group_names)).astype(np.int32)
        starts = (np.cumsum(sizes) - sizes).astype(np.int32)
        return Layout(order, starts, sizes)

    @property
    def group_sizes(self) -> np.ndarray:
        """The number of rows of each group: (groups,)."""
        return self.layout.sizes  # pyright: ignore[reportReturnType]

    @cached_property
    def states(self) -> np.ndarray:
        """The state of each row: the factor `state` where there is one, else the group: (n,)."""
        return self.factors["state"] if "state" in self.factors else self.group_names[self.group]

    @property
    def group_states(self) -> np.ndarray:
        """The state of each group, as of its first row: (groups,)."""
        return self.states[np.unique(self.group, return_index=True)[1]]

    def __repr__(self) -> str:
        sizes = self.group_sizes
        lengths = f"{sizes.min()}" if sizes.min() == sizes.max() else f"{sizes.min()} to {sizes.max()}"
        groups = "no groups" if self.groups is None else f"{len(sizes)} groups of {lengths}"
        lazy = f", {self.x.place}" if is_lazy(self.x) else ""
        through = "".join(f" through {t!r}" for t in self.transforms)
        return f"Dataset({len(self)} rows of {self.chain.shape}, {self.x.dtype}{lazy}{through}; {groups}; {self.factors!r})"

    def __str__(self) -> str:
        """What there is, in words."""
        sizes, names = self.group_sizes, list(self.factors)
        each = f"{sizes.min():,}" if sizes.min() == sizes.max() else f"{sizes.min():,} to {sizes.max():,}"
        groups = "without groups" if self.groups is None else f"in {len(sizes):,} group(s) of {each}"
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        return f"{len(self):,} rows of shape {self.row_shape}, {groups}" + (f"; factors: {shown}" if names else "")

    # -- rows -------------------------------------------------------------------------------------------------------------

    def rows(self, index) -> np.ndarray:
        """The rows at these indices, after the transforms; an index of any shape gives (*index.shape, *row_shape).

        Without transforms they have the type of the data.
        """
        return self.chain.forward(self.x[np.asarray(index)])

    def chunks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """All rows in order, as many at a time as hold about four million values: pairs of the slice and its rows."""
        size = max(1, (1 << 22) // max(prod(self.row_shape), prod(self.chain.shape)))
        for start in range(0, len(self), size):
            part = slice(start, min(start + size, len(self)))
            yield part, self.chain.forward(self.x[part])

    def take(self, rows) -> "Dataset":
        """The data set of some rows, a mask or indices, in the order given; rows on disk stay there until they are needed."""
        rows = np.arange(len(self))[rows]
        groups = None if self.groups is None else self.groups[rows]
        x = self.x.take(rows) if is_lazy(self.x) else self.x[rows]
        truth = None if self.truth is None else self.truth.take(rows)
        return replace(self, x=x, factors=self.factors.take(rows), groups=groups, truth=truth)

    def load(self) -> "Dataset":
        """The same rows in memory."""
        return replace(self, x=self.x[:]) if is_lazy(self.x) else self

    def split(self, held_out: float = 0.2, seed: int = 0) -> tuple["Dataset", "Dataset"]:
        """Part the groups, never the rows of one group, into a training set and a held-out set: see `held_out`."""
        mask = self.held_out(held_out, seed)
        return self.take(~mask), self.take(mask)

    def held_out(self, share: float = 0.2, seed: int = 0) -> Bool[np.ndarray, " n"]:
        """Which rows a split holds out: those of a share of the groups drawn at random; without groups, a share of the rows.

        At least one group goes to each side.
        """
        count = len(self.group_names)
        if not 0 < share < 1 or count < 2:
            raise InputError(f"a split needs 0 < held_out < 1 and two groups; got held_out={share} and {count} groups.")
        out = np.random.default_rng(seed).permutation(count)[: int(np.clip(round(share * count), 1, count - 1))]
        return np.isin(self.group, out)

    @property
    def scale(self) -> Scale:
        """How the rows are standardised (`scale.survey`), from one pass over the data, which is checked on the way.

        Raises:
            InputError: if a value is infinite, a row has no value at all, or all rows are constant and no scaling was given.
        """
        return self._survey.scale

    def oddities(self) -> list[str]:
        """What is unusual about the data, though it can be used: constant rows, groups of one row, rows of unlike loudness."""
        single = int(np.sum(self.group_sizes == 1)) if self.groups is not None else 0
        counts = [(self._survey.constant, "constant row(s)"), (single, "group(s) of a single row")]
        odd = [*self.notes, *(f"the data has {number} {what}." for number, what in counts if number)]
        odd += self._survey.ends.said()
        if lacking := self._survey.lacking:
            odd.append(f"{lacking} row(s) lack values (NaN): encoders are told so, and losses leave these out.")
        if self._survey.empty:
            odd.append(f"the channel(s) {', '.join(map(str, self._survey.empty))} hold one value only: nothing is in them.")
        if isinstance(self.scale.std, tuple):
            some = sorted(self.scale.std[k] for k in range(len(self.scale.std)) if k not in self._survey.empty)
            what = "channels" if self.ordered or len(self.row_shape) > 1 else "features"
            odd.append(
                f"the {what}' standard deviations go from {some[0]:.3g} to {some[-1]:.3g}: each is standardised by itself."
            )
        if self.scale.row_axes:
            quiet, loud = self._survey.loudness
            odd.append(f"the rows' standard deviations go from {quiet:.3g} to {loud:.3g}: each row is standardised by itself.")
        return odd

    @cached_property
    def _survey(self) -> Survey:
        levels, lacking, moments, ends, channels = [], 0, None, Ends(), channels_of(self.row_shape, self.ordered)
        for part, rows in self.chunks():
            flat = rows.reshape(len(rows), -1).astype(np.float64)
            if not np.isfinite(flat).all():
                missing = np.isnan(flat)
                for bad, what in (
                    (np.isinf(flat).any(axis=1), "holds an infinite value"),
                    (missing.all(axis=1), "holds no value"),
                ):
                    if bad.any():
                        row = part.start + int(np.argmax(bad))
                        raise InputError(f"row {row} of x {what}; every row needs finite values, of which some may be missing.")
                lacking += int(np.sum(missing.any(axis=1)))
            levels.append(mean_and_std(flat))
            ends = ends.joined(flat)
            if channels > 1:
                here = Moments.of(flat, channels)
                moments = here if moments is None else moments.joined(here)
        centre, std = np.concatenate(levels, axis=1)
        return survey(centre, std, self.row_shape, self.scaling, lacking, moments)._replace(ends=ends)

    @cached_property
    def lacking(self) -> Bool[np.ndarray, " n"]:
        """Whether each row lacks a value (NaN)."""
        return np.concatenate([np.isnan(x.reshape(len(x), -1).astype(np.float64)).any(axis=1) for _, x in self.chunks()])

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """What tells one data set from another: its shape and type, and a digest of 1,000 rows and of the groups."""
        rows = self.rows(evenly(len(self), 1000))
        digest = sha256(rows.tobytes() + self.group.astype(np.int64).tobytes()).hexdigest()[:16]
        about = {"shape": [len(self), *self.row_shape], "dtype": str(self.x.dtype), "digest": digest}
        about |= {} if self.scaling is None else {"scaling": self.scaling}
        return about | ({"transforms": self.chain.described()} if self.transforms else {})

    # -- batches ----------------------------------------------------------------------------------------------------------

    def draw(self, key: Key[Array, ""], groups: int, instances: int) -> Int[np.ndarray, "{groups} {instances}"]:
        """Row indices of a random batch; see `draw_instances`."""
        return np.asarray(draw_instances(key, self.layout, groups, instances))


def evenly(n: int, count: int) -> Int[np.ndarray, " some"]:
    """Indices of at most `count` of n things, evenly spread from the first to the last."""
    return np.unique(np.linspace(0, n - 1, min(count, n)).astype(int))


def distinct(key: Key[Array, ""], n: Int[Array, ""] | int, count: int) -> Int[Array, " {count}"]:
    """`count` different integers below n in random order, every set equally likely (Floyd's algorithm); with repeats only where
    n < count.

    n may be traced, so that groups of every size share one compiled program.
    """
    key, again = jax.random.split(key)
    last = n - count + jnp.arange(count)
    draws = jax.random.randint(key, (count,), 0, jnp.maximum(last + 1, 1))

    def add(i, chosen):
        return chosen.at[i].set(jnp.where(jnp.any(chosen == draws[i]), last[i], draws[i]))

    chosen = jax.lax.fori_loop(0, count, add, jnp.full((count,), -1, draws.dtype))
    chosen = jax.random.permutation(jax.random.fold_in(again, 1), chosen)  # whoever takes half of a batch takes any half
    return jnp.where(n >= count, chosen, jax.random.randint(again, (count,), 0, n))


@partial(jax.jit, static_argnums=(2, 3))
def draw_instances(key: Key[Array, ""], layout: Layout, groups: int, instances: int) -> Int[Array, "{groups} {instances}"]:
    """Row indices of a random batch: different groups, so that every batch mixes states, and different rows of each, in
    random order.

    Groups smaller than `instances` are drawn with replacement; if there are fewer groups than asked for, they take turns.
    """
    which, within = jax.random.split(key)
    number = layout.sizes.shape[0]
    chosen = distinct(which, number, min(groups, number))[jnp.arange(groups) % number]
    inside = jax.vmap(lambda k, size: distinct(k, size, instances))(jax.random.split(within, groups), layout.sizes[chosen])
    return layout.order[layout.starts[chosen][:, None] + inside]
