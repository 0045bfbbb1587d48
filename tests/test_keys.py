"""Keys in a table beside the data: its lines are found by the names of the rows, in whatever order they stand."""

import h5py
import numpy as np
import pytest

import unentangle as un

NAMES = [f"S{k % 4}_ev{k // 4}" for k in range(12)]
EVENTS = [f"quake {k // 4}" for k in range(12)]
X = np.arange(60.0, dtype=np.float32).reshape(12, 5)
MIXED = np.random.default_rng(0).permutation(12)


def h5(folder):
    with h5py.File(folder / "data.h5", "w") as file:
        for name, row in zip(NAMES, X, strict=True):
            file[f"data/{name}"] = row
    return folder / "data.h5", {"x": "data/*"}


def npz(folder):
    np.savez(folder / "data.npz", **dict(zip(NAMES, X, strict=True)))
    return folder / "data.npz", {"x": "*"}


def npy(folder):
    (folder / "rows").mkdir()
    for name, row in zip(NAMES, X, strict=True):
        np.save(folder / "rows" / f"{name}.npy", row)
    return folder / "rows", {"x": "{a}_{b}"}


def columns(folder):
    np.savez(folder / "data.npz", x=X, trace=NAMES)
    return folder / "data.npz", {}


def csv(folder):
    lines = [f"{k},{','.join(map(str, row))}" for k, row in enumerate(X)]
    (folder / "data.csv").write_text("\n".join(["id,a,b,c,d,e", *lines]))
    return folder / "data.csv", {}


def table(folder, lines, header="n,trace,id,event"):
    (folder / "keys.csv").write_text("\n".join([header, *lines]) + "\n")
    return f"{folder / 'keys.csv'}:event"


def lines(order=MIXED, word="{}"):
    return [f"{n},{word.format(NAMES[k])},{k},{EVENTS[k]}" for n, k in enumerate(order)]


def of_rows(data):
    """The key that each row has, in the order in which they were made."""
    return [str(data.groups[int(np.flatnonzero(data.x[:][:, 0] == row[0])[0])]) for row in X]


@pytest.mark.parametrize("make", [h5, npz, npy, columns, csv])
def test_lines_are_found_by_name_in_any_order(tmp_path, make):
    path, how = make(tmp_path)
    for order in (range(12), MIXED):
        data = un.read(path, groups=table(tmp_path, lines(order)), **how)
        assert data.x.shape == X.shape
        assert of_rows(data) == EVENTS
        assert not [note for note in data.notes if "order" in note]


@pytest.mark.parametrize("word", ["data/{}", "{}.npy", "/home/me/raw/{}.wav", "raw\\{}.csv"])
def test_a_name_may_be_a_path_or_have_a_suffix(tmp_path, word):
    path, how = npy(tmp_path)
    assert of_rows(un.read(path, groups=table(tmp_path, lines(word=word)), **how)) == EVENTS


def test_rows_of_one_part_share_a_line(tmp_path):
    """A join: by a level of the tree, by a factor of the rows, or by two of them together."""
    with h5py.File(tmp_path / "tree.h5", "w") as file:
        for k, row in enumerate(X):
            file[f"ev{k // 4}/S{k % 4}"] = row
    join = table(tmp_path, [f"ev{k},quake {k}" for k in (2, 0, 1)], "name,event")
    assert of_rows(un.read(tmp_path / "tree.h5", groups=join)) == EVENTS
    np.savez(tmp_path / "data.npz", x=X, name=[f"ev{k // 4}" for k in range(12)])
    assert of_rows(un.read(tmp_path / "data.npz", groups=join)) == EVENTS
    both = table(tmp_path, [f"S{k % 4},ev{k // 4},{(k * 7) % 5}" for k in MIXED], "station,quake,event")
    keys = un.read(tmp_path / "tree.h5", groups=both).groups
    assert keys.tolist() == [(k * 7) % 5 for k in range(12)]


def test_an_order_that_is_assumed_is_said(tmp_path):
    np.savez(tmp_path / "data.npz", x=X)
    data = un.read(tmp_path / "data.npz", groups=table(tmp_path, lines(range(12))))
    assert of_rows(data) == EVENTS
    assert "its lines are taken in their order" in data.notes[0]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (lines()[:-1], f"has no line for data/{NAMES[MIXED[-1]]}|has no line for {NAMES[MIXED[-1]]}"),
        ([*lines(), f"12,{NAMES[3]},3,quake 7"], f"two lines for {NAMES[3]} .*, with different keys"),
        ([f"{k},other {k},{k},e" for k in range(11)], "has 11 lines and .*rows 12 rows"),
    ],
)
def test_what_is_not_named_is_refused(tmp_path, content, says):
    path, how = npy(tmp_path)
    with pytest.raises(un.InputError, match=says) as caught:
        un.read(path, groups=table(tmp_path, content), **how)
    assert "keys.csv" in str(caught.value)


def test_columns_that_contradict_the_order_are_refused(tmp_path):
    np.savez(tmp_path / "data.npz", x=X, site=list("aabbaabbaabb"))
    rows = [f"{s},{k}" for k, s in enumerate("abababababab")]
    with pytest.raises(un.InputError, match="in another order than the rows"):
        un.read(tmp_path / "data.npz", groups=table(tmp_path, rows, "site,event"))
