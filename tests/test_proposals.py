"""Recordings of which each has a file or an array of its own: axes and names are honoured with every format, and proposed."""

import re
import shlex

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import unentangle as un
from unentangle.cli import main
from unentangle.io.named import matches
from unentangle.io.proposals import pattern_of

EVENTS = [f"ev{k // 4}" for k in range(12)]
NAMES = [f"{event}_{k}" for k, event in enumerate(EVENTS)]
X = np.round(np.random.default_rng(0).standard_normal((12, 20, 3)), 3).astype(np.float32)


def csv(folder):
    for name, x in zip(NAMES, X, strict=True):
        lines = [f"{k / 50},{','.join(map(str, row))}" for k, row in enumerate(x)]
        (folder / f"{name}.csv").write_text("\n".join(["t [s],ax,ay,az", *lines]))
    return folder


def tsv_in_folders(folder):
    for name, x in zip(NAMES, X, strict=True):
        file = folder / name.replace("_", "/")
        file.parent.mkdir(exist_ok=True)
        file.with_suffix(".tsv").write_text("\n".join("\t".join(map(str, row)) for row in x))
    return folder


def npz(folder):
    for name, x in zip(NAMES, X, strict=True):
        np.savez(folder / f"{name}.npz", data=x, picks=[[3]], rate=100)
    return folder


def npy(folder):
    for name, x in zip(NAMES, X, strict=True):
        np.save(folder / f"{name}.npy", x)
    return folder


def h5_each(folder):
    for name, x in zip(NAMES, X, strict=True):
        with h5py.File(folder / f"{name}.h5", "w") as file:
            file["waves"] = x
    return folder


def h5_tree(folder):
    with h5py.File(folder / "all.h5", "w") as file:
        for name, x in zip(NAMES, X, strict=True):
            file[f"data/{name}"] = x
    return folder / "all.h5"


def next_of(capsys, *flags):
    """The flags of the last `next:` line of inspect."""
    capsys.readouterr()
    assert main(["inspect", *map(str, flags)]) == 0
    line = re.findall(r"next: unentangle \w+ (.*)", capsys.readouterr().out)[-1]
    return shlex.split(line)


@pytest.mark.parametrize("make", [csv, tsv_in_folders, npz, npy, h5_each, h5_tree])
def test_what_inspect_proposes_reads_each_as_a_recording(make, tmp_path, capsys):
    (tmp_path / "trials").mkdir()
    path = make(tmp_path / "trials")
    proposed = [path, "--x", "{key}_{n}: time channel", "--groups", "key"] if make is npy else next_of(capsys, path)
    flags = dict(zip(proposed[1::2], proposed[2::2], strict=True))
    data = un.read(path, x=flags["--x"], groups=flags["--groups"])
    order = [next(k for k, x in enumerate(X) if (x == row).all()) for row in data.x[:].astype(np.float32)]
    assert sorted(order) == list(range(12))
    assert [str(key) for key in data.groups] == [EVENTS[k] for k in order]
    assert len(data.factors) >= 1
    np.testing.assert_array_equal(un.read(path, x=flags["--x"].replace("key", "quake"), groups="quake").group, data.group)


def test_a_table_can_be_turned(tmp_path):
    """Lines are channels or times; a file is one row, or each of its columns is."""
    x = X[0, :6]
    lines = "\n".join(",".join(map(str, row)) for row in x)
    (tmp_path / "t.csv").write_text(f"S0_ev1,S1_ev1,S0_ev2\n{lines}\n")
    read = lambda axes: un.read(tmp_path / "t.csv", x=axes).x.astype(np.float32)  # noqa: E731
    np.testing.assert_array_equal(read(": row time"), x)
    np.testing.assert_array_equal(read(": time channel"), x[None])
    np.testing.assert_array_equal(read(": channel time"), x.T[None])
    np.testing.assert_array_equal(read("S*: time row"), x.T)
    (tmp_path / "keys.csv").write_text("sensor,event\nS0_ev2,2\nS0_ev1,1\nS1_ev1,1\n")
    assert un.read(tmp_path / "t.csv", x=": time row", groups=f"{tmp_path}/keys.csv:event").groups.tolist() == [1, 1, 2]
    with pytest.raises(un.InputError, match="3 axes are needed"):
        un.read(tmp_path / "t.csv", x=": row time channel")


def test_a_pattern_that_fits_no_file_is_refused_with_one_that_does(tmp_path):
    with pytest.raises(
        un.InputError, match=r"no file of .* fits x='{a}-{b}', nor has an array; .* say --x '{key}_{n}: time"
    ) as no:
        un.read(csv(tmp_path), x="{a}-{b}: time channel")
    assert "\n" not in str(no.value)


def test_files_with_keys_inside_stay_one_after_the_other(tmp_path):
    """A pattern of arrays is one of arrays, and long rows are rows."""
    for k in range(5):
        with h5py.File(tmp_path / f"day{k}.h5", "w") as file:
            for event in "ab":
                file[f"{event}/w"] = np.full(30, k)
    data = un.read(tmp_path, x="{event}/w", groups="event")
    assert data.groups.tolist() == ["a", "b"] * 5
    assert not data.notes


parts = st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 99)), min_size=4, max_size=9, unique=True)


@given(parts, st.sampled_from(["{}_{:03}", "run {}/{}", "{}-{}", "x_{}_{}_raw"]))
def test_a_pattern_of_names_fits_them_all(pairs, form):
    names = [form.format(*pair) for pair in pairs]
    pattern, key = pattern_of(names)
    found = matches(pattern, names)
    assert list(found) == names
    if key and len({a for a, _ in pairs}) == 2 and "{n}" in pattern:
        assert [values[key][-1] for values in found.values()] == [a for a, _ in pairs]
