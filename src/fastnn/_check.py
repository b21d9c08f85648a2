"""Checks of the array API: every message about dtypes, shapes and memory.

``functional`` calls these when the engine has refused the arrays. A check either finds what is
wrong and raises, or returns inputs that the engine can take (copies where strides ask for it).
Nothing has been written when a check raises.
"""

import math

import numpy as np
from numpy import may_share_memory, ndarray

FLOATS = frozenset((np.dtype(np.float32), np.dtype(np.float64)))
_INT64 = np.dtype(np.int64)


# Quick answers, for the ordinary case.


def plain(a):
    # carray means C-contiguous, aligned and writeable.
    return type(a) is ndarray and a.dtype in FLOATS and a.flags.carray


def apart(a, b):
    """Whether a and b surely have no memory in common: two owners have not, others are asked."""
    return (a.base is None and b.base is None and a is not b) or not may_share_memory(a, b)


def beside(a, b):
    """Whether a may be written while b is read, element by element."""
    return a is b or (a.base is None and b.base is None) or not may_share_memory(a, b)


# Arrays, looked at closely.


def array(name, value, expected="numpy.ndarray"):
    """An array that is one, and has no mask."""
    if not isinstance(value, ndarray):
        raise TypeError(f"{name}: expected {expected}, got {type(value).__name__}")
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name}: expected {expected}, got MaskedArray, whose mask has no meaning")


def _dtype(name, value, dtype):
    if value.dtype not in FLOATS:
        order = "" if value.dtype.isnative else " in foreign byte order"
        raise TypeError(f"{name}: expected float32 or float64, got {value.dtype.name}{order}")
    if dtype is not None and value.dtype != dtype:
        raise TypeError(
            f"{name}: expected {dtype.name} like the first array, got {value.dtype.name}"
        )


def shape(name, value, expected):
    if value.shape != expected:
        raise ValueError(f"{name}: expected shape {expected}, got {value.shape}")


def at_least_1d(name, value):
    if value.ndim < 1:
        raise ValueError(f"{name}: expected at least 1 dimension, got shape ()")


def floats(name, value, dtype=None):
    """value as a plain, C-contiguous, aligned array of the given (or any) floating dtype."""
    if plain(value) and (dtype is None or value.dtype is dtype):
        return value
    array(name, value)
    _dtype(name, value, dtype)
    return np.require(value, requirements=("C", "A", "E"))


def inputs(**arrays):
    """Arrays of one shape and dtype, made contiguous."""
    ready = []
    for name, value in arrays.items():
        ready.append(floats(name, value, ready[0].dtype if ready else None))
        shape(name, value, ready[0].shape)
    return ready


def target(name, value, expected_shape, dtype, *, may_be=None, not_be=None):
    """An array to be written: contiguous, writeable, and apart from what is read.

    It may be one of the arrays ``may_be`` (exactly), but not share a part with it, and share
    nothing with those in ``not_be``. Both are dicts by argument name; None in them is skipped.
    """
    if not (plain(value) and value.dtype is dtype):
        array(name, value)
        _dtype(name, value, dtype)
    shape(name, value, expected_shape)
    flags = value.flags
    if not flags.c_contiguous or not flags.aligned:
        raise ValueError(
            f"{name}: expected an aligned, C-contiguous array, as it is written in place, "
            f"got strides {value.strides}"
        )
    if not flags.writeable:
        raise ValueError(f"{name}: expected a writeable array, got a read-only one")
    for other_name, other in (may_be or {}).items():
        if not beside(value, other) and _overlap(value, other) and not _same_memory(value, other):
            raise ValueError(
                f"{name}: expected {other_name} itself or memory apart from it, "
                "got an array that overlaps it in part"
            )
    for other_name, other in (not_be or {}).items():
        if other is not None and not apart(value, other) and _overlap(value, other):
            raise ValueError(
                f"{name}: expected memory apart from {other_name}, got an array that overlaps it"
            )


def _overlap(a, b):
    """Whether arrays whose bounds overlap have memory in common: they may interleave."""
    try:
        return np.shares_memory(a, b, max_work=100_000)
    except np.exceptions.TooHardError:
        return True


def _same_memory(a, b):
    return (
        a.__array_interface__["data"] == b.__array_interface__["data"]
        and a.shape == b.shape
        and b.flags.c_contiguous
    )


# The operations, looked at closely. Each returns its inputs as the engine takes them.


def elementwise(out, **arrays):
    ready = inputs(**arrays)
    if out is not None:
        target("out", out, ready[0].shape, ready[0].dtype, may_be=arrays)
    return ready


def rows(out, **arrays):
    """elementwise for what works along the last axis."""
    ready = elementwise(out, **arrays)
    at_least_1d(next(iter(arrays)), ready[0])
    return ready


def bias(x, value, out):
    """(x, bias), ready."""
    (ready_x,) = rows(None, x=x)
    ready = floats("bias", value, ready_x.dtype)
    shape("bias", value, ready_x.shape[-1:])
    if out is not None:
        target("out", out, ready_x.shape, ready_x.dtype, may_be={"x": x}, not_be={"bias": value})
    return ready_x, ready


def bias_grad(grad, saved, out, value):
    ready = rows(out, grad=grad, saved=saved)
    if value is not None:
        others = {"grad": grad, "saved": saved, "out": out}
        target("bias_grad", value, ready[0].shape[-1:], ready[0].dtype, not_be=others)
    return ready


def elementwise_loss(pred, target_values, sample_weight, grad_out):
    ready = inputs(pred=pred, target=target_values)
    at_least_1d("pred", pred)
    weight = weights(sample_weight, len(pred), pred.dtype)
    if grad_out is not None:
        others = {"target": target_values, "sample_weight": sample_weight}
        target("grad_out", grad_out, pred.shape, pred.dtype, may_be={"pred": pred}, not_be=others)
    return *ready, weight


def cross_entropy(logits, labels, sample_weight, grad_out):
    """(logits, labels as int64 or probabilities, sample_weight), ready."""
    ready = floats("logits", logits)
    if logits.ndim != 2 or logits.shape[1] == 0:
        raise ValueError(f"logits: expected shape (N, C) with C >= 1, got {logits.shape}")
    array("labels", labels)
    if labels.dtype.kind in "iu":
        targets = classes(labels, *logits.shape)
    elif labels.dtype.kind == "f":
        targets = floats("labels", labels, logits.dtype)
        shape("labels", labels, logits.shape)
    else:
        raise TypeError(
            f"labels: expected integers, or {logits.dtype.name} probabilities of shape "
            f"{logits.shape}, got {labels.dtype.name}"
        )
    weight = weights(sample_weight, len(logits), logits.dtype)
    if grad_out is not None:
        may_be = {"logits": logits}
        not_be = {"labels": labels, "sample_weight": sample_weight}
        target("grad_out", grad_out, ready.shape, ready.dtype, may_be=may_be, not_be=not_be)
    return ready, targets, weight


def classes(labels, rows, number_of_classes, *, name="labels"):
    """Integer labels (rows,) in range, as contiguous int64."""
    shape(name, labels, (rows,))
    ordinary = type(labels) is ndarray and labels.dtype is _INT64 and labels.flags.carray
    codes = labels if ordinary else np.require(labels, np.int64, ("C", "A", "E"))
    # Read as unsigned, a negative number is a huge one: one pass finds both kinds of mistake.
    if rows and np.maximum.reduce(codes.view(np.uint64)) >= number_of_classes:
        index = int(np.argmax((labels < 0) | (labels >= number_of_classes)))
        raise ValueError(
            f"{name}: expected integers in [0, {number_of_classes}), "
            f"got {labels[index]} at index {index}"
        )
    return codes


def weights(value, rows, dtype):
    """sample_weight, one for each row; None stays None."""
    if value is None:
        return None
    ready = floats("sample_weight", value, dtype)
    shape("sample_weight", value, (rows,))
    # NaN fails the first comparison, as the minimum of an array with a NaN is NaN.
    if ready.size and not (ready.min() >= 0 and ready.max() < math.inf):
        index = int(np.argmin((ready >= 0) & (ready < math.inf)))
        raise ValueError(
            f"sample_weight: expected finite numbers >= 0, got {ready[index]} at index {index}"
        )
    return ready


def update(param, grad, **states):
    """The arrays of an optimizer step. Returns grad, ready."""
    (ready,) = inputs(grad=grad)
    array("param", param)
    _dtype("param", param, None)
    _dtype("grad", grad, param.dtype)
    shape("grad", grad, param.shape)
    read = {"grad": grad}
    for name, value in {"param": param, **states}.items():
        target(name, value, param.shape, param.dtype, not_be=read)
        read[name] = value
    return ready


def channels(weight, out, **arrays):
    """The arrays of an operation with a weight for all of them or for each of axis 1, ready,
    weight last; and ((outer, channels, inner)), into which the axes fall."""
    ready = elementwise(out, **arrays)
    given = ready[0].shape
    ready.append(floats("weight", weight, ready[0].dtype))
    if weight.shape == (1,):
        outer = given[0] if given else 1
        return ready, (outer, 1, math.prod(given[1:]))
    if len(given) < 2 or weight.shape != given[1:2]:
        expected = f"(1,) or {given[1:2]}" if len(given) > 1 else "(1,)"
        raise ValueError(f"weight: expected shape {expected}, got {weight.shape}")
    if out is not None:
        target("out", out, given, ready[0].dtype, may_be=arrays, not_be={"weight": weight})
    return ready, (given[0], given[1], math.prod(given[2:]))


def pieces(name, value, count):
    """value as a plain array whose last axis falls into groups of so many, and its shape by
    groups."""
    ready = floats(name, value)
    at_least_1d(name, value)
    if value.shape[-1] % count:
        raise ValueError(
            f"{name}: expected a last axis that is a multiple of {count}, got shape {value.shape}"
        )
    return ready, (*value.shape[:-1], value.shape[-1] // count)


def places(name, value, expected_shape, count):
    """Which of so many: int32 in range, contiguous."""
    array(name, value)
    if value.dtype != np.int32:
        raise TypeError(f"{name}: expected int32, got {value.dtype.name}")
    shape(name, value, expected_shape)
    if value.size and not (value.min() >= 0 and value.max() < count):
        low, high = value.min(), value.max()
        raise ValueError(
            f"{name}: expected integers in [0, {count}), got {low if low < 0 else high}"
        )
    return np.require(value, requirements=("C", "A", "E"))
