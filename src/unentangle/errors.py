"""What can go wrong, said in one sentence: which input, what was found, what is needed."""

from importlib import import_module
from typing import Any


class InputError(ValueError):
    """An input was refused before any work was done."""


class Diverged(RuntimeError):
    """A training met a loss that is not finite; the last good state is kept."""


def brief(error: BaseException) -> str:
    """What an error of another library says, on one short line, to be part of a sentence."""
    return " ".join(str(error).split())[:200]


def optional(module: str, use: str, install: str) -> Any:
    """A module of a package that is not always there.

    Args:
        module: its name.
        use: what it is for, as in "loops are found".
        install: what pip installs it by.

    Raises:
        InputError: if it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise InputError(f"{use} by the package {package}, which is not installed: pip install {install}.") from error
