"""One SymAE step on multi-reference alignment (18 groups of 30, the authors' network): ours, against Keras and PyTorch.

The others are written the plain way in `others/`, each for an environment of its own, because they need not install together
(one with `pip install torch numpy`, one with `pip install keras tensorflow-cpu numpy`), and both are needed:

    python benchmarks/symae_step.py --torch ENV/bin/python --keras ENV/bin/python [--rounds 7]

The floor is the number of operations of the network over the rate of a large matrix product measured in the same run. Every
round times all sides one after the other; ratios are of medians. Ours evaluates dec1 once per group: like for like are the
sides that do so, too; Keras 3 turns `TimeDistributed` into a loop, that of the authors' time folded the instances. The step of
our defaults (another network, 3 groups of 30) stands beside, without a ratio. Run on an idle machine.
"""

import argparse
import subprocess
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import unentangle as un
from unentangle.recipes.record import provenance
from unentangle.storage import write_json
from unentangle.train import prepare
from unentangle.train.engine import Program
from unentangle.train.memory import keep_freed
from unentangle.train.step import keys_of

STEPS = 10
OTHERS = Path(__file__).parent / "others"


def ours(method: un.SymAE, **training: Any) -> Callable[[], float]:
    """Ten steps late in a training, where every term is computed."""
    program = Program(prepare(method, un.data.mra(), **training))
    numbers, keys = program.trainer.numbers([method]), keys_of([0])
    states, _ = program.trainer.init_all([0])
    late = program.trainer.steps * 3 // 4

    def steps() -> float:
        start = monotonic()
        program.chunk(states, numbers, keys, late, late + STEPS)  # returns when the losses are there
        return monotonic() - start

    return steps


class Other:
    """Some steps of a script in an interpreter of its own, which waits between rounds."""

    def __init__(self, steps: int, python: str, *script: str):
        try:
            pipe = subprocess.PIPE
            self.process = subprocess.Popen([python, *script], stdin=pipe, stdout=pipe, text=True, cwd=OTHERS)
        except OSError as error:
            raise SystemExit(f"{python} cannot be run: {error.strerror}.") from error
        self.steps, self.version, self.script = steps, "", [python, *script]

    def __call__(self) -> float:
        """The seconds that the steps took."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{self.steps}\n")
        self.process.stdin.flush()
        if not (answer := self.process.stdout.readline().split()):
            raise SystemExit(f"{' '.join(self.script)} stopped; is what it imports installed there?")
        self.version = answer[1]
        return float(answer[0])


def product() -> Callable[[], float]:
    """A large matrix product."""
    a = jnp.ones((2048, 2048))
    multiply = jax.jit(lambda a: a @ a)

    def once() -> float:
        start = monotonic()
        jax.block_until_ready(multiply(a))
        return monotonic() - start

    return once


def operations(rows: int = 540, groups: int = 18) -> float:
    """Multiplications and additions of one step: 2 per weight and position forward, twice as much backward."""

    def conv(positions: int, inputs: int = 32, outputs: int = 32) -> int:
        return positions * 5 * inputs * outputs

    def picture(inputs: int) -> int:
        return inputs * 50 + conv(50, 1) + 4 * conv(100) + conv(100, 32, 1)

    pair = [conv(k) + conv(k, 1 if k == 100 else 32) for k in (100, 50, 25, 12)]
    shared = rows * (pair[0] + pair[1]) + groups * (pair[2] + pair[3] + 192 * 5)
    nuisance = rows * (sum(pair) + 192 * 10)
    decoder = groups * picture(5) + rows * (10 * 2000 + 2000 * 500 + 500 * 100 + picture(100))
    return 6.0 * (shared + nuisance + decoder)


def medians(sides: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """The median seconds of each side; every round times all of them, one after the other."""
    for side in sides.values():
        side()  # compile, warm up
    times = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            times[name].append(side())
    return {name: float(np.median(t)) for name, t in times.items()}


@keep_freed()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch", required=True, help="the Python of an environment with PyTorch")
    parser.add_argument("--keras", required=True, help="the Python of an environment with Keras and TensorFlow")
    parser.add_argument("--rounds", type=int, choices=range(1, 100), default=7, metavar="N")
    given = parser.parse_args()
    start = monotonic()
    authors = un.SymAE.printed(regulariser="dropout", architecture="authors")
    sides: dict[str, Callable[[], float]] = {
        "ours": ours(authors, steps=1000, batch=(18, 30), lr=1e-3),
        "ours, by our defaults": ours(un.SymAE()),
        "product": product(),
        "pytorch": Other(STEPS, given.torch, "symae_torch.py"),
        "pytorch, dec1 once per group": Other(STEPS, given.torch, "symae_torch.py", "once"),
        "keras, TimeDistributed": Other(STEPS, given.keras, "symae_keras.py"),
        "keras, instances folded": Other(STEPS, given.keras, "symae_keras.py", "folded"),
        "keras, instances folded, dec1 once per group": Other(STEPS, given.keras, "symae_keras.py", "once"),
    }
    middle = medians(sides, given.rounds)
    rate = 2 * 2048**3 / middle.pop("product")
    ratios = {f"times faster than {name}": t / middle["ours"] for name, t in middle.items() if not name.startswith("ours")}
    ratios["times the floor"] = middle["ours"] / STEPS / (operations() / rate)
    results = {
        "milliseconds_per_step": {name: 1e3 * t / STEPS for name, t in middle.items()},
        "gflops_of_a_product": rate / 1e9,
        "ratios": ratios,
        "versions_of_others": {name: side.version for name, side in sides.items() if isinstance(side, Other)},
    }
    print(results)
    settings = {"data": "mra(18, 30)", "network": "the authors', multiplicative", "steps": STEPS, "rounds": given.rounds}
    path = Path(__file__).parent / "results" / "symae_step.json"
    write_json(path, {"settings": settings} | results | {"provenance": provenance(monotonic() - start)})


if __name__ == "__main__":
    main()
