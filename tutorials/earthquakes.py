"""Real recordings: 200 earthquakes at one station, grouped by where they came from.

    UNENTANGLE_DATA=... python tutorials/earthquakes.py [STEPS]

Earthquakes of one region share the path to the station, and the source varies. There is no truth to compare with. So the
questions are: is the region kept out of the nuisance code, and do the codes know what a seismologist knows?
"""

import sys

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import cross_val_score

import unentangle as un
from unentangle.methods import terms

raw = un.data.ipoc()  # (200, 1200, 3) counts at 20 Hz, from data you have: see `unentangle.datasets.ipoc`
data = raw.through(un.data.Bandpass(1, 8, rate=20), un.data.Taper(0.05))  # kept with the model, which takes raw rows
seen, unseen = data.split(held_out=0.2)
# Recordings oscillate about zero, another source does not move all of them equally far, and no source comes twice.
method = un.SymAE(terms=terms.recommended(blur=0, isometry=0, coincidence=0))
model = un.train(method, seen, steps=int(sys.argv[1]) if len(sys.argv) > 1 else 1500)[0]

values = un.evaluate(model, unseen)
print(f"not reconstructed, of regions never seen: {values['reconstruction_relative']:.2f} of the variance of a row")
print(f"the region is read from the nuisance code {values['leakage']:.2f} (chance {values['leakage_chance']:.2f})")

alone = model.encode(un.Dataset(raw.x, groups=np.arange(len(raw))))  # every earthquake as a group of its own
for name in ("distance", "depth", "magnitude"):
    what = data.factors[name]
    r2 = {kind: cross_val_score(RidgeCV(np.logspace(-3, 3, 13)), codes, what, cv=5).mean() for kind, codes in (
        ("coherent", alone.coherent), ("nuisance", alone.nuisance), ("level", np.log(alone.level[:, 1:])),
    )}  # fmt: skip
    print(f"{name}: R^2 " + ", ".join(f"{value:.2f} from the {kind} code" for kind, value in r2.items()))
