"""What swaps are without learning: by means and deviations of groups, and by classical methods that are told the nuisance.

These methods see rows and groups, as SymAE does, and no state, shift or source. Those of means and deviations may be given the
states in place of the groups.
"""

from collections.abc import Callable
from functools import partial
from math import ceil, log2
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.fft import irfft, rfft

from .data import CommonRoll, Dataset, ShortFilter
from .freedom import correlation, filtered

Swap = Callable[[int], Float[np.ndarray, "rows *row"]]
"""The state of a group under the nuisances of all rows of a data set."""


def classical_swaps(data: Dataset) -> dict[str, Swap]:
    """The classical methods for the freedom of the data's truth, by name."""
    match data.truth and data.truth.freedom:
        case CommonRoll():
            return {"alignment_told_shift": partial(_under_shifts, Alignment.of(data))}
        case ShortFilter(length):
            return {"filter_told_convolution": partial(_under_filters, data, length)}
    return {}


def simple_swaps(data: Dataset, labels: np.ndarray | None = None) -> dict[str, Swap]:
    """Swaps by means and deviations of groups, by name.

    - mean: the mean of the group, whatever the donor.
    - additive: the donor less the mean of its group, plus the mean of the group; where the donor lacks a value, the latter.
    - multiplicative: the same of logarithms, where all values are positive.

    Args:
        data: the rows.
        labels: what each row is taken for a group by: (rows,), by default its group; the states, for who knows them.
    """
    x = data.chain.undo(data.rows(np.arange(len(data)))).astype(float)
    label = np.unique(data.group if labels is None else labels, return_inverse=True)[1]
    first = np.unique(data.group, return_index=True)[1]

    def of_means(values: np.ndarray) -> tuple[Swap, Swap]:
        means = np.stack([np.nanmean(values[label == k], axis=0) for k in range(label.max() + 1)])
        apart = np.nan_to_num(values - means[label])
        mean = lambda group: means[label[first[group]]]  # noqa: E731
        return lambda group: np.repeat(mean(group)[None], len(values), axis=0), lambda group: apart + mean(group)

    swaps: dict[str, Swap] = dict(zip(("mean", "additive"), of_means(x), strict=True))
    if (x[~np.isnan(x)] > 0).all():
        logarithmic = of_means(np.log(x))[1]
        swaps["multiplicative"] = lambda group: np.exp(logarithmic(group))
    return swaps


class Alignment(NamedTuple):
    """Multi-reference alignment: what each group looks like without its shifts, and the shift of each row."""

    template: Float[np.ndarray, "groups k *channels"]
    shift: Int[np.ndarray, " rows"]
    """A row is the template of its group, rolled by this number of samples to the left. Each group has its own zero."""

    @classmethod
    def of(cls, data: Dataset, rounds: int = 20) -> "Alignment":
        """Align the rows of every group by `align`."""
        shift, templates = np.empty(len(data), int), []
        for g in range(len(data.group_names)):
            rows = np.flatnonzero(data.group == g)
            template, shift[rows] = align(np.asarray(data.rows(rows), float), rounds)
            templates.append(template)
        return cls(np.stack(templates), shift)


def align(
    rows: Float[np.ndarray, "n k *channels"], rounds: int = 20
) -> tuple[Float[np.ndarray, "k *channels"], Int[np.ndarray, " n"]]:
    """A template, and the shift of each row against it, by cross-correlation: exact for shifts of one row without noise.

    By the FFT each row is rolled to where its correlation with the template is largest, and the mean of the rolled rows is the
    next template, until no row moves any more. The first template is the row of which the others say most: the one that
    has the largest sum of such correlations.
    """
    flat = np.moveaxis(rows.reshape(*rows.shape[:2], -1), 1, 2)  # (n, channels, k)
    flat = flat - flat.mean()
    best = [correlation(flat, np.broadcast_to(first, flat.shape)).sum(axis=1).max(axis=1).sum() for first in flat[:50]]
    template, rolls = flat[int(np.argmax(best))], np.full(len(rows), -1)
    for _ in range(rounds):
        before, rolls = rolls, np.argmax(correlation(flat, np.broadcast_to(template, flat.shape)).sum(axis=1), axis=1)
        template = np.mean([np.roll(x, r, axis=-1) for x, r in zip(flat, rolls, strict=True)], axis=0)
        if np.array_equal(rolls, before):
            break
    return np.mean([np.roll(x, r, axis=0) for x, r in zip(rows, rolls, strict=True)], axis=0), rolls


def _under_shifts(alignment: Alignment, group: int) -> Float[np.ndarray, "rows *row"]:
    return np.stack([np.roll(alignment.template[group], -shift, axis=0) for shift in alignment.shift])


def _under_filters(data: Dataset, length: int, group: int, damping: float = 1e-2) -> Float[np.ndarray, "rows *row"]:
    """For each row, the row of the group that a filter takes to it with the least squared error, through this filter."""
    from scipy.linalg import solve_toeplitz

    x = np.asarray(data.rows(np.arange(len(data))), float).reshape(len(data), data.row_shape[0], -1)
    size, delays = 2 ** ceil(log2(x.shape[1] + length)), np.arange(length) - length // 2
    spectra, own = rfft(x, size, axis=1), np.flatnonzero(data.group == group)
    filters, explained = np.empty((len(own), len(x), length)), np.empty((len(own), len(x)))
    for i, row in enumerate(own):  # to all rows at once, by the normal equations of `matching_filter`
        square = irfft(np.sum(np.abs(spectra[row]) ** 2, axis=1), size)[:length]
        square[0] = square[0] * (1 + damping) or 1.0
        shared = irfft(np.sum(spectra[row].conj() * spectra, axis=2), size)[:, delays]
        filters[i] = solve_toeplitz(square, shared.T).T
        explained[i] = np.sum(filters[i] * shared, axis=1)
    best = np.argmax(explained, axis=0)
    answers = [filtered(x[own[i]], filters[i, row]) for row, i in enumerate(best)]
    return np.stack(answers).reshape(len(data), *data.row_shape)
