"""What can go wrong, said in one sentence: which input, what was found, what is needed."""

import errno
import re
from importlib import import_module
from typing import Any

LONGEST = 600  # characters of a sentence, whatever it quotes
WORD = 240  # characters of a word in it, such as a path
# Controls of the terminal (C0 but the line end, and C1), and marks that turn the direction of what follows.
UNSEEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")


class InputError(ValueError):
    """An input was refused before any work was done. Its sentence has an end, however long what it quotes may be."""

    def __init__(self, sentence: str):
        words = re.sub(rf"\S{{{WORD + 1},}}", lambda word: short(word[0], WORD), sentence)
        super().__init__(short(words, LONGEST))


class Diverged(RuntimeError):
    """A training met a loss that is not finite; the last good state is kept."""


class Note(UserWarning):
    """What we warn of: something was left out or assumed."""


def brief(error: BaseException) -> str:
    """What an error of another library or of the system says, on one short line, to be part of a sentence."""
    said = getattr(error, "strerror", None) or re.sub(r"\[Errno -?\d+\] ", "", str(error))
    return short(" ".join(visible(str(said)).split()), 80)


def short(text: str, most: int) -> str:
    """A text of at most so many characters: of a longer one the beginning and the end."""
    return text if len(text) <= most else f"{text[: most // 2]} ... {text[len(text) - most // 2 + 5 :]}"


def visible(text: str) -> str:
    """A text without what a terminal takes for an order: names in files may hold such things."""
    return UNSEEN.sub(" ", text)


def sentence(error: BaseException) -> str:
    """An error on one line, with the file that it is about, and no number of the system's."""
    said = str(error)
    if isinstance(error, OSError) and error.strerror:
        files = " to ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
        files = files or ("the output" if error.errno == errno.ENOSPC else "")  # a file of ours has its name
        said = f"{files}: {error.strerror.lower()}." if files else f"{error.strerror.lower()}."
    return " ".join(visible(short(said, LONGEST)).split("\n"))


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
