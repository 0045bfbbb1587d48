"""`read`: folders and zips of `.npy` files with the factors in their names, tables, and files that nobody should trust."""

import struct
import tracemalloc
import zipfile
from io import BytesIO

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import unentangle as un
from unentangle.cli import main
from unentangle.io import files
from unentangle.io.files import READERS
from unentangle.io.tables import UNSURE, read_table


def folder_of(path, rows):
    path.mkdir(exist_ok=True)
    for name, row in rows.items():
        np.save(path / name, row)
    return path


def test_hidden_files_are_left_out(tmp_path):
    """Those of the Macintosh above all, which are no arrays."""
    folder = folder_of(tmp_path / "rows", {"1_2.npy": np.ones(3)})
    (folder / "._1_2.npy").write_bytes(b"no array")
    for path in (folder, zip_of(folder)):
        assert len(un.read(path)) == 1


def zip_of(folder):
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"inner/{file.name}")
    return folder.with_suffix(".zip")


def test_a_folder_and_its_zip_are_the_same_data(tmp_path):
    folder = folder_of(tmp_path / "rows", {f"{a}_{b}.npy": np.arange(4.0) + a + b for a in (1.5, 2) for b in (-3, 4)})
    for path in (folder, zip_of(folder)):
        data = un.read(path, groups="site", factors=("site", "depth"))
        np.testing.assert_array_equal(data.x[:, 0], data.factors["site"] + data.factors["depth"])
        assert len(data.group_names) == 2
    assert list(un.read(folder).factors) == ["factor_1", "factor_2"]


@pytest.mark.parametrize(
    ("rows", "options", "says"),
    [
        ({"1_2.npy": np.ones(3), "1_3.npy": np.ones(4)}, {}, "differ in length"),
        ({"a_2.npy": np.ones(3)}, {}, "is not numbers joined by _"),
        ({"1_2.npy": np.ones(3)}, {"factors": ("one",)}, "has 2 number"),
        ({"1_2.npy": np.ones(3)}, {"groups": "site"}, "have no factor 'site'"),
        ({}, {}, "holds no .npy files"),
    ],
)
def test_files_that_do_not_go_together_are_refused(rows, options, says, tmp_path):
    folder = folder_of(tmp_path / "rows", rows)
    for path in (folder, zip_of(folder)):
        with pytest.raises(un.InputError, match=says) as caught:
            un.read(path, **options)
        assert "\n" not in str(caught.value)


def test_a_damaged_zip_is_refused(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04 not a zip")
    for name, says in (("x.zip", "is damaged"), ("missing.zip", "does not exist")):
        with pytest.raises(un.InputError, match=says):
            un.read(tmp_path / name)


def test_factors_of_an_npz_are_chosen_by_name(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.eye(3), depth=[1.0, 2, 3], site=[0, 1, 1])
    assert list(un.read(tmp_path / "x.npz", factors=("site",)).factors) == ["site"]
    with pytest.raises(un.InputError, match=r"no array 'deep' to be a factor \(perhaps depth is meant\); it holds x"):
        un.read(tmp_path / "x.npz", factors=("deep",))


def test_a_table_is_read_from_csv_npy_and_npz(tmp_path):
    (tmp_path / "a.csv").write_text('name,size,"x, y"\nbig,3,0.5\nsmall,1,-2\n')
    columns = read_table(tmp_path / "a.csv")
    assert {name: (c.dtype.kind, c.tolist()) for name, c in columns.items()} == {
        "name": ("U", ["big", "small"]),
        "size": ("i", [3, 1]),
        "x, y": ("f", [0.5, -2]),
    }
    (tmp_path / "b.csv").write_text("1,2\n3,4\n")
    np.save(tmp_path / "b.npy", [[1, 2], [3, 4]])
    np.savez(tmp_path / "b.npz", **read_table(tmp_path / "b.npy"))
    for name in ("b.csv", "b.npy", "b.npz"):
        assert {k: c.tolist() for k, c in read_table(tmp_path / name).items()} == {"0": [1, 3], "1": [2, 4]}


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.csv", b"a,b\n1,2\n3\n", "line 3 of .* has 1 values; others have 2"),
        ("a.csv", b"", "is empty"),
        ("a.csv", b"a,a\n1,2\n", "two columns of one name"),
        ("a.csv", b"\xff\xfe\x00", "no text"),
        ("a.doc", b"a", "not a .csv, .npz or .npy"),
        ("a.npy", b"a", "cannot be read"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(un.InputError, match=sentence):
        read_table(tmp_path / name)


def test_altered_compressed_files_are_refused(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", x=np.random.default_rng(0).standard_normal((40, 30)))
    content = bytearray((tmp_path / "x.npz").read_bytes())
    content[60:90] = b"\xff" * 30
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(un.InputError, match="cannot be read: it is damaged"):
        un.read(tmp_path / "x.npz")


def test_file_names_fit_a_pattern(tmp_path):
    folder = folder_of(tmp_path / "rows", {f"{site}-{k}.npy": np.full(3, k) for site in ("north", "south") for k in (1, 2)})
    for path in (folder, zip_of(folder)):
        inner = "" if path == folder else "inner/"
        data = un.read(path, x=inner + "{site}-{shot}", groups="site")
        np.testing.assert_array_equal(data.x[:, 0], data.factors["shot"])
        assert list(data.group_names) == ["north", "south"]


def test_a_folder_of_files_is_read_as_one(tmp_path):
    for name, start in (("mon", 0), ("tue", 10)):
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file["x"], file["site"] = np.arange(start, start + 6.0).reshape(3, 2), [1, 2, 1]
    data = un.read(tmp_path, groups="site")
    np.testing.assert_array_equal(data.x[:][:, 0], [0, 2, 4, 10, 12, 14])
    np.testing.assert_array_equal(data.group, [0, 1, 0] * 2)
    assert list(un.read(tmp_path, groups="file").group_names) == ["mon", "tue"]


def test_more_files_than_may_stay_open_are_one_too(tmp_path, monkeypatch):
    """They are opened where their rows are read, and none stays so: it can be written again."""
    for k in range(3):
        with h5py.File(tmp_path / f"{k}.h5", "w") as file:
            file["x"], file["site"] = np.arange(6.0).reshape(3, 2) + 10 * k, [1, 2, 1]
    whole = un.read(tmp_path, groups="site")
    x, factors = whole.x[:], list(whole.factors)
    del whole
    monkeypatch.setattr(files, "OPEN", 2)
    data = un.read(tmp_path, groups="site")
    np.testing.assert_array_equal(data.x[:], x)
    np.testing.assert_array_equal(data.rows([[8, 0], [3, 3]]), x[[[8, 0], [3, 3]]])
    assert list(data.factors) == factors == ["file"]
    h5py.File(tmp_path / "0.h5", "r+").close()
    with h5py.File(tmp_path / "1.h5", "r+") as file:
        del file["site"]
        file["groups"] = [1, 2, 1]
    with pytest.raises(un.InputError, match="has no array 'groups', as other files"):
        un.read(tmp_path)


def test_factors_may_be_given(tmp_path):
    """By one name, or themselves, whatever is in the names of files; `~` is home."""
    folder_of(tmp_path / "rows", {"1_2.npy": np.ones(3), "3_4.npy": np.ones(3)})
    np.savez(tmp_path / "x.npz", x=np.eye(3), depth=[1.0, 2, 3], site=[0, 1, 1])
    assert list(un.read(tmp_path / "x.npz", factors="site").factors) == ["site"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path))
        data = un.read("~/rows", factors={"depth": [7.0, 8.0]})
    np.testing.assert_array_equal(data.factors["depth"], [7, 8])


def test_python_objects_beside_the_rows_do_no_harm(tmp_path):
    """They are refused where they are asked for."""
    np.savez(tmp_path / "x.npz", x=np.eye(3), groups=[0, 1, 1], note=np.array([{"by": "me"}] * 3))
    assert not un.read(tmp_path / "x.npz").factors
    with pytest.raises(un.InputError, match=r"note.npy in .* holds Python objects"):
        un.read(tmp_path / "x.npz", groups="note")


# -- files that nobody should trust ---------------------------------------------------------------------------------------


def whole_files():
    """The bytes of a small file of each kind that needs no extra, by suffix."""
    x, keys = np.arange(20, dtype=np.float32).reshape(5, 4), np.array(list("ababa"))
    files = {suffix: BytesIO() for suffix in (".npy", ".npz", ".zip", ".h5")}
    np.save(files[".npy"], x)
    np.savez_compressed(files[".npz"], x=x, groups=keys)
    with zipfile.ZipFile(files[".zip"], "w") as archive:
        archive.writestr("1_2.npy", files[".npy"].getvalue())
    with h5py.File(files[".h5"], "w") as file:
        file["x"], file["groups"] = x, keys.astype(object)
        file.create_dataset("more/c", data=x[:, 0], chunks=(2,), compression="gzip")
    lines = "".join(f"{key},{','.join(map(str, row))}\n" for key, row in zip(keys, x, strict=True))
    return {suffix: file.getvalue() for suffix, file in files.items()} | {".csv": f"groups,a,b,c,d\n{lines}".encode()}


WHOLE = whole_files()


def read_all(path):
    """Everything that reading may come to, or the sentence that refuses it."""
    try:
        data = un.read(path)
        return np.asarray(data.x), data.group_sizes, repr(data)
    except un.InputError as error:
        refused = str(error)
    assert "\n" not in refused
    return None


@pytest.mark.parametrize("suffix", WHOLE)
@given(data=st.data())
def test_altered_files_are_read_or_refused(tmp_path_factory, suffix, data):
    content = bytearray(WHOLE[suffix])
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.sampled_from([content[place] ^ 1, content[place] ^ 128, 0, 127, 255]))
    path = tmp_path_factory.mktemp("altered") / f"x{suffix}"
    path.write_bytes(content)
    read_all(path)
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    read_all(path)


@pytest.mark.parametrize("suffix", [*READERS, ".zip"])
def test_files_under_a_wrong_name_are_refused(tmp_path, suffix):
    """In one sentence and with status 2, also where the extra that reads them is not installed."""
    others = [b"", b"rubbish", *(content for kind, content in WHOLE.items() if kind != suffix)]
    for content in others:
        (tmp_path / f"x{suffix}").write_bytes(content)
        same = {".hdf5", ".hdf", ".nc", ".nc4", ".h5", ".mat"} if content == WHOLE[".h5"] else {".npz", ".zip"}
        same = {".csv", ".tsv", ".txt", *UNSURE} if content == WHOLE[".csv"] else same
        assert (suffix in same and content[:2] in (b"PK", b"\x89H", b"gr")) or read_all(tmp_path / f"x{suffix}") is None


def header(shape, dtype="<f4"):
    """A `.npy` that says so much, and holds nothing."""
    file = BytesIO()
    np.lib.format.write_array_header_1_0(file, {"shape": shape, "fortran_order": False, "descr": dtype})
    return file.getvalue()


def npy(path, content):
    path.with_suffix(".npy").write_bytes(content)
    return path.with_suffix(".npy")


def zipped(path, content, name="x.npy", compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path.with_suffix(".npz"), "w", compression) as archive:
        archive.writestr(name, content)
    return path.with_suffix(".npz")


def larger_than_it_is(path):
    """A zip whose directory says that a member is a terabyte."""
    content = bytearray(zipped(path, header((1 << 38,)), compression=zipfile.ZIP_STORED).read_bytes())
    entry = content.index(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = struct.pack("<I", 0xFFFFFFF0)
    path.with_suffix(".npz").write_bytes(content)
    return path.with_suffix(".npz")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda p: npy(p, header((10**15, 1000))), "damaged"),
        (lambda p: npy(p, header((2**62, 2**62))), "damaged"),
        (lambda p: npy(p, header((-1, 4))), "damaged"),
        (lambda p: npy(p, header((2,), "|O") + b"cos\nsystem\n"), "Python objects"),
        (lambda p: zipped(p, header((10**15, 1000))), "damaged"),
        (lambda p: zipped(p, header((2,), "|O") + b"cos\nsystem\n"), "Python objects"),
        (lambda p: zipped(p, header((100 << 20,), "|u1") + bytes(100 << 20)), "at most 250 times what is there"),
        (lambda p: zipped(p, header((4,)) + bytes(16), compression=zipfile.ZIP_LZMA), "damaged"),
        (larger_than_it_is, "declares 4 GB"),
    ],
)
def test_what_is_declared_is_not_believed(tmp_path, make, says, capsys):
    path = make(tmp_path / "x")
    tracemalloc.start()
    try:
        assert main(["inspect", str(path)]) == 2
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()
    printed = capsys.readouterr().err
    assert printed.startswith("error: ")
    assert printed.count("\n") == 1
    assert says in printed


def test_nothing_is_unpacked(tmp_path):
    """The names of members are names; those that lead elsewhere lead nowhere."""
    folder = tmp_path / "inner" / "most"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "x.zip", "w") as archive:
        for name in ("../../1_2.npy", "/tmp/3_4.npy", "..\\5_6.npy"):
            archive.writestr(name, WHOLE[".npy"])
    read_all(folder / "x.zip")
    assert len(un.read(folder / "x.zip", x="/tmp/*")) == 5
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [folder / "x.zip"]


def test_what_is_of_no_known_kind_lists_what_is(tmp_path):
    for name, says in (("x.foo", "has the suffix .foo"), ("x", "has no suffix to tell its kind"), ("y.foo", "does not exist")):
        if name[0] == "x":
            (tmp_path / name).write_text("")
        with pytest.raises(un.InputError, match=rf"{says}.*; .*\.npz, \.h5.*\.csv.* can be read"):
            un.read(tmp_path / name)


def test_a_mask_beside_the_rows_is_said_to_be_left_out(tmp_path):
    x = np.random.default_rng(0).normal(size=(5, 4))
    np.savez(tmp_path / "x.npz", data=x, mask=x > 1)
    data = un.read(tmp_path / "x.npz", x="data")
    assert any("mask" in note and "set what is missing to NaN" in note for note in data.notes)


def test_columns_that_cannot_be_keys_are_named(tmp_path):
    x, n = np.eye(4), np.arange(4)
    np.savez(tmp_path / "x.npz", x=x, event=n * 1j, site=n // 2)
    data = un.read(tmp_path / "x.npz")
    assert list(data.factors) == ["site"]
    assert any("event (complex128)" in note and "no keys" in note for note in data.notes)


def test_times_are_keys_and_factors(tmp_path):
    when = np.datetime64("2020-01-01") + np.arange(4) // 2
    np.savez(tmp_path / "x.npz", x=np.eye(4), when=when)
    np.testing.assert_array_equal(un.read(tmp_path / "x.npz").factors["when"], when)
    np.testing.assert_array_equal(un.read(tmp_path / "x.npz", groups="when").groups, when)
