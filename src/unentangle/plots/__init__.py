"""Figures from arrays; nothing is written here."""

# ruff: noqa: F401
from .numbers import (
    codes,
    compared,
    heat_maps,
    history,
    known,
    latent_spaces,
    latents,
    lines,
    pair_errors,
    predictions,
    regions,
)
from .rows import mixtures, paths, records, redatuming, remark_2, traversals
