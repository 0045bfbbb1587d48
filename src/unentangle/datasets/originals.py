"""Published files: where they lie, how they are known, and how they are fetched."""

import os
from collections.abc import Callable, Sequence
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

from ..errors import InputError
from ..storage import write


def local_folder(name: str) -> Path:
    """Where files of other makers lie: a folder of this name in the one that the environment variable UNENTANGLE_DATA names.

    Raises:
        InputError: if the variable is not set.
    """
    if not (root := os.environ.get("UNENTANGLE_DATA")):
        raise InputError(f"UNENTANGLE_DATA is not set; let it name the folder in which the folder {name} holds the files.")
    return Path(root).expanduser() / name


def original(
    path: Path, known: str, checksum: Callable[[bytes], str], sources: Sequence[str], download: bool, command: str
) -> bytes:
    """The content of a published file of known checksum; with `download`, fetched from the first source that has it, and
    kept; `command` is what `unentangle data` calls the data.

    Raises:
        InputError: if the file is missing, is not the original, or cannot be fetched.
    """
    if path.exists():
        content = path.read_bytes()
        if (result := checksum(content)) != known:
            raise InputError(f"{path} has the checksum {result}, the original {known}; put the original there in its place.")
        return content
    if not download:
        raise InputError(
            f"{path} is not there; put the original file {path.name} into {path.parent}, or say download=True (on the command "
            f"line, unentangle data {command} --download)."
        )
    why = []
    for source in sources:
        try:
            with urlopen(source, timeout=60) as answer:
                content = answer.read()
        except (OSError, HTTPException) as error:
            why.append(f"{source}: {error}")
            continue
        if checksum(content) == known:
            write(path, content)
            return content
        why.append(f"{source}: not the original")
    raise InputError(f"{path.name} could not be fetched ({'; '.join(why)}); put the original file into {path.parent}.")
