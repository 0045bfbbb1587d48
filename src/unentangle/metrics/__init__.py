"""Measures: plain functions of arrays."""

from .beta_vae_score import beta_vae_score
from .latents import R2, effects, learned_by_range, learned_by_variance, squared_correlation, used_latents
from .leakage import Leakage, leakage
from .off_data import off_data
from .strokes import Strokes, strokes
from .swap import PHI, Baselines, SwapErrors, roll_error, swap_baselines, swap_errors
from .topology import Courses, Loops, courses, loops, neighbour_mixing

__all__ = [
    "PHI",
    "R2",
    "Baselines",
    "Courses",
    "Leakage",
    "Loops",
    "Strokes",
    "SwapErrors",
    "beta_vae_score",
    "courses",
    "effects",
    "leakage",
    "learned_by_range",
    "learned_by_variance",
    "loops",
    "neighbour_mixing",
    "off_data",
    "roll_error",
    "squared_correlation",
    "strokes",
    "swap_baselines",
    "swap_errors",
    "used_latents",
]
