"""Files, in and out: one reader for each format, and what is refused of any file."""

from .files import read
from .images import images
from .writing import write_dataset

__all__ = ["images", "read", "write_dataset"]
