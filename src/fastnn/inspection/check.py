"""Checking gradients against finite differences."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fastnn._settings import POSITIVE, count, number
from fastnn.inspection._unchanged import unchanged
from fastnn.layers import Layer, Sequential
from fastnn.passes import LayerPass


class GradientError(AssertionError):
    """A gradient is not that of the function; its text says which, where and by how much."""


@dataclass(frozen=True)
class GradientReport:
    """How far gradients are from finite differences.

    Attributes
    ----------
    errors : dict of str to float
        For ``"input"`` and each parameter, by its name: ``|a - n| / max(|a|, |n|)``, where a is
        the gradient, n the differences, and ``|.|`` the length of a vector; 0 where both are
        shorter than 1e-10.
    worst : dict of str to (index, float, float)
        For each the element with the largest difference: where it is, the gradient there, the
        difference quotient there.

    Examples
    --------
    >>> print(GradientReport({"weight": 2e-11}, {"weight": ((0, 1), 0.25, 0.25)}))
               error   worst element: gradient, differences
    weight   2.0e-11   (0, 1): 0.25, 0.25
    """

    errors: dict[str, float]
    worst: dict[str, tuple]

    def __str__(self):
        width = max(map(len, self.errors))
        lines = [f"{'':{width}} {'error':>9}   worst element: gradient, differences"]
        for name, error in self.errors.items():
            index, gradient, quotient = self.worst[name]
            lines.append(f"{name:{width}} {error:9.1e}   {index}: {gradient:.9g}, {quotient:.9g}")
        return "\n".join(lines)


def check_gradients(
    layer: Layer,
    x: np.ndarray,
    objective: Callable | None = None,
    *,
    training: bool = False,
    tolerance: float | None = 1e-6,
    step: float = 5e-4,
    elements: int | None = 200,
    seed: int = 0,
) -> GradientReport:
    """Compare a layer's or a model's gradients with finite differences.

    Central differences of fourth order, with h = `step`::

        f'(x) = (f(x - 2h) - 8 f(x - h) + 8 f(x + h) - f(x + 2h)) / 12h + O(h^4)

    with respect to the input and every parameter that isn't frozen, an element at a time. Where f
    has a kink within 2h of x (ReLU, a maximum) they are no gradient: such a check needs another x,
    or a smaller step.

    Parameters
    ----------
    layer : Layer
        In float64. Values and gradients of its parameters and running statistics are afterwards
        what they were.
    x : array of shape (N, ...)
        Integers, where a layer takes such, have no gradient.
    objective : callable, optional
        From the output to (value, gradient with respect to it): ``lambda out: loss(out, y)``.
        By default a weighted sum of all outputs, with random weights.
    training : bool
        Whether the layer behaves as in training. Dropout then makes the same noise for every
        difference, and normalisation takes the batch's own statistics.
    tolerance : float, optional
        The largest error allowed; None allows all.
    step : float
        h, above 0.
    elements : int, optional
        How many elements of each array are tried at most, chosen at random; None: all.
    seed : int
        Of the random choices.

    Returns
    -------
    GradientReport

    Raises
    ------
    GradientError
        If an error is above `tolerance`, or no number.
    TypeError, ValueError
        If the layer isn't float64, doesn't take `x`, or a setting is out of range.

    Notes
    -----
    ``torch.autograd.gradcheck`` takes differences of second order and compares element by
    element.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> layer = fastnn.Linear(3, 2, activation="tanh", dtype=np.float64)
    >>> report = check_gradients(layer, np.ones((4, 3)))
    >>> list(report.errors)
    ['input', 'weight', 'bias']
    >>> max(report.errors.values()) < 1e-9
    True
    """
    if not isinstance(layer, Layer):
        raise TypeError(f"layer: expected a Layer, got {type(layer).__name__}")
    step = number("step", step, POSITIVE)
    if elements is not None:
        count("elements", elements)
    names = layer.named_parameters()
    if names and layer.dtype != np.float64:
        raise TypeError(f"layer: expected float64, got {layer.dtype}; differences need it")
    x = np.array(x, order="C")  # a copy, as its elements are changed in turn
    rng = np.random.default_rng(seed)
    with unchanged(layer):
        run = _Run(layer, x, objective, training, rng)
        arrays = {} if x.dtype.kind in "biu" else {"input": (x, run.input_gradient)}
        for name, p in names.items():
            if p.requires_grad:
                arrays[name] = (p.data, p.grad.copy())
        errors, worst = {}, {}
        for name, (values, gradient) in arrays.items():
            which = rng.permutation(values.size)[:elements]
            quotients = _differences(run, values.reshape(-1), which, step)
            own = gradient.reshape(-1)[which]
            errors[name] = _error(own, quotients)
            far = int(np.argmax(np.abs(own - quotients))) if len(which) else 0
            index = tuple(map(int, np.unravel_index(which[far], values.shape)))
            worst[name] = index, float(own[far]), float(quotients[far])
    report = GradientReport(errors, worst)
    if tolerance is not None and not all(error <= tolerance for error in errors.values()):
        wrong = [name for name, error in errors.items() if not error <= tolerance]
        raise GradientError(
            f"gradients of {', '.join(wrong)}: expected errors of at most {tolerance:g}\n{report}"
        )
    return report


class _Run:
    """The objective as a function of the memory of the input and the parameters."""

    def __init__(self, layer, x, objective, training, rng):
        self.x = x
        layer = layer if layer.parameters() else _InDouble(layer)
        self.run = LayerPass(layer, x.shape[1:], len(x), training, True)
        out = self._forward()
        if objective is None:
            weight = rng.standard_normal(out.shape)
            objective = lambda out: (float((weight * out).sum()), weight)  # noqa: E731
        self.objective = objective
        self.input_gradient = self.run.backward(np.asarray(objective(out)[1], out.dtype))

    def _forward(self):
        self.run.steps = 0  # the same noise each time
        return self.run.forward(self.x)

    def __call__(self) -> float:
        return float(self.objective(self._forward())[0])


class _InDouble(Sequential):
    """A layer without parameters, which would be float32 by itself, in float64."""

    dtype = np.dtype(np.float64)


def _differences(function, flat: np.ndarray, which, h: float) -> np.ndarray:
    quotients = np.empty(len(which))
    for i, at in enumerate(which):
        middle, values = flat[at], []
        for k in (-2, -1, 1, 2):
            flat[at] = middle + k * h
            values.append(function())
        flat[at] = middle
        quotients[i] = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * h)
    return quotients


def _error(gradient, quotients) -> float:
    length = max(np.linalg.norm(gradient), np.linalg.norm(quotients))
    if length < 1e-10:
        return 0.0
    error = float(np.linalg.norm(gradient - quotients) / length)
    return error if math.isfinite(error) else math.nan
