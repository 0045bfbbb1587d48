"""Separate what stays from what varies in data, and recombine them."""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

# Nothing is imported before it is used: jax alone takes more than half a second. This is where each name is from.
_HOMES = {
    "data": ("Dataset", "Factors"),
    "errors": ("Diverged", "InputError"),
    "evaluate": ("evaluate", "predictability"),
    "io": ("read",),
    "methods": ("AE", "VAE", "BetaTCVAE", "BetaVAE", "FactorVAE", "NashAE", "SymAE"),
    "model": ("Model",),
    "schedules": ("Cosine", "Linear"),
    "study": ("study",),
    "train": ("Run", "train"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


class _Package(ModuleType):
    """A package in which a function keeps its name when the module of the same name is imported, as of `train`: the import
    system would bind the module to that name. `from unentangle.train import ...` finds the module all the same.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


if not TYPE_CHECKING:  # a type checker knows the names from above, and is to see a wrong one

    def __getattr__(name: str) -> Any:
        if name in _HOME:
            value = globals()[name] = getattr(import_module(f".{_HOME[name]}", __name__), name)
            return value
        if name in (*__all__, "methods"):
            return import_module(f".{name}", __name__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
