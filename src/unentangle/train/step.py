"""One step of one training, and what trains: a method, batches of data, a number of steps and a learning rate.

`TrainState` is all that changes in the training of one seed, and `train_step` changes it. Several seeds, and methods that
differ in numbers only, are an axis of its arrays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from ..methods.protocol import Batch, Method, Player, fresh, numbers_of, with_numbers
from ..schedules import Number, at
from .batches import Batches, step_keys

FEW = 8  # up to so many seeds are initialised one after the other


class TrainState(NamedTuple):
    """All that changes in the training of one seed."""

    net: Any
    state: eqx.nn.State
    opt_states: tuple[Any, ...]  # of the players


def init_state(method: Method, shape: tuple[int, ...], key: Key[Array, ""], missing: bool = False) -> TrainState:
    """The state before the first step, for rows of this shape, of which values may be missing."""
    net, state = fresh(method, shape, key, missing)
    opt_states = tuple(p.optimiser.init(eqx.filter(net, parts_of(net, p))) for p in method.players())
    return TrainState(net, state, opt_states)


def train_step(method: Method, train_state: TrainState, batch: Batch, lr: Array) -> tuple[TrainState, dict[str, Array]]:
    """One step: every player changes its own parts by its own loss, as often as it declares. Returns the loss terms as well.

    `method` holds its numbers at this step. A player's gradient comes from its own loss only, and is taken with respect to its
    own parts only; what the method shares is a constant to it.
    """
    net, state, opt_states = train_state
    shared = jax.lax.stop_gradient(method.share(net, state, batch))
    updated, every_term, terms = [], {}, {}
    for number, (player, opt_state) in enumerate(zip(method.players(), opt_states, strict=True)):
        for time in range(player.times):
            key = jax.random.fold_in(jax.random.fold_in(batch.key, number), time)
            own, rest = eqx.partition(net, parts_of(net, player))

            def loss(own, rest=rest, state=state, key=key, player=player):
                return player.loss(eqx.combine(own, rest), state, shared, batch._replace(key=key))

            (_, (terms, state)), gradient = eqx.filter_value_and_grad(loss, has_aux=True)(own)
            direction, opt_state = player.optimiser.update(gradient, opt_state, own)
            net = eqx.combine(jax.tree.map(lambda w, d, pace=lr * player.pace: w - pace * d, own, direction), rest)
        updated.append(opt_state)
        every_term |= terms
    return TrainState(net, state, tuple(updated)), every_term


def parts_of(net: Any, player: Player) -> Any:
    """Which leaves of the net a player changes: a tree of booleans."""
    weights = jax.tree.map(eqx.is_inexact_array, net)
    if not player.parts:
        return weights
    nothing = jax.tree.map(lambda _: False, net)
    return eqx.tree_at(lambda n: [part(n, p) for p in player.parts], nothing, [part(weights, p) for p in player.parts])


def part(net: Any, path: str) -> Any:
    """The part of a net at a dotted path of attributes and keys: "encoder", "terms.adversarial"."""
    for name in path.split("."):
        net = net[name] if isinstance(net, dict) else getattr(net, name)
    return net


class Spec(NamedTuple):
    """What one training is besides its trainer: a method, which differs from the trainer's in its numbers only, and a seed."""

    method: Method
    seed: int


@dataclass(frozen=True)
class Trainer:
    """How one method trains on one data set, whatever its numbers and the seed."""

    method: Method
    batches: Batches
    steps: int
    lr: Number

    def init(self, key: Key[Array, ""]) -> TrainState:
        """The state of the seed with this key before its first step."""
        data = self.batches.data
        return init_state(self.method, data.row_shape, jax.random.fold_in(key, 0), data.scale.missing)

    def init_all(self, seeds: Sequence[int]) -> tuple[TrainState, TrainState]:
        """The states of several seeds before their first step: arrays with a leading axis of seeds, and what is not an array.

        A few are made one after the other, by small programs that serve any number of seeds; many as one batch.
        """
        if len(seeds) > FEW:
            return eqx.partition(eqx.filter_vmap(self.init)(keys_of(seeds)), eqx.is_array)
        states = [eqx.partition(self.init(jax.random.key(seed)), eqx.is_array) for seed in seeds]
        return stack(*(arrays for arrays, _ in states)), states[0][1]

    def numbers(self, methods: Sequence[Method]) -> Any:
        """The numbers of several methods and the learning rate, as arrays with a leading axis of methods.

        None stands in place of a user's function, which is that of `self.method` in all.
        """
        each = [numbers_of(m) | {"lr": self.lr} for m in methods]
        return jax.tree.map(lambda *n: None if callable(n[0]) else jnp.asarray(n, jnp.float32), *each)

    def step(
        self, static: TrainState, arrays: TrainState, numbers: Any, key: Key[Array, ""], t: Array, rows: Array
    ) -> tuple[TrainState, Any]:
        """Step t of one seed, on standardised rows (1 or 2, *batch, *row)."""
        progress = t / self.steps
        own = eqx.combine(numbers, numbers_of(self.method) | {"lr": self.lr})
        now = {name: at(n, progress) for name, n in own.items()}
        lr = now.pop("lr")
        data, second = self.batches.data, rows[1] if self.batches.second else None
        batch = Batch(rows[0], second, step_keys(key, t)[1], len(data), data.scale.missing)
        after, terms = train_step(with_numbers(self.method, now), eqx.combine(arrays, static), batch, lr)
        return eqx.filter(after, eqx.is_array), terms


def keys_of(seeds: Sequence[int]) -> Key[Array, " seeds"]:
    """The key of each seed."""
    return jnp.stack([jax.random.key(seed) for seed in seeds])


# Trees with a leading axis of seeds are stacked and indexed by one small program each, not by one for each shape of a weight.


@jax.jit
def stack(*trees: Any) -> Any:
    """Several trees of arrays as one, with a leading axis."""
    return jax.tree.map(lambda *each: jnp.stack(each), *trees)


@jax.jit
def entry(stacked: Any, position: int | Array) -> Any:
    """One of the trees that were stacked."""
    return jax.tree.map(lambda a: a[position], stacked)
