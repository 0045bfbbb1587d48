"""The concatenation model (SymAE paper, section 4.3), one at a time in plain PyTorch; for `concat_grid.py`.

For every number read it takes so many training steps and answers with the seconds they took. Its argument is the number of
threads: so small a model is faster on one.
"""

import sys
from time import monotonic

import torch

MASKS = torch.tensor([[1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(int(sys.argv[1]))
    s, l = (g.ravel() for g in torch.meshgrid(torch.arange(10.0), torch.arange(20.0), indexing="ij"))  # noqa: E741
    alpha, beta = (torch.tensor(0.5, requires_grad=True) for _ in range(2))
    units = ((torch.rand(3, 100) - 0.5) * 0.48).requires_grad_()
    adam = torch.optim.Adam([alpha, beta, units], lr=1e-3, eps=1e-7)
    for line in sys.stdin:
        start = monotonic()
        for _ in range(int(line)):
            adam.zero_grad()
            n = alpha * s + beta * l
            loss = torch.zeros(())
            for first, second in MASKS:
                codes = torch.stack([s, first * n, second * n], dim=1)
                loss = loss + torch.mean((torch.relu(codes @ units).sum(1) / 10 - l) ** 2)
            loss.backward()
            adam.step()
        print(monotonic() - start, torch.__version__, flush=True)


main()
