"""PyTorch's layers; its results are new arrays each time."""

import os

import torch

from benchmarks.layers import build

VERSION = torch.__version__

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))


def calls(name, x):
    model = torch.nn.Sequential(*build(name, x, torch.nn))
    given = torch.from_numpy(x).requires_grad_()
    y = model(given)
    ones, wanted = torch.ones_like(y), (given, *model.parameters())

    def forward():
        return model(given).detach().numpy()

    def backward():
        return torch.autograd.grad(y, wanted, ones, retain_graph=True)[0].numpy()

    return forward, backward
