"""The methods: one paper, one file; and what is ours, as terms."""

from . import terms
from .autoencoder import AE
from .beta_tcvae import BetaTCVAE
from .beta_vae import VAE, BetaVAE
from .codes import Codes, Part
from .factor_vae import FactorVAE
from .nashae import NashAE
from .symae import SymAE
from .terms import TERMS, Adversarial, Blur, Coincidence, Consistency, Isometry, Pooling

METHODS = {
    "symae": SymAE,
    "nashae": NashAE,
    "ae": AE,
    "vae": VAE,
    "beta-vae": BetaVAE,
    "beta-tcvae": BetaTCVAE,
    "factor-vae": FactorVAE,
}

__all__ = [
    "AE",
    "METHODS",
    "TERMS",
    "VAE",
    "Adversarial",
    "BetaTCVAE",
    "BetaVAE",
    "Blur",
    "Codes",
    "Coincidence",
    "Consistency",
    "FactorVAE",
    "Isometry",
    "NashAE",
    "Part",
    "Pooling",
    "SymAE",
    "terms",
]
