"""What the papers print, one function per table or figure; each writes a picture or a page and the JSON that proves it.

Our own ablations and comparisons are in `experiments`; `find` knows both.
"""

from collections.abc import Callable
from difflib import get_close_matches
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import InputError

RECIPES: dict[str, dict[str, str]] = {
    "symae": {
        "recipes.symae": "figure_1 figure_2 figure_4 figure_5 figures_6_7 figures_10_11 figures_12_13 figure_14 interpolation",
        "recipes.symae_digits": "figures_3_15",
        "recipes.concatenation": "figure_8 figure_9",
        "experiments.symae": "swaps swaps_of_other_states swaps_without ablation penalties penalties_alone "
        "digits_weights digits",
        "experiments.masks": "mask_rates mask_landscape",
    },
    "nashae": {
        "recipes.nashae": "table_1 figure_2 figure_3",
        "recipes.nashae_images": "table_2 table_3 figure_2_dsprites figure_2_celeba figure_4_dsprites figure_4_celeba",
        "experiments.nashae": "seeds_64 beta_vae_scores learned_latents",
    },
    "seismic": {"experiments.seismic": "redatuming earthquakes gather"},
}
"""The recipes of each module, by paper: functions of a `record.Work`."""


def names() -> dict[str, str]:
    """The module of every recipe, by its name PAPER.FIGURE."""
    modules = [(paper, module, recipes) for paper, of in RECIPES.items() for module, recipes in of.items()]
    return {f"{paper}.{recipe}": module for paper, module, recipes in modules for recipe in recipes.split()}


def find(name: str) -> Callable[..., Any]:
    """The recipe called PAPER.FIGURE: a function of a folder, and of `fast`, which asks for a smaller version. Its module is
    imported only now.
    """
    modules = names()
    if name not in modules:
        near = [recipe for recipe in modules if recipe.startswith(name)] or get_close_matches(name, modules, 3)
        meant = f" (perhaps {' or '.join(near)} is meant)" if near else ""
        raise InputError(f"there is no recipe {name!r}{meant}; there are {', '.join(modules)}.")
    recipe = getattr(import_module(f"..{modules[name]}", __name__), name.partition(".")[2])

    @wraps(recipe)
    def run(out: Path, *, fast: bool = False) -> None:
        from .record import begin

        recipe(begin(out, JSON.get(name, name.replace(".", "_")), fast))

    return run


JSON = {"symae.swaps_without": "symae_swaps_without_coincidence"}
"""Names of JSON files that are not those of their recipes."""
