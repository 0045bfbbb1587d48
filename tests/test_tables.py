"""Columns that are samples, group keys and factors."""

import numpy as np
import pytest

import unentangle as un
from unentangle.io.columns import numbers, read_csv

X = np.arange(12.0).reshape(4, 3)
TABLE = "site,s0,s1,s2,depth\n" + "".join(f"{'ab'[k % 2]},{r[0]},{r[1]},{r[2]},{k}\n" for k, r in enumerate(X))


@pytest.fixture
def table(tmp_path):
    (tmp_path / "t.csv").write_text(TABLE)
    return tmp_path / "t.csv"


def test_columns_of_numbers_are_samples_unless_said_otherwise(table):
    np.testing.assert_array_equal(un.read(table, groups="site").x, np.column_stack([X, np.arange(4)]))
    for options in ({"x": "s?"}, {"factors": ["depth"]}):
        data = un.read(table, groups="site", **options)
        np.testing.assert_array_equal(data.x, X)
        np.testing.assert_array_equal(data.factors["depth"], np.arange(4))
        assert list(data.group_names) == ["a", "b"]
    for options, says in (
        ({"x": "t*"}, "no column of numbers for x='t"),
        ({"x": "s*"}, "'site' of .* holds words"),
        ({"groups": "place"}, "no array 'place'"),
    ):
        with pytest.raises(un.InputError, match=says):
            un.read(table, **options)


def test_parquet_has_columns_or_lists(table):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = read_csv(table)
    parquet.write_table(pa.table(columns), table.with_suffix(".parquet"))
    np.testing.assert_array_equal(un.read(table.with_suffix(".parquet"), groups="site", x="s?").x, X)
    lists = pa.table({"wave": list(X), "site": columns["site"], "depth": columns["depth"]})
    parquet.write_table(lists, table.with_suffix(".parquet"))
    data = un.read(table.with_suffix(".parquet"), groups="site")
    np.testing.assert_array_equal(data.x, X)
    assert list(data.factors) == ["depth"]


def test_keys_may_lie_in_another_file(table):
    np.save(table.parent / "x.npy", X)
    np.save(table.parent / "k.npy", [3, 1, 3, 1])
    assert list(un.read(table.parent / "x.npy", groups=f"{table}:site").group_names) == ["a", "b"]
    assert list(un.read(table.parent / "x.npy", groups=str(table.parent / "k.npy")).group_names) == [1, 3]
    with pytest.raises(un.InputError, match="no column 'place'; it has site"):
        un.read(table.parent / "x.npy", groups=f"{table}:place")


def test_types_are_those_of_all_lines(tmp_path):
    """However far down the line lies that changes the type of its column."""
    lines = [f"{k},{k},{k},7_{k}\n" for k in range(700)]
    (tmp_path / "t.csv").write_text("a,b,c,d\n" + "".join(lines) + "8,1.5,x,9\n")
    columns = read_csv(tmp_path / "t.csv")
    assert [c.dtype.kind for c in columns.values()] == ["i", "f", "U", "U"]
    assert columns["c"][3] == "3"


def test_different_words_stay_different():
    assert numbers(["1", "2"]).dtype.kind == "i"
    assert numbers(["1", "2.5"]).dtype.kind == "f"
    for words in (["07", "7"], ["1_2", "12"], ["1", "a"]):
        assert numbers(words).tolist() == words


def test_gaps_among_numbers_are_no_words(tmp_path):
    """They are NaN, so that a column of samples stays one; in a column of words, or of gaps only, they are words."""
    (tmp_path / "t.csv").write_text("k,a,b,c,\nNA,1,,2.5,\nu,NA,3,4,\n")
    columns = read_csv(tmp_path / "t.csv")
    assert [c.dtype.kind for c in columns.values()] == ["U", "f", "f", "f", "U"]
    np.testing.assert_array_equal(columns["a"], [1, np.nan])
    np.testing.assert_array_equal(un.read(tmp_path / "t.csv", groups="k").x, [[1, np.nan, 2.5], [np.nan, 3, 4]])


def test_long_keys_stay_different(tmp_path):
    (tmp_path / "t.csv").write_text("event,a\n20200101123456789012,1\n20200101123456789013,2\n")
    assert list(un.read(tmp_path / "t.csv", groups="event").group_sizes) == [1, 1]


@pytest.mark.parametrize("names", [("mass", "speed", "age"), ("s0", "s1", "s2"), ("400 nm", "401 nm", "402.5 nm")])
def test_columns_of_unlike_units_are_features_unless_their_names_count(names, tmp_path):
    """Features are standardised each by itself, samples all alike; `values` says otherwise."""
    rows = np.random.default_rng(0).normal(size=(40, 3)) * [1e-3, 1, 1e4]
    path = tmp_path / "units.csv"
    path.write_text("\n".join([",".join(names), *(",".join(map(repr, row)) for row in rows.tolist())]))
    for values, features in ((None, names[0] == "mass"), ("features", True), ("samples", False)):
        data = un.read(path, values=values)
        assert isinstance(data.scale.std, tuple) == features
        np.testing.assert_allclose(np.asarray(data.x), rows, rtol=1e-6)
        if features:
            np.testing.assert_allclose(data.scale.standardise(rows).std(axis=0), 1, rtol=1e-5)


def test_a_column_that_is_not_called_as_the_samples_are_is_a_factor(tmp_path):
    """And that is said; a pattern takes it in."""
    rows = np.random.default_rng(0).normal(size=(6, 11))
    names = ["moisture", *(f"nm_{400 + 10 * k}" for k in range(10))]
    (tmp_path / "s.csv").write_text("\n".join([",".join(names), *(",".join(map(repr, row)) for row in rows.tolist())]))
    data = un.read(tmp_path / "s.csv")
    np.testing.assert_allclose(np.asarray(data.x), rows[:, 1:], rtol=1e-6)
    np.testing.assert_allclose(data.factors["moisture"], rows[:, 0])
    assert any("moisture" in note and "--x '*'" in note for note in data.notes)
    assert un.read(tmp_path / "s.csv", x="*").row_shape == (11,)
