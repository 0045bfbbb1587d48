"""Pictures of rows: swaps, mixtures, paths, traversals and records."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..data.grid import grid

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


def _strip(ax: Axes, images: Sequence[np.ndarray], like: np.ndarray | None = None) -> None:
    """Images side by side, black and white at the extremes of the first, or of others that are given."""
    images = [im.reshape(*im.shape[:2], -1) for im in images]
    if images[0].shape[2] not in (1, 3, 4):
        images = [im.mean(axis=2, keepdims=True) for im in images]
    scale = images[0] if like is None else like
    low, high = scale.min(), scale.max()
    line = np.full((images[0].shape[0], 1, images[0].shape[2]), high)
    joined = np.concatenate([part for im in images for part in (line, im)][1:], axis=1)
    ax.imshow(
        np.clip((joined - low) / max(high - low, 1e-12), 0, 1).squeeze(),
        cmap="gray",
        interpolation="nearest",
        aspect="equal",
    )


def mixtures(
    contents: Float[np.ndarray, "rows ..."],
    styles: Float[np.ndarray, "columns ..."],
    mixed: Float[np.ndarray, "rows columns ..."],
    title: str = "",
) -> Figure:
    """Images with the content of the left column in the style of the top row (as Figures 3 and 15 of the SymAE paper)."""
    rows, columns = mixed.shape[:2]
    figure, axes = plt.subplots(
        rows + 1, columns + 1, figsize=(1.05 * (columns + 1), 1.05 * (rows + 1)), squeeze=False, layout="constrained"
    )
    for i, j in np.ndindex(rows + 1, columns + 1):
        ax: Any = axes[i, j]
        ax.axis("off")
        if i or j:
            image = mixed[i - 1, j - 1] if i and j else contents[i - 1] if i else styles[j - 1]
            _strip(ax, [image], np.asarray(contents))
    axes[0, 0].text(0.5, 0.5, "content \u2193\nstyle \u2192", ha="center", va="center", transform=axes[0, 0].transAxes)
    figure.suptitle(title, fontsize=11)
    return figure


def paths(cases: Sequence[Mapping[str, Float[np.ndarray, "points ..."]]], title: str = "") -> Figure:
    """Ways from one row to another: one column per case and one row per kind of path, lines from dark to light along it; of
    images, one row per case and one column per kind, a strip each.
    """
    kinds = list(cases[0])
    image = len(grid(cases[0][kinds[0]].shape[1:]).space) == 2
    shape = (len(cases), len(kinds)) if image else (len(kinds), len(cases))
    size = (3.4 * shape[1], 0.55 * shape[0] + 0.6) if image else (2.2 * shape[1], 1.5 * shape[0] + 0.6)
    wide = max(size[0], 0.1 * len(title))
    figure, axes = plt.subplots(*shape, figsize=(wide, size[1]), squeeze=False, layout="constrained")
    axes = axes.T if image else axes
    for (i, kind), (j, case) in product(enumerate(kinds), enumerate(cases)):
        ax: Any = axes[i, j]
        ax.set(xticks=[], yticks=[])
        if image:
            _strip(ax, list(case[kind]), case[kinds[0]])
        else:
            for row, shade in zip(case[kind], mpl.colormaps["viridis"](np.linspace(0, 0.9, len(case[kind]))), strict=True):
                ax.plot(_stacked(row, case[kinds[0]][0]), color=shade, linewidth=0.9)
        if j == 0:
            name = kind.replace("_", " ")
            ax.set_title(name, fontsize=9) if image else ax.set_ylabel(name, fontsize=9)
    figure.suptitle(title, fontsize=11)
    return figure


def records(cases: Mapping[str, Mapping[str, Float[np.ndarray, "samples receivers"]]], dt: float) -> Figure:
    """Shot records, one row per case and one column per kind, all of a row on the scale of its record called `true`."""
    kinds = list(next(iter(cases.values())))
    figure, axes = plt.subplots(
        len(cases), len(kinds), figsize=(2.6 * len(kinds) + 1.2, 2.5 * len(cases) + 0.3), squeeze=False, layout="constrained"
    )
    for (i, (case, found)), (j, kind) in product(enumerate(cases.items()), enumerate(kinds)):
        ax: Any = axes[i, j]
        samples, receivers = found[kind].shape
        loud = float(np.quantile(np.abs(found["true"]), 0.995))
        look: Any = {"cmap": "RdBu", "aspect": "auto", "extent": (0.5, receivers + 0.5, dt * samples, 0)}
        picture = ax.imshow(found[kind], vmin=-loud, vmax=loud, **look)
        if i == 0:
            ax.set_title(kind, fontsize=10)
        if j == 0:
            ax.set_ylabel(f"{case}\n\ntime (s)", fontsize=8)
        else:
            ax.set_yticklabels([])
        if i == len(cases) - 1:
            ax.set_xlabel("receiver", fontsize=8)
        if j == len(kinds) - 1:
            figure.colorbar(picture, ax=ax)
    return figure


def traversals(paths: Float[np.ndarray, "latents points ..."], names: Sequence[str], title: str = "") -> Figure:
    """One row per latent: what is decoded as it goes from its least to its greatest value."""
    count, points, *shape = paths.shape
    image = len(grid(tuple(shape)).space) == 2
    size = (0.9 * points + 3, 0.9 * count + 0.6) if image else (8, 1.9 * count + 0.7)
    figure, axes = plt.subplots(count, 1, figsize=size, squeeze=False, sharex=not image, layout="constrained")
    shades = mpl.colormaps["viridis"]
    beside: Any = {"rotation": 0, "ha": "right", "va": "center"} if image else {}
    for ax, path, name in zip(axes[:, 0], paths, names, strict=True):
        ax.set_ylabel(name, fontsize=9, **beside)
        ax.set_yticks([])
        if image:
            ax.set_xticks([])
            _strip(ax, list(path), path)
            continue
        for j, row in enumerate(path):
            ax.plot(_stacked(row, paths.reshape(-1, *shape)[0]), color=shades(j / (points - 1)), linewidth=1)
    if not image:
        bar = figure.colorbar(ScalarMappable(Normalize(0, 1), shades), ax=axes[:, 0].tolist(), ticks=[0, 1], shrink=0.6)
        bar.ax.set_yticklabels(["least", "greatest"])
    figure.suptitle(title, fontsize=11)
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
        axes[1, j].plot(states[1], color=SWAP, linestyle=":", label="the state as given")
        for answer, colour, name in zip(answers, (RECONSTRUCTION, REAL), names, strict=True):
            axes[1, j].plot(answer[j], color=colour, label=name)
    for ax in axes.flat:
        ax.set(xticks=[])
    axes[0, 0].set_ylabel("donor's signal", fontsize=9)
    axes[1, 0].set_ylabel("the state's signal", fontsize=9)
    for ax in axes[1]:
        ax.set_xlabel("sample", fontsize=9)
    figure.suptitle("one state under the other's shifts: both answers are right", fontsize=11)
    figure.legend(*axes[1, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return figure
