"""HDF5: flat files, trees, NetCDF4 and SeisBench's waveforms with their table. Rows stay on disk."""

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ..data.dataset import Dataset
from ..data.rows import Blocks
from ..errors import InputError
from ..reading import Reading
from .arrays import check_size, damaged
from .columns import read_csv
from .named import Chosen, choose, dataset


def read_hdf5(path: Path, groups: Any, x: str, factors: Chosen, how: Reading) -> Dataset:
    """A data set from HDF5, as `named.dataset` chooses it; the coordinates of NetCDF along the rows are factors.

    Raises:
        InputError: if the file is missing or damaged, or declares much more than it holds.
    """
    import h5py

    with damaged(path, "an HDF5 or NetCDF4 file"):
        file = h5py.File(path, "r")
        arrays = _arrays(file)
        for name, array in arrays.items():
            check_size(f"{name} in {path}", array.nbytes, path.stat().st_size)
            if array.dtype.kind == "O":
                _check_words(path, name, array)
        if x == "x" and (table := _seisbench_table(path, arrays)):
            return _seisbench(path, table, arrays, groups, factors)
        return dataset(path, arrays, groups, x, factors, _dimension)


def _arrays(file: Any) -> dict[str, Any]:
    """All arrays of numbers and words; links to elsewhere are not followed, as `visititems` does it."""
    import h5py

    arrays: dict[str, Any] = {}

    def add(name: str, item: Any) -> None:
        if not isinstance(item, h5py.Dataset) or item.shape is None:
            return
        if item.external:  # values of any file that the reader may see, which a file from elsewhere should not choose
            raise InputError(f"the values of {name} in {file.filename} lie in another file; copy them into this one.")
        words, without_values = h5py.check_string_dtype(item.dtype), b"not a netCDF variable" in item.attrs.get("NAME", b"")
        if (item.dtype.kind != "O" or words is not None) and not without_values:
            arrays[name] = item

    file.visititems(add)
    if packed := [name for name, a in arrays.items() if len(a.shape) > 1 and {"scale_factor", "add_offset"} & set(a.attrs)]:
        raise InputError(f"{packed[0]} in {file.filename} is packed (scale_factor, add_offset); save it unpacked, as floats.")
    return arrays


def _check_words(path: Path, name: str, array: Any) -> None:
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


def _dimension(array: Any) -> str | None:
    """The dimension of the first axis, as NetCDF4 has it: the name of a coordinate, or of a scale that is attached."""
    if array.is_scale:
        return array.name
    scales = array.dims[0].values() if array.shape else []
    return scales[0].name if scales else None


# -- SeisBench ------------------------------------------------------------------------------------------------------------
# Waveforms lie in data/, each under its own name, or many in a bucket; a row of the table beside the file names its waveform,
# as `bucket0$5,:3,:1200`: the sixth of the bucket, of which 3 components and 1,200 samples are no padding.


def _seisbench_table(path: Path, arrays: Mapping[str, Any]) -> Path | None:
    table = path.with_name(path.stem.replace("waveforms", "metadata") + ".csv")
    there = "waveforms" in path.stem and table.is_file() and "data_format/dimension_order" in arrays
    return table if there else None


def _seisbench(path: Path, table: Path, arrays: Mapping[str, Any], groups: Any, factors: Chosen) -> Dataset:
    """Rows in the order of the table, whose columns are factors where they are not the same for all."""
    columns = read_csv(table)
    if "trace_name" not in columns:
        raise InputError(f"{table} has no column trace_name, which tells where in {path.name} each row is.")
    places = [str(name).partition(",")[0].partition("$") for name in columns["trace_name"]]
    names = [name for name in arrays if name.startswith("data/")]
    number = {name.removeprefix("data/"): k for k, name in enumerate(names)}
    if missing := [place[0] for place in places if place[0] not in number]:
        raise InputError(f"{table} names the waveform {missing[0]}, which {path} does not hold.")
    letters = {"C": "channel", "W": "time", "N": "row"}
    axes = [letters[c] for c in arrays["data_format/dimension_order"][()].decode().replace("N", "")]
    if all(not place[1] for place in places):
        rows = Blocks([arrays[f"data/{place[0]}"] for place in places], axes, [place[0] for place in places])
    else:
        blocks = Blocks([arrays[name] for name in names], ["row", *axes], names)
        starts = np.cumsum(blocks.sizes) - blocks.sizes
        order = np.array([starts[number[name]] + int(index) for name, _, index in places])
        rows = Blocks(blocks.arrays, ["row", *axes], names, order)
    named, traces = groups if isinstance(groups, str) else None, [str(name) for name in columns["trace_name"]]
    columns = {n: c for n, c in columns.items() if n == named or 1 < len(np.unique(c)) < len(c) + (c.dtype.kind != "U")}
    return choose(path, rows, columns, groups, factors, names=traces)
