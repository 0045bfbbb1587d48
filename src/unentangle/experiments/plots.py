"""Figures that only experiments draw; nothing is written here."""

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from ..plots import SWAP, by_group, subplots


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
    size = 2.4 + 2.2 * len(measures), 0.34 * len(labels) + 1.6
    figure, axes = subplots(1, len(measures), size, title, sharey=True)
    for ax, measure in zip(axes[0], measures, strict=True):
        every = np.array([values[label][measure] for label in labels], float)
        means = [np.nan if np.isnan(seeds).all() else np.nanmean(seeds) for seeds in every]
        for y, (seeds, mean) in enumerate(zip(every, means, strict=True)):
            ax.plot(seeds, np.full(len(seeds), y), "o", color=SWAP, markersize=4, alpha=0.6, markeredgewidth=0)
            ax.plot(mean, y, "|", color="black", markersize=12, markeredgewidth=1.5)
            if lost := int(np.isnan(seeds).sum()):
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
        ax.set(yticks=range(len(labels)), yticklabels=labels, ylim=(len(labels) - 0.5, -0.5))
        ax.set_title(measure, fontsize=10)
        ax.grid(axis="y", linewidth=0.3)
    return figure


def records(cases: Mapping[str, Mapping[str, Float[np.ndarray, "samples receivers"]]], dt: float) -> Figure:
    """Shot records, one row per case and one column per kind, all of a row on the scale of its record called `true`."""
    kinds, last = list(next(iter(cases.values()))), len(cases) - 1
    figure, axes = subplots(len(cases), len(kinds), (2.6 * len(kinds) + 1.2, 2.5 * len(cases) + 0.3))
    for (i, (case, shown)), (j, kind) in product(enumerate(cases.items()), enumerate(kinds)):
        ax = axes[i, j]
        samples, receivers = shown[kind].shape
        loud = float(np.quantile(np.abs(shown["true"]), 0.995))
        extent = (0.5, receivers + 0.5, dt * samples, 0)
        picture = ax.imshow(shown[kind], vmin=-loud, vmax=loud, cmap="RdBu", aspect="auto", extent=extent)
        ax.set_title(kind if i == 0 else "", fontsize=10)
        ax.set_xlabel("receiver" if i == last else "", fontsize=8)
        if j == 0:
            ax.set_ylabel(f"{case}\n\ntime (s)", fontsize=8)
        else:
            ax.set_yticklabels([])
        if j == len(kinds) - 1:
            figure.colorbar(picture, ax=ax)
    return figure


def pair_errors(errors: Float[np.ndarray, "states nuisances"], states: Sequence[str], nuisance: str, title: str) -> Figure:
    """The error of every pair of a state (rows) and a nuisance (columns), on a logarithmic scale; NaN is white."""
    figure, ((ax,),) = subplots(1, 1, (0.19 * errors.shape[1] + 3.2, 0.26 * len(states) + 1.3))
    picture = ax.imshow(errors, norm=LogNorm(), cmap="viridis", aspect="auto")
    ax.set(xlabel=nuisance, yticks=range(len(states)), yticklabels=states)
    ax.set_title(title, fontsize=10)
    figure.colorbar(picture, ax=ax, label="error")
    return figure


def probes(r2: Mapping[str, Mapping[str, float]], chance: Mapping[str, Mapping[str, float]], ax: Axes | None = None) -> Figure:
    """R^2 with which each kind of code (colours) predicts each factor, not below -0.2, and a mark at that of chance."""
    ax = ax or subplots(1, 1, (6, 3.4))[1][0, 0]
    assert ax is not None
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
    """Where the earthquakes of each region lie (`east`, `north` and `depth` in km from the station), and what codes predict."""
    figure, ((above, section, bars),) = subplots(1, 3, (13, 4), width_ratios=[1, 1, 1.6])
    for ax, upwards in ((above, "north"), (section, "depth")):
        by_group(ax, np.stack([places["east"], places[upwards]], axis=1), region, np.unique(region), 18)
        ax.plot(0, 0, "^", color="black", markersize=8)
        ax.set(xlabel="east of the station (km)", ylabel=f"{upwards} (km)")
    section.invert_yaxis()
    probes(r2, chance, bars)
    return figure
