"""Checks of settings: every message about numbers that are given by keyword.

A check returns the number that it has checked, as a float, an int or a tuple for the kernels.
"""

import functools
import math
import numbers

import numpy as np

# A kind is what a message expects, and the test for it.

FINITE = "a finite number", math.isfinite
NONNEGATIVE = "a finite number >= 0", lambda v: 0 <= v < math.inf
POSITIVE = "a finite number > 0", lambda v: 0 < v < math.inf
DECAY = "a number in [0, 1)", lambda v: 0 <= v < 1
SHARE = "a number in [0, 1]", lambda v: 0 <= v <= 1


def number(name, value, kind):
    expected, holds = kind
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name}: expected {expected}, got {type(value).__name__}")
    if not holds(value):
        raise ValueError(f"{name}: expected {expected}, got {value}")
    return float(value)


def between(name, value, low, high=math.inf, *, open_low=False, open_high=False):
    """Raise unless value is a finite number between low and high."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name}: expected a number, got {value!r}")
    above = value > low if open_low else value >= low
    below = value < high if open_high else value <= high
    if not (above and below and math.isfinite(value)):
        bounds = f"{low} {'<' if open_low else '<='} {name}"
        bounds += f" {'<' if open_high or high == math.inf else '<='} {high}"
        raise ValueError(f"{name}: expected {bounds}, got {value}")
    return float(value)


def count(name, value, low=1):
    """A whole number of at least low."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name}: expected a whole number, got {value!r}")
    if value < low:
        raise ValueError(f"{name}: expected at least {low}, got {value}")
    return int(value)


def pair(name, value, low=1):
    """Two whole numbers of at least low, by rows and columns; one stands for both."""
    if not isinstance(value, tuple | list):
        return (count(name, value, low),) * 2
    if len(value) != 2:
        raise ValueError(f"{name}: expected a whole number or two, got {value!r}")
    return count(f"{name}[0]", value[0], low), count(f"{name}[1]", value[1], low)


def check_dtype(value):
    """A dtype that kernels know."""
    try:
        dtype = np.dtype(value)
    except TypeError:  # which doesn't name the argument
        raise TypeError(f"dtype: expected float32 or float64, got {value!r}") from None
    if dtype not in (np.float32, np.float64):
        raise TypeError(f"dtype: expected float32 or float64, got {dtype}")
    return dtype


def flag(name, value):
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name}: expected a bool, got {type(value).__name__}")
    return float(value)


def step(value):
    return value if type(value) is int and value >= 1 else count("step", value)


def _remembered(check):
    """Answer from memory what has been checked before: settings seldom change between calls."""
    fast = functools.lru_cache(typed=True)(check)

    @functools.wraps(check)
    def remembered(*args, **kwargs):
        try:
            return fast(*args, **kwargs)
        except TypeError:  # unhashable (a list of betas), or wrong, and check tells which
            return check(*args, **kwargs)

    return remembered


def parameters(row):
    """The function from an activation's keywords to its parameters in the registry's order."""

    @_remembered
    def check(**given):
        for name in given:
            if name not in row.params:
                raise TypeError(f"{row.name}() got an unexpected keyword argument {name!r}")
        values = {
            name: number(name, given.get(name, default), FINITE)
            for name, default in row.params.items()
        }
        for name, condition, holds in row.checks:
            if not holds(**values):
                raise ValueError(f"{name}: expected {condition}, got {values[name]}")
        return tuple(values.values())

    return check


def _momentum(momentum, nesterov):
    pair = number("momentum", momentum, NONNEGATIVE), flag("nesterov", nesterov)
    if nesterov and not momentum:
        raise ValueError("nesterov: expected momentum > 0 with it, got momentum 0")
    return pair


@_remembered
def sgd(momentum, nesterov, weight_decay):
    return (
        *_momentum(momentum, nesterov),
        number("weight_decay", weight_decay, NONNEGATIVE),
    )


@_remembered
def adagrad(eps, weight_decay):
    return number("eps", eps, NONNEGATIVE), number("weight_decay", weight_decay, NONNEGATIVE)


@_remembered
def rmsprop(alpha, eps, momentum, nesterov, weight_decay):
    return (
        number("alpha", alpha, DECAY),
        number("eps", eps, NONNEGATIVE),
        *_momentum(momentum, nesterov),
        number("weight_decay", weight_decay, NONNEGATIVE),
    )


@_remembered
def adadelta(rho, eps, weight_decay):
    return (
        number("rho", rho, DECAY),
        number("eps", eps, POSITIVE),
        number("weight_decay", weight_decay, NONNEGATIVE),
    )


@_remembered
def rprop(etas, step_sizes):
    shrink, grow = _two("etas", etas)
    smallest, largest = _two("step_sizes", step_sizes)
    return (
        between("etas[0]", shrink, 0, 1, open_low=True, open_high=True),
        between("etas[1]", grow, 1, open_low=True),
        number("step_sizes[0]", smallest, NONNEGATIVE),
        between("step_sizes[1]", largest, smallest),
    )


@_remembered
def lion(betas, weight_decay):
    return *_betas(betas), number("weight_decay", weight_decay, NONNEGATIVE)


def _two(name, value):
    try:
        first, second = value
    except (TypeError, ValueError):
        raise TypeError(f"{name}: expected two numbers, got {value!r}") from None
    return first, second


def _betas(betas):
    beta1, beta2 = _two("betas", betas)
    return number("betas[0]", beta1, DECAY), number("betas[1]", beta2, DECAY)


@_remembered
def adam(betas, eps, weight_decay, decoupled, eps_hat):
    return (*radam(betas, eps, weight_decay, decoupled), flag("eps_hat", eps_hat))


@_remembered
def radam(betas, eps, weight_decay, decoupled):
    return (*adamax(betas, eps, weight_decay), flag("decoupled", decoupled))


@_remembered
def adamax(betas, eps, weight_decay):
    return (
        *_betas(betas),
        number("eps", eps, NONNEGATIVE),
        number("weight_decay", weight_decay, NONNEGATIVE),
    )


@_remembered
def nadam(betas, eps, weight_decay, momentum_decay, decoupled):
    return (
        *adamax(betas, eps, weight_decay),
        number("momentum_decay", momentum_decay, NONNEGATIVE),
        flag("decoupled", decoupled),
    )


# These are asked before calls of a few microseconds: a float in its range is soon recognised.


def label_smoothing(value):
    if type(value) is float and 0 <= value <= 1:
        return (value,)
    return (number("label_smoothing", value, SHARE),)


def delta(value):
    if type(value) is float and 0 < value < math.inf:
        return (value,)
    return (number("delta", value, POSITIVE),)


def rate(lr):
    if type(lr) is float and 0 <= lr < math.inf:
        return lr
    return number("lr", lr, NONNEGATIVE)
