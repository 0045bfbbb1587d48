"""How much memory, and how much waiting for rows, a training on a file larger than memory should take costs.

    python benchmarks/large_file.py FOLDER [GIGABYTES]

writes FOLDER/large.h5, rows of 1,000 samples in groups of 100, and fits SymAE to it in a process of its own.
"""

import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np

from unentangle.recipes.record import provenance
from unentangle.storage import write_json

SAMPLES, GROUP, STEPS = 1000, 100, 600

FIT = """
import json, resource, sys, time
from unentangle.cli import main
begun = time.monotonic()
status = main(["fit", sys.argv[1], "symae", "--steps", sys.argv[3], "--out", sys.argv[2]])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(json.dumps({"status": status, "seconds": round(time.monotonic() - begun, 1), "peak_gb": round(peak, 2)}))
"""


def generate(path: Path, rows: int) -> None:
    """Noisy sines whose frequency belongs to the group and whose phase to the row, in an order at random."""
    rng, time = np.random.default_rng(0), np.linspace(0, 1, SAMPLES, dtype=np.float32)
    groups = rng.permutation(rows) // GROUP
    with h5py.File(path, "w") as file:
        x = file.create_dataset("x", (rows, SAMPLES), np.float32)
        for start in range(0, rows, 10_000):
            part = groups[start : start + 10_000, None]
            phase = rng.uniform(0, 1, part.shape).astype(np.float32)
            wave = np.sin(2 * np.pi * ((3 + part % 50).astype(np.float32) * time + phase))
            x[start : start + 10_000] = wave + 0.1 * rng.standard_normal(wave.shape, np.float32)
        file["groups"] = groups


def main() -> None:
    folder, size = Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 4.0
    rows, path, run = int(size * 1e9 / 4 / SAMPLES), folder / "large.h5", folder / "large-run"
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        generate(path, rows)
    command = [sys.executable, "-c", FIT, str(path), str(run), str(STEPS)]
    found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])
    names, *lines = (line.split(",") for line in (run / "history-0.csv").read_text().splitlines())
    waiting = [float(line[names.index("waiting")]) for line in lines[1:]]
    about = {"rows": rows, "samples": SAMPLES, "steps": STEPS, "waiting": round(float(np.mean(waiting)), 4), **found}
    write_json(Path(__file__).parent / "results" / "large_file.json", about | {"provenance": provenance(found["seconds"])})
    print(about)


if __name__ == "__main__":
    main()
