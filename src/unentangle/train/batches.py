"""Draw the rows of each step, and read them: from a table on the device, or ahead of time from where large data lies."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from math import prod
from time import monotonic
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from ..data.dataset import Dataset, Layout, distinct, draw_instances
from ..data.packed import Packed, unpack

RESIDENT_BYTES = 1 << 30  # data up to this size lies on the device; larger data is read as it is needed


def step_keys(key: Key[Array, ""], t: Array) -> Key[Array, "2"]:
    """The two keys of step t of a seed: one draws its rows, one is for its losses."""
    return jax.random.split(jax.random.fold_in(key, 1 + t))


class Batches(NamedTuple):
    """How the rows of each step are drawn and read.

    Rows of bits or bytes travel and lie on the device as they are, and a step standardises them; all others come standardised.
    """

    data: Dataset
    size: int | tuple[int, int]  # rows, or (groups, instances)
    second: bool  # whether a step needs another batch as well
    replacement: bool  # whether a batch of rows may hold a row twice

    @property
    def _small(self) -> bool:
        return self.data.x.dtype in (np.uint8, bool) and not self.data.scale.row_axes and not self.data.transforms

    def table(self) -> Array | None:
        """All rows, on the device; or None if they do not fit."""
        x, shape = self.data.x, (len(self.data), *self.data.row_shape)
        if isinstance(x, Packed) and self._small:
            return jnp.asarray(x.bits) if x.bits.nbytes <= RESIDENT_BYTES else None
        if prod(shape) * (1 if self._small else 4) > RESIDENT_BYTES:
            return None
        rows = np.empty(shape, x.dtype if self._small else np.float32)
        for part, chunk in self.data.chunks():
            rows[part] = chunk if self._small else self.data.scale.standardise(chunk)
        return jax.device_put(rows)

    def read(self, index: Any) -> Array:
        """Rows from outside the device."""
        rows = self.data.rows(index)
        return jnp.asarray(rows if self._small else self.data.scale.standardise(rows))

    def standardised(self, rows: Array, table: bool) -> Array:
        """What a net sees of rows, which come from the table or were read."""
        if not self._small:
            return rows
        packed = table and isinstance(self.data.x, Packed)
        values = jnp.asarray(unpack(rows, self.data.row_shape) if packed else rows, jnp.float32)
        return self.data.scale.standardise(values)

    def indices(self, layout: Layout, key: Key[Array, ""], t: Array) -> Array:
        """Row indices of step t of the seed with this key: (1, *size), or (2, *size) with a second batch."""

        def draw(key: Key[Array, ""]) -> Array:
            if isinstance(self.size, tuple):
                return draw_instances(key, layout, *self.size)
            if self.replacement:
                return jax.random.randint(key, (self.size,), 0, len(self.data))
            return distinct(key, len(self.data), self.size)

        return jax.vmap(draw)(jax.random.split(step_keys(key, t)[0], 1 + self.second))


class Prefetch:
    """Rows of large data: a thread reads those of the next steps while the device computes.

    `indices(layout, keys, steps)` runs on the device. It is called before the step beside which the rows are read, because a
    GPU works in order and would answer only after that step.
    """

    def __init__(self, batches: Batches, steps: int, indices: Callable[..., Array]):
        self.batches, self.steps, self.indices = batches, steps, indices
        self.pool, self.waited = ThreadPoolExecutor(1), 0.0
        self.next: tuple[Any, Future[Array] | None] = (None, None)

    def rows(self, keys: Key[Array, "..."], start: int, stop: int) -> Array:
        """The rows of some steps; reading of as many steps after them begins."""
        request, future = self.next
        if future is None or request != _request(keys, start, stop):
            future = self._begin(keys, start, stop)
        began = monotonic()
        rows = future.result()
        self.waited += monotonic() - began
        if stop < self.steps:
            after = stop, min(2 * stop - start, self.steps)
            self.next = _request(keys, *after), self._begin(keys, *after)
        return rows

    def _begin(self, keys: Key[Array, "..."], start: int, stop: int) -> Future[Array]:
        index = self.indices(self.batches.data.layout, keys, jnp.arange(start, stop))
        return self.pool.submit(lambda: self.batches.read(np.asarray(index)))


def _request(keys: Key[Array, "..."], start: int, stop: int) -> tuple[bytes, int, int]:
    return np.asarray(jax.random.key_data(keys)).tobytes(), start, stop
