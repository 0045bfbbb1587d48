"""The methods: one paper, one file."""

from .symae import SymAE

METHODS = {"symae": SymAE}

__all__ = ["METHODS", "SymAE"]
