"""Rows of unlike length, and windows of long ones."""

import numpy as np
import pytest

import unentangle as un
from unentangle.data.lengths import Windows, ragged, remarks, windows
from unentangle.data.rows import Blocks
from unentangle.reading import Reading

ROWS = [np.arange(100 * k, 100 * k + n, dtype=np.int32) for k, n in enumerate((10, 7, 12, 3))]
NAMES = list("abcd")


def test_rows_are_cropped_or_filled_up():
    cut, source = ragged(ROWS, Reading(length="crop"), NAMES, "the rows")
    np.testing.assert_array_equal(cut, [row[:3] for row in ROWS])
    np.testing.assert_array_equal(source, range(4))
    full, _ = ragged(ROWS, Reading(length="pad"), NAMES, "the rows")
    for row, filled in zip(ROWS, full, strict=True):
        np.testing.assert_array_equal(filled[: len(row)], row)
        assert np.isnan(filled[len(row) :]).all()
    assert full.shape == (4, 12)
    short = remarks([len(row) for row in ROWS], Reading(length="crop"), NAMES, "the rows")
    assert short == ("the rows are cut to 3 samples, as many as d has; the longest has 12.",)


def test_windows_of_rows_of_unlike_length():
    how = Reading(length=("window", "4"), hop=3)
    cut, source = ragged(ROWS, how, NAMES, "the rows")
    want = [row[k : k + 4] for row in ROWS for k in range(0, len(row) - 3, 3)]
    np.testing.assert_array_equal(cut, want)
    np.testing.assert_array_equal(cut[:, 0], 100 * source + windows(source, how)["window"])
    assert "1 of 4 of the rows are shorter" in remarks([len(row) for row in ROWS], how, NAMES, "the rows")[0]


@pytest.mark.parametrize(
    ("rows", "how", "reason"),
    [
        (ROWS, {}, r"the rows differ in length \(1 of 10 samples, 1 of 7, .*--length crop.*--length pad.*--length window N"),
        (ROWS, {"length": ("window", 13)}, "all of the rows are shorter than a window of 13"),
        ([*ROWS[:3], ROWS[0][:0]], {"length": "crop"}, "d has no samples"),
        ([*ROWS[:3], np.zeros((4, 2))], {"length": "crop"}, r"d has shape \(4, 2\) and a \(10,\)"),
        ([np.zeros(1)] * 200 + [np.zeros(1 << 20)], {"length": "pad"}, "hold 1048776 samples and would be 201 times"),
    ],
)
def test_what_cannot_be_made_one_array_is_refused(rows, how, reason):
    with pytest.raises(un.InputError, match=reason):
        ragged(rows, Reading(**how), NAMES if len(rows) == 4 else list(map(str, range(len(rows)))), "the rows")


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".h5"])
@pytest.mark.parametrize(("size", "hop"), [(5, None), (5, 3), (23, None), (6, 8)])
def test_windows_of_any_file_carry_the_keys_of_their_rows(tmp_path, suffix, size, hop):
    x, keys = np.random.default_rng(0).normal(size=(5, 23, 2)).astype("f4"), np.array(list("abcab"))
    path = tmp_path / f"x{suffix}"
    if suffix == ".npy":
        np.save(path, x)
    else:
        un.data.write_dataset(path, un.Dataset(x, groups=keys, factors={"depth": np.arange(5.0)}))
    data = un.read(path, length=("window", size), hop=hop)
    starts = range(0, 23 - size + 1, hop or size)
    np.testing.assert_array_equal(data.x[:], [row[k : k + size] for row in x for k in starts])
    index = np.random.default_rng(1).integers(0, len(data), (3, 4))
    np.testing.assert_array_equal(data.rows(index), data.x[:][index])
    if suffix != ".npy":
        np.testing.assert_array_equal(data.groups, np.repeat(keys, len(starts)))
        np.testing.assert_array_equal(data.factors["depth"], np.repeat(np.arange(5.0), len(starts)))
    assert ("window" in data.factors) == (len(starts) > 1)
    if len(starts) > 1:
        np.testing.assert_array_equal(data.factors["window"], np.tile(starts, 5))


def test_windows_longer_than_the_rows_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((3, 10)))
    with pytest.raises(un.InputError, match="have 10 samples, fewer than a window of 11"):
        un.read(tmp_path / "x.npy", length=("window", 11))


@pytest.mark.parametrize("axes", ["row time channel", "channel row time", "time channel row", "time channel"])
def test_a_few_windows_of_long_rows_are_read_alone(axes):
    """Of arrays on disk with their axes in any order, no more than the windows is asked for."""
    letters = axes.replace("time", "t").replace("channel", "c").replace("row", "r").split()
    x = np.random.default_rng(0).normal(size=[{"r": 4, "t": 1000, "c": 3}[letter] for letter in letters])
    whole = np.einsum(f"{''.join(letters)}->{'rtc' if 'r' in letters else 'tc'}", x).reshape(-1, 1000, 3)

    class OnDisk:
        shape, dtype, ndim, asked = x.shape, x.dtype, x.ndim, 0

        def __getitem__(self, where):
            OnDisk.asked += x[where].size
            return x[where]

    windows = Windows(Blocks([OnDisk()], axes.split()), 10, 5)
    row, start = np.array([[0, 20], [len(whole) - 1, 990], [0, 700]]).T
    np.testing.assert_array_equal(
        windows[row * windows.each + start // 5], [whole[r, s : s + 10] for r, s in zip(row, start, strict=True)]
    )
    assert OnDisk.asked == 3 * 10 * 3
    some = windows.of.take(np.arange(len(whole))[::-1])
    np.testing.assert_array_equal(Windows(some, 10, 5)[7], whole[-1, 35:45])


def _write(folder, kind, rows, keys):
    """Recordings in one format, and what `read` is told of them."""
    if kind == "npz":
        np.savez(folder / "x.npz", **{f"{key}_{k}": row for k, (key, row) in enumerate(zip(keys, rows, strict=True))})
        return folder / "x.npz", {"x": "{key}_{n}: time", "groups": "key"}
    if kind == "ts":
        lines = [",".join(map(repr, row.tolist())) + f":{key}" for key, row in zip(keys, rows, strict=True)]
        (folder / "x.ts").write_text("\n".join(["@timeStamps false", "@classLabel true a b c", "@data", *lines]))
        return folder / "x.ts", {"groups": "class"}
    for k, (key, row) in enumerate(zip(keys, rows, strict=True)):
        name = folder / f"{key}_{k}"
        if kind == "csv":
            np.savetxt(f"{name}.csv", row, header="v", comments="")
        else:
            np.save(name, row)
    return folder, {"x": "{key}_{n}: time" + (" channel" if kind == "csv" else ""), "groups": "key"}


@pytest.mark.parametrize("kind", ["npy", "npz", "csv", "ts"])
@pytest.mark.parametrize("length", ["crop", "pad", ("window", 4)])
def test_every_format_makes_unlike_lengths_alike(tmp_path, kind, length):
    rows, keys = [np.arange(n) + 100.5 * k for k, n in enumerate((10, 7, 12, 5, 10))], np.array(list("abacb"))
    path, said = _write(tmp_path, kind, rows, keys)
    with pytest.raises(un.InputError, match=r"differ in length.*--length crop"):
        un.read(path, **said)
    data = un.read(path, **said, length=length)
    want, source = ragged(rows, Reading(length=length), list("abcde"), "the rows")
    got = np.asarray(data.x[:]).reshape(len(data), -1)
    by, of = np.argsort(got[:, 0]), np.argsort(want[:, 0])
    np.testing.assert_allclose(got[by], want[of])
    np.testing.assert_array_equal(np.asarray(data.groups)[by], keys[source][of])
