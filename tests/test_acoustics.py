import re

import numpy as np
import pytest
from scipy.special import hankel2

import unentangle as un
from unentangle.datasets.acoustics import impulse_response, longest_step, second_difference


def test_second_differences_are_the_known_ones():
    np.testing.assert_allclose(second_difference(2), [-2, 1])
    np.testing.assert_allclose(second_difference(4), [-5 / 2, 4 / 3, -1 / 12])
    with pytest.raises(un.InputError, match="order=3"):
        second_difference(3)


@pytest.mark.parametrize("order", [2, 4, 8])
def test_second_differences_have_their_order(order):
    """On a wave of wavenumber k the error is k^(order + 2), so that half the spacing has 2^order less per k^2."""
    centre, *sides = second_difference(order)

    def error(k):
        return abs(centre + 2 * sum(c * np.cos(m * k) for m, c in enumerate(sides, 1)) + k**2)

    assert np.log2(error(0.8) / error(0.4)) == pytest.approx(order + 2, abs=0.25)


V, FAR, PEAK, SIZE = 2000.0, 600.0, 10.0, 8192  # m/s, m, Hz, samples


def ricker(frequency):
    """The spectrum of a Ricker pulse at 1.5 periods."""
    x = (frequency / PEAK) ** 2
    return 2 / np.sqrt(np.pi) / PEAK * x * np.exp(-x - 3j * np.pi * frequency / PEAK)


def error(dx: float, dt: float, order: int = 8) -> float:
    """Relative error in a homogeneous medium, 600 m from the source, against H_0^(2): u = -i/4 H(omega r / v) W."""
    n, steps = int(1700 / dx), round(0.7 / dt)
    field = impulse_response(
        np.full((n, n), V), dx, dt, steps, (n // 2, n // 2), [[n // 2 + round(FAR / dx), n // 2]], order=order
    )
    frequency = np.fft.rfftfreq(SIZE, dt)
    pulse = ricker(frequency)
    found = np.fft.irfft(np.fft.rfft(field[:, 0], SIZE) * pulse)[:steps]
    wave = np.maximum(2 * np.pi * frequency * FAR / V, 1e-9)
    exact = np.fft.irfft(-0.25j * hankel2(0, wave) * pulse)[:steps] / dt
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


def test_a_wave_in_a_homogeneous_medium_is_the_exact_one():
    assert error(20, 0.002) < 0.02


def test_errors_fall_as_the_square_of_the_steps():
    """Both steps halved, by the scheme that is of second order in space as well."""
    assert np.log2(error(20, 0.004, order=2) / error(10, 0.002, order=2)) == pytest.approx(2, abs=0.2)


def test_source_and_receiver_may_change_places():
    """At nearly the longest step, too, where the field stays finite."""
    velocity = np.random.default_rng(0).uniform(1500, 3000, (60, 50))
    step = 0.99 * longest_step(velocity.max(), 10)
    there, back = (impulse_response(velocity, 10, step, 250, a, [b]) for a, b in [((10, 20), (45, 30)), ((45, 30), (10, 20))])
    assert 0 < np.abs(there).max() < np.inf
    np.testing.assert_allclose(there, back, atol=1e-4 * np.abs(there).max())


def test_little_comes_back_from_the_sponge():
    """Against a model so large that nothing has come back yet; without a sponge as much as came."""

    def field(nodes, border):
        fine = impulse_response(
            np.full((nodes, nodes), V), 10, 0.002, 400, (nodes // 2,) * 2, [[nodes // 2 + 20, nodes // 2]], border=border
        )
        pulse = ricker(np.fft.rfftfreq(SIZE, 0.002))
        return np.fft.irfft(np.fft.rfft(fine[:, 0], SIZE) * pulse)[:400]

    alone, sponge, wall = field(181, 20), field(61, 60), field(61, 0)
    assert np.linalg.norm(sponge - alone) < 0.03 * np.linalg.norm(alone)
    assert np.linalg.norm(wall - alone) > 0.5 * np.linalg.norm(alone)


def test_a_step_is_refused_or_stable_in_the_sponge():
    ground = np.full((30, 30), V)
    with pytest.raises(un.InputError, match="at most") as refused:
        impulse_response(ground, 10, longest_step(V, 10), 1200, (15, 15), [[5, 5]], border=20)
    most = float(re.search(r"at most (\S+) s", str(refused.value))[1])
    field = np.abs(impulse_response(ground, 10, 0.99 * most, 1200, (15, 15), [[5, 5]], border=20))
    assert field[-100:].max() < 0.1 * field.max()


def test_impossible_simulations_are_refused():
    ground = np.full((30, 20), 3000.0)
    most = longest_step(3000, 10)
    with pytest.raises(un.InputError, match="stable"):
        impulse_response(ground, 10, 1.01 * most, 10, (5, 5), [[6, 6]])
    with pytest.raises(un.InputError, match="outside"):
        impulse_response(ground, 10, 0.9 * most, 10, (5, 20), [[6, 6]])
    with pytest.raises(un.InputError, match="positive"):
        impulse_response(-ground, 10, most, 10, (5, 5), [[6, 6]])
