"""Counting classes: what the metrics of a classifier are computed from.

Labels that came through ``as_labels`` are trusted by the functions after it.
"""

import numpy as np


def as_labels(y, name="y"):
    """Class indices from class indices or from scores.

    Parameters
    ----------
    y : array_like (N,) of integers or (N, C) of numbers
        Indices pass as they are; of a row of scores the first largest entry counts.
    name : str
        What errors call it.

    Returns
    -------
    ndarray (N,) int64

    Raises
    ------
    TypeError
        If the indices are not integers.
    ValueError
        If there are no examples, a score is NaN, or the shape is another.

    Examples
    --------
    >>> as_labels([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2]])
    array([1, 0])
    """
    y = np.asarray(y)
    if y.ndim not in (1, 2) or y.size == 0:
        raise ValueError(f"{name}: expected shape (N,) or (N, C), not empty, got {y.shape}")
    if y.ndim == 2:
        check_no_nan(y, name)
        return y.argmax(axis=1).astype(np.int64)
    if y.dtype.kind not in "biu":
        raise TypeError(f"{name}: expected integer classes, got {y.dtype}")
    return y.astype(np.int64)


def check_no_nan(scores, name):
    """NaN has no place in an order, and argmax would call it the largest."""
    bad = np.isnan(scores).any(axis=1)
    if bad.any():
        raise ValueError(f"{name}: expected numbers, got NaN in row {bad.argmax()}")


def check_lengths(y_true, y_pred, name="y_pred"):
    if len(y_true) != len(y_pred):
        raise ValueError(f"{name}: expected {len(y_true)} rows as in y_true, got {len(y_pred)}")


def pair_of_labels(y_true, y_pred):
    y_true, y_pred = as_labels(y_true, "y_true"), as_labels(y_pred, "y_pred")
    check_lengths(y_true, y_pred)
    return y_true, y_pred


def labels_to_count(labels, y_true, y_pred):
    """The classes to count: those given, or all that occur."""
    if labels is None:
        return np.union1d(y_true, y_pred)
    labels = as_labels(np.asarray(labels).ravel(), "labels")
    if len(np.unique(labels)) < len(labels):
        raise ValueError(f"labels: expected each class once, got {labels.tolist()}")
    return labels


def named_labels(classes, y_true, y_pred):
    """The classes to count and their names."""
    if classes is None:
        labels = np.union1d(y_true, y_pred)
        return labels, [str(label) for label in labels]
    names = [str(name) for name in classes]
    if len(set(names)) < len(names):
        raise ValueError(f"classes: expected different names, got {names}")
    for name, y in (("y_true", y_true), ("y_pred", y_pred)):
        if y.min() < 0 or y.max() >= len(names):
            raise ValueError(
                f"{name}: expected 0 to {len(names) - 1}, the classes that have names, "
                f"got {y.min()} to {y.max()}"
            )
    return np.arange(len(names)), names


def positions(y, labels):
    """Where each of y stands among labels; len(labels) if it does not."""
    order = np.argsort(labels)
    found = np.searchsorted(labels, y, sorter=order)
    positions = order[np.minimum(found, len(labels) - 1)]
    return np.where(labels[positions] == y, positions, len(labels))


def positive_label(label, y_true, y_pred):
    """The only class that a binary average counts, as a list."""
    present = np.union1d(y_true, y_pred)
    if len(present) > 2:
        raise ValueError(
            f"average: expected another than 'binary' for more than two classes, got {len(present)}"
        )
    if label not in present and len(present) == 2:
        raise ValueError(f"pos_label: expected one of {present.tolist()}, got {label!r}")
    return [label]


def as_weights(weights, rows, name="sample_weight"):
    """Weights as float64, or int64 where they are integers; None stays None."""
    if weights is None:
        return None
    weights = np.asarray(weights)
    if weights.dtype.kind not in "biuf":
        raise TypeError(f"{name}: expected numbers, got {weights.dtype}")
    if weights.shape != (rows,):
        raise ValueError(f"{name}: expected shape ({rows},), got {weights.shape}")
    weights = weights.astype(np.float64 if weights.dtype.kind == "f" else np.int64)
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise ValueError(f"{name}: expected finite numbers of 0 or above, not all 0")
    return weights


def share(right, weights, normalize):
    """The fraction of examples that are right, or how many."""
    if normalize:
        return float(np.average(right, weights=weights))
    return float(right.sum() if weights is None else np.dot(right, weights))


def class_counts(y_true, y_pred, labels, weights=None):
    """For each label: hits, how often it was predicted wrongly, how often it was missed."""
    hit, size = y_true == y_pred, len(labels)

    def count(y, weights):
        return np.bincount(positions(y, labels), weights, minlength=size)[:size]

    hits = count(y_true[hit], None if weights is None else weights[hit])
    return hits, count(y_pred, weights) - hits, count(y_true, weights) - hits


def class_scores(hits, wrong, missed, average, zero_division):
    """(precision, recall, f1) from the counts of classes."""
    # Added up again, instead of counted: with weights that rounds as scikit-learn does.
    predicted, support = hits + wrong, hits + missed
    if average == "micro":
        hits, predicted, support = (np.sum(counts) for counts in (hits, predicted, support))
    scores = [
        _divide(hits, predicted, zero_division),
        _divide(hits, support, zero_division),
        _divide(2 * hits, predicted + support, zero_division),
    ]
    if average is None:
        return tuple(scores)
    weights = support if average == "weighted" else None
    return tuple(_mean(np.atleast_1d(score), weights) for score in scores)


def _divide(numerator, denominator, zero_division):
    empty = denominator == 0
    return np.where(empty, zero_division, numerator / np.where(empty, 1, denominator))


def _mean(values, weights):
    """The mean of what is not NaN, plain if there are no weights or only zeros."""
    known = ~np.isnan(values)
    if not known.any():
        return float("nan")
    if weights is not None:
        weights = weights[known] if weights[known].any() else None
    return float(np.average(values[known], weights=weights))
