import sys

import numpy as np
import pytest

import unentangle as un
from unentangle.metrics import courses, loops, neighbour_mixing

ANGLE = 2 * np.pi * np.arange(40) / 40
CIRCLE = np.column_stack([np.cos(ANGLE), np.sin(ANGLE), np.zeros(40)])


def test_a_circle_has_one_loop_and_an_eight_has_two():
    assert loops(CIRCLE).ratio > 100
    assert loops(3 * CIRCLE).first == pytest.approx(3 * loops(CIRCLE).first, rel=1e-5)
    eight = np.concatenate([CIRCLE, CIRCLE + np.array([2, 0, 0])])
    assert loops(eight).ratio == pytest.approx(1, rel=1e-5)
    assert loops(np.column_stack([np.arange(20.0), np.zeros(20)])) == (0, 0)


def test_the_life_of_the_loop_of_a_circle():
    """It closes at the distance of neighbours and fills when a triangle of points 120 degrees apart does."""
    circle = np.column_stack([np.cos(2 * np.pi * np.arange(30) / 30), np.sin(2 * np.pi * np.arange(30) / 30)])
    assert loops(circle).first == pytest.approx(np.sqrt(3) - 2 * np.sin(np.pi / 30), rel=1e-5)


def test_without_ripser_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ripser", None)
    with pytest.raises(un.InputError, match="pip install ripser"):
        loops(CIRCLE)


def test_mixing_is_zero_apart_and_one_for_labels_by_chance():
    rng = np.random.default_rng(0)
    codes, states = rng.standard_normal((3000, 2)), rng.integers(0, 3, 3000)
    assert neighbour_mixing(codes, states) == pytest.approx(1, abs=0.05)
    assert neighbour_mixing(codes + 100 * states[:, None], states) == 0
    with pytest.raises(un.InputError, match="one state"):
        neighbour_mixing(codes, np.zeros(3000))
    with pytest.raises(un.InputError, match=r"states has shape \(2999,\); one state for each of the 3000 codes is needed"):
        neighbour_mixing(codes, states[1:])


@pytest.mark.parametrize("measure", [loops, lambda z: neighbour_mixing(z, np.arange(40)), lambda z: courses([z])])
def test_codes_that_are_not_finite_or_no_table_are_refused(measure):
    with pytest.raises(un.InputError, match="latent 1 of row 3 of codes is nan"):
        measure(np.where(np.arange(120).reshape(40, 3) == 10, np.nan, CIRCLE))
    with pytest.raises(un.InputError, match="codes has shape"):
        measure(CIRCLE[:, 0])


def test_mixing_of_codes_that_coincide_leaves_out_the_code_itself():
    assert neighbour_mixing(np.repeat(CIRCLE, 2, axis=0), np.tile([0, 1], 40)) == pytest.approx(79 / 40)


def test_courses_find_the_turn_and_the_roll():
    steps = np.arange(40)
    curves = np.stack([CIRCLE, CIRCLE[(steps - 7) % 40], CIRCLE[(3 - steps) % 40], 2 * CIRCLE])
    found = courses(curves)
    np.testing.assert_array_equal(found.orientation, [1, 1, -1, 1])
    np.testing.assert_array_equal(found.offset, [0, 7, 3, 0])
    np.testing.assert_allclose(found.apart, [0, 0, 0, 1], atol=1e-6)
    np.testing.assert_allclose(found.unevenness, 0, atol=1e-6)
    uneven = CIRCLE[np.concatenate([np.arange(0, 20), np.arange(20, 40, 2)])][None]
    assert courses(uneven).unevenness[0] > 0.3
