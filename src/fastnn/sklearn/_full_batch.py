"""The loss of all rows at once and its gradient: what L-BFGS minimises."""

import numpy as np

from fastnn.optim import SGD
from fastnn.program import Program
from fastnn.sklearn._data import Data
from fastnn.sklearn._network import Network

# Rows that go forward and back at a time.
_ROWS = 2048


class _NoUpdate(SGD):
    """Leaves gradients where they are, and does nothing."""

    fuses = False

    def late_calls(self):
        return []


class Objective:
    """Loss and gradient as a function of scikit-learn's vector of all coefficients and
    intercepts, in float64, whatever the type of `X`.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
    X, y, sample_weight
        As scikit-learn's `_fit` has prepared them.
    """

    def __init__(self, estimator, X, y, sample_weight):
        dtype = np.dtype(np.float64)
        self.alpha = estimator.alpha
        network = Network(estimator, dtype)
        network.read(estimator)
        self.linear, task = network.linear, estimator._task(dtype)
        self.data = Data.of(X, y, sample_weight, task, dtype)
        self.total = self.data.rows if sample_weight is None else self.data.weight.sum()
        self.rows = min(_ROWS, self.data.rows)
        self.program = Program(
            network.model, task.loss, _NoUpdate(), shape=(network.width,),
            target=self.data.target, weighted=sample_weight is not None, batch_size=self.rows,
        )  # fmt: skip

    def __call__(self, packed: np.ndarray) -> tuple[float, np.ndarray]:
        penalty = self._put(packed)
        flat = self.program.flat
        loss, gradient = 0.0, np.zeros_like(flat.grad)
        rate, told = np.zeros(1), np.empty(1)
        self.data.bind(self.program)
        for rows, _ in self.data.parts(self.program, None, self.rows):
            for first in range(0, rows, self.rows):
                _, part, weight = self.program.steps(
                    rows, self.rows, first, None, rate, told, np.inf
                )
                loss += part
                gradient += flat.grad * (weight / self.total)
        self.program.release()
        return (loss + self.alpha / 2 * penalty) / self.total, self._pack(gradient)

    def _put(self, packed) -> float:
        """Set all parameters; the sum of squares of the weights."""
        end, penalty = 0, 0.0
        for layer in self.linear:
            begin, end = end, end + layer.weight.size
            part = packed[begin:end]
            penalty += float(part @ part)
            layer.weight.data[...] = part.reshape(layer.in_features, layer.out_features).T
        for layer in self.linear:
            begin, end = end, end + layer.bias.size
            layer.bias.data[...] = packed[begin:end]
        return penalty

    def _pack(self, gradient) -> np.ndarray:
        """The gradient in scikit-learn's order, that of the penalty included."""
        flat, weights, biases = self.program.flat, [], []
        for i, parameter in enumerate(flat.parameters):
            part = flat.view(gradient, i)
            if part.ndim == 1:
                biases.append(part)
            else:
                weights.append((part + self.alpha / self.total * parameter.data).T.ravel())
        return np.concatenate(weights + biases)
