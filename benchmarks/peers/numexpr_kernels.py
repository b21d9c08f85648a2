"""NumExpr: formulas that it compiles and runs in blocks on threads; it has no others.

Numbers that aren't whole are given as float32, since in a formula they would be double and all
that they touch with them.
"""

import math
from functools import partial

import numexpr
import numpy as np

from benchmarks import inputs

VERSION = numexpr.__version__

_NUMBERS = {
    name: np.float32(value)
    for name, value in {
        "slope": 0.01,
        "root": math.sqrt(2 / math.pi),
        "cubic": 0.044715,
        "lr": 0.01,
        "beta": 0.9,
        "rest": 0.1,
        "tiny": 1e-8,
        "tinier": 1e-10,
        "decay": 0.99,
        "rest_of_decay": 0.01,
        "beta2": 0.999,
        "rest2": 0.001,
        "rate": 0.001 / (1 - 0.9**10),
        "correction": 1 / (1 - 0.999**10),
    }.items()
}


def _forward(formula, shape):
    (x,) = inputs.x(np.random.default_rng(0), shape)
    return partial(numexpr.evaluate, formula, {"x": x, **_NUMBERS}, out=np.empty_like(x))


def _backward(formula, saved, shape):
    grad, value = inputs.grad_and_saved(saved, np.random.default_rng(0), shape)
    names = {"g": grad, "x" if saved is None else "y": value, **_NUMBERS}
    return partial(numexpr.evaluate, formula, names, out=np.empty_like(grad))


def _update(formulas, shape):
    """Formulas by what they write, the parameters p among it."""
    states = [name for name in formulas if name != "p"]
    arrays = inputs.parameters(len(states), np.random.default_rng(0), shape)
    names = dict(zip(("p", "g", *states), arrays, strict=True)) | _NUMBERS

    def call():
        for name, formula in formulas.items():
            numexpr.evaluate(formula, names, out=names[name])
        return names["p"]

    return call


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


_FORWARD = {
    "relu": "where(x > 0, x, 0)",
    "leaky_relu": "where(x > 0, x, slope * x)",
    "softsign": "x / (1 + abs(x))",
    "elu": "where(x > 0, x, expm1(x))",
    "sigmoid": "1 / (1 + exp(-x))",
    "softplus": "where(x > 0, x, 0) + log1p(exp(-abs(x)))",
    "tanh": "tanh(x)",
    "silu": "x / (1 + exp(-x))",
    "gelu_tanh": "x * (1 + tanh(root * (x + cubic * x * x * x))) / 2",
}

# The gradient, and the function whose output y it is written in, if it is.
_BACKWARD = {
    "relu": ("where(y > 0, g, 0)", partial(np.maximum, 0)),
    "sigmoid": ("g * y * (1 - y)", _sigmoid),
    "tanh": ("g * (1 - y * y)", np.tanh),
    "softplus": ("g / (1 + exp(-x))", None),
}

_UPDATES = {
    "sgd_update": {"p": "p - lr * g"},
    "sgd_update momentum": {"m": "beta * m + g", "p": "p - lr * m"},
    "adagrad_update": {"v": "v + g * g", "p": "p - lr * g / (sqrt(v) + tinier)"},
    "rmsprop_update": {
        "v": "decay * v + rest_of_decay * g * g",
        "p": "p - lr * g / (sqrt(v) + tiny)",
    },
    "adam_update": {
        "m": "beta * m + rest * g",
        "v": "beta2 * v + rest2 * g * g",
        "p": "p - rate * m / (sqrt(v * correction) + tiny)",
    },
}

KERNELS = {
    **{name: partial(_forward, formula) for name, formula in _FORWARD.items()},
    **{f"{name}_backward": partial(_backward, *pair) for name, pair in _BACKWARD.items()},
    **{name: partial(_update, formulas) for name, formulas in _UPDATES.items()},
}
