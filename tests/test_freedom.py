import numpy as np
import pytest

import unentangle as un
from unentangle.metrics import filter_error, filtered, matching_filter


def records(n=3, seed=0):
    """Records that are quiet at both ends."""
    x = np.zeros((n, 90, 4))
    x[:, 20:70] = np.random.default_rng(seed).standard_normal((n, 50, 4))
    return x


def test_a_filter_is_found_again():
    f = np.array([0.3, -1.0, 2.0, 0.5, 0.1])  # from two samples before to two after
    x = records()
    y = filtered(x, f)
    np.testing.assert_allclose(y[1, :, 2], np.convolve(x[1, :, 2], f)[2:-2], atol=1e-12)
    np.testing.assert_allclose(matching_filter(x, y, 5, damping=0), f, atol=1e-9)
    np.testing.assert_allclose(matching_filter(x, y, 9, damping=0)[2:-2], f, atol=1e-9)


def test_records_that_differ_by_one_filter_do_not_differ():
    x = records()
    y = filtered(x, np.array([1.0, 0.5, 0.2]))
    assert filter_error(x, y, 3) < 1e-9
    assert filter_error(x, y, 0) > 0.1
    assert filter_error(x, 2 * x, 1) < 1e-9
    each = np.stack([filtered(x[k], np.random.default_rng(k).standard_normal(3)) for k in range(3)])
    assert filter_error(x, each, 3) > 0.1  # one filter for all, not for each


def test_damping_makes_a_filter_smaller():
    x = records()
    norms = [np.linalg.norm(matching_filter(x, records(seed=1), 21, damping)) for damping in (0.0, 0.1, 10.0)]
    assert norms[0] > norms[1] > norms[2] > 0


def test_what_cannot_be_filtered_is_refused():
    x = records()
    for bad in ((x, x, 0), (0 * x, x, 3)):
        with pytest.raises(un.InputError):
            matching_filter(*bad)
