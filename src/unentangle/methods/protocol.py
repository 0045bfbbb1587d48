"""What a method is: a net, the parts of its codes, and the players that train it.

A method is a frozen dataclass whose fields are its paper's numbers. In each step, the players descend their own losses on their
own parts of the net, in the declared order and number of times. The trainer and the model know this page and no method.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from math import prod
from numbers import Real
from typing import Any, Literal, NamedTuple, Protocol, get_args, get_origin, get_type_hints, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Key

from ..data.dataset import Dataset
from ..errors import InputError
from ..schedules import Cosine, Linear, Number, Ramp, Ramped, is_number
from .codes import Part

Terms = dict[str, Array]
Loss = Callable[[Any, eqx.nn.State, Any, "Batch"], tuple[Array, tuple[Terms, eqx.nn.State]]]

ADAM = optax.scale_by_adam(eps=1e-8)
KERAS_ADAM = optax.scale_by_adam(eps=1e-7)


class Batch(NamedTuple):
    """What every player sees in one step: standardised rows, and what a loss may depend on besides."""

    x: Float[Array, "..."]  # (rows, *row), or (groups, instances, *row)
    second: Float[Array, "..."] | None  # another batch, for methods that ask for one
    key: Key[Array, ""]
    n: int  # rows in the whole data set
    missing: bool = False  # whether values of x may be missing: NaN, which encoders are told of and losses leave out


class Player(NamedTuple):
    """Who moves `parts` of the net (all of it, if none are named) to lower `loss(net, state, shared, batch)`.

    A part is a field of the net, or an entry of a field that is a dict: "terms.adversarial".
    """

    loss: Loss
    parts: tuple[str, ...] = ()
    times: int = 1
    optimiser: optax.GradientTransformation = KERAS_ADAM
    pace: Number = 1.0  # learning rate as a multiple of the training's; inside a step a number


class Recommended(NamedTuple):
    """What `train` does unless told otherwise; batch is rows, or (groups, instances)."""

    steps: int
    batch: int | tuple[int, int]
    lr: Number


@runtime_checkable
class Method(Protocol):
    """What the trainer and the model ask of a method. In a step, numeric fields hold their value at that step as an array."""

    @property
    def recommended(self) -> Recommended:
        """The length, the batches and the learning rate of a training."""
        ...

    @property
    def parts(self) -> tuple[Part, ...]:
        """The schema of its codes, with the function that encodes each part."""
        ...

    @property
    def decode(self) -> Callable[..., Array]:
        """A function (net, state, group, *codes) -> rows (n, *row): for each part in order, codes (n, size) of a part per row,
        or (groups, size) of a part per group, of which row i has number group[i]. It holds no arrays.
        """
        ...

    @property
    def second_batch(self) -> bool:
        """Whether a step needs two batches."""
        ...

    @property
    def encoders(self) -> tuple[str, ...]:
        """The fields of the net that take rows."""
        ...

    @property
    def may_repeat(self) -> bool:
        """Whether a batch of rows may hold a row twice."""
        ...

    def init(self, shape: tuple[int, ...], key: Key[Array, ""]) -> tuple[Any, eqx.nn.State]:
        """A fresh net for rows of this shape, and the state of its layers."""
        ...

    def players(self) -> tuple[Player, ...]:
        """The players, in the order in which they move."""
        ...

    def share(self, net: Any, state: eqx.nn.State, batch: Batch) -> Any:
        """What several players need, computed once a step and without gradients; None if nothing."""
        ...

    def check(self, data: Dataset, batch: int | tuple[int, int]) -> None:
        """Refuse data, or batches of it, that the method cannot learn from."""
        ...


class Defaults:
    """What most methods answer to the rarer questions of `Method`."""

    second_batch = False
    encoders = tuple[str, ...]()

    @property
    def may_repeat(self) -> bool:
        """A batch of rows may hold a row twice."""
        return True

    def check(self, data: Dataset, batch: int | tuple[int, int]) -> None:
        """Any data will do."""

    def share(self, net: Any, state: eqx.nn.State, batch: Batch) -> Any:
        """Nothing is shared."""


# -- numbers --------------------------------------------------------------------------------------------------------------


def numbers_of(method: Method) -> dict[str, Any]:
    """The numbers of a method that may be scheduled and that ride on the axis of seeds, by name: its own and, as "terms.NAME",
    the weights of its terms. A number with a ramp is a schedule.
    """
    hints = get_type_hints(type(method), include_extras=True)
    numbers: dict[str, Any] = {}
    for f in fields(method):  # pyright: ignore[reportArgumentType]
        if hints[f.name] == Number:
            ramp = f"{f.name}_ramp"
            numbers[f.name] = ramped(getattr(method, f.name), getattr(method, ramp) if ramp in hints else None)
        elif f.name == "terms":
            terms = getattr(method, f.name)
            numbers |= {f"terms.{term.name}": ramped(term.weight, term.ramp) for term in terms if _scheduled(term)}
    return numbers


def with_numbers(method: Any, values: Mapping[str, Any]) -> Any:
    """The method with these values of its numbers, by the names of `numbers_of`: its inverse. They have no ramps."""
    own = {name: value for name, value in values.items() if not name.startswith("terms.")}
    weights = {name.removeprefix("terms."): value for name, value in values.items() if name not in own}
    if weights:
        own["terms"] = tuple(replace(t, weight=weights[t.name], ramp=None) if t.name in weights else t for t in method.terms)
    ramps = {f"{name}_ramp" for name in values} & {f.name for f in fields(method)}
    return replace(method, **own, **dict.fromkeys(ramps))


def ramped(weight: Number, ramp: Ramp) -> Any:
    """A number with its ramp, as one schedule; without a ramp, the number."""
    if ramp is None:
        return weight
    return weight * ramp if isinstance(ramp, Linear | Cosine) else Ramped(weight, ramp)


def _scheduled(term: Any) -> bool:
    return get_type_hints(type(term), include_extras=True)["weight"] == Number


def is_size(value: Any) -> bool:
    """Whether this is a whole number of at least 1."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) >= 1


def check_fields(method: Any, called: str = "", **bounds: tuple[float, float]) -> None:
    """Refuse fields that are not what their types say: an unknown name, a size below 1, a switch that is neither true nor
    false, what is no number or schedule; a number outside its bounds [low, high); and a schedule that has a ramp as well.
    """
    hints = get_type_hints(type(method), include_extras=True)
    for name, hint in hints.items():
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
        if hint == Ramp and value is not None:
            if not callable(value):
                raise InputError(f"{name}={value!r}; a schedule of a factor, or None, is needed.")
            if callable(getattr(method, name.removesuffix("ramp").removesuffix("_") or "weight")):
                raise InputError(f"{name} comes on top of a schedule; say {name}=None to use the schedule as it is.")
    for name, (low, high) in bounds.items():
        number = getattr(method, name)
        if isinstance(number, Real) and not low <= float(number) < high:
            raise InputError(f"{called or name}={number}; it must be at least {low:g} and less than {high:g}.")


def check_groups(method: Any, data: Dataset) -> None:
    """Refuse data from which a method with a part per group learns nothing: without groups, with states that vary inside a
    group, or without two states of several instances.
    """
    name = type(method).__name__
    if data.groups is None:
        raise InputError(f"the data has no groups; {name} needs one key per row that says which rows share a state.")
    if len(data.group_names) < 2 or len(np.unique(data.states)) < 2:
        raise InputError(f"the data ({data}) has one group or state only; {name} compares states and needs at least two.")
    if (varied := data.states != data.group_states[data.group]).any():
        group = data.group_names[data.group[np.argmax(varied)]]
        raise InputError(f"the factor 'state' varies inside the group {group}; the instances of a group share one state.")
    if np.sum(np.unique(data.states, return_counts=True)[1] > 1) < 2:
        raise InputError(f"the data ({data}) has no two states with several rows; {name} needs several instances of a state.")


# -- rows that lack values ------------------------------------------------------------------------------------------------


def fresh(method: Method, shape: tuple[int, ...], key: Key[Array, ""], missing: bool = False) -> tuple[Any, eqx.nn.State]:
    """The net of a method for rows of this shape, and its state; where values may be missing, encoders begin with `Gaps`.

    Raises:
        InputError: if values may be missing and the method does not say which of its nets take rows.
    """
    net, state = method.init(shape, key)
    if not missing:
        return net, state
    if not method.encoders:
        raise InputError(f"rows lack values (NaN), for which {type(method).__name__} has no way; leave such rows out.")
    own = jax.random.split(jax.random.fold_in(key, 1), len(method.encoders))
    filled = [eqx.nn.Sequential([Gaps(shape, k), getattr(net, n)]) for n, k in zip(method.encoders, own, strict=True)]
    return eqx.tree_at(lambda n: [getattr(n, name) for name in method.encoders], net, filled), state


class Gaps(eqx.Module):
    """How an encoder sees a row that lacks values: in place of NaN a learned number, its own at each place, and added to all
    places what 16 learned sums of the mask say. So any net takes such rows, in the shape that it has.
    """

    fill: Float[Array, "*row"]
    sums: Float[Array, "size 16"]
    patterns: Float[Array, "16 size"]

    def __init__(self, shape: tuple[int, ...], key: Key[Array, ""]):
        size = prod(shape)
        self.fill, self.sums = jnp.zeros(shape), jnp.zeros((size, 16))
        self.patterns = jax.random.normal(key, (16, size)) / 4

    def __call__(self, x: Float[Array, "*row"], *, key: Any = None) -> Float[Array, "*row"]:
        """The row without gaps."""
        gone = jnp.isnan(x)
        told = gone.astype(self.sums.dtype).ravel() @ self.sums @ self.patterns
        return jnp.where(gone, self.fill, x) + told.reshape(x.shape)


def filled(x: Array, y: Array) -> Array:
    """Rows with what a decoder gives, as constants, in place of the values that they lack."""
    return jnp.where(jnp.isnan(x), jax.lax.stop_gradient(y).reshape(x.shape), x)


def mean_square(y: Array, x: Array, missing: bool = False) -> Float[Array, ""]:
    """The mean squared difference over rows and samples; where values of x may be missing, over those that are there."""
    if not missing:
        return jnp.mean((y - x) ** 2)
    there = ~jnp.isnan(x)
    return jnp.sum(jnp.where(there, y - x, 0) ** 2) / jnp.maximum(jnp.sum(there), 1)


def half_mean_square(x: Array, y: Array, missing: bool = False) -> Float[Array, ""]:
    """Half the `mean_square`."""
    return 0.5 * mean_square(x, y, missing)
