"""What the papers print, one function per table or figure; each writes a picture or a page and the JSON that proves it.

Our own ablations and comparisons are in `experiments`; `find` knows both.
"""

from collections.abc import Callable
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from ..errors import InputError

RECIPES: dict[str, dict[str, str]] = {
    "symae": {
        "recipes.symae": "figure_1 figure_2 figure_4 figure_5 figures_6_7 figures_10_11 figures_12_13 figure_14",
        "recipes.symae_digits": "figures_3_15",
        "recipes.interpolation": "interpolation",
        "recipes.concatenation": "figure_8 figure_9",
        "experiments.symae": "swaps swaps_of_other_states swaps_without ablation penalties penalties_alone",
        "experiments.digits": "digits_weights digits",
        "experiments.masks": "mask_rates mask_landscape",
    },
    "nashae": {
        "recipes.nashae": "table_1 figure_2 figure_3",
        "recipes.nashae_images": "table_2 table_3",
        "recipes.nashae_pictures": "figure_2_dsprites figure_2_celeba figure_4_dsprites figure_4_celeba",
        "experiments.nashae": "seeds_64 beta_vae_scores learned_latents",
    },
    "seismic": {"experiments.seismic": "redatuming earthquakes gather"},
}
"""The functions of each module, by paper. A module is imported when one of its recipes is asked for."""


def names() -> dict[str, str]:
    """The module of every recipe, by its name PAPER.FIGURE."""
    return {
        f"{p}.{recipe}": module for p, modules in RECIPES.items() for module, all in modules.items() for recipe in all.split()
    }


def find(name: str) -> Callable[..., Any]:
    """The recipe called PAPER.FIGURE."""
    recipes = names()
    if name not in recipes:
        near = [recipe for recipe in recipes if recipe.startswith(name)] or get_close_matches(name, recipes, 3)
        meant = f" (perhaps {' or '.join(near)} is meant)" if near else ""
        raise InputError(f"there is no recipe {name!r}{meant}; there are {', '.join(recipes)}.")
    return getattr(import_module(f"..{recipes[name]}", __name__), name.partition(".")[2])
