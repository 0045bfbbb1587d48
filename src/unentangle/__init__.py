"""Separate what stays from what varies in data, and recombine them."""

from . import data, dependence, metrics, nets
from .data import Dataset, Factors
from .errors import Diverged, InputError
from .evaluate import evaluate, predictability
from .io import read
from .methods import AE, VAE, BetaTCVAE, BetaVAE, FactorVAE, NashAE, SymAE
from .model import Model
from .schedules import Cosine, Linear
from .study import study
from .train import Run, train

__version__ = "0.1.0"

__all__ = [
    "AE",
    "VAE",
    "BetaTCVAE",
    "BetaVAE",
    "Cosine",
    "Dataset",
    "Diverged",
    "FactorVAE",
    "Factors",
    "InputError",
    "Linear",
    "Model",
    "NashAE",
    "Run",
    "SymAE",
    "__version__",
    "data",
    "dependence",
    "evaluate",
    "metrics",
    "nets",
    "predictability",
    "read",
    "study",
    "train",
]
