"""The book's ``common.functions``: activations, their gradients and losses on NumPy arrays."""

import numpy as np

from fastnn import functional as _functional
from fastnn.compat.scratch._numbers import FLOATS as _FLOATS

__all__ = [
    "cross_entropy_error",
    "identity_function",
    "np",
    "relu",
    "relu_grad",
    "sigmoid",
    "sigmoid_grad",
    "softmax",
    "softmax_loss",
    "step_function",
    "sum_squared_error",
]


def identity_function(x):
    """`x` itself.

    Examples
    --------
    >>> from fastnn.compat.scratch.functions import identity_function
    >>> identity_function(3.0)
    3.0
    """
    return x


def step_function(x):
    """1 where ``x > 0`` and 0 elsewhere, as integers.

    Parameters
    ----------
    x : ndarray or number

    Returns
    -------
    ndarray of int

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch.functions import step_function
    >>> step_function(np.array([-1.0, 0.0, 2.0]))
    array([0, 0, 1])
    """
    return np.array(x > 0, dtype=int)


def sigmoid(x):
    """``1 / (1 + exp(-x))``.

    Parameters
    ----------
    x : ndarray or number

    Returns
    -------
    ndarray or number
        Of the shape of `x`. Unlike the book's it doesn't warn of an overflow for large negative
        numbers, and is exact there.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch.functions import sigmoid
    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    if _is_floats(x):
        return _functional.sigmoid(x)
    return 1 / (1 + np.exp(-x))


def sigmoid_grad(x):
    """The derivative of `sigmoid` at `x`: ``(1 - sigmoid(x)) sigmoid(x)``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch.functions import sigmoid_grad
    >>> sigmoid_grad(np.array([0.0]))
    array([0.25])
    """
    y = sigmoid(x)
    return (1.0 - y) * y


def relu(x):
    """``max(0, x)``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch.functions import relu
    >>> relu(np.array([-1, 0, 2]))
    array([0, 0, 2])
    """
    return _functional.relu(x) if _is_floats(x) else np.maximum(0, x)


def relu_grad(x):
    """1 where ``x >= 0`` and 0 elsewhere, of the type of `x`; at 0 it is 1, unlike `Relu`'s.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch.functions import relu_grad
    >>> relu_grad(np.array([-1.0, 0.0, 2.0]))
    array([0., 1., 1.])
    """
    return np.greater_equal(x, 0).astype(np.asarray(x).dtype)


def softmax(x):
    """``exp(x - max(x)) / sum(exp(x - max(x)))`` along the last axis.

    Parameters
    ----------
    x : ndarray

    Returns
    -------
    ndarray
        Of the shape of `x`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch.functions import softmax
    >>> softmax(np.array([[1000.0, 1000.0], [0.0, np.log(3.0)]]))
    array([[0.5 , 0.5 ],
           [0.25, 0.75]])
    """
    if _is_floats(x):
        return _functional.softmax(x)
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def sum_squared_error(y, t):
    """``0.5 sum((y - t)^2)``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch.functions import sum_squared_error
    >>> float(sum_squared_error(np.array([1.0, 2.0]), np.array([0.0, 0.0])))
    2.5
    """
    return 0.5 * np.sum((y - t) ** 2)


def cross_entropy_error(y, t):
    """The mean over the batch of ``-log(y[t] + 1e-7)``, y the probabilities of classes.

    Parameters
    ----------
    y : ndarray of shape (N, C) or (C,)
    t : ndarray
        Of as many elements as `y`: one-hot rows, of which the largest element counts; otherwise
        classes.

    Returns
    -------
    float

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch.functions import cross_entropy_error
    >>> y = np.array([[0.5, 0.5], [0.25, 0.75]])
    >>> one_hot = np.array([[1, 0], [0, 1]])
    >>> a, b = cross_entropy_error(y, np.array([0, 1])), cross_entropy_error(y, one_hot)
    >>> round(float(a), 6), round(float(b), 6)
    (0.490414, 0.490414)
    """
    if y.ndim == 1:
        y, t = y.reshape(1, y.size), t.reshape(1, t.size)
    if t.size == y.size:
        t = t.argmax(axis=1)
    rows = len(y)
    return -np.sum(np.log(y[np.arange(rows), t] + 1e-7)) / rows


def softmax_loss(X, t):
    """`cross_entropy_error` of `softmax`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch.functions import softmax_loss
    >>> round(float(softmax_loss(np.zeros((3, 2)), np.array([0, 1, 1]))), 6)
    0.693147
    """
    return cross_entropy_error(softmax(X), t)


def _is_floats(x) -> bool:
    # What fastnn.functional takes; NumPy's own types for the rest are the book's.
    return type(x) is np.ndarray and x.ndim > 0 and x.dtype in _FLOATS
