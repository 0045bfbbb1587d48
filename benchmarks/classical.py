"""What a classical method makes of multi-reference alignment if it is told that the nuisance is a shift.

    python benchmarks/classical.py

The data is that of `results/symae_swaps.json` (n_x = 18, n_tau = 30), without noise and with noise of 0.3, for ten seeds of
the data. Alignment by the FFT sees rows and groups, no states or shifts (`unentangle.classical`). `alignment_told_shift` is its
error with donors' rows as noisy as the data. `with_clean_donors` is that with rows without noise, with which SymAE is measured.
Writes `results/symae_classical.json`.
"""

from pathlib import Path
from time import monotonic

import numpy as np

from unentangle.classical import Alignment
from unentangle.data import CommonRoll
from unentangle.datasets import mra
from unentangle.evaluate import baselines
from unentangle.metrics import swap_errors
from unentangle.recipes.record import interval, provenance
from unentangle.storage import write_json

SEEDS = range(10)  # of the data


def clean_donors(noise: float, seed: int) -> float:
    """The error of states from noisy groups under the shifts of rows without noise."""
    noisy, clean = mra(noise=noise, seed=seed), mra(seed=seed)
    assert noisy.truth
    state, shift = noisy.group_states, Alignment.of(clean).shift
    answers = [[np.roll(t, -s) for s in shift] for t in Alignment.of(noisy).template]
    truth = [noisy.truth.under(s) for s in state]
    return swap_errors(map(np.array, answers), truth, state, noisy.group, CommonRoll(), noisy.states).mean


def measured(noise: float) -> dict[str, object]:
    """All measures over the seeds of the data."""
    values = [baselines(mra(noise=noise, seed=s)) | {"with_clean_donors": clean_donors(noise, s)} for s in SEEDS]
    return {
        name: {"values": [v[name] for v in values], "mean": float(np.mean([v[name] for v in values]))}
        | {"interval_95": interval([v[name] for v in values])}
        for name in ("alignment_told_shift", "with_clean_donors", "constant", "donor")
    }


def main() -> None:
    begun = monotonic()
    cases = {name: measured(noise) for name, noise in (("without noise", 0.0), ("noise 0.3", 0.3))}
    settings = {"data": {"name": "mra", "n_x": 18, "n_tau": 30, "k": 100, "seeds": list(SEEDS)}}
    path = Path(__file__).parents[1] / "results" / "symae_classical.json"
    write_json(path, {"settings": settings, "cases": cases, "provenance": provenance(monotonic() - begun)})
    for name, case in cases.items():
        print(name, {measure: about["mean"] for measure, about in case.items()})


if __name__ == "__main__":
    main()
