"""What goes in: the one data type, the data sets of the papers, and files."""

from .beamsynthesis import beamsynthesis
from .dataset import Dataset, Factors
from .files import read
from .mra import mra, mra_states, orbit

__all__ = ["Dataset", "Factors", "beamsynthesis", "mra", "mra_states", "orbit", "read"]
