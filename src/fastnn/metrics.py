"""How good predictions are: accuracy, precision, recall, F1, confusion, top-k, R².

Classes are integers, or a matrix (N, C) of which each row's largest entry tells the class:
one-hot targets, probabilities, logits. Every number equals scikit-learn's to the last digit.
"""

import numpy as np

from fastnn._counts import (
    as_labels,
    check_lengths,
    check_no_nan,
    class_counts,
    class_scores,
    labels_to_count,
    named_labels,
    pair_of_labels,
    positions,
)

__all__ = [
    "accuracy",
    "as_labels",
    "classification_metrics",
    "classification_report",
    "confusion_matrix",
    "precision_recall_f1",
    "r2_score",
    "top_k_accuracy",
]

AVERAGES = (None, "micro", "macro", "weighted")


def accuracy(y_true, y_pred):
    """The fraction of predictions that are right.

    Parameters
    ----------
    y_true, y_pred : array_like (N,) of integers or (N, C)
        Classes, see :func:`as_labels`.

    Returns
    -------
    float in [0, 1]

    Raises
    ------
    TypeError, ValueError
        As :func:`as_labels`, or if the lengths differ.

    Examples
    --------
    >>> accuracy([0, 1, 2, 2], [0, 1, 1, 2])
    0.75
    """
    y_true, y_pred = pair_of_labels(y_true, y_pred)
    return float((y_true == y_pred).mean())


def confusion_matrix(y_true, y_pred, *, labels=None):
    """How often class i was taken for class j.

    Parameters
    ----------
    y_true, y_pred : array_like (N,) of integers or (N, C)
        Classes, see :func:`as_labels`.
    labels : sequence of int, optional
        The classes of the rows and columns, in that order; examples with another class on
        either side are left out. By default all classes that occur, sorted.

    Returns
    -------
    ndarray (len(labels), len(labels)) int64
        Rows are the true classes, columns the predicted ones.

    Raises
    ------
    TypeError, ValueError
        As :func:`as_labels`, or if the lengths differ or a label comes twice.

    Examples
    --------
    >>> confusion_matrix([0, 1, 2, 2], [0, 1, 1, 2])
    array([[1, 0, 0],
           [0, 1, 0],
           [0, 1, 1]])
    """
    y_true, y_pred = pair_of_labels(y_true, y_pred)
    labels = labels_to_count(labels, y_true, y_pred)
    rows, columns = positions(y_true, labels), positions(y_pred, labels)
    inside = (rows < len(labels)) & (columns < len(labels))
    cells = rows[inside] * len(labels) + columns[inside]
    return np.bincount(cells, minlength=len(labels) ** 2).reshape(len(labels), -1)


def precision_recall_f1(y_true, y_pred, *, average=None, labels=None, zero_division=0.0):
    """Precision, recall and their harmonic mean, of each class or averaged.

    With TP the examples of a class that were predicted as it::

        precision = TP / predicted as the class
        recall = TP / truly of the class
        F1 = 2 TP / (predicted + truly)

    Parameters
    ----------
    y_true, y_pred : array_like (N,) of integers or (N, C)
        Classes, see :func:`as_labels`.
    average : {None, "micro", "macro", "weighted"}
        None: no average. Micro: counts are added over the classes first. Macro: the mean over
        classes. Weighted: the mean weighted by the number of true examples.
    labels : sequence of int, optional
        The classes to count, in that order. By default all that occur, sorted.
    zero_division : float
        The value of 0 / 0; NaN leaves such a class out of the macro and weighted mean.

    Returns
    -------
    (precision, recall, f1)
        Each a float64 array (len(labels),), or a float if there is an average.

    Raises
    ------
    TypeError, ValueError
        As :func:`confusion_matrix`, or if the average is unknown.

    Notes
    -----
    C. J. van Rijsbergen, Information Retrieval, 1979. scikit-learn warns of 0 / 0 unless told
    its value; here it is 0 without a warning.

    Examples
    --------
    >>> precision, recall, f1 = precision_recall_f1([0, 1, 2, 2], [0, 1, 1, 2])
    >>> precision, recall
    (array([1. , 0.5, 1. ]), array([1. , 1. , 0.5]))
    """
    if average not in AVERAGES:
        raise ValueError(f"average: expected one of {AVERAGES}, got {average!r}")
    y_true, y_pred = pair_of_labels(y_true, y_pred)
    counts = class_counts(y_true, y_pred, labels_to_count(labels, y_true, y_pred))
    return class_scores(*counts, average, zero_division)


def top_k_accuracy(y_true, scores, k=5):
    """The fraction of examples whose class is among the k with the highest scores.

    Parameters
    ----------
    y_true : array_like (N,) of integers or (N, C)
        Classes, 0 <= y < C.
    scores : array_like (N, C)
        Logits or probabilities. Of equal scores the higher class counts as the higher one (as
        in scikit-learn), so with ties k = 1 can differ from :func:`accuracy`.
    k : int
        1 <= k <= C.

    Returns
    -------
    float in [0, 1]

    Raises
    ------
    TypeError, ValueError
        As :func:`as_labels`, or if a class or k is out of range.

    Examples
    --------
    >>> top_k_accuracy([0, 2], [[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]], k=2)
    0.5
    """
    scores = np.asarray(scores)
    if scores.ndim != 2:
        raise ValueError(f"scores: expected shape (N, C), got {scores.shape}")
    check_no_nan(scores, "scores")
    y_true = as_labels(y_true, "y_true")
    check_lengths(y_true, scores, "scores")
    n, classes = scores.shape
    if not 1 <= k <= classes:
        raise ValueError(f"k: expected 1 to {classes}, got {k}")
    if y_true.min() < 0 or y_true.max() >= classes:
        raise ValueError(
            f"y_true: expected classes of 0 to {classes - 1}, got {y_true.min()} to {y_true.max()}"
        )
    own = scores[np.arange(n), y_true][:, None]
    later = np.arange(classes) > y_true[:, None]
    ahead = ((scores > own) | ((scores == own) & later)).sum(axis=1)
    return float((ahead < k).mean())


def r2_score(y_true, y_pred):
    """The coefficient of determination, 1 - sum((y - p)²) / sum((y - mean(y))²).

    Parameters
    ----------
    y_true, y_pred : array_like (N,) or (N, targets)
        Numbers and their predictions, N >= 2. Computed in float64.

    Returns
    -------
    float
        1 is perfect, 0 is as good as the mean, and there is no lower bound. The mean over
        targets. A constant target gives 1 if it is predicted exactly and 0 otherwise.

    Raises
    ------
    ValueError
        If the shapes differ or there are fewer than two examples (scikit-learn: NaN).

    Examples
    --------
    >>> r2_score([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])
    0.5
    """
    y_true, y_pred = np.asarray(y_true, np.float64), np.asarray(y_pred, np.float64)
    if y_true.shape != y_pred.shape or y_true.ndim not in (1, 2):
        raise ValueError(
            f"y_pred: expected shape {y_true.shape} as y_true, (N,) or (N, targets), "
            f"got {y_pred.shape}"
        )
    if len(y_true) < 2:
        raise ValueError(f"y_true: expected at least 2 examples, got {len(y_true)}")
    y_true, y_pred = y_true.reshape(len(y_true), -1), y_pred.reshape(len(y_pred), -1)
    residual = ((y_true - y_pred) ** 2).sum(axis=0)
    total = ((y_true - y_true.mean(axis=0)) ** 2).sum(axis=0)
    constant = total == 0
    r2 = 1 - residual / np.where(constant, 1, total)
    return float(np.where(constant, residual == 0, r2).mean())


def classification_metrics(y_true, y_pred, classes=None):
    """All of the metrics of a classifier, as what ``json.dump`` takes.

    Parameters
    ----------
    y_true, y_pred : array_like (N,) of integers or (N, C)
        Classes, see :func:`as_labels`.
    classes : sequence of str, optional
        The names of classes 0, 1, ...; a class that never occurs is then counted too. By
        default the classes that occur, named by their numbers.

    Returns
    -------
    dict
        ``accuracy``; ``classes``, a dict by name of dicts with ``precision``, ``recall``,
        ``f1`` and ``support`` (the number of true examples); ``micro``, ``macro`` and
        ``weighted``, the same averaged; ``confusion_matrix``, a list of rows. 0 / 0 is 0.

    Raises
    ------
    TypeError, ValueError
        As :func:`as_labels`, or if a class has no name or two have the same.

    Examples
    --------
    >>> metrics = classification_metrics([0, 1, 1], [0, 1, 0], ["cat", "dog"])
    >>> metrics["classes"]["dog"]
    {'precision': 1.0, 'recall': 0.5, 'f1': 0.6666666666666666, 'support': 2}
    """
    y_true, y_pred = pair_of_labels(y_true, y_pred)
    labels, names = named_labels(classes, y_true, y_pred)
    counts = class_counts(y_true, y_pred, labels)
    scores_of = np.transpose(class_scores(*counts, None, 0.0)).tolist()
    keys = ("precision", "recall", "f1", "support")
    rows = [
        dict(zip(keys, [*scores, support], strict=True))
        for scores, support in zip(scores_of, counts[2].tolist(), strict=True)
    ]
    result = {"accuracy": accuracy(y_true, y_pred), "classes": dict(zip(names, rows, strict=True))}
    for average in AVERAGES[1:]:
        row = (*class_scores(*counts, average, 0.0), len(y_true))
        result[average] = dict(zip(keys, row, strict=True))
    result["confusion_matrix"] = confusion_matrix(y_true, y_pred, labels=labels).tolist()
    return result


def classification_report(y_true, y_pred, classes=None):
    """The metrics of a classifier as a table to print.

    Parameters
    ----------
    y_true, y_pred, classes
        As in :func:`classification_metrics`.

    Returns
    -------
    str
        A line for each class, then accuracy and averages, laid out as scikit-learn does.

    Raises
    ------
    TypeError, ValueError
        As :func:`classification_metrics`.

    Examples
    --------
    >>> print(classification_report([0, 1, 1], [0, 1, 0], ["cat", "dog"]))
                  precision    recall  f1-score   support
    <BLANKLINE>
             cat       0.50      1.00      0.67         1
             dog       1.00      0.50      0.67         2
    <BLANKLINE>
        accuracy                           0.67         3
       macro avg       0.75      0.75      0.67         3
    weighted avg       0.83      0.67      0.67         3
    <BLANKLINE>
    """
    metrics = classification_metrics(y_true, y_pred, classes)
    width = max(map(len, [*metrics["classes"], "weighted avg"]))

    def line(name, row):
        scores = "".join(f"{row[key]:10.2f}" for key in ("precision", "recall", "f1"))
        return f"{name:>{width}} {scores} {row['support']:9}"

    return "\n".join(
        [
            f"{'':{width}} {'precision':>10}{'recall':>10}{'f1-score':>10} {'support':>9}",
            "",
            *(line(name, row) for name, row in metrics["classes"].items()),
            "",
            f"{'accuracy':>{width}} {metrics['accuracy']:30.2f} {metrics['macro']['support']:9}",
            line("macro avg", metrics["macro"]),
            line("weighted avg", metrics["weighted"]),
            "",
        ]
    )
