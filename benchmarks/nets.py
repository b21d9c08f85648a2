"""The nets whose training steps are measured, with data and initial weights made from a seed.

What they have in common: fully connected, float32, softmax and cross-entropy on top. Labels are
random, so what a net learns is nothing but its data; a step costs the same.
"""

import itertools
from dataclasses import dataclass, replace

import numpy as np

from benchmarks import QUICK


@dataclass(frozen=True)
class Net:
    """One net and how it is trained."""

    name: str
    sizes: tuple[int, ...]
    activation: str
    batch: int
    optimizer: str  # "adam" (lr 0.001) or "sgd" (lr 0.01)
    samples: int  # a multiple of the batch, so that all steps are alike
    epochs: int  # to time, after one to warm up

    def __str__(self):
        return f"{self.layers}, batch {self.batch}, {self.optimizer}"

    @property
    def layers(self) -> str:
        return f"{'-'.join(map(str, self.sizes))} {self.activation}"

    @property
    def lr(self) -> float:
        return 0.001 if self.optimizer == "adam" else 0.01

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return self.samples // self.batch

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs (N, features) in [0, 1) and labels (N,)."""
        rng = np.random.default_rng(0)
        x = rng.random((self.samples, self.sizes[0]), dtype=np.float32)
        return x, rng.integers(0, self.sizes[-1], self.samples)

    def weights(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """The initial weight (out, in) and bias (out,) of each layer."""
        rng = np.random.default_rng(1)
        return [
            (rng.standard_normal((m, n), np.float32) / np.float32(n**0.5), np.zeros(m, np.float32))
            for n, m in itertools.pairwise(self.sizes)
        ]

    @property
    def parameters(self) -> int:
        return sum((n + 1) * m for n, m in itertools.pairwise(self.sizes))

    @property
    def forward_flops(self) -> int:
        """Of the matrix products that predict one row."""
        return 2 * sum(n * m for n, m in itertools.pairwise(self.sizes))

    @property
    def flops(self) -> int:
        """Of the matrix products of a step: forward, gradient of weights, gradient of inputs.
        The first layer has no use for the last."""
        products = [n * m for n, m in itertools.pairwise(self.sizes)]
        return 2 * self.batch * (3 * sum(products) - products[0])

    @property
    def state_bytes(self) -> int:
        """Bytes of parameters and optimizer state, which every step reads and writes once."""
        return self.parameters * 4 * (3 if self.optimizer == "adam" else 1)


def _quick(net: Net) -> Net:
    return replace(net, samples=4 * net.batch, epochs=2) if QUICK else net


NETS = {
    net.name: _quick(net)
    for net in (
        Net("tabular", (16, 32, 32, 2), "relu", 32, "adam", 6400, 50),
        Net("textbook", (784, 30, 10), "sigmoid", 10, "sgd", 10000, 10),
        Net("mnist", (784, 100, 10), "relu", 200, "adam", 20000, 10),
        Net("medium", (784, 512, 512, 10), "relu", 128, "adam", 6400, 8),
        Net("deep", (784, 2500, 2000, 1500, 1000, 500, 10), "tanh", 128, "adam", 512, 6),
    )
}

# The net whose latency is measured: one prediction of one row.
PREDICTION = NETS["mnist"]
