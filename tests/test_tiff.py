"""Stacks of pages in TIFF, as microscopes write them."""

import numpy as np
import pytest

import unentangle as un

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("kind", "order"),
    [(kind, order) for kind in ("?", "u1", "i1", "u2", "i2", "u4", "i4", "f4") for order in "<>" if kind + order != "u4>"],
)
def test_pages_of_tiff_are_the_numbers_that_were_written(tmp_path, kind, order):
    tifffile = pytest.importorskip("tifffile")
    low, high = (0, 1) if kind == "?" else (-90, 90) if kind == "f4" else (np.iinfo(kind).min, np.iinfo(kind).max)
    pages = (RNG.uniform(size=(4, 9, 9)) * (float(high) - low) + low).round().astype(kind)
    tifffile.imwrite(tmp_path / "x.tif", pages, photometric="minisblack", byteorder=order)
    data = un.read(tmp_path / "x.tif", groups="page")
    np.testing.assert_array_equal(data.x, pages)
    np.testing.assert_array_equal(data.groups, range(4))


@pytest.mark.parametrize(
    ("pages", "how", "reason"),
    [
        (np.zeros((2, 9, 9), "f8"), {}, "a TIFF of a kind that Pillow does not read, such as floats of 64 bits"),
        (np.zeros((2, 9, 9, 3), "u2"), {}, "page 0 of .* has 16 bits a value, of which Pillow would keep 8"),
        (np.zeros((2, 9, 9), "u2"), {"mode": "L"}, "page 0 of .* has 16 bits a value, of which Pillow would keep 8"),
        (np.zeros((2, 9, 9, 4), "u1"), {}, "page 0 of .* is of mode RGBA; --mode L makes all grey and --mode RGB coloured"),
        (np.zeros((2, 9, 9), "u1"), {"length": "crop"}, "is nothing that can be done"),
    ],
)
def test_tiff_that_would_be_read_wrong_is_refused(tmp_path, pages, how, reason):
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "x.tif", pages, photometric="minisblack" if pages.ndim == 3 else "rgb")
    with pytest.raises(un.InputError, match=reason):
        un.read(tmp_path / "x.tif", **how)


def test_colour_odd_pages_and_what_is_no_tiff(tmp_path):
    from PIL import Image

    pages = RNG.integers(0, 255, (3, 9, 7, 3)).astype(np.uint8)
    first, *rest = map(Image.fromarray, pages)
    first.save(tmp_path / "x.tif", save_all=True, append_images=rest)
    np.testing.assert_array_equal(un.read(tmp_path / "x.tif").x, pages)
    assert un.read(tmp_path / "x.tif", mode="L").x.shape == (3, 9, 7, 1)
    first.save(tmp_path / "y.tif", save_all=True, append_images=[rest[0].resize((4, 4))])
    with pytest.raises(un.InputError, match=r"page 1 of .* has the shape \(4, 4, 3\) and uint8, the first \(9, 7, 3\)"):
        un.read(tmp_path / "y.tif")
    (tmp_path / "z.tif").write_bytes(b"nothing of the kind")
    with pytest.raises(un.InputError, match=r"z.tif cannot be read: it is damaged"):
        un.read(tmp_path / "z.tif")


def test_what_gdal_marks_as_missing_is_missing(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    x = np.random.default_rng(0).normal(size=(3, 5, 6)).astype("f4")
    marked = np.where(x > 1, np.float32(-9999), x)
    tifffile.imwrite(tmp_path / "x.tif", marked, photometric="minisblack", extratags=[(42113, "s", 0, "-9999", True)])
    np.testing.assert_array_equal(un.read(tmp_path / "x.tif").x[..., 0], np.where(x > 1, np.nan, x))
