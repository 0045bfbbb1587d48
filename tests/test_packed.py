"""Rows in bits are the rows."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import unentangle as un
from unentangle.data import Packed, unpack


def binary(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 2, shape, dtype=np.uint8)


@given(st.integers(1, 9), st.lists(st.integers(1, 7), min_size=1, max_size=3), st.integers(1, 9))
def test_packed_rows_are_the_rows_as_numpy_packs_them(n, row_shape, chunk):
    rows = binary(n, *row_shape)
    packed = Packed.of(rows[i : i + chunk] for i in range(0, n, chunk))
    assert (packed.shape, packed.size, packed.dtype, len(packed)) == (rows.shape, rows.size, rows.dtype, n)
    np.testing.assert_array_equal(packed.bits, np.packbits(rows.reshape(n, -1), axis=1))
    for index in (0, -1, slice(None), slice(1, None, 2), [0, n - 1, 0], [[0], [n - 1]], rows.reshape(n, -1)[:, 0] > 0):
        np.testing.assert_array_equal(packed[index], rows[index], strict=True)
    np.testing.assert_array_equal(np.asarray(packed, dtype=float), rows)


@pytest.mark.parametrize("index", [0, slice(2), np.array([[3, 1, 1], [0, 2, 3]])])
def test_jax_unpacks_what_numpy_does(index):
    rows = binary(4, 5, 3)
    bits = jax.numpy.asarray(Packed.of([rows]).bits)[index]
    found = jax.jit(unpack, static_argnums=1)(bits, (5, 3))
    np.testing.assert_array_equal(found, rows[index])
    assert found.dtype == np.uint8


def test_a_data_set_in_bits_is_the_one_in_bytes():
    rows, group = binary(50, 6, 6), np.arange(50) % 5
    packed, plain = (un.Dataset(x, {"first": rows[:, 0, 0]}, group) for x in (Packed.of([rows]), rows))
    assert "(6, 6), uint8, in bits; 5 groups" in repr(packed)
    assert packed.fingerprint == plain.fingerprint
    assert packed.scale == plain.scale
    np.testing.assert_array_equal(packed.rows([[3, 1], [1, 49]]), plain.rows([[3, 1], [1, 49]]))
    np.testing.assert_array_equal(np.concatenate([x for _, x in packed.chunks()]), rows)
    for some, same in zip((packed.take(group > 2), *packed.split()), (plain.take(group > 2), *plain.split()), strict=True):
        assert isinstance(some.x, Packed)
        np.testing.assert_array_equal(some.x, same.x)
        np.testing.assert_array_equal(np.asarray(some.factors), np.asarray(same.factors))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Packed.of([binary(2, 3) + 1]), "other values than 0 and 1"),
        (lambda: Packed.of([np.array([[0.5]])]), "other values than 0 and 1"),
        (lambda: Packed.of([]), "no rows to pack"),
        (lambda: Packed(binary(2, 3), (4, 4)), r"rows of shape \(4, 4\) were given in 3 bytes"),
        (lambda: un.Dataset(Packed.of([binary(0, 3)])), "empty"),
    ],
)
def test_what_does_not_fit_into_bits_is_refused(make, says):
    with pytest.raises(un.InputError, match=says):
        make()


def test_values_inside_a_row_are_not_indexed():
    with pytest.raises(IndexError, match="by rows only"):
        Packed.of([binary(4, 3)])[:, 0]
