"""PyTorch's deformed images, many at once, as torchvision's transforms would do it."""

import os

import numpy as np
import torch
from torch.nn import functional

from benchmarks.images import ELASTIC, rotations

VERSION = torch.__version__
IMAGES = 1024

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))


def gaussian(n):
    """Smoothes n numbers, as a matrix: faster than a convolution, which torchvision takes."""
    reach = int(4 * ELASTIC[0] + 0.5)
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / ELASTIC[0]) ** 2)
    distance = torch.arange(n)[:, None] - torch.arange(n)
    near = weights[distance.clamp(-reach, reach) + reach] * (distance.abs() <= reach)
    return near / weights.sum()


def deform(x, maps, noise):
    """Images (N, H, W) by maps (N, 2, 3) and the noise (N, 2, H, W) of fields, or by either."""
    height, width = x.shape[1:]
    ones = torch.ones(height, width)
    i, j = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    if maps is None:
        maps = torch.eye(3)[None, :2].expand(len(x), -1, -1)
    places = torch.einsum("nab,bhw->nahw", maps, torch.stack([i * ones, j * ones, ones]))
    if noise is not None:
        places = places + ELASTIC[1] * (gaussian(height) @ noise @ gaussian(width))
    # grid_sample wants (x, y), from -1 to 1.
    columns = 2 * places[:, 1] / (width - 1) - 1
    grid = torch.stack([columns, 2 * places[:, 0] / (height - 1) - 1], -1)
    return functional.grid_sample(x.unsqueeze(1), grid, align_corners=True).squeeze(1)


def deformer(kind, x):
    rng = np.random.default_rng(0)
    x = torch.from_numpy(x) / 255

    @torch.inference_mode()
    def call():
        maps = noise = None
        if kind != "elastic":
            maps = torch.from_numpy(rotations(rng, *x.shape))
        if kind != "affine":
            noise = 2 * torch.rand(len(x), 2, *x.shape[1:]) - 1
        return deform(x, maps, noise)

    return call
