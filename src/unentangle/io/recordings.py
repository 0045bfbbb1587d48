"""Seismic recordings: SAC and miniSEED through ObsPy, SEG-Y through segyio (the extra `seismic`)."""

import warnings
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from ..data.dataset import Dataset
from ..errors import InputError, optional
from ..reading import Reading
from .arrays import damaged, files_in
from .columns import numbers
from .named import Chosen, axes_of, choose, joined, listed, matches

# Formats are named: left to guess, ObsPy also tries pickle, archives and addresses.
STREAMS = {".sac": "SAC", ".mseed": "MSEED", ".miniseed": "MSEED", ".ms": "MSEED"}
HEADERS = ("network", "station", "location", "channel", "sampling_rate")
EXTRA = "'unentangle[seismic]'"


def read_stream(path: Path, groups: Any, x: str, factors: Chosen, how: Reading) -> Dataset:
    """The traces of a SAC or miniSEED file, or of all such files in a folder and the folders in it; each is a row.

    Args:
        path: the file or folder.
        groups: a header such as `station` or `sac.nevid`, a name in the pattern `x`, the keys, or None; or a function of an
            `obspy.Trace` whose value is its key.
        x: for a folder, a pattern of the files' names in it, such as `{event}/{name}.sac`, whose names are factors.
        factors: the names of those headers that are factors, by default the codes of the station, the time of start, the
            sampling rate and the headers of SAC, where they are not the same for all; or the factors.

    Raises:
        InputError: if a file cannot be read, the traces differ in length, a header is missing, or ObsPy is not installed.
    """
    traces, about = [], []
    for file, names in _files(path, x):
        with damaged(file, "a SAC or miniSEED recording"):
            for trace in _traces(file):
                traces.append(trace)
                about.append(names | _headers(trace))
    if not traces:
        raise InputError(f"{path} holds no traces of SAC or miniSEED.")
    lengths = Counter(len(trace) for trace in traces)
    if len(lengths) > 1:
        counts = listed((f"{count} of {length} samples" for length, count in lengths.most_common()), 3)
        raise InputError(f"the traces in {path} differ in length ({counts}); cut them to one window first.")
    if callable(groups):
        groups = np.array([groups(trace) for trace in traces])
    rows = np.stack([np.ma.filled(trace.data) for trace in traces])
    common = [name for name in about[0] if all(name in one for one in about)]
    values = {name: [one[name] for one in about] for name in common}
    columns = {n: numbers(v) if all(isinstance(one, str) for one in v) else np.array(v) for n, v in values.items()}
    return choose(path, rows, {n: c for n, c in columns.items() if len(np.unique(c)) > 1}, groups, factors, columns)


def read_segy(path: Path, groups: Any, x: str, factors: Chosen, how: Reading) -> Dataset:
    """The traces of a SEG-Y file, each a row, which stay on disk.

    Args:
        path: the file.
        groups: a word of the trace headers by its name in segyio, such as `FieldRecord`, `CDP` or `offset`; or keys; or None.
        x: its names of axes only, as of any file.
        factors: the names of those header words that are factors, by default those that are not the same for all; or they.

    Raises:
        InputError: if the file cannot be read, there is no such header word, or segyio is not installed.
    """
    segyio = optional("segyio", f"{path} is read", EXTRA)
    words = segyio.tracefield.keys
    if isinstance(groups, str) and groups != "groups" and groups not in words:
        raise InputError(f"there is no header word {groups!r} in SEG-Y; there are {listed(words, 100)}.")
    with damaged(path, "a SEG-Y file"):
        file = segyio.open(str(path), strict=False, ignore_geometry=True)
        if factors is None:
            some = slice(None, None, max(1, file.tracecount // 1000))
            factors = [name for name, byte in words.items() if name != groups and np.ptp(file.attributes(byte)[some])]
        names = {*factors, groups} if isinstance(groups, str) else set(factors)
        columns = {name: file.attributes(byte)[:] for name, byte in words.items() if name in names}
        return choose(path, joined([_Traces(file)], axes_of(x)[1], [path.name]), columns, groups, factors)


class _Traces:
    """The traces of an open SEG-Y file, sliced or indexed by increasing integers."""

    def __init__(self, file: Any):
        self._file = file
        self.shape, self.dtype = (file.tracecount, len(file.samples)), np.dtype(file.dtype)

    def __getitem__(self, rows: Any) -> np.ndarray:
        if isinstance(rows, slice):
            return self._file.trace.raw[rows]
        return np.stack([self._file.trace.raw[int(row)] for row in rows])


def _files(path: Path, x: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """The files of a recording or folder, each with what the pattern takes from its name."""
    if not path.is_dir():
        yield path, {}
        return
    names = [file.as_posix() for file in files_in(path, STREAMS)]
    fit = {name: {} for name in names} if x == "x" else matches(x, names)
    if not fit:
        raise InputError(f"no file in {path} fits x={x!r}; there are {listed(names)}.")
    for name, values in fit.items():
        yield path / name, values


def _traces(file: Path) -> Any:
    """The traces of a file."""
    obspy = optional("obspy", f"{file} is read", EXTRA)
    with warnings.catch_warnings():
        warnings.simplefilter("error", import_module("obspy.io.mseed").InternalMSEEDWarning)  # of records that are left out
        return obspy.read(BytesIO(file.read_bytes()), format=STREAMS[file.suffix.lower()])


def _headers(trace: Any) -> dict[str, Any]:
    """What a trace says of itself, apart from its samples."""
    sac = {f"sac.{name}": value for name, value in trace.stats.get("sac", {}).items() if np.isscalar(value)}
    return {code: trace.stats[code] for code in HEADERS} | {"starttime": str(trace.stats.starttime)} | sac
