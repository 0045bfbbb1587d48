"""Swaps of multi-reference alignment by a classical method that is told that the nuisance is a cyclic shift.

The rows of each group are rolled to its first row by the greatest cross-correlation, found by the FFT. Their mean is the
template of the group. A swap of a state with a donor's row is the template of the state. It is rolled as far as the template of
the donor must be to fit that row best. Nothing is learned, and neither states nor shifts are known. Every pair of states and
every shift is measured as in `symae.swaps`, from data with and without noise.

Run: python benchmarks/alignment.py
"""

from pathlib import Path
from time import monotonic

import numpy as np
from jaxtyping import Float, Int

import unentangle as un
from unentangle.datasets.mra import orbit
from unentangle.recipes.record import provenance
from unentangle.storage import write_json

NOISE, SEEDS = (0.0, 0.3), range(10)


def best_rolls(template: Float[np.ndarray, " k"], rows: Float[np.ndarray, "n k"]) -> Int[np.ndarray, " n"]:
    """How far the template must be rolled to fit each row best: the place of the greatest cross-correlation."""
    return np.fft.irfft(np.fft.rfft(rows) * np.fft.rfft(template).conj(), rows.shape[1]).argmax(1)


def rolled(rows: Float[np.ndarray, "n k"], shifts: Int[np.ndarray, " n"]) -> Float[np.ndarray, "n k"]:
    """Every row rolled by its own shift."""
    return rows[np.arange(len(rows))[:, None], (np.arange(rows.shape[1]) - shifts[:, None]) % rows.shape[1]]


def template(rows: Float[np.ndarray, "n k"]) -> Float[np.ndarray, " k"]:
    """The mean of the rows of a group, each rolled to the first."""
    return rolled(rows, -best_rolls(rows[0], rows)).mean(0)


def swap_error(noise: float, seed: int) -> float:
    """Mean squared error of the swaps of all 30 pairs of states under all 100 shifts, after the best common roll."""
    data, truth = un.data.mra(noise=noise, seed=seed), orbit(un.data.mra_states())
    x, state, rng = np.asarray(data.x, float), data.factors["state"], np.random.default_rng(seed)
    first_group = [data.group[state == s][0] for s in range(len(truth))]
    templates = [template(x[data.group == group]) for group in first_group]
    donors = truth + noise * rng.standard_normal(truth.shape)
    shifts = [best_rolls(t, rows) for t, rows in zip(templates, donors, strict=True)]
    swapped = [[rolled(np.tile(t, (len(s), 1)), s) for s in shifts] for t in templates]
    return un.metrics.swap_errors(np.array(swapped), truth).mean


def main() -> None:
    start, found = monotonic(), {}
    for noise in NOISE:
        values = [swap_error(noise, seed) for seed in SEEDS]
        found[f"noise {noise:g}"] = {"values": values, "mean": float(np.mean(values))}
        print(noise, found[f"noise {noise:g}"])
    settings = {"data": "mra(18, 30)", "seeds": list(SEEDS), "measure": "as in results/symae_swaps.json"}
    path = Path(__file__).parent / "results" / "alignment.json"
    write_json(path, {"settings": settings, "swap_error": found, "provenance": provenance(monotonic() - start)})


if __name__ == "__main__":
    main()
