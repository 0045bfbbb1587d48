"""Train methods: draw batches, take steps, keep a run in a folder."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .training import Run, prepare, train

__all__ = ["Run", "prepare", "train"]


def __getattr__(name: str) -> Any:
    if name in __all__:  # only then is jax imported: `memory` and `run` need none of it
        return getattr(import_module(".training", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
