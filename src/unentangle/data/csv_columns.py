"""Columns of comma-separated values."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import InputError


def read_csv(path: Path) -> dict[str, np.ndarray]:
    """Its columns by their names in the first line, or, if that holds numbers only, by their number.

    Whole numbers are read as such, other numbers as floats, everything else as words.

    Raises:
        InputError: if the file is not there or no text, its lines differ in length, or two columns have one name.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist; a .csv file is needed.")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [line for line in csv.reader(file) if line]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read: it is no text of comma-separated values.") from error
    if not lines:
        raise InputError(f"{path} is empty; a line of names and a line per row are needed.")
    for number, line in enumerate(lines):
        if len(line) != len(lines[0]):
            raise InputError(f"line {number + 1} of {path} has {len(line)} values; the first line has {len(lines[0])}.")
    named = not all(_is_number(word) for word in lines[0])
    names = lines[0] if named else [str(k) for k in range(len(lines[0]))]
    if len(set(names)) < len(names):
        raise InputError(f"{path} has two columns of one name among {', '.join(names)}; names must differ.")
    columns = list(zip(*lines[named:], strict=True)) or [()] * len(names)
    return {name: _column(words) for name, words in zip(names, columns, strict=True)}


def _column(words: Sequence[str]) -> np.ndarray:
    for kind in (int, float):
        try:
            return np.array([kind(word) for word in words])
        except (ValueError, OverflowError):
            continue
    return np.array(words)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
