"""Compiled programs of steps, for any number of players and seeds.

A chunk of steps is the grain of progress, history and checkpoints. On a GPU seeds train together, as one scan over steps. On a
CPU they train one after the other through one compiled program, so a seed's bits do not depend on its company. Seeds together
would gain a quarter of the time at most there: products of matrices are most of it. Nets that convolve take their steps one by
one on a CPU, where a convolution's weight gradient is 40 times slower inside a scan.
"""

from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import jaxpr_as_fun
from jaxtyping import Array, Float, Key

from ..errors import Diverged, InputError
from ..methods.codes import Trained
from ..model import Model
from .batches import Prefetch
from .run import Record, RunFolder
from .step import Spec, Trainer, TrainState, entry, keys_of, stack

CHUNK = 50
CHECKPOINT_SECONDS = 10.0

Step = Callable[[TrainState, Any, Key[Array, ""], Array, Array], tuple[TrainState, Any]]
Terms = dict[str, Float[np.ndarray, "seeds steps"]]
Chunk = Callable[[TrainState, Any, Key[Array, " seeds"], int, int], tuple[TrainState, Terms]]


def traced(trainer: Trainer) -> tuple[Step, TrainState, bool]:
    """A step, traced once for all programs of a trainer; what the states of all seeds have in common; whether it convolves.

    Raises:
        InputError: if there is no program, because a user's nets or functions do not fit.
    """
    key, t = jax.random.key(0), jnp.asarray(0)
    state = eqx.filter_eval_shape(trainer.init, key)
    arrays, static = eqx.partition(state, lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct))
    shape = jax.eval_shape(trainer.batches.indices, trainer.batches.data.layout, key, t).shape
    rows = jax.ShapeDtypeStruct((*shape, *trainer.batches.data.row_shape), jnp.float32)
    numbers = entry(trainer.numbers([trainer.method]), 0)
    try:
        program, result = jax.make_jaxpr(partial(trainer.step, static), return_shape=True)(arrays, numbers, key, t, rows)
    except (TypeError, ValueError) as error:
        raise InputError(f"the nets and functions of the method do not fit together: {str(error).splitlines()[0]}") from error

    def step(*now: Any) -> Any:
        return jax.tree.unflatten(jax.tree.structure(result), jaxpr_as_fun(program)(*jax.tree.leaves(now)))

    return step, static, "conv_general_dilated" in str(program)


def scanned(trainer: Trainer, step: Step) -> Chunk:
    """Many steps of all seeds as one program, which goes with its trainer: `eqx.filter_jit` would keep both for ever."""
    batches, table = trainer.batches, trainer.batches.table()
    resident = table is not None

    @jax.jit
    def indices(layout, keys, ts):
        return jax.vmap(lambda key: jax.vmap(lambda t: batches.indices(layout, key, t))(ts))(keys)

    @jax.jit
    def run(arrays, numbers, table, keys, ts, rows):
        def one(arrays, numbers, key, rows):
            def body(arrays, now):
                t, rows = now
                rows = batches.standardised(table[rows] if resident else rows, resident)
                return step(arrays, numbers, key, t, rows)

            return jax.lax.scan(body, arrays, (ts, rows))

        if len(keys) > 1:
            return eqx.filter_vmap(one)(arrays, numbers, keys, rows)
        return stack(one(*entry((arrays, numbers, keys, rows), 0)))

    prefetch = None if resident else Prefetch(batches, trainer.steps, indices)

    def chunk(arrays: TrainState, numbers: Any, keys: Key[Array, " seeds"], start: int, stop: int):
        began, ts = monotonic(), jnp.arange(start, stop)
        # Indices of all steps at once: key by key they would cost as much as a small net.
        rows = prefetch.rows(keys, start, stop) if prefetch else indices(batches.data.layout, keys, ts)
        arrays, terms = run(arrays, numbers, table, keys, ts, rows)
        return arrays, {name: np.asarray(t) for name, t in terms.items()} | _waiting(prefetch, began, (len(keys), stop - start))

    return chunk


def looped(trainer: Trainer, step: Step) -> Chunk:
    """Steps of one seed, one compiled step at a time."""
    batches, table = trainer.batches, trainer.batches.table()
    resident = table is not None

    @jax.jit
    def run(arrays, numbers, layout, table, key, t, rows):
        rows = batches.standardised(table[batches.indices(layout, key, t)] if resident else rows, resident)
        return step(arrays, numbers, key, t, rows)

    indices = jax.jit(lambda layout, key, ts: batches.indices(layout, key, ts[0]))
    prefetch = None if resident else Prefetch(batches, trainer.steps, indices)

    def chunk(arrays: TrainState, numbers: Any, keys: Key[Array, " seeds"], start: int, stop: int):
        (arrays, numbers, key), history, began = entry((arrays, numbers, keys), 0), [], monotonic()
        for t in range(start, stop):
            rows = prefetch.rows(key, t, t + 1) if prefetch else None
            arrays, terms = run(arrays, numbers, batches.data.layout, table, key, jnp.asarray(t), rows)
            history.append(terms)
        columns = {name: np.stack([terms[name] for terms in history])[None] for name in history[0]}
        return stack(arrays), columns | _waiting(prefetch, began, (1, stop - start))

    return chunk


def _waiting(prefetch: Prefetch | None, began: float, shape: tuple[int, int]) -> Terms:
    """For data that is read as it is needed: the share of a chunk's time that it waited for rows."""
    if prefetch is None:
        return {}
    share, prefetch.waited = prefetch.waited / (monotonic() - began), 0.0
    return {"waiting": np.full(shape, share)}


def teams(specs: Sequence[Spec], most: int | None = None) -> list[tuple[Spec, ...]]:
    """The specs that train together: at most so many, or on a CPU each alone."""
    size = 1 if on_cpu() else most or max(len(specs), 1)
    return [tuple(specs[i : i + size]) for i in range(0, len(specs), size)]


def on_cpu() -> bool:
    """Whether there is nothing faster than a CPU."""
    return jax.default_backend() == "cpu"


class Program:
    """One method on one data set, compiled once, for any seeds and any values of the method's numbers.

    Raises:
        InputError: if the data or the settings cannot be used.
    """

    def __init__(self, trainer: Trainer):
        self.trainer = trainer
        step, self.static, convolves = traced(trainer)
        self.chunk = (looped if convolves and on_cpu() else scanned)(trainer, step)

    def run(
        self,
        specs: Sequence[Spec],
        folder: RunFolder | None = None,
        show: Callable[[int, dict[str, float]], None] = lambda step, terms: None,
        snapshots: Sequence[int] = (),
    ) -> list[tuple[Model, Record]]:
        """Take all steps of specs that train together, from their checkpoint in the folder if there is one.

        Models at other steps, `snapshots`, are kept in the folder, too. `show` sees each chunk's last step and mean terms.

        Raises:
            Diverged: if a loss or weight is not finite; the last good state is kept in the folder.
        """
        seeds, steps = tuple(spec.seed for spec in specs), self.trainer.steps
        numbers, keys = self.trainer.numbers([spec.method for spec in specs]), keys_of(seeds)
        states, records, step = self.trainer.init_all(seeds)[0], [Record([], [], {}) for _ in specs], 0
        if folder and (checkpoint := folder.resume(seeds, states)):
            states, records, step = checkpoint

        def save() -> None:
            if folder and step:
                folder.checkpoint(seeds, states, records, step)

        saved = monotonic()
        try:
            while step < steps:
                stop, began = min(step + CHUNK, steps), monotonic()
                after, terms = self.chunk(states, numbers, keys, step, stop)
                finite = np.asarray(_finite(after.net))
                for position, seed in enumerate(seeds):
                    if (bad := _first_bad(finite, terms, position)) is not None:
                        where = f", kept in {folder.path}" if folder and step else ""
                        raise Diverged(
                            f"the training of seed {seed} diverged at step {step + bad}, where its loss or weights were not "
                            f"finite; the last good state is that of step {step}{where}: a smaller learning rate may help."
                        )
                means = [{name: float(v[p].mean(dtype=float)) for name, v in terms.items()} for p in range(len(specs))]
                seconds = (monotonic() - began) / len(specs)
                longer = [record.add(stop, seconds, mean) for record, mean in zip(records, means, strict=True)]
                if folder and stop in snapshots:  # before the step counts as done, so that an interrupt does not lose them
                    for model in self._models(specs, after):
                        model.save(folder.snapshot(model.seed, stop), folder.run)
                states, records, step = after, longer, stop  # at once: an interrupt finds either the old state or the new
                show(step, {name: float(np.mean([mean[name] for mean in means])) for name in terms})
                if monotonic() - saved > CHECKPOINT_SECONDS:
                    save()
                    saved = monotonic()
        except (Diverged, KeyboardInterrupt):
            save()
            raise
        return list(zip(self._models(specs, states), records, strict=True))

    def _models(self, specs: Sequence[Spec], states: TrainState) -> list[Model]:
        """The model of each spec, as its state is now."""
        data, models = self.trainer.batches.data, []
        for position, spec in enumerate(specs):
            net, state = eqx.combine(entry(states[:2], position), self.static[:2])
            models.append(Model(spec.method, Trained(eqx.nn.inference_mode(net), state, data.scale, data.chain), spec.seed))
        return models


@eqx.filter_jit
def _finite(net: Any) -> Array:
    """For every seed, whether all its weights are finite."""
    weights = jax.tree.leaves(eqx.filter(net, eqx.is_inexact_array))
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(w), axis=tuple(range(1, w.ndim))) for w in weights]), axis=0)


def _first_bad(finite: np.ndarray, terms: Terms, position: int) -> int | None:
    """The step of a chunk at which a seed first had a loss that is not finite, or its last if only the weights are not."""
    good = np.all([np.isfinite(values[position]) for values in terms.values()], axis=0)
    if not good.all():
        return int(np.argmin(good))
    return None if finite[position] else len(good) - 1
