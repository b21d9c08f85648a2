"""Losses as scikit-learn counts them, over fastnn's kernels.

scikit-learn sums the loss over a sample's outputs where fastnn takes their mean, and tells a
logarithm of at most ``-log(eps)``, as it clips probabilities to [eps, 1 - eps] before it takes one.
Neither changes what is minimised.
"""

import math

import numpy as np
from scipy.special import xlogy

from fastnn.graph import Call
from fastnn.losses import BCEWithLogitsLoss, CrossEntropyLoss, Loss, MSELoss, as_loss


def _largest(dtype) -> float:
    return -math.log(np.finfo(dtype).eps)


class LogLoss(CrossEntropyLoss):
    """``-log p`` of the right class, of several."""

    def __init__(self, dtype):
        super().__init__()
        self.largest = _largest(dtype)

    def params(self):
        return 0.0, self.largest


class BinaryLogLoss(BCEWithLogitsLoss):
    """``-t log p - (1 - t) log(1 - p)``, summed over the outputs."""

    def __init__(self, outputs: int, dtype):
        self.largest = _largest(dtype)
        self.factors = (float(outputs), float(outputs))

    def params(self):
        return (self.largest,)


class SmoothedBinaryLoss(BCEWithLogitsLoss):
    """Cross-entropy of two classes with smoothed labels, from the logit of the second."""

    def __init__(self, smoothing: float):
        self.smoothing = smoothing

    def smooth(self, y, dtype):
        return ((1 - self.smoothing) * y + self.smoothing / 2).astype(dtype)


class HalfSquaredError(MSELoss):
    """``(p - t)^2 / 2``, whose gradient is summed over the outputs, and whose mean is told."""

    def __init__(self, outputs: int):
        self.factors = (0.5, outputs / 2)


class FunctionLoss(Loss):
    """A function ``(y_true, y_pred) -> (value, gradient)`` of a batch: NumPy, once a step.

    Where samples have weights it is called with ``sample_weight=`` as well.
    """

    name = "function"
    compiled = False

    def __init__(self, function):
        self.function = function

    def __call__(self, pred, target, *, sample_weight=None, grad_out=None):
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        value, grad = self.function(target, pred, **weights)
        grad = np.asarray(grad)
        if grad.shape != pred.shape:
            raise ValueError(f"loss: expected a gradient of shape {pred.shape}, got {grad.shape}")
        out = np.empty_like(pred) if grad_out is None else grad_out
        out[...] = grad
        return float(value), out

    def lower(self, graph, pred, target, weight, capacity):
        # The engine divides by the sum of weights what stands in `total`, one number and, for
        # larger batches, zeros.
        total = np.zeros(max(1, capacity))

        def run(rows):
            w = None if weight is None else weight.array[:rows]
            grad = np.empty_like(pred.rows(rows)) if pred.grad is None else pred.grad_rows(rows)
            value, _ = self(pred.rows(rows), target.array[:rows], sample_weight=w, grad_out=grad)
            total[0] = value * (rows if w is None else float(w.sum(dtype=np.float64)))

        buffers, scalars = (None, None, None, None, total), (*(0.0,) * 6, *self.factors)
        return [
            Call("weight_sum", (), (weight, None), (1,)),
            Call("python", (run,), (pred.data, target, weight, pred.grad)),
            Call("loss_mean", (), buffers, (1, 0, 1), scalars),
        ]


def half_poisson_deviance(y_true, y_pred, sample_weight=None):
    """``t log(t / p) - t + p`` with ``p = exp(y_pred)``, summed over the outputs."""
    p = np.exp(y_pred)
    w = np.ones(len(p)) if sample_weight is None else sample_weight
    # xlogy(t, t / p), where p may be 0 or infinite.
    values = xlogy(y_true, y_true) - y_true * y_pred - y_true + p
    total = w.sum(dtype=np.float64)
    return w @ values.sum(axis=1) / total, (p - y_true) * (w / total)[:, None]


class Task:
    """What a net's outputs stand for.

    Attributes
    ----------
    loss : Loss
    activation : str
        Of the outputs in predictions, by scikit-learn's names: ``out_activation_``.
    kind : str
        "regression", or of classes what `LabelBinarizer` says.
    threshold : float
        From which an output of a classifier stands for yes.
    """

    def __init__(self, loss: Loss, activation: str, kind: str, threshold: float = 0.5):
        self.loss, self.activation, self.kind, self.threshold = loss, activation, kind, threshold

    def targets(self, y: np.ndarray, shape: tuple, dtype) -> np.ndarray:
        """What a `Program` takes for scikit-learn's `y`: numbers (N, outputs), or for classes
        one bool for each."""
        if self.kind == "multiclass" and isinstance(self.loss, CrossEntropyLoss):
            y = y.argmax(axis=1)
        elif self.loss.name in ("hinge", "squared_hinge"):
            y = np.where(y, dtype.type(1), dtype.type(-1))
        elif isinstance(self.loss, SmoothedBinaryLoss):
            y = self.loss.smooth(y, dtype)
        else:
            y = y.astype(dtype, order="C", copy=False)
        if not self.loss.compiled:
            return np.ascontiguousarray(y)
        return self.loss.prepare(y, shape, dtype)


def classification(loss, kind: str, outputs: int, dtype) -> Task:
    """The task of a classifier.

    Parameters
    ----------
    loss : str, Loss or callable
    kind : str
        "binary", "multiclass" or "multilabel-indicator", as `LabelBinarizer` says.
    """
    usual = "softmax" if kind == "multiclass" else "logistic"
    if loss == "log_loss":
        made = LogLoss(dtype) if kind == "multiclass" else BinaryLogLoss(outputs, dtype)
        return Task(made, usual, kind)
    if not isinstance(loss, str | Loss):
        return Task(FunctionLoss(loss), usual, kind)
    loss = as_loss(loss)
    if isinstance(loss, CrossEntropyLoss):
        if kind == "multilabel-indicator":
            raise ValueError("loss: expected one for several labels a sample, got cross_entropy")
        of_two = SmoothedBinaryLoss(loss.label_smoothing)
        return Task(loss if kind == "multiclass" else of_two, usual, kind)
    if isinstance(loss, BCEWithLogitsLoss):
        return Task(loss, "logistic", kind)
    hinge = loss.name in ("hinge", "squared_hinge")
    return Task(loss, "identity", kind, threshold=0.0 if hinge else 0.5)


def regression(loss, outputs: int) -> Task:
    """The task of a regressor."""
    if loss == "squared_error":
        return Task(HalfSquaredError(outputs), "identity", "regression")
    if loss == "poisson":
        return Task(FunctionLoss(half_poisson_deviance), "exp", "regression")
    if not isinstance(loss, str | Loss):
        return Task(FunctionLoss(loss), "identity", "regression")
    loss = as_loss(loss)
    if loss.task != "regression":
        raise ValueError(f"loss: expected one for numbers, got {loss!r}")
    return Task(loss, "identity", "regression")
