"""The two figures to look at first: what swaps or traversals look like, and where the codes lie."""

import numpy as np
from matplotlib.figure import Figure

from . import plots
from .data import Dataset, Truth
from .data.dataset import evenly
from .evaluate import grid_swaps
from .methods.codes import side_by_side
from .metrics import effects
from .model import Model


def figures(model: Model, data: Dataset) -> dict[str, Figure]:
    """What to look at first: `redatuming` and `codes`, or `latents` and `traversals` of a method with codes per row only."""
    if not model.grouped:
        return latent_figures(model, data)
    return {"redatuming": redatuming(model, data), "codes": code_figure(model, data)}


def redatuming(model: Model, data: Dataset) -> Figure:
    """Up to six states, each under ten nuisances of another one (as Figure 2 of the SymAE paper).

    With a truth, the true recordings are drawn as well, and answers come after the best element of the freedom of each pair.
    Without one, each row shows instances of one group and their nuisances under the state of the group before.
    """
    data = model.view(data)
    if data.truth is not None and data.truth.listed:
        return _redatuming_of_all(*grid_swaps(model, data, data.truth), data.truth)
    codes, group_states = model.codes(data), data.group_states
    chosen = _some(np.sort(np.unique(group_states, return_index=True)[1]), 6)
    donors = np.roll(chosen, -1)
    styles = [_some(np.flatnonzero(data.group == d), 10) for d in donors]
    styles = [np.resize(s, max(map(len, styles))) for s in styles]  # a short group comes round again

    def under(groups: np.ndarray) -> np.ndarray:
        pairs = zip(groups.tolist(), styles, strict=True)
        return np.stack([model.decode(codes.pair(g, s)) for g, s in pairs])

    real, reconstruction, swap = np.stack([data.chain.undo(data.rows(s)) for s in styles]), under(donors), under(chosen)
    title = "Instances of one group, their reconstruction, and the same nuisances under the state of another group"
    if data.truth is not None:
        state = [data.truth.state[np.flatnonzero(data.group == g)[0]] for g in chosen]
        true = [data.truth.under(s, rows) for s, rows in zip(state, styles, strict=True)]
        real, reconstruction = data.chain.undo(data.chain.forward(np.stack(true))), None
        swap = np.stack([data.truth.freedom.align(*pair).answers for pair in zip(swap, real, strict=True)])
        title = "The true recordings of one state under the nuisances of another group, and swaps" + data.truth.freedom.after
    rows = [f"{group_states[d]}\nswapped to {group_states[i]}" for i, d in zip(chosen, donors, strict=True)]
    columns = [f"instance {j + 1}" for j in range(len(styles[0]))]
    return plots.redatuming(real, reconstruction, swap, rows, columns, title)


def _redatuming_of_all(data: Dataset, swapped: np.ndarray, truth: Truth) -> Figure:
    """One row per pair of states, one column per tenth of the nuisances. Pairs are the first that the truth names."""
    states, count = len(swapped), len(data) // len(swapped)
    swapped = swapped.reshape(states, states, count, *data.row_shape)
    true = data.rows(np.arange(len(data))).reshape(states, count, *data.row_shape)
    shown = np.arange(0, count, max(count // 10, 1))[:10]
    pairs = next((p for p in truth.pairs.values() if p), [(i, (i + 1) % states) for i in range(states)])[:6]

    def aligned(state: int, donor: int) -> np.ndarray:
        return truth.freedom.align(swapped[state, donor], true[state]).answers[shown]

    real, own = np.stack([true[i, shown] for i, _ in pairs]), np.stack([aligned(i, i) for i, _ in pairs])
    swaps = np.stack([aligned(*pair) for pair in pairs])
    rows = [f"state {i + 1}, {truth.name}s\nof state {d + 1}" for i, d in pairs]
    columns = [f"{truth.name} {data.factors[truth.name][j]}" for j in shown]
    title = f"Each state under the {truth.name}s of another one" + truth.freedom.after
    return plots.redatuming(real, own, swaps, rows, columns, title)


def code_figure(model: Model, data: Dataset) -> Figure:
    """The codes of the groups, and those of rows (as Figure 4 of the SymAE paper): of every state under every nuisance, if the
    truth lists them, else of up to 5,000 rows.
    """
    data = model.view(data)
    codes = model.codes(data)
    coherent = side_by_side(codes.by_group)
    if data.truth is not None and data.truth.listed:
        whole = data.truth.grid()
        shown = {data.truth.name: whole.factors[data.truth.name]}
        return plots.codes(coherent, side_by_side(model.codes(whole).by_row), data.group_states + 1, whole.states + 1, shown)
    rows = evenly(len(data), 5000)
    factors = {n: v[rows] for n, v in data.factors.items() if data.factors.kinds[n] == "continuous"}
    nuisance = side_by_side(codes.by_row)[rows]
    return plots.codes(coherent, nuisance, data.group_states, data.states[rows], dict(list(factors.items())[:2]))


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
    [part] = model.parts
    paths = model.traverse(data, int(rows[np.argmin(middle)]), {part.name: used})
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
