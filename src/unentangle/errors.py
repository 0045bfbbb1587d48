"""What can go wrong, said in one sentence: which input, what was found, what is needed."""


class InputError(ValueError):
    """An input was refused before any work was done."""


class Diverged(RuntimeError):
    """A training met a loss that is not finite; the last good state is kept."""


def brief(error: BaseException) -> str:
    """What an error of another library says, on one short line, to be part of a sentence."""
    return " ".join(str(error).split())[:200]
