"""Figures from arrays; nothing is written here."""

from collections.abc import Mapping, Sequence
from itertools import product
from textwrap import fill
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .data.grid import grid

REAL, RECONSTRUCTION, SWAP = "tab:green", "tab:orange", "tab:blue"  # the paper's colours


def subplots(rows: int, columns: int, size: tuple[float, float], title: str = "", **options: Any) -> tuple[Figure, Any]:
    """A figure of that size in inches, and its axes, an array (rows, columns)."""
    layout = options.pop("layout", "constrained")
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout=layout, **options)
    figure.suptitle(title, fontsize=11)
    return figure, axes


# -- rows: signals and images ---------------------------------------------------------------------------------------------


def redatuming(
    real: Float[np.ndarray, "states styles ..."],
    reconstruction: Float[np.ndarray, "states styles ..."] | None,
    swap: Float[np.ndarray, "states styles ..."],
    rows: Sequence[str],
    columns: Sequence[str],
    title: str = "",
    names: tuple[str, str, str] = ("real", "reconstruction", "swap"),
) -> Figure:
    """One row per state and one column per nuisance: real, reconstruction (if given) and swap in each panel (as Figure 2).
    Arrays are drawn as they are; `names` says what was done to them, for example "swap, after the best common roll".
    """
    looks = zip(names, (real, reconstruction, swap), (REAL, RECONSTRUCTION, SWAP), (2.4, 1.2, 1.2), strict=True)
    kinds = [(name, values, colour, width) for name, values, colour, width in looks if values is not None]
    names_of_kinds = [name for name, *_ in kinds]
    states, styles, *shape = real.shape
    image = _is_image(shape)
    if image:
        title = f"{title}\nin each panel, left to right: {', '.join(names_of_kinds)}".strip()
    figure, axes = subplots(states, styles, (1.55 * styles, (0.62 if image else 1.15) * states + 0.9), title)
    for i, j in np.ndindex(states, styles):
        ax = axes[i, j]
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_linewidth(0.4)
        if image:
            _strip(ax, [values[i, j] for _, values, *_ in kinds])
        else:
            for _, values, colour, width in kinds:
                ax.plot(_stacked(values[i, j], real[i, j]), color=colour, linewidth=width, alpha=0.9)
        if i == 0:
            ax.set_title(columns[j], fontsize=9)
        if j == 0:
            _beside(ax, rows[i], image)
    if not image:
        handles = [Line2D([], [], color=colour, linewidth=2) for _, _, colour, _ in kinds]
        figure.legend(handles, names_of_kinds, loc="outside lower center", ncols=3, frameon=False)
    return figure


def _is_image(shape: Sequence[int]) -> bool:
    return len(grid(tuple(shape)).space) == 2


def _beside(ax: Axes, name: str, image: bool) -> None:
    """A name at the left of a panel, which is low if it shows images."""
    beside: Any = {"rotation": 0, "ha": "right", "va": "center"} if image else {}
    ax.set_ylabel(name, fontsize=9, **beside)


def _stacked(x: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Channels of a signal one above the other, on the scale of another signal."""
    x, like = x.reshape(len(x), -1), like.reshape(len(like), -1)
    return x + np.arange(x.shape[1]) * (np.ptp(like) if x.shape[1] > 1 else 0)


def _fan(ax: Axes, rows: np.ndarray, like: np.ndarray, last: float = 1.0) -> None:
    """Signals over each other, from dark to light."""
    for row, shade in zip(rows, mpl.colormaps["viridis"](np.linspace(0, last, len(rows))), strict=True):
        ax.plot(_stacked(row, like), color=shade, linewidth=0.9)


def _strip(ax: Axes, images: Sequence[np.ndarray], like: np.ndarray | None = None) -> None:
    """Images side by side, black and white at the extremes of the first, or of other images."""
    images = [im.reshape(*im.shape[:2], -1) for im in images]
    if images[0].shape[2] not in (1, 3, 4):
        images = [im.mean(axis=2, keepdims=True) for im in images]
    scale = images[0] if like is None else like
    low, high = scale.min(), scale.max()
    line = np.full((images[0].shape[0], 1, images[0].shape[2]), high)
    joined = np.concatenate([part for im in images for part in (line, im)][1:], axis=1)
    grey = np.clip((joined - low) / max(high - low, 1e-12), 0, 1).squeeze()
    ax.imshow(grey, cmap="gray", interpolation="nearest", aspect="equal")


def mixtures(
    contents: Float[np.ndarray, "rows ..."],
    styles: Float[np.ndarray, "columns ..."],
    mixed: Float[np.ndarray, "rows columns ..."],
    title: str = "",
) -> Figure:
    """Images with the content of the left column in the style of the top row (as Figures 3 and 15 of the SymAE paper)."""
    rows, columns = (1 + size for size in mixed.shape[:2])
    figure, axes = subplots(rows, columns, (1.05 * columns, 1.05 * rows), title)
    for i, j in np.ndindex(rows, columns):
        axes[i, j].axis("off")
        if i or j:
            image = mixed[i - 1, j - 1] if i and j else contents[i - 1] if i else styles[j - 1]
            _strip(axes[i, j], [image], np.asarray(contents))
    axes[0, 0].text(0.5, 0.5, "content \u2193\nstyle \u2192", ha="center", va="center", transform=axes[0, 0].transAxes)
    return figure


def paths(cases: Sequence[Mapping[str, Float[np.ndarray, "points ..."]]], title: str = "") -> Figure:
    """Ways from one row to another: one column per case and one row per kind of path, lines from dark to light along it; of
    images, one row per case and one column per kind, a strip each.
    """
    kinds = list(cases[0])
    image = _is_image(cases[0][kinds[0]].shape[1:])
    shape = (len(cases), len(kinds)) if image else (len(kinds), len(cases))
    size = (3.4 * shape[1], 0.55 * shape[0] + 0.6) if image else (2.2 * shape[1], 1.5 * shape[0] + 0.6)
    figure, axes = subplots(*shape, (max(size[0], 0.1 * len(title)), size[1]), title)
    axes = axes.T if image else axes
    for (i, kind), (j, case) in product(enumerate(kinds), enumerate(cases)):
        ax = axes[i, j]
        ax.set(xticks=[], yticks=[])
        if image:
            _strip(ax, list(case[kind]), case[kinds[0]])
        else:
            _fan(ax, case[kind], case[kinds[0]][0], 0.9)
        if j == 0:
            name = kind.replace("_", " ")
            ax.set_title(name, fontsize=9) if image else ax.set_ylabel(name, fontsize=9)
    return figure


def traversals(paths: Float[np.ndarray, "latents points ..."], names: Sequence[str], title: str = "") -> Figure:
    """One row per latent: what is decoded as it goes from its least to its greatest value."""
    count, points, *shape = paths.shape
    image = _is_image(shape)
    size = (0.9 * points + 3, 0.9 * count + 0.6) if image else (8, 1.9 * count + 0.7)
    figure, axes = subplots(count, 1, size, title, sharex=not image)
    for ax, path, name in zip(axes[:, 0], paths, names, strict=True):
        _beside(ax, name, image)
        ax.set_yticks([])
        if image:
            ax.set_xticks([])
            _strip(ax, list(path), path)
        else:
            _fan(ax, path, paths.reshape(-1, *shape)[0])
    if not image:
        shades = ScalarMappable(Normalize(0, 1), "viridis")
        bar = figure.colorbar(shades, ax=axes[:, 0].tolist(), ticks=[0, 1], shrink=0.6)
        bar.ax.set_yticklabels(["least", "greatest"])
    return figure


def remark_2(
    states: Float[np.ndarray, "2 k"],
    answers: Sequence[Float[np.ndarray, "shifts k"]],
    shifts: Sequence[int],
    names: Sequence[str],
) -> Figure:
    """Figure 1: two states, and answers to "the second state under the first one's shifts" that are all right."""
    title = "one state under the other's shifts: both answers are right"
    figure, axes = subplots(2, len(shifts), (2.6 * len(shifts), 3.6), title, sharey=True)
    for j, shift in enumerate(shifts):
        axes[0, j].plot(np.roll(states[0], -shift), color=SWAP)
        axes[0, j].set_title(f"donor, shift {shift}", fontsize=9)
        axes[1, j].plot(states[1], color=SWAP, linestyle=":", label="the state as given")
        for answer, colour, name in zip(answers, (RECONSTRUCTION, REAL), names, strict=True):
            axes[1, j].plot(answer[j], color=colour, label=name)
        axes[0, j].set_xticks([])
        axes[1, j].set_xticks([])
        axes[1, j].set_xlabel("sample", fontsize=9)
    for ax, name in zip(axes[:, 0], ("donor's signal", "the state's signal"), strict=True):
        ax.set_ylabel(name, fontsize=9)
    figure.legend(*axes[1, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return figure


# -- codes ----------------------------------------------------------------------------------------------------------------


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
    columns = 2 + len(factors)
    figure, ((first, second, *others),) = subplots(1, columns, (4.2 * columns, 4.2), title)
    names = np.unique(row_states)
    c, n = _components(coherent), _components(nuisance)
    handles = by_group(first, c, group_states, names, 60)
    by_group(second, n, row_states, names, 8)
    first.set_title("coherent codes, by state")
    second.set_title("nuisance codes, by state")
    for ax, (name, values) in zip(others, factors.items(), strict=True):
        dots = ax.scatter(*n.T, c=values, s=8, cmap="twilight_shifted" if name == "shift" else "viridis")
        figure.colorbar(dots, ax=ax, shrink=0.8)
        ax.set_title(f"nuisance codes, by {name}")
    for ax in (first, second, *others):
        ax.set(xlabel="component 1", ylabel="component 2")
        ax.set_aspect("equal", adjustable="datalim")
    if len(names) <= 12:
        figure.legend(handles, [str(s) for s in names], title="state", loc="outside right center", frameon=False)
    return figure


def by_group(ax: Axes, points: np.ndarray, groups: np.ndarray, names: np.ndarray, size: float, alpha: float = 0.7) -> list[Any]:
    """Points (n, 2), one colour a group; the handles for a legend."""
    colours = mpl.colormaps["tab10" if len(names) <= 10 else "turbo"]
    spread = np.arange(len(names)) if len(names) <= 10 else np.linspace(0, 1, len(names))
    return [
        ax.scatter(*points[groups == name].T, s=size, color=colours(s), alpha=alpha, linewidths=0)
        for name, s in zip(names, spread, strict=True)
    ]


def _components(x: np.ndarray) -> Float[np.ndarray, "n 2"]:
    x = x - x.mean(axis=0)
    _, _, axes = np.linalg.svd(x, full_matrices=False)
    projected = x @ axes[:2].T
    return np.pad(projected, ((0, 0), (0, 2 - projected.shape[1])))


def _latent(ax: Axes, along: np.ndarray, codes: np.ndarray, i: int, colour: np.ndarray, size: float) -> list[Any]:
    """One latent against a factor, on limits for all latents, so that a dead one looks dead; the handles for a legend."""
    margin = 0.05 * np.ptp(codes)
    ax.set_ylim(float(codes.min() - margin), float(codes.max() + margin))
    return by_group(ax, np.column_stack([along, codes[:, i]]), colour, np.unique(colour), size, alpha=1)


def latents(
    codes: Float[np.ndarray, "rows m"],
    along: Float[np.ndarray, " rows"],
    along_name: str,
    colour: np.ndarray | None = None,
    colour_name: str = "",
    names: Sequence[str] | None = None,
    title: str = "",
) -> Figure:
    """The latent space (as Figure 3 of the NashAE paper): one panel per latent, its value in every row against a factor."""
    m = codes.shape[1]
    columns = min(m, 4)
    figure, axes = subplots(-(-m // columns), columns, (3.1 * columns, 2.6 * -(-m // columns) + 0.5), title)
    colour, handles = np.zeros(len(codes)) if colour is None else colour, []
    for i, ax in enumerate(axes.flat):
        ax.set_visible(i < m)
        if i < m:
            handles = _latent(ax, along, codes, i, colour, 6)
            ax.set(title=names[i] if names else f"latent {i}", xlabel=along_name)
    if 1 < len(handles) <= 12:
        labels = [str(group) for group in np.unique(colour)]
        figure.legend(handles, labels, title=colour_name, loc="outside right center", frameon=False, markerscale=2)
    return figure


def latent_spaces(
    codes: Mapping[str, Float[np.ndarray, "rows _"]],
    along: Float[np.ndarray, " rows"],
    along_name: str,
    colour: np.ndarray,
    colour_name: str,
) -> Figure:
    """Several latent spaces side by side: one column per method, one row per latent (Figure 3 of the NashAE paper)."""
    m, handles = max(c.shape[1] for c in codes.values()), []
    figure, axes = subplots(m, len(codes), (2.9 * len(codes), 1.5 * m + 0.6), sharex=True)
    for column, (name, z) in zip(axes.T, codes.items(), strict=True):
        column[0].set_title(name, fontsize=10)
        column[-1].set_xlabel(along_name)
        for i, ax in enumerate(column):
            handles = _latent(ax, along, z, i, colour, 4)
    for i, ax in enumerate(axes[:, 0]):
        ax.set_ylabel(f"L{i + 1}")
    labels = [f"{group:g}" for group in np.unique(colour)]
    figure.legend(handles, labels, title=colour_name, loc="outside right center", frameon=False, markerscale=3)
    return figure


def predictions(panels: Sequence[tuple[str, np.ndarray, np.ndarray]]) -> Figure:
    """True latents against their predictions, all latents of a network in one panel (Figure 2 of the NashAE paper)."""
    figure, axes = subplots(1, len(panels), (4.3 * len(panels), 4.4))
    for ax, (title, codes, predicted) in zip(axes[0], panels, strict=True):
        for i, shade in enumerate(mpl.colormaps["turbo"](np.linspace(0, 1, codes.shape[1]))):
            ax.scatter(codes[:, i], predicted[:, i], s=3, color=shade, linewidths=0, alpha=0.6)
        ax.plot([0, 1], [0, 1], color="black", linewidth=0.6, linestyle=":")
        ax.set(xlabel="latent", ylabel="its prediction from the others", xlim=(-0.03, 1.03), ylim=(-0.25, 1.25))
        ax.set_title(title, fontsize=10)
    return figure


# -- numbers --------------------------------------------------------------------------------------------------------------


def history(steps: Sequence[Sequence[int]], terms: Sequence[Mapping[str, Sequence[float]]], labels: Sequence[str]) -> Figure:
    """Every loss term over the training, one panel a term and one line a seed."""
    names = list(terms[0])
    figure, axes = subplots(1, len(names), (4.6 * len(names), 3.2))
    for ax, name in zip(axes[0], names, strict=True):
        for at, values, label in zip(steps, terms, labels, strict=True):
            ax.plot(at, values[name], label=label, linewidth=1.2, marker="o" if len(at) < 5 else None, markersize=3)
        positive = all(min(values[name], default=1) > 0 for values in terms)
        ax.set(title=name, xlabel="step", yscale="log" if positive else "linear")
    axes[0, 0].legend(frameon=False, fontsize=8)
    return figure


def heat_maps(
    panels: Mapping[str, Mapping[str, Float[np.ndarray, "x y"]]], axis: np.ndarray, x: str, y: str, title: str = ""
) -> Figure:
    """Cases (rows) by quantities (columns) over the plane of two axes with the same ticks (as Figures 8 and 9 of the SymAE
    paper), each quantity on one scale; one that is nowhere negative on a logarithmic scale from 1e-4 to 1.
    """
    names = list(next(iter(panels.values())))
    size = 3.3 * len(names) + 0.6, 2.8 * len(panels) + 0.3
    figure, axes = subplots(len(panels), len(names), size, title, layout="compressed")
    edge = (axis[1] - axis[0]) / 2
    extent = (axis[0] - edge, axis[-1] + edge, axis[0] - edge, axis[-1] + edge)
    for j, name in enumerate(names):
        values = np.stack([case[name] for case in panels.values()])
        reach = np.nanquantile(np.abs(values), 0.99)
        signed: dict[str, Any] = {"vmin": -reach, "vmax": reach, "cmap": "RdBu"}
        scale: dict[str, Any] = signed if np.nanmin(values) < 0 else {"norm": LogNorm(1e-4, 1), "cmap": "viridis"}
        for ax, case, value in zip(axes[:, j], panels, values, strict=True):
            image = ax.imshow(value.T, origin="lower", extent=extent, **scale)
            figure.colorbar(image, ax=ax, shrink=0.85, label=name)
            ax.set(xlabel=x, ylabel=y)
            ax.set_title(fill(case, 34), fontsize=9)
    return figure


def lines(x: np.ndarray, values: Mapping[str, np.ndarray], x_name: str, y_name: str, title: str = "") -> Figure:
    """Several quantities over one axis, logarithmic upwards."""
    figure, ((ax,),) = subplots(1, 1, (8, 3.6))
    for name, value in values.items():
        ax.plot(x, value, label=name, marker="o", markersize=3, linewidth=1.2)
    ax.set(xlabel=x_name, ylabel=y_name, yscale="log")
    ax.set_title(title, fontsize=11)
    figure.legend(frameon=False, fontsize=8, loc="outside right upper")
    return figure
