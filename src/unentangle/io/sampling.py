"""Recordings at one sampling rate."""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from math import isclose

import numpy as np
from jaxtyping import Float, Shaped

from ..errors import InputError

FINEST = 1000  # the greatest numerator and denominator of the ratio of two rates
REACH = 20  # samples of the lower rate that the filter spans to each side


def at_one_rate(
    rows: Sequence[np.ndarray], rates: Sequence[float], wanted: float | None, names: Sequence[str], what: str
) -> tuple[list[Shaped[np.ndarray, "_ ..."]], list[float]]:
    """Signals at one sampling rate, and their rates: those that have another are resampled, where one is asked for.

    Rates are taken as one where the last sample would be less than half a sample away, as headers round them.

    Args:
        rows: signals (length, ...), each of so many samples per second as `rates` says.
        rates: one per signal.
        wanted: samples per second that all shall have, if any.
        names: what each signal is called, for the sentences that refuse them.
        what: what they are together, for example "the traces in x.mseed".

    Raises:
        InputError: if rates differ and none is asked for, or two have no ratio of small whole numbers.
    """

    def alike(a: float, b: float, length: int) -> bool:
        return isclose(a, b, rel_tol=0.5 / max(length, 2), abs_tol=0)

    common, _ = Counter(rates).most_common(1)[0]
    if wanted is None:
        if not all(alike(rate, common, len(row)) for row, rate in zip(rows, rates, strict=True)):
            counts = [f"{count} of {rate:g} Hz" for rate, count in Counter(rates).most_common()]
            some = ", ".join(counts[:4]) + (f" and {len(counts) - 4} other rates" if len(counts) > 4 else "")
            raise InputError(
                f"{what} differ in sampling rate ({some}); say --sampling-rate {common:g} to resample all to that."
            )
        return list(rows), list(rates)
    same = [alike(rate, wanted, len(row)) for row, rate in zip(rows, rates, strict=True)]
    three = zip(rows, rates, same, names, strict=True)
    return [row if so else _resampled(row, rate, wanted, name) for row, rate, so, name in three], [
        rate if so else wanted for rate, so in zip(rates, same, strict=True)
    ]


def _resampled(row: np.ndarray, rate: float, wanted: float, name: str) -> Float[np.ndarray, "_ ..."]:
    """A signal at another rate, without what that cannot carry; samples beside missing ones are missing."""
    from scipy.signal import firwin, resample_poly

    ratio = Fraction(wanted / rate).limit_denominator(FINEST) if rate > 0 else Fraction(0)
    if not ratio or ratio.numerator > FINEST or not isclose(float(ratio), wanted / rate, rel_tol=0.5 / max(len(row), 2)):
        raise InputError(f"{name} has {rate:g} samples per second, which cannot be resampled to {wanted:g}; say another rate.")
    flat, place = row.reshape(len(row), -1).T.astype(np.float64), np.arange(len(row))
    missing = np.isnan(flat)
    for channel, gone in zip(flat, missing, strict=True):  # the filter would carry what is missing on
        if gone.any() and not gone.all():
            channel[gone] = np.interp(place[gone], place[~gone], channel[~gone])
    # Beyond the ends the filter meets zeros, which a line from the first sample to the last makes of them.
    slope = (flat[:, -1:] - flat[:, :1]) / max(len(row) - 1, 1)
    most = max(ratio.numerator, ratio.denominator)
    taps = firwin(2 * REACH * most + 1, 1 / most, window=("kaiser", 8.0))  # pyright: ignore[reportArgumentType]
    new = resample_poly(flat - flat[:, :1] - slope * place, ratio.numerator, ratio.denominator, axis=1, window=taps)
    at = np.arange(new.shape[1]) / float(ratio)
    new += flat[:, :1] + slope * at
    at = np.minimum(at, len(row) - 1)
    new[missing[:, np.floor(at).astype(int)] | missing[:, np.ceil(at).astype(int)]] = np.nan
    return new.T.reshape(-1, *row.shape[1:]).astype(np.result_type(row.dtype, np.float32))
