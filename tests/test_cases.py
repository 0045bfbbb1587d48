"""Files as strangers have them are read right, with the flags that `inspect` proposes, or refused in one true sentence.

They are made by the script of the shared cases, where that is there; each answer is what its owner means.
"""

import os
import runpy
import warnings
from pathlib import Path

import numpy as np
import pytest

import unentangle as un
from unentangle.inspection import advice, inspect

MAKER = Path(os.environ.get("UNENTANGLE_CASES", "nowhere")) / "make.py"
EVENTS = np.repeat([f"ev{k}" for k in range(6)], 4)
NUMBERS = np.repeat(np.arange(6), 4)


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """The folder of the cases, and the 24 rows that they hold."""
    if not MAKER.is_file():
        pytest.skip("UNENTANGLE_CASES names no folder with the script that makes the cases")
    for library in ("xarray", "h5netcdf", "zarr", "segyio", "pyarrow", "obspy", "PIL"):
        pytest.importorskip(library)
    folder, before = tmp_path_factory.mktemp("cases"), Path.cwd()
    os.chdir(folder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = runpy.run_path(str(MAKER))
    finally:
        os.chdir(before)
    return folder, made["x"]


def table(x):
    return np.round(x[:, :8].astype(float), 3)


def missing(x):
    y = x.copy()
    y[3, 2:5] = np.nan
    return y


def three(x):
    return np.stack([x] * 3, axis=2)


SEISBENCH = {"groups": "source_id"}
RIGHT = {
    "stead.hdf5": (three, EVENTS, {"x": "data/{trace}: time channel", "groups": "stead.csv:event"}),
    "fill.nc": (missing, NUMBERS, {"groups": "subject"}),
    "fill.zarr": (missing, NUMBERS, {"groups": "subject"}),
    "packed.zarr": (missing, NUMBERS, {"groups": "subject"}),
    "classic.nc": (missing, None, {}),
    "index.csv": (table, EVENTS, {"groups": "site"}),
    "noheader.csv": (table, EVENTS, {"groups": "0"}),
    "semicolon.csv": (table, EVENTS, {"groups": "site"}),
    "latin1.csv": (table, np.where(EVENTS == "ev0", "Zürich", EVENTS), {"groups": "site"}),
    "trials": (lambda x: np.round(np.stack([x, -x], 2), 3), EVENTS, {"x": "{event}_{n}: time channel", "groups": "event"}),
    "phasenet": (lambda x: np.stack([x, 2 * x, x[::-1]], 2), EVENTS, {"x": "{event}_{n}: time channel", "groups": "event"}),
    "seisbench_x_axis/waveforms.hdf5": (lambda x: three(x + 5), EVENTS, SEISBENCH),
    "seisbench_lengths/waveforms.hdf5": (lambda x: three(x + 5)[:, :12], EVENTS, SEISBENCH | {"length": "crop"}),
    "strain.npz": (lambda x: (x.astype("f8") * 1e-23).astype("f4"), EVENTS, {}),
    "units.npz": (lambda x: np.stack([x * 1000, x[::-1]], -1), EVENTS, {}),
    "object_keys.npz": (lambda x: x, EVENTS, {}),
    "vlen.h5": (lambda x: x[:, :10], None, {"length": "crop"}),
    "matlab.h5": (lambda x: x, NUMBERS, {"x": "waves: time row", "groups": "event"}),
    "store.zip": (lambda x: x, NUMBERS, {}),
    "little.sgy": (lambda x: x, NUMBERS, {"groups": "FieldRecord"}),
    "null.parquet": (lambda x: x, NUMBERS, {"groups": "label"}),
    "struct.parquet": (lambda x: x, NUMBERS, {"groups": "label"}),
    "nested.parquet": (lambda x: np.stack([x, x], 2), NUMBERS, {"x": "signal: row channel time", "groups": "label"}),
    "sds": (lambda x: (np.arange(500) % 17)[None], None, {}),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_strangers_file_is_read_as_its_owner_means_it(name, cases, monkeypatch):
    folder, x = cases
    monkeypatch.chdir(folder)
    answer, keys, how = RIGHT[name]
    data = un.read(name, **how)
    rows, expected = np.asarray(data.x), answer(x)
    order = np.arange(len(rows))
    if name in ("stead.hdf5", "trials", "phasenet"):  # whose rows come sorted by name
        order = np.argsort([p.stem for p in written(folder / name)])
    np.testing.assert_allclose(rows, expected[order], atol=1e-3 if name == "packed.zarr" else 1e-6, rtol=1e-6)
    if keys is not None:
        np.testing.assert_array_equal(data.groups, np.asarray(keys)[order])


def written(path):
    """The rows' names, in the order in which they were written."""
    each = {"stead.hdf5": "S{n}_{g}", "trials": "{g}_{i}.csv", "phasenet": "{g}_S{i}.npz"}[path.name]
    return [Path(each.format(g=g, n=i % 4, i=i)) for i, g in enumerate(EVENTS)]


def test_an_odd_word_among_numbers_is_a_missing_value_and_no_sample_less(cases):
    folder, x = cases
    data = un.read(folder / "dash.csv", groups="site")
    expected = table(x)
    expected[0, 7] = np.nan
    np.testing.assert_allclose(np.asarray(data.x), expected)
    assert any("'-'" in note for note in data.notes)


def test_images_in_folders_of_classes_have_these_as_keys(cases):
    folder, _ = cases
    data = un.read(folder / "images", x="{class}/*", groups="class")
    assert data.group_names.tolist() == ["class0", "class1", "class2"]
    assert data.group_sizes.tolist() == [4, 4, 4]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("stead.hdf5", "--x 'data/{key}_{key_2}: time channel' --groups key"),
        ("trials", "--x '{key}_{n}: time channel' --groups key"),
        ("phasenet", "--x '{key}_{n}: time channel' --groups key"),
        ("images", "--x '{class}/*' --groups class"),
        ("matlab.h5", "--x 'waves: time row' --groups event"),
        ("nested.parquet", "--x 'signal: row channel time'"),
        ("fill.nc", "--groups subject"),
    ],
)
def test_inspect_proposes_what_to_type(name, says, cases, monkeypatch):
    folder, _ = cases
    monkeypatch.chdir(folder)
    assert says in advice(inspect(un.read(name)), name, "groups", "x")


@pytest.mark.parametrize("name", ["vlen.h5", "seisbench_lengths/waveforms.hdf5"])
def test_rows_of_unlike_length_are_refused_with_the_flags(name, cases):
    folder, _ = cases
    with pytest.raises(un.InputError, match=r"differ in length .*--length crop"):
        un.read(folder / name)
