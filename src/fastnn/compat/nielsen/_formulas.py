"""What both modules of the book compute: initial values, and their functions."""

from itertools import pairwise

import numpy as np


def normal_values(sizes):
    """Biases, then weights, from N(0, 1), by the generator that ``numpy.random.seed`` sets."""
    randn = np.random.randn
    biases = [randn(n, 1) for n in sizes[1:]]
    return biases, [randn(n, m) for m, n in pairwise(sizes)]


def sigmoid(z):
    """``1 / (1 + exp(-z))``, of a number or an array."""
    with np.errstate(over="ignore"):  # where exp(-z) is infinite, the limit, 0, comes out
        return 1.0 / (1.0 + np.exp(-z))


def slope(s):
    """The derivative of `sigmoid` where that is `s`."""
    return s * (1 - s)


def vectorized_result(j, size=10):
    """A column of zeros with a 1 at `j`: the desired output for a digit.

    Parameters
    ----------
    j : int
    size : int
        Number of classes, which the book has as 10.
    """
    column = np.zeros((size, 1))
    column[j] = 1.0
    return column
