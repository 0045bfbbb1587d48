"""What is ours: terms, which compose with any method that has one part of its code per group and one per row.

`term.py` says what a term is, `alignment.py` holds the recommended ones, `adversarial.py` NashAE's game between the two codes.
"""

from .adversarial import Adversarial
from .alignment import RECOMMENDED, Blur, Coincidence, Consistency, Isometry, Pooling, recommended, reweighted
from .term import Step, Term, Virtual, before, check_terms, penalties, players, pooled, virtual, with_nets

TERMS = {term.name: term for term in (Blur, Pooling, Isometry, Consistency, Coincidence, Adversarial)}

__all__ = [
    "RECOMMENDED", "TERMS", "Adversarial", "Blur", "Coincidence", "Consistency", "Isometry", "Pooling", "Step", "Term",
    "Virtual", "before", "check_terms", "penalties", "players", "pooled", "recommended", "reweighted", "virtual", "with_nets",
]  # fmt: skip
