"""The array API in plain NumPy, function for function: oracle, baseline and readable formulas.

Signatures and results are those of ``fastnn.functional``, whose documentation tells what the
arguments mean. Here the code is the documentation: each body is its formula, in a form that
neither overflows nor cancels, for any floating dtype; computed in long double it is an oracle
for float64 (for the GELU one of C's precision, as its error function is C's in double).
Arguments are not checked.

``saved`` is what a backward needs of its forward; the formula calls it ``x`` where that is the
input and ``y`` where it is the output.
"""

import functools
import inspect
import math

import numpy as np

_PI = np.longdouble("3.14159265358979323846264338327950288")
_GELU_CUBIC = np.longdouble("0.044715")
_SELU_ALPHA = np.longdouble("1.67326324235437728481704291671695")
_SELU_SCALE = np.longdouble("1.05070098735548049341933498529462")


_quiet = np.errstate(all="ignore")  # infinities and NaN are results like any other


def _formula(function):
    """Make a formula a function of the public API, with ``out``.

    A backward's second argument says by its name what it is: x or y; in public it is ``saved``.
    """
    parameters = list(inspect.signature(function).parameters.values())
    saved = parameters[1].name if function.__name__.endswith("_backward") else None
    if saved:
        parameters[1] = parameters[1].replace(name="saved")
    place = sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)
    parameters.insert(place, inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None))

    @_quiet
    @functools.wraps(function)
    def evaluate(*args, out=None, **kwargs):
        if "saved" in kwargs:
            kwargs[saved] = kwargs.pop("saved")
        result = np.asarray(function(*args, **kwargs))
        if out is None:
            return result
        np.copyto(out, result, casting="no")
        return out

    evaluate.__signature__ = inspect.Signature(parameters)
    return evaluate


def _erfc(x):
    """C's erfc at x rounded to double; its slope, where x is a long double, does the rest."""
    near = x.astype(np.float64)
    value = np.asarray(np.frompyfunc(math.erfc, 1, 1)(near), x.dtype)
    return value - (x - near).astype(x.dtype) * np.exp(-x * x) * x.dtype.type(2 / np.sqrt(_PI))


def _times(x, p):
    """x * p with the limit 0 where p vanishes faster than x grows."""
    return np.where(p == 0, 0, x * p)


# Activations. Logistic curves are written with exp(-|x|), which never overflows.


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


# Row-wise, over the last axis.


@_formula
def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True, initial=-np.inf))
    return e / e.sum(axis=-1, keepdims=True)


@_formula
def softmax_backward(grad, y):
    return y * (grad - (grad * y).sum(axis=-1, keepdims=True))


@_formula
def log_softmax(x):
    shifted = x - x.max(axis=-1, keepdims=True, initial=-np.inf)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


@_formula
def log_softmax_backward(grad, y):
    return grad - np.exp(y) * grad.sum(axis=-1, keepdims=True)


@_formula
def bias_activation(x, bias, activation):
    return globals()[activation](x + bias)


def bias_activation_backward(grad, saved, activation, *, out=None, bias_grad=None):
    dx = globals()[f"{activation}_backward"](grad, saved, out=out)
    dbias = dx.sum(axis=tuple(range(dx.ndim - 1)), dtype=_wide(dx)).astype(dx.dtype)
    if bias_grad is None:
        return dx, dbias
    np.copyto(bias_grad, dbias, casting="no")
    return dx, bias_grad


# Losses: a loss for each row and its gradient, then the weighted mean over rows.


def _wide(x):
    """The dtype that sums over a batch are kept in."""
    return np.result_type(x, np.float64)


def _weighted_mean(losses, gradients, sample_weight, grad_out):
    """losses (N) and their gradients (N, ...) -> (sum w_i l_i / sum w_i, its gradient)."""
    weight = np.ones_like(losses) if sample_weight is None else sample_weight.astype(losses.dtype)
    counted = weight > 0  # a row of weight 0 counts for nothing, even where it is not finite
    share = weight / max(weight.sum(), np.finfo(weight.dtype).tiny)
    loss = float(share[counted] @ losses[counted])
    gradient = np.zeros_like(gradients)
    gradient[counted] = (gradients[counted].T * share[counted]).T
    if grad_out is None:
        return loss, gradient
    np.copyto(grad_out, gradient, casting="no")
    return loss, grad_out


@_quiet
def softmax_cross_entropy(
    logits, labels, *, sample_weight=None, label_smoothing=0.0, grad_out=None
):
    classes = logits.shape[1]
    if labels.dtype.kind in "iu":
        labels = (labels[:, None] == np.arange(classes)).astype(logits.dtype)
    target = (1 - label_smoothing) * labels + label_smoothing / classes
    log_p = log_softmax(logits)
    losses = -_times(log_p, target).sum(axis=1, dtype=_wide(logits))
    gradients = np.exp(log_p) * target.sum(axis=1, keepdims=True) - target
    return _weighted_mean(losses, gradients, sample_weight, grad_out)


def _mean_over_elements(values, slopes, sample_weight, grad_out):
    """Elementwise losses and their derivatives (N, ...) -> mean of each row, then of the rows."""
    columns = max(math.prod(values.shape[1:]), 1)
    losses = values.sum(axis=tuple(range(1, values.ndim)), dtype=_wide(values))
    return _weighted_mean(losses / columns, slopes / columns, sample_weight, grad_out)


@_quiet
def mse(pred, target, *, sample_weight=None, grad_out=None):
    d = pred - target
    return _mean_over_elements(d * d, 2 * d, sample_weight, grad_out)


@_quiet
def l1(pred, target, *, sample_weight=None, grad_out=None):
    d = pred - target
    return _mean_over_elements(np.abs(d), np.sign(d), sample_weight, grad_out)


@_quiet
def huber(pred, target, *, delta=1.0, sample_weight=None, grad_out=None):
    d = pred - target
    size = np.abs(d)
    values = np.where(size <= delta, d * d / 2, delta * (size - delta / 2))
    return _mean_over_elements(values, np.clip(d, -delta, delta), sample_weight, grad_out)


@_quiet
def hinge(pred, target, *, sample_weight=None, grad_out=None):
    margin = np.maximum(1 - target * pred, 0)
    return _mean_over_elements(margin, np.where(margin > 0, -target, 0), sample_weight, grad_out)


@_quiet
def squared_hinge(pred, target, *, sample_weight=None, grad_out=None):
    margin = np.maximum(1 - target * pred, 0)
    return _mean_over_elements(margin**2, -2 * target * margin, sample_weight, grad_out)


@_quiet
def binary_cross_entropy_with_logits(pred, target, *, sample_weight=None, grad_out=None):
    values = np.maximum(pred, 0) - pred * target + np.log1p(np.exp(-np.abs(pred)))
    return _mean_over_elements(values, sigmoid(pred) - target, sample_weight, grad_out)


# Optimizers: one step, in place.


def sgd_update(
    param, grad, momentum_buffer=None, *, lr, momentum=0.0, nesterov=False, weight_decay=0.0
):
    grad = grad + weight_decay * param
    if momentum:
        momentum_buffer *= momentum
        momentum_buffer += grad
        grad = grad + momentum * momentum_buffer if nesterov else momentum_buffer
    param -= lr * grad


def adagrad_update(param, grad, state_sum, *, lr, eps=1e-10, weight_decay=0.0):
    grad = grad + weight_decay * param
    state_sum += grad * grad
    param -= lr * grad / (np.sqrt(state_sum) + eps)


def rmsprop_update(
    param,
    grad,
    square_avg,
    momentum_buffer=None,
    *,
    lr,
    alpha=0.99,
    eps=1e-8,
    momentum=0.0,
    nesterov=False,
    weight_decay=0.0,
):
    grad = grad + weight_decay * param
    square_avg *= alpha
    square_avg += (1 - alpha) * grad * grad
    grad = grad / (np.sqrt(square_avg) + eps)
    if momentum:
        momentum_buffer *= momentum
        momentum_buffer += grad
        grad = grad + momentum * momentum_buffer if nesterov else momentum_buffer
    param -= lr * grad


def adam_update(
    param,
    grad,
    exp_avg,
    exp_avg_sq,
    *,
    step,
    lr=1e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0.0,
    decoupled=False,
):
    beta1, beta2 = betas
    if decoupled:
        param *= 1 - lr * weight_decay
    else:
        grad = grad + weight_decay * param
    exp_avg *= beta1
    exp_avg += (1 - beta1) * grad
    exp_avg_sq *= beta2
    exp_avg_sq += (1 - beta2) * grad * grad
    average = exp_avg / (1 - beta1**step)
    param -= lr * average / (np.sqrt(exp_avg_sq / (1 - beta2**step)) + eps)
