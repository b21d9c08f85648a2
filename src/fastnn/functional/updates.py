"""Optimizer steps, in place, from simple to complex; Adam and its relatives are in adam.py."""

from fastnn import _settings
from fastnn.functional._docs import completed
from fastnn.functional._step import leaves, update

__all__ = [
    "adadelta_update",
    "adagrad_update",
    "lion_update",
    "rmsprop_update",
    "rprop_update",
    "sgd_update",
]

_SGD, _ADAGRAD, _RMSPROP = leaves("sgd"), leaves("adagrad"), leaves("rmsprop")
_ADADELTA, _RPROP, _LION = leaves("adadelta"), leaves("rprop"), leaves("lion")


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
    {arrays}
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
    update(_SGD, config, lr, 1, param, grad, **states)


@completed
def adagrad_update(param, grad, state_sum, *, lr, eps=1e-10, weight_decay=0.0):
    """One step of Adagrad, in place.

    With g = grad + weight_decay param::

        state_sum = state_sum + g^2
        param = param - lr g / (sqrt(state_sum) + eps)

    Parameters
    ----------
    {arrays}
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
    update(_ADAGRAD, config, lr, 1, param, grad, state_sum=state_sum)


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
    {arrays}
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
    update(_RMSPROP, config, lr, 1, param, grad, square_avg=square_avg, **states)


@completed
def adadelta_update(
    param, grad, square_avg, acc_delta, *, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0.0
):
    """One step of Adadelta, in place.

    With g = grad + weight_decay param::

        square_avg = rho square_avg + (1 - rho) g^2
        delta = sqrt(acc_delta + eps) / sqrt(square_avg + eps) g
        acc_delta = rho acc_delta + (1 - rho) delta^2
        param = param - lr delta

    Parameters
    ----------
    {arrays}
    square_avg, acc_delta : ndarray
        Like `param`, zeros before the first step; changed.
    lr : float, default 1.0
        >= 0.
    rho : float, default 0.9
        Decay of the averages, in [0, 1).
    eps : float, default 1e-6
        > 0: steps begin with sqrt(eps).
    weight_decay : float, default 0.0
        Factor of an L2 penalty, >= 0.

    {raises}

    Notes
    -----
    PyTorch's formula. Zeiler, ADADELTA: An Adaptive Learning Rate Method, 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import functional
    >>> param, grad = np.array([1.0, 2.0]), np.array([0.5, -0.5])
    >>> functional.adadelta_update(param, grad, np.zeros(2), np.zeros(2), rho=0.75, eps=0.0625)
    >>> param.round(6)
    array([0.646447, 2.353553])
    """
    config = _settings.adadelta(rho, eps, weight_decay)
    update(_ADADELTA, config, lr, 1, param, grad, square_avg=square_avg, acc_delta=acc_delta)


@completed
def rprop_update(
    param, grad, previous, step_size, *, step, lr=0.01, etas=(0.5, 1.2), step_sizes=(1e-6, 50.0)
):
    """One step of resilient backpropagation (Rprop), in place.

    Each element has a step size of its own, of which the gradient decides the direction alone.
    With a = grad previous, and lr added to step_size if step is 1::

        step_size = clip(step_size (etas[1] if a > 0, etas[0] if a < 0, else 1), *step_sizes)
        previous = 0 if a < 0 else grad
        param = param - step_size sign(previous)

    Parameters
    ----------
    {arrays}
    previous, step_size : ndarray
        Like `param`, zeros before the first step; changed.
    step : int
        1 for the first step.
    lr : float, default 0.01
        The first step size, >= 0. Later steps don't read it.
    etas : pair of float, default (0.5, 1.2)
        0 < etas[0] < 1 < etas[1].
    step_sizes : pair of float, default (1e-6, 50.0)
        The smallest and the largest step, 0 <= step_sizes[0] <= step_sizes[1].

    {raises}

    Notes
    -----
    PyTorch's formula. It needs the gradient of all data: the noise of a batch changes signs.
    Riedmiller and Braun, A Direct Adaptive Method for Faster Backpropagation Learning, 1993.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import functional
    >>> param, grad = np.array([1.0, 2.0]), np.array([0.5, -0.5])
    >>> functional.rprop_update(param, grad, np.zeros(2), np.zeros(2), step=1, lr=0.25)
    >>> param
    array([0.75, 2.25])
    """
    config = _settings.rprop(etas, step_sizes)
    step = _settings.step(step)
    update(_RPROP, config, lr, step, param, grad, previous=previous, step_size=step_size)


@completed
def lion_update(param, grad, exp_avg, *, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0):
    """One step of Lion, in place.

    ::

        direction = sign(beta1 exp_avg + (1 - beta1) grad)
        param = param - lr (direction + weight_decay param)
        exp_avg = beta2 exp_avg + (1 - beta2) grad

    Parameters
    ----------
    {arrays}
    exp_avg : ndarray
        Like `param`, zeros before the first step; changed.
    lr : float, default 1e-4
        Learning rate, >= 0: about a tenth of what suits Adam.
    betas : pair of float, default (0.9, 0.99)
        Of the direction and of the average, in [0, 1).
    weight_decay : float, default 0.0
        Decoupled, >= 0.

    {raises}

    Notes
    -----
    The paper's formula; not in PyTorch. Chen et al., Symbolic Discovery of Optimization
    Algorithms, 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import functional
    >>> param, grad = np.array([1.0, 2.0]), np.array([0.5, -0.5])
    >>> functional.lion_update(param, grad, np.zeros(2), lr=0.25)
    >>> param
    array([0.75, 2.25])
    """
    config = _settings.lion(betas, weight_decay)
    update(_LION, config, lr, 1, param, grad, exp_avg=exp_avg)
