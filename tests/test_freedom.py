import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import unentangle as un
from unentangle.data import CommonRoll, Freedom, ShortFilter
from unentangle.freedom import filter_error, filtered, matching_filter, roll_error


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


def brute_force(x, truth):
    return min(np.mean((np.roll(x, r, axis=-1) - truth) ** 2) for r in range(x.shape[-1]))


@given(st.integers(0, 100), st.integers(1, 6), st.integers(1, 31))
def test_the_fourier_transform_equals_brute_force(seed, n, k):
    x, truth = np.random.default_rng(seed).standard_normal((2, n, k)) + 3
    assert roll_error(x, truth) == pytest.approx(brute_force(x, truth), abs=1e-6)


@given(st.integers(0, 30))
def test_a_common_roll_is_free_and_another_is_not(r):
    truth = un.data.orbit(un.data.mra_states(30))[2]
    assert roll_error(np.roll(truth, r, axis=1), truth) == pytest.approx(0, abs=1e-12)
    each = np.stack([np.roll(row, i % 2) for i, row in enumerate(truth)])
    assert roll_error(each, truth) > 1e-3


@given(st.integers(0, 100), st.integers(1, 4), st.integers(3, 17))
def test_a_roll_between_two_samples_is_the_best_mixture_of_them(seed, n, k):
    x, truth = np.random.default_rng(seed).standard_normal((2, n, k))
    t = np.linspace(0, 1, 101)[:, None, None]
    mixtures = [(1 - t) * np.roll(truth, r, axis=1) + t * np.roll(truth, r + 1, axis=1) for r in range(k)]
    tried = min(np.mean((x - m) ** 2, axis=(1, 2)).min() for m in mixtures)
    assert roll_error(x, truth, between=True) == pytest.approx(tried, abs=2e-3)
    assert roll_error(x, truth, between=True) <= min(tried, roll_error(x, truth)) + 1e-12
    assert roll_error(mixtures[2][30], truth, between=True) == pytest.approx(0, abs=1e-9)


def test_other_shapes_have_no_error_but_a_message():
    """Transforms of 10 and 11 samples are equally long."""
    with pytest.raises(un.InputError, match=r"x has shape \(3, 10\) and the truth \(3, 11\)"):
        roll_error(np.zeros((3, 10)), np.zeros((3, 11)))


# -- the best element of a freedom, common to all answers -----------------------------------------------------------------


def test_where_nothing_is_free_answers_stay():
    x, y = np.random.default_rng(0).standard_normal((2, 3, 7))
    assert Freedom().align(x, y).answers is x
    assert Freedom().align(x, y).error == pytest.approx(np.mean((x - y) ** 2))
    assert Freedom().wider == {}


@given(st.integers(0, 100), st.integers(0, 12), st.sampled_from([(), (2,), (2, 3)]))
def test_answers_are_rolled_back(seed, roll, channels):
    truth = np.random.default_rng(seed).standard_normal((4, 13, *channels))
    aligned = CommonRoll().align(np.roll(truth, -roll, axis=1), truth)
    np.testing.assert_array_equal(aligned.answers, truth)
    assert aligned.error == pytest.approx(0, abs=1e-12)


def test_the_error_is_that_of_the_aligned_answers():
    x, truth = np.random.default_rng(0).standard_normal((2, 5, 11, 2))
    for freedom in (Freedom(), CommonRoll(), ShortFilter(3)):
        answers, error = freedom.align(x, truth)
        assert error == pytest.approx(np.mean((answers - truth) ** 2))
    wider = CommonRoll().wider["between"]
    assert wider.align(x, truth).error < CommonRoll().align(x, truth).error
    assert wider.wider == {}


def test_answers_go_through_the_filter_that_takes_them_to_the_truth():
    x = records()
    y = filtered(x, np.array([1.0, 0.5, 0.2]))
    assert ShortFilter(3).align(x, y).error < 1e-9
    assert ShortFilter(3).align(x[..., 0], y[..., 0]).answers.shape == x.shape[:2]
    assert ShortFilter(3).align(0 * x, y).error == pytest.approx(np.mean(y**2))
