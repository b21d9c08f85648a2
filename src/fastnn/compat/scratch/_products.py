"""The products of a fully connected layer whose weight is (inputs, outputs).

Those of floats of one type, or of float64 with anything that becomes float64, are fastnn's;
whatever else NumPy makes of the arguments, errors included, it does itself.
"""

import functools

import numpy as np

from fastnn import _engine
from fastnn._engine import Procedure
from fastnn.compat.scratch._numbers import FLOATS, GATHERED, gather, leaf, numbers, ordinary
from fastnn.layers.linear import slab_rows

# Rows that are brought to another type at a time where there are many: they stay in cache until
# they are multiplied.
_ROWS = 512


def affine(x: np.ndarray, weight: np.ndarray, bias) -> tuple:
    """``x @ weight + bias`` for x of shape (rows, inputs), and x in the type of that; None in its
    place where it was converted a part at a time."""
    dtype = _common(x, weight)
    if dtype is None or x.shape[1] != weight.shape[0]:
        return np.dot(x, weight) + bias, x
    weight = numbers(weight, dtype)
    fits = ordinary(bias) and bias.dtype == dtype and bias.shape == weight.shape[1:]
    added = bias if fits else np.zeros(weight.shape[1], dtype)
    rows = len(x)
    y = np.empty((rows, weight.shape[1]), dtype)
    if ordinary(x) and x.dtype != dtype and x.dtype in GATHERED:
        # In one call, since to wake the threads takes as long as to convert a batch.
        run = _forward(*weight.shape, dtype, x.dtype).run
        some = min(rows, _ROWS)
        converted = np.empty((some, x.shape[1]), dtype)
        for first in range(0, rows, some):
            part = slice(first, first + some)
            source = x[part]
            run(len(source), (source, converted[: len(source)], weight, added, y[part]))
        converted = converted if some == rows else None
    else:
        converted = numbers(x, dtype)
        _forward(*weight.shape, dtype, dtype).run(rows, (converted, weight, added, y))
    return y if fits else y + bias, converted


def input_gradient(dy: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """``dy @ weight.T`` for dy of shape (rows, outputs)."""
    dtype = _common(dy, weight)
    if dtype is None or dy.shape[1] != weight.shape[1]:
        return np.dot(dy, weight.T)
    dx = np.empty((len(dy), weight.shape[0]), dtype)
    arrays = numbers(dy, dtype), numbers(weight, dtype), dx
    _backward(*weight.shape, dtype).run(len(dy), arrays)
    return dx


def parameter_gradients(x: np.ndarray, dy: np.ndarray) -> tuple:
    """``x.T @ dy`` and ``dy.sum(axis=0)`` for arrays of as many rows."""
    dtype = _common(x, dy)
    if dtype is None or len(x) != len(dy) or dy.dtype != dtype:
        return np.dot(x.T, dy), np.sum(dy, axis=0)
    shape = x.shape[1], dy.shape[1]
    weight, bias = np.empty(shape, dtype), np.empty(shape[1], dtype)
    arrays = numbers(x, dtype), numbers(dy, dtype), weight, bias
    _gradients(*shape, dtype).run(len(x), arrays)
    return weight, bias


def _common(a, b) -> np.dtype | None:
    # The type that two matrices are multiplied in; None where that is NumPy's own affair.
    if not (isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.ndim == b.ndim == 2):
        return None
    dtype = a.dtype if a.dtype == b.dtype else np.result_type(a, b)
    return dtype if dtype in FLOATS and a.size and b.size else None


# The engine's calls are named for a weight of shape (n, k), outputs first: see engine/linear.pxi.
# Here that is (inputs, outputs), so the way forward is its backward and the reverse.


@functools.lru_cache(maxsize=64)
def _forward(inputs: int, outputs: int, dtype: np.dtype, source: np.dtype) -> Procedure:
    size = dtype.itemsize
    given = source != dtype  # an array more, in another type
    x, weight, bias, y = range(given, given + 4)
    calls = [
        ("linear_backward_input", size, (None, leaf("product", dtype)), (x, weight, y),
         (outputs, inputs, 0, 1), ()),
        ("bias_map", size, (leaf("bias.add", dtype), None), (y, bias, y, y), (outputs,), ()),
    ]  # fmt: skip
    sizes = [(inputs * size, 0), (0, inputs * outputs * size), (0, outputs * size),
             (outputs * size, 0)]  # fmt: skip
    written = [y]
    if given:
        calls.insert(0, gather(source, dtype, inputs, 0, x))
        sizes.insert(0, (inputs * source.itemsize, 0))
        written.append(x)
    return Procedure(calls, tuple(sizes), tuple(written), _engine.PRODUCT_BYTES)


@functools.lru_cache(maxsize=64)
def _backward(inputs: int, outputs: int, dtype: np.dtype) -> Procedure:
    size = dtype.itemsize
    dy, weight, dx = range(3)
    call = ("linear_forward", size, (None, None, leaf("product.transposed", dtype)),
            (dy, None, dx, dx, weight), (outputs, inputs, 0, 1), ())  # fmt: skip
    sizes = (outputs * size, 0), (0, inputs * outputs * size), (inputs * size, 0)
    return Procedure([call], sizes, (dx,), _engine.PRODUCT_BYTES + _engine.FORWARD_BYTES)


@functools.lru_cache(maxsize=64)
def _gradients(inputs: int, outputs: int, dtype: np.dtype) -> Procedure:
    size = dtype.itemsize
    x, dy, weight, bias = range(4)
    calls = [
        ("linear_backward_weight", size, (leaf("product", dtype),), (dy, x, weight),
         (outputs, inputs, slab_rows(inputs, outputs), 1), ()),
        ("bias_backward", size, (leaf("columns.sum", dtype),), (None, dy, bias),
         (0, outputs, 0, 1), ()),
    ]  # fmt: skip
    sizes = (inputs * size, 0), (outputs * size, 0), (0, inputs * outputs * size)
    return Procedure(calls, (*sizes, (0, outputs * size)), (weight, bias), _engine.PRODUCT_BYTES)
