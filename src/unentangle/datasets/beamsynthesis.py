"""Beamsynthesis (NashAE paper, section 4): the current of a particle beam, pulsed at a frequency and a duty cycle.

The published data are 360 files of unstated origin. They are the output of a linear system, found by identification and
reproduced here from its closed form: a gated ramp, smoothed, driving a resonant pulse response, sampled 1,000 times.
"""

from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from ..data.dataset import Dataset
from ..errors import InputError

DUTY = np.linspace(0.2, 0.8, 121)[:120]
FREQUENCY = np.array([10.0, 15.0, 20.0])

_INNER = 5  # simulation steps per sample
_DT = 1 / (1000 * _INNER)
_END = 0.8  # when the beam is switched off


def beamsynthesis(duty: ArrayLike | None = None, frequency: ArrayLike | None = None) -> Dataset:
    """Waveforms for every frequency and duty cycle, sorted by frequency, then duty cycle.

    Args:
        duty: fractions of a period for which the beam is on, in (0, 1); by default the 120 published ones from 0.2 to 0.795.
        frequency: pulses per unit of time, in (0, 500); by default 10, 15 and 20.

    Returns:
        rows (frequencies * duties, 1000), one unit of time each, with the factors `frequency` (categorical) and `duty`
        (continuous). The default differs from the published files by less than 1e-6.
    """
    duties = np.atleast_1d(np.asarray(DUTY if duty is None else duty, float))
    frequencies = np.atleast_1d(np.asarray(FREQUENCY if frequency is None else frequency, float))
    for name, values, top in (("duty", duties, 1.0), ("frequency", frequencies, 500.0)):
        if values.ndim != 1 or not len(values) or not np.all((values > 0) & (values < top)):
            raise InputError(f"{name}={values.tolist()}; one or more numbers between 0 and {top:g} are needed.")
    each, all_of_each = np.tile(duties, len(frequencies)), np.repeat(frequencies, len(duties))
    factors = {"frequency": (all_of_each, "categorical"), "duty": (each, "continuous")}
    return Dataset(waveforms(each, all_of_each), factors)


def waveforms(duty: Float[np.ndarray, " n"], frequency: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n 1000"]:
    """|decimate(LP2(max(0.01, envelope * gate) * ripple))| for each pair of duty cycle and frequency."""
    from scipy import signal

    t = np.arange(1000 * _INNER) * _DT
    envelope = _second_order(np.minimum(t / 0.2, 1), 5.0, 1.0)
    period, duty = 1 / frequency[:, None], duty[:, None]
    phase = t - np.floor(t / period) * period
    gate = (phase > 0) & (phase < duty * period) & (t < _END)
    driven = np.maximum(0.01, envelope * gate) * (1 - 0.05 * np.cos(2 * np.pi * 120 * t))
    return np.abs(signal.decimate(_second_order(driven, 100.0, 0.75), _INNER, n=4))


def _second_order(u: Float[np.ndarray, "... n"], natural: float, damping: float) -> Float[np.ndarray, "... n"]:
    """w^2 / (s^2 + 2 damping w s + w^2) with w = 2 pi natural, from rest, the input held between steps."""
    from scipy import signal

    w = 2 * np.pi * natural
    system: Any = signal.cont2discrete(([w**2], [1, 2 * damping * w, w**2]), _DT, "zoh")
    return np.asarray(signal.lfilter(np.ravel(system[0]), system[1], u))
