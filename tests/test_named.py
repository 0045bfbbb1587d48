"""Rows, keys and factors chosen by name; the same files as npz, HDF5 and zarr are the same data."""

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import unentangle as un
from unentangle.io.named import axes_of, matches

X = np.arange(24.0).reshape(6, 4)


def npz(path, arrays):
    np.savez(path.with_suffix(".npz"), **{name: np.asarray(a) for name, a in arrays.items()})
    return path.with_suffix(".npz")


def hdf5(path, arrays):
    with h5py.File(path.with_suffix(".h5"), "w") as file:
        for name, array in arrays.items():
            array = np.asarray(array)
            file[name] = array.astype(object) if array.dtype.kind == "U" else array
    return path.with_suffix(".h5")


def zarr_folder(path, arrays):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(path.with_suffix(".zarr"), mode="w", zarr_format=2)
    for name, array in arrays.items():
        array = np.asarray(array)
        array = np.unique(array, return_inverse=True)[1] if array.dtype.kind == "U" else array
        group.create_array(name, data=array, chunks=tuple(max(1, n // 2) for n in array.shape))
    return path.with_suffix(".zarr")


@pytest.fixture(params=[npz, hdf5, zarr_folder])
def save(request, tmp_path):
    return lambda arrays: request.param(tmp_path / "data", arrays)


def test_a_flat_file(save):
    keys = np.array(list("abcabc"))
    path = save({"waves": X, "event": keys, "depth": np.arange(6.0), "table": np.ones((2, 2, 2, 2, 2))})
    data = un.read(path, groups="event")
    np.testing.assert_array_equal(data.x[:], X)
    np.testing.assert_array_equal(data.group, [0, 1, 2, 0, 1, 2])
    assert list(data.factors) == ["depth"]
    assert list(un.read(path, x="waves", factors=["event"]).factors) == ["event"]


def tree(row=lambda e, s: X[2 * e + s]):
    return {f"event_{e}/sta{s}": row(e, s) for e in range(3) for s in range(2)}


def test_a_tree_is_rows_with_its_levels_as_factors(save):
    path = save(tree())
    data = un.read(path, groups="level_1")
    np.testing.assert_array_equal(data.x[:], X)
    assert list(data.group_names) == ["event_0", "event_1", "event_2"]
    assert list(data.factors) == ["level_2"]
    named = un.read(path, groups="event", x="event_{event}/sta{station}")
    assert list(named.group_names) == [0, 1, 2]
    np.testing.assert_array_equal(named.factors["station"], [0, 1] * 3)
    assert list(un.read(path, groups="quake", factors=["quake", "site"]).factors) == ["site"]
    np.testing.assert_array_equal(un.read(path, x="event_1/*").x[:], X[2:4])


def test_what_stands_beside_the_rows_of_a_part_are_factors(save):
    parts = {"a": 1, "b": 3, "c": 2}
    arrays, start = {}, 0
    for name, size in parts.items():
        arrays |= {f"{name}/w": X[start : start + size], f"{name}/depth": 10.0 * size, f"{name}/k": np.arange(size)}
        start += size
    data = un.read(save(arrays), x="{event}/w", groups="event")
    np.testing.assert_array_equal(data.x[:], X)
    np.testing.assert_array_equal(data.group_sizes, [1, 3, 2])
    np.testing.assert_array_equal(data.factors["depth"], [10, 30, 30, 30, 20, 20])
    np.testing.assert_array_equal(data.factors["k"], [0, 0, 1, 2, 0, 1])


def test_named_axes_are_put_in_order(save):
    cube = np.arange(2 * 3 * 5.0).reshape(2, 3, 5)
    path = save({"a/w": cube, "b/w": cube + 100})
    both = np.concatenate([cube, cube + 100])
    np.testing.assert_array_equal(un.read(path, x="*/w").x[:], both)
    np.testing.assert_array_equal(un.read(path, x="*/w: row channel time").x[:], both.transpose(0, 2, 1))
    one_each = un.read(path, x="{part}/w: channel height width", groups="part")
    np.testing.assert_array_equal(one_each.x[:], np.stack([cube, cube + 100]).transpose(0, 2, 3, 1))
    last = un.read(path, x="a/w: time channel row")
    np.testing.assert_array_equal(last.x[:], cube.transpose(2, 0, 1))
    np.testing.assert_array_equal(last.rows([[4, 0], [0, 3]]), cube.transpose(2, 0, 1)[[[4, 0], [0, 3]]])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"groups": "pixel"}, "no array 'pixel'; it holds level_1, level_2"),
        ({"x": "{a}/{b}/{c}"}, "no array '{a}/{b}/{c}'; it holds event_0/sta0"),
        ({"x": "{a}/{a}"}, "must be words, and differ"),
        ({"x": "*/*: row time time"}, "names an axis twice"),
        ({"x": "*/*: row channel time"}, "3 axes are needed: row, channel, time"),
        ({"factors": ["one"]}, "lie 2 levels deep"),
    ],
)
def test_what_does_not_fit_is_named(options, says, tmp_path):
    with pytest.raises(un.InputError) as caught:
        un.read(hdf5(tmp_path / "t", tree()), **options)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_rows_of_unlike_shape_are_refused(tmp_path):
    path = hdf5(tmp_path / "t", tree(lambda e, s: X[e][: 3 + (e == 2)]))
    with pytest.raises(un.InputError, match=r"it holds event_0/sta0.*would take what lies so deep"):
        un.read(path)
    with pytest.raises(un.InputError, match=r"differ in length \(4 of 3 samples, 2 of 4\); say --length crop"):
        un.read(path, x="*/*")


words = st.text("abc_1.", min_size=1, max_size=4)


@given(st.lists(st.tuples(words, words), min_size=1, max_size=5))
def test_a_pattern_gives_back_what_made_a_name(pairs):
    names = [f"run {a}/{b}.x" for a, b in pairs]
    found = matches("run {first}/{second}.x", [*names, "run a", "run a/b/c.x", "walk a/b.x"])
    assert found == {name: {"first": a, "second": b} for name, (a, b) in zip(names, pairs, strict=True)}


def test_names_with_colons_are_names():
    assert axes_of("a: row time", ["a: row time"]) == ("a: row time", None)
    assert axes_of("a:b") == ("a:b", None)
    assert axes_of(": row channel time") == ("x", ("row", "channel", "time"))
