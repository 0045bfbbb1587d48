"""A folder or zip of `.npy` files, one row each, with the factors in their names."""

import zipfile

import numpy as np
import pytest

import unentangle as un


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
