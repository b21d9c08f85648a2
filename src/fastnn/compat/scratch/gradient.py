"""The book's ``common.gradient``: central differences."""

import numpy as np

__all__ = ["np", "numerical_gradient", "numerical_gradient_2d"]

_H = 1e-4


def numerical_gradient(f, x):
    """The gradient of a function by central differences, ``(f(x + h) - f(x - h)) / 2h``,
    h = 1e-4.

    Parameters
    ----------
    f : callable
        Called with `x`, which may also be what it reads otherwise (a net's weight, say).
    x : ndarray of floats
        Its elements are changed one after the other, and put back.

    Returns
    -------
    ndarray
        Like `x`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch.gradient import numerical_gradient
    >>> numerical_gradient(lambda x: np.sum(x**2), np.array([3.0, 4.0])).round(6)
    array([6., 8.])
    """
    grad = np.zeros_like(x)
    places = np.nditer(x, flags=["multi_index"], op_flags=["readwrite"])
    for _ in places:
        place = places.multi_index
        value = x[place]
        x[place] = float(value) + _H
        above = f(x)
        x[place] = value - _H
        below = f(x)
        x[place] = value
        grad[place] = (above - below) / (2 * _H)
    return grad


def numerical_gradient_2d(f, X):
    """`numerical_gradient` of a vector, or of each row of a matrix by itself.

    Parameters
    ----------
    f : callable
        Called with a vector: `X`, or one of its rows.
    X : ndarray of shape (n,) or (rows, n)

    Returns
    -------
    ndarray
        Like `X`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch.gradient import numerical_gradient_2d
    >>> numerical_gradient_2d(lambda x: np.sum(x**2), np.array([[3.0, 4.0], [0.0, 1.0]])).round(6)
    array([[6., 8.],
           [0., 2.]])
    """
    if X.ndim == 1:
        return numerical_gradient(f, X)
    grad = np.zeros_like(X)
    for i, row in enumerate(X):
        grad[i] = numerical_gradient(f, row)
    return grad
