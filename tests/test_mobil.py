import numpy as np
import pytest

import unentangle as un


def test_the_gather_is_read_in_groups_of_neighbours(real_data):
    data = un.data.mobil(real_data / "seismic" / "mobil.npy")
    assert data.x.shape == (60, 1000)
    assert data.group_sizes.tolist() == [6] * 10
    np.testing.assert_array_equal(data.factors["shot"], np.arange(60))


def test_another_file_is_refused(tmp_path):
    np.save(tmp_path / "other.npy", np.ones((3, 5), np.float32))
    with pytest.raises(un.InputError, match="60, 1000"):
        un.data.mobil(tmp_path / "other.npy")
    with pytest.raises(un.InputError, match="does not exist"):
        un.data.mobil(tmp_path / "none.npy")
