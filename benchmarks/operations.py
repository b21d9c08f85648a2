"""What there is to measure of the array API: at least a case for each of its functions.

In a group, fastnn writes into arrays that are at hand (``out=``), as a training loop does;
the reference makes its result anew, as NumPy code does. Giving it ``out=`` too would only add a
copy.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from benchmarks import QUICK
from fastnn import functional, reference
from fastnn.registry import ACTIVATIONS

APIS = {"fastnn": functional, "numpy": reference}

# From a core's first cache to main memory: 4 KB, 400 KB, 4 MB and 64 MB an array.
_COUNTS = (1_000, 10_000) if QUICK else (1_000, 100_000, 1_000_000, 16_000_000)
FLAT = tuple((n,) for n in _COUNTS)
ROWS = tuple((n // 100, 100) for n in _COUNTS)
CLASSES = ((128, 10),) if QUICK else ((128, 10), (512, 1000), (1024, 32000))


@dataclass(frozen=True)
class Case:
    """A function on inputs of some shapes.

    Attributes
    ----------
    function : str
        In `fastnn.functional` and `fastnn.reference`.
    inputs : callable
        ``(rng, shape) -> tuple``, the positional arguments.
    stream : str
        The stream of `benchmarks.bounds` that reads and writes in the same proportion.
    arrays : int
        Arrays of the given shape that must cross from memory or to it.
    out : str
        The argument that takes the result; "" in place.
    """

    function: str
    inputs: Callable
    shapes: tuple[tuple[int, ...], ...]
    stream: str
    arrays: int
    out: str = ""
    options: dict = field(default_factory=dict)
    variant: str = ""

    @property
    def operation(self) -> str:
        return f"{self.function} {self.variant}".strip()

    def call(self, peer: str, shape: tuple[int, ...]) -> Callable:
        """The function of one of `APIS` on inputs made for it."""
        arguments = self.inputs(np.random.default_rng(0), shape)
        options = dict(self.options)
        if self.out and peer == "fastnn":
            options[self.out] = np.empty(shape, np.float32)
        return functools.partial(getattr(APIS[peer], self.function), *arguments, **options)


def _normal(rng, shape):
    return rng.standard_normal(shape, np.float32)


def _x(rng, shape):
    return (_normal(rng, shape),)


def _grad_and(saved, rng, shape):
    """A gradient, and x or the output of a function of x."""
    x = _normal(rng, shape)
    return _normal(rng, shape), x if saved is None else saved(x)


def _x_and_bias(rng, shape):
    return _normal(rng, shape), _normal(rng, shape[-1:]), "relu"


def _grad_and_relu(rng, shape):
    return *_grad_and(functional.relu, rng, shape), "relu"


def _logits_and_labels(rng, shape):
    return _normal(rng, shape), rng.integers(0, shape[1], shape[0])


def _values(rng, shape):
    return _normal(rng, shape), _normal(rng, shape)


def _signs(rng, shape):
    return _normal(rng, shape), np.sign(_normal(rng, shape))


def _probabilities(rng, shape):
    return _normal(rng, shape), rng.random(shape, np.float32)


def _parameters(states, rng, shape):
    """Parameters, gradients and optimizer state, which may be anything not below zero."""
    state = (rng.random(shape, np.float32) for _ in range(states))
    return _normal(rng, shape), _normal(rng, shape), *state


def _activations():
    for name, row in ACTIVATIONS.items():
        saved = None if row.saves == "x" else getattr(functional, name)
        yield Case(name, _x, FLAT, "copy", 2, "out")
        inputs = functools.partial(_grad_and, saved)
        yield Case(f"{name}_backward", inputs, FLAT, "add", 3, "out")


def _row_wise():
    for name in ("softmax", "log_softmax"):
        yield Case(name, _x, CLASSES, "copy", 2, "out")
        inputs = functools.partial(_grad_and, getattr(functional, name))
        yield Case(f"{name}_backward", inputs, CLASSES, "add", 3, "out")
    yield Case("bias_activation", _x_and_bias, ROWS, "copy", 2, "out")
    yield Case("bias_activation_backward", _grad_and_relu, ROWS, "add", 3, "out")


def _losses():
    yield Case("softmax_cross_entropy", _logits_and_labels, CLASSES, "copy", 2, "grad_out")
    for name, inputs in (
        ("mse", _values),
        ("l1", _values),
        ("huber", _values),
        ("hinge", _signs),
        ("squared_hinge", _signs),
        ("binary_cross_entropy_with_logits", _probabilities),
    ):
        yield Case(name, inputs, ROWS, "add", 3, "grad_out")


def _updates():
    """In place: the gradient is read, parameters and state are read and written."""
    for name, states, options, variant in (
        ("sgd_update", 0, {"lr": 0.01}, ""),
        ("sgd_update", 1, {"lr": 0.01, "momentum": 0.9}, "momentum"),
        ("adagrad_update", 1, {"lr": 0.01}, ""),
        ("rmsprop_update", 1, {"lr": 0.01}, ""),
        ("adam_update", 2, {"step": 10}, ""),
    ):
        inputs = functools.partial(_parameters, states)
        yield Case(name, inputs, FLAT, "adam", 3 + 2 * states, "", options, variant)


CASES = (*_activations(), *_row_wise(), *_losses(), *_updates())


def without_benchmark() -> list[str]:
    """The public functions that no case covers."""
    return sorted(set(functional.__all__) - {case.function for case in CASES})
