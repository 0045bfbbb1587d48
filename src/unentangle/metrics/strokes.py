"""The style of a written character, from the moments of its ink: how it leans, how thick its strokes are, how wide it is."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ..errors import InputError


class Strokes(NamedTuple):
    """One number per image."""

    slant: Float[np.ndarray, " n"]  # horizontal shift of the ink per pixel of height: positive leans to the right
    thickness: Float[np.ndarray, " n"]  # of a stroke, in pixels
    aspect: Float[np.ndarray, " n"]  # width over height, both as standard deviations of the ink


def strokes(images: Float[np.ndarray, "n height width"]) -> Strokes:
    """Slant, thickness and aspect of images whose ink is bright, on any scale of brightness.

    Ink is what lies above the darkest value of the image. Slant is minus Cov(x, y) / Var(y) with y downwards, which deslanting
    uses; thickness is four times the mean distance to the background inside the ink (the mean over a bar of width w of the
    distance to its edge is w / 4), the ink being what is brighter than half of the brightest. Without ink, or with ink in one
    row of pixels only, there is no slant (NaN).

    Raises:
        InputError: if the images have another shape, as a single one has.
    """
    images = np.asarray(images, float)
    if images.ndim != 3:
        raise InputError(f"images has shape {images.shape}; (n, height, width) is needed, of one image (1, height, width).")
    ink = images - images.min(axis=(1, 2), keepdims=True)
    y, x = np.mgrid[: images.shape[1], : images.shape[2]]
    with np.errstate(invalid="ignore", divide="ignore"):
        weight = ink / ink.sum(axis=(1, 2), keepdims=True)
        mean_x, mean_y = (np.sum(weight * c, axis=(1, 2)) for c in (x, y))
        dx, dy = x - mean_x[:, None, None], y - mean_y[:, None, None]
        xx, yy, xy = (np.sum(weight * product, axis=(1, 2)) for product in (dx * dx, dy * dy, dx * dy))
        slant, aspect = -xy / yy, np.sqrt(xx / yy)
    return Strokes(slant, np.array([_thickness(one) for one in ink]), aspect)


def _thickness(ink: Float[np.ndarray, "height width"], fine: int = 4) -> float:
    """By linear interpolation between pixels, because strokes are as thin as two of them."""
    from scipy.ndimage import distance_transform_edt, zoom

    inside = zoom(np.pad(ink, 1), fine, order=1, grid_mode=True, mode="nearest") > ink.max() / 2
    if not inside.any():
        return float("nan")
    to_edge = np.asarray(distance_transform_edt(inside))[inside] - 0.5  # not to the middle of the first pixel outside
    return float(4 * np.mean(to_edge) / fine)
