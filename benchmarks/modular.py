"""Nets of layers that are not fully connected, described in words that fastnn and PyTorch share.

A module is the name of a class in ``torch.nn`` and in fastnn, and its arguments; recurrent ones
give their last state. These nets run against PyTorch alone, since for most of the other peers
there is no such layer.
"""

from dataclasses import dataclass, replace

import numpy as np

from benchmarks import QUICK


@dataclass(frozen=True)
class ModularNet:
    """One net and how it is trained: Adam with a rate of 0.001."""

    name: str
    shape: tuple[int, ...]  # of an input sample
    modules: tuple[tuple, ...]  # the last one gives the scores of 10 classes
    products: tuple[tuple[int, int, int], ...]  # (rows, n, k) of the forward, for a sample
    batch: int = 64
    samples: int = 1280  # a multiple of the batch
    epochs: int = 5  # to time, after one to warm up
    optimizer: str = "adam"

    def __str__(self):
        return f"{self.name}, batch {self.batch}, {self.optimizer}"

    @property
    def lr(self) -> float:
        return 0.001

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return self.samples // self.batch

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs (N, *shape) in [0, 1) and labels (N,)."""
        rng = np.random.default_rng(0)
        x = rng.random((self.samples, *self.shape), dtype=np.float32)
        return x, rng.integers(0, 10, self.samples)

    def weights(self) -> list:
        """None: a peer asks for `values` by the keys of its state dict."""
        return []

    def values(self, keys_and_shapes) -> dict[str, np.ndarray]:
        """The initial values for a state dict, in its order."""
        rng = np.random.default_rng(1)
        return {
            key: (rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
            if len(shape) > 1
            else np.zeros(shape, np.float32)
            for key, shape in keys_and_shapes
        }

    @property
    def parameters(self) -> int:
        return sum(n * (k + 1) for _, n, k in self.products)

    @property
    def flops(self) -> int:
        """Of the matrix products of a step; the first one has no use for the gradient of its
        input."""
        products = [rows * n * k for rows, n, k in self.products]
        return 2 * self.batch * (3 * sum(products) - products[0])

    @property
    def state_bytes(self) -> int:
        """Bytes of parameters and optimizer state."""
        return self.parameters * 4 * 3


def _quick(net: ModularNet) -> ModularNet:
    return replace(net, samples=2 * net.batch, epochs=2) if QUICK else net


MODULAR: dict[str, ModularNet] = {
    net.name: _quick(net)
    for net in (
        # LeCun et al. 1998, with plain means and a dense second convolution.
        ModularNet(
            "lenet",
            (1, 28, 28),
            (
                ("Conv2d", 1, 6, 5, 1, 2), ("Tanh",), ("AvgPool2d", 2),
                ("Conv2d", 6, 16, 5), ("Tanh",), ("AvgPool2d", 2), ("Flatten",),
                ("Linear", 400, 120), ("Tanh",), ("Linear", 120, 84), ("Tanh",), ("Linear", 84, 10),
            ),
            ((784, 6, 25), (100, 16, 150), (1, 120, 400), (1, 84, 120), (1, 10, 84)),
        ),
        ModularNet(
            "conv",
            (1, 28, 28),
            (
                ("Conv2d", 1, 32, 3), ("ReLU",), ("Conv2d", 32, 64, 3), ("ReLU",),
                ("MaxPool2d", 2), ("Flatten",), ("Linear", 9216, 128), ("ReLU",),
                ("Linear", 128, 10),
            ),
            ((676, 32, 9), (576, 64, 288), (1, 128, 9216), (1, 10, 128)),
        ),
        # An image as the sequence of its rows.
        ModularNet(
            "lstm", (28, 28), (("LSTM", 28, 128), ("Linear", 128, 10)),
            ((28, 512, 28), (28, 512, 128), (1, 10, 128)),
        ),
        ModularNet(
            "gru", (28, 28), (("GRU", 28, 128), ("Linear", 128, 10)),
            ((28, 384, 28), (28, 384, 128), (1, 10, 128)),
        ),
    )
}  # fmt: skip
