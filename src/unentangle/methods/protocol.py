"""What a method is: a game, played on one net by named players, and the verbs of the trained net.

A method is a frozen dataclass whose fields are its paper's numbers. Each step, the players descend their own losses on their
own parts of the net, in the declared order and number of times. The trainer and the model know this page and no method.
"""

from collections.abc import Callable
from dataclasses import fields, replace
from numbers import Real
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, get_args, get_origin, get_type_hints, runtime_checkable

import equinox as eqx
import numpy as np
import optax
from jaxtyping import Array, Float, Key

from ..data.dataset import Dataset, Scale
from ..data.transforms import Chain
from ..errors import InputError
from ..schedules import Number, is_number

Terms = dict[str, Array]
Loss = Callable[[Any, eqx.nn.State, Any, "Batch"], tuple[Array, tuple[Terms, eqx.nn.State]]]


class Batch(NamedTuple):
    """What every player sees in one step: standardised rows, and what a loss may depend on besides."""

    x: Float[Array, "..."]  # (rows, *row), or (groups, instances, *row)
    second: Float[Array, "..."] | None  # another batch, for methods that ask for one
    key: Key[Array, ""]
    n: int  # rows in the whole data set


class Player(NamedTuple):
    """Who moves `parts` of the net (all of it, if none are named) to lower `loss(net, state, shared, batch)`."""

    loss: Loss
    parts: tuple[str, ...] = ()
    times: int = 1
    optimiser: optax.GradientTransformation = optax.scale_by_adam(eps=1e-7)  # the epsilon of Keras
    pace: Number = 1.0  # learning rate as a multiple of the training's; inside a step a number


class Recommended(NamedTuple):
    """What `train` does unless told otherwise; batch is rows, or (groups, instances)."""

    steps: int
    batch: int | tuple[int, int]
    lr: Number


@runtime_checkable
class Method(Protocol):
    """The rules of a game. In a step, numeric fields hold their value at that step as an array."""

    recommended: ClassVar[Recommended]
    second_batch: ClassVar[bool]

    @property
    def may_repeat(self) -> bool:
        """Whether a batch may hold a row twice, unless `train` is told otherwise."""
        return True

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> tuple[Any, eqx.nn.State]:
        """A fresh net for rows of this shape, and the state of its layers."""
        ...

    def players(self) -> tuple[Player, ...]:
        """Who plays, in the order of their moves."""
        ...

    def share(self, net: Any, state: eqx.nn.State, batch: Batch) -> Any:
        """What several players need, computed once a step and without gradients; None if nothing."""
        ...

    def check(self, data: Dataset, batch: int | tuple[int, int]) -> None:
        """Refuse data, or batches of it, that the method cannot learn from."""
        ...

    def encode(self, trained: "Trained", data: Dataset) -> Any:
        """The codes of a data set."""
        ...

    def decode(self, trained: "Trained", codes: Any) -> Float[np.ndarray, "..."]:
        """The rows that codes stand for."""
        ...

    def reconstruct(self, trained: "Trained", data: Dataset) -> Float[np.ndarray, "..."]:
        """The rows of a data set, encoded and decoded."""
        ...

    def shortfall(self, trained: "Trained", data: Dataset) -> float:
        """How far a net is from what the method is for, as far as data without truth tells: of nets trained alike, the one with
        the least is the best. NaN where the data tells nothing.
        """
        ...


def numbers_of(method: Method) -> dict[str, Any]:
    """The numeric fields of a method: those that may be scheduled and that ride on the axis of members."""
    hints = get_type_hints(type(method), include_extras=True)
    return {f.name: getattr(method, f.name) for f in fields(method) if hints[f.name] == Number}  # pyright: ignore[reportArgumentType]


def with_numbers(method: Method, numbers: dict[str, Any]) -> Method:
    """The method with other numbers: the inverse of `numbers_of`."""
    return replace(method, **numbers)  # pyright: ignore[reportArgumentType, reportCallIssue]


def is_size(value: Any) -> bool:
    """Whether this is a whole number of at least 1."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) >= 1


def check_fields(method: Any) -> None:
    """Refuse a field that is none of the names it may be, nor an object of one's own where one is allowed; a size that is not a
    whole number of at least 1; what is neither true nor false; and what is no number, nor a schedule where one may be.
    """
    for name, hint in get_type_hints(type(method), include_extras=True).items():
        names = [n for h in (hint, *get_args(hint)) if get_origin(h) is Literal for n in get_args(h)]
        value: Any = getattr(method, name)
        if names and value not in names and (isinstance(value, str) or not callable(value)):
            raise InputError(f"{name}={value!r} is unknown; it is {', '.join(names)}.")
        if hint is bool and not isinstance(value, bool):
            raise InputError(f"{name}={value!r}; True or False is needed.")
        if hint is int and not is_size(value):
            raise InputError(f"{name}={value!r}; a whole number of at least 1 is needed.")
        if hint is float and (isinstance(value, bool) or not isinstance(value, Real)):
            raise InputError(f"{name}={value!r}; a plain number is needed.")
        if hint == Number and (not is_number(value) or getattr(value, "ndim", 0)):
            raise InputError(f"{name}={value!r}; a number or a schedule is needed.")


class Piece(NamedTuple):
    """A part of a trained net that can be of use without the rest: function(net, state, *inputs) on standardised rows."""

    function: Callable[..., Array]
    inputs: dict[str, tuple[str | int, ...]]  # shapes, in which the sizes that may be any have a name; "mask" is true or false
    output: str  # "rows", for what is to be restored to the units of the data

    @property
    def decodes(self) -> bool:
        """Whether rows come out."""
        return self.output == "rows"


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
        parts = []
        for start in range(0, n, size):
            rows = [a[start : start + size] for a in arrays]
            pad = size - len(rows[0])
            rows = [np.pad(r, [(0, pad), *[(0, 0)] * (r.ndim - 1)], mode="edge") for r in rows]
            parts.append(np.asarray(_apply(function, self.net, self.state, *rows))[: size - pad])
        return np.concatenate(parts)

    def rows(self, function: Callable[..., Array], data: Dataset) -> np.ndarray:
        """function(net, state, standardised rows) of a data set, read as it goes."""
        return np.concatenate([self.map(function, self.scale.standardise(x)) for _, x in data.chunks()])

    def level(self, data: Dataset) -> Float[np.ndarray, "rows 2"] | None:
        """The level of each row, where rows are standardised by themselves."""
        return np.concatenate([self.scale.level(x) for _, x in data.chunks()]) if self.scale.row_axes else None

    def restore(self, rows: np.ndarray, level: Float[np.ndarray, "rows 2"] | None) -> Float[np.ndarray, "rows ..."]:
        """What the net gives, in the units of the data, its transforms undone where that can be."""
        return self.chain.undo(self.scale.restore(rows, level))


@eqx.filter_jit
def _apply(function: Callable[..., Array], net: Any, state: eqx.nn.State, *arrays: Any) -> Array:
    return function(net, state, *arrays)
