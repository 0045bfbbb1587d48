"""Traces of one station that were recorded as three channels: stacked as the channels of one row."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..data.lengths import counted, ragged
from ..errors import InputError
from ..reading import Reading


class Trace(NamedTuple):
    """A trace: its samples (time,) or (time, channel), the time of its first one in seconds, what its headers say and what the
    name of its file, the file, what the sentences call it, and the key that a function gave it.
    """

    samples: np.ndarray
    start: float
    about: dict[str, Any]
    words: dict[str, str]
    file: Path
    name: str
    key: Any = None


ID = ("network", "station", "location")


def stacked(traces: Sequence[Trace], letters: str, how: Reading, path: Path) -> tuple[list[Trace], list[str]]:
    """Traces that differ in the last letter of their channels' codes only, as one each, and what was left out, a sentence each.

    They have one network, station and location, the same words in their files' names, apart from that letter, and begin within
    a sample of each other. Files in different folders are kept apart where a letter would come twice otherwise. What is known
    of a set is what its traces have in common.

    Args:
        traces: the traces, all of one sampling rate.
        letters: the channels of a row, in their order: "ZNE".
        how: what to do where the traces of a set differ in length by more than a sample.
        path: where they are from, for the sentences that refuse them.

    Raises:
        InputError: if no set has all channels, two traces of a set are of one channel, or differ in length.
    """
    sets = _sets([trace for trace in traces if _letter(trace) in letters], letters, path)
    whole = [one for one in sets if len(one) == len(letters)]
    if not whole:
        found = Counter(_letter(trace) or "none" for trace in traces)
        raise InputError(
            f"no traces in {path} make a whole row of the channels {letters}; the last letters of their codes are "
            f"{', '.join(f'{letter} ({count} traces)' for letter, count in found.most_common(8))}, and traces of one row begin "
            "within a sample of each other."
        )
    others = sum(_letter(trace) not in letters for trace in traces)
    lacking = len(sets) - len(whole)
    notes = [f"{lacking} of {len(sets)} sets of traces lack a channel of {letters} and are left out."] if lacking else []
    notes += [f"{others} of {len(traces)} traces are of other channels than {letters} and left out."] if others else []
    rows = [_row([one[letter] for letter in letters], how) for one in whole]
    uneven = sum(len({len(trace.samples) for trace in one.values()}) > 1 for one in whole)
    done = "filled up to the longest" if how.length == ("pad",) else "cut to the shortest"
    notes += [f"the channels of {uneven} of {len(whole)} sets differ in length and are {done}."] if uneven else []
    return rows, notes


def _letter(trace: Trace) -> str:
    return trace.about["channel"][-1:]


def _sets(traces: Sequence[Trace], letters: str, path: Path) -> list[dict[str, Trace]]:
    """The traces that belong together, by their letters, in the order of their first ones."""
    words = list(traces[0].words) if traces else []
    spelled = {word for word in words if all(t.words[word].upper().endswith(_letter(t).upper()) for t in traces)}

    def key(trace: Trace, folder: bool) -> tuple:
        named = tuple(trace.words[word][: -1 if word in spelled else None] for word in words)
        codes = tuple(trace.about[code] for code in ID)
        return (*codes, trace.about["channel"][:-1], *named, trace.file.parent if folder else None)

    for folder in (False, True):
        sets, twice = _gathered(traces, [key(trace, folder) for trace in traces])
        if twice is None:
            return sets
    raise InputError(
        f"{twice.name} in {twice.file} comes twice at one time in {path}; say x='{{event}}/*' or such a pattern of the names "
        "of files, which tells what belongs together."
    )


def _gathered(traces: Sequence[Trace], keys: Sequence[tuple]) -> tuple[list[dict[str, Trace]], Trace | None]:
    """Traces of one key that begin within a sample of the first, and a trace whose letter was there before."""
    alike: dict[tuple, list[int]] = defaultdict(list)
    for number, key in enumerate(keys):
        alike[key].append(number)
    sets: list[list[int]] = []
    for numbers in alike.values():
        last = None
        for number in sorted(numbers, key=lambda k: traces[k].start):
            start, step = traces[number].start, 1 / traces[number].about["sampling_rate"]
            if last is None or start - last >= step * 0.999:
                sets.append([])
                last = start
            sets[-1].append(number)
    result = []
    for numbers in sorted(sets, key=min):
        one: dict[str, Trace] = {}
        for number in numbers:
            if _letter(traces[number]) in one:
                return [], traces[number]
            one[_letter(traces[number])] = traces[number]
        result.append(one)
    return result, None


def _row(traces: Sequence[Trace], how: Reading) -> Trace:
    """Traces as one of several channels, and what they have in common."""
    first, lengths = traces[0], [len(trace.samples) for trace in traces]
    if max(lengths) - min(lengths) > 1 and not how.length:
        names = ", ".join(trace.name for trace in traces)
        raise InputError(
            f"the channels {names} of one row differ in length ({counted(lengths)}); say --length crop to cut them to the "
            "shortest, or --length pad to fill up with missing values."
        )
    one = Reading(length="pad" if how.length == ("pad",) else "crop")
    rows, _ = ragged(
        [trace.samples for trace in traces], one, [trace.name for trace in traces], f"the channels of {first.name}"
    )
    kept = ("starttime", "sampling_rate")
    about = {n: v for n, v in first.about.items() if n in kept or all(n in t.about and t.about[n] == v for t in traces)}
    about["channel"] = first.about["channel"][:-1]
    words = {name: word for name, word in first.words.items() if all(trace.words[name] == word for trace in traces)}
    return first._replace(samples=np.stack(list(rows), axis=-1), about=about, words=words)
