"""Losses: a loss for each row and its gradient, then the weighted mean over rows."""

import math

import numpy as np

from fastnn.reference._formula import _quiet, _times, _wide
from fastnn.reference.activations import sigmoid
from fastnn.reference.rows import log_softmax


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
