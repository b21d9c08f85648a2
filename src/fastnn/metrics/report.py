"""All metrics of a classifier at once, as data and as a table."""

import numpy as np

from fastnn._counts import as_weights, class_counts, class_scores, named_labels, pair_of_labels
from fastnn.metrics.classes import accuracy, confusion_matrix


def classification_metrics(y_true, y_pred, classes=None, *, sample_weight=None):
    """All of the metrics of a classifier, as what ``json.dump`` takes.

    Parameters
    ----------
    y_true, y_pred : array_like (N,) of integers or (N, C)
        Classes, see :func:`as_labels`.
    classes : sequence of str, optional
        The names of classes 0, 1, ...; a class that never occurs is then counted too. By
        default the classes that occur, named by their numbers.
    sample_weight : array_like (N,), optional
        What each example counts, instead of 1.

    Returns
    -------
    dict
        ``accuracy``; ``classes``, a dict by name of dicts with ``precision``, ``recall``,
        ``f1`` and ``support`` (the number of true examples, or their weight); ``micro``,
        ``macro`` and ``weighted``, the same averaged; ``confusion_matrix``, a list of rows.
        0 / 0 is 0.

    Raises
    ------
    TypeError, ValueError
        As :func:`accuracy`, or if a class has no name or two have the same.

    Examples
    --------
    >>> metrics = classification_metrics([0, 1, 1], [0, 1, 0], ["cat", "dog"])
    >>> metrics["classes"]["dog"]
    {'precision': 1.0, 'recall': 0.5, 'f1': 0.6666666666666666, 'support': 2}
    """
    y_true, y_pred = pair_of_labels(y_true, y_pred)
    labels, names = named_labels(classes, y_true, y_pred)
    weight = as_weights(sample_weight, len(y_true))
    counts = class_counts(y_true, y_pred, labels, weight)
    scores_of = np.transpose(class_scores(*counts, None, 0.0)).tolist()
    keys = ("precision", "recall", "f1", "support")
    rows = [
        dict(zip(keys, [*scores, support], strict=True))
        for scores, support in zip(scores_of, (counts[0] + counts[2]).tolist(), strict=True)
    ]
    result = {
        "accuracy": accuracy(y_true, y_pred, sample_weight=weight),
        "classes": dict(zip(names, rows, strict=True)),
    }
    support = sum(row["support"] for row in rows)
    for average in ("micro", "macro", "weighted"):
        row = (*class_scores(*counts, average, 0.0), support)
        result[average] = dict(zip(keys, row, strict=True))
    matrix = confusion_matrix(y_true, y_pred, labels=labels, sample_weight=weight)
    result["confusion_matrix"] = matrix.tolist()
    return result


def classification_report(y_true, y_pred, classes=None, *, sample_weight=None):
    """The metrics of a classifier as a table to print.

    Parameters
    ----------
    y_true, y_pred, classes, sample_weight
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
    metrics = classification_metrics(y_true, y_pred, classes, sample_weight=sample_weight)
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
