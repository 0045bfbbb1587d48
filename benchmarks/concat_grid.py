"""Figure 8 of the SymAE paper: a grid of 441 initialisations, against one model at a time.

    python benchmarks/concat_grid.py --torch ENV/bin/python [--rounds 7]

A row of the grid uses all cores, a model on each. One at a time is measured twice: by our own program, which then has one
core, and the plain way in PyTorch. Every round times all sides one after the other; seconds are for 10,000 steps of all 441
models, by the medians. Run on an idle machine.
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import monotonic

import jax
import jax.numpy as jnp

from symae_step import Other, medians
from unentangle.recipes.concatenation import AXIS, bernoulli_loss, start, trained
from unentangle.recipes.record import provenance
from unentangle.storage import write_json

STEPS, PLAIN_STEPS = 500, 100
LOSS = partial(bernoulli_loss, scale=10.0)


def ours(members: int) -> Callable[[], float]:
    """Steps of so many members at once."""
    keys = jax.random.split(jax.random.key(0), members)
    models = jax.vmap(start)(keys, jnp.full(members, 0.5), jnp.linspace(-1, 1, members))

    def steps() -> float:
        begun = monotonic()
        jax.block_until_ready(trained(LOSS, models, keys, STEPS, weights=jnp.ones((members, 3))))
        return monotonic() - begun

    return steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch", required=True, help="the Python of an environment with PyTorch")
    parser.add_argument("--rounds", type=int, choices=range(1, 100), default=7, metavar="N")
    given = parser.parse_args()
    begun, row = monotonic(), len(AXIS)
    sides: dict[str, tuple[Callable[[], float], int, int]] = {
        "a row of the grid": (ours(row), row, STEPS),
        "our program, one at a time": (ours(1), 1, STEPS),
    }
    for threads in ("1", "2"):
        other = Other(PLAIN_STEPS, given.torch, "concatenation_torch.py", threads)
        sides[f"pytorch, one at a time, on {threads} thread(s)"] = (other, 1, PLAIN_STEPS)
    middle = medians({name: side for name, (side, _, _) in sides.items()}, given.rounds)
    seconds = {name: middle[name] / members / steps * 10_000 * row**2 for name, (_, members, steps) in sides.items()}
    whole, *others = seconds
    found = {
        "seconds_for_the_grid": seconds,
        "ratios": {f"times faster than {name}": seconds[name] / seconds[whole] for name in others},
    }
    print(found)
    settings = {"members": row, "steps": STEPS, "rounds": given.rounds}
    path = Path(__file__).parent / "results" / "concat_grid.json"
    write_json(path, {"settings": settings} | found | {"provenance": provenance(monotonic() - begun)})


if __name__ == "__main__":
    main()
