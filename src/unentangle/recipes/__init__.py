"""One file per paper, one function per printed table or figure; each writes a picture or a page and the JSON that proves it."""

from collections.abc import Callable
from difflib import get_close_matches
from types import ModuleType
from typing import Any

from ..errors import InputError
from . import concatenation, nashae, nashae_images, seismic, symae

PAPERS: dict[str, tuple[ModuleType, ...]] = {
    "symae": (symae, concatenation),
    "nashae": (nashae, nashae_images),
    "seismic": (seismic,),
}


def find(name: str) -> Callable[..., Any]:
    """The recipe called PAPER.FIGURE."""
    known = {f"{p}.{r}": getattr(module, r) for p, modules in PAPERS.items() for module in modules for r in module.RECIPES}
    if name not in known:
        near = [recipe for recipe in known if recipe.startswith(name)] or get_close_matches(name, known, 3)
        meant = f" (perhaps {' or '.join(near)} is meant)" if near else ""
        raise InputError(f"there is no recipe {name!r}{meant}; there are {', '.join(known)}.")
    return known[name]
