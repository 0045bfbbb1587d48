"""One loop for every method: any number of players, any number of seeds.

A training is a game (`methods/protocol.py`). Everything that changes in it, for one seed, is a `Game`; `step` plays one round;
a chunk is the grain at which progress, history and checkpoints are kept. Seeds are an axis: nets without convolutions, and
everything on a GPU, train all seeds as one program of scanned steps. On a CPU a convolution's weight gradient is 40 times
slower inside a scan, and convolutions of several seeds at once 2 times slower, so there seeds of convolutional nets take turns
through one compiled step. Either way a seed among others is that seed alone: its keys depend on nothing but its number.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import jaxpr_as_fun
from jaxtyping import Array, Float, Key

from ..data.dataset import Layout
from ..errors import Diverged, InputError
from ..methods.protocol import Batch, Method, Player, Trained, numbers_of
from ..model import Model
from ..schedules import Number, at
from .batches import Dealer
from .run import Record, RunFolder

CHUNK = 50
FEW = 8
CHECKPOINT_SECONDS = 10.0


class Game(NamedTuple):
    """All that changes in the training of one seed."""

    net: Any
    state: eqx.nn.State
    memory: tuple[Any, ...]  # each player's optimiser


# -- one step -------------------------------------------------------------------------------------------------------------


def step(method: Method, game: Game, batch: Batch, lr: Array) -> tuple[Game, dict[str, Array]]:
    """One round: every player moves its own parts by its own loss, as often as it declares.

    `method` holds its numbers at this step. A player's gradient comes from its own loss only, and is taken with respect to its
    own parts only; what was shared is a constant to it.
    """
    net, state, memory = game
    shared = jax.lax.stop_gradient(method.share(net, state, batch))
    memories, named, terms = [], {}, {}
    for number, (player, moments) in enumerate(zip(method.players(), memory, strict=True)):
        for time in range(player.times):
            key = jax.random.fold_in(jax.random.fold_in(batch.key, number), time)
            own, rest = eqx.partition(net, parts_of(net, player))

            def loss(own, rest=rest, state=state, key=key, player=player):
                return player.loss(eqx.combine(own, rest), state, shared, batch._replace(key=key))

            (_, (terms, state)), gradient = eqx.filter_value_and_grad(loss, has_aux=True)(own)
            direction, moments = player.optimiser.update(gradient, moments, own)
            net = eqx.combine(jax.tree.map(lambda w, d, pace=lr * player.pace: w - pace * d, own, direction), rest)
        memories.append(moments)
        named |= terms
    return Game(net, state, tuple(memories)), named


def parts_of(net: Any, player: Player) -> Any:
    """Which leaves of the net a player moves: a tree of booleans."""
    weights = jax.tree.map(eqx.is_inexact_array, net)
    if not player.parts:
        return weights
    nothing = jax.tree.map(lambda _: False, net)
    return eqx.tree_at(lambda n: [getattr(n, p) for p in player.parts], nothing, [getattr(weights, p) for p in player.parts])


def new_game(method: Method, shape: tuple[int, ...], key: Key[Array, ""]) -> Game:
    """The first state of a training."""
    net, state = method.init(shape, key)
    memory = tuple(p.optimiser.init(eqx.filter(net, parts_of(net, p))) for p in method.players())
    return Game(net, state, memory)


# -- a chunk of steps -----------------------------------------------------------------------------------------------------


class Member(NamedTuple):
    """One of the trainings that are one program: the method, which differs from the others' in its numbers only, and a seed."""

    method: Method
    seed: int


@dataclass(frozen=True)
class Trainer:
    """How one method trains on one data set, whatever its numbers and the seed."""

    method: Method
    dealer: Dealer
    steps: int
    lr: Number

    def fresh(self, key: Key[Array, ""]) -> Game:
        """The game of one seed before its first step."""
        return new_game(self.method, self.dealer.data.row_shape, jax.random.fold_in(key, 0))

    def start(self, seeds: Sequence[int]) -> tuple[Game, Game]:
        """The games of several seeds: arrays with a leading axis of members, and what is the same in all.

        A few begin one after the other, by small programs that serve any number of seeds; many as one batch.
        """
        if len(seeds) > FEW:
            return eqx.partition(eqx.filter_vmap(self.fresh)(keys_of(seeds)), eqx.is_array)
        games = [eqx.partition(self.fresh(jax.random.key(seed)), eqx.is_array) for seed in seeds]
        return _side_by_side(*(arrays for arrays, _ in games)), games[0][1]

    def numbers(self, methods: Sequence[Method]) -> Any:
        """The numbers of several methods and the learning rate, as arrays with a leading axis of members; in place of a user's
        function, which is that of `method` in all, stands None.
        """
        each = [numbers_of(m) | {"lr": self.lr} for m in methods]
        return jax.tree.map(lambda *n: None if callable(n[0]) else jnp.asarray(n, jnp.float32), *each)

    def deal(self, layout: Layout, key: Key[Array, ""], t: Array) -> Array:
        """Row indices of step t."""
        return self.dealer.indices(layout, jax.random.split(jax.random.fold_in(key, 1 + t))[0])

    def play(self, static: Game, arrays: Game, numbers: Any, key: Key[Array, ""], t: Array, rows: Array) -> tuple[Game, Any]:
        """Step t of one seed, on standardised rows (1 or 2, *batch, *row)."""
        progress = t / self.steps
        own = eqx.combine(numbers, numbers_of(self.method) | {"lr": self.lr})
        now = {name: at(n, progress) for name, n in own.items()}
        lr = now.pop("lr")
        key = jax.random.split(jax.random.fold_in(key, 1 + t))[1]
        batch = Batch(rows[0], rows[1] if self.dealer.second else None, key, len(self.dealer.data))
        game, terms = step(replace(self.method, **now), eqx.combine(arrays, static), batch, lr)  # pyright: ignore[reportArgumentType, reportCallIssue]
        return eqx.filter(game, eqx.is_array), terms


def keys_of(seeds: Sequence[int]) -> Key[Array, " seeds"]:
    """The key of each seed."""
    return jnp.stack([jax.random.key(seed) for seed in seeds])


Chunk = Callable[[Game, Any, Key[Array, " members"], int, int], tuple[Game, dict[str, Float[np.ndarray, "members steps"]]]]


class Ahead:
    """Rows of large data, read while the step before them is computed.

    Which rows is asked of the device before that step is: a GPU takes its work in turn, so that it would answer only after it.
    """

    def __init__(self, trainer: Trainer, deal: Callable[..., Array]):
        self.trainer, self.deal, self.waited = trainer, deal, 0.0
        self.pool, self.coming = ThreadPoolExecutor(1), (None, None)

    def rows(self, keys: Key[Array, "..."], start: int, stop: int) -> Array:
        """The rows of some steps; those of as many steps after them are begun."""
        asked = self._name(keys, start, stop)
        name, future = self.coming
        future = future if name == asked and future else self._begin(keys, start, stop)
        began = monotonic()
        rows = future.result()
        self.waited += monotonic() - began
        then = (stop, min(2 * stop - start, self.trainer.steps))
        if then[0] < then[1]:
            self.coming = (self._name(keys, *then), self._begin(keys, *then))
        return rows

    def _begin(self, keys: Key[Array, "..."], start: int, stop: int) -> Future[Array]:
        index = self.deal(self.trainer.dealer.data.layout, keys, jnp.arange(start, stop))
        return self.pool.submit(lambda: self.trainer.dealer.read(np.asarray(index)))

    @staticmethod
    def _name(keys: Key[Array, "..."], start: int, stop: int) -> tuple[bytes, int, int]:
        return np.asarray(jax.random.key_data(keys)).tobytes(), start, stop


Play = Callable[[Game, Any, Key[Array, ""], Array, Array], tuple[Game, Any]]


def scanned(trainer: Trainer, play: Play) -> Chunk:
    """Many steps of all members as one program, which goes with its trainer: `eqx.filter_jit` would keep both for ever."""
    table, layout = trainer.dealer.table(), trainer.dealer.data.layout
    resident = table is not None

    @jax.jit
    def deal(layout, keys, ts):
        return jax.vmap(lambda key: jax.vmap(lambda t: trainer.deal(layout, key, t))(ts))(keys)

    @jax.jit
    def run(arrays, numbers, table, keys, ts, rows):
        def one(arrays, numbers, key, rows):
            def body(arrays, now):
                t, rows = now
                rows = trainer.dealer.standardised(table[rows] if resident else rows, resident)
                return play(arrays, numbers, key, t, rows)

            return jax.lax.scan(body, arrays, (ts, rows))

        if len(keys) > 1:
            return eqx.filter_vmap(one)(arrays, numbers, keys, rows)
        return _only(one(*_first((arrays, numbers, keys, rows))))

    ahead = None if resident else Ahead(trainer, deal)

    def chunk(arrays: Game, numbers: Any, keys: Key[Array, " members"], start: int, stop: int):
        began, ts = monotonic(), jnp.arange(start, stop)
        # Indices of all steps at once: key by key they would cost as much as a small net.
        rows = ahead.rows(keys, start, stop) if ahead else deal(layout, keys, ts)
        arrays, terms = run(arrays, numbers, table, keys, ts, rows)
        return arrays, {name: np.asarray(t) for name, t in terms.items()} | _waiting(ahead, began, (len(keys), stop - start))

    return chunk


def in_turns(trainer: Trainer, play: Play) -> Chunk:
    """One member, one compiled step at a time."""
    table, layout = trainer.dealer.table(), trainer.dealer.data.layout
    resident = table is not None

    @jax.jit
    def run(arrays, numbers, layout, table, key, t, rows):
        rows = trainer.dealer.standardised(table[trainer.deal(layout, key, t)] if resident else rows, resident)
        return play(arrays, numbers, key, t, rows)

    ahead = None if resident else Ahead(trainer, jax.jit(lambda layout, key, ts: trainer.deal(layout, key, ts[0])))

    def chunk(arrays: Game, numbers: Any, keys: Key[Array, " members"], start: int, stop: int):
        (arrays, numbers, key), history, began = _first((arrays, numbers, keys)), [], monotonic()
        for t in range(start, stop):
            rows = ahead.rows(key, t, t + 1) if ahead else None
            arrays, terms = run(arrays, numbers, layout, table, key, jnp.asarray(t), rows)
            history.append(terms)
        found = {name: np.stack([h[name] for h in history])[None] for name in history[0]}
        return _only(arrays), found | _waiting(ahead, began, (1, stop - start))

    return chunk


def _waiting(ahead: Ahead | None, began: float, shape: tuple[int, int]) -> dict[str, np.ndarray]:
    """For data that is read as it is needed: the share of a chunk's time that went by in waiting for it."""
    if ahead is None:
        return {}
    share, ahead.waited = ahead.waited / (monotonic() - began), 0.0
    return {"waiting": np.full(shape, share)}


# Arrays of members, taken apart and put together by one small program each, not by one for each shape of a weight.


@jax.jit
def _side_by_side(*members: Any) -> Any:
    return jax.tree.map(lambda *each: jnp.stack(each), *members)


@jax.jit
def _member(members: Any, position: int | Array) -> Any:
    return jax.tree.map(lambda a: a[position], members)


def _first(members: Any) -> Any:
    return _member(members, 0)


def _only(member: Any) -> Any:
    return _side_by_side(member)


def traced(trainer: Trainer) -> tuple[Play, Game, bool]:
    """A step, traced once for all programs of a trainer; what is the same in the games of all seeds; and whether it convolves.

    Raises:
        InputError: if there is no program, because a user's nets or functions do not fit.
    """
    key, t = jax.random.key(0), jnp.asarray(0)
    game = eqx.filter_eval_shape(trainer.fresh, key)
    arrays, static = eqx.partition(game, lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct))
    shape = jax.eval_shape(trainer.deal, trainer.dealer.data.layout, key, t).shape
    rows = jax.ShapeDtypeStruct((*shape, *trainer.dealer.data.row_shape), jnp.float32)
    try:
        program, result = jax.make_jaxpr(partial(trainer.play, static), return_shape=True)(
            arrays, _first(trainer.numbers([trainer.method])), key, t, rows
        )
    except (TypeError, ValueError) as error:
        raise InputError(f"the nets and functions of the method do not fit together: {str(error).splitlines()[0]}") from error

    def play(*now: Any) -> Any:
        return jax.tree.unflatten(jax.tree.structure(result), jaxpr_as_fun(program)(*jax.tree.leaves(now)))

    return play, static, "conv_general_dilated" in str(program)


# -- a training -----------------------------------------------------------------------------------------------------------


class Program:
    """One method on one data set, compiled once, for any seeds and any values of the method's numbers.

    Raises:
        InputError: if the data or the settings cannot be used.
    """

    def __init__(self, trainer: Trainer):
        self.trainer = trainer
        play, self.static, convolves = traced(trainer)
        self.together = not convolves or jax.default_backend() != "cpu"
        self.chunk = (scanned if self.together else in_turns)(trainer, play)

    def teams(self, members: Sequence[Member], most: int | None = None) -> list[tuple[Member, ...]]:
        """Who trains with whom as one program: at most so many together, or each alone."""
        size = (most or max(len(members), 1)) if self.together else 1
        return [tuple(members[i : i + size]) for i in range(0, len(members), size)]

    def play(
        self,
        team: Sequence[Member],
        folder: RunFolder | None = None,
        show: Callable[[int, dict[str, float]], None] = lambda step, terms: None,
        snapshots: Sequence[int] = (),
    ) -> list[tuple[Model, Record]]:
        """Play all steps of a team, from its checkpoint in the folder if there is one; models at other steps stay there too."""
        seeds, steps = tuple(m.seed for m in team), self.trainer.steps
        numbers, keys = self.trainer.numbers([m.method for m in team]), keys_of(seeds)
        games, records, step = self.trainer.start(seeds)[0], [Record([], [], {}) for _ in team], 0
        if folder and (kept := folder.resume(seeds, games)):
            games, records, step = kept

        def keep() -> None:
            if folder and step:
                folder.checkpoint(seeds, games, records, step)

        saved = monotonic()
        try:
            while step < steps:
                stop, began = min(step + CHUNK, steps), monotonic()
                played, terms = self.chunk(games, numbers, keys, step, stop)
                finite = np.asarray(_finite(played.net))
                for position, seed in enumerate(seeds):
                    if (bad := _first_bad(finite, terms, position)) is not None:
                        where = f", kept in {folder.path}" if folder and step else ""
                        raise Diverged(
                            f"the training of seed {seed} diverged at step {step + bad}, where its loss or weights were not "
                            f"finite; the last good state is that of step {step}{where}: a smaller learning rate may help."
                        )
                means = [{name: float(v[p].mean(dtype=float)) for name, v in terms.items()} for p in range(len(team))]
                took = (monotonic() - began) / len(team)
                longer = [record.add(stop, took, m) for record, m in zip(records, means, strict=True)]
                if folder and stop in snapshots:  # before the step counts as done, so that an interrupt does not lose them
                    for model in self._models(team, played):
                        model.save(folder.snapshot(model.seed, stop))
                games, records, step = played, longer, stop  # at once: an interrupt finds either the old state or the new
                show(step, {name: float(np.mean([m[name] for m in means])) for name in terms})
                if monotonic() - saved > CHECKPOINT_SECONDS:
                    keep()
                    saved = monotonic()
        except (Diverged, KeyboardInterrupt):
            keep()
            raise
        return list(zip(self._models(team, games), records, strict=True))

    def _models(self, team: Sequence[Member], games: Game) -> list[Model]:
        """What the games of a team have become."""
        data, found = self.trainer.dealer.data, []
        for position, member in enumerate(team):
            net, state = eqx.combine(_member(games[:2], position), self.static[:2])
            found.append(Model(member.method, Trained(eqx.nn.inference_mode(net), state, data.scale, data.chain), member.seed))
        return found


@eqx.filter_jit
def _finite(net: Any) -> Array:
    """For every member, whether all its weights are finite."""
    weights = jax.tree.leaves(eqx.filter(net, eqx.is_inexact_array))
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(w), axis=tuple(range(1, w.ndim))) for w in weights]), axis=0)


def _first_bad(finite: np.ndarray, terms: dict[str, np.ndarray], position: int) -> int | None:
    """The step of a chunk at which a member first had a loss that is not finite, or its last if only the weights are not."""
    good = np.all([np.isfinite(values[position]) for values in terms.values()], axis=0)
    if not good.all():
        return int(np.argmin(good))
    return None if finite[position] else len(good) - 1
