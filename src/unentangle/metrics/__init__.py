"""Measures: plain functions of arrays, a file each, which import what is heavy when they are called.

Measures of codes against factors have the same arguments: `codes` (n, m); `factors` (n, k) or named columns, of which
`tables.checked` tells classes from a continuum; `bins` of equal width, into which a continuum is cut, and by histograms latents
too; `seed` of what is drawn.
"""

from ..freedom import filter_error, filtered, matching_filter, roll_error
from .beta_vae_score import beta_vae_score
from .dci import DCI, completeness, dci, disentanglement, importances
from .explicitness import explicitness
from .factor_vae_score import factor_vae_score
from .infomec import InfoMEC, infomec
from .information import mig, modularity, mutual_information
from .informativeness import informativeness
from .irs import irs
from .latents import R2, effects, learned_by_range, learned_by_variance, squared_correlation, used_latents
from .leakage import Leakage, code_leakage, leakage
from .off_data import off_data
from .sap import sap
from .scores import Score, Scores, scores
from .strokes import Strokes, strokes
from .swap import SwapErrors, swap_errors
from .tad import TAD, auroc, tad, threshold_auroc
from .topology import Courses, Loops, courses, loops, neighbour_mixing
from .total_correlation import gaussian_total_correlation
from .udr import udr

__all__ = [
    "DCI", "R2", "TAD", "Courses", "InfoMEC", "Leakage", "Loops", "Score", "Scores", "Strokes",
    "SwapErrors", "auroc", "beta_vae_score", "code_leakage", "completeness", "courses", "dci", "disentanglement", "effects",
    "explicitness", "factor_vae_score", "filter_error", "filtered", "gaussian_total_correlation", "importances", "infomec",
    "informativeness", "irs", "leakage", "learned_by_range", "learned_by_variance", "loops", "matching_filter", "mig",
    "modularity", "mutual_information", "neighbour_mixing", "off_data", "roll_error", "sap", "scores", "squared_correlation",
    "strokes", "swap_errors", "tad", "threshold_auroc", "udr", "used_latents",
]  # fmt: skip
