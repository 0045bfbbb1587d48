import numpy as np
import pytest

import unentangle as un
from unentangle.cli import main
from worlds import small_mra


@pytest.mark.parametrize("suffix", [".npz", ".h5"])
def test_what_is_written_is_read_again(suffix, tmp_path):
    data = small_mra(n_x=4, n_tau=3)
    factors = {"x": (np.arange(12), "continuous"), "file": list("abc") * 4, "size": (np.arange(12) % 3 * 1.0, "categorical")}
    named = un.Dataset(data.x, factors, np.array(list("pqrs"))[data.group])
    for number, made in enumerate((data, named, un.Dataset(data.x))):
        un.data.write_dataset(tmp_path / f"{number}{suffix}", made)
        again = un.read(tmp_path / f"{number}{suffix}")
        np.testing.assert_array_equal(again.x[:], made.x)
        np.testing.assert_array_equal(again.group, made.group)
        np.testing.assert_array_equal(again.group_names, made.group_names)
        assert again.factors.kinds == {name: made.factors.kinds[name] for name in again.factors}
        assert set(again.factors) == set(made.factors)
        for name, values in made.factors.items():
            np.testing.assert_array_equal(again.factors[name], values)


def test_any_data_set_is_written_by_name(tmp_path, capsys):
    out = tmp_path / "d.h5"
    assert main(["data", "mra", "--n-x", "6", "--n-tau", "2", "--out", str(out)]) == 0
    assert un.read(out).x.shape == (12, 100)
    for args, says in (
        (["mra", "--out", str(out)], "exists already"),
        (["mra", "--out", str(tmp_path / "d.txt")], "neither a .npz nor a .h5"),
        (["nonsuch", "--out", "new.npz"], "data needs the name of a data set, of mra"),
    ):
        assert main(["data", *args]) == 2
        assert says in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["d.h5"]
