"""A known table, written in many ways: it is read back with right numbers and right keys, or refused in one sentence.

A way is a function that writes a table into a folder, and tells what to read and how, and which rows and keys are meant.
"""

import gzip
import json
import pickle
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import h5py
import numpy as np
import pytest
from hypothesis import Phase, given, reject, settings
from hypothesis import strategies as st

import unentangle as un
from unentangle.inspection import inspect


class Table(NamedTuple):
    """Rows (n, features), of which one value may be missing, and a key for each."""

    x: np.ndarray
    keys: list


class Meant(NamedTuple):
    """What is to be read, how, and what it means; by default the keys are the column `site`."""

    path: Path
    x: np.ndarray
    keys: list | None
    how: Mapping[str, Any] = MappingProxyType({"groups": "site"})


MAGNITUDES = st.builds(lambda a, e: a * 10.0**e, st.floats(-10, 10, width=32), st.integers(-23, 20))
VALUES = {
    "magnitudes": MAGNITUDES,
    "decimals": st.integers(-99999, 99999).map(lambda k: k / 1000),
    "whole": st.integers(-5000, 5000).map(float),
    "few": st.integers(0, 2).map(float),
}
KEYS = {
    "words": ["a", "b", "c d", "é", "Köln", "ev_1", "x-2", "Z9"],
    "whole": [3, 1, 12, 7, 100],
    "like numbers": ["007", "7", "07", "1", "1.0", "01", "1E5"],
    "dates": ["2021-03-04", "2021-04-03", "2021-12-31"],
    "other dates": ["04/03/2021", "03/04/2021", "31/12/2021"],
}


@st.composite
def tables(draw):
    n, features = draw(st.integers(4, 7)), draw(st.integers(3, 5))
    values = VALUES[draw(st.sampled_from(sorted(VALUES)))]
    x = np.array(draw(st.lists(st.lists(values, min_size=features, max_size=features), min_size=n, max_size=n))) + 0.0
    if draw(st.booleans()):
        x[draw(st.integers(0, n - 1)), draw(st.integers(0, features - 1))] = np.nan
    keys = KEYS[draw(st.sampled_from(sorted(KEYS)))]
    return Table(x, draw(st.lists(st.sampled_from(keys), min_size=n, max_size=n)))


def number(value: float) -> str:
    return "" if np.isnan(value) else str(int(value)) if value % 1 == 0 and abs(value) < 2**53 else repr(float(value))


def names_of(table):
    return [f"s{k} [m/s]" if k == 1 else f"s{k}" for k in range(table.x.shape[1])]


def cells(table):
    """A line of names, and a line for each row, the key first."""
    return [["site", *names_of(table)], *([str(k), *map(number, row)] for k, row in zip(table.keys, table.x, strict=True))]


def joined(lines, separator=",", end="\n"):
    return "".join(separator.join(line) + end for line in lines)


def text(table, folder, content, name="t.csv", encoding="utf-8", **how):
    raw = content if isinstance(content, bytes) else content.encode(encoding)
    (folder / name).write_bytes(gzip.compress(raw) if name.endswith("gz") else raw)
    return Meant(folder / name, table.x, table.keys, {"groups": "site", **how})


def each(table, change):
    """The lines, with every number changed."""
    first, *rows = cells(table)
    return [first, *([key, *map(change, words)] for key, *words in rows)]


READ, EITHER, REFUSED = "read", "either", "refused"  # what must come of a way
WAYS = []


def way(kind):
    return lambda function: WAYS.append((function, kind)) or function


# -- texts ----------------------------------------------------------------------------------------------------------------


for _name, _separator, _end in [
    ("t.csv", ",", "\n"),
    ("t.csv", ";", "\r\n"),
    ("t.tsv", "\t", "\n"),
    ("t.txt", "|", "\r"),
    ("t.csv", ", ", "\n"),
    ("t.csv", " , ", "\n"),
    ("t.csv.gz", ",", "\n"),
    ("t.dat", ",", "\n"),
    ("t.csv", ",", "\n\n"),
    ("t.csv", ",", ",\n"),
]:

    @way(READ)
    def separated(t, folder, name=_name, separator=_separator, end=_end):
        return text(t, folder, joined(cells(t), separator, end), name)


for _encoding in ("utf-8-sig", "utf-16", "utf-16-be", "latin-1"):

    @way(READ)
    def encoded(t, folder, encoding=_encoding):
        return text(t, folder, joined(cells(t), "\t"), encoding=encoding)


for _head in (
    "# of 1 May\n",
    "% of 1 May, by me\n\n",
    "// of 1 May\n",
    "Data of May\n\n",
    "Data of May,,,\n,,,\n",
    "sep=,\n",
    "rate: 100\nby,me\n",
):

    @way(READ)
    def headed(t, folder, head=_head):
        return text(t, folder, head + joined(cells(t)))


@way(READ)
def blanks(t, folder):
    lines = [[word.replace(" ", "_") or "NA" for word in line] for line in cells(t)]
    return text(t, folder, joined(lines, "  "), "t.prn")._replace(keys=[str(k).replace(" ", "_") for k in t.keys])


@way(READ)
def fixed_width(t, folder):
    lines = [[f"{word.replace(' ', '_') or '-':>28}" for word in line] for line in cells(t)]
    return text(t, folder, joined(lines, ""), "t.txt")._replace(keys=[str(k).replace(" ", "_") for k in t.keys])


@way(READ)
def quoted(t, folder):
    return text(t, folder, joined([[f'"{word}"' for word in line] for line in cells(t)]))


@way(READ)
def units(t, folder):
    first, *rows = cells(t)
    return text(t, folder, joined([first, ["", *["mV"] * t.x.shape[1]], *rows]))


@way(READ)
def names_in_a_comment(t, folder):
    return text(t, folder, "# " + joined(cells(t)))


@way(READ)
def no_names(t, folder):
    return text(t, folder, joined(cells(t)[1:]), groups="0")


@way(READ)
def years_as_names(t, folder):
    return text(t, folder, joined([["site", *map(str, range(2001, 2001 + t.x.shape[1]))], *cells(t)[1:]]))


@way(READ)
def ends_in_empty_lines(t, folder):
    return text(t, folder, joined(cells(t)) + "," * t.x.shape[1] + "\n  \n\n")


@way(READ)
def rows_end_in_a_separator(t, folder):
    first, *rows = cells(t)
    return text(t, folder, joined([first]) + joined(rows, end=",\n"))


@way(READ)
def no_end_of_line(t, folder):
    return text(t, folder, joined(cells(t))[:-1])


@way(READ)
def index_of_pandas(t, folder):
    first, *rows = cells(t)
    return text(t, folder, joined([["", *first], *([str(k), *row] for k, row in enumerate(rows))]))


@way(READ)
def numbers_as_names_and_index(t, folder):
    _, *rows = cells(t)
    names = ["", "site", *map(str, range(t.x.shape[1]))]
    return text(t, folder, joined([names, *([str(k), *row] for k, row in enumerate(rows))]))


@way(READ)
def index_that_was_read_back(t, folder):
    first, *rows = cells(t)
    return text(t, folder, joined([["Unnamed: 0", *first], *([str(7 * k % 31), *row] for k, row in enumerate(rows))]))


@way(READ)
def two_indices(t, folder):
    first, *rows = cells(t)
    lines = [["shot", *first], *([str(k), *row] for k, row in enumerate(rows))]
    return text(t, folder, joined(lines), factors=["shot"])


@way(READ)
def names_of_rows_by_r(t, folder):
    first, *rows = cells(t)
    return text(t, folder, joined([first, *([f'"r{k}"', *row] for k, row in enumerate(rows))]), "t.txt")


@way(READ)
def keys_last(t, folder):
    return text(t, folder, joined([line[::-1] for line in cells(t)]))._replace(x=t.x[:, ::-1])


@way(READ)
def keys_with_blanks(t, folder):
    return text(t, folder, joined([[line[0] + " " * (k % 2), *line[1:]] for k, line in enumerate(cells(t))]))


for _word in ("NA", "null", "-", "n/a", "nan", "#N/A", "?", " "):

    @way(READ)
    def missing(t, folder, word=_word):
        return text(t, folder, joined(each(t, lambda one: one or word)))


@way(READ)
def exponents(t, folder):
    return text(t, folder, joined(each(t, lambda one: f"{float(one):+.17E}" if one else "")))


@way(EITHER)
def decimal_comma(t, folder):
    return text(t, folder, joined(each(t, lambda one: one.replace(".", ",")), ";"))


@way(EITHER)
def decimal_comma_in_quotes(t, folder):
    return text(t, folder, joined(each(t, lambda one: f'"{one.replace(".", ",")}"')))


def grouped(one: str, thousands: str, point: str) -> str:
    """A number with its thousands apart."""
    whole = one.lstrip("-").isdigit()
    return (f"{int(one):,}" if whole else one).replace(",", "t").replace(".", point).replace("t", thousands)


for _thousands, _point, _separator in [(",", ".", ";"), (",", ".", '","'), (".", ",", ";"), (" ", ",", ";"), ("'", ".", ",")]:

    @way(EITHER)
    def thousands(t, folder, thousands=_thousands, point=_point, separator=_separator):
        lines = each(t, lambda one: grouped(one, thousands, point))
        content = joined(lines, separator)
        if separator == '","':
            content = "".join(f'"{line}"\n' for line in content.splitlines())
        return text(t, folder, content)


for _pattern in ("{}%", "${}", "'{}'", "−{}", "{}D+00", "{}/1", "({}+0j)", "\u200b{}", "{} m"):

    @way(REFUSED)
    def decorated(t, folder, pattern=_pattern):
        return text(t, folder, joined(each(t, lambda one: pattern.format(one or 0))))


for _word in ("ND", "<0.1", "1.2.3", "5 mV", "0x1F", "TRUE"):

    @way(REFUSED)
    def another_word(t, folder, word=_word):
        lines = each(t, lambda one: one or "1")
        lines[2][2] = word
        return text(t, folder, joined(lines))


@way(REFUSED)
def short_line(t, folder):
    return text(t, folder, joined(cells(t)) + "a,1\n")


@way(REFUSED)
def long_line(t, folder):
    lines = cells(t)
    return text(t, folder, joined([*lines[:-1], [*lines[-1], "5"]]))


@way(REFUSED)
def one_name_twice(t, folder):
    first, *rows = cells(t)
    return text(t, folder, joined([[*first[:-1], first[1]], *rows]))


@way(REFUSED)
def key_missing(t, folder):
    lines = cells(t)
    lines[2][0] = ""
    return text(t, folder, joined(lines))


# -- arrays by name -------------------------------------------------------------------------------------------------------


def npz(t, folder, **arrays):
    np.savez(folder / "t.npz", **arrays)
    return Meant(folder / "t.npz", t.x, t.keys)


for _change in (
    np.asfortranarray,
    lambda x: x.astype(">f8"),
    lambda x: x.astype(np.longdouble),
    lambda x: x.astype(object),
    lambda x: x.T.copy(),
):

    @way(READ)
    def layout(t, folder, change=_change):
        square = len(t.keys) == t.x.shape[1]
        x = t.x[:, :-1] if square else t.x  # nothing tells which axis is rows of a square
        return npz(t, folder, x=change(x), site=t.keys)._replace(x=x)


for _change in (
    np.array,
    lambda keys: np.array(keys, object),
    lambda keys: np.array(keys)[:, None],
    lambda keys: np.array([str(k).encode() for k in keys]),
):

    @way(READ)
    def keys_of_any_type(t, folder, change=_change):
        return npz(t, folder, x=t.x, site=change(t.keys))


@way(READ)
def half_precision(t, folder):
    x = np.clip(t.x, -1e4, 1e4).astype(np.float16)
    return npz(t, folder, x=x, site=t.keys)._replace(x=x)


@way(READ)
def records(t, folder):
    rows = [(key, *row) for key, row in zip(t.keys, t.x, strict=True)]
    types = [("site", np.array(t.keys).dtype), *((name, float) for name in names_of(t))]
    np.save(folder / "t.npy", np.array(rows, types))
    return Meant(folder / "t.npy", t.x, t.keys)


for _bad in (None, ""):

    @way(REFUSED)
    def a_key_that_is_none(t, folder, bad=_bad):
        return npz(t, folder, x=t.x, site=np.array([bad, *map(str, t.keys[1:])], object))


@way(REFUSED)
def a_time_that_is_none(t, folder):
    return npz(t, folder, x=t.x, site=np.array(["NaT", *["2021-01-01"] * (len(t.keys) - 1)], "M8[D]"))


@way(REFUSED)
def complex_rows(t, folder):
    return npz(t, folder, x=t.x + 1j, y=t.x, site=t.keys)


@way(REFUSED)
def bytes_that_are_no_text(t, folder):
    return npz(t, folder, x=t.x, site=np.array([b"\xe9"] * len(t.keys)))


class Evil:
    def __reduce__(self):
        return (Path.touch, (Path("evil"),))


@way(REFUSED)
def pickled(t, folder):
    return npz(t, folder, x=t.x, site=np.array([Evil()] * len(t.keys), object))


def hdf5(t, folder, fill, **how):
    with h5py.File(folder / "t.h5", "w") as file:
        fill(file)
    return Meant(folder / "t.h5", t.x, t.keys, {"groups": "site", **how})


def both(t, **how):
    def fill(file):
        file.create_dataset("x", data=t.x, **how)
        file["site"] = np.array(t.keys, object if isinstance(t.keys[0], str) else None)

    return fill


@way(READ)
def hdf5_packed(t, folder):
    return hdf5(t, folder, both(t, compression="gzip", shuffle=True, chunks=(2, 2), dtype=">f8"))


@way(READ)
def hdf5_with_a_fill_value(t, folder):
    return hdf5(t, folder, both(t._replace(x=np.nan_to_num(t.x, nan=-9.5e35)), fillvalue=-9.5e35))


def stored(t):
    """Whole numbers of which some are missing, and what they mean."""
    numbers = np.arange(t.x.size).reshape(t.x.shape) % 50
    return np.where(np.isnan(t.x), -99, numbers), np.where(np.isnan(t.x), np.nan, numbers * 0.5 + 3.0)


PACKED = {"_FillValue": np.int16(-99), "scale_factor": 0.5, "add_offset": 3.0}


@way(READ)
def hdf5_of_cf(t, folder):
    packed, x = stored(t)

    def fill(file):
        both(t._replace(x=packed.astype(np.int16)))(file)
        file["x"].attrs.update(PACKED)

    return hdf5(t, folder, fill)._replace(x=x)


@way(READ)
def hdf5_of_records(t, folder):
    kinds = [("site", h5py.string_dtype()), ("x", float, t.x.shape[1:])]
    rows = [(str(key), row) for key, row in zip(t.keys, t.x, strict=True)]
    return hdf5(t, folder, lambda file: file.create_dataset("t", data=np.array(rows, kinds)))


@way(READ)
def hdf5_with_keys_as_attribute(t, folder):
    def fill(file):
        file["x"] = t.x
        file["x"].attrs["site"] = t.keys

    return hdf5(t, folder, fill)


@way(READ)
def hdf5_of_parts(t, folder):
    def fill(file):
        for k, (key, row) in enumerate(zip(t.keys, t.x, strict=True)):
            file[f"row_{k}"] = row
            file[f"row_{k}"].attrs["site"] = key

    return hdf5(t, folder, fill, x="row_{k}")


@way(REFUSED)
def hdf5_elsewhere(t, folder):
    def fill(file):
        file.create_dataset("x", t.x.shape, float, external=[(str(folder / "raw"), 0, h5py.h5f.UNLIMITED)])
        file["site"] = np.arange(len(t.x))

    return hdf5(t, folder, fill)


@way(READ)
def netcdf_classic(t, folder):
    from scipy.io import netcdf_file

    packed, x = stored(t)
    words = np.array([str(key).encode() for key in t.keys])
    with netcdf_file(str(folder / "t.nc"), "w") as file:
        for name, size in (("event", len(x)), ("time", x.shape[1]), ("letter", words.dtype.itemsize)):
            file.createDimension(name, size)
        variable = file.createVariable("x", "i2", ("event", "time"))
        variable[:] = packed
        variable._attributes.update(PACKED)
        file.createVariable("site", "c", ("event", "letter"))[:] = words.view("S1").reshape(len(words), -1)
        del variable
    return Meant(folder / "t.nc", x, t.keys)


def netcdf(t, folder, dims):
    h5netcdf = pytest.importorskip("h5netcdf")
    with h5netcdf.File(folder / "t.nc", "w") as file:
        file.dimensions = {"event": len(t.x), "time": t.x.shape[1]}
        file.create_variable("x", dims, float)[...] = t.x if dims[0] == "event" else t.x.T
        file.create_variable("site", ("event",), h5py.string_dtype())[...] = np.array(list(map(str, t.keys)), object)
    return Meant(folder / "t.nc", t.x, t.keys)


@way(READ)
def netcdf_4(t, folder):
    return netcdf(t, folder, ("event", "time"))


@way(READ)
def netcdf_4_with_axes_named(t, folder):
    return netcdf(t, folder, ("time", "event"))._replace(how={"groups": "site", "x": "x: time row"})


@way(REFUSED)
def netcdf_4_transposed(t, folder):
    return netcdf(t, folder, ("time", "event"))


for _format, _fill in ((2, -9.5e35), (3, -9.5e35), (2, None), (3, None)):

    @way(READ)
    def zarr(t, folder, kind=_format, fill=_fill):
        library = pytest.importorskip("zarr")
        group = library.open_group(str(folder / "t.zarr"), mode="w", zarr_format=kind)
        x = t.x if fill is None else np.nan_to_num(t.x, nan=fill)
        group.create_array("x", shape=x.shape, dtype=">f8", chunks=(2, 2), fill_value=fill or 0)[...] = x
        keys = np.unique(t.keys, return_inverse=True)[1]
        group.create_array("site", shape=keys.shape, dtype="i8")[...] = keys
        return Meant(folder / "t.zarr", t.x, keys.tolist())


for _turned in (False, True):

    @way(READ)
    def matlab(t, folder, turned=_turned):
        from scipy.io import savemat

        x = t.x[:, :-1] if len(t.keys) == t.x.shape[1] else t.x
        savemat(folder / "t.mat", {"s": {"x": x.T if turned else x, "site": np.array(list(map(str, t.keys)), object)}})
        return Meant(folder / "t.mat", x, t.keys, {"groups": "s/site"})


# -- tables of Arrow's types ----------------------------------------------------------------------------------------------


def arrow(t, folder, columns, name="t.parquet"):
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = pa.table(columns)
    if name == "t.parquet":
        parquet.write_table(table, folder / name, row_group_size=3)
    else:
        with pa.OSFile(str(folder / name), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
    return Meant(folder / name, t.x, t.keys)


def samples(t, change=lambda column: column):
    return {name: change(column) for name, column in zip(names_of(t), t.x.T, strict=True)}


for _kind in ("t.parquet", "t.arrow", "t.feather"):

    @way(READ)
    def arrow_columns(t, folder, kind=_kind):
        pa = pytest.importorskip("pyarrow")
        gaps = {"unasked": pa.array([None, *["x"] * (len(t.x) - 1)]), "void": pa.nulls(len(t.x))}
        index = {"__index_level_0__": 7 * np.arange(len(t.x)) % 5}
        return arrow(t, folder, {"site": t.keys, **samples(t, lambda c: pa.array(c, from_pandas=True)), **gaps, **index}, kind)

    @way(READ)
    def arrow_lists(t, folder, kind=_kind):
        pa = pytest.importorskip("pyarrow")
        return arrow(t, folder, {"site": pa.array(t.keys).dictionary_encode(), "wave": t.x.tolist()}, kind)

    @way(READ)
    def arrow_slices(t, folder, kind=_kind):
        pa = pytest.importorskip("pyarrow")
        whole = pa.FixedSizeListArray.from_arrays(pa.array(np.vstack([t.x[:2], t.x]).ravel()), t.x.shape[1])
        return arrow(t, folder, {"site": t.keys, "wave": whole.slice(2)}, kind)


@way(READ)
def decimals(t, folder):
    x = np.nan_to_num(np.clip(np.round(t.x, 3), -1e6, 1e6))
    pa = pytest.importorskip("pyarrow")
    columns = samples(t._replace(x=x), lambda c: pa.array([Decimal(f"{v:.3f}") for v in c], pa.decimal128(30, 3)))
    return arrow(t, folder, {"site": pa.array(t.keys), **columns})._replace(
        x=np.array([[float(f"{v:.3f}") for v in r] for r in x])
    )


@way(REFUSED)
def arrow_without_a_key(t, folder):
    return arrow(t, folder, {"site": [None, *t.keys[1:]], **samples(t)})


@way(READ)
def h5ad(t, folder):
    def fill(file):
        file["X"] = t.x
        file.create_group("obs")["site"] = np.array(t.keys, object if isinstance(t.keys[0], str) else None)

    meant = hdf5(t, folder, fill)
    return meant._replace(path=meant.path.rename(folder / "t.h5ad"))


# -- keys in another file -------------------------------------------------------------------------------------------------


def order(t):
    """Another order of the rows."""
    return np.random.default_rng(len(t.x)).permutation(len(t.x))


def beside(t, folder, name, header="name,site"):
    """A table of keys, in another order than the rows, whose names `name` gives."""
    lines = [[name(k), str(t.keys[k])] for k in order(t)]
    (folder / "keys.csv").write_text(header + "\n" + joined(lines))
    return {"groups": f"{folder / 'keys.csv'}:site"}


for _ours, _theirs in (
    ("ev{}", "ev{} "),
    ("{:03d}", "{:03d}"),
    ("{:03d}", "{}"),
    ("{}", "{:03d}"),
    (None, "{:03d}"),
    (None, "{}"),
):

    @way(READ)
    def rows_with_names(t, folder, ours=_ours, theirs=_theirs):
        names = [k if ours is None else ours.format(k) for k in range(len(t.x))]
        meant = npz(t, folder, x=t.x, name=names)
        return meant._replace(how=beside(t, folder, theirs.format))


for _theirs in ("f{:02d}.npy", "f{:02d}", "C:\\data\\f{:02d}.csv"):

    @way(READ)
    def files_with_names(t, folder, theirs=_theirs):
        (folder / "rows").mkdir()
        for k, row in enumerate(t.x):
            np.save(folder / "rows" / f"f{k:02d}.npy", row)
        return Meant(folder / "rows", t.x, t.keys, {"x": "f{k}", **beside(t, folder, theirs.format)})


@way(READ)
def images(t, folder):
    from PIL import Image

    (folder / "images").mkdir()
    x = np.stack([np.full((3, 4), 20 * k, np.uint8) for k in range(len(t.x))])
    for k, image in enumerate(x):
        Image.fromarray(image).save(folder / "images" / f"f{k}.png")
    return Meant(folder / "images", x[..., None], t.keys, beside(t, folder, "f{}.png".format))


@way(READ)
def keys_of_numpy(t, folder):
    np.save(folder / "x.npy", t.x)
    np.save(folder / "keys.npy", t.keys)
    return Meant(folder / "x.npy", t.x, t.keys, {"groups": str(folder / "keys.npy")})


@way(REFUSED)
def too_few_keys(t, folder):
    np.save(folder / "keys.npy", t.keys[1:])
    return keys_of_numpy(t, folder)._replace(how={"groups": str(np.save(folder / "k.npy", t.keys[1:]) or folder / "k.npy")})


@way(REFUSED)
def other_names(t, folder):
    return npz(t, folder, x=t.x, name=[f"ev{k}" for k in range(len(t.x))])._replace(how=beside(t, folder, "EV{}".format))


@way(REFUSED)
def columns_in_another_order(t, folder):
    (folder / "files").mkdir()
    for k, row in enumerate(cells(t)[1:]):
        lines = [cells(t)[0], row]
        (folder / "files" / f"f{k}.csv").write_text(joined(lines if k % 2 else [line[::-1] for line in lines]), "utf-8")
    return Meant(folder / "files", t.x, t.keys)


# -- what is not read -----------------------------------------------------------------------------------------------------


for _name in ("t.json", "t.jsonl", "t.xlsx", "t.pkl", "t.rds"):

    @way(REFUSED)
    def unknown(t, folder, name=_name):
        content = pickle.dumps(Evil()) if name == "t.pkl" else json.dumps(cells(t)).encode()
        (folder / name).write_bytes(content)
        return Meant(folder / name, t.x, t.keys)


# -- the law --------------------------------------------------------------------------------------------------------------


def same(found, meant) -> bool:
    """Whether keys are those that are meant, as words, or as numbers if that is as good."""

    def equal(one, other):
        if str(one) == str(other):
            return True
        with suppress(ValueError):
            return float(one) == float(other) and not str(other).startswith("0")
        return False

    return len(set(found)) == len(set(meant)) and all(map(equal, found, meant))


def read_as_meant(make, table, folder) -> bool:
    """Read what a way writes: whether it is read, and then as it is meant; else it is refused in a sentence that names it."""
    meant = make(table, folder)
    try:
        data = un.read(meant.path, **meant.how)
    except un.InputError as error:
        sentence = str(error)
        assert "\n" not in sentence
        assert sentence.endswith(".")
        assert len(sentence) < 700
        if "separates thousands" in sentence:  # drawn by chance: 25.401 beside 4
            reject()
        return False
    np.testing.assert_array_equal(np.asarray(data.x[:], float), np.asarray(meant.x, float))
    assert same(data.groups.tolist(), meant.keys), (data.groups, meant.keys, data.notes)
    return True


IDS = [f"{k}-{make.__name__}" for k, (make, _) in enumerate(WAYS)]


AT_ONCE = (Phase.explicit, Phase.generate)  # tables are small as they come, and a smaller one takes long to find


def check(make, kind, table, tmp_path_factory):
    read = read_as_meant(make, table, tmp_path_factory.mktemp("way"))
    assert read or kind != READ, "a way that must be read is refused"
    assert not read or kind != REFUSED, "a way that must be refused is read"
    assert not Path("evil").exists()


@pytest.mark.parametrize(("make", "kind"), WAYS, ids=IDS)
@settings(max_examples=2, phases=AT_ONCE)
@given(table=tables())
def test_a_table_means_the_same_however_it_is_written(make, kind, table, tmp_path_factory):
    check(make, kind, table, tmp_path_factory)


@pytest.mark.long
@pytest.mark.parametrize(("make", "kind"), WAYS, ids=IDS)
@settings(max_examples=60, phases=AT_ONCE, derandomize=False)
@given(table=tables())
def test_many_tables_mean_the_same(make, kind, table, tmp_path_factory):
    check(make, kind, table, tmp_path_factory)


def test_an_order_that_is_assumed_is_said(tmp_path):
    table = Table(np.arange(12.0).reshape(4, 3), list("abab"))
    meant = keys_of_numpy(table, tmp_path)
    data = un.read(meant.path, **beside(table, tmp_path, "ev{}".format))
    assert "taken in their order" in data.notes[0]


@pytest.mark.parametrize("value", [-999, 9999, 1e20])
def test_a_number_that_may_stand_for_none_is_said(tmp_path, value):
    """No file says that it does, so it is read as it stands; a training and `inspect` say so, unless others are as great."""
    x = np.random.default_rng(0).standard_normal((6, 4))
    x[2, 1] = value
    data = un.read(text(Table(x, list("ababab")), tmp_path, joined(cells(Table(x, list("ababab"))))).path, groups="site")
    for said in (data.oddities(), inspect(data).notes, un.Dataset(x.astype(np.float32)).oddities()):
        assert [note for note in said if note.startswith(f"the value {value:g} comes 1 time(s)")]
    assert not [note for note in un.Dataset(np.vstack([x, x + value / 2])).oddities() if "time(s)" in note]
