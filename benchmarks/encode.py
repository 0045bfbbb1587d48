"""Rows of 1,000 samples encoded by SymAE's default nets, groups of 20: ours, from raw rows in memory, against PyTorch.

PyTorch runs the same layers, written the plain way in `others/`, in an environment of its own:

    python benchmarks/encode.py --torch ENV/bin/python [--groups 1000] [--rounds 7]

The floor is the number of operations of the convolutions and dense layers over the rate of a large matrix product measured in
the same run. Every round times all sides one after the other; ratios are of medians. Run on an idle machine.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import equinox as eqx
import jax
import numpy as np

import unentangle as un
from symae_step import Other, medians, product
from unentangle.data.transforms import Chain
from unentangle.methods.protocol import Trained
from unentangle.recipes.record import provenance
from unentangle.storage import write_json

K, INSTANCES = 1000, 20


def ours(groups: int) -> Callable[[], float]:
    """All codes of a data set by a net as it is at the start of a training."""
    x = np.random.default_rng(0).standard_normal((groups * INSTANCES, K), np.float32)
    data, method = un.Dataset(x, groups=np.arange(len(x)) // INSTANCES), un.SymAE()
    net, state = eqx.filter_jit(method.init)((K,), jax.random.key(0))
    model = un.Model(method, Trained(eqx.nn.inference_mode(net), state, data.scale, Chain((K,))), 0)

    def once() -> float:
        start = monotonic()
        model.encode(data)
        return monotonic() - start

    return once


def operations(groups: int) -> float:
    """Multiplications and additions: two per weight and position."""

    def block(positions: int, inputs: int = 32) -> int:
        return positions * 5 * (inputs * 32 + 32 * 32)

    by_row = 2 * (block(125, 8) + block(62)) + block(31) + block(15) + 7 * 32 * 10
    return 2.0 * groups * (INSTANCES * by_row + block(31) + block(15) + 7 * 32 * 5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch", required=True, help="the Python of an environment with PyTorch")
    parser.add_argument("--groups", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--note", help="what to know about the machine")
    given = parser.parse_args()
    start = monotonic()
    pytorch = Other(1, given.torch, "symae_encoders_torch.py", str(given.groups), str(INSTANCES))
    sides: dict[str, Callable[[], float]] = {"ours": ours(given.groups), "product": product(), "pytorch": pytorch}
    middle = medians(sides, given.rounds)
    rate = 2 * 2048**3 / middle.pop("product")
    found = {
        "seconds": middle,
        "rows_per_second": {name: given.groups * INSTANCES / t for name, t in middle.items()},
        "gflops_of_a_product": rate / 1e9,
        "ratios": {
            "times faster than pytorch": middle["pytorch"] / middle["ours"],
            "times the floor": middle["ours"] * rate / operations(given.groups),
        },
        "versions_of_others": {"pytorch": pytorch.version},
    }
    print(found)
    settings = {"rows": given.groups * INSTANCES, "samples": K, "network": "SymAE's default", "rounds": given.rounds}
    settings |= {"note": given.note} if given.note else {}
    path = Path(__file__).parent / "results" / "encode.json"
    write_json(path, {"settings": settings} | found | {"provenance": provenance(monotonic() - start)})


if __name__ == "__main__":
    main()
