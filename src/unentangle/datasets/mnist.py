"""MNIST (LeCun, Cortes, Burges): handwritten digits as in SymAE's section 3.2, grouped by the digit they show."""

import gzip
from hashlib import md5
from numbers import Integral
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from jaxtyping import UInt8

from ..data.dataset import Dataset
from ..errors import InputError
from .originals import local_folder, original

Split = Literal["train", "test"]

SOURCE = "https://ossci-datasets.s3.amazonaws.com/mnist"
FILES = {  # images and labels, with the md5 sums of the originals as they are and compressed
    "train": {
        "train-images-idx3-ubyte": ("6bbc9ace898e44ae57da46a324031adb", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        "train-labels-idx1-ubyte": ("a25bea736e30d166cdddb491f175f624", "d53e105ee54ea40749a09fcbcd1e9432"),
    },
    "test": {
        "t10k-images-idx3-ubyte": ("2646ac647ad5339dbf082846283269ea", "9fb629c4189551a2d022fa330f9573f3"),
        "t10k-labels-idx1-ubyte": ("27ae3e4e09519cfbb04c329615203637", "ec29112dd5afa0611ce80d1b7f02629c"),
    },
}


def mnist(
    folder: str | Path | None = None,
    split: Split = "train",
    *,
    n_tau: int = 20,
    limit: int | None = None,
    download: bool = False,
) -> Dataset:
    """Images in groups of n_tau of one digit, in the order of the file; what does not fill a group is left out.

    Args:
        folder: where the four original files are, compressed (.gz) or not, or are put by `download`; by default the folder
            `mnist` in the one that the environment variable UNENTANGLE_DATA names.
        split: "train", 60,000 images, or "test", 10,000 by other writers.
        n_tau: instances per group.
        limit: take only the first so many images of the file.
        download: fetch files that are not there from their public copy.

    Returns:
        rows (n, 28, 28) uint8, sorted by digit, with the factor `state`, the digit.

    Raises:
        InputError: if a file is missing or is not the original, or if no group can be filled.
    """
    if split not in get_args(Split):
        raise InputError(f"split={split!r} is unknown; it is train or test.")
    for name, number in (("n_tau", n_tau), ("limit", limit)):
        if number is not None and (not isinstance(number, Integral) or number < 1):
            raise InputError(f"{name}={number!r}; a whole number of at least 1 is needed.")
    folder = local_folder("mnist") if folder is None else Path(folder)
    images, labels = (idx(_file(folder / name, *sums, download, split))[:limit] for name, sums in FILES[split].items())
    counts = np.bincount(labels)
    if n_tau > counts.max():
        raise InputError(f"n_tau={n_tau}; there are at most {counts.max()} images of a digit.")
    order = np.argsort(labels, kind="stable")
    position = np.concatenate([np.arange(count) for count in counts])
    full = position < (counts // n_tau * n_tau)[labels[order]]
    order, position = order[full], position[full]
    digit = labels[order].astype(int)
    return Dataset(images[order], {"state": (digit, "categorical")}, groups=digit * len(images) + position // n_tau)


def _file(path: Path, plain: str, compressed: str, download: bool, split: str) -> bytes:
    """The content of an original, which may lie there with or without .gz."""
    packed = path.with_name(f"{path.name}.gz")
    if path.exists() and not packed.exists():
        return original(path, plain, _md5, [], download, "mnist")
    return gzip.decompress(original(packed, compressed, _md5, [f"{SOURCE}/{packed.name}"], download, f"mnist --split {split}"))


def idx(content: bytes) -> UInt8[np.ndarray, "..."]:
    """An array of bytes in the idx format: two zeros, 8 for bytes, the number of axes, their sizes, the values."""
    if content[:3] != b"\0\0\x08":
        raise InputError(f"an idx file of bytes begins with 0, 0, 8, this one with {', '.join(map(str, content[:3]))}.")
    axes = content[3]
    shape = np.frombuffer(content, ">u4", count=axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)


def _md5(content: bytes) -> str:
    return md5(content, usedforsecurity=False).hexdigest()
