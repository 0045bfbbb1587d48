"""Measures: plain functions of arrays."""

from .beta_vae_score import beta_vae_score
from .latents import R2, effects, learned_by_range, learned_by_variance, squared_correlation, used_latents
from .leakage import Leakage, leakage
from .swap import PHI, Baselines, SwapErrors, roll_error, swap_baselines, swap_errors

__all__ = [
    "PHI",
    "R2",
    "Baselines",
    "Leakage",
    "SwapErrors",
    "beta_vae_score",
    "effects",
    "leakage",
    "learned_by_range",
    "learned_by_variance",
    "roll_error",
    "squared_correlation",
    "swap_baselines",
    "swap_errors",
    "used_latents",
]
