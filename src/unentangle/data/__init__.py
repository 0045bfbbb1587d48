"""What goes in: the one data type, the data sets of the papers, and files."""

from .beamsynthesis import beamsynthesis
from .celeba import celeba
from .dataset import Dataset, Factors
from .dsprites import dsprites
from .files import read
from .images import images
from .ipoc import ipoc
from .mnist import mnist
from .mobil import mobil
from .mra import fourier_states, mra, mra_states, orbit, step_states
from .packed import Packed, unpack
from .seismic import Shots, seismic, shots
from .transforms import Bandpass, Envelope, Resample, Taper, Window
from .writing import write_dataset

__all__ = [
    "Bandpass",
    "Dataset",
    "Envelope",
    "Factors",
    "Packed",
    "Resample",
    "Shots",
    "Taper",
    "Window",
    "beamsynthesis",
    "celeba",
    "dsprites",
    "fourier_states",
    "images",
    "ipoc",
    "mnist",
    "mobil",
    "mra",
    "mra_states",
    "orbit",
    "read",
    "seismic",
    "shots",
    "step_states",
    "unpack",
    "write_dataset",
]
