import h5py
import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import unentangle as un
from unentangle.data.dataset import distinct
from unentangle.data.factors import kind_of
from unentangle.data.rows import is_lazy
from unentangle.data.scale import Scale
from worlds import gaussian_rows


@pytest.mark.parametrize("shape", [(10, 7), (10, 7, 2), (10, 6, 6), (10, 6, 5, 3)])
def test_rows_of_every_layout(shape):
    data = un.Dataset(np.ones(shape))
    assert len(data) == 10
    assert data.row_shape == shape[1:]
    assert data.rows([[3, 3], [0, 9]]).shape == (2, 2, *shape[1:])
    assert len(data.group_names) == 10  # without groups every row is one


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: un.Dataset(np.ones(5)), r"x has shape \(5,\)"),
        (lambda: un.Dataset(np.ones((2, 2, 2, 2, 2))), "2 to 4 axes"),
        (lambda: un.Dataset(np.array([["a", "b"]])), "real numbers are needed"),
        (lambda: un.Dataset(np.ones((3, 2)) * 1j), "real numbers are needed"),
        (lambda: un.Dataset(np.ones((0, 4))), "empty"),
        (lambda: un.Dataset(np.ones((5, 4)), groups=[1, 2]), r"groups has shape \(2,\); x has 5 rows"),
        (lambda: un.Dataset(np.ones((2, 4)), groups=[1.0, np.nan]), "groups holds 1 missing key"),
        (lambda: un.Dataset(np.ones((5, 4)), factors={"age": np.ones(3)}), "factor 'age'"),
        (lambda: un.Dataset(np.ones((5, 4)), factors={"age": np.ones((5, 2))}), "one value per row"),
        (lambda: un.Dataset(np.array([[np.nan, np.nan], [1, 2]])).scale, "row 0 of x holds no value"),
        (lambda: un.Dataset(np.array([[1.0, 3], [np.inf, 2]])).scale, "row 1 of x holds an infinite"),
        (lambda: un.Dataset(np.arange(3.0)[:, None] * np.ones(5)).scale, "every row of x is constant"),
        (lambda: gaussian_rows(groups=1).split(), "two groups"),
        (lambda: gaussian_rows().factors["colour"], "no factor 'colour'"),
    ],
)
def test_wrong_input_is_refused_in_one_sentence(make, says):
    with pytest.raises(un.InputError, match=says) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("sizes", [[4, 4], [1, 9, 2], [5, 1, 1, 1, 6]])
@pytest.mark.parametrize("seed", range(5))
def test_a_draw_takes_different_groups_and_different_rows_of_each(sizes, seed):
    group = np.repeat(np.arange(len(sizes)), sizes)
    group = np.random.default_rng(seed).permutation(group)
    data = un.Dataset(np.random.default_rng(0).standard_normal((len(group), 3)), groups=group)
    index = data.draw(jax.random.key(seed), 2, 4)
    drawn = data.group[index]
    assert (drawn == drawn[:, :1]).all()
    assert drawn[0, 0] != drawn[1, 0]
    for rows, g in zip(index, drawn[:, 0], strict=True):
        if sizes[g] >= 4:
            assert len(set(rows)) == 4
    assert (index == data.draw(jax.random.key(seed), 2, 4)).all()


@pytest.mark.parametrize(("count", "orders"), [(2, 12), (4, 24)])
def test_every_subset_is_equally_likely_in_every_order(count, orders):
    draws = jax.vmap(lambda key: distinct(key, 4, count))(jax.random.split(jax.random.key(0), 500 * orders))
    found, counts = np.unique(draws, axis=0, return_counts=True)
    assert len(found) == orders
    assert np.abs(counts - 500).max() < 5 * np.sqrt(500)


def test_small_groups_repeat_their_rows_and_nothing_else():
    data = un.Dataset(np.random.default_rng(0).standard_normal((7, 3)), groups=[0, 0, 1, 1, 1, 1, 1])
    index = np.stack([data.draw(jax.random.key(s), 2, 5) for s in range(50)])
    small = index[np.isin(index, [0, 1])]
    assert len(small) == 250
    assert abs((small == 0).mean() - 0.5) < 0.1


def test_a_split_parts_groups_never_rows():
    data = gaussian_rows(groups=10)
    kept, out = data.split(0.3, seed=1)
    assert set(kept.groups) & set(out.groups) == set()
    assert len(out.group_names) == 3
    assert len(kept) + len(out) == len(data)


def test_data_on_disk_reads_as_in_memory(tmp_path):
    x = np.random.default_rng(0).standard_normal((30, 4)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("x", data=x, chunks=(7, 4))
    memory, mapped = un.Dataset(x), un.read(tmp_path / "x.npy")
    with h5py.File(tmp_path / "x.h5") as file:
        lazy = un.Dataset(file["x"])
        index = np.array([[5, 2, 5], [29, 0, 0]])
        for data in (mapped, lazy):
            assert "on disk" in repr(data)
            np.testing.assert_array_equal(data.rows(index), memory.rows(index))
            np.testing.assert_allclose(data.scale, memory.scale)
            np.testing.assert_array_equal(data.take(slice(3, 9)).x, x[3:9])


@given(st.floats(-1e4, 1e4), st.floats(0.01, 100))
def test_scale_is_mean_and_standard_deviation(mean, std):
    x = np.random.default_rng(0).standard_normal((9000, 3)) * std + mean
    found = un.Dataset(x.astype(np.float32)).scale
    np.testing.assert_allclose(found, (x.mean(), x.std(), 0, 0), rtol=1e-3, atol=1e-3)


def test_factors_know_their_kinds():
    columns = {"age": [1.5, 2, 3], "sex": ["f", "m", "f"], "place": [3, 1, 2], "year": ([1, 2, 3], "continuous")}
    factors = un.Factors(columns)
    assert factors.kinds == {"age": "continuous", "sex": "binary", "place": "categorical", "year": "continuous"}
    np.testing.assert_array_equal(np.asarray(factors), [[1.5, 0, 3, 1], [2, 1, 1, 2], [3, 0, 2, 3]])
    assert factors.take(np.array([2, 0])).kinds == factors.kinds


def test_read_npz(tmp_path):
    np.savez(tmp_path / "d.npz", x=np.ones((4, 3)), event=[1, 1, 2, 2], depth=[1.0, 2, 3, 4], table=np.ones((2, 2)))
    data = un.read(tmp_path / "d.npz", groups="event")
    assert list(data.group_names) == [1, 2]
    assert list(data.factors) == ["depth"]
    assert un.read(tmp_path / "d.npz").groups is None


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        ({"y": np.ones((4, 3)), "z": np.ones((4, 3))}, {}, "no array 'x'; it holds y, z"),
        ({"x": np.ones((4, 3))}, {"groups": "event"}, "no array 'event'; it holds x"),
        ({"x": np.array([[{}, 1]])}, {}, "Python objects"),
        ({"x": np.float32(3)}, {}, r"x has shape \(\)"),
    ],
)
def test_read_says_what_is_wrong(tmp_path, content, options, says):
    np.savez(tmp_path / "d.npz", **content)
    with pytest.raises(un.InputError, match=says):
        un.read(tmp_path / "d.npz", **options)


def test_read_refuses_damaged_files(tmp_path):
    np.savez(tmp_path / "d.npz", x=np.ones((40, 3)))
    np.save(tmp_path / "d.npy", np.ones((40, 3)))
    for name in ("d.npz", "d.npy"):
        whole = (tmp_path / name).read_bytes()
        for content in (b"", b"rubbish", whole[: len(whole) // 2]):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(un.InputError, match="cannot be read"):
                un.read(tmp_path / name)
    for missing in ("none.npz", "none.npy", "none.txt"):
        with pytest.raises(un.InputError, match=missing):
            un.read(tmp_path / missing)


def test_rows_of_unlike_loudness_are_standardised_each_by_itself():
    rng = np.random.default_rng(0)
    shapes, gain = rng.standard_normal((40, 20, 2)), 10.0 ** np.linspace(0, 6, 40)[:, None, None]
    loud = un.Dataset(gain * shapes + 3 * gain)
    assert loud.scale.row_axes == 2
    assert "each row is standardised by itself" in " ".join(loud.oddities())
    seen = loud.scale.standardise(loud.x)
    np.testing.assert_allclose(seen, un.Dataset(gain**2 * shapes).scale.standardise(gain**2 * shapes), atol=1e-5)
    np.testing.assert_allclose(loud.scale.restore(seen, loud.scale.level(loud.x)), loud.x, rtol=1e-4, atol=1e-4)
    assert [d.scale.row_axes for d in (un.Dataset(shapes), un.data.mra())] == [0, 0]


@pytest.mark.parametrize("scale", [Scale(3.0, 2.0), Scale(3.0, 2.0, 2)])
def test_jax_standardises_as_numpy_does(scale):
    x = np.random.default_rng(0).standard_normal((5, 7, 2)).astype(np.float32)
    x[3] = 1.0  # a constant row
    level = scale.level(x) if scale.row_axes else None
    seen, there = scale.standardise(x), jax.jit(scale.standardise)(x)
    assert seen.dtype == there.dtype == np.float32
    np.testing.assert_allclose(there, seen, atol=1e-5)
    back = jax.jit(scale.restore)(there, level)
    np.testing.assert_allclose(back, scale.restore(seen, level), atol=1e-5)
    np.testing.assert_allclose(back, x, atol=1e-5)
    if level is not None:
        np.testing.assert_allclose(jax.jit(scale.level)(x), level, atol=1e-5)


def test_rows_on_disk_know_how_much_is_read_for_one(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("x", data=np.ones((12, 6)), chunks=(4, 5))
        data = un.Dataset(file["x"])
        assert data.x.read_ratio == data.take([1, 2]).x.read_ratio == pytest.approx(4 * 10 / 6)
        some = data.take([7, 2, 2]).take([2, 0])
        assert (is_lazy(some.x), is_lazy(some.load().x), some.x.read_ratio) == (True, False, data.x.read_ratio)
        with pytest.raises(IndexError, match="by rows only"):
            data.x[:, 0]


@pytest.mark.parametrize(
    ("values", "kind", "by_value"),
    [
        (np.arange(12), "categorical", "continuous"),  # few whole numbers, which come once
        (np.arange(12) % 4, "categorical", "categorical"),
        (np.arange(300), "continuous", "continuous"),
        (np.arange(300) % 30, "categorical", "categorical"),  # ten times each
        (np.arange(300) % 30 / 7, "continuous", "categorical"),
        (np.arange(600) % 60 / 7, "continuous", "continuous"),
        (np.arange(12) % 2 / 7, "continuous", "binary"),
        (np.array(["a", "b", "a"]), "binary", "binary"),
        (np.array([True, False]), "binary", "binary"),
    ],
)
def test_one_rule_tells_classes_from_a_continuum(values, kind, by_value):
    assert (kind_of(values), kind_of(values, by_value=True)) == (kind, by_value)


def test_masked_values_are_missing():
    x = np.ma.masked_equal(np.arange(8, dtype=np.int16).reshape(2, 4), 3)
    data = un.Dataset(x, factors={"depth": np.ma.array([1, 2], mask=[0, 1]), "site": np.ma.array(["a", "b"])}, groups=[1, 2])
    np.testing.assert_array_equal(data.x[0], [0, 1, 2, np.nan])
    np.testing.assert_array_equal(data.factors["depth"], [1, np.nan])
    assert data.factors["site"].tolist() == ["a", "b"]
    with pytest.raises(un.InputError, match=r"groups holds 1 missing key\(s\)"):
        un.Dataset(x, groups=np.ma.array([1, 2], mask=[0, 1]))


def test_columns_of_pandas_are_what_they_hold():
    pandas = pytest.importorskip("pandas")
    times = pandas.to_datetime(["2020-01-01 02:00", "2020-01-02 02:00"]).tz_localize("Europe/Berlin")
    table = pandas.DataFrame(
        {
            "word": np.array(["b", "a"], object),
            "class": pandas.Categorical(["u", "v"]),
            "time": times,
            "count": pandas.array([3, None], "Int64"),
            "whole": np.array([3, 4], object),
        }
    )
    for name in ("word", "class", "time", "whole"):
        data = un.Dataset(np.ones((2, 3)), factors={name: table[name]}, groups=table[name])
        assert len(data.group_names) == 2
        assert data.factors[name].dtype != object
    assert un.Dataset(np.ones((2, 3)), groups=table["time"]).groups[0] == np.datetime64("2020-01-01T01:00")
    np.testing.assert_array_equal(un.Dataset(np.ones((2, 3)), {"count": table["count"]}).factors["count"], [3, np.nan])
    for keys in (table["count"], pandas.Categorical(["u", None])):
        with pytest.raises(un.InputError, match="1 missing key"):
            un.Dataset(np.ones((2, 3)), groups=keys)
    with pytest.raises(un.InputError, match="objects of type int and str"):
        un.Dataset(np.ones((2, 3)), groups=np.array([1, "1"], object))
