"""Optimizer steps, in place, from simple to complex."""

import numpy as np

from fastnn import _check, _settings
from fastnn._dispatch import pair
from fastnn._engine import run_update
from fastnn.functional._docs import completed

__all__ = [
    "adagrad_update",
    "adam_update",
    "rmsprop_update",
    "sgd_update",
]


def _leaves(optimizer):
    return pair(f"{optimizer}.prepare"), pair(f"{optimizer}.update")


_SGD, _ADAGRAD, _RMSPROP, _ADAM = map(_leaves, ("sgd", "adagrad", "rmsprop", "adam"))


def _update(leaves, config, lr, step, param, grad, **states):
    lr = _settings.rate(lr)
    arrays = tuple(states.values())
    # The engine accepts ordinary arrays that lie apart by itself.
    if not run_update(*leaves, param, grad, arrays, config, lr, step):
        grad = _check.update(param, grad, **states)
        # As base class: memory-mapped arrays are welcome, and changed in place as well.
        param, *arrays = map(np.asarray, (param, *arrays))
        assert run_update(*leaves, param, grad, tuple(arrays), config, lr, step)


def _momentum(momentum, momentum_buffer):
    """The state that momentum keeps: without it the buffer is left alone."""
    return {"momentum_buffer": momentum_buffer} if momentum else {}


@completed
def sgd_update(
    param, grad, momentum_buffer=None, *, lr, momentum=0.0, nesterov=False, weight_decay=0.0
):
    """One step of stochastic gradient descent, in place.

    With g = grad + weight_decay param, and if there is momentum,
    momentum_buffer = momentum momentum_buffer + g, and then
    g = g + momentum momentum_buffer if nesterov, else momentum_buffer::

        param = param - lr g

    Parameters
    ----------
    param : ndarray of float32 or float64
        Any shape; changed.
    grad : ndarray
        Like `param`.
    momentum_buffer : ndarray, optional
        Like `param`, zeros before the first step; changed. Needed if momentum > 0, else unused.
    lr : float
        Learning rate, >= 0.
    momentum : float, default 0.0
        >= 0.
    nesterov : bool, default False
        Look ahead; needs momentum > 0.
    weight_decay : float, default 0.0
        Factor of an L2 penalty, >= 0.

    {raises}

    Notes
    -----
    PyTorch's formula, without its dampening. Sutskever et al., On the importance of
    initialization and momentum in deep learning, 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import functional
    >>> param, grad = np.array([1.0, 2.0]), np.array([0.5, -0.5])
    >>> functional.sgd_update(param, grad, lr=0.5)
    >>> param
    array([0.75, 2.25])
    """
    config = _settings.sgd(momentum, nesterov, weight_decay)
    states = _momentum(momentum, momentum_buffer)
    _update(_SGD, config, lr, 1, param, grad, **states)


@completed
def adagrad_update(param, grad, state_sum, *, lr, eps=1e-10, weight_decay=0.0):
    """One step of Adagrad, in place.

    With g = grad + weight_decay param::

        state_sum = state_sum + g^2
        param = param - lr g / (sqrt(state_sum) + eps)

    Parameters
    ----------
    param : ndarray of float32 or float64
        Any shape; changed.
    grad : ndarray
        Like `param`.
    state_sum : ndarray
        Like `param`, zeros (or an initial accumulator) before the first step; changed.
    lr : float
        Learning rate, >= 0.
    eps : float, default 1e-10
        >= 0.
    weight_decay : float, default 0.0
        Factor of an L2 penalty, >= 0.

    {raises}

    Notes
    -----
    PyTorch's formula, without its lr_decay. Duchi, Hazan and Singer, Adaptive Subgradient
    Methods for Online Learning and Stochastic Optimization, 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import functional
    >>> param, grad = np.array([1.0, 2.0]), np.array([0.5, -0.5])
    >>> functional.adagrad_update(param, grad, np.zeros(2), lr=0.25)
    >>> param.round(6)
    array([0.75, 2.25])
    """
    config = _settings.adagrad(eps, weight_decay)
    _update(_ADAGRAD, config, lr, 1, param, grad, state_sum=state_sum)


@completed
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
    """One step of RMSprop, in place.

    With g = grad + weight_decay param::

        square_avg = alpha square_avg + (1 - alpha) g^2
        step = g / (sqrt(square_avg) + eps)
        param = param - lr step

    If there is momentum, momentum_buffer = momentum momentum_buffer + step, and it takes the
    place of step in the last line, or step + momentum momentum_buffer does if nesterov.

    Parameters
    ----------
    param : ndarray of float32 or float64
        Any shape; changed.
    grad : ndarray
        Like `param`.
    square_avg : ndarray
        Like `param`, zeros before the first step; changed.
    momentum_buffer : ndarray, optional
        Like `param`, zeros before the first step; changed. Needed if momentum > 0, else unused.
    lr : float
        Learning rate, >= 0.
    alpha : float, default 0.99
        Decay of the average, in [0, 1).
    eps : float, default 1e-8
        >= 0.
    momentum : float, default 0.0
        >= 0.
    nesterov : bool, default False
        Look ahead; needs momentum > 0.
    weight_decay : float, default 0.0
        Factor of an L2 penalty, >= 0.

    {raises}

    Notes
    -----
    PyTorch's formula, without its centered form; nesterov is not in PyTorch. Tieleman and
    Hinton, Lecture 6.5 of Neural Networks for Machine Learning, 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import functional
    >>> param, grad = np.array([1.0, 2.0]), np.array([0.5, -0.5])
    >>> functional.rmsprop_update(param, grad, np.zeros(2), lr=0.125, alpha=0.75)
    >>> param.round(6)
    array([0.75, 2.25])
    """
    config = _settings.rmsprop(alpha, eps, momentum, nesterov, weight_decay)
    states = _momentum(momentum, momentum_buffer)
    _update(_RMSPROP, config, lr, 1, param, grad, square_avg=square_avg, **states)


@completed
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
    """One step of Adam, or of AdamW if decoupled, in place.

    With g = grad + weight_decay param, or if decoupled g = grad and
    param = (1 - lr weight_decay) param beforehand::

        exp_avg = beta1 exp_avg + (1 - beta1) g
        exp_avg_sq = beta2 exp_avg_sq + (1 - beta2) g^2
        m = exp_avg / (1 - beta1^step)
        v = exp_avg_sq / (1 - beta2^step)
        param = param - lr m / (sqrt(v) + eps)

    Parameters
    ----------
    param : ndarray of float32 or float64
        Any shape; changed.
    grad : ndarray
        Like `param`.
    exp_avg, exp_avg_sq : ndarray
        Like `param`, zeros before the first step; changed.
    step : int
        1 for the first step.
    lr : float, default 1e-3
        Learning rate, >= 0.
    betas : pair of float, default (0.9, 0.999)
        Decays of the two averages, in [0, 1).
    eps : float, default 1e-8
        >= 0.
    weight_decay : float, default 0.0
        >= 0.
    decoupled : bool, default False
        Whether weight_decay shrinks the parameters by itself or adds to the gradient.

    {raises}

    Notes
    -----
    PyTorch's formulas of Adam and AdamW, without amsgrad. Kingma and Ba, Adam: A Method for
    Stochastic Optimization, 2015; Loshchilov and Hutter, Decoupled Weight Decay Regularization,
    2019.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import functional
    >>> param, grad = np.array([1.0, 2.0]), np.array([0.5, -0.5])
    >>> functional.adam_update(param, grad, np.zeros(2), np.zeros(2), step=1, lr=0.25)
    >>> param.round(6)
    array([0.75, 2.25])
    """
    config = _settings.adam(betas, eps, weight_decay, decoupled)
    step = _settings.step(step)
    _update(_ADAM, config, lr, step, param, grad, exp_avg=exp_avg, exp_avg_sq=exp_avg_sq)
