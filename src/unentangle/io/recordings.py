"""Seismic recordings: SAC and miniSEED through ObsPy, SEG-Y through segyio (the extra `seismic`)."""

import struct
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from ..data.dataset import Dataset
from ..data.lengths import ragged, remarks, windows
from ..errors import InputError, brief, optional
from ..reading import Reading
from .arrays import damaged, hidden
from .channels import Trace, stacked
from .columns import numbers
from .named import Chosen, axes_of, choose, joined, listed, matches
from .sampling import at_one_rate
from .signals import repeated

# Formats are named: left to guess, ObsPy also tries pickle, archives and addresses.
STREAMS = {".sac": "SAC", ".mseed": "MSEED", ".miniseed": "MSEED", ".ms": "MSEED", ".gse": "GSE2", ".gse2": "GSE2"}
HEADERS = ("network", "station", "location", "channel", "sampling_rate")
EXTRA = "'unentangle[seismic]'"
SAC_HEADER = 632  # bytes


def read_stream(path: Path, groups: Any, x: str, factors: Chosen, how: Reading) -> Dataset:
    """The traces of a SAC, miniSEED or GSE2 file, or of all such files in a folder and the folders in it; each is a row.

    Files are known by their suffix, SAC and miniSEED also by what is in them, as in archives by day. Gaps that a trace marks
    are NaN. Where `how` says so, traces of unlike sampling rate are resampled, those of unlike length made one, and those of
    one station that differ in the last letter of their channel's code are stacked as channels.

    Args:
        path: the file or folder.
        groups: a header such as `station` or `sac.nevid`, a name in the pattern `x`, the keys, or None; or a function of an
            `obspy.Trace` whose value is its key.
        x: for a folder, a pattern of the files' names in it, such as `{event}/{name}.sac`, whose names are factors.
        factors: the names of those headers that are factors, by default the codes of the station, the time of start, the
            sampling rate and the headers of SAC, where they are not the same for all; or the factors.
        how: `sampling_rate`, `channels`, `length`, `hop`.

    Raises:
        InputError: if a file cannot be read, the traces differ in sampling rate or length and `how` does not say what to do, a
            header is missing, or ObsPy is not installed.
    """
    found = [trace for file, words in _files(path, x) for trace in _traces(file, words, groups)]
    if path.is_dir():
        found = [trace._replace(about=trace.about | {"file": _bare(trace.file.relative_to(path))}) for trace in found]
    traces = [trace for trace in found if trace.samples.dtype.kind in "biuf" and trace.about["sampling_rate"] > 0]
    if not traces:
        raise InputError(f"{path} holds no traces of SAC, miniSEED or GSE2.")
    skipped = len(found) - len(traces)
    notes = [f"{skipped} of {len(found)} traces in {path} hold text or have no sampling rate and are left out."] * (skipped > 0)
    what, names = f"the traces in {path}", [trace.name for trace in traces]
    rates = [trace.about["sampling_rate"] for trace in traces]
    samples, rates = at_one_rate([trace.samples for trace in traces], rates, how.sampling_rate, names, what)
    traces = [
        trace._replace(samples=row, about=trace.about | {"sampling_rate": rate})
        for trace, row, rate in zip(traces, samples, rates, strict=True)
    ]
    if how.channels:
        traces, said = stacked(traces, how.channels, how, path)
        notes += said
    names, lengths = [trace.name for trace in traces], [len(trace.samples) for trace in traces]
    rows, source = ragged([trace.samples for trace in traces], how, names, what)
    notes += remarks(lengths, how, names, what)
    about = [trace.words | trace.about for trace in traces]
    values = {name: _of_all(name, about) for name in dict.fromkeys(name for one in about for name in one)}
    notes += _pieces(path, traces) if how.length is None else []
    columns = {n: numbers(v) if all(isinstance(one, str) for one in v) else np.array(v) for n, v in values.items()}
    columns = {name: column[source] for name, column in columns.items()}
    columns |= windows(source, how)
    groups = repeated([trace.key for trace in traces] if callable(groups) else groups, source, len(traces))
    data = choose(path, rows, {n: c for n, c in columns.items() if len(np.unique(c)) > 1}, groups, factors, columns)
    return replace(data, notes=(*notes, *data.notes))


def _of_all(name: str, about: Sequence[Mapping[str, Any]]) -> list[Any]:
    """A header of each trace; what a trace does not say is missing: NaN, or no word."""
    nothing = "" if any(isinstance(one.get(name), str) for one in about) else np.nan
    return [one.get(name, nothing) for one in about]


def _pieces(path: Path, traces: Sequence[Trace]) -> list[str]:
    """A note of channels that come in pieces with short gaps between them, as records with gaps do."""
    ends: dict[Any, float] = {}
    broken = set()
    for trace in traces:
        channel = tuple(trace.about[code] for code in HEADERS[:4])
        seconds = len(trace.samples) / trace.about["sampling_rate"]
        if 0.5 / trace.about["sampling_rate"] < trace.start - ends.get(channel, -np.inf) < seconds:
            broken.add(".".join(channel))
        ends[channel] = trace.start + seconds
    if not broken:
        return []
    return [f"{listed(sorted(broken), 3)} of {path} come(s) in pieces with gaps between; each piece is a row of its own."]


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
        file = _open_segy(path, segyio)
        if file is None:
            return _uneven_segy(path, words, groups, factors)
        if factors is None:
            some = slice(None, None, max(1, file.tracecount // 1000))
            factors = [name for name, byte in words.items() if name != groups and np.ptp(file.attributes(byte)[some])]
        names = {*factors, groups} if isinstance(groups, str) else set(factors)
        columns = {name: file.attributes(byte)[:] for name, byte in words.items() if name in names}
        data = choose(path, joined([_Traces(file)], axes_of(x)[1], [path.name]), columns, groups, factors)
        return replace(data, notes=(*_oddities(path, file, segyio), *data.notes))


def _open_segy(path: Path, segyio: Any) -> Any:
    """An open SEG-Y file of either byte order, which the code of its format tells.

    Raises:
        InputError: if it is no such file.

    None is for traces that differ in length, which segyio does not read.
    """
    with path.open("rb") as file:
        file.seek(3224)
        code = file.read(2)
    orders = [order for order in ("big", "little") if code and int.from_bytes(code, order) <= 16]
    if not orders:
        raise ValueError("no code of a format")
    try:
        return segyio.open(str(path), strict=False, ignore_geometry=True, endian=orders[0])
    except RuntimeError as error:
        if "inconsistent with file size" not in str(error):
            raise InputError(f"{path} cannot be read: segyio says {brief(error)}.") from error
        return None


def _uneven_segy(path: Path, words: dict[str, int], groups: Any, factors: Chosen) -> Dataset:
    """The traces of a SEG-Y file as long as the header of each says, in memory, with headers named as segyio does."""
    optional("obspy", f"{path} is read", EXTRA)
    try:
        file = import_module("obspy.io.segy.segy")._read_segy(str(path))
        rows = [np.asarray(trace.data) for trace in file.traces]
        width = import_module("obspy.io.segy.header").DATA_SAMPLE_FORMAT_SAMPLE_SIZE[file.data_encoding]
        more = max(0, file.binary_file_header.number_of_3200_byte_ext_file_header_records_following)
        read = 3600 + 3200 * more + sum(240 + width * len(row) for row in rows)
        if read != path.stat().st_size:  # ObsPy leaves out a trace whose header is cut
            raise EOFError
    except Exception as error:
        raise InputError(
            f"{path} cannot be read: its traces differ in length and are not as long as their headers say, or it is cut short."
        ) from error
    order, ends = file.endian, sorted({*words.values(), 181, 241})
    columns = {}
    for name, byte in words.items():
        width = next(end for end in ends if end > byte) - byte
        if width in (2, 4):
            kind = f"{order}i{width}"
            columns[name] = np.array([np.frombuffer(t.header.unpacked_header, kind, 1, byte - 1)[0] for t in file.traces])
    own = [n for n, c in columns.items() if n != groups and np.ptp(c)] if factors is None else factors
    names = [f"trace {k} of {path}" for k in range(len(rows))]
    return choose(path, joined(rows, ("time",), names), columns, groups, own)


def _oddities(path: Path, file: Any, segyio: Any) -> tuple[str, ...]:
    """What the headers of the traces say against reading them as rows of one kind."""
    fields, notes = segyio.TraceField, []
    intervals = np.unique(file.attributes(fields.TRACE_SAMPLE_INTERVAL)[:])
    if len(intervals := intervals[intervals > 0]) > 1:
        some = listed([f"{value / 1000:g}" for value in intervals], 4)
        notes.append(f"the traces in {path} differ in the interval of their samples ({some} ms) and are not resampled.")
    counts = np.unique(file.attributes(fields.TRACE_SAMPLE_COUNT)[:].astype(np.int64) % (1 << 16))
    if len(counts := counts[counts > 0]) > 1:
        notes.append(
            f"the headers of the traces in {path} tell of {counts[0]} to {counts[-1]} samples, of which the file has "
            f"{len(file.samples)} for each: the rest is taken as samples."
        )
    return tuple(notes)


class _Traces:
    """The traces of an open SEG-Y file, sliced or indexed by increasing integers."""

    def __init__(self, file: Any):
        self._file = file
        self.shape, self.dtype = (file.tracecount, len(file.samples)), np.dtype(file.dtype)

    def __getitem__(self, rows: Any) -> np.ndarray:
        if isinstance(rows, slice):
            return self._file.trace.raw[rows]
        return np.stack([self._file.trace.raw[int(row)] for row in rows])


def by_content(path: Path) -> Callable[..., Dataset] | None:
    """Who reads a file whose name does not tell what it is, or a folder that holds such."""
    if path.is_dir():
        return read_stream if any(True for _ in _recordings(path)) else None
    return read_stream if _format(path) else None


def _format(file: Path) -> str | None:
    """The format of a file as ObsPy calls it, by its suffix, else by how it begins."""
    if known := STREAMS.get(file.suffix.lower()):
        return known
    try:
        if not file.is_file():
            return None
        with file.open("rb") as opened:
            start, size = opened.read(SAC_HEADER), file.stat().st_size
    except OSError:
        return None
    return "MSEED" if _is_miniseed(start) else "SAC" if _is_sac(start, size) else None


def _is_miniseed(start: bytes) -> bool:
    """Whether bytes begin a record: six digits, a letter for its quality, a blank, a code of a station."""
    number, station = start[:6], start[8:20]
    return (
        len(start) >= 48
        and number.replace(b" ", b"0").replace(b"\0", b"0").isdigit()
        and start[6:7] in (b"D", b"R", b"Q", b"M")
        and start[7:8] in (b" ", b"\0")
        and all(byte in b" \0" or (chr(byte).isalnum() and byte < 128) for byte in station)
    )


def _is_sac(start: bytes, size: int) -> bool:
    """Whether bytes are a header of SAC, version 6 or 7, which says as many samples as the file has."""
    if len(start) < SAC_HEADER:
        return False
    for order in "<>":
        version, samples = struct.unpack_from(f"{order}i", start, 304)[0], struct.unpack_from(f"{order}i", start, 316)[0]
        foot = 176 if version == 7 else 0
        if version in (6, 7) and samples > 0 and size - SAC_HEADER - foot in (4 * samples, 8 * samples):
            return True
    return False


def _recordings(folder: Path) -> Iterator[Path]:
    """The recordings in a folder and the folders in it, relative to it; hidden ones are left out."""
    for file in folder.rglob("*"):
        if not hidden(name := file.relative_to(folder)) and not file.is_dir() and _format(file):
            yield name


def _files(path: Path, x: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """The files of a recording or folder, each with what the pattern takes from its name."""
    if not path.is_dir():
        yield path, {}
        return
    names = [file.as_posix() for file in sorted(_recordings(path))]
    bare = {_bare(Path(name)): name for name in names}
    fit: dict[str, dict[str, str]] = {name: {} for name in names}
    if x != "x":  # a pattern may leave out the suffix
        without = {bare[name]: words for name, words in matches(x, bare).items()} if len(bare) == len(names) else {}
        fit = without or matches(x, names)
    if not fit:
        raise InputError(f"no file in {path} fits x={x!r}; there are {listed(names)}.")
    for name, values in fit.items():
        yield path / name, values


def _bare(name: Path) -> str:
    """A name without the suffix, if it is one of recordings."""
    return (name.with_suffix("") if name.suffix.lower() in STREAMS else name).as_posix()


def _traces(file: Path, words: dict[str, str], groups: Any) -> list[Trace]:
    """The traces of a file; what they mark as missing is NaN."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of how it looks for its plugins
        obspy = optional("obspy", f"{file} is read", EXTRA)
    with damaged(file, "a SAC, miniSEED or GSE2 recording"), warnings.catch_warnings():
        warnings.simplefilter("error", import_module("obspy.io.mseed").InternalMSEEDWarning)  # of records that are left out
        raw = file.read_bytes()
        if raw[:3] == b"MS\3":
            raise InputError(f"{file} is miniSEED of version 3, which ObsPy does not read; write it as version 2.")
        stream = obspy.read(BytesIO(raw), format=_format(file))
        return [_trace(trace, file, words, groups(trace) if callable(groups) else None) for trace in stream]


def _trace(trace: Any, file: Path, words: dict[str, str], key: Any) -> Trace:
    samples = trace.data
    if np.ma.is_masked(samples):
        dtype = samples.dtype if samples.dtype.kind == "f" else np.result_type(samples.dtype, np.float32)
        samples = samples.astype(dtype).filled(np.nan)
    start = trace.stats.starttime
    return Trace(np.ma.getdata(samples), start.timestamp, _headers(trace), words, file, f"{trace.id} at {start}", key)


def _headers(trace: Any) -> dict[str, Any]:
    """What a trace says of itself, apart from its samples."""
    sac = {f"sac.{name}": value for name, value in trace.stats.get("sac", {}).items() if np.isscalar(value)}
    return {code: trace.stats[code] for code in HEADERS} | {"starttime": str(trace.stats.starttime)} | sac
