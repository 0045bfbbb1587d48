import h5py
import numpy as np
import pytest

import unentangle as un


def test_rows_stay_on_disk_chunked_or_not(tmp_path):
    x = np.random.default_rng(0).standard_normal((50, 6)).astype(np.float32)
    for name, options in (("flat.h5", {}), ("chunked.h5", {"chunks": (7, 6), "compression": "gzip"})):
        with h5py.File(tmp_path / name, "w") as file:
            file.create_dataset("x", data=x, **options)
        data = un.read(tmp_path / name)
        assert "on disk" in repr(data)
        index = np.array([[49, 3, 3], [0, 7, 6]])
        np.testing.assert_array_equal(data.rows(index), x[index])
        np.testing.assert_array_equal(data.take(x[:, 0] > 0).x, x[x[:, 0] > 0])
        np.testing.assert_array_equal(np.asarray(data.x), x)
        np.testing.assert_allclose(data.scale, un.Dataset(x).scale)
        with pytest.raises(IndexError):
            data.x[50]


def netcdf(path):
    with h5py.File(path, "w") as file:
        for name, values in (("event", [7, 8, 9, 7]), ("time", [0.0, 0.1, 0.2, 0.3])):
            file[name] = values
            file[name].make_scale(name)
        for name, values in (("wave", np.arange(16.0).reshape(4, 4)), ("depth", [1.0, 2, 3, 4])):
            file[name] = values
            file[name].dims[0].attach_scale(file["event"])
        file["wave"].dims[1].attach_scale(file["time"])
    return path


def test_coordinates_of_netcdf_belong_to_their_dimension(tmp_path):
    data = un.read(netcdf(tmp_path / "d.nc"), groups="event")
    assert list(data.factors) == ["depth"]
    assert list(data.group_names) == [7, 8, 9]


def seisbench(folder, order):
    """Four waveforms of 2 components in two buckets, and one table that names them in the given order."""
    x = np.arange(4 * 2 * 5.0).reshape(4, 2, 5)
    with h5py.File(folder / "waveforms.hdf5", "w") as file:
        file["data/bucket0"], file["data/bucket1"], file["data_format/dimension_order"] = x[:3], x[3:], "CW"
    places = np.array(["bucket0$0,:2,:5", "bucket0$1,:2,:5", "bucket0$2,:2,:5", "bucket1$0,:2,:5"])[order]
    lines = [f'"{place}",{"ab"[k % 2]},{k / 4}\n' for k, place in enumerate(places)]
    (folder / "metadata.csv").write_text("trace_name,source,depth\n" + "".join(lines))
    return x[order].transpose(0, 2, 1)


def test_seisbench_is_read_with_its_table(tmp_path):
    x = seisbench(tmp_path, [3, 0, 2, 1])
    data = un.read(tmp_path / "waveforms.hdf5", groups="source")
    np.testing.assert_array_equal(data.x[:], x)
    np.testing.assert_array_equal(data.rows([2, 0]), x[[2, 0]])
    assert list(data.group_names) == ["a", "b"]
    assert list(data.factors) == ["depth"]


def test_real_earthquakes(real_data):
    folder = real_data / "seismic" / "ipoc_pb01"
    data = un.read(folder, groups="source_event_category")
    assert data.x.shape == (200, 1200, 3)
    assert {"source_depth_km", "file"} <= set(data.factors)
    with h5py.File(folder / "chunkeddummydataset_waveforms1.hdf5") as file:
        np.testing.assert_array_equal(data.rows([64]), file["data/bucket1"][4:5].transpose(0, 2, 1))


def test_more_is_declared_than_is_there(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("x", (10**12, 1000), "f4", chunks=(1, 1000))
    with pytest.raises(un.InputError, match=r"x in .* declares 3.73e\+06 GB, of which .* MB are there"):
        un.read(tmp_path / "x.h5")


def test_values_in_another_file_are_refused(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(12))
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("x", (3, 4), "u1", external=[(str(tmp_path / "secret"), 0, 12)])
    with pytest.raises(un.InputError, match=r"the values of x in .* lie in another file"):
        un.read(tmp_path / "x.h5")


@pytest.mark.parametrize("kind", ["nc", "classic.nc", "zarr"])
def test_axes_that_are_named_are_taken_by_their_names(tmp_path, kind):
    """Channels go last, wherever the file has them; rows along a time are said to be so."""
    xarray = pytest.importorskip("xarray")
    x, event = np.random.default_rng(0).normal(size=(6, 3, 16)), np.repeat([0, 1, 2], 2)
    whole = xarray.Dataset({"x": (("event", "channel", "time"), x)}, coords={"event": event})
    turned = xarray.Dataset({"x": (("time", "event"), x[:, 0].T)})

    def write(name, data):
        path = tmp_path / f"{name}.{kind}"
        if kind == "zarr":
            pytest.importorskip("zarr")
            data.to_zarr(path, consolidated=False)
        else:
            data.to_netcdf(path, **({"engine": "scipy"} if kind == "classic.nc" else {"engine": "h5netcdf"}))
        return path

    if kind == "nc":
        pytest.importorskip("h5netcdf")
    data = un.read(write("whole", whole), groups="event")
    np.testing.assert_allclose(np.asarray(data.x[:]), x.transpose(0, 2, 1))
    assert any("channels go last" in note for note in data.notes)
    along = un.read(path := write("turned", turned))
    assert any("--x 'x: time row'" in note for note in along.notes)
    np.testing.assert_allclose(np.asarray(un.read(path, x="x: time row").x[:]), x[:, 0])
