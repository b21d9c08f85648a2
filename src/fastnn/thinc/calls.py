"""The engine's calls, as thinc's operations need them.

A function here gives None, or False, with nothing done, where arrays aren't plain ones of float32
or float64, or don't fit each other. thinc then computes the result, or raises its own error. Arrays
in another order than C's are copied for activations, whose gradients thinc gets wrong for some; the
others leave them to thinc.
"""

import math

import numpy as np
from numpy import empty, empty_like, ndarray

from fastnn._dispatch import pair
from fastnn._engine import (
    UPDATE_BLOCK,
    run_alone,
    run_grad,
    run_map,
    run_product,
    run_rows,
    run_rows_grad,
    run_update,
)
from fastnn.layers.linear import slab_rows

_FLOATS = (np.dtype("float32"), np.dtype("float64"))
_BIAS, _PRODUCT, _TRANSPOSED = pair("bias.add"), pair("product"), pair("product.transposed")
_SOFTMAX, _SOFTMAX_GRAD = pair("softmax.forward"), pair("softmax.backward")
_ADAM = pair("adam.prepare"), pair("adam.update")
_SGD = pair("sgd.prepare"), pair("sgd.update")
_SQUARES = pair("squares.sum")

# A step so late that Adam's corrections of its averages are 1: thinc has put them into the rate.
_LATE = 2**62


class Activation:
    """An activation's kernels, by fastnn's name for it."""

    def __init__(self, name):
        self._forward, self._backward = pair(f"{name}.forward"), pair(f"{name}.backward")

    def forward(self, x, inplace, params=()):
        """f(x), in x if `inplace`."""
        if type(x) is ndarray:
            y = x if inplace else empty_like(x)
            if run_map(self._forward, x, y, params):
                return y
        return self._by_copies(run_map, self._forward, (x,), x if inplace else None, params)

    def backward(self, grad, saved, out, params=()):
        """grad f'(saved), in `out` or where that is None in a new array."""
        if type(grad) is ndarray:
            dx = empty_like(grad) if out is None else out
            if run_grad(self._backward, grad, saved, dx, params):
                return dx
        return self._by_copies(run_grad, self._backward, (grad, saved), out, params)

    @staticmethod
    def _by_copies(run, leaves, arrays, out, params):
        x = arrays[0]
        if any(type(a) is not ndarray or a.dtype != x.dtype or a.shape != x.shape for a in arrays):
            return None
        result = empty(x.shape, x.dtype)
        if not run(leaves, *(np.array(a, order="C") for a in arrays), result, params):
            return None
        if out is None:
            return result
        out[...] = result
        return out


def product(x, y, out=None, transpose_x=False, transpose_y=False, bias=None):
    """x y, of which one may be transposed; with y transposed, + bias."""
    if not (type(x) is type(y) is ndarray and x.ndim == y.ndim == 2 and x.dtype in _FLOATS):
        return None
    m, n = x.shape[transpose_x], y.shape[not transpose_y]
    out = empty((m, n), x.dtype) if out is None else out
    leaves = _TRANSPOSED if transpose_y else _PRODUCT
    slab = slab_rows(m, n) if transpose_x else 0
    if run_product(leaves, _BIAS, x, y, out, bias, transpose_x, transpose_y, slab):
        return out
    return None


def softmax(x, temperature):
    """softmax(x / temperature) along the last axis."""
    if type(x) is ndarray and x.dtype in _FLOATS:
        scaled = x if temperature == 1 else x / temperature
        y = empty_like(x)
        if run_rows(_SOFTMAX, scaled, y):
            return y
    return None


def softmax_backward(grad, y, temperature):
    """The gradient of that with respect to x, from its output."""
    if type(grad) is ndarray and grad.dtype in _FLOATS:
        scaled = grad if temperature == 1 else grad / temperature
        dx = empty_like(grad)
        if run_rows_grad(_SOFTMAX_GRAD, scaled, y, dx):
            return dx
    return None


def are_plain(*arrays):
    """Whether all are C-contiguous, aligned and writeable, of one type, float32 or float64."""
    return all(
        type(a) is ndarray and a.dtype in _FLOATS and a.dtype == arrays[0].dtype and a.flags.carray
        for a in arrays
    )


def norm(x):
    """The Euclidean norm of a plain array, summed in double."""
    partial = empty(-(-x.size // UPDATE_BLOCK))
    buffers, written = (None, None, x, None, partial), (False, False, False, False, True)
    run_alone("squares", _SQUARES, buffers, written, (x.size,), 1)
    return math.sqrt(sum(partial.tolist()))


def add(target, factor, source):
    """target += factor source: what a step of gradient descent is."""
    return run_update(*_SGD, target, source, (), (0.0, 0.0, 0.0), -factor, 1)


def shrink(target, factor, zeros):
    """target -= factor target: such a step with a gradient of zero and weight decay."""
    return run_update(*_SGD, target, zeros, (), (0.0, 0.0, 1.0), factor, 1)


def approach(target, factor, source):
    """target += factor (source - target): such a step with a weight decay of -1."""
    return run_update(*_SGD, target, source, (), (0.0, 0.0, -1.0), -factor, 1)


def adam(param, grad, exp_avg, exp_avg_sq, beta1, beta2, eps, rate):
    """A step of Adam at a rate that includes its corrections. Betas are below 1."""
    config = (beta1, beta2, eps, 0.0, False, False)
    return run_update(*_ADAM, param, grad, (exp_avg, exp_avg_sq), config, rate, _LATE)
