"""Nielsen's book: an epoch of his nets for MNIST, on images that are as large as its and noise.

The book's code isn't a package. The original here is its algorithm as chapters 1 to 3 describe it,
one sample after the other in NumPy, with the gradients of a batch added up in lists.
"""

import contextlib
import io
import random
from itertools import pairwise

import numpy as np

from benchmarks import QUICK
from benchmarks.swaps import Swap

SIZES = [784, 30, 10]
TRAINING, TEST = (300, 100) if QUICK else (50_000, 10_000)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def slope(z):
    return sigmoid(z) * (1 - sigmoid(z))


class PlainNetwork:
    """Both networks: with the quadratic cost, or the cross-entropy and decay."""

    def __init__(self, sizes, quadratic):
        self.quadratic = quadratic
        self.biases = [np.random.randn(n, 1) for n in sizes[1:]]  # noqa: NPY002
        self.weights = [np.random.randn(n, m) for m, n in pairwise(sizes)]  # noqa: NPY002
        if not quadratic:
            self.weights = [w / np.sqrt(w.shape[1]) for w in self.weights]

    def feedforward(self, a):
        for w, b in zip(self.weights, self.biases, strict=True):
            a = sigmoid(np.dot(w, a) + b)
        return a

    def gradients(self, x, y):
        inputs, activations = [], [x]
        for w, b in zip(self.weights, self.biases, strict=True):
            inputs.append(np.dot(w, activations[-1]) + b)
            activations.append(sigmoid(inputs[-1]))
        by_biases = [np.zeros(b.shape) for b in self.biases]
        by_weights = [np.zeros(w.shape) for w in self.weights]
        error = activations[-1] - y
        if self.quadratic:
            error = error * slope(inputs[-1])
        for layer in reversed(range(len(self.weights))):
            if layer + 1 < len(self.weights):
                error = np.dot(self.weights[layer + 1].T, error) * slope(inputs[layer])
            by_biases[layer] = error
            by_weights[layer] = np.dot(error, activations[layer].T)
        return by_biases, by_weights

    def step(self, batch, eta, decay):
        by_biases = [np.zeros(b.shape) for b in self.biases]
        by_weights = [np.zeros(w.shape) for w in self.weights]
        for x, y in batch:
            one_by_biases, one_by_weights = self.gradients(x, y)
            by_biases = [a + g for a, g in zip(by_biases, one_by_biases, strict=True)]
            by_weights = [a + g for a, g in zip(by_weights, one_by_weights, strict=True)]
        rate, shrink = eta / len(batch), 1 - eta * decay
        self.weights = [
            shrink * w - rate * g for w, g in zip(self.weights, by_weights, strict=True)
        ]
        self.biases = [b - rate * g for b, g in zip(self.biases, by_biases, strict=True)]

    def train(self, data, eta, lmbda, test):
        random.shuffle(data)
        for first in range(0, len(data), 10):
            self.step(data[first : first + 10], eta, lmbda / len(data))
        return sum(int(np.argmax(self.feedforward(x)) == y) for x, y in test)


def _prepare(quadratic):
    def prepare(side):
        if side == "fastnn":
            from fastnn.compat.nielsen import network, network2

        rng = np.random.default_rng(0)
        pixels = rng.random((TRAINING + TEST, 784), dtype=np.float32)
        labels = rng.integers(0, 10, len(pixels))
        # As the book's loader makes them: columns of one array, and an array for each label.
        columns = [np.reshape(image, (784, 1)) for image in pixels]
        one_hot = [np.eye(10)[:, label : label + 1].copy() for label in labels[:TRAINING]]
        training = list(zip(columns[:TRAINING], one_hot, strict=True))
        test = list(zip(columns[TRAINING:], labels[TRAINING:], strict=True))

        def run():
            random.seed(1)
            np.random.seed(2)  # noqa: NPY002
            data = list(training)
            if side == "original":
                net = PlainNetwork(SIZES, quadratic)
                net.train(data, *((3.0, 0.0) if quadratic else (0.5, 5.0)), test)
            else:
                with contextlib.redirect_stdout(io.StringIO()):
                    if quadratic:
                        net = network.Network(SIZES)
                        net.SGD(data, 1, 10, 3.0, test_data=test)
                    else:
                        net = network2.Network(SIZES)
                        net.SGD(
                            data, 1, 10, 0.5, lmbda=5.0, evaluation_data=test,
                            monitor_evaluation_accuracy=True,
                        )  # fmt: skip
            return [net.feedforward(x)[:, 0] for x, _ in test[:100]]

        return run

    return prepare


SWAPS = [
    Swap(
        name=f"784-30-10, {cost}, an epoch of 50,000 and a test",
        project="Neural Networks and Deep Learning",
        prepare=_prepare(cost == "quadratic cost"),
        rounds=1,
    )
    for cost in ("quadratic cost", "cross-entropy and L2")
]
