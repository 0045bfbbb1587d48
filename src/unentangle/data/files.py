"""Files of arrays: one call, `read`."""

from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from ..errors import InputError
from .dataset import Dataset


def read(path: str | Path, groups: Any = "groups", x: str = "x") -> Dataset:
    """Read a data set from a `.npz` or `.npy` file.

    Args:
        path: a `.npz` with the rows under the name `x` and, under other names, one value per row: the group keys, and
            factors (every other one-dimensional array of the same length). Or a `.npy` of rows, which stays on disk.
        groups: the name of the group keys inside the `.npz`, or the keys themselves, or the path of a `.npy` of keys, or
            None for no groups. The default name "groups" may be absent.
        x: the name of the rows inside the `.npz`.

    Raises:
        InputError: if the file cannot be read, or a named array is missing (the sentence lists those that are there).
    """
    path = Path(path)
    if path.suffix not in (".npz", ".npy"):
        raise InputError(f"{path} is not a .npz or .npy file; these are the formats that can be read.")
    if path.suffix == ".npy":
        if isinstance(groups, str) and not groups.endswith(".npy") and groups != "groups":
            raise InputError(f"{path} holds rows only, so there is no {groups!r} in it; give the keys, or a .npy file of keys.")
        keys = _load(Path(groups)) if isinstance(groups, str) and groups.endswith(".npy") else groups
        return Dataset(_load(path, mmap_mode="r"), groups=None if isinstance(keys, str) else keys)
    arrays = _load(path)
    if x not in arrays:
        raise InputError(f"{path} has no array {x!r}; it holds {', '.join(arrays) or 'nothing'}.")
    keys = groups
    if isinstance(groups, str):
        if groups not in arrays and groups != "groups":
            raise InputError(f"{path} has no array {groups!r}; it holds {', '.join(arrays)}.")
        keys = arrays.get(groups)
    rows = arrays[x]
    used = {x, groups} if isinstance(groups, str) else {x}
    factors = {name: a for name, a in arrays.items() if name not in used and rows.ndim and a.shape == rows.shape[:1]}
    return Dataset(rows, factors, keys)


def _load(path: Path, mmap_mode: Any = None) -> Any:
    if not path.is_file():
        raise InputError(f"{path} does not exist; a .npz or .npy file is needed.")
    try:
        if path.suffix == ".npy":
            return np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
        with path.open("rb") as file:
            return dict(np.load(file, allow_pickle=False))
    except (ValueError, OSError, EOFError, BadZipFile, KeyError) as error:
        reason = "it holds Python objects" if "allow_pickle" in str(error) else "it is damaged or not what its name says"
        raise InputError(
            f"{path} cannot be read: {reason}; numeric arrays written by numpy.save or savez are needed."
        ) from error
