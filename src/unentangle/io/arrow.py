"""Tables of Arrow's types, in `.parquet`, `.arrow` and `.feather` files, as arrays by name."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import InputError, optional
from .arrays import check_size, damaged
from .columns import numbers, text
from .layout import Ragged
from .named import listed

INSTALL = "'unentangle[parquet]'"


class Columns(NamedTuple):
    """The columns of a table, how many values those with gaps lack, and those that cannot be read, with the reason."""

    arrays: dict[str, Any]
    gaps: dict[str, int]
    unread: dict[str, str]


def read_columns(path: Path) -> dict[str, np.ndarray]:
    """The columns of a `.parquet`, `.arrow` or `.feather` file, those of lists of one length as arrays of more axes.

    Raises:
        InputError: if it is missing or damaged, unpacks to more than `check_size` allows, or pyarrow is not installed.
    """
    return {name: array for name, array in columns_of(path).arrays.items() if not isinstance(array, Ragged)}


def names_of(path: Path) -> list[str]:
    """The names of the columns of a table.

    Raises:
        InputError: if it is missing or damaged, or pyarrow is not installed.
    """
    with damaged(path, f"a {path.suffix} table"):
        return list(_open(path)[0].names)


def columns_of(path: Path) -> Columns:
    """All that a table holds: see `Columns`.

    Missing numbers are NaN, missing words "". Fields of records are columns of their own, named `record/field`. Categories are
    their words, times words in UTC, decimals numbers.

    Raises:
        InputError: if it is missing or damaged, unpacks to more than `check_size` allows, or pyarrow is not installed.
    """
    found = Columns({}, {}, {})
    with damaged(path, f"a {path.suffix} table"):
        schema, read = _open(path)
        if len(set(schema.names)) < len(schema.names):
            raise InputError(f"{path} has two columns of one name among {listed(schema.names)}; names must differ.")
        table = read()
        table.validate(full=True)  # offsets of .arrow and .feather are believed otherwise
        for name, column in zip(table.column_names, table.columns, strict=True):
            for part, array in _leaves(name, column.combine_chunks()):
                try:
                    found.arrays[part], count = _values(array)
                except _Unread as reason:
                    found.unread[part] = f"the column {part!r} of {path} {reason}."
                    continue
                if count:
                    found.gaps[part] = count
    return found


class _Unread(Exception):
    """Why a column cannot be read."""


def _open(path: Path) -> tuple[Any, Any]:
    """The schema of a table, and what reads it."""
    parquet = optional("pyarrow.parquet", f"{path.suffix} is read", INSTALL)
    ipc = optional("pyarrow.ipc", f"{path.suffix} is read", INSTALL)
    arrow = optional("pyarrow", f"{path.suffix} is read", INSTALL)
    with damaged(path, f"a {path.suffix} table"):
        size = path.stat().st_size
        if path.suffix.lower() == ".parquet":
            file = parquet.ParquetFile(path)
            about = file.metadata
            whole = sum(about.row_group(k).total_byte_size for k in range(about.num_row_groups))
            check_size(path, max(whole, about.num_rows * about.num_columns), size)
            return file.schema_arrow, file.read
        with path.open("rb") as start:
            magic = start.read(6)
        if magic[:4] == b"FEA1":
            feather = optional("pyarrow.feather", f"{path.suffix} is read", INSTALL)
            table = feather.read_table(path)
            return table.schema, lambda: table
        source = arrow.memory_map(str(path))
        reader = ipc.open_file(source) if magic == b"ARROW1" else ipc.open_stream(source)

        def read() -> Any:
            batches, there = [], 0
            count = getattr(reader, "num_record_batches", None)
            for batch in reader if count is None else (reader.get_batch(k) for k in range(count)):
                batches.append(batch)
                check_size(path, there := there + batch.nbytes, size)
            return arrow.Table.from_batches(batches, reader.schema)

        return reader.schema, read


def _is_list(kind: Any) -> bool:
    import pyarrow.types as is_type

    views = [getattr(is_type, name, lambda kind: False) for name in ("is_list_view", "is_large_list_view")]
    return any(test(kind) for test in (is_type.is_list, is_type.is_large_list, is_type.is_fixed_size_list, *views))


def _leaves(name: str, array: Any) -> Iterator[tuple[str, Any]]:
    """An array by its name, or the fields of records by theirs."""
    array = getattr(array, "storage", array)
    if type(array.type).__name__ != "StructType":
        yield name, array
        return
    for field, part in zip(array.type, array.flatten(), strict=True):  # which keeps the gaps of the records
        yield from _leaves(f"{name}/{field.name}", part)


def _values(array: Any) -> tuple[Any, int]:
    """The values of an array, and how many are missing: a column, an array of more axes, or rows of unlike length."""
    import pyarrow.types as is_type

    array = getattr(array, "storage", array)
    kind = array.type
    if _is_list(kind):
        return _of_lists(array)
    if is_type.is_dictionary(kind):
        return _values(array.dictionary_decode())
    if is_type.is_null(kind):
        raise _Unread("holds no value")
    if is_type.is_boolean(kind):
        return (array.cast("uint8") if array.null_count else array).to_numpy(zero_copy_only=False), array.null_count
    if is_type.is_decimal(kind):
        values = numbers([str(v) for v in array.drop_null().to_pylist()])
        if array.null_count:
            values = np.array([np.nan if v is None else float(v) for v in array.to_pylist()])
        return values, array.null_count
    if is_type.is_timestamp(kind) or is_type.is_date(kind):
        import pyarrow as pa

        times = array.cast(pa.timestamp(kind.unit if is_type.is_timestamp(kind) else "ms")).to_numpy(zero_copy_only=False)
        words = np.datetime_as_string(times, "auto") if len(times) else times.astype(str)
        return np.where(np.isnat(times), "", words), array.null_count
    values = array.to_numpy(zero_copy_only=False)
    if values.dtype.kind in "biuf":
        return values, array.null_count
    if is_type.is_struct(kind) or is_type.is_map(kind) or is_type.is_union(kind):
        raise _Unread(f"holds {kind}, of which no rows are made")
    words = np.array(["" if value is None else value for value in values.astype(object)], object)
    try:
        return text(words), array.null_count
    except InputError:
        raise _Unread("holds bytes that are no text; numbers or words are needed") from None


def _of_lists(array: Any) -> tuple[Any, int]:
    """Lists as an array of one more axis, or as rows of unlike length."""
    if array.null_count:
        row = next(k for k, there in enumerate(array.is_valid().to_pylist()) if not there)
        raise _Unread(f"has no list in {array.null_count} row(s), of which {row} is the first; every row needs one")
    lengths = np.asarray(array.value_lengths(), np.int64)
    inner = array.flatten()
    if type(getattr(inner, "storage", inner).type).__name__ == "StructType":
        raise _Unread("holds lists of records, of which no rows are made")
    values, _ = _values(inner)
    ends = np.cumsum(lengths)
    if isinstance(values, Ragged):
        rows = values.read()
        each = [rows[end - n : end] for n, end in zip(lengths, ends, strict=True)]
        if any(len({len(part) for part in row}) != 1 for row in each):
            raise _Unread("holds lists that differ in length within one row; those of a row must agree")
        return Ragged(lambda: [np.stack(row) for row in each], len(each), values.dtype), 0
    if values.dtype.kind not in "biuf":
        raise _Unread("holds lists of words; samples are numbers")
    if len(set(lengths.tolist())) == 1:
        return values.reshape(len(lengths), lengths[0], *values.shape[1:]), 0
    return Ragged(lambda: np.split(values, ends[:-1]), len(lengths), values.dtype), 0
