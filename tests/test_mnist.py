import os
from pathlib import Path

import numpy as np
import pytest

import unentangle as un
from unentangle.data.mnist import FILES, idx
from unentangle.metrics import strokes

FOLDER = Path(os.environ.get("UNENTANGLE_DATA", "missing")) / "mnist"
with_originals = pytest.mark.skipif(not FOLDER.exists(), reason="the original MNIST files are not in UNENTANGLE_DATA/mnist")


def test_idx_holds_its_own_shape():
    rows = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    content = b"\0\0\x08\x03" + np.array(rows.shape, ">u4").tobytes() + rows.tobytes()
    np.testing.assert_array_equal(idx(content), rows)
    with pytest.raises(un.InputError, match="begins with 0, 0, 8, this one with 1, 2, 3"):
        idx(b"\1\2\3\1")


def test_what_is_missing_or_wrong_is_named(tmp_path):
    name = next(iter(FILES["test"]))
    with pytest.raises(un.InputError, match=rf"{name} is not there; put the original file"):
        un.data.mnist(tmp_path, "test")
    (tmp_path / name).write_bytes(b"something else")
    with pytest.raises(un.InputError, match="has the md5 sum"):
        un.data.mnist(tmp_path, "test")
    with pytest.raises(un.InputError, match="split='valid' is unknown"):
        un.data.mnist(tmp_path, "valid")


@with_originals
def test_groups_are_of_one_digit_and_full():
    data = un.data.mnist(FOLDER, "test", n_tau=21)
    digit, groups = data.factors["state"], data.group
    assert data.row_shape == (28, 28)
    assert data.x.dtype == np.uint8
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]  # of the published test set
    assert np.bincount(digit).tolist() == [count // 21 * 21 for count in counts]
    assert set(np.bincount(groups)) == {21}
    assert all(len(set(digit[groups == g])) == 1 for g in range(groups.max() + 1))
    assert len(un.data.mnist(FOLDER, "test", limit=1000)) <= 1000
    with pytest.raises(un.InputError, match="n_tau=2000"):
        un.data.mnist(FOLDER, "test", n_tau=2000)


# -- strokes --------------------------------------------------------------------------------------------------------------


def ellipse(width, height, lean=0.0, size=60):
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return (((x + lean * y) / width) ** 2 + (y / height) ** 2 <= 1).astype(float)


def test_an_upright_ellipse_is_as_wide_as_it_is():
    slant, _, aspect = strokes(ellipse(8, 20)[None])
    assert slant[0] == pytest.approx(0, abs=1e-9)
    assert aspect[0] == pytest.approx(8 / 20, rel=0.02)


@pytest.mark.parametrize("lean", [-0.4, 0.3, 0.7])
def test_slant_is_the_shear(lean):
    assert strokes(ellipse(8, 20, lean)[None]).slant[0] == pytest.approx(lean, abs=0.02)


@pytest.mark.parametrize("width", [2, 3, 5, 8])
def test_a_long_bar_is_as_thick_as_it_is(width):
    bar = np.zeros((60, 30))
    bar[2:58, 10 : 10 + width] = 1
    assert strokes(bar[None]).thickness[0] == pytest.approx(width, rel=0.12)


def test_strokes_know_no_brightness():
    images = np.stack([ellipse(8, 20, 0.3), ellipse(5, 9)])
    for bright, plain in zip(strokes(200 * images - 7), strokes(images), strict=True):
        np.testing.assert_allclose(bright, plain, rtol=1e-6)


def test_an_empty_image_has_no_strokes():
    assert all(np.isnan(values).all() for values in strokes(np.zeros((2, 28, 28))))
