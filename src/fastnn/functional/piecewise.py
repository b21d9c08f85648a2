"""Activations that are more than a map: PReLU, maxout and the gated linear unit."""

import numpy as np

from fastnn import _check
from fastnn._dispatch import pair
from fastnn._engine import run_alone
from fastnn._settings import count
from fastnn.functional._docs import completed

__all__ = ["glu", "glu_backward", "maxout", "maxout_backward", "prelu", "prelu_backward"]

_PRELU, _PRELU_GRAD = pair("prelu.forward"), pair("prelu.backward")
_GLU, _GLU_GRAD = pair("glu.forward"), pair("glu.backward")
_MAXOUT, _MAXOUT_GRAD = pair("maxout.forward"), pair("maxout.backward")


@completed
def prelu(x, weight, *, out=None):
    """x where it is above 0, else weight x: a leaky ReLU whose slope is learned.

    Parameters
    ----------
    x : ndarray of float32 or float64
        Shape (N, ...).
    weight : ndarray
        One slope, shape (1,), or one for each channel, shape (C,), where x is (N, C, ...).
    out : ndarray, optional
        Where the result goes; may be `x` itself.

    Returns
    -------
    ndarray
        `out`, or a new array.

    {raises}

    Notes
    -----
    As ``torch.nn.functional.prelu``. He, Zhang, Ren and Sun, Delving Deep into Rectifiers, 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import functional
    >>> functional.prelu(np.array([[-1.0, -1.0], [2.0, 2.0]]), np.array([0.25, 0.5]))
    array([[-0.25, -0.5 ],
           [ 2.  ,  2.  ]])
    """
    (ready, slopes), (rows, channels, inner) = _check.channels(weight, out, x=x)
    out = np.empty_like(ready) if out is None else out
    run_alone(
        "prelu_forward", _PRELU, (ready, slopes, out), (False, False, True), (channels, inner),
        rows if ready.size else 0,
    )  # fmt: skip
    return out


@completed
def prelu_backward(grad, x, weight, *, out=None):
    """The gradients of `prelu`: grad times the slope at x, and the sums of grad min(x, 0).

    Parameters
    ----------
    grad : ndarray of float32 or float64
        The gradient with respect to the output.
    x : ndarray
        Like `grad`: the input.
    weight : ndarray
        As in `prelu`.
    out : ndarray, optional
        Where the first result goes; may be `grad` itself.

    Returns
    -------
    dx : ndarray
        `out`, or a new array.
    dweight : ndarray
        Like `weight`; summed in double.

    {raises}

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import functional
    >>> functional.prelu_backward(np.ones(3), np.array([-2.0, -1.0, 3.0]), np.array([0.25]))
    (array([0.25, 0.25, 1.  ]), array([-3.]))
    """
    (ready, saved, slopes), (rows, channels, inner) = _check.channels(weight, out, grad=grad, x=x)
    if out is not None:
        _check.target("out", out, grad.shape, grad.dtype, may_be={"grad": grad}, not_be={"x": x})
    out = np.empty_like(ready) if out is None else out
    terms = np.zeros((rows, channels), ready.dtype)
    run_alone(
        "prelu_backward", _PRELU_GRAD, (ready, saved, slopes, out, terms),
        (False, False, False, True, True), (channels, inner), rows if ready.size else 0,
    )  # fmt: skip
    return out, terms.sum(axis=0, dtype=np.float64).astype(ready.dtype)


@completed
def maxout(x, pieces, *, out=None):
    """The largest of each `pieces` neighbours along the last axis, and which it is.

    Parameters
    ----------
    x : ndarray of float32 or float64
        Shape (..., n * pieces).
    pieces : int
        At least 1.
    out : ndarray, optional
        Shape (..., n): where the largest go.

    Returns
    -------
    y : ndarray
        `out`, or a new array.
    which : ndarray of int32
        Shape (..., n): the place of each among its neighbours, the first of equal ones. NaN is
        larger than any number.

    {raises}

    Notes
    -----
    Not in PyTorch. Goodfellow et al., Maxout Networks, 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import functional
    >>> functional.maxout(np.array([[1.0, 3.0, 5.0, 4.0]]), 2)
    (array([[3., 5.]]), array([[1, 0]], dtype=int32))
    """
    pieces = count("pieces", pieces)
    ready, shape = _check.pieces("x", x, pieces)
    if out is not None:
        _check.target("out", out, shape, ready.dtype, not_be={"x": x})
    out = np.empty(shape, ready.dtype) if out is None else out
    which = np.empty(shape, np.int32)
    run_alone("maxout", _MAXOUT, (ready, out, which), (False, True, True), (out.size, pieces), 1)
    return out, which


@completed
def maxout_backward(grad, which, pieces, *, out=None):
    """The gradient of `maxout`: grad at the largest of each `pieces` neighbours, else 0.

    Parameters
    ----------
    grad : ndarray of float32 or float64
        Shape (..., n).
    which : ndarray of int32
        Like `grad`: what `maxout` returned.
    pieces : int
        At least 1.
    out : ndarray, optional
        Shape (..., n * pieces): where the result goes.

    Returns
    -------
    ndarray
        `out`, or a new array.

    {raises}

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import functional
    >>> functional.maxout_backward(np.array([[7.0, 8.0]]), np.array([[1, 0]], np.int32), 2)
    array([[0., 7., 8., 0.]])
    """
    pieces = count("pieces", pieces)
    ready = _check.floats("grad", grad)
    _check.at_least_1d("grad", grad)
    where = _check.places("which", which, grad.shape, pieces)
    shape = (*grad.shape[:-1], grad.shape[-1] * pieces)
    if out is not None:
        _check.target("out", out, shape, ready.dtype, not_be={"grad": grad, "which": which})
    out = np.empty(shape, ready.dtype) if out is None else out
    run_alone(
        "maxout_grad", _MAXOUT_GRAD, (ready, where, out), (False, False, True),
        (ready.size, pieces), 1,
    )  # fmt: skip
    return out


@completed
def glu(x, *, out=None):
    """The gated linear unit: the first half of the last axis times the sigmoid of the second.

    Parameters
    ----------
    x : ndarray of float32 or float64
        Shape (..., 2 n).
    out : ndarray, optional
        Shape (..., n): where the result goes.

    Returns
    -------
    ndarray
        `out`, or a new array.

    {raises}

    Notes
    -----
    As ``torch.nn.functional.glu`` of the last axis. Dauphin, Fan, Auli and Grangier, Language
    Modeling with Gated Convolutional Networks, 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import functional
    >>> functional.glu(np.array([[2.0, 4.0, 0.0, np.inf]]))
    array([[1., 4.]])
    """
    ready, shape = _check.pieces("x", x, 2)
    if out is not None:
        _check.target("out", out, shape, ready.dtype, not_be={"x": x})
    out = np.empty(shape, ready.dtype) if out is None else out
    rows = out.size // shape[-1] if out.size else 0
    run_alone("glu", _GLU, (ready, out), (False, True), (rows, shape[-1]), 1)
    return out


@completed
def glu_backward(grad, x, *, out=None):
    """The gradient of `glu`: with s = sigmoid(b) of x = (a, b), (grad s, grad a s (1 - s)).

    Parameters
    ----------
    grad : ndarray of float32 or float64
        Shape (..., n).
    x : ndarray
        Shape (..., 2 n): the input.
    out : ndarray, optional
        Like `x`: where the result goes.

    Returns
    -------
    ndarray
        `out`, or a new array.

    {raises}

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import functional
    >>> functional.glu_backward(np.array([[1.0]]), np.array([[2.0, 0.0]]))
    array([[0.5, 0.5]])
    """
    ready = _check.floats("grad", grad)
    saved, shape = _check.pieces("x", x, 2)
    saved = _check.floats("x", saved, ready.dtype)
    _check.shape("grad", grad, shape)
    if out is not None:
        _check.target("out", out, x.shape, ready.dtype, not_be={"grad": grad, "x": x})
    out = np.empty(x.shape, ready.dtype) if out is None else out
    rows = grad.size // shape[-1] if grad.size else 0
    run_alone(
        "glu_grad", _GLU_GRAD, (ready, saved, out), (False, False, True), (rows, shape[-1]), 1
    )
    return out
