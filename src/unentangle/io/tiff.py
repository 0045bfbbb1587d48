"""TIFF: the pages of a stack, as microscopes write them, are rows."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from ..data.dataset import Dataset
from ..errors import InputError
from ..reading import Reading
from .arrays import check_size, damaged
from .named import Chosen, axes_of, choose, joined
from .sniff import is_number

TIFF = (".tif", ".tiff")
BITS, DESCRIPTION, FORMAT, NODATA = 258, 270, 339, 42113  # the numbers of TIFF's tags, and of GDAL's for what is missing
KINDS = {1: "u", 2: "i", 3: "f"}  # what the tag of the format says
MODES = ("1", "L", "I", "F", "RGB", "I;16", "I;16L", "I;16B", "I;16N")


def read_tiff(path: Path, groups: Any, x: str, factors: Chosen, how: Reading) -> Dataset:
    """The pages of a TIFF, each a row (height, width) or (height, width, 3), with their numbers as the factor `page`.

    Args:
        path: the file.
        groups: `page`, or the keys, or None.
        x: its names of axes only, as of any file.
        factors: `page`, by default if there are several; or the factors.
        how: `mode`, to make all pages grey or coloured.

    Raises:
        InputError: if the file cannot be read, its pages differ, or Pillow does not read them as they are meant.
    """
    from PIL import Image, UnidentifiedImageError

    with damaged(path, "a TIFF"):
        try:
            image: Any = Image.open(path, formats=["TIFF"])
        except UnidentifiedImageError as error:
            if path.read_bytes()[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
                raise
            raise InputError(
                f"{path} is a TIFF of a kind that Pillow does not read, such as floats of 64 bits; save it with 8 or 16 bits "
                "or floats of 32 bits a value, or as .npy."
            ) from error
        except Image.DecompressionBombError as error:
            raise InputError(f"{path} has more pixels a page than Pillow reads; save it as .npy.") from error
        with image:
            count = getattr(image, "n_frames", 1)
            told = re.match(r"ImageJ=.*?^images=(\d+)", str(image.tag_v2.get(DESCRIPTION, "")), re.DOTALL | re.MULTILINE)
            if told and int(told[1]) != count:
                raise InputError(
                    f"{path} holds {told[1]} images of ImageJ, of which {count} can be read; save them as one page each."
                )
            check_size(path, count * image.size[0] * image.size[1], path.stat().st_size)
            gap = str(image.tag_v2.get(NODATA, "")).strip("\0 ")
            pages = [_page(image, number, path, how) for number in range(count)]
    for number, page in enumerate(pages):
        if (page.shape, page.dtype) != (pages[0].shape, pages[0].dtype):
            raise InputError(
                f"page {number} of {path} has the shape {page.shape} and {page.dtype}, the first {pages[0].shape} and "
                f"{pages[0].dtype}; all must agree."
            )
    axes, rows = axes_of(x)[1], np.stack(pages)
    if is_number(gap) and (gone := rows == (rows.dtype.type if rows.dtype.kind == "f" else float)(gap)).any():
        rows = np.where(gone, np.nan, rows.astype(np.result_type(rows, np.float32)))
    if axes is None and rows.ndim == 3 and rows.shape[1] != rows.shape[2]:
        rows = rows[..., None]  # two axes that differ would be a signal and its channels
    columns = {"page": np.arange(count)} if count > 1 else {}
    return choose(path, joined([rows], axes, [path.name]), columns, groups, factors, {"page": np.arange(count)})


def _page(image: Any, number: int, path: Path, how: Reading) -> np.ndarray:
    """A page as numbers of the type that its tags say, which Pillow does not keep to."""
    image.seek(number)
    image.load()
    bits, kinds = image.tag_v2.get(BITS, (1,)), image.tag_v2.get(FORMAT, (1,))
    declared = np.dtype(f"{KINDS.get(kinds[0], 'u')}{bits[0] // 8}") if bits[0] in (8, 16, 32, 64) else np.dtype("u1")
    if image.mode not in MODES and not (how.mode and declared == np.uint8):
        raise InputError(f"page {number} of {path} is of mode {image.mode}; --mode L makes all grey and --mode RGB coloured.")
    values = np.array(image)
    values = values.astype(values.dtype.newbyteorder("="))
    if values.dtype.itemsize < declared.itemsize or (how.mode and declared != np.uint8):
        raise InputError(
            f"page {number} of {path} is of mode {image.mode} and has {bits[0]} bits a value, of which Pillow would keep 8; "
            "save it with 8, or as .npy."
        )
    if how.mode is not None:
        return np.array(image.convert(how.mode))
    return values.view(declared) if values.dtype.itemsize == declared.itemsize > 0 and values.dtype != bool else values
