"""Measures: plain functions of arrays."""

from .leakage import Leakage, leakage
from .swap import PHI, Baselines, SwapErrors, roll_error, swap_baselines, swap_errors

__all__ = ["PHI", "Baselines", "Leakage", "SwapErrors", "leakage", "roll_error", "swap_baselines", "swap_errors"]
