"""kill -9 at random moments over fit (dense, convolutional), study, encode and swap: the same bytes as uninterrupted.

python benchmarks/kills.py [N]: how many kills, by default 100. Writes benchmarks/results/kills.json.
"""

import json
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

RESULT = Path(__file__).parent / "results" / "kills.json"
TOOL = [sys.executable, "-m", "unentangle"]
STUDY = """
import unentangle as un
from unentangle.train import engine
engine.CHECKPOINT_SECONDS = 0.2

def weights(model, data):
    return {{"codes": [float(c) for c in model.encode(data).ravel()]}}

un.study([un.AE(m=1), un.NashAE(m=2)], un.read("mine.npz"), seeds=2, steps=400, batch=8, out="{out}", measure=weights)
"""
FIT = "import sys; from unentangle.train import engine; engine.CHECKPOINT_SECONDS = 0.2; from unentangle.cli import main; "


def commands(out):
    """What is killed: its words, and what it leaves that is compared."""
    begun = [sys.executable, "-c", FIT + "sys.exit(main())", "fit", "mine.npz"]
    sizes = ["--p", "2", "--q", "3", "--batch", "2", "3", "--blur", "0", "--steps", "100"]
    return {
        "fit, dense": [*begun, "ae", "--m", "2", "--steps", "2000", "--batch", "8", "--out", out],
        "fit, convolutional": [*begun, "symae", *sizes, "--out", out],
        "study": [sys.executable, "-c", STUDY.format(out=out)],
        "encode": [*TOOL, "encode", "run", "mine.npz", "--out", f"{out}.npz"],
        "swap": [*TOOL, "swap", "run", "mine.npz", "--out", f"{out}.npz"],
    }


def left(place, out):
    """The bytes that count, by name; a name alone of what should not be there."""
    files = [p for p in place.rglob("*") if p.is_file() and out in str(p.relative_to(place)).split("/")[0]]
    names = sorted(str(p.relative_to(place)).replace(out, "out", 1) for p in files)
    cells = {p.name: json.loads(p.read_text()) for p in files if "cells" in p.parts}
    for cell in cells.values():  # only their seconds may differ
        cell["row"]["seconds"] = None
    return names, cells, [p.read_bytes() for p in sorted(files) if p.suffix in (".safetensors", ".npz")]


def measure(count):
    """Kill so many commands, each kind in turn, begin them again, and compare."""
    rng, began, ends = np.random.default_rng(0), time.monotonic(), {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        np.savez(place / "mine.npz", x=rng.normal(size=(60, 16)), groups=np.arange(60) % 6)

        def run(words, seconds=None):
            child = subprocess.Popen(words, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            try:
                return child.wait(seconds), child.stderr.read()
            except subprocess.TimeoutExpired:
                child.kill()
                return child.wait(), ""

        run(commands("run")["fit, convolutional"])
        whole = {}
        for number in range(count):
            kind = list(commands(""))[number % 5]
            if kind not in whole:
                start = time.monotonic()
                run(commands(f"whole{number}")[kind])
                whole[kind] = left(place, f"whole{number}"), time.monotonic() - start
            expected, seconds = whole[kind]
            words = commands(f"killed{number}-")[kind]
            run(words, rng.uniform(0.3, 1.0) * seconds)
            status, said = run(words)
            same = left(place, f"killed{number}-") == expected
            finished = status == 0 or "exists already" in said  # the kill came too late
            entry = ends.setdefault(kind, {"kills": 0, "same": 0, "else": []})
            entry["kills"] += 1
            entry["same"] += same and finished
            if not (same and finished):
                entry["else"].append(f"exit {status}, {'the same' if same else 'other'} files: {said[-200:]}")
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    versions = {name: version(name) for name in ("unentangle", "numpy", "jax")}
    return {"commit": commit, "versions": versions, "seconds": round(time.monotonic() - began, 1), "ends": ends}


if __name__ == "__main__":
    result = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
