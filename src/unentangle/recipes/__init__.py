"""One file per paper, one function per printed table or figure; each writes a picture or a page and the JSON that proves it."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

from ..errors import InputError
from . import nashae, symae

PAPERS: dict[str, ModuleType] = {"symae": symae, "nashae": nashae}


def find(name: str) -> Callable[..., Any]:
    """The recipe called PAPER.FIGURE."""
    paper, _, figure = name.partition(".")
    known = [f"{p}.{r}" for p, module in PAPERS.items() for r in module.RECIPES]
    if name not in known:
        raise InputError(f"there is no recipe {name!r}; there are {', '.join(known)}.")
    return getattr(PAPERS[paper], figure)
