"""How a file is read, besides which of its arrays are what: what the flags of the command line and `read` say alike."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import inf
from numbers import Integral
from typing import Annotated, Any, Literal, get_args

from tyro.conf import arg

from .errors import InputError

Mode = Literal["L", "RGB"]
Missing = Literal["mask", "drop", "refuse"]
Values = Literal["samples", "features"]

LENGTH = "rows of unlike length: crop them to the shortest, pad them to the longest, or cut each into windows of N samples."


@dataclass(frozen=True)
class Reading:
    """How rows are read; what is None is as the file has it.

    Args:
        length: of rows of unlike length, "crop" cuts all to the shortest, "pad" fills up to the longest with NaN, and
            ("window", n) takes windows of n samples of each.
        hop: samples from one window to the next, by default a window.
        channels: seismic channels to stack as the channels of a row, by the last letters of their codes: "ZNE".
        sampling_rate: resample all recordings to so many samples per second.
        mode: make all images grey ("L") or coloured ("RGB").
        missing: rows that lack values (NaN): "mask" learns from what is there of them, as by default, "drop" leaves them out,
            and "refuse" refuses them.
        values: whether the values of a row follow each other ("samples") or have no order ("features"), so that those of unlike
            units are standardised each by itself. By default tables whose columns do not count hold features.
        size: scale images so that the shorter side has so many pixels, and cut a square of as many from the middle.

    Raises:
        InputError: if a value is none of these.
    """

    length: Annotated[Sequence[str | int] | None, arg(help=LENGTH, metavar="crop|pad|window N")] = None
    hop: Annotated[int | None, arg(help="samples from one window to the next, by default a window.")] = None
    channels: Annotated[str | None, arg(help="seismic channels that make one row, by their last letters: ZNE.")] = None
    missing: Annotated[Missing | None, arg(help="rows that lack values: learn from the rest, leave out, or refuse.")] = None
    values: Annotated[Values | None, arg(help="whether the values of a row follow each other, or have no order.")] = None
    sampling_rate: Annotated[float | None, arg(help="resample all recordings to so many samples per second.")] = None
    mode: Annotated[Mode | None, arg(help="make all images grey (L) or coloured (RGB).")] = None
    size: Annotated[int | None, arg(help="make all images squares of so many pixels.")] = None

    def __post_init__(self):
        length = (self.length,) if isinstance(self.length, str) else tuple(self.length or ())
        if length and length not in (("crop",), ("pad",)):
            window = length[1] if len(length) == 2 and length[0] == "window" else None
            if not str(window).isdigit() or int(str(window)) < 1:
                raise InputError(
                    f"length={' '.join(map(str, length))!r}; crop, pad, or window and a number of samples is needed."
                )
            length = ("window", int(str(window)))
        object.__setattr__(self, "length", length or None)
        for name in ("hop", "size"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, Integral) or value < 1):
                raise InputError(f"{name}={value!r}; a whole number of at least 1 is needed.")
        if self.hop is not None and len(length) < 2:
            raise InputError(f"hop={self.hop} is for windows: say length=('window', N), or --length window N.")
        for name, kinds in (("mode", Mode), ("missing", Missing), ("values", Values)):
            if getattr(self, name) not in (None, *get_args(kinds)):
                raise InputError(
                    f"{name}={getattr(self, name)!r}; one of {', '.join(map(repr, get_args(kinds)))} is needed, or None."
                )
        if self.sampling_rate is not None and not 0 < self.sampling_rate < inf:
            raise InputError(f"sampling_rate={self.sampling_rate!r}; a number of samples per second above 0 is needed.")
        if self.channels is not None and (not self.channels or len(set(self.channels)) < len(self.channels)):
            raise InputError(f"channels={self.channels!r}; different letters are needed, such as ZNE.")

    def given(self) -> dict[str, Any]:
        """What is not None."""
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name)) is not None}

    def flags(self) -> str:
        """What is given as the command line has it, with a blank before each flag."""
        words = {name: value if isinstance(value, tuple) else (value,) for name, value in self.given().items()}
        return "".join(f" --{name.replace('_', '-')} {' '.join(map(str, value))}" for name, value in words.items())


AS_IT_IS = Reading()
