"""What goes in: the one data type, the data sets of the papers, and files."""

from .beamsynthesis import beamsynthesis
from .dataset import Dataset, Factors
from .files import read
from .mnist import mnist
from .mra import mra, mra_states, orbit

__all__ = ["Dataset", "Factors", "beamsynthesis", "mnist", "mra", "mra_states", "orbit", "read"]
