"""Rows of unlike length, and windows of long ones."""

import shlex
import wave

import h5py
import numpy as np
import pytest

import unentangle as un
from unentangle.cli import main
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


# -- every format ---------------------------------------------------------------------------------------------------------

RECORDINGS = [np.arange(n) % 7 + 10.0 * k for k, n in enumerate((10, 7, 12, 5, 10))]
KEYS = np.array([3, 1, 4, 1, 5])
FORMATS = {}


def writes(write):
    """A way of writing `RECORDINGS`, that returns what is read and what `read` is told of it."""
    FORMATS[write.__name__] = write
    return write


def each(folder):
    """A path without suffix for each row, with its key in its name."""
    return [(folder / f"{key}_{k}", row) for k, (key, row) in enumerate(zip(KEYS, RECORDINGS, strict=True))]


def of_arrays():
    """The rows in one array of objects."""
    column = np.empty(len(RECORDINGS), object)
    column[:] = RECORDINGS
    return column


@writes
def npy_files(folder):
    for path, row in each(folder):
        np.save(path, row)
    return folder, {"x": "{key}_{n}: time", "groups": "key"}


@writes
def csv_files(folder):
    for path, row in each(folder):
        np.savetxt(f"{path}.csv", row, header="v", comments="")
    return folder, {"x": "{key}_{n}: time channel", "groups": "key"}


@writes
def mat_files(folder):
    scipy_io = pytest.importorskip("scipy.io")
    for path, row in each(folder):
        scipy_io.savemat(f"{path}.mat", {"x": row})
    return folder, {"x": "{key}_{n}: channel time", "groups": "key"}


@writes
def wav_files(folder):
    for path, row in each(folder):
        with wave.open(f"{path}.wav", "wb") as file:
            file.setparams((1, 2, 100, 0, "NONE", ""))
            file.writeframes(row.astype("<i2").tobytes())
    return folder, {"x": "{key}_{n}", "groups": "key"}


@writes
def npz_arrays(folder):
    np.savez(folder / "x.npz", **{path.name: row for path, row in each(folder)})
    return folder / "x.npz", {"x": "{key}_{n}: time", "groups": "key"}


@writes
def npz_objects(folder):
    np.savez(folder / "x.npz", x=of_arrays(), key=KEYS)
    return folder / "x.npz", {"groups": "key"}


@writes
def npy_lists(folder):
    np.save(folder / "x.npy", np.array([row.tolist() for row in RECORDINGS], object))
    return folder / "x.npy", {"groups": KEYS}


@writes
def hdf5_tree(folder):
    with h5py.File(folder / "x.h5", "w") as file:
        for k, (key, row) in enumerate(zip(KEYS, RECORDINGS, strict=True)):
            file[f"{key}/{k}"] = row
    return folder / "x.h5", {"x": "{key}/{n}: time", "groups": "key"}


@writes
def hdf5_vlen(folder):
    with h5py.File(folder / "x.h5", "w") as file:
        rows = file.create_dataset("x", (len(RECORDINGS),), h5py.vlen_dtype(float))
        for k, row in enumerate(RECORDINGS):
            rows[k] = row
        file["key"] = KEYS
    return folder / "x.h5", {"groups": "key"}


@writes
def zarr_tree(folder):
    group = pytest.importorskip("zarr").open_group(str(folder / "x.zarr"), mode="w")
    for k, (key, row) in enumerate(zip(KEYS, RECORDINGS, strict=True)):
        group.create_array(f"{key}/{k}", data=row)
    return folder / "x.zarr", {"x": "{key}/{n}: time", "groups": "key"}


@writes
def parquet_lists(folder):
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"w": [row.tolist() for row in RECORDINGS], "key": KEYS})
    pytest.importorskip("pyarrow.parquet").write_table(table, folder / "x.parquet")
    return folder / "x.parquet", {"x": "w", "groups": "key"}


@writes
def mat_cells(folder):
    cells = of_arrays().reshape(-1, 1)
    pytest.importorskip("scipy.io").savemat(folder / "x.mat", {"x": cells, "key": KEYS[:, None]})
    return folder / "x.mat", {"groups": "key"}


@writes
def ts(folder):
    lines = [",".join(map(repr, row.tolist())) + f":{key}" for key, row in zip(KEYS, RECORDINGS, strict=True)]
    (folder / "x.ts").write_text("\n".join(["@timeStamps false", "@classLabel true 1 3 4 5", "@data", *lines]))
    return folder / "x.ts", {"groups": "class"}


@writes
def mseed(folder):
    obspy = pytest.importorskip("obspy")
    traces = [
        obspy.Trace(row, {"station": f"{key}", "location": f"{k}0"})
        for k, (key, row) in enumerate(zip(KEYS, RECORDINGS, strict=True))
    ]
    obspy.Stream(traces).write(str(folder / "x.mseed"), format="MSEED")
    return folder / "x.mseed", {"groups": "station"}


@writes
def fits_packed(folder):
    fits = pytest.importorskip("astropy.io.fits")
    columns = [fits.Column("w", "PD()", array=of_arrays()), fits.Column("key", "J", array=KEYS)]
    fits.BinTableHDU.from_columns(columns).writeto(folder / "x.fits.gz")
    return folder / "x.fits.gz", {"x": "w", "groups": "key"}


@pytest.mark.parametrize("write", FORMATS.values(), ids=FORMATS)
def test_every_format_makes_unlike_lengths_alike(tmp_path, write):
    """As NumPy would, with the keys of the recordings; without `length` it is refused, and says what to type."""
    path, said = write(tmp_path)
    with pytest.raises(un.InputError, match=r"differ in length.*--length crop"):
        un.read(path, **said)
    for length in ("crop", "pad", ("window", 4)):
        data = un.read(path, **said, length=length)
        want, source = ragged(RECORDINGS, Reading(length=length), list("abcde"), "the rows")
        got = np.asarray(data.x[:]).reshape(len(data), -1)
        by, of = (np.argsort(np.nan_to_num(rows) @ np.arange(1, 1 + rows.shape[1]) ** 0.5) for rows in (got, want))
        np.testing.assert_allclose(got[by], want[of], atol=1e-6)
        np.testing.assert_array_equal(np.asarray(data.groups).astype(int)[by], KEYS[source][of])


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("channels", [(), (2,)])
def test_padding_that_a_column_of_lengths_tells_is_missing(tmp_path, lazy, channels):
    """NaN, or cut off where `length` is given; rows whose ends are no padding stay as they are."""
    rng = np.random.default_rng(0)
    x, lengths = rng.normal(size=(6, 12, *channels)), np.array([12, 7, 9, 12, 5, 11])
    padded = np.where((np.arange(12) < lengths[:, None]).reshape(6, 12, *[1] * len(channels)), x, 0.0)
    for rows, told in ((padded, True), (x, False)):
        columns = {"x": rows, "groups": np.arange(6) // 2, "n_samples": lengths}
        if lazy:
            with h5py.File(path := tmp_path / f"{told}.h5", "w") as file:
                file.update(columns)
        else:
            np.savez(path := tmp_path / f"{told}.npz", **columns)
        data = un.read(path)
        got = np.asarray(data.x[:])
        assert any("n_samples" in note for note in data.notes) == told
        for row, whole, n in zip(got, x, lengths, strict=True):
            np.testing.assert_allclose(row[:n], whole[:n])
            assert np.isnan(row[n:]).all() == told or n == 12
        cropped = un.read(path, length="crop")
        np.testing.assert_allclose(np.asarray(cropped.x[:]), x[:, : 5 if told else 12])
        np.testing.assert_array_equal(cropped.groups, np.arange(6) // 2)


# -- what cannot be done is said ------------------------------------------------------------------------------------------


def _sound(path):
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 100, 0, "NONE", ""))
        file.writeframes(np.arange(40, dtype="<i2").tobytes())


def _picture(path):
    pytest.importorskip("PIL.Image").fromarray(np.arange(64, dtype="u1").reshape(8, 8)).save(path)


def _table(path):
    np.savetxt(path, np.arange(40.0).reshape(5, 8), delimiter=",", header=",".join(f"s{k}" for k in range(8)), comments="")


OPTIONS = {"length": ("window", 4), "channels": "ZNE", "sampling_rate": 50.0, "mode": "RGB", "size": 4}
TAKEN = {
    "csv": (_table, {"length"}),
    "npy": (lambda path: np.save(path, np.arange(40.0).reshape(5, 8)), {"length"}),
    "npz": (lambda path: np.savez(path, x=np.arange(40.0).reshape(5, 8)), {"length"}),
    "wav": (_sound, {"length", "sampling_rate"}),
    "tif": (_picture, {"mode"}),
    "png": (_picture, {"mode", "size"}),
}


@pytest.mark.parametrize(  # a single image is no data set
    ("kind", "folder"), [(kind, folder) for kind in TAKEN for folder in (False, True) if kind != "png" or folder]
)
@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_is_done_or_refused(tmp_path, kind, folder, option):
    """Never left undone without a word."""
    write, taken = TAKEN[kind]
    if kind == "tif":
        pytest.importorskip("tifffile")
    for name in ("1", "2") if folder else ("1",):
        write(tmp_path / f"{name}.{kind}")
    path = tmp_path if folder else tmp_path / f"1.{kind}"
    taken = {"mode", "size"} if kind == "tif" and folder else taken
    if option in taken:
        assert un.read(path, **{option: OPTIONS[option]}).row_shape != un.read(path).row_shape
    else:
        with pytest.raises(un.InputError, match="nothing that can be done"):
            un.read(path, **{option: OPTIONS[option]})


def test_what_is_typed_next_has_the_flags_that_were_given(tmp_path, capsys):
    """So that it is read as it was inspected."""
    path, said = npy_files(tmp_path)
    flags = ["--length", "window", "4", "--hop", "2", "--missing", "mask"]
    assert main(["inspect", str(path), "--x", said["x"], "--groups", said["groups"], *flags]) == 0
    typed = shlex.split(capsys.readouterr().out.split("next: ")[1])
    assert typed[:3] == ["unentangle", "fit", str(path)]
    assert all(" ".join(pair) in " ".join(typed) for pair in (flags[:3], flags[3:5], flags[5:], ["--groups", "key"]))
