"""Figures from arrays; nothing is written here."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .nets import grid

REAL, RECONSTRUCTION, SWAP = "tab:green", "tab:orange", "tab:blue"  # the paper's colours


def redatuming(
    real: Float[np.ndarray, "states styles ..."],
    reconstruction: Float[np.ndarray, "states styles ..."],
    swap: Float[np.ndarray, "states styles ..."],
    rows: Sequence[str],
    columns: Sequence[str],
    title: str = "",
) -> Figure:
    """One row per state and one column per nuisance: real, reconstruction and swap in each panel (as Figure 2)."""
    states, styles, *shape = real.shape
    image = len(grid(tuple(shape)).space) == 2
    figure, axes = plt.subplots(
        states, styles, figsize=(1.55 * styles, (0.62 if image else 1.15) * states + 0.9), squeeze=False, layout="constrained"
    )
    for i, j in np.ndindex(states, styles):
        ax: Any = axes[i, j]
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_linewidth(0.4)
        if image:
            _strip(ax, [real[i, j], reconstruction[i, j], swap[i, j]])
        else:
            lines = ((real, REAL, 2.4), (reconstruction, RECONSTRUCTION, 1.2), (swap, SWAP, 1.2))
            for lines_of, colour, width in lines:
                ax.plot(_stacked(lines_of[i, j], real[i, j]), color=colour, linewidth=width, alpha=0.9)
        if i == 0:
            ax.set_title(columns[j], fontsize=9)
        if j == 0:
            beside: Any = {"rotation": 0, "ha": "right", "va": "center"} if image else {}
            ax.set_ylabel(rows[i], fontsize=9, **beside)
    if image:
        title = f"{title}\nin each panel, left to right: real, reconstruction, swap".strip()
    else:
        handles = [Line2D([], [], color=c, linewidth=2) for c in (REAL, RECONSTRUCTION, SWAP)]
        figure.legend(handles, ["real", "reconstruction", "swap"], loc="outside lower center", ncols=3, frameon=False)
    figure.suptitle(title, fontsize=11)
    return figure


def _stacked(x: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Channels of a signal one above the other, on the scale of another signal."""
    x, like = x.reshape(len(x), -1), like.reshape(len(like), -1)
    return x + np.arange(x.shape[1]) * (np.ptp(like) if x.shape[1] > 1 else 0)


def _strip(ax: Axes, images: Sequence[np.ndarray]) -> None:
    images = [im.reshape(*im.shape[:2], -1) for im in images]
    if images[0].shape[2] not in (1, 3, 4):
        images = [im.mean(axis=2, keepdims=True) for im in images]
    low, high = images[0].min(), images[0].max()
    line = np.full((images[0].shape[0], 1, images[0].shape[2]), high)
    joined = np.concatenate([images[0], line, images[1], line, images[2]], axis=1)
    ax.imshow(
        np.clip((joined - low) / max(high - low, 1e-12), 0, 1).squeeze(),
        cmap="gray",
        interpolation="nearest",
        aspect="equal",
    )


def codes(
    coherent: Float[np.ndarray, "groups p"],
    nuisance: Float[np.ndarray, "rows q"],
    group_states: np.ndarray,
    row_states: np.ndarray,
    factors: Mapping[str, np.ndarray] | None = None,
    title: str = "",
) -> Figure:
    """The first two principal components of the coherent and of the nuisance codes, coloured by state (as Figures 4 and 7),
    and of the nuisance codes coloured by each continuous factor.
    """
    factors = dict(factors or {})
    figure, axes = plt.subplots(
        1, 2 + len(factors), figsize=(4.2 * (2 + len(factors)), 4.2), squeeze=False, layout="constrained"
    )
    names = np.unique(row_states)
    c, n = _components(coherent), _components(nuisance)
    handles = _by_state(axes[0, 0], c, group_states, names, 60)
    _by_state(axes[0, 1], n, row_states, names, 8)
    axes[0, 0].set_title("coherent codes, by state")
    axes[0, 1].set_title("nuisance codes, by state")
    for ax, (name, values) in zip(axes[0, 2:], factors.items(), strict=True):
        dots = ax.scatter(*n.T, c=values, s=8, cmap="twilight_shifted" if name == "shift" else "viridis")
        figure.colorbar(dots, ax=ax, shrink=0.8)
        ax.set_title(f"nuisance codes, by {name}")
    for ax in axes.flat:
        ax.set(xlabel="component 1", ylabel="component 2")
        ax.set_aspect("equal", adjustable="datalim")
    if len(names) <= 12:
        figure.legend(handles, [str(s) for s in names], title="state", loc="outside right center", frameon=False)
    figure.suptitle(title, fontsize=11)
    return figure


def _by_state(ax: Axes, points: np.ndarray, states: np.ndarray, names: np.ndarray, size: float) -> list[Any]:
    colours = mpl.colormaps["tab10" if len(names) <= 10 else "turbo"]
    spread = np.arange(len(names)) if len(names) <= 10 else np.linspace(0, 1, len(names))
    return [
        ax.scatter(*points[states == name].T, s=size, color=colours(s), alpha=0.7, linewidths=0)
        for name, s in zip(names, spread, strict=True)
    ]


def _components(x: np.ndarray) -> Float[np.ndarray, "n 2"]:
    x = x - x.mean(axis=0)
    _, _, axes = np.linalg.svd(x, full_matrices=False)
    projected = x @ axes[:2].T
    return np.pad(projected, ((0, 0), (0, 2 - projected.shape[1])))


def history(steps: Sequence[Sequence[int]], terms: Sequence[Mapping[str, Sequence[float]]], labels: Sequence[str]) -> Figure:
    """Every loss term over the training, one panel a term and one line a seed."""
    names = list(terms[0])
    figure, axes = plt.subplots(1, len(names), figsize=(4.6 * len(names), 3.2), squeeze=False, layout="constrained")
    for ax, name in zip(axes[0], names, strict=True):
        for at, values, label in zip(steps, terms, labels, strict=True):
            ax.plot(at, values[name], label=label, linewidth=1.2)
        ax.set(title=name, xlabel="step", yscale="log")
    axes[0, 0].legend(frameon=False, fontsize=8)
    return figure


def remark_2(
    states: Float[np.ndarray, "2 k"],
    answers: Sequence[Float[np.ndarray, "shifts k"]],
    shifts: Sequence[int],
    names: Sequence[str],
) -> Figure:
    """Figure 1: two states, and answers to "the second state under the first one's shifts" that are all right."""
    panels = len(shifts)
    figure, axes = plt.subplots(2, panels, figsize=(2.6 * panels, 3.6), squeeze=False, sharey=True, layout="constrained")
    for j, shift in enumerate(shifts):
        axes[0, j].plot(np.roll(states[0], -shift), color=SWAP)
        axes[0, j].set_title(f"donor, shift {shift}", fontsize=9)
        axes[1, j].plot(np.roll(states[1], -shift), color=SWAP, linestyle=":", label="the state as given")
        for answer, colour, name in zip(answers, (RECONSTRUCTION, REAL), names, strict=True):
            axes[1, j].plot(answer[j], color=colour, label=name)
    for ax in axes.flat:
        ax.set(xticks=[])
    figure.legend(*axes[1, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return figure
