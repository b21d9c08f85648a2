"""Nielsen's book as formulas, one sample after the other, and data for them."""

import random
from itertools import pairwise

import numpy as np

# Sums in another order: some thousand steps of roundings of 1e-16.
CLOSE = {"rtol": 1e-10, "atol": 1e-12}


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def slope(z):
    return sigmoid(z) * (1 - sigmoid(z))


def quadratic_error(z, a, y):
    return (a - y) * slope(z)


def cross_entropy_error(z, a, y):
    return a - y


def quadratic(a, y):
    return ((a - y) ** 2).sum() / 2


def cross_entropy(a, y):
    return -(y * np.log(a) + (1 - y) * np.log(1 - a)).sum()


class Formulas:
    """Chapters 2 and 3 of the book."""

    def __init__(self, sizes, error, scaled, squash=sigmoid, slope=slope):
        self.error, self.squash, self.slope = error, squash, slope
        self.b = [np.random.randn(n, 1) for n in sizes[1:]]  # noqa: NPY002
        self.w = [np.random.randn(n, m) for m, n in pairwise(sizes)]  # noqa: NPY002
        if scaled:
            self.w = [w / w.shape[1] ** 0.5 for w in self.w]

    def outputs(self, x):
        for w, b in zip(self.w, self.b, strict=True):
            x = self.squash(w @ x + b)
        return x

    def gradient(self, x, y):
        a, z = [x], []
        for w, b in zip(self.w, self.b, strict=True):
            z.append(w @ a[-1] + b)
            a.append(self.squash(z[-1]))
        errors = [self.error(z[-1], a[-1], y)]
        for w, below in zip(self.w[:0:-1], z[-2::-1], strict=True):
            errors.insert(0, w.T @ errors[0] * self.slope(below))
        return errors, [d @ below.T for d, below in zip(errors, a, strict=False)]

    def train(self, data, epochs, size, eta, lmbda=0.0):
        data = list(data)
        for _ in range(epochs):
            random.shuffle(data)
            for k in range(0, len(data), size):
                gradients = [self.gradient(x, y) for x, y in data[k : k + size]]
                for i in range(len(self.w)):
                    self.b[i] = self.b[i] - eta * sum(g[0][i] for g in gradients) / len(gradients)
                    mean = sum(g[1][i] for g in gradients) / len(gradients)
                    self.w[i] = self.w[i] - eta * (mean + lmbda / len(data) * self.w[i])
            yield self

    def cost(self, fn, data, lmbda):
        squares = sum((w**2).sum() for w in self.w)
        return sum(fn(self.outputs(x), y) for x, y in data) / len(data) + (
            lmbda / 2 / len(data) * squares
        )

    def right(self, data):
        return sum(int(self.outputs(x).argmax() == y.argmax()) for x, y in data)


def make_data(samples, inputs, classes, dtype=np.float32):
    """Columns with one-hot columns, and the same with numbers of classes."""
    rng = np.random.default_rng(5)
    x = (rng.random((samples, inputs, 1)) * 3).astype(dtype)
    labels = rng.integers(0, classes, samples)
    one_hot = np.eye(classes)[labels][:, :, None]
    return list(zip(x, one_hot, strict=True)), list(zip(x, labels, strict=True))


def seed():
    random.seed(1)
    np.random.seed(2)  # noqa: NPY002


def assert_same(net, formulas):
    for found, expected in ((net.weights, formulas.w), (net.biases, formulas.b)):
        assert [p.dtype for p in found] == [np.float64] * len(expected)
        for p, q in zip(found, expected, strict=True):
            np.testing.assert_allclose(p, q, **CLOSE)
