"""What the book's two fully connected nets have in common."""
# ruff: noqa: NPY002  (the book's scripts seed NumPy's global random numbers)

from collections import OrderedDict
from itertools import pairwise

import numpy as np

from fastnn.compat.scratch import _sums
from fastnn.compat.scratch.gradient import numerical_gradient
from fastnn.compat.scratch.layers import (
    Affine,
    BatchNormalization,
    Dropout,
    Relu,
    Sigmoid,
    SoftmaxWithLoss,
)

_ACTIVATIONS = {"sigmoid": Sigmoid, "relu": Relu}


class FullyConnected:
    """Affine layers with an activation, and perhaps more, after each but the last."""

    def _build(
        self, input_size, hidden_size_list, output_size, activation, weight_init_std,
        weight_decay_lambda, dropout_ratio=None, use_batchnorm=False,
    ):  # fmt: skip
        self.input_size = input_size
        self.output_size = output_size
        self.hidden_size_list = hidden_size_list
        self.hidden_layer_num = len(hidden_size_list)
        self.weight_decay_lambda = weight_decay_lambda
        self.params = {}
        sizes = [input_size, *hidden_size_list, output_size]
        for i, (inputs, outputs) in enumerate(pairwise(sizes), 1):
            self.params[f"W{i}"] = _scale(weight_init_std, inputs) * np.random.randn(
                inputs, outputs
            )
            self.params[f"b{i}"] = np.zeros(outputs)
        self.layers = OrderedDict()
        for i, width in enumerate(hidden_size_list, 1):
            self._add_affine(i)
            if use_batchnorm:
                gamma, beta = np.ones(width), np.zeros(width)
                self.params[f"gamma{i}"], self.params[f"beta{i}"] = gamma, beta
                self.layers[f"BatchNorm{i}"] = BatchNormalization(gamma, beta)
            self.layers[f"Activation_function{i}"] = _ACTIVATIONS[activation]()
            if dropout_ratio is not None:
                self.layers[f"Dropout{i}"] = Dropout(dropout_ratio)
        self._add_affine(self.hidden_layer_num + 1)
        self.last_layer = SoftmaxWithLoss()

    def _add_affine(self, i):
        self.layers[f"Affine{i}"] = Affine(self.params[f"W{i}"], self.params[f"b{i}"])

    def _numbered(self):
        return range(1, self.hidden_layer_num + 2)

    def _penalty(self):
        # Half of lambda times the sum of all squared weights.
        factor = self.weight_decay_lambda
        if isinstance(factor, int | float) and factor == 0:
            return 0.0
        return sum(0.5 * factor * _sums.squares(self.params[f"W{i}"]) for i in self._numbered())

    def _numerical(self, loss):
        return {
            key: numerical_gradient(lambda _: loss(), self.params[key])
            for key in self._gradient_names()
        }

    def _gradient_names(self):
        for i in self._numbered():
            yield from (f"W{i}", f"b{i}")
            if f"BatchNorm{i}" in self.layers:
                yield from (f"gamma{i}", f"beta{i}")

    def _backpropagated(self):
        # The gradients, after a forward.
        dout = self.last_layer.backward(1)
        for layer in reversed(list(self.layers.values())):
            dout = layer.backward(dout)
        grads, factor = {}, self.weight_decay_lambda
        for i in self._numbered():
            affine = self.layers[f"Affine{i}"]
            decays = not isinstance(factor, int | float) or factor != 0
            grads[f"W{i}"] = affine.dW + factor * affine.W if decays else affine.dW
            grads[f"b{i}"] = affine.db
            if f"BatchNorm{i}" in self.layers:
                normal = self.layers[f"BatchNorm{i}"]
                grads[f"gamma{i}"], grads[f"beta{i}"] = normal.dgamma, normal.dbeta
        return grads


def _scale(weight_init_std, inputs):
    # The standard deviation of initial weights.
    match str(weight_init_std).lower():
        case "relu" | "he":
            return np.sqrt(2.0 / inputs)
        case "sigmoid" | "xavier":
            return np.sqrt(1.0 / inputs)
    return weight_init_std


def fraction_right(y, t):
    """How many rows of scores are largest at their class (classes, or one-hot rows)."""
    if t.ndim != 1:
        t = np.argmax(t, axis=1)
    return np.sum(np.argmax(y, axis=1) == t) / float(y.shape[0])
