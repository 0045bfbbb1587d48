"""The one data type: rows, the factors behind them, and the groups they came in.

A group is one datapoint X_i of the SymAE paper (section 2): the instances recorded of one physical state, each with its own
nuisance. Several groups can share a state; the state, where it is known, is a factor. Groups may have any size.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from hashlib import sha256
from math import prod
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from ..errors import InputError
from .blocks import Blocks
from .packed import Packed
from .transforms import TRANSFORMS, Chain, Transform

Kind = Literal["continuous", "categorical", "binary"]
LOUD = 0.9  # where a tenth of the rows holds more of the variance than this, each row is standardised by itself,
SINGLE = 1e38  # what a model gives back must be less
FEW, OFTEN = 20, 10  # whole numbers of so few values, or that come so often on average, are classes
LONG = 32  # if it has so many values: the variance of fewer differs by chance


class Factors(Mapping[str, np.ndarray]):
    """Named columns, one value per row, each continuous, categorical or binary.

    A column is an array of n values, or a pair (values, kind). Without a kind, floats are continuous, and whole numbers of more
    than 20 values that come less than ten times on average; everything else is categorical, or binary if it takes two values.
    `declared` are the kinds that were given: measures of codes keep to those, and look at the values of other columns.
    `numpy.asarray(factors)` is the table (n, k), categories as their codes.
    """

    def __init__(self, columns: Mapping[str, Any]):
        kinds = columns.declared if isinstance(columns, Factors) else {}
        self._columns: dict[str, np.ndarray] = {}
        self.kinds: dict[str, Kind] = {}
        self.declared: dict[str, Kind] = {}
        for name, column in columns.items():
            paired = isinstance(column, tuple) and len(column) == 2 and column[1] in get_args(Kind)
            values, kind = column if paired else (column, kinds.get(name))
            values = np.asarray(values)
            if values.ndim != 1:
                raise InputError(f"factor {name!r} has shape {values.shape}; a factor is one value per row.")
            if kind is not None:
                self.declared[name] = kind
            else:
                distinct = len(np.unique(values))
                many = np.issubdtype(values.dtype, np.integer) and distinct > max(FEW, len(values) / OFTEN)
                continuous = np.issubdtype(values.dtype, np.floating) or many
                kind = "continuous" if continuous else "binary" if distinct == 2 else "categorical"
            self._columns[name], self.kinds[name] = values, kind

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._columns:
            raise InputError(f"there is no factor {name!r}; there are {', '.join(self._columns) or 'none'}.")
        return self._columns[name]

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        if not len(self):
            raise InputError("there are no factors.")
        columns = [v if np.issubdtype(v.dtype, np.number) else np.unique(v, return_inverse=True)[1] for v in self.values()]
        return np.stack(columns, axis=1).astype(dtype or float)

    def take(self, rows: np.ndarray) -> "Factors":
        """The factors of some rows, of the same kinds."""
        some = Factors({name: (values[rows], self.kinds[name]) for name, values in self.items()})
        some.declared = dict(self.declared)
        return some

    def __repr__(self) -> str:
        return f"Factors({', '.join(f'{name}: {kind}' for name, kind in self.kinds.items())})"


class Layout(NamedTuple):
    """Where the rows of each group are: group g has rows order[starts[g] : starts[g] + sizes[g]]."""

    order: Int[Array | np.ndarray, " n"]
    starts: Int[Array | np.ndarray, " groups"]
    sizes: Int[Array | np.ndarray, " groups"]


class Scale(NamedTuple):
    """How raw rows become those a net sees: all by one mean and one standard deviation, or each by its own.

    With `row_axes` = 0, `mean` and `std` are those of all values. Otherwise the last `row_axes` axes are a row, which is
    standardised by itself; its own mean and standard deviation are its level, and `mean` and `std` are those of a typical row,
    for rows without one.
    """

    mean: float
    std: float
    row_axes: int = 0

    def standardise(self, x: np.ndarray) -> Float[np.ndarray, "..."]:
        """Raw values as a net sees them: float32 of mean 0 and standard deviation 1, subtracted before it is rounded.

        Raises:
            InputError: if a value is NaN or infinite.
        """
        if not np.isfinite(x).all():
            raise InputError("the rows hold NaN or infinite values; every value must be finite.")
        if not self.row_axes:
            return ((x - self.mean) / self.std).astype(np.float32, copy=False)
        mean, std = np.moveaxis(self._levels(x), -1, 0)
        return ((x - mean) / np.where(std > 0, std, 1.0)).astype(np.float32)

    def level(self, x: np.ndarray) -> Float[np.ndarray, "rows 2"]:
        """The mean and standard deviation of each row: what a net does not see where `row_axes` > 0, and `restore` wants."""
        return self._levels(x).reshape(-1, 2)

    def _levels(self, x: np.ndarray) -> Float[np.ndarray, "... 2"]:
        axes = tuple(range(-self.row_axes, 0))
        return np.stack([f(x, axis=axes, keepdims=True, dtype=np.float64) for f in (np.mean, np.std)], axis=-1)

    def restore(self, x: np.ndarray, level: Float[np.ndarray, "rows 2"] | None = None) -> Float[np.ndarray, "rows ..."]:
        """The inverse of `standardise`, as float32, at the level of each row where there are levels."""
        if level is None:
            return (x * np.float64(self.std) + self.mean).astype(np.float32)
        mean, std = level.T.reshape(2, -1, *[1] * (x.ndim - 1))
        return (x * std + mean).astype(np.float32)


class Survey(NamedTuple):
    """What one pass over the data finds: the scale, the number of constant rows, the least and greatest row deviation."""

    scale: Scale
    constant: int
    loudness: tuple[float, float]


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

    Raises:
        InputError: if the rank is wrong, the lengths of x, factors and groups differ, or the transforms do not fit the rows.
    """

    x: Any
    factors: Any = None
    groups: Any = None
    scaling: Scale | None = None
    transforms: Sequence[Transform] = ()

    def __post_init__(self):
        x = self.x if is_lazy(self.x) else np.asarray(self.x)
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
        groups = None if self.groups is None else np.asarray(self.groups)
        for name, column in [("groups", groups), *((f"factor {name!r}", f) for name, f in factors.items())]:
            if column is not None and (column.ndim != 1 or len(column) != x.shape[0]):
                raise InputError(f"{name} has shape {column.shape}; x has {x.shape[0]} rows, so {(x.shape[0],)} is needed.")
        if groups is not None:
            holes = np.issubdtype(groups.dtype, np.floating) and np.isnan(groups).any()
            if holes or groups.dtype == object:
                raise InputError("groups holds NaN or mixed objects; every row needs a key, all of one type.")
        transforms = tuple(self.transforms)
        if unknown := [t for t in transforms if type(t) not in TRANSFORMS.values()]:
            raise InputError(f"transforms holds {unknown[0]!r}; it may hold {', '.join(TRANSFORMS)}.")
        for field, value in (("x", x), ("factors", factors), ("groups", groups), ("transforms", transforms)):
            object.__setattr__(self, field, value)
        _ = self.row_shape  # checks that the transforms fit

    def through(self, *transforms: Transform) -> "Dataset":
        """The same rows through these transforms, which come after those that there are; nothing is computed yet."""
        return replace(self, transforms=(*self.transforms, *transforms))

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
        lazy = "" if not is_lazy(self.x) else ", in bits" if isinstance(self.x, Packed) else ", on disk"
        through = "".join(f" through {t!r}" for t in self.transforms)
        return f"Dataset({len(self)} rows of {self.chain.shape}, {self.x.dtype}{lazy}{through}; {groups}; {self.factors!r})"

    # -- rows -------------------------------------------------------------------------------------------------------------

    def rows(self, index) -> np.ndarray:
        """The rows at these indices, after the transforms; an index of any shape gives (*index.shape, *row_shape).

        Without transforms they have the type of the data.
        """
        return self.chain.forward(self._raw(index))

    def _raw(self, index) -> np.ndarray:
        index = np.asarray(index)
        if hasattr(self.x, "chunks") and not isinstance(self.x, Blocks):  # HDF5 wants increasing indices without repeats
            unique, inverse = np.unique(index, return_inverse=True)
            rows = np.asarray(self.x[unique])[inverse.reshape(index.shape)]
        else:
            rows = np.asarray(self.x[index])
        return rows

    def chunks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """All rows in order, as many at a time as hold about four million values: pairs of the slice and its rows."""
        size = max(1, (1 << 22) // max(prod(self.row_shape), prod(self.chain.shape)))
        for start in range(0, len(self), size):
            part = slice(start, min(start + size, len(self)))
            yield part, self.chain.forward(np.asarray(self.x[part]))

    def take(self, rows) -> "Dataset":
        """The data set of some rows, a mask or indices, in the order given; rows on disk stay there until they are needed."""
        rows = np.arange(len(self))[rows]
        groups = None if self.groups is None else self.groups[rows]
        part = self.x.take if isinstance(self.x, Packed) else partial(Some, self) if is_lazy(self.x) else self._raw
        return Dataset(part(rows), self.factors.take(rows), groups, self.scaling, self.transforms)

    def load(self) -> "Dataset":
        """The same rows in memory."""
        return replace(self, x=np.array(self.x[:])) if is_lazy(self.x) else self

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
        """How the rows are standardised, from one pass over the data, which is checked on the way.

        All values share one mean and standard deviation, unless a tenth of the rows holds more than 90 % of the variance:
        these would then be all that a squared error sees, and each row (of 32 values or more) is standardised by itself.

        Raises:
            InputError: if a value is NaN or infinite, or if all rows are constant and no scaling was given.
        """
        return self._survey.scale

    def oddities(self) -> list[str]:
        """What is unusual about the data, though it can be used: constant rows, groups of one row, rows of unlike loudness."""
        single = int(np.sum(self.group_sizes == 1)) if self.groups is not None else 0
        found = [(self._survey.constant, "constant row(s)"), (single, "group(s) of a single row")]
        odd = [f"the data has {number} {what}." for number, what in found if number]
        if self.scale.row_axes:
            quiet, loud = self._survey.loudness
            odd.append(f"the rows' standard deviations go from {quiet:.3g} to {loud:.3g}: each row is standardised by itself.")
        return odd

    @cached_property
    def _survey(self) -> "Survey":
        levels = []
        for part, rows in self.chunks():
            flat = rows.reshape(len(rows), -1).astype(np.float64)
            if not np.isfinite(flat).all():
                row = int(np.flatnonzero(~np.isfinite(flat).all(axis=1))[0])
                what = "NaN" if np.isnan(flat[row]).any() else "an infinite value"
                raise InputError(f"row {part.start + row} of x holds {what}; every value must be finite.")
            levels.append(mean_and_std(flat))
        centre, std = np.concatenate(levels, axis=1)
        return survey(centre, std, self.row_shape, self.scaling)

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


def mean_and_std(flat: Float[np.ndarray, "rows values"]) -> Float[np.ndarray, "2 rows"]:
    """Of each row; the standard deviation of a constant row is 0, without what rounding leaves."""
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused by `survey`
        return np.stack([flat.mean(axis=1), np.where(np.ptp(flat, axis=1) > 0, flat.std(axis=1), 0.0)])


def survey(
    centre: Float[np.ndarray, " n"], std: Float[np.ndarray, " n"], row_shape: tuple[int, ...], scaling: Scale | None = None
) -> Survey:
    """What follows from the mean and standard deviation of each row.

    Raises:
        InputError: if all rows are constant and no scaling is given, or values are too large for single precision.
    """
    if not std.max() < SINGLE or not np.abs(centre).max() < SINGLE:
        raise InputError("the rows of x hold values beyond 1e38, the range of single precision; choose another unit.")
    varied = std > 0
    if scaling is None and not varied.any():
        raise InputError("every row of x is constant; there is nothing to learn from rows that do not vary.")
    loudness = (float(std.min() if scaling else std[varied].min()), float(std.max()))
    constant = int(np.sum(~varied))
    if scaling is not None:
        return Survey(scaling, constant, loudness)
    loudest = np.sort(std**2)[::-1][: len(std) // 10].sum()
    if loudest > LOUD * np.sum(std**2) and prod(row_shape) >= LONG:
        return Survey(
            Scale(float(np.median(centre[varied])), float(np.median(std[varied])), len(row_shape)), constant, loudness
        )
    return Survey(Scale(float(centre.mean()), float(np.sqrt(np.mean(std**2) + centre.var()))), constant, loudness)


def evenly(n: int, count: int) -> Int[np.ndarray, " some"]:
    """Indices of at most `count` of n things, evenly spread from the first to the last."""
    return np.unique(np.linspace(0, n - 1, min(count, n)).astype(int))


@dataclass(frozen=True, eq=False)
class Some:
    """Some rows of a data set on disk: an array that reads them where it is indexed."""

    of: Dataset
    index: Int[np.ndarray, " n"]

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, *row)."""
        return (len(self.index), *self.of.x.shape[1:])

    @property
    def dtype(self) -> np.dtype:
        """That of the data set."""
        return self.of.x.dtype

    def __getitem__(self, rows: Any) -> np.ndarray:
        return self.of._raw(self.index[rows])

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype)


def is_lazy(x: Any) -> bool:
    """Whether x is read in parts: a memory map, an array as HDF5 and zarr have it, joined ones, packed rows, some of such."""
    return isinstance(x, np.memmap | Packed | Some) or hasattr(x, "chunks")


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
