"""Losses: what a target must look like, and the kernel that does the rest.

Each is the mean over a batch of a loss of each sample; with sample weights ``w`` it is
``sum_i w_i l_i / sum_i w_i``.
"""

import math
from typing import ClassVar

import numpy as np

from fastnn import _check, _settings, functional
from fastnn.graph import Buffer, Call, Graph, Value


class Loss:
    """A loss of predictions and targets.

    Calling it gives ``(loss, gradient with respect to pred)``, as the function of
    `fastnn.functional` with its name does.
    """

    name: ClassVar[str]  # of the kernel and of the function
    factors: tuple[float, float] = (1.0, 1.0)  # of the value and of the gradient, in programs
    task: ClassVar[str] = "regression"  # what metrics make sense
    # Whether kernels alone read targets and weights, and can where these lie.
    compiled: ClassVar[bool] = True

    def __call__(self, pred, target, *, sample_weight=None, grad_out=None):
        target = self.prepare(target, pred.shape[1:], pred.dtype)
        function = getattr(functional, self.name)
        return function(
            pred, target, sample_weight=sample_weight, grad_out=grad_out, **self.config()
        )

    def config(self) -> dict:
        """The parameters by name."""
        return {}

    def params(self) -> tuple:
        """Those of the kernel, in its order."""
        return tuple(float(v) for v in self.config().values())

    def samples_shape(self, shape: tuple) -> tuple:
        """The axes of a prediction of `shape` of which each entry counts as a sample, and may
        have a weight, of its own: the steps of a sequence."""
        return ()

    def prepare(self, target, shape: tuple, dtype) -> np.ndarray:
        """`target` as the kernel takes it, for predictions of `shape` a sample; raises
        TypeError or ValueError where it can't be."""
        target = _array(target)
        if target.shape[1:] == () and shape == (1,) and target.ndim == 1:
            target = target[:, None]
        if target.shape[1:] != tuple(shape):
            raise ValueError(
                f"target: expected samples of shape {tuple(shape)}, as the predictions, "
                f"got {target.shape[1:]}"
            )
        if target.dtype != dtype:
            raise TypeError(f"target: expected {np.dtype(dtype)}, got {target.dtype}")
        return np.require(target, requirements=("C", "A"))

    def role(self, target_dtype) -> str:
        """The name of the kernel for prepared targets of a dtype."""
        return f"{self.name}.values"

    def lower(
        self, graph: Graph, pred: Value, target: Buffer, weight: Buffer | None, capacity: int
    ) -> list[Call]:
        """The calls that turn predictions into the batch's loss and ``pred.grad``."""
        rows = math.prod(self.samples_shape(pred.shape))
        stride = math.prod(target.shape) // rows * target.dtype.itemsize
        # At most a block of the loss for each row.
        partial = np.zeros(max(1, capacity * rows))
        call = Call(
            "loss",
            (graph.leaf(self.role(target.dtype)),),
            (pred.data, target, weight, pred.grad, partial),
            (pred.width // rows, stride, rows),
            (*self.params(), *(0.0,) * (6 - len(self.params())), *self.factors),
        )
        labels = target if target.dtype == np.int64 else None
        return [
            Call("weight_sum", (), (weight, labels), (rows,)),
            call,
            call._replace(op="loss_mean", leaves=()),
        ]

    def __repr__(self):
        params = ", ".join(f"{k}={v:g}" for k, v in self.config().items())
        return f"{type(self).__name__}({params})"


def _array(target) -> np.ndarray:
    _check.array("target", target, "a NumPy array")
    if target.ndim == 0:
        raise ValueError("target: expected shape (N, ...), got ()")
    return target


class CrossEntropyLoss(Loss):
    """Softmax and cross-entropy in one, from logits.

    ``l = log(sum_j exp(z_j)) - sum_j t_j z_j`` for logits `z` and a target distribution `t`.

    Targets are class indices, integers in [0, C) of shape (N,), or probabilities of the logits'
    shape and dtype. Of sequences, logits are (N, T, C) and labels (N, T): each step counts as a
    sample, and may have a weight, (N, T), of its own.

    Parameters
    ----------
    label_smoothing : float
        In [0, 1]: the share of the target that is spread evenly over the classes
        (Szegedy et al. 2016).
    ignore_index : int
        The label of what doesn't count, such as the steps that fill up a short sequence: neither
        in the loss and its mean, nor in metrics.

    Notes
    -----
    As ``torch.nn.CrossEntropyLoss``, but classes are always the last axis, where PyTorch has them
    second; and class weights are given as sample weights. Where nothing counts the loss is 0, and
    PyTorch's is NaN.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> loss, grad = fastnn.CrossEntropyLoss()(np.zeros((2, 4), np.float32), np.array([0, 3]))
    >>> round(loss, 4)
    1.3863
    """

    name = "softmax_cross_entropy"
    task = "classification"

    def __init__(self, label_smoothing: float = 0.0, *, ignore_index: int = -100):
        (self.label_smoothing,) = _settings.label_smoothing(label_smoothing)
        self.ignore_index = _settings.count("ignore_index", ignore_index, -(2**63))

    def __call__(self, pred, target, *, sample_weight=None, grad_out=None):
        target = self.prepare(target, pred.shape[1:], pred.dtype)
        labelled = target.dtype == np.int64
        if pred.ndim == 2 and not (labelled and (target < 0).any()):
            return functional.softmax_cross_entropy(
                pred, target, sample_weight=sample_weight, grad_out=grad_out,
                label_smoothing=self.label_smoothing,
            )  # fmt: skip
        weight = sample_weights(self, sample_weight, len(pred), pred.shape[1:], pred.dtype)
        if grad_out is not None:
            _check.target("grad_out", grad_out, pred.shape, pred.dtype)
            grad_out = grad_out.reshape(-1, pred.shape[-1])
        if labelled:
            counts = (target >= 0).astype(pred.dtype)
            weight, target = counts if weight is None else counts * weight, np.maximum(target, 0)
        loss, grad = functional.softmax_cross_entropy(
            pred.reshape(-1, pred.shape[-1]),
            target.reshape(-1) if labelled else target.reshape(-1, pred.shape[-1]),
            sample_weight=weight if weight is None else weight.reshape(-1), grad_out=grad_out,
            label_smoothing=self.label_smoothing,
        )  # fmt: skip
        return loss, grad.reshape(pred.shape)

    def config(self):
        return {"label_smoothing": self.label_smoothing, "ignore_index": self.ignore_index}

    def params(self):
        return (self.label_smoothing,)

    def samples_shape(self, shape):
        return tuple(shape[:-1])

    def prepare(self, target, shape, dtype):
        target = _array(target)
        if not shape:
            raise ValueError("pred: expected logits of shape (N, C) or (N, T, C), got (N,)")
        if target.dtype.kind not in "iu":
            return super().prepare(target, shape, dtype)
        if target.shape[1:] != tuple(shape[:-1]):
            expected = ", ".join(("N", *map(str, shape[:-1])))
            raise ValueError(f"target: expected labels of shape ({expected}), got {target.shape}")
        labels = target.reshape(-1)
        ignored = labels == self.ignore_index
        if ignored.any():
            labels = np.where(ignored, 0, labels)
        labels = _check.classes(labels, labels.size, shape[-1], name="target")
        if ignored.any():
            labels[ignored] = -1  # what kernels call such a label; where() made a copy
        return labels.reshape(target.shape)

    def role(self, target_dtype):
        kind = "labels" if target_dtype == np.int64 else "probabilities"
        return f"{self.name}.{kind}"


class _BinaryLoss(Loss):
    """Targets of two classes, which may be integers too."""

    values: ClassVar[tuple]
    task = "binary"

    def prepare(self, target, shape, dtype):
        target = _array(target)
        if target.dtype.kind in "iub":
            if len(target) and not np.isin(target, self.values).all():
                low, high = self.values
                raise ValueError(
                    f"target: expected {low} and {high}, got {target.min()} to {target.max()}"
                )
            target = target.astype(dtype)
        return super().prepare(target, shape, dtype)


class BCEWithLogitsLoss(_BinaryLoss):
    """Binary cross-entropy from logits, the mean over outputs.

    ``l = max(z, 0) - z t + log(1 + exp(-|z|))`` for logits `z` and targets `t` in [0, 1] (or
    integers 0 and 1). As ``torch.nn.BCEWithLogitsLoss``.
    """

    name = "binary_cross_entropy_with_logits"
    values = (0, 1)


class MSELoss(Loss):
    """Mean squared error, ``l = mean_j (p_j - t_j)^2``, as ``torch.nn.MSELoss``.

    The quadratic cost of textbooks, ``sum_j (p_j - t_j)^2 / 2``, is this times half the number
    of outputs: multiply the learning rate by that.
    """

    name = "mse"


class L1Loss(Loss):
    """Mean absolute error, ``l = mean_j |p_j - t_j|``, as ``torch.nn.L1Loss``."""

    name = "l1"


class HuberLoss(Loss):
    """Huber's loss (1964), the mean over outputs of ``d^2 / 2`` where ``|d| <= delta`` and
    ``delta (|d| - delta / 2)`` elsewhere, ``d = p - t``. As ``torch.nn.HuberLoss``.

    Parameters
    ----------
    delta : float
        Above 0.
    """

    name = "huber"

    def __init__(self, delta: float = 1.0):
        (self.delta,) = _settings.delta(delta)

    def config(self):
        return {"delta": self.delta}


class HingeLoss(_BinaryLoss):
    """The hinge loss of support vector machines, ``l = mean_j max(0, 1 - t_j p_j)`` for targets
    of -1 and 1 (Cortes & Vapnik 1995). Not ``torch.nn.HingeEmbeddingLoss``, which is another.
    """

    name = "hinge"
    values = (-1, 1)


class SquaredHingeLoss(_BinaryLoss):
    """The squared hinge loss, ``l = mean_j max(0, 1 - t_j p_j)^2`` for targets of -1 and 1
    (Tang 2013)."""

    name = "squared_hinge"
    values = (-1, 1)


def sample_weights(loss: Loss, weight, rows: int, shape: tuple, dtype) -> np.ndarray | None:
    """Weights for so many predictions of a shape, as programs take them: one for each sample as
    the loss counts them. Given for whole sequences, they are those of all their steps."""
    if weight is None or not (steps := loss.samples_shape(shape)):
        return _check.weights(weight, rows, dtype)
    if isinstance(weight, np.ndarray) and weight.shape == (rows,):
        weight = np.broadcast_to(weight.reshape(rows, *(1,) * len(steps)), (rows, *steps))
    elif isinstance(weight, np.ndarray):
        _check.shape("sample_weight", weight, (rows, *steps))
        weight = np.ascontiguousarray(weight)
    flat = weight.reshape(-1) if isinstance(weight, np.ndarray) else weight
    return _check.weights(flat, rows * math.prod(steps), dtype).reshape(rows, *steps)


LOSSES = {
    "cross_entropy": CrossEntropyLoss,
    "bce_with_logits": BCEWithLogitsLoss,
    "mse": MSELoss,
    "l1": L1Loss,
    "huber": HuberLoss,
    "hinge": HingeLoss,
    "squared_hinge": SquaredHingeLoss,
}


def as_loss(loss) -> Loss:
    """A loss, given itself or its name in `LOSSES`."""
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, str) and loss in LOSSES:
        return LOSSES[loss]()
    raise ValueError(f"loss: expected a Loss or one of {', '.join(LOSSES)}, got {loss!r}")
