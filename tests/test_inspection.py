"""A check before training says what training would do, and refuses what it would refuse."""

import h5py
import numpy as np
import pytest

import unentangle as un
from unentangle.cli import main
from unentangle.inspection import inspect
from worlds import gaussian_rows


def odd_rows():
    """Noise with two constant rows, a clipped one, a copy, and one with NaN."""
    x = np.random.default_rng(0).standard_normal((40, 200)).astype(np.float32)
    x[3], x[4], x[5], x[7] = 1.0, 0.0, np.clip(x[5], -0.5, 0.5), x[8]
    x[9, 3] = np.inf
    return x


def test_rows_of_which_a_blur_leaves_nothing_are_noted():
    t, keys = np.linspace(0, 1, 200), np.repeat([0, 1], 10)
    rows = {cycles: np.sin(2 * np.pi * (cycles * t + np.linspace(0, 1, 20)[:, None])) for cycles in (2, 20)}
    slow, fast = (" ".join(inspect(un.Dataset(5 + x, groups=keys)).notes) for x in rows.values())
    assert "--blur 0" in fast
    assert "blur" not in slow
    without = un.SymAE(terms=un.methods.terms.recommended(blur=0))
    assert "blur" not in " ".join(inspect(un.Dataset(rows[20], groups=keys), without).notes)
    loudest_slow = np.concatenate([1000 * rows[2][:1], rows[20][1:]])
    loudest_fast = np.concatenate([1000 * rows[20][:1], rows[2][1:]])
    unlike = {"level": np.arange(20.0)[:, None] + 0 * rows[2], "offset": rows[2] + 1e8, "loud": loudest_fast}
    for x in (rows[20] * 0, *unlike.values()):
        assert "blur" not in " ".join(inspect(un.Dataset(x, groups=keys)).notes)
    assert "--blur 0" in " ".join(inspect(un.Dataset(loudest_slow, groups=keys)).notes)


def test_counts_and_statistics_are_those_of_the_rows():
    x, keys = odd_rows(), np.repeat([1, 2, 3, 4], [1, 9, 10, 20])
    factors = {"site": ["a", "b"] * 20, "depth": np.arange(40.0), "size": np.where(keys == 1, np.nan, keys)}
    data = un.Dataset(x, factors, keys)
    report, good = inspect(data), np.delete(x, 9, axis=0)
    assert (report.constant, report.clipped, report.repeated, report.not_finite, report.single) == (2, 1, 1, 1, 1)
    assert (report.groups, report.sizes) == (4, (1, 9.5, 20))
    np.testing.assert_allclose([report.mean, report.std], un.Dataset(good).scale[:2])
    assert (report.least, report.greatest) == (good.min(), good.max())
    assert report.keys == ["site"]
    assert "row 9 holds infinite" in report.refusals[0]
    assert "2 row(s) are constant" in report.notes[0]
    assert report.factors["size"][1:4] == (3, 2, 4)
    assert "the factor size is NaN in 1 row(s)." in report.notes
    assert "4 group(s) have fewer" in report.plan[-1]


@pytest.mark.parametrize(
    "data",
    [
        gaussian_rows(),
        gaussian_rows(groups=1),
        un.Dataset(np.random.default_rng(0).standard_normal((9, 5))),
        un.Dataset(odd_rows(), groups=np.arange(40) % 3),
        un.Dataset(np.ones((4, 5)), groups=[0, 0, 1, 1]),
        un.Dataset(np.full((4, 5), np.inf)),
        un.Dataset(1e200 * np.random.default_rng(0).standard_normal((9, 5))),
    ],
)
def test_it_refuses_what_training_refuses(data):
    """And says how rows would be standardised, where they are."""
    report = inspect(data)
    try:
        scale = data.scale
        if data.groups is not None:
            un.SymAE().check(data, (3, 30))
    except un.InputError:
        assert report.refusals
    else:
        assert not report.refusals
        assert f"{scale.mean:.4g}" in report.plan[0]


def test_a_large_file_is_read_in_chunks(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("x", (6, 1 << 20), "u1")[::2] = 2
    sizes = []

    def watch(chunks):
        for part, rows in chunks:
            sizes.append(rows.size)
            yield part, rows

    report = inspect(un.read(tmp_path / "x.h5"), watch=watch)
    assert max(sizes) <= 1 << 22
    assert len(sizes) == 2
    assert report.constant == report.rows == 6
    assert "every row of x is constant" in report.refusals[0]


def test_the_page_says_what_to_type_next(tmp_path, capsys):
    x = np.delete(odd_rows(), 9, axis=0)
    np.savez(tmp_path / "my waves.npz", waves=x, event=np.arange(39) // 4)
    assert main(["inspect", str(tmp_path / "my waves.npz")]) == 0
    page = capsys.readouterr().out
    assert "39 of shape (200,), float32" in page
    assert f"next: unentangle inspect '{tmp_path}/my waves.npz' --groups event\n" in page
    assert main(["inspect", str(tmp_path / "my waves.npz"), "--groups", "event"]) == 0
    page = capsys.readouterr().out
    assert f"next: unentangle fit '{tmp_path}/my waves.npz' symae --groups event --out 'runs/my waves'\n" in page
    assert main(["inspect", str(tmp_path / "my waves.npz"), "--x", "waves:row pixel time"]) == 2
    assert "error: waves has shape (39, 200); 3 axes are needed" in capsys.readouterr().err


def test_channels_that_come_first_are_noticed():
    data = un.Dataset(np.random.default_rng(0).standard_normal((9, 3, 100)))
    assert "3 channels of 100 samples" in " ".join(inspect(data).notes)


@pytest.mark.parametrize("shape", [(16,), (16, 2), (8, 8), (8, 8, 3)])
@pytest.mark.parametrize("ordered", [True, False])
def test_rows_that_lack_values_are_inspected(shape, ordered):
    """With groups, too, for which it is told whether a blur leaves anything of them."""
    x = np.random.default_rng(0).normal(size=(12, *shape)).cumsum(axis=1)
    x[::3, 2:4] = np.nan
    report = inspect(un.Dataset(x, groups=np.arange(12) // 3, ordered=ordered))
    assert report.lacking == 4
    assert not report.refusals
    assert any("--blur 0" in note for note in report.notes) != ordered
