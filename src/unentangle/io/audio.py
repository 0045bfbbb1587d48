"""Sounds: `.wav`, whose samples are read as they are."""

import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from ..data.dataset import Dataset
from ..errors import InputError, brief
from ..reading import Reading
from .arrays import damaged
from .named import Chosen
from .signals import Signal, read_signals

PACKED = (".flac", ".mp3", ".ogg", ".m4a", ".aac", ".opus", ".wma", ".aif", ".aiff")
WAV = (".wav", ".wave")
SOUNDS = (*WAV, *PACKED)


def read_sound(path: Path, groups: Any, x: str, factors: Chosen, how: Reading) -> Dataset:
    """A `.wav`, or all of a folder, a row each (`signals.read_signals`): (time,) of one channel, else (time, channel).

    Raises:
        InputError: if a file is of another kind or cut short, or the recordings differ in rate, length, channels or depth.
    """
    depths: dict[np.dtype, str] = {}

    def one(file: Path, inner: str) -> Signal:
        if inner != "x":
            raise InputError(f"x={inner!r} chooses nothing in {file}, which is one sound; a pattern of names is for folders.")
        signal = _read_wav(file)
        depths.setdefault(signal.samples.dtype, file.name)
        if len(depths) > 1:
            (first, of), (other, _) = list(depths.items())[:2]
            raise InputError(
                f"{file} holds {other} and {of} {first}, whose scales differ; save all sounds of {path} with as many bits."
            )
        return signal

    return read_signals(path, SOUNDS, one, groups, x, factors, how)


def _read_wav(file: Path) -> Signal:
    from scipy.io import wavfile

    if file.suffix.lower() in PACKED:
        raise InputError(
            f"{file} is a sound of a kind that is not read; save it as .wav (ffmpeg -i {file.name} {file.stem}.wav)."
        )
    with damaged(file, "a .wav of whole numbers or floats"), warnings.catch_warnings():
        warnings.simplefilter("ignore", wavfile.WavFileWarning)  # of chunks that hold no samples
        raw = file.read_bytes()
        if _end(raw) > len(raw):
            raise InputError(f"{file} has fewer samples than its header says: it is cut short, or was written to a pipe.")
        try:
            rate, samples = wavfile.read(BytesIO(raw))
        except ValueError as error:
            if "format" not in (reason := brief(error)) or "not understood" in reason:
                raise
            raise InputError(
                f"{file} cannot be read: {reason.rstrip('.')}; save it as .wav of whole numbers or floats."
            ) from error
    if not rate or not samples.size:
        raise InputError(f"{file} holds no samples.")
    return Signal(samples, float(rate))


def _end(raw: bytes) -> int:
    """Where the samples of a `.wav` end, as its header says; 0 where there are none."""
    order, place = "big" if raw[:4] == b"RIFX" else "little", 12
    while place + 8 <= len(raw):
        name, size = raw[place : place + 4], int.from_bytes(raw[place + 4 : place + 8], order)
        if name == b"data" and raw[:4] != b"RF64":  # whose sizes are elsewhere
            return place + 8 + size
        place += 8 + size + size % 2
    return 0
