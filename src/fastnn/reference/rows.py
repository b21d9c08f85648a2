"""Over the last axis: softmax, and a bias with an activation."""

import numpy as np

from fastnn.reference import activations as _activations
from fastnn.reference._formula import _formula, _wide


@_formula
def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True, initial=-np.inf))
    return e / e.sum(axis=-1, keepdims=True)


@_formula
def softmax_backward(grad, y):
    return y * (grad - (grad * y).sum(axis=-1, keepdims=True))


@_formula
def log_softmax(x):
    shifted = x - x.max(axis=-1, keepdims=True, initial=-np.inf)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


@_formula
def log_softmax_backward(grad, y):
    return grad - np.exp(y) * grad.sum(axis=-1, keepdims=True)


@_formula
def bias_activation(x, bias, activation):
    return getattr(_activations, activation)(x + bias)


def bias_activation_backward(grad, saved, activation, *, out=None, bias_grad=None):
    dx = getattr(_activations, f"{activation}_backward")(grad, saved, out=out)
    dbias = dx.sum(axis=tuple(range(dx.ndim - 1)), dtype=_wide(dx)).astype(dx.dtype)
    if bias_grad is None:
        return dx, dbias
    np.copyto(bias_grad, dbias, casting="no")
    return dx, bias_grad
