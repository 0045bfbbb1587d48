"""Values that are missing or packed are read as the CF conventions say, in every format alike; xarray is the oracle."""

import warnings

import h5py
import numpy as np
import pytest

import unentangle as un

GAPS = np.arange(48.0).reshape(6, 8) / 16 - 1
GAPS[1, 2:4] = GAPS[5, 7] = np.nan
KEYS = np.array([4, 4, 7, 7, 9, 9], np.int32)

ENCODINGS = {
    "fill": {"_FillValue": -9999.0},
    "NaN": {"_FillValue": np.nan},
    "single": {"dtype": "f4", "_FillValue": np.float32(1e20)},
    "missing_value": {"missing_value": -99.5},
    "packed": {"dtype": "i2", "scale_factor": 1e-3, "_FillValue": -32768},
    "offset": {"dtype": "i4", "scale_factor": 1e-4, "add_offset": 20.0, "_FillValue": -1},
    "unsigned": {"dtype": "i1", "scale_factor": 1 / 64, "add_offset": -1.0, "_FillValue": -1, "_Unsigned": "true"},
    "both": {"dtype": "f8", "_FillValue": -9.0, "missing_value": -9.0},
}


def write(xarray, ds, path, kind, encoding):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of xarray
        if kind.startswith("zarr"):
            ds.to_zarr(path, mode="w", encoding={"wave": encoding}, zarr_format=int(kind[-1]), consolidated=False)
        else:
            options = {"format": "NETCDF3_64BIT", "engine": "scipy"} if kind == "classic" else {"engine": "h5netcdf"}
            ds.to_netcdf(path, encoding={"wave": encoding}, **options)
        engine = {"classic": "scipy", "nc": "h5netcdf"}.get(kind, "zarr")
        with xarray.open_dataset(path, engine=engine, **({"consolidated": False} if engine == "zarr" else {})) as read:
            return read["wave"].values


@pytest.mark.parametrize("kind", ["nc", "classic", "zarr2", "zarr3"])
@pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=ENCODINGS)
def test_missing_and_packed_values_are_those_of_xarray(kind, encoding, tmp_path):
    xarray = pytest.importorskip("xarray")
    pytest.importorskip({"nc": "h5netcdf", "classic": "scipy"}.get(kind, "zarr"))
    path = tmp_path / {"nc": "x.nc", "classic": "x.nc"}.get(kind, "x.zarr")
    ds = xarray.Dataset({"wave": (("trial", "time"), GAPS)}, coords={"subject": ("trial", KEYS), "time": np.arange(8.0)})
    wanted = write(xarray, ds, path, kind, dict(encoding))
    data = un.read(path, groups="subject")
    assert "on disk" in repr(data)
    assert np.isnan(wanted).sum() == 3
    np.testing.assert_allclose(data.x[:], wanted, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(data.rows([5, 0, 1]), wanted[[5, 0, 1]], rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(data.groups, KEYS)
    assert data.groups.dtype.kind == "i"


def test_several_values_may_be_missing(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["x"] = np.array([[1, -1, 2], [3, -2, -1]], "i2")
        file["x"].attrs["missing_value"] = np.array([-1, -2], "i2")
        file["count"] = [5, -1]
        file["count"].attrs["_FillValue"] = -1
        file["whole"] = [5, 6]
        file["whole"].attrs["_FillValue"] = -1
    data = un.read(tmp_path / "x.h5")
    np.testing.assert_array_equal(data.x[:], [[1, np.nan, 2], [3, np.nan, np.nan]])
    np.testing.assert_array_equal(data.factors["count"], [5, np.nan])
    assert data.factors["whole"].dtype.kind == "i"
    with pytest.raises(un.InputError, match="every row needs a key"):
        un.read(tmp_path / "x.h5", groups="count")


@pytest.mark.parametrize(
    ("attributes", "wanted"),
    [
        ({"valid_min": 0}, [np.nan, 0, 10, 20]),
        ({"valid_max": np.int16(15)}, [-10, 0, 10, np.nan]),
        ({"valid_range": np.array([-5, 15], "i2")}, [np.nan, 0, 10, np.nan]),
        ({"valid_range": np.array([-5, 15], "i2"), "scale_factor": 2.0}, [np.nan, 0, 20, np.nan]),
        ({"valid_range": np.array([-15.0, 25.0]), "scale_factor": 2.0}, [np.nan, 0, 20, np.nan]),
        ({"scale_factor": "0.5", "add_offset": b"1"}, [-4, 1, 6, 11]),
        ({"_FillValue": 1e30}, [-10, 0, 10, 20]),
        ({"valid_range": "from here to there", "units": "m"}, [-10, 0, 10, 20]),
    ],
)
def test_what_is_valid_is_said_of_stored_values(attributes, wanted, tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["x"] = np.array([[-10, 0], [10, 20]], "i2")
        file["x"].attrs.update(attributes)
    np.testing.assert_array_equal(un.read(tmp_path / "x.h5").x[:].ravel(), wanted)


def test_a_scale_that_is_no_number_is_refused(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["x"] = np.zeros((2, 2), "i2")
        file["x"].attrs["scale_factor"] = "many"
    with pytest.raises(un.InputError, match=r"scale_factor of x in .* is 'many'; one number is needed"):
        un.read(tmp_path / "x.h5")


def test_what_was_never_written_is_missing(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        x = file.create_dataset("x", (6, 4), "f4", chunks=(2, 3))
        x[2:4] = 1
        file.create_dataset("event", (6,), "i4")
        filled = file.create_dataset("y", (6, 4, 1), "f4", fillvalue=-9)
        filled[1] = 2
    data = un.read(tmp_path / "x.h5", x="x")
    np.testing.assert_array_equal(np.isnan(data.x[:]).all(axis=1), [1, 1, 0, 0, 1, 1])
    np.testing.assert_array_equal(data.rows([5, 2]), [[np.nan] * 4, [1] * 4])
    assert any("4 of 6 parts of x in" in note for note in data.notes)
    assert np.isnan(un.read(tmp_path / "x.h5", x="y").x[:][:, 0, 0]).sum() == 5
    with pytest.raises(un.InputError, match="every row needs a key"):
        un.read(tmp_path / "x.h5", x="x", groups="event")


def test_zarr_leaves_out_what_equals_its_fill_value(tmp_path):
    zarr = pytest.importorskip("zarr")
    for fill, says in ((0, "7 of 8 chunks of x in"), (-5, "")):
        group = zarr.open_group(tmp_path / f"{fill}.zarr", mode="w")
        group.create_array("x", shape=(8, 3), chunks=(1, 3), dtype="f4", fill_value=fill)[2] = 3
        data = un.read(tmp_path / f"{fill}.zarr")
        np.testing.assert_array_equal(data.x[:][:, 0], [np.nan if fill else 0] * 2 + [3] + [np.nan if fill else 0] * 5)
        assert says in "".join(data.notes)


@pytest.mark.parametrize("how", ["external", "virtual", "link", "folder"])
def test_values_of_another_file_are_refused(how, tmp_path):
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["x"] = np.ones((3, 4))
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["event"] = [1, 2, 3]
        if how == "external":
            file.create_dataset("x", (3, 4), "u1", external=[(str(other), 0, 12)])
        elif how == "virtual":
            layout = h5py.VirtualLayout((3, 4), "f8")
            layout[:] = h5py.VirtualSource(str(other), "x", (3, 4))
            file.create_virtual_dataset("x", layout)
        else:
            file["x" if how == "link" else "run"] = h5py.ExternalLink(str(other), "x" if how == "link" else "/")
    with pytest.raises(un.InputError, match=r"x.h5 .*another file"):
        un.read(tmp_path / "x.h5", x="run/x" if how == "folder" else "x")


def test_virtual_datasets_of_the_same_file_and_soft_links_are_read(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["deep/raw"] = np.arange(12.0).reshape(3, 4)
        layout = h5py.VirtualLayout((3, 2), "f8")
        layout[:] = h5py.VirtualSource(file["deep/raw"])[:, :2]
        file.create_virtual_dataset("half", layout)
        file["x"] = h5py.SoftLink("/deep/raw")
        holes = h5py.VirtualLayout((4, 2), "f8")
        holes[:3] = h5py.VirtualSource(file["deep/raw"])[:, :2]
    assert un.read(tmp_path / "x.h5").x.shape == (3, 4)
    np.testing.assert_array_equal(un.read(tmp_path / "x.h5", x="half").x[:][:, 1], [1, 5, 9])
    with h5py.File(tmp_path / "x.h5", "a") as file:
        file.create_virtual_dataset("holes", holes)
    with pytest.raises(un.InputError, match=r"2 of 8 values of holes in .* are mapped to nothing"):
        un.read(tmp_path / "x.h5", x="holes")


def test_many_arrays_of_nothing_are_refused_together(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for k in range(40):
            file.create_dataset(f"a{k}", (62 << 18,), "u1", chunks=(1 << 18,))
            file.create_dataset(f"b{k}", (62 << 20,), "u1", chunks=(1 << 20,))
    with pytest.raises(un.InputError, match=r"x.h5 declares .* GB, of which .* MB are there"):
        un.read(tmp_path / "x.h5")
