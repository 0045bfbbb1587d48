"""Files that hold one recording each, as sounds and EEG: a file is a row, and so is every file of a folder."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..data.dataset import Dataset
from ..data.lengths import ragged, remarks, windows
from ..errors import InputError
from ..reading import Reading
from .arrays import files_in
from .columns import numbers
from .named import Chosen, choose, listed, matches
from .sampling import at_one_rate


class Signal(NamedTuple):
    """A recording: (time,) or (time, channel), its samples per second, and what is to be said of it."""

    samples: np.ndarray
    rate: float
    notes: Sequence[str] = ()


def read_signals(
    path: Path,
    suffixes: Collection[str],
    one: Callable[[Path, str], Signal],
    groups: Any,
    x: str,
    factors: Chosen,
    how: Reading,
) -> Dataset:
    """A recording, or all of a folder and the folders in it, a row each.

    Args:
        path: a file or folder.
        suffixes: those of the files.
        one: reads a file, of which `x` says which channels, if it says so.
        groups: a name in the pattern `x`, or `file`, or the keys, or None.
        x: for a folder a pattern of names with or without their suffix, such as `{speaker}_{take}`, whose words in braces are
            factors. After a slash, or where no name fits, and for a file, it is for `one`.
        factors: the names of those that are factors, by default all there are: the words in names, and `file` for a folder.
        how: `sampling_rate`, `length`, `hop`.

    Raises:
        InputError: if a file cannot be read, nothing fits, or the recordings differ in rate, length or channels.
    """
    files, inner = _chosen(path, suffixes, x)
    signals = [one(path / name if name else path, inner) for name in files]
    names, what = [name or path.name for name in files], f"the recordings in {path}"
    rows, rates = [signal.samples for signal in signals], [signal.rate for signal in signals]
    rows, _ = at_one_rate(rows, rates, how.sampling_rate, names, what)
    x_, source = ragged(rows, how, names, what)
    columns = {name: numbers([words[name] for words in files.values()])[source] for name in next(iter(files.values()))}
    if len(files) > 1:
        columns.setdefault("file", np.array([str(Path(name).with_suffix("")) for name in files])[source])
    columns |= windows(source, how)
    groups = repeated(groups, source, len(files))
    notes = (
        *dict.fromkeys(note for signal in signals for note in signal.notes),
        *remarks(list(map(len, rows)), how, names, what),
    )
    data = choose(path, x_, columns, groups, factors, names=[names[k] for k in source])
    return replace(data, notes=(*notes, *data.notes))


def _chosen(path: Path, suffixes: Collection[str], x: str) -> tuple[dict[str, dict[str, str]], str]:
    """The files that fit, each with the words in its name, and what of `x` is meant for the inside of each."""
    if not path.is_dir():
        return {"": {}}, x
    names = [name.as_posix() for name in files_in(path, suffixes)]
    if x == "x":
        return {name: {} for name in names}, x
    bare = {str(Path(name).with_suffix("").as_posix()): name for name in names}
    outer, _, inner = x.rpartition("/")
    for pattern, rest in ((x, "x"), (outer, inner)):
        if pattern and (fit := matches(pattern, bare)):
            return {bare[name]: words for name, words in fit.items()}, rest
        if pattern and (fit := matches(pattern, names)):
            return fit, rest
    if "{" in x:
        raise InputError(f"no file in {path} fits x={x!r}; there are {listed(names)}.")
    return {name: {} for name in names}, x


def repeated(keys: Any, source: np.ndarray, count: int) -> Any:
    """Keys that were given one for each of so many recordings, one for each row; others as they are."""
    given = not isinstance(keys, str) and hasattr(keys, "__len__") and len(keys) == count
    return np.asarray(keys)[source] if given else keys
