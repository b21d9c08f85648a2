"""Normalisation, over a batch by channel (the second axis) and over the last axes."""

import numpy as np

from fastnn.reference._formula import _wide


def _by_channel(values, x):
    """One number for each channel, where x is (N, C, ...)."""
    return np.reshape(values, (-1, *(1,) * (x.ndim - 2)))


def _batch(x):
    """All axes but the channels'."""
    return (0, *range(2, x.ndim))


def batch_norm(x, weight=1.0, bias=0.0, *, mean=None, var=None, eps=1e-5):
    """With `mean` and `var` those are used, without them the batch's."""
    if mean is None:
        mean, var = (f(x, axis=_batch(x), dtype=_wide(x)) for f in (np.mean, np.var))
    mean, rate = (_by_channel(v, x) for v in (mean, 1 / np.sqrt(var + eps)))
    return ((x - mean) * rate * _by_channel(weight, x) + _by_channel(bias, x)).astype(x.dtype)


def batch_norm_backward(grad, x, weight=1.0, *, mean=None, var=None, eps=1e-5):
    """Gradients of x, weight and bias."""
    own = mean is None
    if own:
        mean, var = (f(x, axis=_batch(x), dtype=_wide(x)) for f in (np.mean, np.var))
    rate = _by_channel(1 / np.sqrt(var + eps), x)
    normal = (x - _by_channel(mean, x)) * rate
    dbias = grad.sum(axis=_batch(x), dtype=_wide(x))
    dweight = (grad * normal).sum(axis=_batch(x))
    dx = grad
    if own:  # the statistics move with x
        count = x.size // x.shape[1]
        dx = grad - (_by_channel(dbias, x) + normal * _by_channel(dweight, x)) / count
    dx = dx * rate * _by_channel(weight, x)
    return tuple(part.astype(x.dtype) for part in (dx, dweight, dbias))


def batch_norm_running(x, running_mean, running_var, *, momentum=0.1):
    """What the running statistics are after a batch."""
    count = x.size // x.shape[1]
    mean, var = (f(x, axis=_batch(x), dtype=_wide(x)) for f in (np.mean, np.var))
    var = var * (count / (count - 1))
    parts = ((running_mean, mean), (running_var, var))
    return tuple(((1 - momentum) * old + momentum * new).astype(x.dtype) for old, new in parts)


def layer_norm(x, normalized_shape, weight=1.0, bias=0.0, *, eps=1e-5):
    axes = tuple(range(-len(normalized_shape), 0))
    mean = x.mean(axis=axes, keepdims=True, dtype=_wide(x))
    rate = 1 / np.sqrt(x.var(axis=axes, keepdims=True, dtype=_wide(x)) + eps)
    return ((x - mean) * rate * weight + bias).astype(x.dtype)


def layer_norm_backward(grad, x, normalized_shape, weight=1.0, *, eps=1e-5):
    """Gradients of x, weight and bias."""
    axes = tuple(range(-len(normalized_shape), 0))
    others = tuple(range(x.ndim - len(normalized_shape)))
    mean = x.mean(axis=axes, keepdims=True, dtype=_wide(x))
    rate = 1 / np.sqrt(x.var(axis=axes, keepdims=True, dtype=_wide(x)) + eps)
    normal, inner = (x - mean) * rate, grad * weight
    means = (part.mean(axis=axes, keepdims=True) for part in (inner, inner * normal))
    dx = rate * (inner - next(means) - normal * next(means))
    dweight, dbias = (grad * normal).sum(axis=others), grad.sum(axis=others, dtype=_wide(x))
    return tuple(part.astype(x.dtype) for part in (dx, dweight, dbias))
