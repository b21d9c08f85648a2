"""The book's ``network``: stochastic gradient descent with the quadratic cost (chapter 1)."""

import random

import numpy as np

from fastnn.compat.nielsen._base import BookNetwork
from fastnn.compat.nielsen._formulas import normal_values, sigmoid, slope
from fastnn.compat.nielsen._samples import Samples, as_list, optional_list

# What the book's module imports, scripts have from it, by `import *` above all.
__all__ = ["Network", "np", "random", "sigmoid", "sigmoid_prime"]


def sigmoid_prime(z):
    """The derivative of `sigmoid`, of a number or an array; of whatever stands in this module as
    `sigmoid`, ``s (1 - s)``."""
    return slope(sigmoid(z))


class Network(BookNetwork, module=globals()):
    """Layers of sigmoid units, trained by mini-batches with the cost ``sum (a - y)^2 / 2``.

    Parameters
    ----------
    sizes : sequence of int
        Units of each layer, the input's first. Biases, then weights, are drawn from N(0, 1) by
        `numpy.random.randn`.

    Attributes
    ----------
    num_layers : int
    weights : list of arrays of shape (out, in)
    biases : list of arrays of shape (out, 1)
        float64; new arrays after each epoch. Others may be assigned, or values changed.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.nielsen.network import Network
    >>> net = Network([3, 5, 2])
    >>> [w.shape for w in net.weights], net.feedforward(np.ones((3, 1))).shape
    ([(5, 3), (2, 5)], (2, 1))
    """

    def __init__(self, sizes):
        self.sizes = sizes
        self.num_layers = len(sizes)
        self.biases, self.weights = normal_values(sizes)

    def SGD(self, training_data, epochs, mini_batch_size, eta, test_data=None):
        """Train, and print a line for each epoch.

        Parameters
        ----------
        training_data : list of (x, y)
            Columns, (in, 1) and (out, 1). A list is shuffled in place before each epoch, by
            `random.shuffle`; of another iterable a list is made.
        epochs, mini_batch_size : int
        eta : float
            Learning rate.
        test_data : list of (x, y), optional
            Inputs, and the numbers of the units that should be highest. With it, the line says how
            many are right.
        """
        training_data = as_list(training_data)
        training = training_data, Samples(training_data)
        test_data = optional_list(test_data)
        test = test_data, Samples(test_data)
        for j, compiled in enumerate(self._descend(*training, epochs, mini_batch_size, eta)):
            if test_data:
                print(f"Epoch {j}: {self._ask('evaluate', *test, compiled)} / {len(test_data)}")
            else:
                print(f"Epoch {j} complete")

    def update_mini_batch(self, mini_batch, eta):
        """One step of descent, from the gradients of a list of ``(x, y)``."""
        self._step(mini_batch, eta / len(mini_batch))

    def evaluate(self, test_data):
        """How many of the ``(x, y)`` have their highest output at `y`."""
        return self._evaluate(Samples(test_data))

    def cost_derivative(self, output_activations, y):
        """The derivative of the cost by the outputs, ``a - y``."""
        return output_activations - y

    _evaluate = BookNetwork._accuracy

    def _output_error(self, z, a, y):
        return self.cost_derivative(a, y) * self._globals["sigmoid_prime"](z)

    def _cost(self):
        return "quadratic" if self._has_the_books("cost_derivative") else None
