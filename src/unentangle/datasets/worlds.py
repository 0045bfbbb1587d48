"""Small worlds with known swaps, each with another kind of nuisance: for the benchmark of swaps.

A world draws its states at random and records each in several groups. Its truth records any state under the nuisance of any
row. Nuisances have one distribution in all states, except in `drifts`, so nothing is free in a right answer.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from ..data import Dataset, Truth
from ..errors import InputError

Recordings = Callable[[np.ndarray, np.ndarray], np.ndarray]
Made = tuple[Recordings, dict[str, np.ndarray]]
Make = Callable[[np.random.Generator, int, Int[np.ndarray, " n"]], Made]

T = np.linspace(0, 1, 128)  # samples of a signal
Y, X = np.meshgrid(np.linspace(-1, 1, 20), np.linspace(-1, 1, 20), indexing="ij")  # pixels of an image


def world(make: Make) -> Callable[..., Dataset]:
    """A data set of a function that gives recordings and the nuisances of all rows.

    The function takes a random generator, the number of states, and the state of each row. It returns a function of states
    (n,) and nuisances (n, k) that makes rows (n, *row), and k named columns of nuisances. The
    channel of signals that a nuisance `lacking` counts is missing in the data.
    """

    def data(states: int = 10, repeats: int = 3, rows: int = 30, *, noise: float = 0.0, seed: int = 0) -> Dataset:
        """

        Args:
            states: how many.
            repeats: groups of each state.
            rows: of each group.
            noise: standard deviation of Gaussian noise, over that of all values.
            seed: of states, nuisances and noise.
        """
        if min(states, repeats, rows) < 1 or states < 2:
            raise InputError(f"states={states}, repeats={repeats}, rows={rows}; at least 2, 1 and 1 are needed.")
        rng = np.random.default_rng(seed)
        state = np.repeat(np.tile(np.arange(states), repeats), rows)
        recordings, nuisances = make(rng, states, state)
        nuisance = np.stack(list(nuisances.values()), axis=1)
        x = recordings(state, nuisance)
        x = x + noise * np.std(x) * rng.standard_normal(x.shape)
        if "lacking" in nuisances:
            x = np.where(np.arange(x.shape[-1]) == nuisances["lacking"][:, None, None], np.nan, x)
        kinds = {name: "categorical" if column.dtype.kind == "i" else "continuous" for name, column in nuisances.items()}
        factors = {"state": (state, "categorical")} | {name: (column, kinds[name]) for name, column in nuisances.items()}
        truth = Truth(recordings, state, nuisance, name=next(iter(nuisances)))
        ordered = make.__name__ != "features"
        return Dataset(x.astype(np.float32), factors, np.arange(len(state)) // rows, truth=truth, ordered=ordered)

    data.__name__, data.__qualname__, data.__module__ = make.__name__, make.__qualname__, make.__module__
    data.__doc__ = (make.__doc__ or "") + (data.__doc__ or "")
    return data


# -- features -------------------------------------------------------------------------------------------------------------


@world
def features(rng: np.random.Generator, states: int, state: np.ndarray) -> Made:
    """Forty features without order: a saturating mixture of three numbers of the state and two of the nuisance."""
    mixing, own = rng.normal(size=(5, 40)), rng.normal(size=(states, 3))

    def recordings(state: np.ndarray, nuisance: np.ndarray) -> np.ndarray:
        return np.tanh(np.concatenate([own[state], nuisance], axis=1) @ mixing)

    return recordings, {"first": rng.normal(size=len(state)), "second": rng.normal(size=len(state))}


# -- signals --------------------------------------------------------------------------------------------------------------


@world
def arrivals(rng: np.random.Generator, states: int, state: np.ndarray) -> Made:
    """A damped wave that arrives at some time, not cyclically, with some gain."""
    frequency, damping = rng.uniform(5, 15, states)[:, None], rng.uniform(4, 12, states)[:, None]

    def recordings(state: np.ndarray, nuisance: np.ndarray) -> np.ndarray:
        after = np.maximum(T - nuisance[:, :1], 0)
        return nuisance[:, 1:] * np.exp(-damping[state] * after) * np.sin(2 * np.pi * frequency[state] * after)

    return recordings, {"arrival": rng.uniform(0.1, 0.6, len(state)), "gain": np.exp(rng.normal(0, 0.4, len(state)))}


@world
def spectra(rng: np.random.Generator, states: int, state: np.ndarray) -> Made:
    """Four lines over a sloping baseline, with some gain and a small shift of the axis."""
    place, height = rng.uniform(0.1, 0.9, (states, 4, 1)), rng.uniform(0.3, 1, (states, 4, 1))

    def recordings(state: np.ndarray, nuisance: np.ndarray) -> np.ndarray:
        gain, level, slope, shift = nuisance.T[:, :, None]
        lines = height[state] * np.exp(-(((T - place[state] - shift[:, None]) / 0.03) ** 2))
        return gain * lines.sum(axis=1) + level + slope * T

    n = len(state)
    columns = {"gain": np.exp(rng.normal(0, 0.3, n)), "level": rng.normal(0, 0.3, n), "slope": rng.normal(0, 0.5, n)}
    return recordings, columns | {"shift": rng.uniform(-0.02, 0.02, n)}


@world
def wavelets(rng: np.random.Generator, states: int, state: np.ndarray) -> Made:
    """A reflectivity of eight spikes under an unknown wavelet of some frequency and phase."""
    place, height = rng.uniform(0.15, 0.85, (states, 8, 1)), rng.normal(size=(states, 8, 1))

    def recordings(state: np.ndarray, nuisance: np.ndarray) -> np.ndarray:
        frequency, phase = nuisance.T[:, :, None, None]
        delay = T - place[state]
        wavelet = np.exp(-((frequency * delay) ** 2)) * np.cos(2 * np.pi * frequency * delay + phase)
        return (height[state] * wavelet).sum(axis=1)

    return recordings, {"frequency": rng.uniform(8, 16, len(state)), "phase": rng.uniform(-1.2, 1.2, len(state))}


@world
def tones(rng: np.random.Generator, states: int, state: np.ndarray) -> Made:
    """Five harmonics of one instrument, at some pitch and loudness."""
    height, phase = np.exp(rng.normal(0, 0.7, (states, 5, 1))), rng.uniform(-0.5, 0.5, (states, 5, 1))
    order = np.arange(1, 6)[:, None]

    def recordings(state: np.ndarray, nuisance: np.ndarray) -> np.ndarray:
        pitch, loudness = nuisance.T[:, :, None]
        waves = height[state] / order * np.sin(2 * np.pi * order * pitch[:, None] * T + phase[state])
        return loudness * waves.sum(axis=1)

    return recordings, {"pitch": rng.uniform(1.5, 3, len(state)), "loudness": np.exp(rng.normal(0, 0.4, len(state)))}


@world
def heartbeats(rng: np.random.Generator, states: int, state: np.ndarray) -> Made:
    """Beats of five waves each, at some rate and gain, over a wandering baseline."""
    place = np.array([-0.2, -0.04, 0.0, 0.04, 0.25]) + rng.normal(0, 0.01, (states, 5))
    width = np.array([0.04, 0.015, 0.015, 0.015, 0.06]) * np.exp(rng.normal(0, 0.2, (states, 5)))
    height = np.array([0.2, -0.15, 1.0, -0.3, 0.4]) * np.exp(rng.normal(0, 0.4, (states, 5)))

    def recordings(state: np.ndarray, nuisance: np.ndarray) -> np.ndarray:
        rate, gain, level, slope = nuisance.T[:, :, None]
        beat = (rate * (T - 0.2) + 0.5) % 1 - 0.5  # phase within a beat; the first is at 0.2
        waves = height[state][:, :, None] * np.exp(
            -(((beat[:, None] - place[state][:, :, None]) / width[state][:, :, None]) ** 2) / 2
        )
        return gain * waves.sum(axis=1) + level + slope * (T - 0.5)

    n = len(state)
    columns = {"rate": rng.uniform(1.5, 2.5, n), "gain": np.exp(rng.normal(0, 0.2, n))}
    return recordings, columns | {"level": rng.normal(0, 0.1, n), "slope": rng.normal(0, 0.2, n)}


@world
def warps(rng: np.random.Generator, states: int, state: np.ndarray) -> Made:
    """A smooth signal whose time is warped."""
    signals = smooth(rng, states)

    def recordings(state: np.ndarray, nuisance: np.ndarray) -> np.ndarray:
        first, second = nuisance.T[:, :, None]
        return signals(state, T + first * np.sin(np.pi * T) + second * np.sin(2 * np.pi * T))

    return recordings, {"first": rng.uniform(-0.1, 0.1, len(state)), "second": rng.uniform(-0.05, 0.05, len(state))}


@world
def mixtures(rng: np.random.Generator, states: int, state: np.ndarray) -> Made:
    """A signal mixed with a source of some phase, in some share."""
    signals = smooth(rng, states)

    def recordings(state: np.ndarray, nuisance: np.ndarray) -> np.ndarray:
        share, phase = nuisance.T[:, :, None]
        return (1 - share) * signals(state, T) + 2 * share * np.cos(2 * np.pi * (4 * T + phase))

    return recordings, {"share": rng.uniform(0.1, 0.9, len(state)), "phase": rng.uniform(0, 0.4, len(state))}


@world
def instruments(rng: np.random.Generator, states: int, state: np.ndarray) -> Made:
    """A discrete nuisance: spikes through one of five instruments, each with a response of its own."""
    place, height = rng.uniform(0.05, 0.6, (states, 6, 1)), rng.normal(size=(states, 6, 1))
    frequency, damping = rng.uniform(4, 14, 5), rng.uniform(8, 25, 5)

    def recordings(state: np.ndarray, nuisance: np.ndarray) -> np.ndarray:
        which = nuisance[:, 0].astype(int)
        delay = np.maximum(T - place[state], 0)
        angle, decay = 2 * np.pi * frequency[which, None, None] * delay, damping[which, None, None] * delay
        return (height[state] * np.exp(-decay) * np.sin(angle)).sum(axis=1)

    return recordings, {"instrument": rng.integers(5, size=len(state))}


@world
def backgrounds(rng: np.random.Generator, states: int, state: np.ndarray) -> Made:
    """A nuisance that never comes twice: a background of seven random waves, and a gain of the signal."""
    signals = smooth(rng, states)
    waves = np.stack([np.cos(np.pi * k * T) / (1 + k / 4) for k in range(7)])

    def recordings(state: np.ndarray, nuisance: np.ndarray) -> np.ndarray:
        return nuisance[:, :1] * signals(state, T) + nuisance[:, 1:] @ waves

    columns = {"gain": np.exp(rng.normal(0, 0.3, len(state)))}
    return recordings, columns | {f"wave {k}": rng.normal(0, 0.5, len(state)) for k in range(7)}


@world
def drifts(rng: np.random.Generator, states: int, state: np.ndarray) -> Made:
    """A nuisance whose distribution differs between states: a drift that has another mean in each, and a gain."""
    signals, mean = smooth(rng, states), rng.normal(0, 0.7, states)

    def recordings(state: np.ndarray, nuisance: np.ndarray) -> np.ndarray:
        drift, gain = nuisance.T[:, :, None]
        return gain * signals(state, T) + 2 * drift * T**2

    return recordings, {"drift": rng.normal(mean[state], 0.7), "gain": np.exp(rng.normal(0, 0.3, len(state)))}


@world
def channels(rng: np.random.Generator, states: int, state: np.ndarray) -> Made:
    """Three channels with gains of their own, of which two rows of three lack one."""
    signals, share = smooth(rng, states), rng.normal(size=(states, 3))

    def recordings(state: np.ndarray, nuisance: np.ndarray) -> np.ndarray:
        delayed = np.stack([signals(state, T[::2] + 0.05 * k) for k in range(3)], axis=2)
        return delayed * (share[state] * nuisance[:, :3])[:, None]

    gains = {f"gain {k}": np.exp(rng.normal(0, 0.4, len(state))) for k in range(3)}
    return recordings, gains | {"lacking": rng.permutation(np.arange(len(state)) % 9 // 2)}


def smooth(rng: np.random.Generator, states: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Random smooth signals of unit variance: functions of a state (n,) and of times (k,) or (n, k)."""
    waves = np.pi * np.arange(1, 9)[:, None]
    height = rng.normal(size=(states, 8)) / np.sqrt(1 + np.arange(8) / 2)
    phase = rng.uniform(-np.pi, np.pi, (states, 8, 1))
    height = height / np.sqrt((height**2).sum(axis=1, keepdims=True) / 2)

    def signals(state: np.ndarray, times: np.ndarray) -> np.ndarray:
        return (height[state][:, :, None] * np.sin(waves * np.atleast_2d(times)[:, None] + phase[state])).sum(axis=1)

    return signals


# -- images ---------------------------------------------------------------------------------------------------------------


@world
def glyphs(rng: np.random.Generator, states: int, state: np.ndarray) -> Made:
    """Glyphs of three strokes, at some place and of some size."""
    ends = rng.uniform(-0.5, 0.5, (states, 4, 2))

    def recordings(state: np.ndarray, nuisance: np.ndarray) -> np.ndarray:
        right, down, size = nuisance.T[:, :, None, None]
        return strokes(ends[state], (X - right) / size, (Y - down) / size)

    n = len(state)
    place = {name: rng.uniform(-0.35, 0.35, n) for name in ("right", "down")}
    return recordings, place | {"size": rng.uniform(0.7, 1.2, n)}


@world
def rotations(rng: np.random.Generator, states: int, state: np.ndarray) -> Made:
    """Glyphs of three strokes, turned by up to 60 degrees."""
    ends = rng.uniform(-0.7, 0.7, (states, 4, 2))

    def recordings(state: np.ndarray, nuisance: np.ndarray) -> np.ndarray:
        cos, sin = (f(nuisance[:, 0])[:, None, None] for f in (np.cos, np.sin))
        return strokes(ends[state], cos * X + sin * Y, cos * Y - sin * X)

    return recordings, {"angle": rng.uniform(-np.pi / 3, np.pi / 3, len(state))}


def strokes(ends: Float[np.ndarray, "n 4 2"], x: np.ndarray, y: np.ndarray) -> Float[np.ndarray, "n h w"]:
    """Images of soft lines through four points, at these coordinates (n, h, w)."""
    nearest = np.full(np.broadcast_shapes(x.shape, (len(ends), *x.shape[1:])), np.inf)
    for k in range(3):
        start, way = (p[:, :, None, None].transpose(1, 0, 2, 3) for p in (ends[:, k], ends[:, k + 1] - ends[:, k]))
        along = ((x - start[0]) * way[0] + (y - start[1]) * way[1]) / np.maximum((way**2).sum(axis=0), 1e-9)
        along = np.clip(along, 0, 1)
        nearest = np.minimum(nearest, (x - start[0] - along * way[0]) ** 2 + (y - start[1] - along * way[1]) ** 2)
    return np.exp(-nearest / (2 * 0.09**2))


@world
def colours(rng: np.random.Generator, states: int, state: np.ndarray) -> Made:
    """Coloured images: a figure of one colour on a ground of another."""
    ends = rng.uniform(-0.7, 0.7, (states, 4, 2))

    def recordings(state: np.ndarray, nuisance: np.ndarray) -> np.ndarray:
        figure = strokes(ends[state], X[None] / 1.2, Y[None] / 1.2)[..., None]
        return figure * nuisance[:, None, None, :3] + (1 - figure) * nuisance[:, None, None, 3:]

    names = [f"{part} {colour}" for part in ("figure", "ground") for colour in ("red", "green", "blue")]
    return recordings, {name: rng.uniform(0, 1, len(state)) for name in names}


@world
def speckle(rng: np.random.Generator, states: int, state: np.ndarray) -> Made:
    """Images under multiplicative speckle: the exponential of six smooth random fields."""
    ends = rng.uniform(-0.8, 0.8, (states, 4, 2))
    fields = np.stack([np.cos(np.pi * (a * X + b * Y)) for a, b in ((1, 0), (0, 1), (1, 1), (1, -1), (2, 0), (0, 2))])

    def recordings(state: np.ndarray, nuisance: np.ndarray) -> np.ndarray:
        figure = 0.2 + strokes(ends[state], X[None], Y[None])
        return figure * np.exp(np.tensordot(nuisance, fields, 1))

    return recordings, {f"field {k}": rng.normal(0, 0.3, len(state)) for k in range(6)}


WORLDS = {
    make.__name__: make
    for make in (
        features, arrivals, spectra, wavelets, tones, heartbeats, warps, mixtures, instruments, backgrounds, drifts, channels,
        glyphs, rotations, colours, speckle,
    )
}  # fmt: skip
