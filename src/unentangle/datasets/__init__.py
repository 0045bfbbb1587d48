"""The data sets of the papers, one file each: made by the package, or read from where their originals lie."""

from .beamsynthesis import beamsynthesis
from .celeba import celeba
from .dsprites import dsprites
from .ipoc import ipoc
from .mnist import mnist
from .mobil import mobil
from .mra import fourier_states, mra, mra_states, orbit, step_states
from .seismic import Shots, seismic, shots
from .worlds import (
    WORLDS,
    arrivals,
    backgrounds,
    channels,
    colours,
    drifts,
    features,
    glyphs,
    heartbeats,
    instruments,
    mixtures,
    rotations,
    speckle,
    spectra,
    tones,
    warps,
    wavelets,
)  # fmt: skip

DATASETS = {make.__name__: make for make in (mra, beamsynthesis, seismic, mnist, dsprites, celeba, ipoc, mobil)} | WORLDS

__all__ = [
    "DATASETS", "WORLDS", "Shots", "arrivals", "backgrounds", "beamsynthesis", "celeba", "channels", "colours", "drifts",
    "dsprites", "features", "fourier_states", "glyphs", "heartbeats", "instruments", "ipoc", "mixtures", "mnist", "mobil",
    "mra", "mra_states", "orbit", "rotations", "seismic", "shots", "speckle", "spectra", "step_states", "tones", "warps",
    "wavelets",
]  # fmt: skip
