"""Results written as they come: whole in the end in every format, and never begun anew for nothing."""

import csv
import errno
import json
import os

import numpy as np
import pytest

from unentangle.errors import InputError
from unentangle.io.outputs import FORMATS, Column, growing

COLUMNS = {
    "group": Column(("n_rows",), (5,), np.int32),
    "code": Column(("n_rows", "number"), (5, 2)),
    "ok": Column(("n_rows",), (5,), bool),
    "group_names": Column(("n_groups",), (2,), np.dtype("U5")),
    "mean": Column(("n_groups", "sample"), (2, 3), np.float64),
}
GROUP, CODE = np.array([1, 0, 1, 0, 0]), np.arange(10.0).reshape(5, 2)
OK = GROUP == 1
NAMES, MEAN = np.array(["east", "wésté"]), np.arange(6.0).reshape(2, 3)


def write(path, stop=2, asked="this"):
    """Two parts of the work, or as many as are wanted before it is killed."""
    with growing(path, asked, COLUMNS) as result:
        begun = len(result.done)
        for number, rows in enumerate((np.array([0, 3]), np.array([1, 2, 4]))):
            if number >= stop:
                raise KeyboardInterrupt
            if not result.has(number, "a"):
                result.part(number, "a", group=(rows, GROUP[rows]), code=(rows, CODE[rows]), ok=(rows, OK[rows]))
        result.part(1, "a", group_names=(slice(None), NAMES), mean=(slice(None), MEAN))
    return begun


def read(path):
    if path.suffix == ".npz":
        return dict(np.load(path))
    with pytest.importorskip("h5py").File(path) as file:
        return {name: file[name].asstr()[:] if name == "group_names" else file[name][:] for name in COLUMNS}


@pytest.mark.parametrize("suffix", [".npz", ".h5", ".nc"])
def test_what_is_written_is_read(suffix, tmp_path):
    if suffix == ".nc":
        pytest.importorskip("h5netcdf")
    path = tmp_path / f"codes{suffix}"
    write(path)
    found = read(path)
    for name, true in {"group": GROUP, "code": CODE, "ok": OK, "group_names": NAMES, "mean": MEAN}.items():
        np.testing.assert_array_equal(found[name], true)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_csv_has_a_line_for_each_row_with_what_its_group_has(tmp_path):
    write(tmp_path / "codes.csv")
    with (tmp_path / "codes.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert list(lines[0]) == ["group", "code_0", "code_1", "ok", "group_names", "mean_0", "mean_1", "mean_2"]
    assert [line["group_names"] for line in lines] == list(NAMES[GROUP])
    assert [float(line["code_1"]) for line in lines] == list(CODE[:, 1])
    assert [float(line["mean_2"]) for line in lines] == list(MEAN[GROUP, 2])


def test_what_was_killed_goes_on_and_another_question_begins_anew(tmp_path):
    path = tmp_path / "codes.npz"
    for asked in ("this", "that"):
        with pytest.raises(KeyboardInterrupt):
            write(path, stop=1, asked=asked)
        assert not path.exists()
        assert json.loads((tmp_path / ".codes.npz.part" / "done.json").read_text()) == ["a"]
    assert write(path, asked="that") == 1
    np.testing.assert_array_equal(np.load(path)["code"], CODE)


@pytest.mark.parametrize("name, says", [("there.npz", "exists already"), ("a.txt", f"is none of {', '.join(FORMATS)}")])
def test_a_file_is_new_and_of_a_known_format(name, says, tmp_path):
    np.savez(tmp_path / "there.npz", x=1)
    with pytest.raises(InputError, match=says):
        write(tmp_path / name)


def test_one_process_at_a_time_writes_a_result(tmp_path):
    path = tmp_path / "codes.npz"
    with growing(path, "this", COLUMNS) as result:
        with pytest.raises(InputError, match="another process"):
            write(path, asked="that")
        result.part(0, "a", code=(slice(None), CODE))
    np.testing.assert_array_equal(np.load(path)["code"], CODE)


def test_a_full_disk_is_an_error_before_the_work_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path / "codes.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_result_larger_than_the_disk_is_refused(tmp_path):
    with pytest.raises(InputError, match="GB of disk"), growing(tmp_path / "a.npz", "", {"x": Column(("n_rows",), (1 << 60,))}):
        pass
