import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import unentangle as un
from unentangle.metrics import roll_error, swap_errors


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


def test_swap_errors_tell_reconstruction_from_swaps():
    truth = un.data.orbit(un.data.mra_states(20))
    perfect = np.repeat(truth[:, None], 6, axis=1)
    errors = swap_errors(perfect, truth)
    assert (errors.mean, errors.worst, errors.phi) == pytest.approx((0, 0, 0), abs=1e-12)
    perfect[0, 1] = 0  # state 1 under the nuisances of state 2 is wrong: one of the 30 pairs, and one of the paper's six
    errors = swap_errors(perfect, truth)
    wrong = np.mean(truth[0] ** 2)
    assert (errors.mean, errors.worst, errors.phi) == pytest.approx((wrong / 30, wrong, wrong / 6))
