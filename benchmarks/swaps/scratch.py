"""Deep Learning from Scratch: two of its trainings, on as many images as MNIST has, of noise.

Here is what a reader's script does itself: it makes nets of the book's layers, draws batches,
changes parameters, measures accuracy. The layers and optimizers are `benchmarks.swaps._book`'s or
fastnn's.
"""

# ruff: noqa: NPY002  (the book's scripts seed NumPy's global random numbers)

import importlib

import numpy as np

from benchmarks import QUICK
from benchmarks.swaps import Swap

_SAMPLES, _STEPS = (500, 3) if QUICK else (60_000, 600)
_IMAGES = 3 if QUICK else 25  # steps of the convolutional net
_BATCH = 100
_MODULES = {
    "original": ("benchmarks.swaps._book", "benchmarks.swaps._book"),
    "fastnn": ("fastnn.compat.scratch.layers", "fastnn.compat.scratch.optimizer"),
}


class Script:
    """A net as the book's chapters have it: parameters in a dict, layers in a list."""

    def __init__(self, layers, params, last):
        self.layers, self.params, self.last = layers, params, last

    def predict(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def loss(self, x, t):
        return self.last.forward(self.predict(x), t)

    def accuracy(self, x, t):
        return np.mean(self.predict(x).argmax(axis=1) == t)

    def gradient(self, x, t):
        self.loss(x, t)
        dout = self.last.backward(1)
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        learned = [layer for layer in self.layers if hasattr(layer, "W")]
        grads = {}
        for i, layer in enumerate(learned, 1):
            grads[f"W{i}"], grads[f"b{i}"] = layer.dW, layer.db
        return grads


def _draw(*shapes):
    params = {}
    for i, shape in enumerate(shapes, 1):
        params[f"W{i}"] = 0.01 * np.random.randn(*shape)
        params[f"b{i}"] = np.zeros(shape[0] if len(shape) == 4 else shape[1])
    return params


def _data(samples, shape):
    # A fifth of the pixels are ink, and the class is in some of them.
    rng = np.random.default_rng(0)
    x = rng.random((samples, *shape), dtype=np.float32)
    x *= x > 0.8
    t = rng.integers(0, 10, samples)
    x.reshape(samples, -1)[np.arange(samples), 300 + t] = 1
    return x, t.astype(np.uint8)


def _two_layers(side):
    module = importlib.import_module(_MODULES[side][0])
    x, t = _data(_SAMPLES, (784,))

    def train():
        np.random.seed(0)
        p = _draw((784, 50), (50, 10))
        layers = [module.Affine(p["W1"], p["b1"]), module.Relu(), module.Affine(p["W2"], p["b2"])]
        net, outcome = Script(layers, p, module.SoftmaxWithLoss()), []
        for step in range(_STEPS):
            batch = np.random.choice(len(x), _BATCH)
            grads = net.gradient(x[batch], t[batch])
            for key in net.params:
                net.params[key] -= 0.1 * grads[key]
            outcome.append(net.loss(x[batch], t[batch]))
            if step % 600 == 0:
                outcome.append(net.accuracy(x, t))
        return outcome

    return train


def _convolutional(side):
    module, optimizers = map(importlib.import_module, _MODULES[side])
    x, t = _data(1000, (1, 28, 28))

    def train():
        np.random.seed(0)
        p = _draw((30, 1, 5, 5), (30 * 12 * 12, 100), (100, 10))
        layers = [
            module.Convolution(p["W1"], p["b1"]), module.Relu(), module.Pooling(2, 2, stride=2),
            module.Affine(p["W2"], p["b2"]), module.Relu(), module.Affine(p["W3"], p["b3"]),
        ]  # fmt: skip
        net, outcome = Script(layers, p, module.SoftmaxWithLoss()), []
        optimizer = optimizers.Adam()
        for _ in range(_IMAGES):
            batch = np.random.choice(len(x), _BATCH)
            optimizer.update(net.params, net.gradient(x[batch], t[batch]))
            outcome.append(net.loss(x[batch], t[batch]))
        return outcome

    return train


_PROJECT = "Deep Learning from Scratch"
# Losses of float64 after hundreds of steps, equal but for rounding.
SWAPS = [
    Swap("digits, 784-50-10, SGD, an epoch", _PROJECT, _two_layers, rtol=1e-8),
    Swap("digits, convolution, pool, 100, 10, Adam", _PROJECT, _convolutional, rtol=1e-8),
]
