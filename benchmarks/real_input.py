"""The command line on real data, without options: MNIST digits in groups of 20, and 200 earthquakes by source region.

Makes the `.npz` files from the folder that UNENTANGLE_DATA names, runs `unentangle fit FILE symae`, and keeps the metrics.

Run: python benchmarks/real_input.py FOLDER [mnist] [earthquakes]
"""

import os
import sys
from pathlib import Path
from time import monotonic

import numpy as np

import unentangle as un
from unentangle.cli import main as unentangle
from unentangle.recipes.record import provenance
from unentangle.storage import read_json, write_json


def mnist(folder: Path) -> dict[str, np.ndarray]:
    """The first 10,000 training images as bytes, in groups of 20 images of one digit; `state` is the digit."""
    data = un.data.mnist(folder / "mnist", n_tau=20, limit=10_000)
    return {"x": np.asarray(data.x), "groups": data.group, "state": data.factors["state"]}


def earthquakes(folder: Path) -> dict[str, np.ndarray]:
    """200 local earthquakes at one station, (1200 samples, 3 components) in counts, grouped into 10 source regions."""
    data = un.data.ipoc(folder / "seismic" / "ipoc_pb01")
    return {"x": np.asarray(data.x), "groups": data.group, "depth": data.factors["depth"]}


def main() -> None:
    out, *names = sys.argv[1:]
    data = Path(os.environ["UNENTANGLE_DATA"])
    for name in names or ("mnist", "earthquakes"):
        start = monotonic()
        folder = Path(out) / name
        folder.mkdir(parents=True, exist_ok=True)
        arrays = {"mnist": mnist, "earthquakes": earthquakes}[name](data)
        np.savez(folder / "data.npz", **arrays)
        if unentangle(["fit", str(folder / "data.npz"), "symae", "--out", str(folder / "run")]):
            raise SystemExit(1)
        metrics = read_json(folder / "run" / "metrics.json")
        about = {"x": [str(arrays["x"].dtype), *arrays["x"].shape], "groups": len(np.unique(arrays["groups"]))}
        result = {"data": about, "command": "unentangle fit FILE symae --out RUN", "metrics": metrics}
        write_json(
            Path(__file__).parent / "results" / f"real_{name}.json", result | {"provenance": provenance(monotonic() - start)}
        )


if __name__ == "__main__":
    main()
