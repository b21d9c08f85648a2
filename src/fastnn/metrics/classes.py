"""How good predicted classes are."""

import numpy as np

from fastnn._counts import (
    as_labels,
    as_weights,
    check_lengths,
    check_no_nan,
    class_counts,
    class_scores,
    labels_to_count,
    pair_of_labels,
    positions,
    positive_label,
    share,
)

AVERAGES = (None, "binary", "micro", "macro", "weighted")
NORMALIZATIONS = (None, "true", "pred", "all")


def accuracy(y_true, y_pred, *, normalize=True, sample_weight=None):
    """The fraction of predictions that are right.

    Parameters
    ----------
    y_true, y_pred : array_like (N,) of integers or (N, C)
        Classes, see :func:`as_labels`.
    normalize : bool
        False: the number that are right, or the sum of their weights.
    sample_weight : array_like (N,), optional
        Finite numbers of 0 or above, not all 0: ``sum(w right) / sum(w)``.

    Returns
    -------
    float in [0, 1]

    Raises
    ------
    TypeError, ValueError
        As :func:`as_labels`, or if the lengths differ or a weight is out of range.

    Examples
    --------
    >>> accuracy([0, 1, 2, 2], [0, 1, 1, 2])
    0.75
    >>> accuracy([0, 1, 2, 2], [0, 1, 1, 2], sample_weight=[1, 1, 2, 4])
    0.75
    """
    y_true, y_pred = pair_of_labels(y_true, y_pred)
    return share(y_true == y_pred, as_weights(sample_weight, len(y_true)), normalize)


def confusion_matrix(y_true, y_pred, *, labels=None, sample_weight=None, normalize=None):
    """How often class i was taken for class j.

    Parameters
    ----------
    y_true, y_pred : array_like (N,) of integers or (N, C)
        Classes, see :func:`as_labels`.
    labels : sequence of int, optional
        The classes of the rows and columns, in that order; examples with another class on
        either side are left out. By default all classes that occur, sorted.
    sample_weight : array_like (N,), optional
        What each example counts, instead of 1.
    normalize : {None, "true", "pred", "all"}
        What cells are divided by: nothing, the sum of their row, of their column, of all. An
        empty row or column stays 0.

    Returns
    -------
    ndarray (len(labels), len(labels))
        Rows are the true classes, columns the predicted ones. int64, or float64 if weights are
        or if it is normalized.

    Raises
    ------
    TypeError, ValueError
        As :func:`accuracy`, or if a label comes twice or the normalization is unknown.

    Examples
    --------
    >>> confusion_matrix([0, 1, 2, 2], [0, 1, 1, 2])
    array([[1, 0, 0],
           [0, 1, 0],
           [0, 1, 1]])
    >>> confusion_matrix([0, 1, 1, 1], [0, 1, 1, 0], normalize="pred")
    array([[0.5, 0. ],
           [0.5, 1. ]])
    """
    if normalize not in NORMALIZATIONS:
        raise ValueError(f"normalize: expected one of {NORMALIZATIONS}, got {normalize!r}")
    y_true, y_pred = pair_of_labels(y_true, y_pred)
    weight = as_weights(sample_weight, len(y_true))
    labels = labels_to_count(labels, y_true, y_pred)
    rows, columns = positions(y_true, labels), positions(y_pred, labels)
    inside = (rows < len(labels)) & (columns < len(labels))
    cells = rows[inside] * len(labels) + columns[inside]
    counted = None if weight is None else weight[inside]
    matrix = np.bincount(cells, counted, len(labels) ** 2).reshape(len(labels), -1)
    if weight is not None and weight.dtype.kind == "i":
        matrix = matrix.astype(np.int64)
    if normalize is None:
        return matrix
    axis = {"true": 1, "pred": 0, "all": None}[normalize]
    total = matrix.sum(axis=axis, keepdims=True)
    return matrix / np.where(total == 0, 1, total)


def precision_recall_f1(
    y_true, y_pred, *, average=None, labels=None, pos_label=1, zero_division=0.0,
    sample_weight=None,
):  # fmt: skip
    """Precision, recall and their harmonic mean, of each class or averaged.

    With TP the examples of a class that were predicted as it::

        precision = TP / predicted as the class
        recall = TP / truly of the class
        F1 = 2 TP / (predicted + truly)

    Parameters
    ----------
    y_true, y_pred : array_like (N,) of integers or (N, C)
        Classes, see :func:`as_labels`.
    average : {None, "binary", "micro", "macro", "weighted"}
        None: no average. Binary: of the class `pos_label` alone, where there are two. Micro:
        counts are added over the classes first. Macro: the mean over classes. Weighted: the
        mean weighted by the number of true examples.
    labels : sequence of int, optional
        The classes to count, in that order. By default all that occur, sorted. No meaning for
        the binary average.
    pos_label : int
        The positive class of the binary average; no meaning for the others.
    zero_division : float
        The value of 0 / 0; NaN leaves such a class out of the macro and weighted mean.
    sample_weight : array_like (N,), optional
        What each example counts, instead of 1.

    Returns
    -------
    (precision, recall, f1)
        Each a float64 array (len(labels),), or a float if there is an average.

    Raises
    ------
    TypeError, ValueError
        As :func:`confusion_matrix`, or if the average is unknown, or binary where there are
        more than two classes or none is `pos_label`.

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
    weight = as_weights(sample_weight, len(y_true))
    if average == "binary":
        labels = positive_label(pos_label, y_true, y_pred)
    labels = labels_to_count(labels, y_true, y_pred)
    counts = class_counts(y_true, y_pred, labels, weight)
    return class_scores(*counts, average, zero_division)


def precision(y_true, y_pred, **options):
    """Of the examples predicted as a class, the fraction that are of it: the first of
    :func:`precision_recall_f1`, whose arguments it takes.

    Examples
    --------
    >>> precision([0, 1, 1, 0], [0, 1, 1, 1], average="binary").__round__(3)
    0.667
    """
    return precision_recall_f1(y_true, y_pred, **options)[0]


def recall(y_true, y_pred, **options):
    """Of the examples of a class, the fraction that were predicted as it: the second of
    :func:`precision_recall_f1`, whose arguments it takes.

    Examples
    --------
    >>> recall([0, 1, 1, 0], [0, 1, 1, 1], average="binary")
    1.0
    """
    return precision_recall_f1(y_true, y_pred, **options)[1]


def f1(y_true, y_pred, **options):
    """The harmonic mean of precision and recall: the third of :func:`precision_recall_f1`,
    whose arguments it takes.

    Examples
    --------
    >>> f1([0, 1, 1, 0], [0, 1, 1, 1], average="binary")
    0.8
    """
    return precision_recall_f1(y_true, y_pred, **options)[2]


def top_k_accuracy(y_true, scores, k=5, *, normalize=True, sample_weight=None):
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
    normalize, sample_weight
        As in :func:`accuracy`.

    Returns
    -------
    float in [0, 1]

    Raises
    ------
    TypeError, ValueError
        As :func:`accuracy`, or if a class or k is out of range.

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
    weight = as_weights(sample_weight, n)
    if not 1 <= k <= classes:
        raise ValueError(f"k: expected 1 to {classes}, got {k}")
    if y_true.min() < 0 or y_true.max() >= classes:
        raise ValueError(
            f"y_true: expected classes of 0 to {classes - 1}, got {y_true.min()} to {y_true.max()}"
        )
    own = scores[np.arange(n), y_true][:, None]
    later = np.arange(classes) > y_true[:, None]
    ahead = ((scores > own) | ((scores == own) & later)).sum(axis=1)
    return share(ahead < k, weight, normalize)
