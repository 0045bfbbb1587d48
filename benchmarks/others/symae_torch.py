"""The network of the SymAE authors' Example 1 in plain PyTorch; for `symae_step.py`, in an environment of its own.

For every number read it takes so many training steps and answers with the seconds they took. With the argument "once" dec1 is
evaluated once per group, otherwise for every row, as the authors' code does.
"""

import sys
from itertools import pairwise
from time import monotonic

import numpy as np
import torch
from torch import nn

GROUPS, INSTANCES, K, P, Q = 18, 30, 100, 5, 10


def convs(*channels: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(channels):
        layers += [nn.Conv1d(inputs, outputs, 5, padding="same"), nn.ELU()]
    return layers


def head(outputs: int) -> list[nn.Module]:
    return [nn.BatchNorm1d(32), nn.ELU(), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(6 * 32, outputs)]


def picture(inputs: int) -> nn.Sequential:
    return nn.Sequential(
        *[nn.Linear(inputs, 50), nn.ELU(), nn.Unflatten(1, (1, 50)), *convs(1, 32), nn.Upsample(scale_factor=2)],
        *[*convs(32, 32), nn.Conv1d(32, 32, 5, padding="same"), nn.BatchNorm1d(32), nn.ELU()],
        *[*convs(32, 32, 32), nn.Conv1d(32, 1, 5, padding="same"), nn.Flatten()],
    )


class SymAE(nn.Module):
    """Rows (groups, instances, k) and their reconstruction."""

    def __init__(self, once: bool):
        super().__init__()
        self.once, pool = once, nn.MaxPool1d(2)
        self.coherent_1 = nn.Sequential(*convs(1, 32, 32), pool, *convs(32, 32, 32), pool)
        self.coherent_2 = nn.Sequential(*convs(32, 32, 32), pool, *convs(32, 32, 32), *head(P))
        blocks = [*convs(1, 32, 32), pool, *convs(32, 32, 32), pool, *convs(32, 32, 32), pool, *convs(32, 32, 32)]
        self.nuisance = nn.Sequential(*blocks, *head(Q), nn.Dropout(0.5))
        self.dec1, self.dec3 = picture(P), picture(K)
        self.dec2 = nn.Sequential(nn.Linear(Q, 2000), nn.Linear(2000, 500), nn.Linear(500, K))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Encode and decode."""
        rows = x.reshape(-1, 1, K)
        features = self.coherent_1(rows)
        c = self.coherent_2(features.reshape(GROUPS, INSTANCES, *features.shape[1:]).mean(1))
        first = self.dec1(c) if self.once else self.dec1(c.repeat_interleave(INSTANCES, 0))
        first = first.repeat_interleave(INSTANCES, 0) if self.once else first
        return self.dec3(first * self.dec2(self.nuisance(rows))).reshape(x.shape)


def main() -> None:
    torch.manual_seed(0)
    model = SymAE("once" in sys.argv)
    adam = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7)
    x = torch.tensor(np.random.default_rng(0).standard_normal((GROUPS, INSTANCES, K)), dtype=torch.float32)
    for line in sys.stdin:
        start = monotonic()
        for _ in range(int(line)):
            adam.zero_grad()
            nn.functional.mse_loss(model(x), x).backward()
            adam.step()
        print(monotonic() - start, torch.__version__, flush=True)


main()
