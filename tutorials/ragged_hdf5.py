"""From an HDF5 file with groups of any size to codes and virtual recordings, by the command line's own functions.

    python tutorials/ragged_hdf5.py [STEPS [FOLDER]]

This script writes the file. With a file of your own, begin at `inspect`. Every step is also a command:

    unentangle inspect pulses.h5 --groups site
    unentangle fit pulses.h5 symae --groups site --out run
    unentangle encode run pulses.h5 --out codes.h5
    unentangle swap run pulses.h5 --state site_03 --out virtual.h5
    unentangle evaluate run
"""

import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np

from unentangle.cli import main

steps = sys.argv[1] if len(sys.argv) > 1 else "2000"
folder = Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp())

rng, t = np.random.default_rng(0), np.arange(100)
sites = np.repeat([f"site_{i:02d}" for i in range(20)], rng.integers(2, 60, 20))  # 2 to 59 recordings of each site
width, delay = 2 + np.unique(sites, return_inverse=True)[1] / 3, rng.uniform(20, 80, len(sites))
pulses = np.exp(-(((t - delay[:, None]) / width[:, None]) ** 2)) + 0.02 * rng.standard_normal((len(sites), 100))
with h5py.File(folder / "pulses.h5", "w") as file:
    file["x"], file["site"], file["delay"] = pulses.astype(np.float32), sites.astype(object), delay


def run(*words: str) -> None:
    """One command."""
    print("\n$ unentangle", *words)
    if main([*words]):
        sys.exit(1)


data, out = str(folder / "pulses.h5"), str(folder / "run")
run("inspect", data, "--groups", "site")
run("fit", data, "symae", "--groups", "site", "--steps", steps, "--out", out)
run("encode", out, data, "--out", str(folder / "codes.h5"))
run("swap", out, data, "--state", "site_03", "--out", str(folder / "virtual.h5"))
run("evaluate", out)

with h5py.File(folder / "codes.h5") as codes, h5py.File(folder / "virtual.h5") as virtual:
    print("\ncodes.h5:", ", ".join(f"{name} {codes[name].shape}" for name in codes))
    print("virtual.h5:", ", ".join(f"{name} {virtual[name].shape}" for name in virtual))
