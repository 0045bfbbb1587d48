"""Many seeds at once: NashAE on Beamsynthesis, m = 8, with 1 to 128 seeds as one program.

Do time and memory grow linearly? Is a seed among 128 that seed alone (to 1e-4 after 20 steps)? After 1,000 steps, are learned
latents distributed as when seeds train eight at a time (results/nashae_seeds_64.json)?

Run: python benchmarks/nashae_seeds.py [short]     (short leaves the 1,000 steps out)
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

import unentangle as un
from unentangle.recipes.record import provenance
from unentangle.storage import read_json, write_json
from unentangle.train import Program, keys_of, prepare

METHOD = un.NashAE(m=8)
COUNTS = (1, 8, 32, 128)


def peak(count: int) -> None:
    """In a process of its own: seconds per step and seed, and the greatest memory, of so many seeds at once."""
    program = Program(prepare(METHOD, un.data.beamsynthesis()))
    games, _ = program.trainer.start(range(count))
    numbers, keys = program.trainer.numbers([METHOD] * count), keys_of(range(count))
    program.chunk(games, numbers, keys, 0, 50)
    times = []
    for _ in range(3):
        start = monotonic()
        program.chunk(games, numbers, keys, 0, 50)
        times.append((monotonic() - start) / 50 / count)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(json.dumps({"seeds": count, "milliseconds_per_step_and_seed": 1e3 * float(np.median(times)), "peak_MiB": memory}))


def leaves(model: un.Model) -> list[np.ndarray]:
    return [np.asarray(w) for w in jax.tree.leaves(model.trained.net) if hasattr(w, "shape")]


def main(short: bool) -> None:
    start, data = monotonic(), un.data.beamsynthesis()
    growth = [
        json.loads(subprocess.run([sys.executable, __file__, str(n)], capture_output=True, text=True, check=True).stdout)
        for n in COUNTS
    ]
    together = un.train(METHOD, data, seeds=range(128), steps=20, progress=False)
    apart = []
    for seed in (0, 63, 127):
        alone = un.train(METHOD, data, seeds=seed, steps=20, progress=False)[0]
        apart.append(max(float(np.abs(a - b).max()) for a, b in zip(leaves(alone), leaves(together[seed]), strict=True)))
    result: dict[str, Any] = {
        "method": "NashAE(m=8, lam=0.2)",
        "growth": growth,
        "largest_difference_of_a_weight_after_20_steps": dict(zip((0, 63, 127), apart, strict=True)),
    }
    if not short:
        learned = Counter(METHOD.learned(m.trained, data) for m in un.train(METHOD, data, seeds=range(128)))
        result["learned_latents_of_128_at_once"] = dict(sorted(learned.items()))
    path = Path(__file__).parents[1] / "results" / "nashae_seeds_64.json"
    if path.exists():
        cell = next(c for c in read_json(path)["cells"] if (c["value"], c["m"]) == (0.2, 8))
        result["learned_latents_of_64_eight_at_a_time"] = dict(sorted(Counter(cell["learned"]).items()))
    write_json(
        Path(__file__).parent / "results" / "nashae_seeds.json", result | {"provenance": provenance(monotonic() - start)}
    )


if __name__ == "__main__":
    if sys.argv[1:] and sys.argv[1].isdigit():
        peak(int(sys.argv[1]))
    else:
        main("short" in sys.argv[1:])
