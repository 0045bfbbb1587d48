"""Another way of reading, where the usual one gives rows that hardly anybody means: the flags that say so."""

import re
from collections.abc import Sequence
from shlex import quote
from typing import Any

import numpy as np
from jaxtyping import Int

FEW = 12  # numbers, of which rows are rather moments of a recording, or channels, than what someone recorded
MANY = 4  # arrays or files of one shape


def pattern_of(names: Sequence[str]) -> tuple[str, str | None]:
    """The pattern that names have in common, and the first part of them that comes several times, which may be a key.

    Names are parted at slashes and underscores; if they have none, at hyphens or blanks. Parts that differ are called `key` if
    they come several times, else `n`.
    """
    for marks in ("_/", "-/", " /", "/"):
        pieces = [re.split(f"([{marks}])", name) for name in names]
        if len(pieces[0]) > 1 and len({(len(piece), *piece[1::2]) for piece in pieces}) == 1:
            break
    else:
        return "{n}" if not any("/" in name for name in names) else "*", None
    columns, parts, counts = list(zip(*pieces, strict=True)), [], {"key": 0, "n": 0}
    for column in columns:
        different = len(set(column))
        if different == 1:
            parts.append(column[0])
            continue
        kind = "key" if 2 * different <= len(column) else "n"
        counts[kind] += 1
        parts.append(f"{{{kind}_{counts[kind]}}}" if counts[kind] > 1 else f"{{{kind}}}")
    literal = "".join(part for part in parts if not part.startswith("{"))
    if any(mark in literal for mark in "*{}"):
        return "*", None
    return "".join(parts), "key" if counts["key"] else None


def recordings(
    what: str,
    sizes: Sequence[int] | Int[np.ndarray, " parts"],
    row_shape: tuple[int, ...],
    pattern: str,
    names: Sequence[str],
    groups: Any,
) -> list[str]:
    """A note that parts of a file or folder may each be one recording (time, channel), and the flags that read it so.

    Args:
        what: the parts, in a sentence: "files of trials".
        sizes: how many rows each has.
        row_shape: the shape of a row.
        pattern: how they are chosen, if somebody said so, else "".
        names: what they are called.
        groups: the group keys that were asked for; one of the names' parts is proposed if there are none.
    """
    if len(sizes) < MANY or len(row_shape) != 1 or min(sizes) < 2:
        return []
    size, samples = int(min(sizes)), row_shape[0]
    if min(size, samples) > FEW or (samples > FEW and len(set(sizes)) > 1):
        return []
    guess, key = (pattern, None) if pattern else pattern_of(names)
    axes, time, channels = ("time channel", size, samples) if samples <= size else ("channel time", samples, size)
    keys = f" --groups {key}" if key and (groups is None or groups == "groups") else ""
    reads = f"each of the {len(sizes)} {what} is read as {size} {'or more ' * (len(set(sizes)) > 1)}rows of {samples} numbers"
    if samples > FEW:  # few rows of many numbers are rather rows
        return [f"{reads}; if these are channels of one recording, --x '{guess}: {axes}' makes them so."]
    unlike = " --length crop" if len(set(sizes)) > 1 else ""
    flags = f"--x {quote(f'{guess}: {axes}')}{keys}{unlike}"
    return [f"{reads}; if it is one recording of {time:,} samples in {channels} channel(s), say {flags}."]


def classes(path: Any, names: Sequence[str]) -> list[str]:
    """A note that the folders which images lie in may be classes, and the flags that read them as keys."""
    levels = [name.split("/")[:-1] for name in names]
    depth = len(levels[0])
    if not depth or any(len(level) != depth for level in levels):
        return []
    columns = list(zip(*levels, strict=True))
    varied = [k for k, column in enumerate(columns) if 1 < len(set(column)) <= len(names) / 2]
    if not varied or any(mark in "".join(levels[0]) for mark in "*{}"):
        return []
    parts = ["*" if len(set(column)) > 1 else column[0] for column in columns]
    parts[varied[0]] = "{class}"
    count = len(set(columns[varied[0]]))
    return [
        f"the images of {path} lie in {count} folders; if each is a class, say --x {quote('/'.join([*parts, '*']))} --groups "
        "class."
    ]
