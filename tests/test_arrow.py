"""Tables of Arrow's types: lists, lists of lists, records, categories, times, and columns with gaps."""

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest

import unentangle as un

pa = pytest.importorskip("pyarrow")
X = np.arange(24.0).reshape(6, 4)
KEYS = [3, 1, 2, 3, 1, 2]


def save(path, kind, **columns):
    table, path = pa.table(columns), path / f"t.{kind}"
    if kind == "parquet":
        pytest.importorskip("pyarrow.parquet").write_table(table, path)
    elif kind == "feather":
        pytest.importorskip("pyarrow.feather").write_feather(table, path, compression="uncompressed")
    else:
        with pa.ipc.new_stream(str(path), table.schema) as file:
            file.write_table(table, max_chunksize=4)
    return path


@pytest.mark.parametrize("kind", ["parquet", "feather", "arrow"])
def test_columns_of_every_kind(kind, tmp_path):
    times = [datetime(2020, 1, k + 1, tzinfo=UTC) for k in range(6)]
    path = save(
        tmp_path,
        kind,
        wave=list(X),
        event=KEYS,
        site=pa.array(list("abcabc")).dictionary_encode(),
        time=pa.array(times, pa.timestamp("us", "Europe/Berlin")),
        cost=pa.array([Decimal("1.50"), Decimal("2.25")] * 3),
        good=[True, False] * 3,
        depth=[1.5, None] * 3,
        note=["ok", None] * 3,
        raw=[b"\xff"] * 6,
        void=pa.nulls(6),
    )
    data = un.read(path, groups="event")
    np.testing.assert_array_equal(data.x, X)
    np.testing.assert_array_equal(data.groups, KEYS)
    assert set(data.factors) == {"site", "time", "cost", "good", "depth"}
    assert data.factors["site"].tolist() == list("abcabc")
    assert data.factors["time"][1] == "2020-01-02"
    np.testing.assert_array_equal(data.factors["cost"], [1.5, 2.25] * 3)
    np.testing.assert_array_equal(data.factors["depth"], [1.5, np.nan] * 3)
    assert [name for name in ("note", "raw", "void") if any(name in note and "left out" in note for note in data.notes)]
    assert un.read(path, factors=["note"]).factors["note"].tolist() == ["ok", ""] * 3
    for groups, says in (("note", "3 missing key"), ("depth", "3 missing key"), ("raw", "bytes that are no text")):
        with pytest.raises(un.InputError, match=says):
            un.read(path, groups=groups)


def test_records_are_columns_by_their_path(tmp_path):
    audio = pa.array([{"array": row.tolist(), "sampling_rate": 100 + k % 2} for k, row in enumerate(X)])
    path = save(tmp_path, "parquet", audio=audio, label=KEYS)
    for options in ({}, {"x": "audio"}, {"x": "audio/array"}):
        data = un.read(path, groups="label", **options)
        np.testing.assert_array_equal(data.x, X)
        np.testing.assert_array_equal(data.factors["audio/sampling_rate"], [100, 101] * 3)


def test_lists_of_lists_have_axes(tmp_path):
    path = save(tmp_path, "parquet", signal=[[row.tolist(), (-row).tolist()] for row in np.tile(X, 3)], label=KEYS)
    plain = un.read(path, groups="label")
    assert "say --x 'signal: row channel time'" in plain.notes[0]
    data = un.read(path, groups="label", x="signal: row channel time")
    np.testing.assert_array_equal(data.x[:], np.stack([np.tile(X, 3), -np.tile(X, 3)], axis=2))
    assert not data.notes


def test_lists_of_unlike_length(tmp_path):
    path = save(tmp_path, "parquet", signal=[row[: 2 + k % 3] for k, row in enumerate(X)], label=KEYS)
    with pytest.raises(un.InputError, match=r"the rows of signal in .* differ in length .*--length crop"):
        un.read(path)
    data = un.read(path, groups="label", length="crop")
    np.testing.assert_array_equal(data.x, X[:, :2])
    np.testing.assert_array_equal(data.groups, KEYS)
    deep = [[row[: 2 + k % 3].tolist()] * 2 for k, row in enumerate(X)]
    path = save(tmp_path, "parquet", signal=deep, label=KEYS)
    data = un.read(path, groups="label", length="crop", x="signal: row channel time")
    np.testing.assert_array_equal(data.x, np.repeat(X[:, :2, None], 2, axis=2))


def test_gaps_in_lists_are_missing_and_missing_lists_refused(tmp_path):
    path = save(tmp_path, "parquet", signal=[[1, None, 3], [4, 5, 6]], label=[1, 2])
    np.testing.assert_array_equal(un.read(path).x, [[1, np.nan, 3], [4, 5, 6]])
    path = save(tmp_path, "parquet", signal=[[1, 2], None], label=[1, 2])
    with pytest.raises(un.InputError, match=r"'signal' of .* has no list in 1 row\(s\), of which 1 is the first"):
        un.read(path, x="signal")


def test_columns_of_numbers_may_have_gaps(tmp_path):
    path = save(tmp_path, "parquet", a=[1, None, 3], b=[1.5, 2.5, 3.5], note=[None, "u", "v"], site=["k", "l", "m"])
    data = un.read(path, groups="site")
    np.testing.assert_array_equal(data.x, [[1, 1.5], [np.nan, 2.5], [3, 3.5]])
    assert not data.factors
    assert "the column note of" in data.notes[0]
