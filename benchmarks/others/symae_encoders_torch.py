"""The encoders of SymAE's default nets, rows of 1,000 samples, in plain PyTorch; for `encode.py`, in an environment of its own.

For every number read it encodes a data set so many times and answers with the seconds that took.
"""

import sys
from itertools import pairwise
from time import monotonic

import torch
from torch import nn

K, P, Q, PATCH, CHUNK = 1000, 5, 10, 8, 512


class BlurPool(nn.Module):
    """The larger of two neighbours at every position, then every second one of their averages with weights (1, 3, 3, 1) / 8."""

    def __init__(self, channels: int):
        super().__init__()
        self.channels = channels
        self.register_buffer("weights", torch.tensor([1.0, 3, 3, 1]).div(8).repeat(channels, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Half the positions."""
        larger = nn.functional.max_pool1d(x[..., : x.shape[2] // 2 * 2], 2, stride=1)
        return nn.functional.conv1d(
            nn.functional.pad(larger, (1, 2), "replicate"), self.weights, stride=2, groups=self.channels
        )


def blocks(*channels: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(channels):
        layers += [nn.Conv1d(inputs, outputs, 5, padding="same"), nn.ELU()]
        layers += [nn.Conv1d(outputs, outputs, 5, padding="same"), nn.ELU(), BlurPool(outputs)]
    return layers


class Encoders(nn.Module):
    """Rows (groups, instances, k) and their coherent and nuisance codes."""

    def __init__(self):
        super().__init__()
        self.coherent_1 = nn.Sequential(*blocks(PATCH, 32, 32))
        self.coherent_2 = nn.Sequential(*blocks(32, 32, 32), nn.Flatten(), nn.Linear(7 * 32, P))
        self.nuisance = nn.Sequential(*blocks(PATCH, 32, 32, 32, 32), nn.Flatten(), nn.Linear(7 * 32, Q))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Codes, in chunks of whole groups."""
        instances = x.shape[1]
        found = []
        for some in x.split(max(CHUNK // instances, 1)):
            rows = some.reshape(-1, K // PATCH, PATCH).transpose(1, 2)
            features = self.coherent_1(rows)
            pooled = features.reshape(len(some), instances, *features.shape[1:]).mean(1)
            found.append((self.coherent_2(pooled), self.nuisance(rows)))
        return torch.cat([c for c, _ in found]), torch.cat([n for _, n in found])


def main() -> None:
    torch.manual_seed(0)
    model, (groups, instances) = Encoders().eval(), map(int, sys.argv[1:3])
    x = torch.randn(groups, instances, K)
    for line in sys.stdin:
        start = monotonic()
        with torch.inference_mode():
            for _ in range(int(line)):
                model((x - x.mean()) / x.std())
        print(monotonic() - start, torch.__version__, flush=True)


main()
