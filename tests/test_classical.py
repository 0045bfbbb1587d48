import numpy as np
import pytest

import unentangle as un
from unentangle.classical import Alignment, align, classical_swaps
from unentangle.data import CommonRoll, ShortFilter, Truth
from unentangle.evaluate import baselines
from unentangle.freedom import filtered, matching_filter


@pytest.mark.parametrize("channels", [(), (2,)])
def test_shifts_of_one_row_are_aligned(channels):
    rng = np.random.default_rng(0)
    signal, shift = rng.standard_normal((31, *channels)), rng.integers(0, 31, 8)
    rows = np.stack([np.roll(signal, -s, axis=0) for s in shift])
    template, found = align(rows)
    assert len(set((found - shift) % 31)) == 1  # all up to one
    np.testing.assert_allclose(np.stack([np.roll(template, -s, axis=0) for s in found]), rows, atol=1e-12)


def test_noise_is_averaged_away():
    rng = np.random.default_rng(0)
    signal, shift = un.data.step_states(3)[0], rng.integers(0, 100, 40)
    rows = np.stack([np.roll(signal, -s) for s in shift]) + 0.2 * rng.standard_normal((40, 100))
    template, found = align(rows)
    assert len(set((found - shift) % 100)) == 1
    error = un.metrics.roll_error(template[None], signal[None])
    assert error == pytest.approx(0.2**2 / 40, rel=0.5)


@pytest.mark.parametrize("states", [un.data.mra_states(), un.data.fourier_states(1), un.data.step_states(1)])
def test_alignment_that_is_told_the_shift_is_right_without_noise(states):
    assert baselines(un.data.mra(8, 10, states=states))["alignment_told_shift"] == pytest.approx(0, abs=1e-10)


def test_alignment_sees_rows_and_groups_only():
    data = un.data.mra(6, 5, noise=0.3)
    blind = un.Dataset(data.x, groups=data.groups)
    for mine, other in zip(Alignment.of(data), Alignment.of(blind), strict=True):
        np.testing.assert_array_equal(mine, other)


SOURCES = np.random.default_rng(1).standard_normal((6, 5))


def convolved(state, source):
    """Records that are quiet at both ends: a medium is a sparse sequence, a source a short wavelet."""
    media = np.zeros((3, 60))
    media[:, 15:45:3] = np.random.default_rng(0).standard_normal((3, 10))
    return np.stack([filtered(media[s][:, None], SOURCES[k])[:, 0] for s, k in zip(state, source, strict=True)])


def test_a_filter_that_is_told_the_convolution_is_the_best_from_any_row_of_the_state():
    state, source = np.repeat(np.arange(3), 4), np.array([0, 1, 2, 3, 2, 3, 4, 5, 0, 2, 4, 5])
    truth = Truth(convolved, state, source, ShortFilter(11))
    data = un.Dataset(convolved(state, source), {"state": state}, groups=state, truth=truth)
    ((name, swap),), x = classical_swaps(data).items(), data.x[..., None]
    for donor in (0, 7):
        tried = [filtered(row, matching_filter(row, x[donor], 11, 1e-2)) for row in x[4:8]]
        best = min(tried, key=lambda answer: np.sum((answer - x[donor]) ** 2))
        np.testing.assert_allclose(swap(1)[donor], best[:, 0], atol=1e-9)
    values = baselines(data)
    assert {"constant", "donor", "additive_by_groups", name} < values.keys()
    assert values["filter_told_convolution"] < 0.7 * values["donor"] < 0.7 * values["constant"]


def test_without_freedom_no_classical_method_is_told_anything():
    assert classical_swaps(un.Dataset(np.eye(3))) == {}
    assert baselines(un.Dataset(np.eye(3))) == {}
    truth = Truth(lambda state, nuisance: np.eye(3)[state], np.arange(3), np.arange(3))
    assert classical_swaps(un.Dataset(np.eye(3), truth=truth)) == {}
    assert classical_swaps(un.Dataset(np.eye(3), truth=Truth(truth.recordings, np.arange(3), np.arange(3), CommonRoll()))) != {}
