"""Own arrays in twenty lines: what stays, what varies, and the two recombined.

    python tutorials/own_arrays.py [STEPS]

Sixty resonators ring, and each is recorded twenty times. Every recording starts at another time and has another loudness. The
resonator is the state, the rest is nuisance. (The recommended 5,000 steps take minutes.)
"""

import sys

import numpy as np

import unentangle as un
from unentangle.methods import terms

rng, t = np.random.default_rng(0), np.linspace(0, 1, 128)
which = np.repeat(np.arange(60), 20)  # one key per row: which rows share a state
start, loudness = rng.uniform(0, 0.5, 1200), rng.uniform(0.5, 2, 1200)
late = np.maximum(t - start[:, None], 0)
rows = loudness[:, None] * np.sin(2 * np.pi * (4 + which[:, None] / 5) * late) * np.exp(-5 * late)

data = un.Dataset(rows, groups=which)
seen, unseen = data.split(held_out=0.2)  # whole groups
# Rows oscillate about zero, and no start comes twice.
method = un.SymAE(terms=terms.recommended(blur=0, isometry=0, coincidence=0))
model = un.train(method, seen, steps=int(sys.argv[1]) if len(sys.argv) > 1 else None)[0]
codes = model.encode(unseen)  # coherent (groups, p), nuisance (rows, q)
virtual = model.swap(state=unseen, style=unseen)  # every resonator with every start and loudness: (groups, rows, 128)

values = un.evaluate(model, unseen)  # leakage needs no truth
print(f"codes: coherent {codes.coherent.shape}, nuisance {codes.nuisance.shape}; virtual recordings {virtual.shape}")
print(f"not reconstructed, of resonators never heard: {values['reconstruction_relative']:.3f} of the variance")
print(f"the resonator is read from the nuisance code {values['leakage']:.2f} (chance {values['leakage_chance']:.2f})")
