"""MATLAB's files of format 5 and of format 7.3, which is HDF5: the same arrays, records and cells."""

import h5py
import numpy as np
import pytest
from scipy.io import savemat

import unentangle as un

X = np.arange(60.0).reshape(12, 5)
KEYS = np.repeat([3, 1, 2], 4)
WORDS = np.repeat(["c", "aé", "b"], 4)


def cells(items):
    cell = np.empty((len(items), 1), object)
    cell[:, 0] = items
    return cell


def format_5(path, content):
    savemat(path, content, do_compression=True)


def format_73(path, content):
    with h5py.File(path, "w") as file:

        def put(place, value):
            value = value if isinstance(value, np.ndarray | dict) else np.array(value)
            if isinstance(value, dict):
                for name, part in value.items():
                    put(f"{place}/{name}", part)
            elif value.dtype == object:
                refs = []
                for k, one in enumerate(value.ravel()):
                    put(f"#refs#/{place.replace('/', '_')}{k}", one)
                    refs.append(file[f"#refs#/{place.replace('/', '_')}{k}"].ref)
                file.create_dataset(place, (1, len(refs)), h5py.ref_dtype, np.array(refs, h5py.ref_dtype)[None])
                file[place].attrs["MATLAB_class"] = np.bytes_("cell")
            elif value.dtype.kind == "U":
                file[place] = np.array([[ord(c)] for c in value.item()], "u2")
                file[place].attrs["MATLAB_class"] = np.bytes_("char")
            else:
                file[place] = np.atleast_2d(value).T
                file[place].attrs["MATLAB_class"] = np.bytes_("double")

        for name, value in content.items():
            put(name, value)


@pytest.fixture(params=[format_5, format_73])
def save(request, tmp_path):
    def write(content):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.mat"
        request.param(path, content)
        return path

    return write


def test_arrays_are_as_matlab_shows_them(save):
    path = save({"waves": X, "event": KEYS[:, None], "depth": KEYS[None] / 2, "t": np.arange(5.0)})
    data = un.read(path, groups="event")
    np.testing.assert_array_equal(data.x[:], X)
    np.testing.assert_array_equal(data.groups, KEYS)
    assert list(data.factors) == ["depth"]
    cube = np.arange(12 * 5 * 3.0).reshape(12, 5, 3)
    np.testing.assert_array_equal(un.read(save({"waves": cube, "event": KEYS[None]}), groups="event").x[:], cube)


def test_records_are_folders_and_cells_are_columns_or_rows(save):
    path = save({"data": {"waves": X, "site": cells(WORDS.tolist())}, "note": "once"})
    data = un.read(path, groups="data/site")
    np.testing.assert_array_equal(data.x[:], X)
    assert data.groups.tolist() == WORDS.tolist()
    path = save({"waves": cells(list(X)), "event": cells([np.array([[k]]) for k in KEYS])})
    data = un.read(path, groups="event")
    np.testing.assert_array_equal(data.x[:], X)
    np.testing.assert_array_equal(data.groups, KEYS)


def test_cells_of_unlike_length(save):
    path = save({"waves": cells([row[: 3 + k % 2] for k, row in enumerate(X)]), "event": KEYS})
    with pytest.raises(un.InputError, match=r"the rows of waves in .* differ in length"):
        un.read(path)
    np.testing.assert_array_equal(un.read(path, groups="event", length="crop").x, X[:, :3])


def test_damaged_files_and_what_fills_memory(tmp_path):
    format_5(tmp_path / "d.mat", {"x": X})
    whole = (tmp_path / "d.mat").read_bytes()
    for content in (b"", b"rubbish", whole[: len(whole) // 2]):
        (tmp_path / "d.mat").write_bytes(content)
        with pytest.raises(un.InputError, match="cannot be read"):
            un.read(tmp_path / "d.mat")
    format_5(tmp_path / "d.mat", {"x": np.zeros((9000, 1000))})
    with pytest.raises(un.InputError, match=r"d.mat declares .* GB, of which"):
        un.read(tmp_path / "d.mat")
