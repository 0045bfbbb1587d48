"""EDF, EDF+ and BDF: signals of one patient over time, in physical units (the extra `eeg`)."""

import warnings
from collections import defaultdict
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from ..data.dataset import Dataset
from ..errors import InputError, optional
from ..reading import Reading
from .arrays import damaged
from .named import Chosen, listed
from .sampling import at_one_rate
from .signals import Signal, read_signals

EEG = (".edf", ".bdf")


def read_eeg(path: Path, groups: Any, x: str, factors: Chosen, how: Reading) -> Dataset:
    """An EDF or BDF recording (time, channel), or all of a folder, a row each (`signals.read_signals`).

    Args:
        path: the file or folder.
        groups: as of all files of one recording.
        x: which signals are channels, by a pattern of their labels such as `EEG*`; for a folder after a slash behind the
            pattern of names, as in `{subject}_{night}/EEG*`.
        factors: as of all files of one recording.
        how: `sampling_rate`, to which signals of unlike rates are brought; `length`, `hop`.

    Raises:
        InputError: if a file cannot be read, no label fits, the signals differ in rate, or edfio is not installed.
    """
    labels: dict[tuple[str, ...], Path] = {}

    def one(file: Path, inner: str) -> Signal:
        names, signal = _read_edf(file, inner, how)
        labels.setdefault(names, file)
        if len(labels) > 1:
            (first, of), (other, _) = list(labels.items())[:2]
            raise InputError(
                f"the signals of {file} are {listed(other)}, those of {of} {listed(first)}; all must agree: choose them by "
                "their labels, for example x='*/EEG*'."
            )
        return signal

    return read_signals(path, EEG, one, groups, x, factors, how)


def _read_edf(file: Path, pattern: str, how: Reading) -> tuple[tuple[str, ...], Signal]:
    """The labels of the signals that fit, and the signals."""
    edfio = optional("edfio", f"{file} is read", "'unentangle[eeg]'")
    with damaged(file, "an EDF or BDF recording"), warnings.catch_warnings(record=True) as odd:
        warnings.simplefilter("always")
        raw = file.read_bytes()
        edf = edfio.read_bdf(raw) if file.suffix.lower() == ".bdf" else edfio.read_edf(raw)
        signals = [s for s in edf.signals if pattern == "x" or fnmatchcase(s.label, pattern)]
        if not signals:
            raise InputError(f"no signal of {file} fits x={pattern!r}; there are {listed(s.label for s in edf.signals)}.")
        names, rates = [s.label for s in signals], [float(s.sampling_frequency) for s in signals]
        if how.sampling_rate is None and len(set(rates)) > 1:
            raise InputError(
                f"the signals of {file} differ in sampling rate ({_by_rate(names, rates)}); {_way_out(names, rates)}."
            )
        rows = [np.asarray(signal.data, np.float32 if file.suffix.lower() == ".edf" else np.float64) for signal in signals]
        notes = [f"{file}: {' '.join(str(warning.message).split())}" for warning in odd]
        if not getattr(edf, "is_continuous", True):
            notes.append(f"{file} is recorded with pauses, which are not filled: samples beside one are taken as neighbours.")
    rows, rates = at_one_rate(rows, rates, how.sampling_rate, names, f"the signals of {file}")
    shortest = min(map(len, rows))  # resampled ones may have a sample more
    return tuple(names), Signal(np.stack([row[:shortest] for row in rows], axis=1), rates[0], notes)


def _by_rate(names: list[str], rates: list[float]) -> str:
    alike = defaultdict(list)
    for name, rate in zip(names, rates, strict=True):
        alike[rate].append(name)
    return "; ".join(f"{listed(some, 4)} at {rate:g} Hz" for rate, some in alike.items())


def _way_out(names: list[str], rates: list[float]) -> str:
    common = max(set(rates), key=rates.count)
    first = names[rates.index(common)]
    return f"choose some by their labels, for example x={first!r}, or say --sampling-rate {common:g} to resample all"
