"""The book's ``network2``: a choice of costs, L2 regularisation, better initial weights, costs and
accuracies watched, files (chapter 3)."""

import json
import os
import random
import sys

import numpy as np

from fastnn.compat.nielsen._base import BookNetwork
from fastnn.compat.nielsen._formulas import (
    normal_values,
    sigmoid,
    slope,
    vectorized_result,
)
from fastnn.compat.nielsen._samples import Samples, as_list, optional_list
from fastnn.io.atomic import replacing

# What the book's module imports, scripts have from it, by `import *` above all.
__all__ = [
    "CrossEntropyCost",
    "Network",
    "QuadraticCost",
    "json",
    "load",
    "np",
    "random",
    "sigmoid",
    "sigmoid_prime",
    "sys",
    "vectorized_result",
]


def sigmoid_prime(z):
    """The derivative of `sigmoid`, of a number or an array; of whatever stands in this module as
    `sigmoid`, ``s (1 - s)``."""
    return slope(sigmoid(z))


class QuadraticCost:
    """``sum (a - y)^2 / 2``."""

    @staticmethod
    def fn(a, y):
        """The cost of outputs `a` where `y` is desired."""
        return _quadratic(a, y)

    @staticmethod
    def delta(z, a, y):
        """The error of the last layer, whose inputs are `z`: ``(a - y) sigmoid'(z)``."""
        return (a - y) * sigmoid_prime(z)


class CrossEntropyCost:
    """``-sum (y log a + (1 - y) log (1 - a))``, where 0 log 0 is 0."""

    @staticmethod
    def fn(a, y):
        """The cost of outputs `a` where `y` is desired; huge, not infinite, at log 0."""
        return _cross_entropy(a, y)

    @staticmethod
    def delta(z, a, y):
        """The error of the last layer, ``a - y``, whatever its inputs `z`."""
        return a - y


def _quadratic(a, y, axis=None):
    return 0.5 * np.sum(np.square(a - y), axis)


def _cross_entropy(a, y, axis=None):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sum(np.nan_to_num(-y * np.log(a) - (1 - y) * np.log(1 - a)), axis)


# What may be compiled, or computed for all samples at once: functions, and what stands for them.
_COMPILED = ((QuadraticCost.delta, "quadratic"), (CrossEntropyCost.delta, "cross-entropy"))
_TOGETHER = ((QuadraticCost.fn, _quadratic), (CrossEntropyCost.fn, _cross_entropy))


def _stands_for(function, table):
    return next((value for known, value in table if known is function), None)


class Network(BookNetwork, module=globals()):
    """Layers of sigmoid units, trained by mini-batches.

    Parameters
    ----------
    sizes : sequence of int
        Units of each layer, the input's first.
    cost : class
        `QuadraticCost`, `CrossEntropyCost`, or any other with functions ``fn(a, y)``, the cost of
        a sample, and ``delta(z, a, y)``, its derivative by the inputs of the last layer.

    Attributes
    ----------
    num_layers : int
    weights : list of arrays of shape (out, in)
    biases : list of arrays of shape (out, 1)
        float64; new arrays after each epoch. Others may be assigned, or values changed.

    Notes
    -----
    Differs from the book where that stops: classes may be more or fewer than ten, and files name
    the class of a cost that is given as an instance.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.nielsen import network2
    >>> net = network2.Network([2, 8, 2], cost=network2.CrossEntropyCost)
    >>> corners = [np.array([[i], [j]]) for i in (0, 1) for j in (0, 1)]
    >>> data = [(x, network2.vectorized_result(x.sum() % 2, 2)) for x in corners] * 50
    >>> results = net.SGD(data, 2, 10, 0.5, lmbda=0.1, monitor_training_accuracy=True)
    ... # doctest: +ELLIPSIS
    Epoch 0 training complete
    Accuracy on training data: ... / 200
    ...
    >>> len(results[3])
    2
    """

    def __init__(self, sizes, cost=CrossEntropyCost):
        self.sizes = sizes
        self.num_layers = len(sizes)
        self.default_weight_initializer()
        self.cost = cost

    def default_weight_initializer(self):
        """Draw biases from N(0, 1), then weights from N(0, 1 / in)."""
        self.biases, weights = normal_values(self.sizes)
        self.weights = [w / np.sqrt(w.shape[1]) for w in weights]

    def large_weight_initializer(self):
        """Draw biases, then weights, from N(0, 1), as `network.Network` does."""
        self.biases, self.weights = normal_values(self.sizes)

    def SGD(
        self, training_data, epochs, mini_batch_size, eta, lmbda=0.0, evaluation_data=None,
        monitor_evaluation_cost=False, monitor_evaluation_accuracy=False,
        monitor_training_cost=False, monitor_training_accuracy=False, early_stopping_n=0,
    ):  # fmt: skip
        """Train, and print what is watched after each epoch.

        Parameters
        ----------
        training_data : list of (x, y)
            Columns, (in, 1) and (out, 1). A list is shuffled in place before each epoch, by
            `random.shuffle`; of another iterable a list is made.
        epochs, mini_batch_size : int
        eta : float
            Learning rate.
        lmbda : float
            L2 regularisation: the cost has ``lmbda / (2 n) sum w^2`` in it, n the number of
            samples.
        evaluation_data : list of (x, y), optional
            Inputs, and the numbers of the units that should be highest.
        monitor_evaluation_cost, monitor_evaluation_accuracy : bool
        monitor_training_cost, monitor_training_accuracy : bool
        early_stopping_n : int
            As in some versions for Python 3: end after so many epochs without a better accuracy
            (on the evaluation data if that is watched, else on the training data). 0: never.

        Returns
        -------
        (evaluation_cost, evaluation_accuracy, training_cost, training_accuracy) : lists
            A number for each epoch, of what was watched. Accuracies are counts.

        Raises
        ------
        ValueError
            If there is no data to watch, or no accuracy to stop by. Nothing is changed then.
        """
        training_data = as_list(training_data)
        evaluation_data = optional_list(evaluation_data)
        if (monitor_evaluation_cost or monitor_evaluation_accuracy) and not evaluation_data:
            raise ValueError("evaluation_data: expected samples to monitor, got none")
        stops = early_stopping_n > 0
        if stops and not (monitor_evaluation_accuracy or monitor_training_accuracy):
            raise ValueError("early_stopping_n: expected an accuracy to be monitored, got none")
        training = training_data, Samples(training_data)
        evaluation = evaluation_data, Samples(evaluation_data)
        evaluation_cost, evaluation_accuracy = [], []
        training_cost, training_accuracy = [], []
        best, since = 0, 0
        for j, compiled in enumerate(self._descend(*training, epochs, mini_batch_size, eta, lmbda)):
            print(f"Epoch {j} training complete")
            if monitor_training_cost:
                cost = self._ask("total_cost", *training, compiled, lmbda)
                training_cost.append(cost)
                print(f"Cost on training data: {cost}")
            if monitor_training_accuracy:
                accuracy = self._ask("accuracy", *training, compiled, convert=True)
                training_accuracy.append(accuracy)
                print(f"Accuracy on training data: {accuracy} / {len(training_data)}")
            if monitor_evaluation_cost:
                cost = self._ask("total_cost", *evaluation, compiled, lmbda, convert=True)
                evaluation_cost.append(cost)
                print(f"Cost on evaluation data: {cost}")
            if monitor_evaluation_accuracy:
                accuracy = self._ask("accuracy", *evaluation, compiled)
                evaluation_accuracy.append(accuracy)
                print(f"Accuracy on evaluation data: {accuracy} / {len(evaluation_data)}")
            print()
            if stops:
                best, since = (accuracy, 0) if accuracy > best else (best, since + 1)
                if since == early_stopping_n:
                    break
        return evaluation_cost, evaluation_accuracy, training_cost, training_accuracy

    def update_mini_batch(self, mini_batch, eta, lmbda, n):
        """One step of descent, from the gradients of a list of ``(x, y)``, of `n` samples that
        there are."""
        self._step(mini_batch, eta / len(mini_batch), 1 - eta * (lmbda / n))

    def accuracy(self, data, convert=False):
        """How many of the ``(x, y)`` have their highest output at `y`; with `convert`, as for
        training data, where the column `y` is highest."""
        return self._accuracy(Samples(data), convert=convert)

    def total_cost(self, data, lmbda, convert=False):
        """The mean cost of the ``(x, y)``, regularisation included; with `convert`, as for
        evaluation data, `y` is the number of a unit and not a column."""
        return self._total_cost(Samples(data), lmbda, convert=convert)

    def _total_cost(self, data, lmbda, compiled=None, *, convert=False):
        outputs = self._outputs(data, compiled)
        together = _stands_for(self.cost.fn, _TOGETHER)
        desired = None
        if outputs is not None and together is not None:
            desired = self._desired(data, outputs.shape[1], convert)
        if desired is not None:
            cost = (together(outputs, desired, axis=1) / len(data)).sum()
        else:
            cost = 0.0
            for i, (x, y) in enumerate(data):
                a = self.feedforward(x) if outputs is None else outputs[i][:, None]
                if convert:
                    sizes = () if self._has_replaced("vectorized_result") else (len(a),)
                    y = vectorized_result(y, *sizes)
                cost += self.cost.fn(a, y) / len(data)
        squares = sum(np.square(w).sum() for w in self.weights)
        return cost + 0.5 * (lmbda / len(data)) * squares

    def _desired(self, data, classes, convert):
        """What is desired, as rows; None where it is not of the book's form."""
        if not convert:
            y = data.targets
            return y if y is not None and y.shape[1] == classes else None
        labels = data.numbers
        if labels is None or labels.dtype.kind not in "iu":
            return None
        inside = (-classes <= labels.astype(np.int64)) & (labels < classes)
        if self._has_replaced("vectorized_result") or not inside.all():
            return None
        return np.eye(classes)[labels]

    def _output_error(self, z, a, y):
        return self.cost.delta(z, a, y)

    def _cost(self):
        return _stands_for(self.cost.delta, _COMPILED)

    def save(self, filename):
        """Write the network to a JSON file, which the book's ``load`` reads as well. The old file
        stays until the new one is whole."""
        name = getattr(self.cost, "__name__", None) or type(self.cost).__name__
        data = {
            "sizes": [int(size) for size in self.sizes],
            "weights": [w.tolist() for w in self.weights],
            "biases": [b.tolist() for b in self.biases],
            "cost": str(name),
        }
        text = json.dumps(data)
        with replacing(os.fsdecode(filename)) as file:
            file.write(text.encode())


def load(filename):
    """The network in a JSON file that `Network.save`, or the book's, has written.

    Its cost is looked up in this module by name; a cost of one's own must be put there first.
    """
    with open(filename, encoding="utf-8") as file:
        data = json.load(file)
    net = Network(data["sizes"], cost=getattr(sys.modules[__name__], data["cost"]))
    net.weights = [np.array(w) for w in data["weights"]]
    net.biases = [np.array(b) for b in data["biases"]]
    return net
