"""What activations' leaves give, and what their exact results are.

The formulas are direct transcriptions, evaluated in extended precision (64 bits of significand
and an exponent that neither overflows nor underflows here); where rounding the argument of an
exponential would show even so, it is carried in two parts.
"""

import numpy as np
from leaf_calls import MODULES, leaf

from fastnn.registry import ACTIVATIONS

EXTENDED = np.finfo(np.longdouble).nmant >= 63
LEVELS = list(MODULES)


def activate(level, name, role, *arrays, params=None):
    """Runs ``(x, y)`` through a forward leaf, or ``(grad, saved, dx)`` through a backward one;
    returns the last array."""
    if params is None:
        params = ACTIVATIONS[name].params.values()
    out = arrays[-1]
    for array in arrays:
        assert array.dtype == out.dtype
        assert array.flags.c_contiguous
        assert array.size == out.size
    buffer = np.array([*params, 0.0])  # the zero: never an empty buffer
    leaf(level, f"{name}.{role}", out.dtype)(*arrays, out.size, buffer)
    return out


def sample(dtype, size, seed):
    """Finite numbers of every magnitude and both signs, dense where functions bend, with the
    kinks and their neighbours.
    """
    info, rng = np.finfo(dtype), np.random.default_rng(seed)
    underflow = -np.log(float(info.smallest_subnormal))
    part = size // 10
    positive = [
        np.ldexp(rng.uniform(1, 2, part), rng.integers(info.minexp - 52, info.maxexp, part)),
        np.exp(rng.uniform(-20, 3, part)),
        rng.uniform(0, 8, part),
        rng.uniform(0, 2 * np.sqrt(underflow), part),
        rng.uniform(0, 1.1 * underflow, part),
    ]
    kinks = np.array([0, 1, 3, 6, info.tiny, info.smallest_subnormal], dtype)
    around = [kinks, np.nextafter(kinks, dtype(0)), np.nextafter(kinks, dtype(9)), [info.max]]
    x = np.concatenate([*positive, *around]).astype(dtype)
    return np.concatenate([x, -x])


def ulp_error(got, exact, scale, dtype):
    """|got - exact| in units in the last place of `scale` at dtype. All arrays are wide."""
    info = np.finfo(dtype)
    difference = np.abs(got - exact)
    if np.isinf(difference).any():  # right where the exact result overflows too
        difference[(np.abs(exact) > info.max) & (got == np.copysign(np.inf, exact))] = 0
    exponent = np.maximum(np.frexp(scale)[1] - 1, info.minexp) - info.nmant
    return np.ldexp(difference, -exponent)


def larger_term(name, x, forward, backward):
    """The scale of the error of f'(x), for the rows whose bound is absolute.

    For the gates f(x) = x g(x) the terms of f' are g and x g'; elsewhere they are two numbers.
    """
    if name == "selu":
        return np.maximum(np.abs(x), np.abs(backward))
    with np.errstate(invalid="ignore", divide="ignore"):
        gate = forward / x
    return np.fmax(np.fmax(np.abs(gate), np.abs(backward - gate)), np.abs(backward))


def _two_product(a, b):
    """a * b as the sum of two longdoubles (Dekker, 1971)."""
    split = np.longdouble(2**32 + 1)
    ah, bh = split * a - (split * a - a), split * b - (split * b - b)
    al, bl = a - ah, b - bh
    high = a * b
    return high, ((ah * bh - high) + ah * bl + al * bh) + al * bl


def _exp(high, low):
    return np.exp(high) * np.exp(low)


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _density(x):
    """exp(-x^2 / 2)."""
    high, low = _two_product(x, x)
    return _exp(-high / 2, -low / 2)


_SQRT_2PI = np.sqrt(8 * np.arctan(np.longdouble(1)))


def _normal_cdf(x):
    """Phi, by its series around 0 and by the continued fraction of the tail (Laplace, 1805)."""
    z = np.minimum(np.abs(x), 140)  # exp(-9800) times any number is 0
    near = np.minimum(z, 3)
    term = series = near
    for k in range(1, 90):
        term = term * (near * near) / (2 * k + 1)
        series = series + term
    far = np.maximum(z, 3)
    fraction = np.zeros_like(far)
    for k in range(250, 0, -1):
        fraction = k / (far + fraction)
    half = np.longdouble(0.5)
    tail = np.where(
        z < 3,
        half - series * _density(near) / _SQRT_2PI,
        _density(far) / (far + fraction) / _SQRT_2PI,
    )
    return np.where(x < 0, tail, 1 - tail)


# sqrt(8 / pi) and 0.044715 times that, each in two parts.
_A = np.longdouble(1.5957691216057308), np.longdouble(-9.969308809110920e-17)
_B = np.longdouble(0.07135481627260025), np.longdouble(-6.175149918155315e-19)


def _gelu_tanh_gate(x):
    """1 / (1 + exp(-x (a + b x^2))), the exponent in two parts."""
    x = np.clip(x, -100, 100)
    square, square_low = _two_product(x, x)
    term, term_low = _two_product(_B[0], square)
    factor = _A[0] + term
    factor_low = (_A[0] - factor) + term + term_low + _A[1] + _B[0] * square_low + _B[1] * square
    w, w_low = _two_product(x, factor)
    return 1 / (1 + _exp(-w, -(w_low + x * factor_low)))


def _gelu_tanh_gradient(x):
    s = _gelu_tanh_gate(x)
    x = np.clip(x, -100, 100)
    return s + x * s * _gelu_tanh_gate(-x) * (_A[0] + 3 * _B[0] * x * x)


def _mish_gate(x):
    return np.tanh(np.log1p(np.exp(x)))


def _tanhshrink(x):
    """By Lambert's continued fraction around 0, where x - tanh(x) cancels."""
    near, k = np.clip(x, -2, 2), 0
    for n in range(41, 1, -2):
        k = near * near / (n + k)
    return np.where(np.abs(x) < 2, near * (k / (1 + k)), x - np.tanh(x))


_SELU_SCALE = np.longdouble("1.0507009873554804934193349852946")
_SELU_ALPHA = np.longdouble("1.6732632423543772848170429916717")

# f(x, *params)
FORWARD = {
    "identity": lambda x: x,
    "step": lambda x: np.heaviside(x, 1),
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x, slope: np.where(x > 0, x, slope * x),
    "relu6": lambda x: np.clip(x, 0, 6),
    "hardtanh": lambda x, low, high: np.clip(x, low, high),
    "threshold": lambda x, threshold, value: np.where(x > threshold, x, value),
    "hardshrink": lambda x, lambd: np.where(np.abs(x) > lambd, x, 0),
    "softshrink": lambda x, lambd: np.sign(x) * np.maximum(np.abs(x) - lambd, 0),
    "hardsigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "hardswish": lambda x: x * (np.clip(x + 3, 0, 6) / 6),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "elu": lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))),
    "celu": lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha)),
    "selu": lambda x: _SELU_SCALE * np.where(x > 0, x, _SELU_ALPHA * np.expm1(np.minimum(x, 0))),
    "sigmoid": _sigmoid,
    "log_sigmoid": lambda x: np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x))),
    "softplus": lambda x, b: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(b * x))) / b,
    "tanh": np.tanh,
    "tanhshrink": _tanhshrink,
    "silu": lambda x: x * _sigmoid(x),
    "mish": lambda x: x * _mish_gate(x),
    "gelu_tanh": lambda x: x * _gelu_tanh_gate(x),
    "gelu": lambda x: x * _normal_cdf(x),
}

# f'(saved, *params)
GRADIENT = {
    "identity": lambda y: np.ones_like(y),
    "step": lambda y: np.zeros_like(y),
    "relu": lambda y: np.where(y > 0, 1, 0),
    "leaky_relu": lambda y, slope: np.where(y > 0, 1, slope),
    "relu6": lambda y: np.where((y > 0) & (y < 6), 1, 0),
    "hardtanh": lambda y, low, high: np.where((y > low) & (y < high), 1, 0),
    "threshold": lambda x, threshold, value: np.where(x > threshold, 1, 0),
    "hardshrink": lambda y, lambd: np.where(y == 0, 0, 1),
    "softshrink": lambda y, lambd: np.where(y == 0, 0, 1),
    "hardsigmoid": lambda x: np.where(np.abs(x) < 3, 1 / np.longdouble(6), 0),
    "hardswish": lambda x: np.where(x <= -3, 0, np.where(x >= 3, 1, (2 * x + 3) / 6)),
    "softsign": lambda y: (1 - np.abs(y)) ** 2,
    "elu": lambda y, alpha: np.where(y > 0, 1, y + alpha),
    "celu": lambda y, alpha: np.where(y > 0, 1, (y + alpha) / alpha),
    "selu": lambda y: np.where(y > 0, _SELU_SCALE, y + _SELU_SCALE * _SELU_ALPHA),
    "sigmoid": lambda y: y * (1 - y),
    "log_sigmoid": lambda x: _sigmoid(-x),
    "softplus": lambda x, b: _sigmoid(b * x),
    "tanh": lambda y: (1 - y) * (1 + y),
    "tanhshrink": lambda x: np.tanh(x) ** 2,
    "silu": lambda x: _sigmoid(x) * (1 + x * _sigmoid(-x)),
    "mish": lambda x: _mish_gate(x) + x * (1 - _mish_gate(x) ** 2) * _sigmoid(x),
    "gelu_tanh": _gelu_tanh_gradient,
    "gelu": lambda x: _normal_cdf(x) + x * _density(np.clip(x, -140, 140)) / _SQRT_2PI,
}


def exact(formulas, name, x, params, dtype):
    """A formula at extended precision, with the parameters as the kernel of dtype has them."""
    rounded = [np.longdouble(np.dtype(dtype).type(value)) for value in params]
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return formulas[name](np.asarray(x, np.longdouble), *rounded)
