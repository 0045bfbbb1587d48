import numpy as np
import pytest

import unentangle as un
from unentangle.metrics import off_data


def test_off_data_is_zero_on_it_and_one_where_it_is_as_sparse_as_itself():
    line = np.arange(10.0)[:, None] * np.ones(3)
    np.testing.assert_allclose(off_data(line, line), 0)
    assert off_data(line[:0], line).shape == (0,)
    np.testing.assert_allclose(off_data(line[:1] - 1, line), 1)
    np.testing.assert_allclose(off_data(line[:-1] + 0.5, line), 0.5)
    np.testing.assert_allclose(off_data(7 * (line[:1] - 3), 7 * line[::-1]), 3)
    with pytest.raises(un.InputError, match="no two different rows"):
        off_data(line, line[[0, 0]])
    with pytest.raises(un.InputError, match="must be alike"):
        off_data(line[:, :2], line)
    with pytest.raises(un.InputError, match="NaN or infinity"):
        off_data(line, np.where(line == 3, np.inf, line))
