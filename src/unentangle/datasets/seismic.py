"""Shot records (SymAE paper, eqs 1-2): one line of receivers, several media, several sources of unknown signature.

    u_ij(t, x_r) = integral of G_i(tau, x_r) w_j(t - tau) dtau

The state i is the medium: G_i is its Green's function from one point at depth to the receivers near the surface, as in passive
monitoring. The nuisance j is the source w_j. What both factors leave free is a filter: G_i * f with w_j * f^(-1) gives the same
records.
"""

from hashlib import sha256
from io import BytesIO
from math import ceil, log2
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.fft import irfft, rfft, rfftfreq
from numpy.typing import ArrayLike

from ..data import Dataset, ShortFilter, Truth
from ..errors import InputError
from ..io.arrays import DAMAGED
from ..storage import cache_folder, write
from .acoustics import impulse_response
from .originals import local_folder

SPACING = 15.0  # of the grid, in m
NODES = (161, 121)  # along the line and in depth: 2.4 km by 1.8 km
SOURCE = (50, 100)  # at 750 m along the line and 1.5 km depth
DEPTH = 2  # of the receivers, in nodes: 30 m
MARGIN = 4  # from the ends of the line to its first and last receiver, in nodes
DT, SUBSTEPS = 0.008, 5  # sampling of the records in s; steps of the simulation in each sample
PASS, STOP = 40.0, 60.0  # Hz: Green's functions are kept whole below the first, and not beyond the second
SCHEME = 1  # to be raised whenever the simulation changes: the cache is then made again
FILTER = 33
"""Length in samples of the filter that records of a medium are free up to: 0.26 s, less than half as long as a source."""

MARMOUSI, MARMOUSI_SHAPE, MARMOUSI_SPACING = "vp_marmousi_bi", (1601, 401), 7.5


class Shots(NamedTuple):
    """Media, sources, and every record that they make together."""

    velocity: Float[np.ndarray, "media x z"]
    """In m/s, at `SPACING`."""
    green: Float[np.ndarray, "media samples receivers"]
    """G_i at intervals of `DT`, below `STOP`, in units that make the mean square of all records 1."""
    wavelets: Float[np.ndarray, "sources samples"]
    """w_j, of unit energy."""
    frequency: Float[np.ndarray, " sources"]
    """The peak frequency of the pulses of each source, in Hz."""
    names: tuple[str, ...]
    """What each medium is."""

    def records(self, medium: ArrayLike, source: ArrayLike) -> Float[np.ndarray, "*pairs samples receivers"]:
        """The true records of these media with these sources, pair by pair (the two broadcast)."""
        medium, source = np.broadcast_arrays(medium, source)
        return convolve(self.green[medium], self.wavelets[source][..., None])


def convolve(x: Float[np.ndarray, "*a n c"], y: Float[np.ndarray, "*a m d"]) -> Float[np.ndarray, "*a n e"]:
    """The first n samples of the convolution along the last axis but one."""
    n = x.shape[-2]
    size = 2 ** ceil(log2(n + y.shape[-2] - 1))
    return irfft(rfft(x, size, axis=-2) * rfft(y, size, axis=-2), size, axis=-2)[..., :n, :].astype(np.float32)  # eq. 1


def seismic(
    n_tau: int = 20,
    *,
    n_1: int = 8,
    n_2: int = 40,
    samples: int = 256,
    receivers: int = 32,
    noise: float = 0.0,
    seed: int = 0,
    folder: str | Path | None = None,
) -> Dataset:
    """Shot records of n_1 media, each with n_tau of the n_2 sources, so that all other pairs are held out.

    The media are layered ones and windows of the Marmousi section by turns, or layered ones only where that is not at hand:
    2.4 km along the line and 1.8 km deep, 1.0 to 4.7 km/s. `shots` says what the media and sources are, and gives the true
    record of every pair. The simulation runs at dx = 15 m and dt = 1.6 ms, a Courant number v dt / dx of at most 0.5; 99.9 %
    of the energy of the records is below 22 Hz, a wavelength of 4.5 dx at 1.5 km/s. It takes seconds, and is kept in the
    user's cache folder.

    Args:
        n_tau: sources per medium, different ones, drawn for each medium.
        n_1: media.
        n_2: sources.
        samples: of a record, every 8 ms from the time of the source on.
        receivers: evenly spaced 30 m below the surface.
        noise: standard deviation of Gaussian noise on every sample, over the root mean square of all records.
        seed: of media, sources, draws and noise.
        folder: where the file vp_marmousi_bi is; by default the folder seismic/marmousi in the one that the environment
            variable UNENTANGLE_DATA names, if it is there.

    Returns:
        rows (n_1 * n_tau, samples, receivers) float32 of mean square about 1, grouped by medium, with the factors `state` (the
        medium), `source`, and the source's `frequency`; and the truth, free up to a filter of `FILTER` samples.
    """
    if not 1 <= n_tau <= n_2:
        raise InputError(f"n_tau={n_tau} sources per medium were asked for; between 1 and n_2={n_2} are needed.")
    made = shots(n_1, n_2, samples=samples, receivers=receivers, seed=seed, folder=folder)
    rng = np.random.default_rng([seed, 2])
    source = np.concatenate([np.sort(rng.permutation(n_2)[:n_tau]) for _ in range(n_1)])
    medium = np.repeat(np.arange(n_1), n_tau)
    factors = {
        "state": (medium, "categorical"),
        "source": (source, "categorical"),
        "frequency": (made.frequency[source], "continuous"),
    }
    x = made.records(medium, source)
    truth = Truth(made.records, medium, source, ShortFilter(FILTER), name="source")
    return Dataset((x + noise * rng.standard_normal(x.shape)).astype(np.float32), factors, medium, truth=truth)


def shots(
    n_1: int = 8,
    n_2: int = 40,
    *,
    samples: int = 256,
    receivers: int = 32,
    seed: int = 0,
    folder: str | Path | None = None,
) -> Shots:
    """The media and sources of `seismic`, and with them the true record of every pair; the arguments are the same.

    Raises:
        InputError: if a size is impossible, or the Marmousi section is not the file that is known.
    """
    most = NODES[0] - 2 * MARGIN
    if n_1 < 1 or n_2 < 1 or samples < 64 or not 2 <= receivers <= most:
        raise InputError(
            f"n_1={n_1}, n_2={n_2}, samples={samples} and receivers={receivers}; at least one medium, one source and 64 "
            f"samples, and 2 to {most} receivers are needed."
        )
    rng = np.random.default_rng([seed, 0])
    section = marmousi(folder)
    made = [(f"layers {i}", layered(rng)) for i in range(n_1)]
    if section is not None:
        starts = np.linspace(0, len(section) - NODES[0], max(n_1 // 2, 1)).astype(int)
        made[1::2] = [(f"Marmousi from {SPACING * at / 1000:.1f} km", section[at:][: NODES[0]]) for at in starts[: n_1 // 2]]
    names, velocity = tuple(name for name, _ in made), np.stack([v for _, v in made])
    line = np.linspace(MARGIN, NODES[0] - 1 - MARGIN, receivers).round().astype(int)
    green = green_functions(velocity, np.stack([line, np.full(receivers, DEPTH)], axis=1), samples)
    wavelets, frequency = ruptures(np.random.default_rng([seed, 1]), n_2, samples)
    result = Shots(velocity, green, wavelets, frequency, names)
    level = np.sqrt(np.mean(np.square(result.records(np.arange(n_1)[:, None], np.arange(n_2)), dtype=float)))
    return result._replace(green=(green / level).astype(np.float32))


# -- media ----------------------------------------------------------------------------------------------------------------


def marmousi(folder: str | Path | None = None) -> Float[np.ndarray, "x z"] | None:
    """The P velocity of the Marmousi section in m/s, at `SPACING` and as deep as the models; None where it is not at hand."""
    if folder is None:
        try:
            folder = local_folder("seismic/marmousi")
        except InputError:
            return None
        if not (folder / MARMOUSI).is_file():
            return None
    path = Path(folder) / MARMOUSI
    if not path.is_file() or path.stat().st_size != 4 * MARMOUSI_SHAPE[0] * MARMOUSI_SHAPE[1]:
        raise InputError(f"{path} is missing or not the Marmousi section: float32 of {MARMOUSI_SHAPE} (x, z) is needed.")
    every = round(SPACING / MARMOUSI_SPACING)
    section = np.fromfile(path, "<f4").reshape(MARMOUSI_SHAPE)[::every, ::every]
    return 1000 * section[:, : NODES[1]]


def layered(rng: np.random.Generator) -> Float[np.ndarray, "x z"]:
    """A random medium: 4 to 9 layers below 1.5 to 1.9 km/s, faster with depth but for chance, tilted, and cut by one fault."""
    x, z = np.meshgrid(*(SPACING * np.arange(n) for n in NODES), indexing="ij")
    width, height = SPACING * (np.array(NODES) - 1)
    fault = rng.uniform(0.2, 0.8) * width + rng.uniform(-0.5, 0.5) * (z - height / 2)
    flat = z + rng.uniform(-0.15, 0.15) * (x - width / 2) + rng.uniform(-120, 120) * (x > fault)
    count = rng.integers(4, 10)
    bounds = np.sort(rng.uniform(150, height, count - 1))
    tops = np.concatenate([[0], bounds])
    speed = rng.uniform(1500, 1900) + rng.uniform(0.8, 1.6) * tops + rng.normal(0, 250, count) * (np.arange(count) > 0)
    return np.clip(speed, 1500, 4700)[np.searchsorted(bounds, flat)].astype(np.float32)


def green_functions(
    velocity: Float[np.ndarray, "media x z"], nodes: np.ndarray, samples: int
) -> Float[np.ndarray, "media samples receivers"]:
    """G of every medium at the nodes, every `DT`; simulated once and then kept in the user's cache folder."""
    settings = (SCHEME, velocity.shape, SPACING, SOURCE, DT, SUBSTEPS, PASS, STOP, samples)
    digest = sha256(repr(settings).encode() + nodes.tobytes() + velocity.tobytes()).hexdigest()[:32]
    saved = cache_folder() / "seismic" / f"{digest}.npy"
    try:
        return np.load(saved, allow_pickle=False)
    except (FileNotFoundError, *DAMAGED):
        result = np.stack([_green_function(v, nodes, samples) for v in velocity])
        buffer = BytesIO()
        np.save(buffer, result)
        write(saved, buffer.getvalue())
        return result


def _green_function(velocity: Float[np.ndarray, "x z"], nodes: np.ndarray, samples: int):
    """Below `STOP` nothing of a sampled function is lost, and what the grid does to higher frequencies is left behind."""
    steps = samples * SUBSTEPS
    fine = impulse_response(velocity, SPACING, DT / SUBSTEPS, steps, SOURCE, nodes)
    size = 2 * steps
    frequency = rfftfreq(size, DT / SUBSTEPS)
    taper = np.cos(np.pi / 2 * np.clip((frequency - PASS) / (STOP - PASS), 0, 1)) ** 2
    spectrum = (rfft(fine.astype(float), size, axis=0) * taper[:, None])[: samples + 1]
    return irfft(spectrum / SUBSTEPS, 2 * samples, axis=0)[:samples].astype(np.float32)


# -- sources --------------------------------------------------------------------------------------------------------------


def ruptures(
    rng: np.random.Generator, count: int, samples: int, dt: float = DT
) -> tuple[Float[np.ndarray, "{count} {samples}"], Float[np.ndarray, " {count}"]]:
    """Random wavelets of unit energy and mixed phase, and the peak frequency of their pulses.

    Each is three Ricker pulses of one frequency, uniform in 6..12 Hz: the first at 0.15 s with amplitude 1, two up to 0.3 s
    later with amplitudes uniform in -1..1.
    """
    t = dt * np.arange(samples)
    frequency = rng.uniform(6, 12, count)
    delay = 0.15 + np.concatenate([np.zeros((count, 1)), rng.uniform(0.03, 0.3, (count, 2))], axis=1)
    amplitude = np.concatenate([np.ones((count, 1)), rng.uniform(-1, 1, (count, 2))], axis=1)
    phase = (np.pi * frequency[:, None, None] * (t - delay[..., None])) ** 2
    wavelets = np.einsum("jk,jkt->jt", amplitude, (1 - 2 * phase) * np.exp(-phase))
    wavelets /= np.linalg.norm(wavelets, axis=1, keepdims=True)
    return wavelets.astype(np.float32), frequency
