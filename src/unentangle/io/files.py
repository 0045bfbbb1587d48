"""Files of any kind that is known, by one call, `read`."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..data.dataset import Dataset
from ..data.lengths import windowed, without_padding
from ..data.rows import Blocks, Shut, as_rows, is_lazy
from ..errors import InputError
from ..reading import Reading
from .anndata import read_h5ad
from .arrays import damaged, files_in, hidden, load_npy, members, read_header, readable, refuse_special
from .audio import PACKED, SOUNDS, WAV, read_sound
from .columns import as_written, numbers
from .eeg import EEG, read_eeg
from .fits import FITS, read_fits
from .hdf5 import read_hdf5
from .images import decoded, image_files, pages
from .keys import KeyTable
from .layout import dataset_of, of_objects
from .matlab import read_matlab
from .named import Chosen, axes_of, choose, dataset, joined, listed, matches
from .nested import read_nested
from .netcdf import read_classic
from .proposals import classes, pattern_of, recordings
from .recordings import STREAMS, by_content, read_segy, read_stream
from .tables import TABLES, TEXTS, UNSURE, check_order, read_rows, read_table, suffix_of
from .tiff import TIFF, read_tiff
from .timeseries import read_ts
from .zarr_store import is_zarr, read_zarr

Reader = Callable[[Path, Any, str, Chosen, Reading], Dataset]


def read(path: str | Path, groups: Any = "groups", x: str = "x", factors: Chosen = None, **how: Any) -> Dataset:
    """Read a data set from a file or folder of any of these kinds.

    - `.npy`: rows, which stay on disk.
    - `.npz`, HDF5 (`.h5`, `.hdf5`, `.nc`) and `.zarr`: arrays by name, of which one is the rows and others are group keys and
      factors, one value per row; or a tree of arrays. Rows in HDF5 and zarr stay on disk. Coordinates of NetCDF and xarray
      along the rows are factors; SeisBench's table beside its waveforms is read with them.
    - a folder or `.zip` of `.npy` files, a row each, with factors in their names: numbers joined by `_`, as in
      `0.205_10.000.npy`.
    - texts, `.csv`, `.tsv`, `.txt`, `.dat`, `.prn` and these with `.gz`, and `.parquet`, `.arrow`, `.feather`: tables with
      columns of samples, keys and factors; `.h5ad`.
    - `.ts`: labelled time series of sktime and aeon.
    - `.sac`, `.mseed` or a folder of them, also without a suffix, and `.segy`, `.sgy`: seismic traces, with their headers as
      group keys and factors.
    - `.wav`, `.edf` and `.bdf`, or a folder of them: a recording a row, (time,) or (time, channel).
    - `.fits`: images and columns of tables by their names. `.tif`: pages.
    - a folder of such files of one kind: their rows one after the other, with the factor `file`, or those in their names.
    - a folder of images of one size, `.png`, `.jpg`, `.tif`, `.bmp` or `.webp` (`images` also reads factors).

    Args:
        path: the file or folder; `~` is the user's home.
        groups: which rows share a state: the name of the array, column, header or level that says so; or a column of another
            file, as in `table.csv:event`, whose lines are found by the names of the rows, or a whole one, as in
            `keys.npy`; or the keys themselves; or None. For SAC and miniSEED also a function of an ObsPy trace. The default
            name "groups" may be absent.
        x: which arrays are rows: a name, `waveforms`; or a pattern of names, `{event}/{pixel}/{station}`, whose words in braces
            are factors; for a table a pattern of columns, `sample_*`; for a folder one of file names, `{event}_{station}` or
            `{class}/*`. Axes in another order than rows, samples, channels are named after a colon, `waveforms: row channel
            time`; without row each file or array is one row, `{event}_{n}: time channel` (see `named`). The default name "x"
            may be absent where it is plain what the rows are.
        factors: the names of those arrays, columns or headers that are factors, by default all there are; for names of files,
            and levels of a tree, what they are called, in their order; or the factors themselves, by name.
        how: how rows are read: `length`, `hop`, `channels`, `sampling_rate`, `mode`, `size`, `missing`, `values` (`Reading`).

    Raises:
        InputError: if the file cannot be read, or what is named is missing (the sentence lists what is there).
    """
    path = Path(os.path.expanduser(path))  # unlike Path's, it refuses nobody
    refuse_special(path)
    factors = [factors] if isinstance(factors, str) else factors
    reader: Reader | None = READERS.get(suffix_of(path))
    if path.is_dir() or path.suffix.lower() == ".zip":
        reader = _folder_reader(path)
    elif reader is None or suffix_of(path) in UNSURE:
        reader = by_content(path) or reader
    if reader is None:
        suffix = (
            f"has the suffix {suffix_of(path)}, which is none that is known"
            if path.suffix
            else "has no suffix to tell its kind"
        )
        raise InputError(f"{path} {suffix if path.exists() else 'does not exist'}; {KINDS} can be read.")
    reading = Reading(**how)
    _check(reading, reader, path)
    data = without_padding(reader(path, _keys(groups), x, factors, reading), reading, path)
    data = windowed(data, reading, path)
    data = replace(data, ordered=reading.values == "samples") if reading.values else data
    return _lacking(data, path, reading.missing)


def _check(how: Reading, reader: Reader, path: Path) -> None:
    """Refuse what a reader would leave undone."""
    if idle := how.given().keys() - {"missing", "values"} - TAKES.get(reader, EVERY):
        name = min(idle)
        raise InputError(f"{name}={getattr(how, name)!r} is nothing that can be done to {path}: it is for {MEANT[name]}.")


def _lacking(data: Dataset, path: Path, missing: str | None) -> Dataset:
    """The data without rows that lack values, where those are to be left out or refused."""
    if missing not in ("drop", "refuse") or not (lacking := data.lacking).any():
        return data
    some = f"{np.sum(lacking)} of {len(data)} rows of {path} lack values"
    if missing == "refuse" or lacking.all():
        raise InputError(f"{some}; --missing mask learns from what is there of them, --missing drop leaves them out.")
    return replace(data.take(~lacking), notes=(*data.notes, f"{some}, and are left out."))


def _keys(groups: Any) -> Any:
    """Group keys, or the table that they are in, where they are those of another file."""
    if not isinstance(groups, str):
        return groups
    file, column = (groups, "") if suffix_of(Path(groups)) in TABLES else groups.rpartition(":")[::2]
    if suffix_of(Path(file)) not in TABLES:
        return groups
    columns = read_table(file)
    if not column and len(columns) == 1:
        column = next(iter(columns))
    if column not in columns:
        raise InputError(f"{file} has no column {column!r}; it has {listed(columns)}: say {file}:{next(iter(columns))}.")
    if suffix_of(Path(file)) in TEXTS:
        whole = {name: values for name, values in columns.items() if name == column or values.dtype.kind == "i"}
        columns |= as_written(Path(file), whole)
    return KeyTable(file, column, columns)


def _folder_reader(path: Path) -> Reader:
    """Who reads a folder or zip, by what is in it."""
    if is_zarr(path):
        return read_zarr
    if path.is_dir() and not any(path.rglob("*.npy")):
        if (names := image_files(path)) and pages(path / names[0]) == 1:
            return _read_images
        for suffixes, reader in ((WAV, read_sound), (EEG, read_eeg)):
            if files_in(path, suffixes):
                return reader
        if reader := by_content(path):
            return reader
        if _data_files(path):
            return _read_files
        if files_in(path, PACKED):
            return read_sound
    return _read_names


def _data_files(folder: Path) -> list[Path]:
    """The files of one kind in a folder, or else in the folders in it: the first kind of `JOINED` that is there."""
    for inside in (folder.glob, folder.rglob):
        there = [file for file in inside("*") if file.is_file() and not hidden(file.relative_to(folder))]
        kinds = (sorted(file for file in there if suffix_of(file) == suffix) for suffix in JOINED)
        if files := next(filter(None, kinds), []):
            return files
    return []


def _read_files(path: Path, groups: Any, x: str, factors: Chosen, how: Reading) -> Dataset:
    """The rows of all files of one kind in a folder, one file after the other; which file, is the factor `file`.

    `x` is as for each of them, or a pattern of their names, whose names in braces are factors.
    """
    given = isinstance(factors, Mapping)
    files, levels, inner = _by_name(path, _data_files(path), x, how)
    reader = READERS[suffix_of(files[0])]
    _check(how, reader, path)
    check_order(files)
    own = {"file", *levels}
    inside = groups if isinstance(groups, str) and groups not in own else None
    named = None if given or factors is None else [name for name in factors if name not in own]

    def one(file: Path) -> Dataset:
        data = reader(file, inside, inner, named, how)
        return data if getattr(data.x, "lengths", None) is None else windowed(data, how, file)

    def shut(file: Path) -> Dataset:
        data = one(file)
        return replace(data, x=Shut(lambda: one(file).x, data.x)) if is_lazy(data.x) else data

    each = [one(file) if len(files) <= OPEN else shut(file) for file in files]
    rows = Blocks([data.x for data in each], None, [str(file) for file in files], uneven=True)
    common = [name for name in each[0].factors if all(name in data.factors for data in each)]
    columns = {name: np.concatenate([data.factors[name] for data in each]) for name in common}
    columns |= {name: np.repeat(numbers(values), rows.sizes) for name, values in levels.items()}
    names = [_stem(file.relative_to(path)) for file in files]
    if (factors is None and not levels) or groups == "file" or "file" in (factors or ()):
        columns["file"] = np.repeat(names, rows.sizes)
    notes = _of_files([data.notes for data in each], files)
    if x == "x" or (levels and not axes_of(x)[1]):
        notes += recordings(f"files of {path}", rows.sizes, rows.row_shape, x if levels else "", names, groups)
    x_all = rows if rows.lengths is not None or any(is_lazy(data.x) for data in each) else rows[:]
    ordered = all(data.ordered for data in each)
    without = [file for file, data in zip(files, each, strict=True) if data.groups is None]
    if not without:
        keys = np.concatenate([np.asarray(data.groups) for data in each])
        return Dataset(x_all, factors if given else columns, keys, notes=notes, ordered=ordered)
    if len(without) < len(files):
        raise InputError(f"{without[0]} has no array 'groups', as other files of the folder have; all or none need group keys.")
    every = np.repeat([file.relative_to(path).as_posix() for file in files], rows.sizes).tolist()
    return replace(choose(path, x_all, columns, groups, factors if given else None, None, every, notes), ordered=ordered)


def _by_name(path: Path, files: list[Path], x: str, how: Reading) -> tuple[list[Path], dict[str, list[str]], str]:
    """The files whose names a pattern `x` fits, what stands in them where it has names in braces, and what is `x` in each.

    A pattern that fits the arrays in a file is one of arrays, unless all that has a name in braces is the same there.

    Raises:
        InputError: if a pattern with names in braces fits neither.
    """
    pattern, axes = axes_of(x)
    braces = re.findall(r"\{(\w+)\}", pattern)
    if not braces and not (axes and pattern == "*"):
        return files, {}, x
    if suffix_of(files[0]) not in TEXTS:
        try:
            first = READERS[suffix_of(files[0])](files[0], None, x, None, how)
            if not braces or any(name in first.factors and len(set(first.factors[name].tolist())) > 1 for name in braces):
                return files, {}, x
        except InputError:
            pass
    within = f": {' '.join(axes)}" if axes else ""
    by_name = {name: file for file in files for name in (file.relative_to(path).as_posix(), _stem(file.relative_to(path)))}
    parts = pattern.split("/")
    for k in range(len(parts), 0, -1):
        fit = matches("/".join(parts[:k]), by_name)
        fit = {by_name[name]: values for name, values in fit.items()}  # without suffix where both fit
        if fit:
            levels = {name: [values[name] for values in fit.values()] for name in next(iter(fit.values()))}
            return list(fit), levels, ("/".join(parts[k:]) or "x") + within
    names = [_stem(file.relative_to(path)) for file in files]
    raise InputError(
        f"no file of {path} has a name that fits x={pattern!r}, nor has an array; the files are {listed(names, 5)}: say "
        f"--x '{pattern_of(names)[0]}{within}'."
    )


def _stem(file: Path) -> str:
    """The path of a file without its suffix."""
    return file.as_posix()[: -len(suffix_of(file))]


def _of_files(notes: Sequence[Sequence[str]], files: Sequence[Path]) -> list[str]:
    """The notes of many files, each once: of the first that has it, and how many others have it."""
    found: dict[str, list[Path]] = {}
    for each, file in zip(notes, files, strict=True):
        for note in each:
            found.setdefault(note.replace(str(file), "\0"), []).append(file)
    others = {note: f" (and {len(of) - 1} more files)" if len(of) > 1 else "" for note, of in found.items()}
    return [note.replace("\0", f"{of[0]}{others[note]}", 1).replace("\0", str(of[0])) for note, of in found.items()]


def _read_npy(path: Path, groups: Any, x: str, factors: Chosen, how: Reading) -> Dataset:
    with damaged(path, "a numeric array written by numpy.save"), path.open("rb") as file:
        if read_header(file)[2].names:
            return read_rows(path, groups, x, factors, how)
    if isinstance(groups, str) and groups != "groups":
        raise InputError(f"{path} holds rows only, so there is no {groups!r} in it; give the keys, or a .npy file of keys.")
    if factors is not None and not isinstance(factors, Mapping):
        raise InputError(f"{path} holds rows only, so there are no factors in it.")
    array, axes = load_npy(path, mmap_mode="r"), axes_of(x)[1]
    if array.dtype == object:
        return dataset_of(path, {"x": of_objects(array)}, groups, x, factors, how)
    if array.dtype.kind not in "biufc":
        raise InputError(f"{path} holds {array.dtype}; real numbers are needed.")
    long = array.ndim == 1 and how.length and how.length[0] == "window"
    rows = joined([array], ("time",) if long else axes, [path.name])
    return choose(path, as_rows(rows), dict(factors or {}), groups, factors)


def _read_npz(path: Path, groups: Any, x: str, factors: Chosen, how: Reading) -> Dataset:
    arrays = {name: of_objects(array) for name, array in readable(members(path)).items()}
    return dataset_of(path, arrays, groups, x, factors, how)


def _read_images(path: Path, groups: Any, x: str, factors: Chosen, how: Reading) -> Dataset:
    """The images of a folder, or those whose names a pattern `x` fits, whose names in braces are factors."""
    names = image_files(path)
    pattern, axes = axes_of(x)
    if axes:
        raise InputError(f"x={x!r} names axes, which images have already: height, width and channel; say x={pattern!r}.")
    either = [n for name in names for n in (name, _stem(Path(name)))]
    fit = matches(pattern, either) if pattern != "x" else {name: {} for name in names}
    chosen = {name: fit[n] for name in names for n in (_stem(Path(name)), name) if n in fit}
    if not chosen:
        raise InputError(f"no image in {path} has a name that fits x={x!r}; there are {listed(names, 5)}.")
    levels = {name: numbers([values[name] for values in chosen.values()]) for name in next(iter(chosen.values()))}
    wanted = [*(factors or ()), *([groups] if isinstance(groups, str) and groups != "groups" else [])]
    if not isinstance(factors, Mapping) and (missing := [name for name in wanted if name not in levels]):
        raise InputError(
            f"{path} holds images, so there are no factors in it, nor {missing[0]!r}, but what x names in their paths, as in "
            "--x '{class}/*' (x=); data.images reads them from a .csv."
        )
    rows, _ = decoded(path, list(chosen), False, resize=how.size, size=how.size, mode=how.mode)
    notes = classes(path, names) if pattern == "x" and (groups is None or isinstance(groups, str)) else []
    return choose(path, as_rows(rows), levels, groups, factors, None, list(chosen), notes)


def _read_names(path: Path, groups: Any, x: str, factors: Chosen, how: Reading) -> Dataset:
    """The `.npy` files of a folder or zip and of the folders in it, a row each, sorted by name; hidden ones are left out."""
    if path.is_file():
        arrays: dict[str, Any] = members(path)
    elif path.is_dir():
        arrays = {name.with_suffix("").as_posix(): load_npy(path / name) for name in files_in(path, [".npy"])}
    else:
        raise InputError(f"{path} does not exist; a folder or .zip of .npy files is needed.")
    arrays = dict(sorted(arrays.items()))
    if not arrays:
        raise InputError(f"{path} holds no .npy files, one for each row, and no images or recordings.")
    pattern, axes = axes_of(x)
    if pattern != "x":
        return dataset(path, arrays, groups, re.sub(r"\.npy(?=$|: )", "", x), factors)
    rows = [np.asarray(array) for array in arrays.values()]
    columns = dict(factors) if isinstance(factors, Mapping) else _numbers(path, list(arrays), factors)
    if isinstance(groups, str) and groups not in columns and groups != "groups":
        raise InputError(f"the names of the files in {path} have no factor {groups!r}; they have {', '.join(columns)}.")
    inside = axes or tuple(f"axis {k}" for k in range(rows[0].ndim))
    together = joined(rows, inside, [f"{name}.npy in {path}" for name in arrays])
    return choose(
        path, together, columns, groups, factors if isinstance(factors, Mapping) else list(columns), None, list(arrays)
    )


def _numbers(path: Path, names: list[str], factors: Sequence[str] | None) -> dict[str, np.ndarray]:
    """The numbers in the names of files, as columns."""
    if factors is not None and len(set(factors)) < len(factors):
        raise InputError(f"factors={factors!r}; a list of different names is needed, one for each number in the file names.")
    needed = len(factors or Path(names[0]).name.split("_"))
    table = np.empty((len(names), needed))
    for name, row in zip(names, table, strict=True):
        parts = Path(name).name.split("_")
        try:
            values = np.array(parts, float)
        except ValueError:
            values = np.array([np.nan])
        if not np.isfinite(values).all():
            what = f"{len(factors)} numbers" if factors else "numbers"
            raise InputError(
                f"{name}.npy in {path} is not {what} joined by _, such as 0.205_10.000.npy; say --x '{pattern_of(names)[0]}: "
                "time', or time channel, with the names of its axes, if its name is made in another way."
            )
        if len(parts) != needed:
            raise InputError(f"{name}.npy in {path} has {len(parts)} number(s) in its name; {needed} are needed.")
        row[:] = values
    return dict(zip(factors or [f"factor_{k + 1}" for k in range(needed)], table.T, strict=True))


READERS: dict[str, Reader] = {
    ".npy": _read_npy,
    ".npz": _read_npz,
    **dict.fromkeys((".h5", ".hdf5", ".hdf", ".nc", ".nc4"), read_hdf5),
    ".mat": read_matlab,
    ".h5ad": read_h5ad,
    ".cdf": read_classic,
    ".zarr": read_zarr,
    **dict.fromkeys(TEXTS, read_rows),
    ".ts": read_ts,
    **dict.fromkeys((".parquet", ".arrow", ".feather"), read_nested),
    **dict.fromkeys(STREAMS, read_stream),
    **dict.fromkeys((".segy", ".sgy"), read_segy),
    **dict.fromkeys(SOUNDS, read_sound),
    **dict.fromkeys(EEG, read_eeg),
    **dict.fromkeys(FITS, read_fits),
    **dict.fromkeys(TIFF, read_tiff),
}
OPEN = 128  # files of a folder stay open, of which a process may have few
JOINED = (".h5", ".hdf5", ".nc", ".npz", ".mat", ".segy", ".sgy", ".parquet", *TEXTS, *FITS, *TIFF)
KINDS = "a folder or .zip of .npy files, a folder of images, recordings or files of one kind, and files of " + ", ".join(
    name for name in READERS if name not in PACKED
)
EVERY = frozenset(("length", "hop"))
TAKES: dict[Reader, frozenset[str]] = {
    _read_files: frozenset(f.name for f in fields(Reading)),  # of each file its own
    _read_images: frozenset(("mode", "size")),
    read_tiff: frozenset(("mode",)),
    read_h5ad: frozenset(),
    read_stream: EVERY | {"channels", "sampling_rate"},
    **dict.fromkeys((read_sound, read_eeg), EVERY | {"sampling_rate"}),
}
MEANT = {
    "channels": "SAC and miniSEED",
    "sampling_rate": "SAC, miniSEED, sounds and EEG",
    "mode": "images",
    "size": "images",
    "length": "rows of unlike length",
    "hop": "rows of unlike length",
}
