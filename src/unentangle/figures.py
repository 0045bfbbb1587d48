"""The two figures to look at first: what swaps or traversals look like, and where the codes lie."""

import numpy as np
from matplotlib.figure import Figure

from . import plots
from .data import Dataset
from .data.dataset import evenly
from .datasets import mra_states
from .evaluate import mra_swaps, orbits
from .metrics import PHI, effects
from .model import Model


def mra_figures(model: Model, data: Dataset) -> dict[str, Figure]:
    """`redatuming` and `codes` for the six states of multi-reference alignment, as Figures 2 and 4 of the SymAE paper."""
    return {"redatuming": mra_redatuming(model, data), "codes": mra_codes(model, data)}


def mra_redatuming(model: Model, data: Dataset) -> Figure:
    """Figure 2: the panel in row i and column j holds state i under shift 10 j, j from 0; its nuisance code comes from the
    paper's donor of state i.
    """
    swapped, truth = mra_swaps(model, mra_states(data.row_shape[0]), int(np.median(data.group_sizes)))
    shown = np.arange(0, truth.shape[1], truth.shape[1] // 10)[:10]
    own = np.stack([swapped[i, i, shown] for i in range(6)])
    swaps = np.stack([swapped[i, d, shown] for i, d in enumerate(PHI)])
    rows = [f"state {i + 1}, shifts\nof state {d + 1}" for i, d in enumerate(PHI)]
    columns = [f"shift {s}" for s in shown]
    return plots.redatuming(truth[:, shown], own, swaps, rows, columns, "Each state under the shifts of another one")


def mra_codes(model: Model, data: Dataset) -> Figure:
    """Figure 4: the coherent codes of the groups of `data`, and the nuisance codes of every state under every shift."""
    whole = orbits(mra_states(data.row_shape[0]))
    coherent, nuisance = model.encode(data).coherent, model.encode(whole).nuisance
    return plots.codes(coherent, nuisance, data.group_states + 1, whole.states + 1, {"shift": whole.factors["shift"]})


def figures(model: Model, data: Dataset) -> dict[str, Figure]:
    """`redatuming` and `codes` for data without a known truth.

    Up to six groups of different states; each row shows ten instances of one of them, and their nuisances under the state of
    the group before.
    """
    data = model.view(data)
    codes = model.encode(data)
    group_states = data.group_states
    chosen = _some(np.sort(np.unique(group_states, return_index=True)[1]), 6)
    donors = np.roll(chosen, -1)
    styles = [_some(np.flatnonzero(data.group == d), 10) for d in donors]
    styles = [np.resize(s, max(map(len, styles))) for s in styles]  # a short group comes round again

    def under(groups: np.ndarray) -> np.ndarray:
        return np.stack([model.decode(codes.pair(g, s)) for g, s in zip(groups.tolist(), styles, strict=True)])

    rows = [f"{group_states[d]}\nswapped to {group_states[i]}" for i, d in zip(chosen, donors, strict=True)]
    columns = [f"instance {j + 1}" for j in range(len(styles[0]))]
    title = "Instances of one group, their reconstruction, and the same nuisances under the state of another group"
    real = np.stack([data.chain.undo(data.rows(s)) for s in styles])
    shown = evenly(len(data), 5000)
    factors = {n: v[shown] for n, v in data.factors.items() if data.factors.kinds[n] == "continuous"}
    few = dict(list(factors.items())[:2])
    return {
        "redatuming": plots.redatuming(real, under(donors), under(chosen), rows, columns, title),
        "codes": plots.codes(codes.coherent, codes.nuisance[shown], group_states, data.states[shown], few),
    }


def latent_figures(model: Model, data: Dataset, most: int = 8) -> dict[str, Figure]:
    """`latents` and `traversals` for a method with one code per row: its latents, those that do most to the data first.

    Latents are drawn against the first continuous factor, coloured by the first other one; without factors against the number
    of the row. The traversals start from the row whose code is nearest to the middle of all.
    """
    rows = evenly(len(data), 2000)
    codes = model.encode(data.take(rows))
    effect = effects(model.decode, codes)
    order = np.argsort(-effect, kind="stable")[:most]
    names = [f"latent {i}: {effect[i]:.0%} of the variance" for i in order]
    kinds = data.factors.kinds
    along = next((n for n, kind in kinds.items() if kind == "continuous"), None)
    colour = next((n for n, kind in kinds.items() if kind != "continuous" and len(np.unique(data.factors[n])) <= 40), None)
    spread = codes.std(axis=0)
    middle = np.sum(((codes - np.median(codes, axis=0)) / np.where(spread > 0, spread, 1)) ** 2, axis=1)
    used = [int(i) for i in order if effect[i] > 0.01] or [int(order[0])]
    paths = model.traverse(data, int(rows[np.argmin(middle)]), {model.parts[0].name: used})
    return {
        "latents": plots.latents(
            codes[:, order],
            rows.astype(float) if along is None else data.factors[along][rows].astype(float),
            along or "row",
            None if colour is None else data.factors[colour][rows],
            colour or "",
            names,
            f"The latent space: {np.sum(effect > 0.01)} of {codes.shape[1]} latents in use",
        ),
        "traversals": plots.traversals(
            paths, [n.replace(": ", "\n") for n in names[: len(used)]], "One row, one latent at a time from least to greatest"
        ),
    }


def _some(things: np.ndarray, count: int) -> np.ndarray:
    """At most `count` of them, evenly spread."""
    return things[evenly(len(things), count)]
