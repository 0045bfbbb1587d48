"""What goes in: the one data type, and what is done to rows as they are read.

The package's data sets and files are here by name as well, `un.data.mra()` and `un.data.read(...)`, from `datasets` and `io`.
"""

from importlib import import_module
from typing import Any

from ..freedom import CommonRoll, Freedom, ShortFilter
from .dataset import Dataset, Factors
from .packed import Packed, unpack
from .transforms import Bandpass, Envelope, Resample, Taper, Window
from .truth import Truth

__all__ = [
    "Bandpass",
    "CommonRoll",
    "Dataset",
    "Envelope",
    "Factors",
    "Freedom",
    "Packed",
    "Resample",
    "ShortFilter",
    "Taper",
    "Truth",
    "Window",
    "unpack",
]


def __getattr__(name: str) -> Any:
    for room in ("datasets", "io"):
        module = import_module(f"..{room}", __name__)
        if name in module.__all__:
            return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
