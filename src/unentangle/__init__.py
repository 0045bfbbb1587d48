"""Separate what stays from what varies in data, and recombine them."""

from . import data, dependence, metrics, nets
from .data import Dataset, Factors, read
from .errors import Diverged, InputError
from .methods import SymAE
from .model import Model
from .schedules import Cosine, Linear
from .train import Run, train

__version__ = "0.1.0"

__all__ = [
    "Cosine",
    "Dataset",
    "Diverged",
    "Factors",
    "InputError",
    "Linear",
    "Model",
    "Run",
    "SymAE",
    "__version__",
    "data",
    "dependence",
    "metrics",
    "nets",
    "read",
    "train",
]
