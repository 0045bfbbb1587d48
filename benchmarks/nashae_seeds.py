"""Many seeds at once: NashAE on Beamsynthesis, m = 8, with 1 to 128 seeds as one program.

Do time and memory grow linearly, and is a seed among 128 that seed alone (to 1e-4 after 20 steps)? After 1,000 steps, do 128
seeds at once learn as many latents as the same seeds eight at a time?

Run: python benchmarks/nashae_seeds.py            (growth, on an idle machine)
     python benchmarks/nashae_seeds.py learned    (two trainings of 128 seeds)
"""

import json
import resource
import subprocess
import sys
from collections import Counter
from pathlib import Path
from time import monotonic
from typing import Any

import jax
import numpy as np
from scipy.stats import fisher_exact

import unentangle as un
from unentangle.recipes.record import provenance
from unentangle.storage import write_json
from unentangle.train import prepare
from unentangle.train.engine import Program
from unentangle.train.memory import keep_freed
from unentangle.train.step import keys_of

METHOD = un.NashAE(m=8)
COUNTS = (1, 8, 32, 128)


@keep_freed()
def peak(count: int) -> None:
    """In a process of its own: seconds per step and seed, and the greatest memory, of so many seeds at once."""
    program = Program(prepare(METHOD, un.data.beamsynthesis()))
    states, _ = program.trainer.init_all(range(count))
    numbers, keys = program.trainer.numbers([METHOD] * count), keys_of(range(count))
    program.chunk(states, numbers, keys, 0, 50)
    times = []
    for _ in range(3):
        start = monotonic()
        program.chunk(states, numbers, keys, 0, 50)
        times.append((monotonic() - start) / 50 / count)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(json.dumps({"seeds": count, "milliseconds_per_step_and_seed": 1e3 * float(np.median(times)), "peak_MiB": memory}))


def leaves(model: un.Model) -> list[np.ndarray]:
    return [np.asarray(w) for w in jax.tree.leaves(model.trained.net) if hasattr(w, "shape")]


def growth() -> None:
    start, data = monotonic(), un.data.beamsynthesis()
    grown = [
        json.loads(subprocess.run([sys.executable, __file__, str(n)], capture_output=True, text=True, check=True).stdout)
        for n in COUNTS
    ]
    together = un.train(METHOD, data, seeds=range(128), steps=20, progress=False)
    apart = []
    for seed in (0, 63, 127):
        alone = un.train(METHOD, data, seeds=seed, steps=20, progress=False)[0]
        apart.append(max(float(np.abs(a - b).max()) for a, b in zip(leaves(alone), leaves(together[seed]), strict=True)))
    differences = dict(zip((0, 63, 127), apart, strict=True))
    _write("growth", start, {"growth": grown, "largest_difference_of_a_weight_after_20_steps": differences})


def learned() -> None:
    """Learned latents of 128 seeds, trained all at once and eight at a time."""
    start, data = monotonic(), un.data.beamsynthesis()
    results = {}
    for together in (128, 8):
        runs = [un.train(METHOD, data, seeds=range(s, s + together)) for s in range(0, 128, together)]
        results[f"{together} at once"] = [m.parts[0].learned(m.encode(data), None) for run in runs for m in run]
    counts = {name: dict(sorted(Counter(numbers).items())) for name, numbers in results.items()}
    two = [[numbers.count(2), len(numbers) - numbers.count(2)] for numbers in results.values()]
    _write("learned", start, {"learned_latents": results, "counts": counts, "fisher_exact_p": float(fisher_exact(two).pvalue)})


def _write(what: str, start: float, result: dict[str, Any]) -> None:
    about = {"method": repr(METHOD), "provenance": provenance(monotonic() - start)}
    write_json(Path(__file__).parent / "results" / f"nashae_seeds_{what}.json", result | about)


if __name__ == "__main__":
    match sys.argv[1:]:
        case [count] if count.isdigit():
            peak(int(count))
        case ["learned"]:
            learned()
        case []:
            growth()
        case other:
            raise SystemExit(f"{' '.join(other)} is unknown; say learned, or nothing.")
