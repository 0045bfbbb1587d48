"""The nets of the NashAE authors' code for images in plain PyTorch; for `images_step.py`, in an environment of its own.

Its arguments are "dsprites" or "celeba" and "nashae" or "betavae". For every number read it takes so many training steps and
answers with the seconds they took. As in published implementations, predictors are a module each, in a loop.
"""

import sys
from collections.abc import Callable
from itertools import pairwise
from time import monotonic

import torch
from torch import nn
from torch.distributions import Normal

BATCH = 200


def mlp(act: type[nn.Module], *widths: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), act()]
    return layers[:-1]


def dsprites(heads: int) -> tuple[nn.Module, nn.Module]:
    back = mlp(nn.ReLU, 10, 1200, 1200, 4096) if heads == 1 else mlp(nn.Tanh, 10, 1200, 1200, 1200, 4096)
    encoder = nn.Sequential(nn.Flatten(), *mlp(nn.ReLU, 4096, 1200, 1200, heads * 10))
    return encoder, nn.Sequential(*back, nn.Unflatten(1, (64, 64)))


def celeba(heads: int) -> tuple[nn.Module, nn.Module]:
    channels = (3, 32, 32, 64, 64)
    inward, outward = [], []
    for a, b in pairwise(channels):
        inward += [nn.Conv2d(a, b, 4, stride=2, padding=1), nn.SELU()]
    for a, b in pairwise(channels[::-1]):
        outward += [nn.ConvTranspose2d(a, b, 4, stride=2, padding=1), nn.SELU()]
    encoder = nn.Sequential(*inward, nn.Flatten(), *mlp(nn.SELU, 1024, 256, heads * 32))
    dense = [*mlp(nn.SELU, 32, 256, 1024), nn.SELU(), nn.Unflatten(1, (64, 4, 4))]
    return encoder, nn.Sequential(*dense, *outward[:-1])


def nashae(nets: tuple[nn.Module, nn.Module], draw: Callable[[], torch.Tensor], m: int, lam: float) -> Callable[[], None]:
    encoder, decoder = nets
    predictors = nn.ModuleList(nn.Sequential(*mlp(nn.SELU, m, 40, 40, 1)) for _ in range(m))
    autoencoder = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
    opponents = torch.optim.Adam(predictors.parameters(), lr=1e-2)
    mse = nn.MSELoss()

    def predict(z: torch.Tensor) -> torch.Tensor:
        found = []
        for i, predictor in enumerate(predictors):
            others = z.clone()
            others[:, i] = 0
            found.append(predictor(others))
        return torch.cat(found, dim=1)

    def step() -> None:
        x = draw()
        z = torch.sigmoid(encoder(x)).detach()
        for _ in range(5):
            opponents.zero_grad()
            (0.5 * mse(predict(z), z)).backward()
            opponents.step()
        autoencoder.zero_grad()
        z = torch.sigmoid(encoder(x))
        predicted, true = predict(z), z.detach()
        covariance = ((true * predicted).mean(0) - true.mean(0) * predicted.mean(0)).sum()
        ((1 - lam) * 0.5 * mse(decoder(z), x) + lam * covariance).backward()
        autoencoder.step()

    return step


def beta_vae(
    nets: tuple[nn.Module, nn.Module], draw: Callable[[], torch.Tensor], beta: float, binary: bool
) -> Callable[[], None]:
    encoder, decoder = nets
    adagrad = torch.optim.Adagrad([*encoder.parameters(), *decoder.parameters()], lr=1e-3)

    def step() -> None:
        x = draw()
        adagrad.zero_grad()
        mean, log_var = encoder(x).chunk(2, dim=1)
        q, prior = Normal(mean, torch.exp(0.5 * log_var)), Normal(0.0, 1.0)
        z = q.rsample()
        y = decoder(z)
        kl = (q.log_prob(z) - prior.log_prob(z)).sum(1).mean()
        if binary:
            error = nn.functional.binary_cross_entropy_with_logits(y, x, reduction="sum")
        else:
            error = 0.5 * nn.functional.mse_loss(y, x, reduction="sum")
        (error / BATCH + beta * kl).backward()
        adagrad.step()

    return step


def main() -> None:
    torch.manual_seed(0)
    data, method = sys.argv[1:]
    binary, heads = data == "dsprites", 1 if method == "nashae" else 2
    shape, most, m = ((10_000, 64, 64), 2, 10) if binary else ((2_000, 3, 64, 64), 256, 32)
    images = torch.randint(most, shape, dtype=torch.uint8)
    mean, std = (0.0, 1.0) if binary else (127.5, 73.9)

    def draw() -> torch.Tensor:
        return (images[torch.randint(len(images), (BATCH,))].float() - mean) / std

    nets = (dsprites if binary else celeba)(heads)
    step = nashae(nets, draw, m, 0.002 if binary else 0.2) if heads == 1 else beta_vae(nets, draw, 8.0, binary)
    for line in sys.stdin:
        start = monotonic()
        for _ in range(int(line)):
            step()
        print(monotonic() - start, torch.__version__, flush=True)


main()
