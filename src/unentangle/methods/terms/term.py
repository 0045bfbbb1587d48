"""What a term is: a weight, a ramp and one function, which compose with any method that has one part of its code per group and
one per row.

A term is one of three kinds:

    before    what nets see of the rows of a batch
    pooled    which instances of a group make its code
    penalty   a number to be lowered, which the loss adds times the weight

A method calls `before`, `pooled` and `penalties`, and adds `players` and `with_nets` for terms that have opponents. Codes of a
batch are c (groups, p) and n (groups, instances, q); rows are x (groups, instances, *row).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from ...errors import InputError
from ...schedules import Number, Ramp
from ..protocol import Player, check_fields


class Step(NamedTuple):
    """What penalties see of a step."""

    x: Float[Array, "groups instances ..."]
    c: Float[Array, "groups p"]
    n: Float[Array, "groups instances q"]
    decode: Callable[[Array, Array, Array], Array]  # (c, n (rows, q), group of each row) -> rows
    encode: Callable[[Array], Array]  # rows -> n (rows, q)
    nets: dict[str, Any]  # what terms have added to the net
    virtual: "Virtual | None" = None


class Virtual(NamedTuple):
    """Virtual recordings: groups under the nuisances of half of the instances of other groups."""

    x: Float[Array, "groups half ..."]
    given: Float[Array, "groups half q"]  # the codes that they were decoded with
    again: Float[Array, "groups half q"]  # the codes that they have


@dataclass(frozen=True)
class Term:
    """A weight, the ramp by which it changes, and one function.

    Args:
        weight: its value where the ramp is 1.
        ramp: a schedule of a factor; None if the weight is constant.
    """

    weight: Number
    ramp: Ramp = None

    name: ClassVar[str]
    swaps: ClassVar[bool] = False  # whether a step needs virtual recordings for it

    def __post_init__(self):
        check_fields(self, type(self).name, weight=(0, np.inf))

    def before(self, x: Float[Array, "groups instances ..."]) -> Float[Array, "groups instances ..."]:
        """What nets see of these rows."""
        return x

    def pooled(self, key: Key[Array, ""], x: Float[Array, "groups instances ..."]) -> Float[Array, "groups some ..."]:
        """The instances that make the code of their group."""
        return x

    def penalty(self, step: Step) -> Float[Array, ""] | None:
        """A number to be lowered; None if the term has none."""

    def opponents(self, p: int, q: int, key: Key[Array, ""]) -> Any:
        """Nets that only this term has; None if there are none."""

    def player(self) -> Player | None:
        """Who moves these nets. What players share is (c, n)."""

    def check(self, batch: Sequence[int]) -> None:
        """Refuse batches (groups, instances) in which a penalty has nothing to compare."""
        penalises = type(self).penalty is not Term.penalty
        if penalises and min(batch) < 2 and (callable(self.weight) or float(self.weight) > 0):
            raise InputError(f"batch={batch}; the penalties compare groups and instances, so that two of both are needed.")


def check_terms(terms: Any) -> None:
    """Refuse what is no tuple of terms, and two terms of one name."""
    if not isinstance(terms, tuple) or not all(isinstance(term, Term) for term in terms):
        raise InputError(f"terms={terms!r}; a tuple of terms is needed, such as (Blur(), Isometry(10.0)).")
    names = [term.name for term in terms]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InputError(f"terms holds {', '.join(sorted(twice))} twice; each name may stand there once.")


def before(
    terms: Sequence[Term], x: Float[Array, "groups instances ..."], missing: bool = False
) -> Float[Array, "groups instances ..."]:
    """What nets see of the rows of a batch; terms see the mean of a row in place of values that it lacks, and nets the gaps."""
    gaps = jnp.isnan(x) if missing else None
    if gaps is not None:
        x = jnp.where(gaps, jnp.nanmean(x, axis=range(2, x.ndim), keepdims=True), x)
    for term in terms:
        x = term.before(x)
    return x if gaps is None else jnp.where(gaps, jnp.nan, x)


def pooled(terms: Sequence[Term], key: Key[Array, ""], x: Float[Array, "groups instances ..."]) -> Float[Array, "groups _ ..."]:
    """The instances of each group that make its code."""
    for term in terms:
        x = term.pooled(key, x)
    return x


def penalties(terms: Sequence[Term], step: Step) -> tuple[Float[Array, ""] | float, dict[str, Array]]:
    """The weighted sum of all penalties, and each of them by name."""
    if any(term.swaps and not (isinstance(term.weight, Real) and term.weight == 0) for term in terms):
        step = step._replace(virtual=virtual(step))
    values = [(term, value) for term in terms if (value := term.penalty(step)) is not None]
    return sum(term.weight * value for term, value in values), {term.name: value for term, value in values}


def with_nets(base: Any, terms: Sequence[Term], p: int, q: int, key: Key[Array, ""]) -> Any:
    """A net with what terms add, in its field `terms`."""
    made = ((term.name, term.opponents(p, q, jax.random.fold_in(key, 1))) for term in terms)
    return base._replace(terms={name: net for name, net in made if net is not None})


def players(terms: Sequence[Term]) -> tuple[Player, ...]:
    """The players of the terms that have one."""
    return tuple(player for term in terms if (player := term.player()))


def virtual(step: Step) -> Virtual:
    """Each group decoded with nuisances of the group before: of half of its instances, whose order is random, and not of those
    that `half_and_half` compares themselves.
    """
    given = jnp.roll(step.n, 1, axis=0)[:, step.n.shape[1] // 2 :]
    group = jnp.repeat(jnp.arange(len(given)), given.shape[1])
    rows = step.decode(step.c, given.reshape(-1, given.shape[2]), group)
    rows = jax.lax.stop_gradient(rows)  # the decoder must not please NEnc
    return Virtual(rows.reshape(*given.shape[:2], *rows.shape[1:]), given, step.encode(rows).reshape(given.shape))
