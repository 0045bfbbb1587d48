import numpy as np
import pytest

from unentangle.metrics import strokes


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
