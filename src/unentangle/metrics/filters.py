"""Least-squares filters (Wiener, Levinson): what is left between two sets of records but for a common convolution.

Media and sources of a convolutional model are known up to a filter, as states and shifts of multi-reference alignment are up to
a roll (SymAE paper, Remark 2).
"""

from math import ceil, log2

import numpy as np
from jaxtyping import Float
from numpy.fft import irfft, rfft

from ..errors import InputError


def matching_filter(
    x: Float[np.ndarray, "*many samples channels"],
    y: Float[np.ndarray, "*many samples channels"],
    length: int,
    damping: float = 1e-6,
) -> Float[np.ndarray, " {length}"]:
    """The filter f with the least |f * x - y|^2 + damping |x|^2 |f|^2, summed over all records and channels.

    f * x is the full convolution, records being zero outside; f[k] is the weight at a delay of k - length // 2 samples.

    Raises:
        InputError: if the shapes differ, length < 1, or x is zero.
    """
    from scipy.linalg import solve_toeplitz

    x, y = np.asarray(x, float), np.asarray(y, float)
    if x.shape != y.shape or x.ndim < 2 or length < 1:
        raise InputError(
            f"x has shape {x.shape}, y {y.shape} and length={length}; two equal (..., samples, channels) are needed."
        )
    size = 2 ** ceil(log2(x.shape[-2] + length))
    axes = (*range(x.ndim - 2), x.ndim - 1)
    along, across = (rfft(a, size, axis=-2) for a in (x, y))
    own = irfft(np.sum(np.abs(along) ** 2, axis=axes), size)
    shared = irfft(np.sum(along.conj() * across, axis=axes), size)
    if own[0] <= 0:
        raise InputError("x is zero everywhere; there is nothing to filter.")
    delays = np.arange(length) - length // 2
    column = own[:length].copy()
    column[0] *= 1 + damping
    return np.asarray(solve_toeplitz(column, shared[delays]))


def filtered(x: Float[np.ndarray, "*many samples channels"], f: Float[np.ndarray, " length"]) -> Float[np.ndarray, "..."]:
    """F * x as `matching_filter` means it, within the samples of x."""
    samples, before = x.shape[-2], len(f) // 2
    size = 2 ** ceil(log2(samples + len(f)))
    full = irfft(rfft(x, size, axis=-2) * rfft(f, size)[:, None], size, axis=-2)
    return full[..., before : before + samples, :]


def filter_error(
    x: Float[np.ndarray, "n samples channels"], truth: Float[np.ndarray, "n samples channels"], length: int
) -> float:
    """The energy of f * x - truth over that of truth, f being the best filter common to all n; without one if length is 0."""
    x = np.asarray(x, float) if length == 0 else filtered(np.asarray(x, float), matching_filter(x, truth, length))
    return float(np.sum((x - truth) ** 2) / np.sum(np.asarray(truth, float) ** 2))
