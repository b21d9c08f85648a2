"""Activations: pointwise from the registry, row-wise, and fused with a bias."""

import inspect
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy import empty, empty_like, ndarray

from fastnn import _check, _settings
from fastnn._dispatch import pair
from fastnn._engine import run_bias_grad, run_bias_map, run_grad, run_map, run_rows, run_rows_grad
from fastnn.functional._checked import must
from fastnn.functional._docs import RAISES, completed
from fastnn.registry import ACTIVATIONS

__all__ = ["bias_activation", "bias_activation_backward"]  # and what _publish adds

_FORWARD = """{formula}, {where}.

Parameters
----------
x : ndarray of float32 or float64
    {shape}.
out : ndarray, optional
    Where the result goes. {in_place}
{params}
Returns
-------
ndarray
    `out`, or a new array: shape and dtype of `x`.

{raises}

Notes
-----
{notes}

Examples
--------
>>> import numpy as np
>>> from fastnn import functional, reference
>>> x = np.array([-4.0, -1.0, 0.0, 0.5, 2.0])
>>> np.allclose(functional.{name}(x), reference.{name}(x))
True
"""

_BACKWARD = """The gradient with respect to x of `{name}`.

It is {gradient}.

Parameters
----------
grad : ndarray of float32 or float64
    The gradient with respect to the output. {shape}.
saved : ndarray
    The {saved} of the forward, like `grad`.
out : ndarray, optional
    Where the result goes; may be `grad` or `saved` itself.
{params}
Returns
-------
ndarray
    `out`, or a new array: shape and dtype of `grad`.

{raises}

Notes
-----
{notes}

Examples
--------
>>> import numpy as np
>>> from fastnn import functional, reference
>>> x = np.array([-4.0, -1.0, 0.0, 0.5, 2.0])
>>> grad, saved = np.full_like(x, 2.0), {example}
>>> dx = functional.{name}_backward(grad, saved)
>>> np.allclose(dx, reference.{name}_backward(grad, saved))
True
"""


def _publish(forward, backward, row, **texts):
    """Export a pair with names, signatures and documentation from its row."""
    keyword, positional = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    conditions = {name: condition for name, condition, _ in row.checks}
    texts |= {
        "name": row.name,
        "formula": row.formula,
        "params": "".join(
            f"{name} : float, default {default}\n    {conditions.get(name, 'Finite')}.\n"
            for name, default in row.params.items()
        ),
        "saved": "input" if row.saves == "x" else "output",
        "in_place": "It may be `x` itself"
        + (", if no backward is to follow, as that needs `x`." if row.saves == "x" else "."),
        "example": "x" if row.saves == "x" else f"functional.{row.name}(x)",
        "raises": RAISES,
    }
    for function, suffix, arguments, text in (
        (forward, "", ("x",), _FORWARD),
        (backward, "_backward", ("grad", "saved"), _BACKWARD),
    ):
        function.__name__ = function.__qualname__ = row.name + suffix
        function.__signature__ = inspect.Signature(
            [inspect.Parameter(name, positional) for name in arguments]
            + [
                inspect.Parameter(name, keyword, default=default)
                for name, default in {"out": None, **row.params}.items()
            ]
        )
        bounds = texts["bounds"][suffix == "_backward"]
        source = row.source and f"Source: {row.source}."
        notes = "\n\n".join(part for part in (bounds, row.note, source) if part)
        function.__doc__ = text.format(**texts, notes=notes)
        globals()[function.__name__] = function
        __all__.append(function.__name__)


# Activations, a pair of functions for each row of the registry.

_POINTWISE = {}  # name -> its leaves, forward and backward, and its default parameters


def _activation(row):
    forward_leaves, backward_leaves = pair(f"{row.name}.forward"), pair(f"{row.name}.backward")
    parameters = _settings.parameters(row)
    defaults = parameters()
    _POINTWISE[row.name] = forward_leaves, backward_leaves, defaults

    # The engine accepts ordinary arrays by itself, which takes a fraction of the time that
    # Python would need. What it refuses is looked at closely here.

    def forward(x, *, out=None, **params):
        values = parameters(**params) if params else defaults
        if type(x) is ndarray:
            y = empty_like(x) if out is None else out
            if run_map(forward_leaves, x, y, values):
                return y
        (x,) = _check.elementwise(out, x=x)
        y = empty(x.shape, x.dtype) if out is None else out
        must(run_map(forward_leaves, x, np.asarray(y), values))
        return y

    def backward(grad, saved, *, out=None, **params):
        values = parameters(**params) if params else defaults
        if type(grad) is ndarray:
            dx = empty_like(grad) if out is None else out
            if run_grad(backward_leaves, grad, saved, dx, values):
                return dx
        grad, saved = _check.elementwise(out, grad=grad, saved=saved)
        dx = empty(grad.shape, grad.dtype) if out is None else out
        must(run_grad(backward_leaves, grad, saved, np.asarray(dx), values))
        return dx

    bounds = [
        f"Maximum error{of}: {row.ulp['float32'][way]:g} ULP in float32, "
        f"{row.ulp['float64'][way]:g} in float64."
        for way, of in enumerate(("", " relative to the larger term of f'" * row.absolute))
    ]
    _publish(
        forward,
        backward,
        row,
        where="element by element",
        shape="Any shape",
        gradient=f"grad f'(x), f'(x) = {row.gradient}" + "; y is the output" * (row.saves == "y"),
        bounds=bounds,
    )


for _row in ACTIVATIONS.values():
    _activation(_row)


# Row-wise over the last axis.


class _Rows(NamedTuple):
    name: str
    formula: str
    gradient: str
    note: str
    saves = "y"
    params = MappingProxyType({})
    checks = ()
    source = ""


def _row_wise(row):
    forward_leaves, backward_leaves = pair(f"{row.name}.forward"), pair(f"{row.name}.backward")

    def forward(x, *, out=None):
        if type(x) is ndarray:
            y = empty_like(x) if out is None else out
            if run_rows(forward_leaves, x, y):
                return y
        (x,) = _check.rows(out, x=x)
        y = empty(x.shape, x.dtype) if out is None else out
        must(run_rows(forward_leaves, x, np.asarray(y)))
        return y

    def backward(grad, saved, *, out=None):
        if type(grad) is ndarray:
            dx = empty_like(grad) if out is None else out
            if run_rows_grad(backward_leaves, grad, saved, dx):
                return dx
        grad, saved = _check.rows(out, grad=grad, saved=saved)
        dx = empty(grad.shape, grad.dtype) if out is None else out
        must(run_rows_grad(backward_leaves, grad, saved, np.asarray(dx)))
        return dx

    _publish(
        forward,
        backward,
        row,
        where="over the last axis",
        shape="At least one dimension; one is a single row",
        gradient=f"{row.gradient}; y is the output",
        bounds=("", ""),
    )


_NO_MAXIMUM = "A row with a NaN, with +inf or of nothing but -inf gives NaN."
_row_wise(_Rows("softmax", "exp(x) / sum(exp(x))", "y (grad - sum(grad y))", _NO_MAXIMUM))
_row_wise(_Rows("log_softmax", "x - log(sum(exp(x)))", "grad - exp(y) sum(grad)", _NO_MAXIMUM))


# Bias and activation in one pass.

_BIAS, _COLUMN_SUM = pair("bias.add"), pair("columns.sum")


def _named(activation):
    try:
        return _POINTWISE[activation]
    except (KeyError, TypeError):
        raise ValueError(
            f"activation: expected one of {', '.join(_POINTWISE)}, got {activation!r}"
        ) from None


@completed
def bias_activation(x, bias, activation, *, out=None):
    """act(x + bias), the activation at its default parameters.

    Parameters
    ----------
    x : ndarray of float32 or float64
        Shape (..., C).
    bias : ndarray
        Shape (C,), dtype of `x`.
    activation : str
        The name of an activation of this module.
    out : ndarray, optional
        Where the result goes; may be `x` itself.

    Returns
    -------
    ndarray
        `out`, or a new array: shape and dtype of `x`.

    {raises}

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import functional
    >>> x = np.array([[1.0, 2.0], [-3.0, 4.0]])
    >>> functional.bias_activation(x, np.array([0.5, -3.0]), "relu")
    array([[1.5, 0. ],
           [0. , 1. ]])
    """
    leaves, _, params = _named(activation)
    if type(x) is ndarray:
        y = empty_like(x) if out is None else out
        if run_bias_map(_BIAS, leaves, x, bias, y, params):
            return y
    x, bias = _check.bias(x, bias, out)
    y = empty(x.shape, x.dtype) if out is None else out
    must(run_bias_map(_BIAS, leaves, x, bias, np.asarray(y), params))
    return y


@completed
def bias_activation_backward(grad, saved, activation, *, out=None, bias_grad=None):
    """The gradients of `bias_activation` with respect to x and to bias.

    The first is that of the activation, the second its sum over all axes but the last, added up
    in double.

    Parameters
    ----------
    grad : ndarray of float32 or float64
        The gradient with respect to the output, shape (..., C).
    saved : ndarray
        Like `grad`: what the activation's own backward takes, x + bias or the output.
    activation : str
        The name of an activation of this module.
    out : ndarray, optional
        Where the gradient with respect to x goes; may be `grad` or `saved` itself.
    bias_grad : ndarray, optional
        Where the gradient with respect to bias goes, shape (C,). It is overwritten.

    Returns
    -------
    dx, dbias : ndarray
        `out` and `bias_grad`, or new arrays.

    {raises}

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import functional
    >>> y = np.array([[1.5, 0.0], [0.0, 1.0], [2.0, 1.0]])
    >>> dx, dbias = functional.bias_activation_backward(np.ones_like(y), y, "relu")
    >>> dbias
    array([2., 2.])
    """
    _, leaves, params = _named(activation)
    if type(grad) is ndarray and grad.ndim:
        dx = empty_like(grad) if out is None else out
        dbias = empty(grad.shape[-1], grad.dtype) if bias_grad is None else bias_grad
        if run_bias_grad(leaves, _COLUMN_SUM, grad, saved, dx, dbias, params):
            return dx, dbias
    grad, saved = _check.bias_grad(grad, saved, out, bias_grad)
    dx = empty(grad.shape, grad.dtype) if out is None else out
    dbias = empty(grad.shape[-1], grad.dtype) if bias_grad is None else bias_grad
    written = np.asarray(dx), np.asarray(dbias)
    must(run_bias_grad(leaves, _COLUMN_SUM, grad, saved, *written, params))
    return dx, dbias
