"""Activations that are more than a map: PReLU, maxout and the gated linear unit."""

import numpy as np

from fastnn.reference.activations import sigmoid


def _slopes(x, weight):
    """weight along axis 1, or one for all."""
    return weight.reshape(-1, *(1,) * (x.ndim - 2)) if weight.size > 1 else weight[0]


def prelu(x, weight, *, out=None):
    y = np.where(x > 0, x, _slopes(x, weight) * x)
    if out is None:
        return y
    np.copyto(out, y, casting="no")
    return out


def prelu_backward(grad, x, weight, *, out=None):
    dx = np.where(x > 0, grad, _slopes(x, weight) * grad)
    terms = grad * np.minimum(x, 0)
    axes = tuple(i for i in range(x.ndim) if i != 1 or weight.size == 1)
    dweight = terms.sum(axis=axes, dtype=np.result_type(x, np.float64)).astype(x.dtype)
    if out is not None:
        np.copyto(out, dx, casting="no")
        dx = out
    return dx, dweight.reshape(weight.shape)


def maxout(x, pieces, *, out=None):
    groups = x.reshape(*x.shape[:-1], x.shape[-1] // pieces, pieces)
    which = groups.argmax(axis=-1).astype(np.int32)
    y = groups.max(axis=-1)
    if out is not None:
        np.copyto(out, y, casting="no")
        y = out
    return y, which


def maxout_backward(grad, which, pieces, *, out=None):
    dx = (which[..., None] == np.arange(pieces)) * grad[..., None]
    dx = dx.reshape(*grad.shape[:-1], grad.shape[-1] * pieces)
    if out is None:
        return dx
    np.copyto(out, dx, casting="no")
    return out


def glu(x, *, out=None):
    a, b = np.split(x, 2, axis=-1)
    y = a * sigmoid(b)
    if out is None:
        return y
    np.copyto(out, y, casting="no")
    return out


def glu_backward(grad, x, *, out=None):
    a, b = np.split(x, 2, axis=-1)
    dx = np.concatenate([grad * sigmoid(b), grad * a * sigmoid(b) * sigmoid(-b)], axis=-1)
    if out is None:
        return dx
    np.copyto(out, dx, casting="no")
    return out
