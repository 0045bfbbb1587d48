"""What is done to rows before they are standardised: kept with the model, and undone on its output where that can be.

Transforms act along the first axis of a row, the samples of a signal, on every channel alike and on every row by itself, so
that they can be done to rows as these are read. Only resampling is undone on output: what a window cuts off, a taper or a
filter takes away, or an envelope forgets, a model has never seen, and its output is without it too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from math import ceil, gcd
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ..errors import InputError

Signals = Float[np.ndarray, "n _ ..."]  # rows, their samples, channels


class Transform:
    """A step from rows to rows: a frozen dataclass of numbers. Unless it says otherwise, it keeps the number of samples and is
    not undone.
    """

    def length(self, before: int) -> int:
        """How many samples become of so many; an InputError if that cannot be."""
        return before

    def forward(self, rows: Signals) -> Signals:
        """The rows after this step."""
        raise NotImplementedError

    def undo(self, rows: Signals, before: int) -> Signals:
        """Rows as they would have come in, where they had `before` samples; the same rows where nothing is undone."""
        return rows


@dataclass(frozen=True)
class Window(Transform):
    """The samples `first`, `first` + 1, ..., `last` - 1."""

    first: int
    last: int

    def __post_init__(self):
        if not 0 <= self.first < self.last:
            raise InputError(f"a window from sample {self.first} to {self.last} is empty; it needs 0 <= first < last.")

    def length(self, before: int) -> int:
        """Those of the window."""
        if self.last > before:
            raise InputError(f"a window ends at sample {self.last}; the rows have {before}.")
        return self.last - self.first

    def forward(self, rows: Signals) -> Signals:
        """The window of every row."""
        return rows[:, self.first : self.last]


SLOWEST = 1e-6  # corner of a filter, of the rate: slower ones are lost in the rounding


@dataclass(frozen=True)
class Bandpass(Transform):
    """A Butterworth filter that runs forwards and backwards, so that no phase is shifted: half the amplitude at its corners.

    Args:
        low: the lower corner in Hz; 0 for a low-pass.
        high: the upper corner in Hz; half of `rate` for a high-pass.
        rate: samples per second.
        order: of each of the two runs.
    """

    low: float
    high: float
    rate: float
    order: int = 4

    def __post_init__(self):
        if not 0 <= self.low < self.high <= self.rate / 2 < np.inf or (self.low, self.high) == (0, self.rate / 2):
            raise InputError(
                f"a band from {self.low:g} to {self.high:g} Hz at {self.rate:g} samples per second; it needs "
                "0 <= low < high <= rate / 2, and not both ends of that."
            )
        if 0 < self.low < SLOWEST * self.rate or self.high < SLOWEST * self.rate:
            raise InputError(
                f"a band from {self.low:g} to {self.high:g} Hz at {self.rate:g} samples per second; a corner of at least "
                f"{SLOWEST * self.rate:g} Hz is needed, or 0 for a low-pass."
            )
        if not 1 <= self.order <= 20:
            raise InputError(f"order={self.order}; a filter of order 1 to 20 is needed.")

    def forward(self, rows: Signals) -> Signals:
        """Filtered rows, continued at both ends by their point reflections."""
        from scipy import signal

        corners = [c for c in (self.low, self.high) if 0 < c < self.rate / 2]
        kind = "bandpass" if len(corners) == 2 else "lowpass" if self.low == 0 else "highpass"
        sections = signal.butter(self.order, corners if len(corners) == 2 else corners[0], kind, output="sos", fs=self.rate)
        settled = min(rows.shape[1] - 1, ceil(3 * self.rate / corners[0]))
        try:
            filtered = signal.sosfiltfilt(sections, rows, axis=1, padlen=settled)
        except np.linalg.LinAlgError:
            filtered = np.full_like(rows, np.nan)
        if not np.isfinite(filtered).all() and np.isfinite(rows).all():
            raise InputError(f"{self} cannot be computed: no number is exact enough; a wider band or a lower order may be.")
        return filtered


@dataclass(frozen=True)
class Envelope(Transform):
    """The instantaneous amplitude: the absolute value of a row plus i times its Hilbert transform."""

    def forward(self, rows: Signals) -> Signals:
        """The envelope of every row."""
        from scipy import signal

        return np.abs(signal.hilbert(rows, axis=1))


@dataclass(frozen=True)
class Taper(Transform):
    """A cosine taper (Tukey window): a `fraction` of the samples fades in at the start, and as many out at the end."""

    fraction: float = 0.05

    def __post_init__(self):
        if not 0 <= self.fraction <= 0.5:
            raise InputError(f"a taper of {self.fraction:g} of a row at each end; a fraction of 0 to 0.5 is needed.")

    def forward(self, rows: Signals) -> Signals:
        """Tapered rows."""
        from scipy.signal.windows import tukey

        weights = tukey(rows.shape[1], 2 * self.fraction)
        return rows * weights.reshape(-1, *[1] * (rows.ndim - 2))


@dataclass(frozen=True)
class Resample(Transform):
    """Another number of samples over the same time, by a polyphase filter; undone on output."""

    samples: int

    def __post_init__(self):
        if self.samples < 1:
            raise InputError(f"rows of {self.samples} samples were asked for; at least 1 is needed.")

    def length(self, before: int) -> int:
        """Those asked for."""
        if self.samples > 1000 * before:
            raise InputError(
                f"rows of {self.samples} samples were asked for; those of {before} can get a thousand times as many."
            )
        return self.samples

    def forward(self, rows: Signals) -> Signals:
        """Resampled rows: a straight line stays one."""
        return _polyphase(rows, self.samples, rows.shape[1])

    def undo(self, rows: Signals, before: int) -> Signals:
        """Rows at the rate that they had: exact but for what is above half the lower rate, and near the ends."""
        return _polyphase(rows, before, self.samples)


def _polyphase(rows: Signals, up: int, down: int) -> Signals:
    """Resampled by up / down. The line from the first sample to the last is known at every place; only the rest is filtered."""
    from scipy import signal

    first, last = rows[:, :1], rows[:, -1:]

    def line(samples: int, step: float) -> Signals:
        along = np.arange(samples) * step / max(rows.shape[1] - 1, 1)
        return first + (last - first) * along.reshape(-1, *[1] * (rows.ndim - 2))

    shared = gcd(up, down)
    rest = signal.resample_poly(rows - line(rows.shape[1], 1.0), up // shared, down // shared, axis=1)
    return rest + line(rest.shape[1], down / up)


TRANSFORMS: dict[str, type] = {kind.__name__: kind for kind in (Window, Bandpass, Envelope, Taper, Resample)}


class Chain(NamedTuple):
    """Transforms in their order, and the shape of the raw rows that they are for."""

    shape: tuple[int, ...]
    transforms: tuple[Transform, ...] = ()

    @property
    def lengths(self) -> list[int]:
        """The number of samples before the first transform, after it, and so on.

        Raises:
            InputError: if the transforms do not fit the rows.
        """
        lengths = [self.shape[0]]
        for transform in self.transforms:
            lengths.append(transform.length(lengths[-1]))
        return lengths

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of a row at the end."""
        return (self.lengths[-1], *self.shape[1:])

    def forward(self, rows: np.ndarray) -> np.ndarray:
        """Raw rows (*batch, *shape) as they are at the end, in single precision, or double where the data needs it."""
        if not self.transforms:
            return rows
        type_, batch = np.result_type(rows.dtype, np.float32), rows.shape[: rows.ndim - len(self.shape)]
        rows = rows.reshape(-1, *self.shape).astype(np.float64)
        with np.errstate(invalid="ignore"):  # infinite values become NaN, which is reported with the number of its row
            for transform in self.transforms:
                rows = transform.forward(rows)
        return rows.astype(type_).reshape(*batch, *self.row_shape)

    def undo(self, rows: np.ndarray) -> np.ndarray:
        """Rows (n, *row_shape) of the end, as a model has them, as nearly like raw ones as can be."""
        if not self.transforms:
            return rows
        type_, rows = rows.dtype, rows.astype(np.float64)
        for transform, before in reversed(list(zip(self.transforms, self.lengths, strict=False))):
            rows = transform.undo(rows, before)
        return rows.astype(type_)

    def described(self) -> list[dict[str, Any]]:
        """The transforms as JSON."""
        return [{"transform": type(t).__name__} | asdict(t) for t in self.transforms]  # pyright: ignore[reportArgumentType]


def restored(described: Sequence[Mapping[str, Any]]) -> tuple[Transform, ...]:
    """The transforms that `Chain.described` describes.

    Raises:
        InputError: if one is unknown or impossible.
    """
    transforms = []
    for settings in described:
        name, numbers = settings["transform"], {k: v for k, v in settings.items() if k != "transform"}
        if name not in TRANSFORMS:
            raise InputError(f"the transform {name!r} is unknown; there is {', '.join(TRANSFORMS)}.")
        kinds = {f.name: f.type for f in fields(TRANSFORMS[name])}
        if numbers.keys() != kinds.keys() or not all(isinstance(v, int | kinds[k]) for k, v in numbers.items()):
            raise InputError(f"the transform {name} is described by {numbers}, which does not fit it.")
        transforms.append(TRANSFORMS[name](**numbers))
    return tuple(transforms)
