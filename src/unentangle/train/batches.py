"""Draw the rows of each step, and read them."""

from math import prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from ..data.dataset import Dataset, Layout, distinct, draw_instances
from ..data.packed import Packed, unpack

RESIDENT_BYTES = 1 << 30  # data up to this size lies on the device; larger data is read as it is needed


class Dealer(NamedTuple):
    """Deals each step's batch: row indices from a key, rows from the device or, for large data, from outside.

    Rows travel and lie on the device as bits or bytes where they are that, and are standardised in the step; others are
    standardised before.
    """

    data: Dataset
    batch: int | tuple[int, int]
    second: bool
    replacement: bool

    @property
    def _small(self) -> bool:
        return self.data.x.dtype in (np.uint8, bool) and not self.data.scale.row_axes and not self.data.transforms

    def table(self) -> Array | None:
        """All rows on the device; or None, if they do not fit."""
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
        """What a net sees of rows, of the table or read."""
        if not self._small:
            return rows
        packed = table and isinstance(self.data.x, Packed)
        values = jnp.asarray(unpack(rows, self.data.row_shape) if packed else rows, jnp.float32)
        return (values - self.data.scale.mean) / self.data.scale.std

    def indices(self, layout: Layout, key: Key[Array, ""]) -> Array:
        """Row indices of the batches of one step: (1 or 2, *batch)."""

        def draw(key: Key[Array, ""]) -> Array:
            if isinstance(self.batch, tuple):
                return draw_instances(key, layout, *self.batch)
            if self.replacement:
                return jax.random.randint(key, (self.batch,), 0, len(self.data))
            return distinct(key, len(self.data), self.batch)

        return jax.vmap(draw)(jax.random.split(key, 1 + self.second))
