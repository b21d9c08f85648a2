"""The pointwise activations. Logistic curves are written with exp(-|x|), which never overflows."""

import math

import numpy as np

from fastnn.reference._formula import _formula, _times

_PI = np.longdouble("3.14159265358979323846264338327950288")
_GELU_CUBIC = np.longdouble("0.044715")
_SELU_ALPHA = np.longdouble("1.67326324235437728481704291671695")
_SELU_SCALE = np.longdouble("1.05070098735548049341933498529462")


def _erfc(x):
    """C's erfc at x rounded to double; its slope, where x is a long double, does the rest."""
    near = x.astype(np.float64)
    value = np.asarray(np.frompyfunc(math.erfc, 1, 1)(near), x.dtype)
    return value - (x - near).astype(x.dtype) * np.exp(-x * x) * x.dtype.type(2 / np.sqrt(_PI))


@_formula
def identity(x):
    return x.copy()


@_formula
def identity_backward(grad, y):
    return grad.copy()


@_formula
def step(x):
    return np.heaviside(x, 1)


@_formula
def step_backward(grad, y):
    return np.zeros_like(grad)


@_formula
def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


@_formula
def sigmoid_backward(grad, y):
    return grad * (y * (1 - y))


@_formula
def tanh(x):
    return np.tanh(x)


@_formula
def tanh_backward(grad, y):
    return grad * ((1 - y) * (1 + y))


@_formula
def relu(x):
    return np.maximum(x, 0)


@_formula
def relu_backward(grad, y):
    return np.where(y <= 0, 0, grad)


@_formula
def leaky_relu(x, *, negative_slope=0.01):
    return np.where(x > 0, x, negative_slope * x)


@_formula
def leaky_relu_backward(grad, y, *, negative_slope=0.01):
    return np.where(y > 0, grad, negative_slope * grad)


@_formula
def elu(x, *, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


@_formula
def elu_backward(grad, y, *, alpha=1.0):
    return grad * np.where(y > 0, 1, y + alpha)


@_formula
def selu(x):
    scale, scale_alpha = x.dtype.type(_SELU_SCALE), x.dtype.type(_SELU_SCALE * _SELU_ALPHA)
    return np.where(x > 0, scale * x, scale_alpha * np.expm1(np.minimum(x, 0)))


@_formula
def selu_backward(grad, y):
    scale, scale_alpha = y.dtype.type(_SELU_SCALE), y.dtype.type(_SELU_SCALE * _SELU_ALPHA)
    return grad * np.where(y > 0, scale, y + scale_alpha)


@_formula
def softplus(x, *, beta=1.0):
    return np.logaddexp(0, beta * x) / beta


@_formula
def softplus_backward(grad, x, *, beta=1.0):
    return grad * sigmoid(beta * x)


@_formula
def softsign(x):
    return np.where(np.isinf(x), np.sign(x), x / (1 + np.abs(x)))


@_formula
def softsign_backward(grad, y):
    return grad * (1 - np.abs(y)) ** 2


@_formula
def gelu(x):
    """x * Phi(x), with Phi the standard normal distribution function."""
    return _times(x, _erfc(-x * np.sqrt(x.dtype.type(0.5))) / 2)


@_formula
def gelu_backward(grad, x):
    distribution = _erfc(-x * np.sqrt(x.dtype.type(0.5))) / 2
    density = np.exp(-x * x / 2) / np.sqrt(x.dtype.type(2 * _PI))
    return grad * (distribution + _times(x, density))


def _gelu_tanh_argument(x):
    """(1 + tanh(u)) / 2 = sigmoid(2 u): this returns 2 u."""
    return np.sqrt(x.dtype.type(8 / _PI)) * (x + x.dtype.type(_GELU_CUBIC) * x**3)


@_formula
def gelu_tanh(x):
    return _times(x, sigmoid(_gelu_tanh_argument(x)))


@_formula
def gelu_tanh_backward(grad, x):
    u = _gelu_tanh_argument(x)
    du = np.sqrt(x.dtype.type(8 / _PI)) * (1 + x.dtype.type(3 * _GELU_CUBIC) * x**2)
    return grad * (sigmoid(u) + _times(x * du, sigmoid(u) * sigmoid(-u)))


@_formula
def silu(x):
    return _times(x, sigmoid(x))


@_formula
def silu_backward(grad, x):
    return grad * (sigmoid(x) + _times(x, sigmoid(x) * sigmoid(-x)))


@_formula
def mish(x):
    return _times(x, np.tanh(softplus(x)))


@_formula
def mish_backward(grad, x):
    s = softplus(x)
    return grad * (np.tanh(s) + _times(x, sigmoid(x) / np.cosh(s) ** 2))


@_formula
def hardsigmoid(x):
    return np.clip(x + 3, 0, 6) / 6


@_formula
def hardsigmoid_backward(grad, x):
    return np.where(np.abs(x) >= 3, 0, grad / 6)


@_formula
def hardtanh(x, *, min_val=-1.0, max_val=1.0):
    return np.clip(x, min_val, max_val)


@_formula
def hardtanh_backward(grad, y, *, min_val=-1.0, max_val=1.0):
    return np.where((y <= min_val) | (y >= max_val), 0, grad)


@_formula
def hardswish(x):
    return _times(x, np.clip(x + 3, 0, 6) / 6)


@_formula
def hardswish_backward(grad, x):
    return grad * np.where(x <= -3, 0, np.where(x >= 3, 1, (2 * x + 3) / 6))


@_formula
def relu6(x):
    return np.clip(x, 0, 6)


@_formula
def relu6_backward(grad, y):
    return np.where((y <= 0) | (y >= 6), 0, grad)


@_formula
def log_sigmoid(x):
    return -np.logaddexp(0, -x)


@_formula
def log_sigmoid_backward(grad, x):
    return grad * sigmoid(-x)


@_formula
def threshold(x, *, threshold=0.0, value=0.0):
    return np.where(x <= threshold, x.dtype.type(value), x)


@_formula
def threshold_backward(grad, x, *, threshold=0.0, value=0.0):
    return np.where(x <= threshold, 0, grad)


@_formula
def hardshrink(x, *, lambd=0.5):
    return np.where(np.abs(x) <= lambd, 0, x)


@_formula
def hardshrink_backward(grad, y, *, lambd=0.5):
    return np.where(y == 0, 0, grad)


@_formula
def softshrink(x, *, lambd=0.5):
    return np.where(np.abs(x) <= lambd, 0, x - np.copysign(x.dtype.type(lambd), x))


@_formula
def softshrink_backward(grad, y, *, lambd=0.5):
    return np.where(y == 0, 0, grad)


@_formula
def celu(x, *, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha))


@_formula
def celu_backward(grad, y, *, alpha=1.0):
    return grad * np.where(y > 0, 1, (y + alpha) / alpha)


@_formula
def tanhshrink(x):
    """Around 0 from tanh(x) = x / (1 + k), k = x^2 / (3 + x^2 / (5 + ...)) (Lambert, 1761)."""
    near, k = np.clip(x, -1, 1), 0
    for n in range(25, 1, -2):
        k = near * near / (n + k)
    return np.where(np.abs(x) < 1, near * (k / (1 + k)), x - np.tanh(x))


@_formula
def tanhshrink_backward(grad, x):
    return grad * np.tanh(x) ** 2
