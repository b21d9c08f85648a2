"""What there is to measure of the array API: at least a case for each of its functions.

In a group, fastnn writes into arrays that are at hand (``out=``), as a training loop does;
the reference makes its result anew, as NumPy code does. Giving it ``out=`` too would only add a
copy.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.inputs import (
    CLASSES,
    FLAT,
    ROWS,
    grad_and_saved,
    logits_and_labels,
    normal,
    parameters,
    x,
)
from fastnn import functional, reference
from fastnn.registry import ACTIVATIONS

APIS = {"fastnn": functional, "numpy": reference}


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

    def results(self, peer: str, shape: tuple[int, ...]) -> tuple:
        """What the call computes; an update returns None and changes its arguments."""
        call = self.call(peer, shape)
        returned = call()
        if returned is None:
            return call.args
        return returned if isinstance(returned, tuple) else (returned,)


def _x_and_bias(rng, shape):
    return normal(rng, shape), normal(rng, shape[-1:]), "relu"


def _grad_and_relu(rng, shape):
    return *grad_and_saved(functional.relu, rng, shape), "relu"


def _values(rng, shape):
    return normal(rng, shape), normal(rng, shape)


def _signs(rng, shape):
    return normal(rng, shape), np.sign(normal(rng, shape))


def _probabilities(rng, shape):
    return normal(rng, shape), rng.random(shape, np.float32)


def _activations():
    for name, row in ACTIVATIONS.items():
        saved = None if row.saves == "x" else getattr(functional, name)
        yield Case(name, x, FLAT, "copy", 2, "out")
        inputs = functools.partial(grad_and_saved, saved)
        yield Case(f"{name}_backward", inputs, FLAT, "add", 3, "out")


def _channels(rng, shape):
    return normal(rng, shape), normal(rng, shape[1:2])


def _grad_and_channels(rng, shape):
    return normal(rng, shape), *_channels(rng, shape)


def _glu(rng, shape):
    return (normal(rng, (*shape[:-1], 2 * shape[-1])),)


def _grad_and_glu(rng, shape):
    return normal(rng, shape), *_glu(rng, shape)


def _maxout(rng, shape):
    return normal(rng, (*shape[:-1], 2 * shape[-1])), 2


def _grad_and_places(rng, shape):
    return normal(rng, shape), rng.integers(0, 2, shape, np.int32), 2


def _piecewise():
    yield Case("prelu", _channels, ROWS, "copy", 2, "out")
    yield Case("prelu_backward", _grad_and_channels, ROWS, "add", 3, "out")
    yield Case("glu", _glu, ROWS, "add", 3, "out")
    yield Case("glu_backward", _grad_and_glu, ROWS, "add", 5)
    yield Case("maxout", _maxout, ROWS, "add", 4, "out", variant="of 2")
    yield Case("maxout_backward", _grad_and_places, ROWS, "add", 4, variant="of 2")


def _row_wise():
    for name in ("softmax", "log_softmax"):
        yield Case(name, x, CLASSES, "copy", 2, "out")
        inputs = functools.partial(grad_and_saved, getattr(functional, name))
        yield Case(f"{name}_backward", inputs, CLASSES, "add", 3, "out")
    yield Case("bias_activation", _x_and_bias, ROWS, "copy", 2, "out")
    yield Case("bias_activation_backward", _grad_and_relu, ROWS, "add", 3, "out")


def _losses():
    yield Case("softmax_cross_entropy", logits_and_labels, CLASSES, "copy", 2, "grad_out")
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
        ("adam_update", 3, {"step": 10, "amsgrad": True}, "amsgrad"),
        ("adadelta_update", 2, {}, ""),
        ("rprop_update", 2, {"step": 10}, ""),
        ("lion_update", 1, {}, ""),
        ("adamax_update", 2, {"step": 10}, ""),
        ("nadam_update", 2, {"step": 10}, ""),
        ("radam_update", 2, {"step": 10}, ""),
    ):
        inputs = functools.partial(parameters, states)
        yield Case(name, inputs, FLAT, "adam", 3 + 2 * states, "", options, variant)


CASES = (*_activations(), *_piecewise(), *_row_wise(), *_losses(), *_updates())


def check(case: Case, shape: tuple[int, ...], numbers: Sequence[Sequence[float]]) -> None:
    """Whether a peer's first numbers of each result are those of the reference.

    Of an update peers give the parameters, the first of what it changes; where they have given
    nothing, nothing is checked.
    """
    for ours, theirs in zip(case.results("numpy", shape), numbers, strict=False):
        # float32, and formulas that round differently.
        np.testing.assert_allclose(
            theirs, np.ravel(ours)[: len(theirs)], rtol=1e-4, atol=1e-6, err_msg=case.operation
        )


def without_benchmark() -> list[str]:
    """The public functions that no case covers."""
    return sorted(set(functional.__all__) - {case.function for case in CASES})
