"""What the estimators take beyond scikit-learn's parameters, and how each is checked."""

import functools
import inspect
from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from fastnn.losses import LOSSES, Loss
from fastnn.optim import OPTIMIZERS, Optimizer
from fastnn.registry import ACTIVATIONS

# scikit-learn's names of activations, and fastnn's.
ACTIVATION_NAMES = {"logistic": "sigmoid", **{name: name for name in ACTIVATIONS}}

# Keyword-only, after scikit-learn's own. The defaults leave everything as it is there.
EXTRAS = {
    "dropout": 0.0,
    "batch_norm": False,
    "optimizer": None,
    "schedule": None,
    "callbacks": None,
    "progress": False,
    "n_threads": None,
    "dtype": None,
}
CLASSIFIER_EXTRAS = {"loss": "log_loss", "class_weight": None, **EXTRAS}

CONSTRAINTS = {
    "activation": [StrOptions(set(ACTIVATION_NAMES)), list, tuple],
    "dropout": [Interval(Real, 0, 1, closed="left"), list, tuple],
    "batch_norm": ["boolean"],
    "optimizer": [StrOptions(set(OPTIMIZERS)), Optimizer, None],
    "schedule": [callable, None],
    "callbacks": [list, tuple, None],
    "progress": ["boolean"],
    "n_threads": [Interval(Integral, 1, 1024, closed="both"), None],
    "dtype": [StrOptions({"float32", "float64"}), type, np.dtype, None],
}


def loss_constraint(*own: str) -> list:
    """What `loss` may be: scikit-learn's names, fastnn's, a `Loss`, a function."""
    return [StrOptions({*own, *LOSSES}), Loss, callable]


def takes(original: type, extras: dict):
    """A decorator for an estimator's ``__init__``: it takes what scikit-learn's does, in its
    order and with its defaults, whatever the version, and `extras` by keyword. scikit-learn reads
    an estimator's parameters from that signature."""
    theirs = inspect.signature(original.__init__).parameters
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
        for name, default in extras.items()
        if name not in theirs
    ]
    signature = inspect.Signature([*theirs.values(), *added])

    def decorate(function):
        @functools.wraps(function)
        def __init__(self, *args, **kwargs):
            try:
                bound = signature.bind(self, *args, **kwargs)
            except TypeError as error:
                raise TypeError(f"{type(self).__name__}: {error}") from None
            bound.apply_defaults()
            function(self, **dict(list(bound.arguments.items())[1:]))

        __init__.__signature__ = signature
        return __init__

    return decorate


def per_layer(name: str, value, count: int) -> list:
    """`value`, one for all hidden layers or one for each, as a list of `count`."""
    if not isinstance(value, list | tuple):
        return [value] * count
    if len(value) != count:
        raise ValueError(
            f"{name}: expected one value, or {count}, one for each hidden layer; got {len(value)}"
        )
    return list(value)


def activations(value, count: int) -> list[str]:
    """fastnn's names of the activations of so many hidden layers."""
    names = per_layer("activation", value, count)
    for name in names:
        if not isinstance(name, str) or name not in ACTIVATION_NAMES:
            known = ", ".join(sorted(ACTIVATION_NAMES))
            raise ValueError(f"activation: expected names among {known}; got {name!r}")
    return [ACTIVATION_NAMES[name] for name in names]


def dropouts(value, count: int) -> list[float]:
    """The probabilities of dropout after so many hidden layers."""
    found = per_layer("dropout", value, count)
    for p in found:
        if isinstance(p, bool) or not isinstance(p, Real) or not 0 <= p < 1:
            raise ValueError(f"dropout: expected numbers in [0, 1), got {p!r}")
    return [float(p) for p in found]


def dtype_of(value) -> np.dtype | None:
    """The dtype that a user asked for."""
    if value is None:
        return None
    dtype = np.dtype(value)
    if dtype not in (np.float32, np.float64):
        raise ValueError(f"dtype: expected float32, float64 or None, got {dtype}")
    return dtype
