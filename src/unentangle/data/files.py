"""Files of arrays: one call, `read`."""

import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPException
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.request import urlopen
from zipfile import BadZipFile, ZipFile

import numpy as np

from ..errors import InputError
from ..storage import write
from .csv_columns import read_csv
from .dataset import Dataset
from .images import hidden, image_files, images

# What zipfile and numpy raise where a file is cut short, altered, encrypted or something else.
DAMAGED = (ValueError, OSError, EOFError, KeyError, RuntimeError, BadZipFile, zlib.error)


def local_folder(name: str) -> Path:
    """Where files of other makers lie: a folder of this name in the one that the environment variable UNENTANGLE_DATA names.

    Raises:
        InputError: if the variable is not set.
    """
    if not (root := os.environ.get("UNENTANGLE_DATA")):
        raise InputError(f"UNENTANGLE_DATA is not set; let it name the folder in which the folder {name} holds the files.")
    return Path(root) / name


def original(path: Path, known: str, checksum: Callable[[bytes], str], sources: Sequence[str], download: bool) -> bytes:
    """The content of a published file of known checksum; with `download`, fetched from the first source that has it, and kept.

    Raises:
        InputError: if the file is missing, is not the original, or cannot be fetched.
    """
    if path.exists():
        content = path.read_bytes()
        if (found := checksum(content)) != known:
            raise InputError(f"{path} has the checksum {found}, the original {known}; put the original there in its place.")
        return content
    if not download:
        raise InputError(f"{path} is not there; put the original file {path.name} into {path.parent}, or say download=True.")
    why = []
    for source in sources:
        try:
            with urlopen(source, timeout=60) as answer:
                content = answer.read()
        except (OSError, HTTPException) as error:
            why.append(f"{source}: {error}")
            continue
        if checksum(content) == known:
            write(path, content)
            return content
        why.append(f"{source}: not the original")
    raise InputError(f"{path.name} could not be fetched ({'; '.join(why)}); put the original file into {path.parent}.")


def read(path: str | Path, groups: Any = "groups", x: str = "x", factors: Sequence[str] | None = None) -> Dataset:
    """Read a data set from a `.npz` or `.npy` file, from a folder or zip of `.npy` files, or from a folder of images.

    Args:
        path: a `.npz` with the rows under the name `x` and, under other names, one value per row: the group keys, and
            factors. Or a `.npy` of rows, which stays on disk. Or a folder or `.zip` whose `.npy` files are rows of one shape,
            with factors in their names: numbers joined by `_`, as in `0.205_10.000.npy`. Or a folder of `.png` and `.jpg` files
            of one size (`images` also scales them, and reads factors).
        groups: the name of the group keys inside the `.npz` or of a factor in the file names, or the keys themselves, or the
            path of a `.npy` of keys, or None for no groups. The default name "groups" may be absent.
        x: the name of the rows inside the `.npz`.
        factors: for a `.npz`, which arrays are factors, by default every other one-dimensional one of the same length; for a
            folder or zip, what the numbers in the file names are, in their order.

    Raises:
        InputError: if the file cannot be read, or a named array is missing (the sentence lists those that are there).
    """
    path = Path(path)
    if path.is_dir() and not any(path.rglob("*.npy")) and image_files(path):
        if factors is not None or (isinstance(groups, str) and groups != "groups"):
            raise InputError(f"{path} holds images, so there are no factors in it; data.images reads them from a .csv.")
        data = images(path)
        return data if groups is None or isinstance(groups, str) else Dataset(data.x, groups=groups)
    if path.is_dir() or path.suffix == ".zip":
        return _named_files(path, groups, factors)
    if path.suffix not in (".npz", ".npy"):
        raise InputError(f"{path} is not a .npz or .npy file, nor a folder or .zip of .npy; these can be read.")
    if path.suffix == ".npy":
        if factors is not None:
            raise InputError(f"{path} holds rows only, so there are no factors in it.")
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
    if missing := [name for name in factors or () if name not in arrays]:
        raise InputError(f"{path} has no array {', '.join(missing)} to be a factor; it holds {', '.join(arrays)}.")
    used = {x, groups} if isinstance(groups, str) else {x}
    found = {name: a for name, a in arrays.items() if name not in used and rows.ndim and a.shape == rows.shape[:1]}
    return Dataset(rows, found if factors is None else {name: arrays[name] for name in factors}, keys)


def read_table(path: str | Path) -> dict[str, np.ndarray]:
    """Named columns of one value per row, from a `.csv`, `.npz` or `.npy` file.

    Args:
        path: a `.csv` whose first line names the columns, unless it holds numbers only; a `.npz` of columns, or of one table;
            or a `.npy` table (rows, columns). Columns without a name are called by their number. Numbers are read as numbers,
            everything else as words.

    Raises:
        InputError: if the file cannot be read, or its lines differ in length.
    """
    path = Path(path)
    if path.suffix == ".csv":
        return read_csv(path)
    if path.suffix not in (".npz", ".npy"):
        raise InputError(f"{path} is not a .csv, .npz or .npy file; a table is read from these.")
    content = _load(path)
    arrays = content if isinstance(content, dict) else {"table": content}
    if len(arrays) == 1 and (whole := next(iter(arrays.values()))).ndim == 2:
        return {str(k): column for k, column in enumerate(whole.T)}
    if odd := [f"{name} {a.shape}" for name, a in arrays.items() if a.ndim != 1]:
        raise InputError(f"{path} holds {', '.join(odd)}; columns of one value per row are needed.")
    return arrays


def _named_files(path: Path, groups: Any, factors: Sequence[str] | None) -> Dataset:
    if factors is not None and (isinstance(factors, str) or len(set(factors)) < len(factors)):
        raise InputError(f"factors={factors!r}; a list of different names is needed, one for each number in the file names.")
    rows, numbers = [], []
    for name, row in _npy_files(path):
        parts = Path(name).stem.split("_")
        try:
            numbers.append([float(part) for part in parts])
            if not np.isfinite(numbers[-1]).all():
                raise ValueError("not finite")
        except ValueError as error:
            what = f"{len(factors)} numbers" if factors else "numbers"
            raise InputError(f"{name} in {path} is not {what} joined by _, such as 0.205_10.000.npy.") from error
        if len(parts) != len(factors or numbers[0]):
            raise InputError(
                f"{name} in {path} has {len(parts)} number(s) in its name; {len(factors or numbers[0])} are needed."
            )
        if row.shape != (rows or [row])[0].shape:
            raise InputError(f"{name} in {path} has shape {row.shape}; the first file has {rows[0].shape}, and all must agree.")
        rows.append(row)
    if not rows:
        raise InputError(f"{path} holds no .npy files; one for each row is needed.")
    names = factors or [f"factor_{i + 1}" for i in range(len(numbers[0]))]
    columns = dict(zip(names, np.array(numbers).T, strict=True))
    if isinstance(groups, str) and groups not in columns and groups != "groups":
        raise InputError(f"the names of the files in {path} have no factor {groups!r}; they have {', '.join(columns)}.")
    return Dataset(np.stack(rows), columns, columns.get(groups) if isinstance(groups, str) else groups)


def _npy_files(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays of a folder or zip and of the folders in it, sorted by name; hidden files are left out."""
    if path.is_dir():
        for file in sorted(path.rglob("*.npy")):
            if not hidden(file.relative_to(path)):
                yield file.name, _load(file)
        return
    if not path.is_file():
        raise InputError(f"{path} does not exist; a .zip of .npy files is needed.")
    try:
        with ZipFile(path) as archive:
            for name in sorted(n for n in archive.namelist() if n.endswith(".npy") and not hidden(Path(n))):
                yield name, _array(path, name, archive)
    except (OSError, BadZipFile) as error:
        raise InputError(f"{path} cannot be read: it is damaged or no zip.") from error


def _array(path: Path, name: str, archive: ZipFile) -> np.ndarray:
    try:
        return np.load(BytesIO(archive.read(name)), allow_pickle=False)
    except DAMAGED as error:
        raise InputError(f"{name} in {path} cannot be read: it is damaged, encrypted or no numeric array.") from error


def _load(path: Path, mmap_mode: Any = None) -> Any:
    if not path.is_file():
        raise InputError(f"{path} does not exist; a .npz or .npy file is needed.")
    try:
        if path.suffix == ".npy":
            return np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
        with path.open("rb") as file:
            return dict(np.load(file, allow_pickle=False))
    except DAMAGED as error:
        reason = "it holds Python objects" if "allow_pickle" in str(error) else "it is damaged or not what its name says"
        raise InputError(
            f"{path} cannot be read: {reason}; numeric arrays written by numpy.save or savez are needed."
        ) from error
