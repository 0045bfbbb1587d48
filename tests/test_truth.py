import numpy as np
import pytest

import unentangle as un
from unentangle.data import CommonRoll, Truth


def ramps(slope, offset):
    """A line of a slope (the state) and an offset (the nuisance, any number)."""
    return np.asarray(slope)[:, None] * np.arange(5.0) + np.asarray(offset)[:, None]


STATE, OFFSET = np.repeat([1, 2, 3], 4), np.random.default_rng(0).standard_normal(12)


def lines(**options):
    truth = Truth(ramps, STATE, OFFSET, **options)
    return un.Dataset(ramps(STATE, OFFSET), {"state": STATE}, groups=STATE, truth=truth)


def test_a_state_under_the_nuisances_of_rows():
    data = lines()
    np.testing.assert_array_equal(data.truth.under(3), ramps(np.full(12, 3), OFFSET))
    np.testing.assert_array_equal(data.truth.under(3, [4, 1]), ramps([3, 3], OFFSET[[4, 1]]))


def test_the_truth_goes_with_its_rows():
    data = lines()
    some = data.take([7, 2])
    np.testing.assert_array_equal(some.truth.under(3), ramps([3, 3], OFFSET[[7, 2]]))
    training, held_out = data.split(0.3)
    for part in (training, held_out):
        np.testing.assert_array_equal(part.truth.recordings(part.truth.state, part.truth.nuisance), part.x)


def test_transforms_leave_a_truth_only_where_nothing_is_free():
    assert lines().through(un.data.Window(1, 4)).truth is not None
    assert lines(freedom=CommonRoll()).through(un.data.Window(1, 4)).truth is None
    assert lines(freedom=CommonRoll()).through().truth is not None


def test_listed_nuisances_make_a_grid():
    data = lines(states=np.array([1, 5]), nuisances=np.array([0.0, 10.0, 20.0]), name="offset")
    whole = data.truth.grid()
    assert data.truth.listed
    np.testing.assert_array_equal(whole.x[4], 5 * np.arange(5) + 10)
    np.testing.assert_array_equal(whole.factors["offset"], [0, 10, 20, 0, 10, 20])
    np.testing.assert_array_equal(whole.states, [1, 1, 1, 5, 5, 5])
    np.testing.assert_array_equal(whole.truth.under(1), np.tile(whole.x[:3], (2, 1)))
    with pytest.raises(un.InputError, match="does not list all states"):
        lines().truth.grid()


def test_a_truth_of_other_rows_is_refused():
    with pytest.raises(un.InputError, match=r"the truth's state has shape \(12,\); x has 11 rows"):
        un.Dataset(np.eye(11, 5), truth=lines().truth)
