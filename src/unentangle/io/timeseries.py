"""Labelled time series in `.ts`, the text of sktime, aeon and the UEA archive."""

from pathlib import Path
from typing import Any

import numpy as np

from ..data.dataset import Dataset
from ..errors import InputError
from ..reading import Reading
from .columns import numbers
from .named import Chosen, axes_of, choose, joined
from .sniff import encoding_of, opened


def read_ts(path: Path, groups: Any, x: str, factors: Chosen, how: Reading) -> Dataset:
    """The series of a `.ts`, each a row (time, channel), or (time,) of one dimension; `class` is its label, if it has one.

    Args:
        path: the file: lines with `@` say what it holds, a line below them has the dimensions of a series, separated by colons,
            and its label last; `?` is a missing value.
        groups: "class" for the label, or "target" if it is a number to be predicted; or keys; or None.
        x: "x", as there is nothing else.
        factors: the names of those labels that are factors, or the factors.

    Raises:
        InputError: if the file cannot be read, has time stamps, or its series differ in dimensions, or in length and `how` does
            not say what is done about it.
    """
    if axes_of(x) != ("x", None):
        raise InputError(f"x={x!r} is nothing in {path}, a .ts file, which holds series of time and channel only.")
    if not path.is_file():
        raise InputError(f"{path} does not exist; a .ts file is needed.")
    with opened(path, encoding_of(path)) as file:
        lines = [(k, line.strip()) for k, line in enumerate(file, 1) if line.strip() and not line.startswith("#")]
    about = {words[0].lower(): words[1:] for _, line in lines if line.startswith("@") and (words := line[1:].split())}
    rows = [(number, line.split(":")) for number, line in lines if not line.startswith("@")]
    if "data" not in about or not rows:
        raise InputError(f"{path} is no .ts file: it needs a line @data, and below it a line per series.")
    if about.get("timestamps", ["false"])[0].lower() == "true":
        raise InputError(f"{path} has a time stamp with every value; save its series at even steps, without them.")
    label = next((key for key in ("classlabel", "targetlabel") if about.get(key, ["false"])[0].lower() == "true"), None)
    labels = [parts.pop().strip() for _, parts in rows] if label else []
    series = [_series(path, number, parts) for number, parts in rows]
    if odd := [number for (number, _), one in zip(rows, series, strict=True) if one.shape[0] != series[0].shape[0]]:
        raise InputError(
            f"line {odd[0]} of {path} has another number of dimensions than the first series, which has {series[0].shape[0]}."
        )
    name = {"classlabel": "class", "targetlabel": "target", None: ""}[label]
    values = {name: numbers(labels)} if label else {}
    names = [f"the series in line {number} of {path}" for number, _ in rows]
    if len({one.shape for one in series}) == 1:
        together = np.stack(series)
        return choose(path, together[:, 0] if together.shape[1] == 1 else together.transpose(0, 2, 1), values, groups, factors)
    flat = series[0].shape[0] == 1
    rows_of = joined([one[0] for one in series] if flat else series, ("time",) if flat else ("channel", "time"), names)
    return choose(path, rows_of, values, groups, factors)


def _series(path: Path, number: int, parts: list[str]) -> np.ndarray:
    """The dimensions of a series (channel, time)."""
    try:
        each = [np.array([float(w) if w.strip() not in ("?", "NaN") else np.nan for w in part.split(",")]) for part in parts]
    except ValueError as error:
        raise InputError(f"line {number} of {path} holds what is no number: {error}.") from error
    if len({len(one) for one in each}) != 1:
        raise InputError(f"the dimensions in line {number} of {path} differ in length; all of a series must agree.")
    return np.stack(each)
