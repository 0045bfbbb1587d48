"""dSprites (Matthey, Higgins, Hassabis, Lerchner, 2017): a white shape on black, every combination of five factors once.

The published file holds 737,280 images of 64 x 64, 3 GB as bytes; they are read in chunks and kept in bits, 377 MB.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha1
from math import prod
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
from jaxtyping import Bool, Int, UInt8

from ..data.dataset import Dataset
from ..data.packed import Packed
from ..errors import InputError
from ..io.arrays import DAMAGED, read_header
from .originals import local_folder, original

FILE = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
SUBSET = "dsprites_downsampled.npz"
BLOB = "d98996d3f8ee1550e06b9d4ed78d0beb478910d5"  # the published file as git names it
SOURCES = (
    f"https://raw.githubusercontent.com/google-deepmind/dsprites-dataset/master/{FILE}",
    f"https://github.com/google-deepmind/dsprites-dataset/raw/master/{FILE}",
    f"https://archive.softwareheritage.org/api/1/content/sha1_git:{BLOB}/raw/",
)
CLASSES = {"shape": 3, "scale": 6, "orientation": 40, "x": 32, "y": 32}

Which = int | slice | Sequence[int] | np.ndarray
ALL = slice(None)
CHUNK = 1024  # images read at a time


def dsprites(
    path: str | Path | None = None,
    *,
    shape: Which = ALL,
    scale: Which = ALL,
    orientation: Which = ALL,
    x: Which = ALL,
    y: Which = ALL,
    download: bool = False,
) -> Dataset:
    """The images of a full or partial grid of the factors, in the order of the file, in which y changes fastest.

    Args:
        path: the published file, another of its layout (with `original_dataset_indices`, if it holds a part of the images),
            or a folder; by default the folder `dsprites` in the one that the environment variable UNENTANGLE_DATA names. Of a
            folder the published file is read, or else `dsprites_downsampled.npz`.
        shape: which of the published classes are wanted, an index of the 3 as numpy takes it: 0 is the square, 1 the ellipse,
            2 the heart. A slice means those of its classes that are in the file; of numbers, all must be there.
        scale: which of the 6, from half to full size.
        orientation: which of the 40, from 0 to 2 pi.
        x: which of the 32, from left to right.
        y: which of the 32, from top to bottom.
        download: fetch the published file if it is not there.

    Returns:
        rows (n, 64, 64) of 0 and 1, `Packed`, with the factors `shape` (categorical, its class) and `scale`, `orientation` in
        radians, `x` and `y` (continuous, float32). The colour is left out: all are white.

    Raises:
        InputError: if the file is missing, damaged or not the original, or has no image of what is wanted.
    """
    path = _file(local_folder("dsprites") if path is None else Path(path).expanduser(), download)
    try:
        with ZipFile(path) as archive:
            classes, values = _latents(archive)
            indices = zip(CLASSES, classes.T, (shape, scale, orientation, x, y), strict=True)
            wanted = np.all([_grid(path, *factor) for factor in indices], axis=0)
            with archive.open("imgs.npy") as file:
                images = Packed.of(chunk[wanted[part]] for part, chunk in _chunks(file, len(wanted)))
    except InputError:
        raise
    except DAMAGED as error:
        raise InputError(f"{path} cannot be read: it is damaged or not a file of dSprites ({error}).") from error
    columns = zip(CLASSES, values[wanted].T.astype(np.float32), strict=True)
    factors = {name: column.copy() for name, column in columns}  # of no declared kind: measures see their grid
    return Dataset(images, factors | {"shape": (classes[wanted, 0].astype(np.int8), "categorical")})


def _file(path: Path, download: bool) -> Path:
    """The file that a path means, checked if it is the published one."""
    file = path if path.suffix == ".npz" else path / FILE
    if file.name == FILE:
        if not (download or file.exists()) and (path / SUBSET).exists():
            return path / SUBSET
        original(file, BLOB, _git_blob, SOURCES, download, "dsprites")
    if not file.exists():
        raise InputError(f"{file} does not exist; the published {FILE}, or another of its layout, is needed.")
    return file


def _git_blob(content: bytes) -> str:
    """What `git hash-object` says of a file."""
    return sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _latents(archive: ZipFile) -> tuple[Int[np.ndarray, "n 5"], np.ndarray]:
    """The classes in the published numbering and the values of shape, scale, orientation, x and y, without the colour."""

    def array(name: str) -> np.ndarray:
        with archive.open(f"{name}.npy") as file:
            return np.lib.format.read_array(file, allow_pickle=False)

    if "original_dataset_indices.npy" in archive.namelist():
        classes = np.stack(np.unravel_index(array("original_dataset_indices"), tuple(CLASSES.values())), axis=1)
    else:
        classes = array("latents_classes")[:, -5:]
    values = array("latents_values")[:, -5:]
    if not classes.shape == values.shape == (len(classes), 5):
        raise ValueError(f"its classes are of shape {classes.shape}, its values {values.shape}")
    return classes, values


def _grid(path: Path, name: str, classes: Int[np.ndarray, " n"], which: Which) -> Bool[np.ndarray, " n"]:
    """The images of the wanted classes of one factor."""
    there = np.unique(classes)
    try:
        wanted = np.atleast_1d(np.arange(CLASSES[name])[which])
    except IndexError as error:
        raise InputError(f"{name}={which!r}; an index of its {CLASSES[name]} classes is needed.") from error
    present = np.isin(wanted, there)
    if not (present.any() if isinstance(which, slice) else present.all() and present.size):
        raise InputError(f"{name}={which!r}; of its {CLASSES[name]} classes, {path} has {', '.join(map(str, there))}.")
    return np.isin(classes, wanted)


def _chunks(file: Any, n: int) -> Iterator[tuple[slice, UInt8[np.ndarray, "some height width"]]]:
    """The n images of an open `.npy`, a few at a time, with their places."""
    (number, *image), by_column, dtype = read_header(file)
    if number != n or len(image) != 2 or by_column or dtype != np.uint8:
        raise ValueError(f"its images are {dtype} of shape {(number, *image)}, for {n} rows of factors")
    for start in range(0, n, CHUNK):
        part = slice(start, min(start + CHUNK, n))
        shape = (part.stop - start, *image)
        images = np.frombuffer(file.read(prod(shape)), np.uint8).reshape(shape)
        if images.max(initial=0) > 1:
            raise ValueError("its images hold other values than 0 and 1")
        yield part, images
