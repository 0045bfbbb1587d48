"""HDF5: flat files, trees, NetCDF4 and SeisBench's waveforms with their table. Rows stay on disk."""

from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ..data.dataset import Dataset
from ..errors import InputError
from ..reading import Reading
from .arrays import check_size, damaged
from .decoded import Decoded, Field, Words, coding, grid_of, say_fill
from .layout import Ragged, dataset_of, refuse_elsewhere
from .matlab_cells import INSIDE, of_matlab
from .named import Chosen, axes_of, can_be_rows
from .netcdf import is_classic, read_classic
from .seisbench import read_seisbench, seisbench_table


def read_hdf5(path: Path, groups: Any, x: str, factors: Chosen, how: Reading) -> Dataset:
    """A data set from HDF5, as `layout.dataset_of` chooses it; the coordinates of NetCDF along the rows are factors.

    Raises:
        InputError: if the file is missing or damaged, declares much more than it holds, or what is asked for is in
            another file.
    """
    if is_classic(path):
        return read_classic(path, groups, x, factors, how)
    import h5py

    with damaged(path, "an HDF5 or NetCDF4 file"):
        file = h5py.File(path, "r")
        wanted = [axes_of(x)[0], x, *([groups] if isinstance(groups, str) else []), *(factors or ())]
        arrays, elsewhere, notes = _arrays(path, file, wanted)
        refuse_elsewhere(elsewhere, wanted if any(map(can_be_rows, arrays.values())) else list(elsewhere))
        notes += elsewhere.values()
        if x == "x" and (table := seisbench_table(path, arrays)):
            return read_seisbench(path, table, arrays, groups, factors, how)
        return dataset_of(path, arrays, groups, x, factors, how, dimensions, lambda name: attributes(file, name), notes)


def attributes(file: Any, name: str) -> Mapping[str, Any]:
    """The attributes of an array or a group; none of what is no object, such as a field."""
    item = file.get(name) if name else file
    return {} if item is None else {key: _attribute(item, key) for key in item.attrs}


def dimensions(array: Any) -> Sequence[str | None]:
    """The dimension of each axis, as NetCDF4 has it: the name of a coordinate, or of a scale that is attached."""
    while hasattr(array, "of"):
        array = array.of
    if not hasattr(array, "is_scale"):
        return ()
    if array.is_scale:
        return (array.name,)
    return [next((scale.name for scale in axis.values()), None) for axis in array.dims]


def _arrays(path: Path, file: Any, wanted: Sequence[str]) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """All arrays of numbers and words, why others have no values here, and what to say about those that are read.

    Soft links are other names of arrays that are there; they count where they are wanted.
    """
    import h5py

    found: dict[str, Any] = {}
    elsewhere: dict[str, str] = {}

    def look(name: str, item: Any) -> None:
        if (
            isinstance(item, h5py.Dataset)
            and item.shape is not None
            and not name.startswith(INSIDE)
            and b"not a netCDF variable" not in _name(item)
        ):
            found[name] = item

    def follow(name: str, link: Any) -> None:
        if isinstance(link, h5py.ExternalLink):
            elsewhere[name] = f"{name} in {path} is a link to {link.filename}, another file; copy its values into this one."
        elif isinstance(link, h5py.SoftLink) and name in wanted and (item := file.get(name)) is not None and item.file == file:
            look(name, item)

    file.visititems(look)
    size = path.stat().st_size
    for name, item in found.items():
        check_size(f"{name} in {path}", item.nbytes, size)
    check_size(path, sum(item.nbytes for item in found.values()), size)  # many arrays of nothing are as much
    file.visititems_links(follow)
    arrays: dict[str, Any] = {}
    notes: list[str] = []
    records = [name for name, item in found.items() if item.dtype.names]
    for name, item in found.items():
        if reason := _elsewhere(path, file, name, item):
            elsewhere[name] = reason
        elif item.dtype.names:
            bare = len(records) == 1 and not set(item.dtype.names) & set(found)
            arrays |= {field if bare else f"{name}/{field}": Field(item, field) for field in item.dtype.names}
        elif (array := _meant(path, name, item, notes)) is not None:
            arrays[name] = array
    return arrays, elsewhere, notes


def _meant(path: Path, name: str, item: Any, notes: list[str]) -> Any:
    """An array as its values are meant; None if it holds neither numbers nor words."""
    import h5py

    what = f"{name} in {path}"
    if "MATLAB_class" in item.attrs or h5py.check_ref_dtype(item.dtype) is h5py.Reference:
        try:
            return of_matlab(item.file, item, what)
        except InputError as error:
            notes.append(f"{error} They are left out.")
            return None
    if item.dtype.kind == "O":
        base = h5py.check_vlen_dtype(item.dtype)
        if base is not None and np.dtype(base).kind in "biuf" and len(item.shape) == 1:
            check_words(path, name, item)
            return Ragged(lambda: list(item[...]), len(item), np.dtype(base))
        if h5py.check_string_dtype(item.dtype) is None:
            return None
        check_words(path, name, item)
        return item
    if item.dtype == np.dtype("S1") and len(item.shape) == 2:
        return Words(item)
    about = {key: _attribute(item, key) for key in item.attrs}
    meaning = coding(what, item.dtype, about, fill := _fill(item, about))
    say_fill(notes, what, fill)
    holes = _holes(item)
    if holes is not None and item.dtype.kind in "iuf":
        notes.append(f"{int(holes.sum())} of {holes.size} parts of {what} were never written; their values are missing.")
        return Decoded(item, meaning, holes, item.chunks or item.shape)
    return item if meaning is None else Decoded(item, meaning)


def _fill(item: Any, about: Mapping[str, Any]) -> Any:
    """The value that an array has where nothing was written, if somebody chose one that is no value; bytes have no such."""
    import h5py

    if "_FillValue" in about or item.dtype.kind not in "iuf" or item.dtype.itemsize == 1:
        return None
    chosen = item.id.get_create_plist().fill_value_defined() == h5py.h5d.FILL_VALUE_USER_DEFINED
    return item.fillvalue if chosen and item.fillvalue not in (0, 1) else None


def _holes(item: Any) -> np.ndarray | None:
    """For each chunk, whether it was never written; None if all were."""
    if item.is_virtual or not item.size:
        return None
    if item.chunks is None:
        return None if item.id.get_storage_size() or item.nbytes == 0 else np.ones((1,) * len(item.shape), bool)
    grid = grid_of(item.shape, item.chunks)
    if item.id.get_num_chunks() >= prod(grid):
        return None
    holes = np.ones(grid, bool)

    def there(chunk: Any) -> None:
        holes[tuple(start // size for start, size in zip(chunk.chunk_offset, item.chunks, strict=True))] = False

    item.id.chunk_iter(there)
    return holes


def _elsewhere(path: Path, file: Any, name: str, item: Any) -> str:
    """Why an array has no values here: absent, or in any file that the reader may see, which a file should not choose."""
    if item.external:
        return f"the values of {name} in {path} lie in another file; copy them into this one."
    if not item.is_virtual:
        return ""
    sources = item.virtual_sources()
    if other := next((source.file_name for source in sources if source.file_name not in (".", str(path), path.name)), None):
        return f"the values of {name} in {path} lie in another file, {other}; copy them into this one."
    if absent := next((source.dset_name for source in sources if source.dset_name not in file), None):
        return f"the values of {name} in {path} are those of {absent}, which it does not hold."
    unmapped = item.size - sum(source.vspace.get_select_npoints() for source in sources)
    return (
        f"{unmapped} of {item.size} values of {name} in {path} are mapped to nothing; map all of them." if unmapped > 0 else ""
    )


def _attribute(item: Any, key: str) -> Any:
    """An attribute, or None if it is of a type that cannot be read."""
    try:
        return item.attrs[key]
    except (OSError, TypeError, ValueError, KeyError):
        return None


def _name(item: Any) -> bytes:
    name = _attribute(item, "NAME") if "NAME" in item.attrs else b""
    return bytes(name) if isinstance(name, bytes) else str(name).encode()


def check_words(path: Path, name: str, array: Any) -> None:
    """Refuse words that are said to be longer than the file, before the library takes memory for them.

    Where they are not compressed, that is: a word lies in the file as its length in 4 bytes, and 12 that tell where it is.
    """
    offset, parts = array.id.get_offset(), []
    if offset is not None:
        parts = [(offset, 16 * prod(array.shape))]
    elif array.chunks and not array.compression:
        chunks = (array.id.get_chunk_info(k) for k in range(array.id.get_num_chunks()))
        parts = [(chunk.byte_offset, chunk.size) for chunk in chunks]
    with path.open("rb") as file:
        for start, size in parts:
            file.seek(start)
            raw = file.read(size)
            lengths = np.frombuffer(raw[: len(raw) // 16 * 16], [("length", "<u4"), ("place", "V12")])["length"]
            if (lengths > path.stat().st_size).any():
                raise InputError(f"{name} in {path} cannot be read: its words would be longer than the file, which is damaged.")
