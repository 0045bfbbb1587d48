"""One NashAE step on Beamsynthesis: ours, against a plain PyTorch loop and against the floor of the arithmetic.

The PyTorch side is written as published implementations are: one module per predictor, a Python loop over them, one seed. The
floor is the number of floating-point operations of the algorithm as printed, over the rate of a large matrix product measured
in the same run. Every round times all sides one after the other; ratios are of medians, per step and seed.

Run on an idle machine, with the extra `benchmarks`: python benchmarks/nashae_step.py [rounds]
"""

import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from time import monotonic

import jax
import jax.numpy as jnp
import numpy as np
import torch
from torch import nn

import unentangle as un
from unentangle.recipes.record import provenance
from unentangle.storage import write_json
from unentangle.train import prepare
from unentangle.train.engine import Program
from unentangle.train.memory import keep_freed
from unentangle.train.step import keys_of

ROWS, STEPS = 100, 50


def ours(m: int, seeds: int) -> Callable[[], None]:
    """Fifty steps of so many seeds as one program."""
    method = un.NashAE(m=m)
    program = Program(prepare(method, un.data.beamsynthesis(), batch=ROWS))
    numbers, keys = program.trainer.numbers([method] * seeds), keys_of(range(seeds))
    states, _ = program.trainer.init_all(range(seeds))

    def steps() -> None:
        program.chunk(states, numbers, keys, 0, STEPS)  # returns when the losses are there

    return steps


def theirs(m: int) -> Callable[[], None]:
    """Fifty steps of one seed in PyTorch, with a loop over the predictors."""

    def mlp(*widths: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [nn.Linear(inputs, outputs), nn.SELU()]
        return nn.Sequential(*layers[:-1])

    encoder, decoder = nn.Sequential(mlp(1000, 200, 80, 40, m), nn.Sigmoid()), mlp(m, 40, 80, 200, 1000)
    predictors = nn.ModuleList(mlp(m, 40, 40, 1) for _ in range(m))
    autoencoder = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
    opponents = torch.optim.Adam(predictors.parameters(), lr=1e-2)
    data = torch.tensor(un.data.beamsynthesis().scale.standardise(un.data.beamsynthesis().x))
    mse = nn.MSELoss()

    def predict(z: torch.Tensor) -> torch.Tensor:
        results = []
        for i, predictor in enumerate(predictors):
            others = z.clone()
            others[:, i] = 0
            results.append(predictor(others))
        return torch.cat(results, dim=1)

    def steps() -> None:
        for _ in range(STEPS):
            x = data[torch.randint(len(data), (ROWS,))]
            z = encoder(x).detach()
            for _ in range(5):
                opponents.zero_grad()
                (0.5 * mse(predict(z), z)).backward()
                opponents.step()
            autoencoder.zero_grad()
            z = encoder(x)
            predicted, true = predict(z), z.detach()
            covariance = ((true * predicted).mean(0) - true.mean(0) * predicted.mean(0)).sum()
            (0.8 * 0.5 * mse(decoder(z), x) + 0.2 * covariance).backward()
            autoencoder.step()

    return steps


def operations(m: int) -> float:
    """Multiplications and additions of one step as printed: 2 per weight and row forward, 2 for the gradient of each layer's
    weights and 2 for that of its inputs, where these are needed.
    """

    def weights(*widths: int) -> list[int]:
        return [a * b for a, b in pairwise(widths)]

    encoder, decoder = weights(1000, 200, 80, 40, m), weights(m, 40, 80, 200, 1000)
    predictor = [m * w for w in weights(m, 40, 40, 1)]

    def descend(layers: list[int]) -> float:  # forward, and backward without the gradient of the first inputs
        return 6 * sum(layers) - 2 * layers[0]

    codes = 2 * sum(encoder)
    opponents = 5 * descend(predictor)
    autoencoder = descend(encoder) + 6 * sum(decoder) + 4 * sum(predictor)
    return ROWS * (codes + opponents + autoencoder)


def product(size: int = 2048) -> Callable[[], None]:
    """A large matrix product."""
    a = jnp.ones((size, size))
    multiply = jax.jit(lambda a: a @ a)
    return lambda: jax.block_until_ready(multiply(a))


def timed(function: Callable[[], None]) -> float:
    start = monotonic()
    function()
    return monotonic() - start


@keep_freed()
def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    start, results = monotonic(), []
    torch.manual_seed(0)
    multiply = product()
    multiply()
    for m in (4, 8, 16, 32):
        sides = {"ours, 1 seed": ours(m, 1), "ours, 8 seeds": ours(m, 8), "pytorch loop": theirs(m), "product": multiply}
        for side in sides.values():
            side()  # compile, warm up
        times: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(rounds):
            for name, side in sides.items():
                times[name].append(timed(side))
        middle = {name: float(np.median(t)) for name, t in times.items()}
        rate = 2 * 2048**3 / middle["product"]
        per_step = {
            "ours, 1 seed": middle["ours, 1 seed"] / STEPS,
            "ours, 8 seeds": middle["ours, 8 seeds"] / STEPS / 8,
            "pytorch loop": middle["pytorch loop"] / STEPS,
            "floor": operations(m) / rate,
        }
        ratios = {}
        for name in ("ours, 1 seed", "ours, 8 seeds"):
            ratios[f"{name}: times faster than the loop"] = per_step["pytorch loop"] / per_step[name]
            ratios[f"{name}: times the floor"] = per_step[name] / per_step["floor"]
        milliseconds = {name: 1e3 * seconds for name, seconds in per_step.items()}
        results.append({"m": m, "milliseconds_per_step": milliseconds, "gflops": rate / 1e9, "ratios": ratios})
        print(results[-1], flush=True)
    settings = {"data": "beamsynthesis()", "rows": ROWS, "steps": STEPS, "rounds": rounds, "torch": torch.__version__}
    threads = {"torch_threads": torch.get_num_threads()}
    write_json(
        Path(__file__).parent / "results" / "nashae_step.json",
        {"settings": settings | threads, "sizes": results, "provenance": provenance(monotonic() - start)},
    )


if __name__ == "__main__":
    main()
