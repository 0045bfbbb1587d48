"""One step on images, with the nets, batches and optimisers of the NashAE authors' code: ours, against PyTorch; and how much
of the time of a training goes by in waiting for images that do not lie on the device.

    python benchmarks/images_step.py --torch ENV/bin/python [--rounds 7]

PyTorch runs the same step, written the plain way in `others/`, in an environment of its own, on images of chance as we do.
Every round times all sides one after the other; ratios are of medians. Waiting is measured on dSprites, packed in memory, and
on the decoded CelebA on disk, where UNENTANGLE_DATA has them, both kept off the device. Run on an idle machine.
"""

import argparse
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

import unentangle as un
from symae_step import Other, medians
from unentangle.data import Dataset, Packed
from unentangle.data.dataset import Scale
from unentangle.datasets import celeba, dsprites
from unentangle.recipes.nashae_images import TABLE_2, TABLE_3, Setting, face_method, sprite_method
from unentangle.recipes.record import provenance
from unentangle.storage import write_json
from unentangle.train import prepare
from unentangle.train.engine import Program
from unentangle.train.memory import keep_freed
from unentangle.train.step import keys_of

STEPS, BATCH = 10, 200
CASES = {
    "dsprites nashae": TABLE_2[0],
    "dsprites betavae": TABLE_2[1],
    "celeba nashae": TABLE_3[0],
    "celeba betavae": TABLE_3[2],
}


def by_chance(name: str) -> Dataset:
    """Images of the shape and type of dSprites or CelebA."""
    rng = np.random.default_rng(0)
    if name == "dsprites":
        return Dataset(Packed.of([rng.integers(0, 2, (10_000, 64, 64), np.uint8)]), scaling=Scale(0.0, 1.0))
    return Dataset(rng.integers(0, 256, (2_000, 64, 64, 3), np.uint8))


def ours(name: str, setting: Setting, data: Dataset) -> Callable[[], tuple[float, dict[str, Any]]]:
    """Some steps: the seconds they took, and the terms of their history."""
    method = sprite_method(np.full((64, 64), 0.5), setting) if name == "dsprites" else face_method(setting)
    program = Program(prepare(method, data, steps=100_000, batch=BATCH, lr=1e-3))
    numbers, keys = program.trainer.numbers([method]), keys_of([0])
    states, _ = program.trainer.init_all([0])
    at = 0

    def steps() -> tuple[float, dict[str, Any]]:
        nonlocal at
        start = monotonic()
        _, terms = program.chunk(states, numbers, keys, at, at + STEPS)  # returns when the losses are there
        at += STEPS
        return monotonic() - start, terms

    return steps


def waiting(rounds: int) -> dict[str, float]:
    """The share of the time that goes by in waiting for rows, of data that is there, the median over rounds."""
    results: dict[str, float] = {}
    readers = {"dsprites": lambda: Dataset(dsprites().x, scaling=Scale(0.0, 1.0)), "celeba": celeba}
    module: Any = import_module("unentangle.train.batches")  # the name in the package is the function's
    resident, module.RESIDENT_BYTES = module.RESIDENT_BYTES, 0
    for case, setting in CASES.items():
        name = case.split()[0]
        try:
            steps = ours(name, setting, readers[name]())
        except un.InputError as error:
            print(f"no waiting is measured on {name}: {error}")
            continue
        steps()  # compile, warm up
        results[case] = float(np.median([steps()[1]["waiting"].mean() for _ in range(rounds)]))
    module.RESIDENT_BYTES = resident
    return results


@keep_freed()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch", required=True, help="the Python of an environment with PyTorch")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--note", help="what to know about the machine")
    given = parser.parse_args()
    start, milliseconds, ratios, versions = monotonic(), {}, {}, {}
    for case, setting in CASES.items():
        name, method = case.split()
        pytorch, own = Other(STEPS, given.torch, "images_torch.py", name, method), ours(name, setting, by_chance(name))
        middle = medians({"ours": lambda own=own: own()[0], "pytorch": pytorch}, given.rounds)
        pytorch.process.terminate()
        milliseconds[case] = {side: 1e3 * t / STEPS for side, t in middle.items()}
        ratios[f"{case}: times faster than pytorch"] = middle["pytorch"] / middle["ours"]
        versions[case] = pytorch.version
        print(case, milliseconds[case], flush=True)
    results = {
        "milliseconds_per_step": milliseconds,
        "ratios": ratios,
        "share_of_time_waiting_for_images_off_the_device": waiting(given.rounds),
        "versions_of_others": versions,
    }
    print(results)
    settings = {"batch": BATCH, "steps": STEPS, "rounds": given.rounds} | ({"note": given.note} if given.note else {})
    path = Path(__file__).parent / "results" / "images_step.json"
    write_json(path, {"settings": settings} | results | {"provenance": provenance(monotonic() - start)})


if __name__ == "__main__":
    main()
