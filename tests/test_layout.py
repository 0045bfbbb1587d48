"""Arrays as MATLAB and others lay them out: transposed, keys on two axes or in attributes, records, rows of unlike length."""

import os
import shutil

import h5py
import numpy as np
import pytest

import unentangle as un

X = np.arange(60.0).reshape(12, 5)
KEYS = np.repeat([3, 1, 2], 4)


def npz(path, arrays):
    np.savez(path.with_suffix(".npz"), **arrays)
    return path.with_suffix(".npz")


def hdf5(path, arrays):
    with h5py.File(path.with_suffix(".h5"), "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return path.with_suffix(".h5")


def zarr_folder(path, arrays):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(path.with_suffix(".zarr"), mode="w")
    for name, array in arrays.items():
        group.create_array(name, data=array)
    return path.with_suffix(".zarr")


@pytest.fixture(params=[npz, hdf5, zarr_folder])
def save(request, tmp_path):
    return lambda arrays: request.param(tmp_path / "data", arrays)


def test_keys_may_lie_on_two_axes(save):
    data = un.read(save({"waves": X, "event": KEYS[:, None], "depth": KEYS[None] / 2}), groups="event")
    np.testing.assert_array_equal(data.groups, KEYS)
    np.testing.assert_array_equal(data.factors["depth"], KEYS / 2)
    assert data.groups.dtype.kind == "i"
    assert not data.notes


@pytest.mark.parametrize("shape", [(1, -1), (-1, 1), (-1,)])
def test_columns_first_is_told_by_the_keys(shape, save):
    path = save({"waves": X.T, "event": KEYS.reshape(shape)})
    data = un.read(path, groups="event")
    np.testing.assert_array_equal(data.x[:], X)
    np.testing.assert_array_equal(data.rows([[7, 0], [3, 3]]), X[[[7, 0], [3, 3]]])
    assert "x='waves: time row'" in data.notes[0]
    said = un.read(path, groups="event", x="waves: time row")
    np.testing.assert_array_equal(said.x[:], X)
    assert not said.notes
    if -1 in shape and len(shape) == 2:
        assert "--x 'waves: time row' --groups event" in un.read(path).notes[0]


def test_three_axes_are_reversed_whole(save):
    cube = np.arange(12 * 5 * 3.0).reshape(12, 5, 3)
    data = un.read(save({"waves": cube.T, "event": KEYS[None]}), groups="event")
    np.testing.assert_array_equal(data.x[:], cube)


def test_axes_that_nothing_tells_apart_are_refused(save):
    with pytest.raises(un.InputError, match=r"say x='waves: row time' or, as MATLAB writes it, x='waves: time row'"):
        un.read(save({"waves": np.ones((12, 12)), "event": KEYS[None]}), groups="event")


def attributed(path, kind):
    if kind == "hdf5":
        return h5py.File(path.with_suffix(".h5"), "w"), path.with_suffix(".h5")
    zarr = pytest.importorskip("zarr")
    return zarr.open_group(path.with_suffix(".zarr"), mode="w"), path.with_suffix(".zarr")


def put(group, name, values):
    getattr(group, "create_array", group.create_dataset)(name, data=values)


@pytest.mark.parametrize("kind", ["hdf5", "zarr"])
def test_keys_may_be_attributes(kind, tmp_path):
    file, path = attributed(tmp_path / "one", kind)
    put(file, "x", X)
    file["x"].attrs["event"] = KEYS.tolist()
    file["x"].attrs["units"] = "m"
    file.attrs["depth"] = (KEYS / 2).tolist()
    file.close() if kind == "hdf5" else None
    data = un.read(path, groups="event")
    np.testing.assert_array_equal(data.groups, KEYS)
    assert list(data.factors) == ["depth"]
    with pytest.raises(un.InputError, match="no array 'site'"):
        un.read(path, groups="site")

    file, path = attributed(tmp_path / "tree", kind)
    for k, (row, key) in enumerate(zip(X, KEYS, strict=True)):
        group = file.create_group(f"trace_{k:02d}")
        put(group, "w", row)
        group.attrs["event"], group["w"].attrs["site"] = int(key), "ab"[k % 2]
        group.attrs["same"] = 1
    file.close() if kind == "hdf5" else None
    data = un.read(path, groups="event", x="{trace}/w")
    np.testing.assert_array_equal(data.groups, KEYS)
    assert list(data.factors) == ["trace", "site"]
    assert data.factors["site"].tolist() == list("ab" * 6)
    assert list(un.read(path, groups="site", x="{trace}/w", factors=["event"]).factors) == ["event"]


def test_fields_of_records_are_arrays(tmp_path):
    kind = np.dtype([("wave", "f4", (5,)), ("event", "i4"), ("site", "S3")])
    table = np.zeros(12, kind)
    table["wave"], table["event"], table["site"] = X, KEYS, b"ab"
    path = hdf5(tmp_path / "t", {"table": table})
    data = un.read(path, groups="event")
    np.testing.assert_array_equal(data.x[:], X)
    np.testing.assert_array_equal(data.rows([5, 1]), X[[5, 1]])
    np.testing.assert_array_equal(data.groups, KEYS)
    assert data.factors["site"].tolist() == ["ab"] * 12
    np.testing.assert_array_equal(un.read(path, x="wave: time row").x[:], X.T)


def vlen(path, lengths):
    with h5py.File(path, "w") as file:
        rows = file.create_dataset("x", (len(lengths),), h5py.vlen_dtype("f4"))
        for k, n in enumerate(lengths):
            rows[k] = np.arange(n) + 10 * k
        file["groups"] = np.arange(len(lengths)) // 2
    return path


def test_rows_of_unlike_length_need_a_word(tmp_path):
    path = vlen(tmp_path / "x.h5", [4, 6, 5, 4])
    with pytest.raises(un.InputError, match=r"the rows of x in .* differ in length .*--length crop"):
        un.read(path)
    assert un.read(path, length="crop").x.shape == (4, 4)
    padded = un.read(path, length="pad")
    np.testing.assert_array_equal(np.isnan(padded.x).sum(axis=1), [2, 0, 1, 2])
    windows = un.read(path, length=("window", 2))
    np.testing.assert_array_equal(windows.groups, [0, 0, 0, 0, 0, 1, 1, 1, 1])
    np.testing.assert_array_equal(windows.x[[0, 4, 8]], [[0, 1], [14, 15], [32, 33]])
    np.testing.assert_array_equal(un.read(vlen(tmp_path / "y.h5", [3, 3])).x, [[0, 1, 2], [10, 11, 12]])


@pytest.mark.parametrize(
    "suffix", [".npy", ".npz", ".h5", ".nc", ".csv", ".parquet", ".zip", ".zarr", ".mseed", ".sgy", ".mat"]
)
def test_pipes_are_refused_at_once(suffix, tmp_path):
    os.mkfifo(tmp_path / f"x{suffix}")
    with pytest.raises(un.InputError, match="is a pipe; a file or folder is needed"):
        un.read(tmp_path / f"x{suffix}")
    np.save(tmp_path / "rows.npy", X)
    if suffix in (".npy", ".csv", ".parquet"):
        with pytest.raises(un.InputError, match="is a pipe; a file or folder is needed"):
            un.read(tmp_path / "rows.npy", groups=f"{tmp_path}/x{suffix}:event")


@pytest.mark.parametrize("name", ["store.zip", "x.zarr.zip", "outer.zip"])
def test_zarr_in_a_zip(name, tmp_path):
    zarr = pytest.importorskip("zarr")
    folder = tmp_path / "outer"
    store = folder / "a" / "b.zarr" if name == "outer.zip" else zarr.storage.ZipStore(tmp_path / name, mode="w")
    group = zarr.open_group(store, mode="w")
    group.create_array("x", data=X, chunks=(3, 5))
    group.create_array("groups", data=KEYS)
    shutil.make_archive(str(folder), "zip", folder) if name == "outer.zip" else store.close()
    data = un.read(tmp_path / name)
    np.testing.assert_array_equal(data.rows([11, 0]), X[[11, 0]])
    np.testing.assert_array_equal(data.groups, KEYS)


def test_netcdf_of_64_bit_data_is_named(tmp_path):
    (tmp_path / "x.nc").write_bytes(b"CDF\5" + bytes(100))
    with pytest.raises(un.InputError, match=r"CDF-5.*nccopy -k nc4"):
        un.read(tmp_path / "x.nc")
    (tmp_path / "x.nc").write_bytes(b"CDF\1" + bytes(10))
    with pytest.raises(un.InputError, match="cannot be read"):
        un.read(tmp_path / "x.nc")


def test_netcdf_classic_has_records_and_words(tmp_path):
    from scipy.io import netcdf_file

    with netcdf_file(tmp_path / "x.nc", "w") as file:
        file.createDimension("trial", None)
        file.createDimension("time", 5)
        file.createDimension("letters", 2)
        wave, site = (
            file.createVariable("wave", "i2", ("trial", "time")),
            file.createVariable("site", "c", ("trial", "letters")),
        )
        file.createVariable("time", "f8", ("time",))[:] = range(5)
        wave[:], site[:] = X.astype(int), np.array([[*"ab"], [*"c "]] * 6)
        wave.scale_factor = 0.5
    data = un.read(tmp_path / "x.nc", groups="site")
    np.testing.assert_array_equal(data.rows([4, 2]), X[[4, 2]] / 2)
    assert [str(name).strip() for name in data.group_names] == ["ab", "c"]
    assert not data.factors
