import numpy as np
import pytest

import unentangle as un
from unentangle.data import CommonRoll
from unentangle.datasets.mra import PHI
from unentangle.metrics import swap_errors

TRUTH = un.data.orbit(un.data.mra_states(20))  # (states, shifts, k)
STATE, DONOR = np.arange(6), np.repeat(np.arange(6), 20)


def under_all(answers):
    """Each state under the shifts of every donor, which are the same 20."""
    return [np.tile(rows, (6, 1)) for rows in answers]


def test_swap_errors_tell_reconstruction_from_swaps():
    truth = under_all(TRUTH)
    errors = swap_errors(truth, truth, STATE, DONOR, CommonRoll())
    assert (errors.mean, errors.worst, errors.over(PHI)) == pytest.approx((0, 0, 0), abs=1e-12)
    answers = under_all(TRUTH)
    answers[0][20:40] = 0  # state 1 under the nuisances of state 2 is wrong: one of the 30 pairs, and one of the paper's six
    errors = swap_errors(answers, truth, STATE, DONOR, CommonRoll())
    wrong = np.mean(TRUTH[0] ** 2)
    assert (errors.mean, errors.worst, errors.over(PHI)) == pytest.approx((wrong / 30, wrong, wrong / 6))
    assert errors.reconstruction == pytest.approx(0, abs=1e-12)
    assert errors.variance == pytest.approx(np.var(TRUTH))
    assert errors.relative == pytest.approx(wrong / 30 / np.var(TRUTH))
    answers[0][:20] = 0
    errors = swap_errors(answers, truth, STATE, DONOR, CommonRoll())
    assert errors.reconstruction == pytest.approx(wrong / 6)
    assert np.isnan(errors.over(()))


def test_a_freedom_is_that_of_a_pair():
    """A roll of each state is right up to a roll of each pair; a roll of each row is not, nor is any without freedom."""
    rolled = [np.roll(rows, 3 * s, axis=1) for s, rows in enumerate(under_all(TRUTH))]
    assert swap_errors(rolled, under_all(TRUTH), STATE, DONOR, CommonRoll()).worst == pytest.approx(0, abs=1e-12)
    assert swap_errors(rolled, under_all(TRUTH), STATE, DONOR).mean > 0.1
    by_row = [np.stack([np.roll(x, i) for i, x in enumerate(rows)]) for rows in under_all(TRUTH)]
    assert swap_errors(by_row, under_all(TRUTH), STATE, DONOR, CommonRoll()).mean > 0.1
    each_row = swap_errors(by_row, under_all(TRUTH), STATE, np.arange(120), CommonRoll(), DONOR)
    assert each_row.pairs.shape == (6, 120)
    assert each_row.mean == pytest.approx(0, abs=1e-12)


def test_without_another_state_there_is_no_swap():
    errors = swap_errors([TRUTH[0]], [TRUTH[0]], STATE[:1], DONOR[:20])
    assert np.isnan([errors.mean, errors.worst, errors.relative]).all()
    assert errors.reconstruction == 0


def test_answers_of_another_shape_are_refused():
    with pytest.raises(un.InputError, match=r"\(20, 20\) and the truth \(20, 19\)"):
        swap_errors([TRUTH[0]], [TRUTH[0, :, :-1]], STATE[:1], DONOR[:20])
