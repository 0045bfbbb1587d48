"""FITS: images and tables of astronomy (the extra `astro`)."""

import gzip
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ..data.dataset import Dataset
from ..data.lengths import ragged
from ..errors import InputError, optional
from ..reading import Reading
from .arrays import check_size, damaged
from .named import Chosen, axes_of, can_be_rows, dataset, listed

FITS = (".fits", ".fit", ".fts", ".fz", ".fits.gz", ".fit.gz", ".fts.gz")


def read_fits(path: Path, groups: Any, x: str, factors: Chosen, how: Reading) -> Dataset:
    """The images of a FITS file, or the columns of its tables, as named arrays (`named.dataset`).

    An image (height, width) is one row, one of three axes a row each, and one of one axis one row. They are called by their
    names in the file, of which a second and third have their version behind a slash; those without a name `image/0`,
    `image/1` ... Columns of the only table are called as they are, else behind the table's name and a slash. Values are scaled
    as the file says, and what it says is missing is NaN. Words of the headers may be group keys and factors, where
    they are named.

    Args:
        path: the file.
        groups: a column, a word of the header such as `OBJECT`, the keys, or None.
        x: an image or column, or a pattern of such; with axes the image as it is, as in `: row time`.
        factors: columns and words of the header, by default all columns of one value per row; or they.
        how: `length`, for a column of rows of unlike length.

    Raises:
        InputError: if the file cannot be read, what is named is missing, or astropy is not installed.
    """
    fits = optional("astropy.io.fits", f"{path} is read", "'unentangle[astro]'")
    with damaged(path, "a FITS file"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of headers that keep to the standard loosely
        warnings.filterwarnings("error", "File may have been truncated")
        with _plain(path) as file, fits.open(file, memmap=False) as units:
            declared = sum(prod(u.shape) * abs(u.header.get("BITPIX", 8)) // 8 for u in units if u.is_image and u.shape)
            check_size(path, declared, path.stat().st_size)
            arrays = _images(units, lift=axes_of(x)[1] is None) | _columns(units, path, x, how)
            words = {
                k: v for u in reversed(units) for k, v in u.header.items() if k and isinstance(v, str | bool | int | float)
            }
        if not any(can_be_rows(array) for array in arrays.values()):
            raise InputError(f"{path} holds no images and no columns of rows; it holds {listed(arrays)}.")
        named = [groups] if isinstance(groups, str) else []
        named += list(factors) if isinstance(factors, Sequence) else []
        asked = {name: words[name] for name in named if name in words and name not in arrays}
        own = factors if factors is None or isinstance(factors, Mapping) else [name for name in factors if name not in asked]
        keys = None if isinstance(groups, str) and groups in asked else groups
        data = dataset(path, arrays, keys, x, own)
        if not asked:
            return data
        constant = {name: np.repeat(value, len(data)) for name, value in asked.items()}
        of_all = {**data.factors, **{name: constant[name] for name in asked if name != groups}}
        return replace(data, factors=of_all, groups=constant.get(groups) if keys is None else data.groups)


def _plain(path: Path) -> Any:
    """An open file of these bytes, unpacked."""
    return gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb")


def _images(units: Any, lift: bool) -> dict[str, np.ndarray]:
    """The images by their names; with `lift` as rows."""
    images = [(k, unit) for k, unit in enumerate(units) if unit.is_image and unit.shape and prod(unit.shape)]
    often = Counter(unit.name for _, unit in images)
    arrays = {}
    for k, unit in images:
        values = unit.data
        values = values.astype(values.dtype.newbyteorder("="))
        if lift and values.ndim < 3:
            values = values[None]
        if lift and values.ndim == 3 and values.shape[1] != values.shape[2]:
            values = values[..., None]  # two axes that differ would be a signal and its channels
        name = f"image/{k}" if unit.name in ("", "PRIMARY", "COMPRESSED_IMAGE") else unit.name
        arrays[name if often[unit.name] < 2 or name.startswith("image/") else f"{name}/{unit.ver}"] = values
    return arrays


def _columns(units: Any, path: Path, x: str, how: Reading) -> dict[str, np.ndarray]:
    """The columns of the tables by their names; those of unlike lengths are made one array."""
    tables = [unit for unit in units if not unit.is_image and hasattr(unit, "columns")]
    arrays = {}
    for number, unit in enumerate(tables):
        place = "" if len(tables) == 1 else f"{unit.name or f'table{number}'}/"
        columns, source = {}, np.arange(len(unit.data))
        for column in unit.columns:
            values = unit.data[column.name]
            if column.format.lstrip("0123456789")[:1] in "PQ":
                if how.length or x == place + column.name:
                    columns[column.name], source = _unlike(values, column.name, path, how)
                continue
            values = np.asarray(values)
            columns[column.name] = _without_null(values.astype(values.dtype.newbyteorder("=")), column)
        whole = len(unit.data)
        arrays |= {place + n: v[source] if len(v) == whole < len(source) else v for n, v in columns.items()}
    return arrays


def _unlike(values: Any, name: str, path: Path, how: Reading) -> tuple[np.ndarray, np.ndarray]:
    rows = [np.asarray(row) for row in values]
    rows = [row.astype(row.dtype.newbyteorder("=")) for row in rows]
    return ragged(rows, how, [f"row {k} of {name} in {path}" for k in range(len(rows))], f"the rows of {name} in {path}")


def _without_null(values: np.ndarray, column: Any) -> np.ndarray:
    """A column whose missing whole numbers are NaN."""
    if column.null in (None, "") or values.dtype.kind not in "iuf":
        return values
    null = float(column.null) * float(column.bscale or 1) + float(column.bzero or 0)
    missing = np.isclose(values, null, rtol=1e-12, atol=0) if values.dtype.kind == "f" else values == int(null)
    return np.where(missing, np.nan, values) if missing.any() else values
