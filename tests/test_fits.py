"""Images and tables of astronomy."""

import numpy as np
import pytest

import unentangle as un

RNG = np.random.default_rng(0)
CUBE = RNG.normal(size=(5, 8, 8)).astype(np.float32)
CUBE[1, 2, 3] = np.nan


@pytest.fixture
def fits():
    return pytest.importorskip("astropy.io.fits")


@pytest.mark.parametrize("kind", ["f4", "f8", "i2", "u2", "u1", "i4"])
def test_a_cube_of_fits_is_a_row_each(tmp_path, fits, kind):
    cube = CUBE.astype(kind) if kind[0] == "f" else RNG.integers(0, 200, CUBE.shape).astype(kind)
    fits.writeto(tmp_path / "x.fits", cube)
    data = un.read(tmp_path / "x.fits")
    np.testing.assert_array_equal(data.x, cube)
    assert data.x.dtype == kind


def test_what_fits_says_of_its_numbers_is_done(tmp_path, fits):
    image = fits.ImageHDU(np.array([[1, 2, -999], [4, 5, 6]], np.int16))
    image.header.update({"BLANK": -999, "BSCALE": 0.5, "BZERO": 10})
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(tmp_path / "x.fits")
    np.testing.assert_array_equal(un.read(tmp_path / "x.fits").x[0, ..., 0], [[10.5, 11, np.nan], [12, 12.5, 13]])
    np.testing.assert_array_equal(un.read(tmp_path / "x.fits", x=": row time").x, [[10.5, 11, np.nan], [12, 12.5, 13]])
    packed = RNG.integers(0, 99, (3, 16, 16)).astype(np.int32)
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(packed)]).writeto(tmp_path / "y.fits.fz")
    np.testing.assert_array_equal(un.read(tmp_path / "y.fits.fz").x, packed)


def test_images_of_fits_by_their_names(tmp_path, fits):
    head = fits.Header({"OBJECT": "M31", "EXPTIME": 3.5})
    some = [fits.ImageHDU(CUBE[0], name="SCI"), fits.ImageHDU(CUBE[1], name="ERR")]
    fits.HDUList([fits.PrimaryHDU(header=head), *some]).writeto(tmp_path / "x.fits")
    with pytest.raises(un.InputError, match="it holds SCI, ERR"):
        un.read(tmp_path / "x.fits")
    data = un.read(tmp_path / "x.fits", x="SCI", groups="OBJECT", factors=["EXPTIME"])
    np.testing.assert_array_equal(data.x, CUBE[:1])
    assert (list(data.groups), list(data.factors["EXPTIME"])) == (["M31"], [3.5])
    versions = [fits.ImageHDU(row, name="SCI", ver=k + 1) for k, row in enumerate(CUBE)]
    fits.HDUList([fits.PrimaryHDU(), *versions]).writeto(tmp_path / "y.fits")
    data = un.read(tmp_path / "y.fits", x="SCI/{version}", groups="version")
    np.testing.assert_array_equal(data.x, CUBE)
    np.testing.assert_array_equal(data.groups, range(1, 6))


def test_a_folder_of_fits(tmp_path, fits):
    for k, row in enumerate(CUBE):
        fits.writeto(tmp_path / f"{k}.fits", row, fits.Header({"OBJECT": f"M{k % 2}"}))
    data = un.read(tmp_path, groups="OBJECT")
    np.testing.assert_array_equal(data.x[:], CUBE)
    np.testing.assert_array_equal(data.groups, ["M0", "M1", "M0", "M1", "M0"])


def test_tables_of_fits(tmp_path, fits):
    flux, unlike = RNG.normal(size=(6, 16)).astype("f4"), [np.arange(k, dtype="f4") for k in range(4, 10)]
    columns = [
        fits.Column("flux", "16E", array=flux),
        fits.Column("cls", "4A", array=["a", "b"] * 3),
        fits.Column("n", "J", null=-1, array=[1, 2, -1, 4, 5, 6]),
        fits.Column("v", "PE()", array=np.array(unlike, dtype=object)),
    ]
    fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "x.fits")
    data = un.read(tmp_path / "x.fits", groups="cls")
    np.testing.assert_array_equal(data.x, flux)
    np.testing.assert_array_equal(data.groups, ["a", "b"] * 3)
    np.testing.assert_array_equal(data.factors["n"], [1, 2, np.nan, 4, 5, 6])
    with pytest.raises(un.InputError, match=r"the rows of v in .* differ in length .*--length crop"):
        un.read(tmp_path / "x.fits", x="v")
    data = un.read(tmp_path / "x.fits", x="v", groups="cls", length=("window", 4))
    np.testing.assert_array_equal(data.x, [row[k : k + 4] for row in unlike for k in range(0, len(row) - 3, 4)])
    np.testing.assert_array_equal(data.groups, ["a", "b", "a", "b", "a", "a", "b", "b"])


def test_files_that_are_no_fits(tmp_path, fits):
    fits.writeto(tmp_path / "x.fits", CUBE)
    (tmp_path / "cut.fits").write_bytes((tmp_path / "x.fits").read_bytes()[:3000])
    (tmp_path / "no.fits").write_bytes(b"nothing of the kind")
    for name in ("cut.fits", "no.fits"):
        with pytest.raises(un.InputError, match=f"{name} cannot be read: it is damaged"):
            un.read(tmp_path / name)
