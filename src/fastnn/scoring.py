"""From a model's outputs to the numbers of `fastnn.metrics`.

What outputs mean depends on the loss and on the targets: logits of classes, one logit of two
classes, or values.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from fastnn import metrics
from fastnn.losses import CrossEntropyLoss, Loss


def _averaged(index: int):
    return lambda true, predicted: metrics.precision_recall_f1(true, predicted, average="macro")[
        index
    ]


# Of classes: (true, predicted) -> float. Precision, recall and F1 are the means over classes.
CLASS_METRICS: dict[str, Callable] = {
    "accuracy": metrics.accuracy,
    "precision": _averaged(0),
    "recall": _averaged(1),
    "f1": _averaged(2),
}
# Of values.
VALUE_METRICS: dict[str, Callable] = {"r2": metrics.r2_score}


def resolve_metrics(wanted: Sequence) -> dict[str, Callable]:
    """Metrics by name, given names or functions ``(targets, outputs) -> float``."""
    known = CLASS_METRICS | VALUE_METRICS
    found = {}
    for i, metric in enumerate(wanted):
        if isinstance(metric, str) and metric in known:
            found[metric] = metric
        elif callable(metric):
            found[getattr(metric, "__name__", f"metric_{i}")] = metric
        else:
            names = ", ".join(known)
            raise ValueError(f"metrics[{i}]: expected a function or one of {names}, got {metric!r}")
    return found


def predicted_classes(loss: Loss, outputs: np.ndarray, targets: np.ndarray | None = None):
    """The classes that outputs stand for, or None where they aren't classes.

    One output of a binary loss is a logit: class 1 where it is above 0. Several outputs are
    classes if the loss is of classes, or if every target is a one-hot row.
    """
    if outputs.ndim != 2:
        return None
    if outputs.shape[1] == 1:
        return (outputs[:, 0] > 0).astype(np.int64) if loss.task == "binary" else None
    if loss.task == "classification" or (targets is not None and is_one_hot(targets)):
        return outputs.argmax(1)
    return None


def true_classes(loss: Loss, targets: np.ndarray) -> np.ndarray:
    """The classes of targets that `predicted_classes` gave classes for."""
    if targets.ndim == 2 and targets.shape[1] > 1:
        return targets.argmax(1)
    flat = targets.reshape(len(targets))
    return flat if loss.task == "classification" else (flat > 0.5).astype(np.int64)


def is_one_hot(targets: np.ndarray) -> bool:
    """Whether each row is one 1 (or more than -1, for the hinge losses) and else the same."""
    if targets.ndim != 2 or targets.shape[1] < 2 or len(targets) == 0:
        return False
    low = targets.min()
    return bool(
        low in (0, -1)
        and targets.max() == 1
        and ((targets == 1) | (targets == low)).all()
        and ((targets == 1).sum(1) == 1).all()
    )


def counted(loss: Loss, targets: np.ndarray, outputs: np.ndarray) -> tuple:
    """Targets and outputs of all samples that count: where a loss of classes counts the steps of
    sequences, each of them, without those that it ignores."""
    if not isinstance(loss, CrossEntropyLoss) or outputs.ndim < 2:
        return targets, outputs
    outputs = outputs.reshape(-1, outputs.shape[-1])
    if targets.dtype.kind not in "iu":
        return targets.reshape(outputs.shape), outputs
    labels = targets.reshape(-1)
    counts = labels != loss.ignore_index
    return (labels, outputs) if counts.all() else (labels[counts], outputs[counts])


def scores(loss: Loss, wanted: dict[str, Callable], targets, outputs) -> dict[str, float]:
    """Metrics that are one number: accuracy where there are classes, and those asked for."""
    given, (targets, outputs) = (targets, outputs), counted(loss, targets, outputs)
    predicted = predicted_classes(loss, outputs, targets)
    result = {}
    names = ["accuracy"] if predicted is not None else []
    names += [name for name in wanted if name not in names]
    for name in names:
        metric = wanted.get(name, name)
        if callable(metric):
            result[name] = float(metric(*given))
        elif name in VALUE_METRICS:
            result[name] = float(VALUE_METRICS[name](targets, _like(outputs, targets)))
        elif predicted is None:
            raise ValueError(f"metrics: expected targets of classes for {name!r}, got values")
        elif len(predicted) == 0 < len(given[0]):
            result[name] = math.nan  # no step of any sequence counts
        else:
            result[name] = float(CLASS_METRICS[name](true_classes(loss, targets), predicted))
    return result


def details(loss: Loss, targets, outputs, classes: Sequence[str] | None = None) -> dict:
    """Everything there is to say about a test set; see `Trainer.evaluate`."""
    targets, outputs = counted(loss, targets, outputs)
    if len(outputs) == 0:
        return {}
    predicted = predicted_classes(loss, outputs, targets)
    if predicted is not None:
        return metrics.classification_metrics(true_classes(loss, targets), predicted, classes)
    if loss.task == "regression" and len(outputs) > 1 and outputs.ndim == 2:
        return {"r2": float(metrics.r2_score(targets, _like(outputs, targets)))}
    return {}


def _like(outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    # One output a sample may face targets of shape (N,).
    return outputs.reshape(targets.shape) if outputs.size == targets.size else outputs
