"""Mutated model files, run folders and data files: one sentence each, soon and small, or read.

python benchmarks/mutations.py [MODELS RUNS DATA]: how many of each kind, by default 2,000, 200 and 20,000. Writes
benchmarks/results/mutations.json.
"""

import json
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import h5py
import numpy as np
import pyarrow
from astropy.io import fits
from pyarrow import parquet
from scipy.io import savemat, wavfile

import unentangle as un
from unentangle import runs
from unentangle.cli import main

RESULT = Path(__file__).parent / "results" / "mutations.json"
SECONDS, MEGABYTES, CHARACTERS = 5, 500, 600
KINDS = (".npz", ".csv", ".npy", ".h5", ".mat", ".parquet", ".fits", ".wav")
ODD = ["x", -1, 0, 1e308, 10**30, None, True, [], {}, "y" * 60_000, [[1]], {"z": 1}]


def flipped(rng, content):
    """A few bits turned, the end cut off, two blocks changed over, or a block repeated."""
    content, size = bytearray(content), len(content)
    first, second = sorted(rng.integers(0, size, 2))
    match rng.integers(4):
        case 0:
            for place in rng.integers(0, size, rng.integers(1, 9)):
                content[place] ^= 1 << int(rng.integers(8))
        case 1:
            del content[first:]
        case 2:
            content[first : first + 16], content[second : second + 16] = (
                content[second : second + 16],
                content[first : first + 16],
            )
        case 3:
            content[first:first] = content[first:second]
    return bytes(content)


def edited(rng, content):
    """JSON with one of its values replaced, removed or added."""
    tree = json.loads(content)
    inner, key = tree, rng.choice(list(tree))
    while isinstance(inner[key], dict) and inner[key] and rng.random() < 0.7:
        inner, key = inner[key], rng.choice(list(inner[key]))
    if rng.random() < 0.2:
        del inner[key]
    else:
        inner["extra" if rng.random() < 0.2 else key] = ODD[rng.integers(len(ODD))]
    return json.dumps(tree).encode()


def outcome(action):
    """How a case ends: read, one sentence, or what must not be."""
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signal.alarm(12 * SECONDS)
    try:
        action()
        kind = "read"
    except un.InputError as error:
        kind = "long" if len(str(error)) > CHARACTERS or "\n" in str(error) else "a sentence"
    except Exception as error:
        kind = f"traceback {type(error).__name__}: {error}"[:200]
    signal.alarm(0)
    if time.monotonic() - start > SECONDS:
        kind = "slow"
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return "large" if grown > MEGABYTES else kind


def used(run):
    """Everything that is read from a run."""
    runs.model_of(run)
    runs.open_run(run)
    un.train(un.AE(m=1), un.read(run.parent / "mine.npz"), steps=2, batch=4, out=run, progress=False)


def taken(file):
    """A file as a training takes it: all its rows are read."""
    data = un.read(file, x="x_*" if file.suffix in (".csv", ".parquet") else "x")
    return data.load().scale


def write(folder, x):
    """The same rows in every format."""
    np.save(folder / "mine.npy", x)
    np.savez(folder / "mine.npz", x=x, groups=np.arange(20) % 4)
    names = [f"x_{i}" for i in range(6)]
    lines = [",".join([*names, "groups"]), *(",".join([*map(str, row), "a"]) for row in x)]
    (folder / "mine.csv").write_text("\n".join(lines))
    with h5py.File(folder / "mine.h5", "w") as file:
        file["x"], file["groups"] = x, np.arange(20) % 4
    savemat(folder / "mine.mat", {"x": x, "groups": np.arange(20) % 4})
    parquet.write_table(pyarrow.table(dict(zip(names, x.T, strict=True))), folder / "mine.parquet")
    fits.PrimaryHDU(x).writeto(folder / "mine.fits")
    wavfile.write(folder / "mine.wav", 100, (100 * x).astype(np.int16))


def cases(rng, folder, counts):
    """The kind and the action of every case."""
    whole, run = folder / "run", folder / "mutated"
    model = (whole / "model-0.safetensors").read_bytes()
    for _ in range(counts[0]):
        (folder / "m.safetensors").write_bytes(flipped(rng, model))
        yield "models", lambda: un.Model.load(folder / "m.safetensors")
    texts = sorted(p.name for p in whole.iterdir() if p.suffix in (".json", ".csv"))
    for _ in range(counts[1]):
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(whole, run)
        file = run / rng.choice(texts)
        change = edited if file.suffix == ".json" and rng.random() < 0.7 else flipped
        file.write_bytes(change(rng, file.read_bytes()))
        yield "runs", lambda: used(run)
    for number in range(counts[2]):
        kind = KINDS[number % len(KINDS)]
        file = folder / f"mutated{kind}"
        file.write_bytes(flipped(rng, (folder / f"mine{kind}").read_bytes()))
        yield "data", lambda file=file: taken(file)


def measure(counts):
    """Count how the cases end."""
    rng, start, ends = np.random.default_rng(0), time.monotonic(), {}
    with tempfile.TemporaryDirectory() as place:
        folder, x = Path(place), rng.normal(size=(20, 6))
        write(folder, x)
        settings = ["--steps", "2", "--batch", "4", "--m", "1", "--held-out", "0", "--out", str(folder / "run")]
        main(["fit", str(folder / "mine.npz"), "ae", *settings])
        for kind, action in cases(rng, folder, counts):
            ends.setdefault(kind, Counter())[outcome(action)] += 1
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    versions = {name: version(name) for name in ("unentangle", "numpy", "jax", "safetensors")}
    return {"commit": commit, "versions": versions, "seconds": round(time.monotonic() - start, 1), "ends": ends}


if __name__ == "__main__":
    result = measure([int(word) for word in sys.argv[1:4]] or [2000, 200, 20_000])
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
