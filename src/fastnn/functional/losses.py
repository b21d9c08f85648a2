"""Losses: each returns its value and its gradient, computed in one pass."""

import numpy as np
from numpy import empty_like, ndarray

from fastnn import _check, _settings
from fastnn._dispatch import pair
from fastnn._engine import run_loss
from fastnn.functional._docs import completed

__all__ = [
    "binary_cross_entropy_with_logits",
    "hinge",
    "huber",
    "l1",
    "mse",
    "softmax_cross_entropy",
    "squared_hinge",
]


def _loss(values, labels, check, params, pred, target, sample_weight, grad_out):
    # The engine accepts ordinary arrays by itself; what it refuses is looked at closely here.
    if type(pred) is ndarray:
        grad = empty_like(pred) if grad_out is None else grad_out
        loss = run_loss(values, labels, pred, target, sample_weight, grad, params)
        if loss is not None:
            return loss, grad
    pred, target, sample_weight = check(pred, target, sample_weight, grad_out)
    grad = np.empty(pred.shape, pred.dtype) if grad_out is None else grad_out
    loss = run_loss(values, labels, pred, target, sample_weight, np.asarray(grad), params)
    assert loss is not None
    return loss, grad


def _elementwise(role):
    """What `_loss` needs for a loss whose targets are like its predictions."""
    return pair(f"{role}.values"), None, _check.elementwise_loss


_CROSS_ENTROPY = (
    pair("softmax_cross_entropy.probabilities"),
    pair("softmax_cross_entropy.labels"),
    _check.cross_entropy,
)
_MSE, _L1, _HUBER = map(_elementwise, ("mse", "l1", "huber"))
_HINGE, _SQUARED_HINGE = map(_elementwise, ("hinge", "squared_hinge"))
_BINARY_CROSS_ENTROPY = _elementwise("binary_cross_entropy_with_logits")


@completed
def softmax_cross_entropy(
    logits, labels, *, sample_weight=None, label_smoothing=0.0, grad_out=None
):
    """Cross-entropy of softmax(logits) with labels, and its gradient, in one pass over each row.

    A row's loss is -sum_c t_c log softmax(logits)_c, where t is (1 - label_smoothing) times its
    label (one-hot or given) plus label_smoothing / C.

    Parameters
    ----------
    logits : ndarray of float32 or float64
        Shape (N, C); before the softmax.
    labels : ndarray
        Integers in [0, C) of shape (N,), or probabilities, like `logits`. That these sum to 1
        is not checked; the gradient is right if they do not.
    {weight}
    label_smoothing : float, default 0.0
        In [0, 1].
    grad_out : ndarray, optional
        Where the gradient goes; may be `logits` itself.

    Returns
    -------
    loss : float
        The weighted mean over rows, sum(w_i l_i) / sum(w_i); 0.0 if the weights sum to 0.
    grad : ndarray
        Its gradient with respect to `logits`: `grad_out`, or a new array.

    {raises}

    Notes
    -----
    PyTorch weights classes, not rows. Label smoothing: Szegedy et al., Rethinking the Inception
    Architecture for Computer Vision, 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import functional
    >>> loss, grad = functional.softmax_cross_entropy(np.zeros((2, 2)), np.array([0, 1]))
    >>> round(loss, 6)
    0.693147
    >>> grad
    array([[-0.25,  0.25],
           [ 0.25, -0.25]])
    """
    params = _settings.label_smoothing(label_smoothing)
    return _loss(*_CROSS_ENTROPY, params, logits, labels, sample_weight, grad_out)


@completed
def mse(pred, target, *, sample_weight=None, grad_out=None):
    """Mean squared error: the mean of (pred - target)^2.

    {loss}

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import functional
    >>> functional.mse(np.array([[1.0, 2.0]]), np.array([[1.0, 4.0]]))
    (2.0, array([[ 0., -2.]]))
    """
    return _loss(*_MSE, (), pred, target, sample_weight, grad_out)


@completed
def l1(pred, target, *, sample_weight=None, grad_out=None):
    """Mean absolute error: the mean of |pred - target|, with the gradient 0 where they agree.

    {loss}

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import functional
    >>> functional.l1(np.array([[1.0, 2.0]]), np.array([[1.0, 4.0]]))
    (1.0, array([[ 0. , -0.5]]))
    """
    return _loss(*_L1, (), pred, target, sample_weight, grad_out)


@completed
def huber(pred, target, *, delta=1.0, sample_weight=None, grad_out=None):
    """Huber's loss: the mean of d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2).

    Here d = pred - target, and delta > 0 is where the parabola ends.

    {loss}

    Notes
    -----
    Huber, Robust Estimation of a Location Parameter, 1964.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import functional
    >>> functional.huber(np.array([[1.0, 2.0]]), np.array([[0.5, 4.0]]))
    (0.8125, array([[ 0.25, -0.5 ]]))
    """
    return _loss(*_HUBER, _settings.delta(delta), pred, target, sample_weight, grad_out)


@completed
def hinge(pred, target, *, sample_weight=None, grad_out=None):
    """Hinge loss: the mean of max(0, 1 - target pred), for targets -1 and +1.

    The gradient is 0 at the kink. That targets are -1 or +1 is not checked.

    {loss}

    Notes
    -----
    Cortes and Vapnik, Support-Vector Networks, 1995.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import functional
    >>> functional.hinge(np.array([[0.5, 2.0]]), np.array([[1.0, 1.0]]))
    (0.25, array([[-0.5,  0. ]]))
    """
    return _loss(*_HINGE, (), pred, target, sample_weight, grad_out)


@completed
def squared_hinge(pred, target, *, sample_weight=None, grad_out=None):
    """Squared hinge loss: the mean of max(0, 1 - target pred)^2, for targets -1 and +1.

    That targets are -1 or +1 is not checked.

    {loss}

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import functional
    >>> functional.squared_hinge(np.array([[0.5, -1.0]]), np.array([[1.0, 1.0]]))
    (2.125, array([[-0.5, -2. ]]))
    """
    return _loss(*_SQUARED_HINGE, (), pred, target, sample_weight, grad_out)


@completed
def binary_cross_entropy_with_logits(pred, target, *, sample_weight=None, grad_out=None):
    """Binary cross-entropy of sigmoid(pred): the mean of softplus(pred) - target pred.

    Computed as max(pred, 0) - target pred + log(1 + exp(-|pred|)), which is finite for every
    finite logit. Targets are probabilities; that they lie in [0, 1] is not checked.

    {loss}

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import functional
    >>> pred, target = np.array([[0.0, 1e4]]), np.array([[1.0, 1.0]])
    >>> loss, grad = functional.binary_cross_entropy_with_logits(pred, target)
    >>> round(loss, 6)
    0.346574
    >>> grad
    array([[-0.25,  0.  ]])
    """
    return _loss(*_BINARY_CROSS_ENTROPY, (), pred, target, sample_weight, grad_out)
