"""A folder or zip of `.npy` files, one row each, with the factors in their names."""

import zipfile

import numpy as np
import pytest

import unentangle as un
from unentangle.data.files import read_table


def folder_of(path, rows):
    path.mkdir(exist_ok=True)
    for name, row in rows.items():
        np.save(path / name, row)
    return path


def zip_of(folder):
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"inner/{file.name}")
    return folder.with_suffix(".zip")


def test_a_folder_and_its_zip_are_the_same_data(tmp_path):
    folder = folder_of(tmp_path / "rows", {f"{a}_{b}.npy": np.arange(4.0) + a + b for a in (1.5, 2) for b in (-3, 4)})
    for path in (folder, zip_of(folder)):
        data = un.read(path, groups="site", factors=("site", "depth"))
        np.testing.assert_array_equal(data.x[:, 0], data.factors["site"] + data.factors["depth"])
        assert len(data.group_names) == 2
    assert list(un.read(folder).factors) == ["factor_1", "factor_2"]


@pytest.mark.parametrize(
    ("rows", "options", "says"),
    [
        ({"1_2.npy": np.ones(3), "1_3.npy": np.ones(4)}, {}, "all must agree"),
        ({"a_2.npy": np.ones(3)}, {}, "is not numbers joined by _"),
        ({"1_2.npy": np.ones(3)}, {"factors": ("one",)}, "has 2 number"),
        ({"1_2.npy": np.ones(3)}, {"groups": "site"}, "have no factor 'site'"),
        ({}, {}, "holds no .npy files"),
    ],
)
def test_files_that_do_not_go_together_are_refused(rows, options, says, tmp_path):
    folder = folder_of(tmp_path / "rows", rows)
    for path in (folder, zip_of(folder)):
        with pytest.raises(un.InputError, match=says) as caught:
            un.read(path, **options)
        assert "\n" not in str(caught.value)


def test_a_damaged_zip_is_refused(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04 not a zip")
    for name, says in (("x.zip", "is damaged"), ("missing.zip", "does not exist")):
        with pytest.raises(un.InputError, match=says):
            un.read(tmp_path / name)


def test_factors_of_an_npz_are_chosen_by_name(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.eye(3), depth=[1.0, 2, 3], site=[0, 1, 1])
    assert list(un.read(tmp_path / "x.npz", factors=("site",)).factors) == ["site"]
    with pytest.raises(un.InputError, match="no array deep to be a factor; it holds x, depth, site"):
        un.read(tmp_path / "x.npz", factors=("deep",))


def test_a_table_is_read_from_csv_npy_and_npz(tmp_path):
    (tmp_path / "a.csv").write_text('name,size,"x, y"\nbig,3,0.5\nsmall,1,-2\n')
    columns = read_table(tmp_path / "a.csv")
    assert {name: (c.dtype.kind, c.tolist()) for name, c in columns.items()} == {
        "name": ("U", ["big", "small"]),
        "size": ("i", [3, 1]),
        "x, y": ("f", [0.5, -2]),
    }
    (tmp_path / "b.csv").write_text("1,2\n3,4\n")
    np.save(tmp_path / "b.npy", [[1, 2], [3, 4]])
    np.savez(tmp_path / "b.npz", **read_table(tmp_path / "b.npy"))
    for name in ("b.csv", "b.npy", "b.npz"):
        assert {k: c.tolist() for k, c in read_table(tmp_path / name).items()} == {"0": [1, 3], "1": [2, 4]}


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.csv", b"a,b\n1,2\n3\n", "line 3 of .* has 1 values; the first line has 2"),
        ("a.csv", b"", "is empty"),
        ("a.csv", b"a,a\n1,2\n", "two columns of one name"),
        ("a.csv", b"\xff\xfe\x00", "no text"),
        ("a.txt", b"a", "not a .csv, .npz or .npy"),
        ("a.npy", b"a", "cannot be read"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(un.InputError, match=sentence):
        read_table(tmp_path / name)


def test_altered_compressed_files_are_refused(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", x=np.random.default_rng(0).standard_normal((40, 30)))
    content = bytearray((tmp_path / "x.npz").read_bytes())
    content[60:90] = b"\xff" * 30
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(un.InputError, match="cannot be read: it is damaged"):
        un.read(tmp_path / "x.npz")
