"""A real marine common-receiver gather: 60 neighbouring shots, 4 s each."""

from pathlib import Path

import numpy as np

from ..data.dataset import Dataset
from ..errors import InputError
from ..io.files import read
from .originals import local_folder


def mobil(file: str | Path | None = None, *, shots: int = 6) -> Dataset:
    """60 traces of one receiver, 1,000 samples at 4 ms, in groups of neighbouring shots.

    Neighbours see nearly the same subsurface: what a group shares is the place along the line. The file holds no geometry, so
    that the number of the shot is all that is known of it.

    Args:
        file: by default seismic/mobil.npy in the folder that the environment variable UNENTANGLE_DATA names.
        shots: in a group; the last group may be smaller.

    Returns:
        rows (60, 1000) float32, with the factor `shot`, 0 .. 59.

    Raises:
        InputError: if the file is missing or not (60, 1000) numbers, or shots < 1.
    """
    path = local_folder("seismic/mobil.npy") if file is None else Path(file)
    x = np.asarray(read(path).x)
    if x.shape != (60, 1000) or x.dtype != np.float32:
        raise InputError(f"{path} holds {x.dtype}{x.shape}; float32(60, 1000) is needed.")
    if shots < 1:
        raise InputError(f"shots={shots}; at least 1 shot in a group is needed.")
    shot = np.arange(len(x))
    return Dataset(x, {"shot": (shot, "continuous")}, groups=shot // shots)
