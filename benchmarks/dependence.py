"""J of 100,000 codes of dimension 10: peak memory, seconds, and the deviation from the direct formula on small inputs.

Run: python benchmarks/dependence.py
"""

import resource
from pathlib import Path
from time import monotonic

import numpy as np
from scipy.spatial.distance import cdist

from unentangle.dependence import J, J_estimate
from unentangle.recipes.record import provenance
from unentangle.storage import write_json


def codes(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 6, n)
    return label, (rng.standard_normal((n, 10)) + 0.1 * label[:, None]).astype(np.float32)


def direct(label: np.ndarray, y: np.ndarray) -> float:
    """Definition 5 in float64, from whole matrices of distances."""
    y = y.astype(float)
    parts = [(label == v, y[label == v]) for v in np.unique(label)]
    whole = cdist(y, y).mean()
    return sum(m.mean() * (cdist(own, y).mean() - cdist(own, own).mean() / 2 - whole / 2) for m, own in parts)


def main() -> None:
    start = monotonic()
    small = [abs(J(*codes(n, n)).J - direct(*codes(n, n))) for n in (10, 100, 1000, 3000)]
    label, y = codes(100_000)
    begin = monotonic()
    exact = J(label, y)
    seconds = monotonic() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    begin = monotonic()
    estimate = J_estimate(label, y)
    result = {
        "codes": [100_000, 10],
        "J": exact.J,
        "seconds": round(seconds, 1),
        "peak_memory_gib_of_the_whole_process": round(peak, 3),
        "estimate_from_1e6_pairs": {"value": estimate.value, "standard_error": estimate.error, "seconds": monotonic() - begin},
        "largest_deviation_from_direct_formula": {"n": [10, 100, 1000, 3000], "absolute": small, "target": 1e-5},
        "provenance": provenance(monotonic() - start),
    }
    write_json(Path(__file__).parent / "results" / "dependence.json", result)
    print(result)


if __name__ == "__main__":
    main()
