"""Pictures of codes and of numbers."""

from collections.abc import Mapping, Sequence
from itertools import product
from textwrap import fill
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from .rows import SWAP


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
    handles = _by_group(axes[0, 0], c, group_states, names, 60)
    _by_group(axes[0, 1], n, row_states, names, 8)
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


def _by_group(
    ax: Axes, points: np.ndarray, groups: np.ndarray, names: np.ndarray, size: float, alpha: float = 0.7
) -> list[Any]:
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


def history(steps: Sequence[Sequence[int]], terms: Sequence[Mapping[str, Sequence[float]]], labels: Sequence[str]) -> Figure:
    """Every loss term over the training, one panel a term and one line a seed."""
    names = list(terms[0])
    figure, axes = plt.subplots(1, len(names), figsize=(4.6 * len(names), 3.2), squeeze=False, layout="constrained")
    for ax, name in zip(axes[0], names, strict=True):
        for at, values, label in zip(steps, terms, labels, strict=True):
            ax.plot(at, values[name], label=label, linewidth=1.2, marker="o" if len(at) < 5 else None, markersize=3)
        positive = all(min(values[name], default=1) > 0 for values in terms)
        ax.set(title=name, xlabel="step", yscale="log" if positive else "linear")
    axes[0, 0].legend(frameon=False, fontsize=8)
    return figure


def _around(values: np.ndarray) -> tuple[float, float]:
    """Limits for all panels of a latent space, so that a dead latent looks dead."""
    margin = 0.05 * np.ptp(values)
    return float(values.min() - margin), float(values.max() + margin)


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
    figure, axes = plt.subplots(
        -(-m // columns), columns, figsize=(3.1 * columns, 2.6 * -(-m // columns) + 0.5), squeeze=False, layout="constrained"
    )
    colour = np.zeros(len(codes)) if colour is None else colour
    groups, handles = np.unique(colour), []
    for i, ax in enumerate(axes.flat):
        if i >= m:
            ax.set_visible(False)
            continue
        handles = _by_group(ax, np.column_stack([along, codes[:, i]]), colour, groups, 6, alpha=1)
        ax.set(title=names[i] if names else f"latent {i}", xlabel=along_name, ylim=_around(codes))
    if 1 < len(groups) <= 12:
        labels = [str(group) for group in groups]
        figure.legend(handles, labels, title=colour_name, loc="outside right center", frameon=False, markerscale=2)
    figure.suptitle(title, fontsize=11)
    return figure


def latent_spaces(
    codes: Mapping[str, Float[np.ndarray, "rows _"]],
    along: Float[np.ndarray, " rows"],
    along_name: str,
    colour: np.ndarray,
    colour_name: str,
) -> Figure:
    """Several latent spaces side by side: one column per method, one row per latent (Figure 3 of the NashAE paper)."""
    m = max(c.shape[1] for c in codes.values())
    figure, axes = plt.subplots(
        m, len(codes), figsize=(2.9 * len(codes), 1.5 * m + 0.6), squeeze=False, sharex=True, layout="constrained"
    )
    groups, handles = np.unique(colour), []
    for column, (name, z) in zip(axes.T, codes.items(), strict=True):
        column[0].set_title(name, fontsize=10)
        column[-1].set_xlabel(along_name)
        for i, ax in enumerate(column):
            ax.set_ylim(_around(z))
            handles = _by_group(ax, np.column_stack([along, z[:, i]]), colour, groups, 4, alpha=1)
    for i, ax in enumerate(axes[:, 0]):
        ax.set_ylabel(f"L{i + 1}")
    labels = [f"{group:g}" for group in groups]
    figure.legend(handles, labels, title=colour_name, loc="outside right center", frameon=False, markerscale=3)
    return figure


def predictions(panels: Sequence[tuple[str, np.ndarray, np.ndarray]]) -> Figure:
    """True latents against their predictions, all latents of a network in one panel (Figure 2 of the NashAE paper)."""
    figure, axes = plt.subplots(1, len(panels), figsize=(4.3 * len(panels), 4.4), squeeze=False, layout="constrained")
    for ax, (title, codes, predicted) in zip(axes[0], panels, strict=True):
        for i, shade in enumerate(mpl.colormaps["turbo"](np.linspace(0, 1, codes.shape[1]))):
            ax.scatter(codes[:, i], predicted[:, i], s=3, color=shade, linewidths=0, alpha=0.6)
        ax.plot([0, 1], [0, 1], color="black", linewidth=0.6, linestyle=":")
        ax.set(title=title, xlabel="latent", ylabel="its prediction from the others", xlim=(-0.03, 1.03), ylim=(-0.25, 1.25))
        ax.title.set_fontsize(10)
    return figure


def compared(
    values: Mapping[str, Mapping[str, Sequence[float]]], marks: Mapping[str, tuple[str, float]] | None = None, title: str = ""
) -> Figure:
    """Variants (rows) by measures (panels, logarithmic where they span a decade): one dot per seed, a bar at their mean, and
    that of the first row dotted through all. Seeds without a number are counted at the right.

    Args:
        values: of each variant and measure, one per seed.
        marks: of some measures, the name of a value to compare with, such as that of guessing, and the value, which is left out
            where it is more than three times all others.
        title: of the figure.
    """
    labels, measures, marks = list(values), list(next(iter(values.values()))), marks or {}
    figure, axes = plt.subplots(
        1, len(measures), figsize=(2.4 + 2.2 * len(measures), 0.34 * len(labels) + 1.6), sharey=True, layout="constrained"
    )
    for ax, measure in zip(np.atleast_1d(axes), measures, strict=True):
        every = np.array([values[label][measure] for label in labels], float)
        means = [np.nan if np.isnan(found).all() else np.nanmean(found) for found in every]
        for y, (found, mean) in enumerate(zip(every, means, strict=True)):
            ax.plot(found, np.full(len(found), y), "o", color=SWAP, markersize=4, alpha=0.6, markeredgewidth=0)
            ax.plot(mean, y, "|", color="black", markersize=12, markeredgewidth=1.5)
            if lost := int(np.isnan(found).sum()):
                ax.text(0.99, y, f"{lost} diverged", transform=ax.get_yaxis_transform(), ha="right", va="center", fontsize=7)
        ax.axvline(means[0], color="black", linewidth=0.6, linestyle=":")
        name, at = marks.get(measure, ("", np.inf))
        if at < 3 * np.nanmax(every):
            ax.axvline(at, color="gray", linewidth=0.8, linestyle="--", label=name)
            ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.03 - 0.5 / len(labels)), fontsize=8, frameon=False)
        if 0 < 10 * np.nanmin(every) < np.nanmax(every):
            ax.set_xscale("log")
            ax.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
            ax.xaxis.set_major_formatter("{x:g}")
            ax.xaxis.set_minor_formatter(NullFormatter())
            ax.tick_params(axis="x", labelrotation=45)
        else:
            ax.locator_params(axis="x", nbins=4)
        ax.set(title=measure, yticks=range(len(labels)), yticklabels=labels, ylim=(len(labels) - 0.5, -0.5))
        ax.title.set_fontsize(10)
        ax.grid(axis="y", linewidth=0.3)
    figure.suptitle(title, fontsize=11)
    return figure


def heat_maps(
    panels: Mapping[str, Mapping[str, Float[np.ndarray, "x y"]]], axis: np.ndarray, x: str, y: str, title: str = ""
) -> Figure:
    """Cases (rows) by quantities (columns) over the plane of two axes with the same ticks (as Figures 8 and 9 of the SymAE
    paper), each quantity on one scale; one that is nowhere negative on a logarithmic scale from 1e-4 to 1.
    """
    names = list(next(iter(panels.values())))
    scales: dict[str, Any] = {}
    for name in names:
        values = np.stack([case[name] for case in panels.values()])
        reach = np.nanquantile(np.abs(values), 0.99)
        signed: dict[str, Any] = {"vmin": -reach, "vmax": reach, "cmap": "RdBu"}
        scales[name] = signed if np.nanmin(values) < 0 else {"norm": LogNorm(1e-4, 1), "cmap": "viridis"}
    shape = len(panels), len(names)
    figure, axes = plt.subplots(
        *shape, figsize=(3.3 * shape[1] + 0.6, 2.8 * shape[0] + 0.3), squeeze=False, layout="compressed"
    )
    edge = (axis[1] - axis[0]) / 2
    for (i, (case, values)), (j, name) in product(enumerate(panels.items()), enumerate(names)):
        ax, extent = axes[i, j], (axis[0] - edge, axis[-1] + edge, axis[0] - edge, axis[-1] + edge)
        image = ax.imshow(values[name].T, origin="lower", extent=extent, **scales[name])
        figure.colorbar(image, ax=ax, shrink=0.85, label=name)
        ax.set(xlabel=x, ylabel=y)
        ax.set_title(fill(case, 34), fontsize=9)
    figure.suptitle(title, fontsize=11)
    return figure


def lines(x: np.ndarray, values: Mapping[str, np.ndarray], x_name: str, y_name: str, title: str = "") -> Figure:
    """Several quantities over one axis, logarithmic upwards."""
    figure, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
    for name, value in values.items():
        ax.plot(x, value, label=name, marker="o", markersize=3, linewidth=1.2)
    ax.set(xlabel=x_name, ylabel=y_name, yscale="log")
    ax.set_title(title, fontsize=11)
    figure.legend(frameon=False, fontsize=8, loc="outside right upper")
    return figure


def pair_errors(errors: Float[np.ndarray, "states nuisances"], states: Sequence[str], nuisance: str, title: str) -> Figure:
    """The error of every pair of a state (rows) and a nuisance (columns), on a logarithmic scale; NaN is white."""
    count = errors.shape[1]
    figure, ax = plt.subplots(figsize=(0.19 * count + 3.2, 0.26 * len(states) + 1.3), layout="constrained")
    picture = ax.imshow(errors, norm=LogNorm(), cmap="viridis", aspect="auto")
    ax.set(xlabel=nuisance, yticks=range(len(states)), yticklabels=states)
    ax.set_title(title, fontsize=10)
    figure.colorbar(picture, ax=ax, label="error")
    return figure


def known(r2: Mapping[str, Mapping[str, float]], chance: Mapping[str, Mapping[str, float]], ax: Axes | None = None) -> Figure:
    """R^2 with which each kind of code (colours) tells each factor, not below -0.2, and a mark at that of chance."""
    if ax is None:
        _, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
    names, width = list(next(iter(r2.values()))), 0.8 / len(r2)
    for k, (kind, values) in enumerate(r2.items()):
        at = np.arange(len(names)) + (k - (len(r2) - 1) / 2) * width
        ax.bar(at, [max(values[n], -0.2) for n in names], 0.9 * width, label=kind)
        least = [max(chance[kind][n], -0.2) for n in names]
        ax.plot(at, least, "_", color="black", markersize=9, label="chance" if k == len(r2) - 1 else None)
    ax.axhline(0, color="black", linewidth=0.6)
    ax.set(xticks=range(len(names)), xticklabels=names, ylabel="R² on recordings not trained on", ylim=(-0.22, 1))
    ax.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    figure = ax.figure
    assert isinstance(figure, Figure)
    return figure


def regions(
    places: Mapping[str, Float[np.ndarray, " n"]],
    region: np.ndarray,
    r2: Mapping[str, Mapping[str, float]],
    chance: Mapping[str, Mapping[str, float]],
) -> Figure:
    """Where earthquakes of each region lie, `east`, `north` and `depth` in km from the station, and what codes tell of them."""
    figure, (above, section, bars) = plt.subplots(
        1, 3, figsize=(13, 4), layout="constrained", gridspec_kw={"width_ratios": [1, 1, 1.6]}
    )
    for ax, upwards in ((above, "north"), (section, "depth")):
        _by_group(ax, np.stack([places["east"], places[upwards]], axis=1), region, np.unique(region), 18)
        ax.plot(0, 0, "^", color="black", markersize=8)
        ax.set(xlabel="east of the station (km)", ylabel=f"{upwards} (km)")
    section.invert_yaxis()
    known(r2, chance, bars)
    return figure
