"""The step of SymAE with each penalty, over that without one: by itself, and beside all that the defaults have.

Every round times all of them, one after the other; ratios are of medians. Batches of 3 groups of 30 signals of 100 samples.
"""

from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import get_args

import jax.numpy as jnp

import unentangle as un
from symae_step import medians, ours
from unentangle.methods import Adversarial
from unentangle.methods.symae import Penalty
from unentangle.recipes.record import provenance
from unentangle.storage import write_json
from unentangle.train.memory import keep_freed

ROUNDS = 7


def nothing(codes):
    """No penalty, and no work for it."""
    return jnp.zeros(())


@keep_freed()
def main() -> None:
    start, results = monotonic(), {}
    alone = un.SymAE.printed(rate=0.0, regulariser="dropout", architecture="default")
    for case, method in {"alone": alone, "beside the defaults": un.SymAE()}.items():
        penalties = {"none": nothing} | {name: name for name in get_args(Penalty)}
        methods = {name: replace(method, penalty=p, lam=0.3) for name, p in penalties.items()}
        methods["adversarial"] = replace(methods["none"], terms=(*method.terms, Adversarial(0.3, None)))
        middle = medians({name: ours(m, batch=(3, 30), lr=1e-3) for name, m in methods.items()}, ROUNDS)
        results[case] = {name: seconds / middle["none"] for name, seconds in middle.items()}
        print(case, results[case])
    settings = {"data": "mra(18, 30)", "batch": (3, 30), "rounds": ROUNDS, "unit": "the step without a penalty"}
    path = Path(__file__).parent / "results" / "penalties_step.json"
    write_json(path, {"settings": settings, "step": results, "provenance": provenance(monotonic() - start)})


if __name__ == "__main__":
    main()
