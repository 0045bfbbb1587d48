"""Binary rows kept in one bit a value, an eighth of what they are as bytes."""

from collections.abc import Iterable
from math import prod
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, UInt8

from ..errors import InputError
from .rows import Rows


def unpack(bits: UInt8[Array | np.ndarray, "*batch bytes"], row_shape: tuple[int, ...]) -> UInt8[Array | np.ndarray, "..."]:
    """Rows (*batch, *row_shape) of 0 and 1 from those of `Packed.bits`, in numpy, or in jax where they are jax's."""
    unpackbits: Any = np.unpackbits if isinstance(bits, np.ndarray) else jnp.unpackbits
    return unpackbits(bits, axis=-1, count=prod(row_shape)).reshape(*bits.shape[:-1], *row_shape)


class Packed(Rows):
    """An array (n, *row_shape) of 0 and 1, unpacked to uint8 where it is indexed.

    Args:
        bits: each row, flat, as `numpy.packbits` packs it, the first value in the highest bit: (n, bytes).
        row_shape: the shape of one row, of 8 * bytes values or up to 7 less.

    Raises:
        InputError: if the two do not go together.
    """

    dtype, place = np.dtype(np.uint8), "in bits"

    def __init__(self, bits: UInt8[np.ndarray, "n bytes"], row_shape: tuple[int, ...]):
        if bits.shape[1] != -(-prod(row_shape) // 8):
            raise InputError(f"rows of shape {row_shape} were given in {bits.shape[1]} bytes each.")
        self.bits, self.row_shape = bits, row_shape

    @classmethod
    def of(cls, chunks: Iterable[np.ndarray]) -> "Packed":
        """Pack chunks (some, *row_shape) of rows, one after the other.

        Raises:
            InputError: if a value is neither 0 nor 1, or there is no chunk.
        """
        bits, row_shape = bytearray(), None  # grows in place, where a list of parts would need as much again to be joined
        for chunk in chunks:
            row_shape, ones = chunk.shape[1:], chunk.astype(bool)
            if (ones != chunk).any():
                raise InputError("the rows hold other values than 0 and 1, so a bit is not enough for each.")
            bits += np.packbits(ones.reshape(len(ones), prod(row_shape)), axis=1).tobytes()
        if row_shape is None:
            raise InputError("there are no rows to pack.")
        return cls(np.frombuffer(bits, np.uint8).reshape(-1, -(-prod(row_shape) // 8)), row_shape)

    def __len__(self) -> int:
        return len(self.bits)

    def read(self, index: Int[np.ndarray, " some"]) -> UInt8[np.ndarray, "some ..."]:
        """The rows of these numbers, unpacked."""
        return np.asarray(unpack(self.bits[index], self.row_shape))

    def take(self, index: Int[np.ndarray, " some"]) -> "Packed":
        """The rows of these numbers, packed as they are."""
        return Packed(self.bits[index], self.row_shape)
