"""The methods: one paper, one file."""

from .autoencoder import AE
from .beta_tcvae import BetaTCVAE
from .beta_vae import VAE, BetaVAE
from .factor_vae import FactorVAE
from .nashae import NashAE
from .symae import SymAE

METHODS = {
    "symae": SymAE,
    "nashae": NashAE,
    "ae": AE,
    "vae": VAE,
    "beta-vae": BetaVAE,
    "beta-tcvae": BetaTCVAE,
    "factor-vae": FactorVAE,
}

__all__ = ["AE", "METHODS", "VAE", "BetaTCVAE", "BetaVAE", "FactorVAE", "NashAE", "SymAE"]
