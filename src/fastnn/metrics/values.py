"""How good predicted numbers are: the coefficient of determination."""

import numpy as np

from fastnn._counts import as_weights

MULTIOUTPUTS = ("uniform_average", "variance_weighted", "raw_values")


def r2_score(y_true, y_pred, *, sample_weight=None, multioutput="uniform_average"):
    """The coefficient of determination, 1 - sum(w (y - p)²) / sum(w (y - mean(y))²).

    Parameters
    ----------
    y_true, y_pred : array_like (N,) or (N, targets)
        Numbers and their predictions, N >= 2. Computed in float64.
    sample_weight : array_like (N,), optional
        The w above, 1 by default; the mean of y is weighted, too.
    multioutput : {"uniform_average", "variance_weighted", "raw_values"} or array_like (targets,)
        What to do with several targets: their mean; their mean weighted by the variance of each,
        or by given weights; or no mean.

    Returns
    -------
    float, or ndarray (targets,) for raw values
        1 is perfect, 0 is as good as the mean, and there is no lower bound. A constant target
        gives 1 if it is predicted exactly and 0 otherwise.

    Raises
    ------
    TypeError, ValueError
        If the shapes differ, there are fewer than two examples (scikit-learn: NaN), a weight is
        out of range or multioutput is unknown.

    Examples
    --------
    >>> r2_score([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])
    0.5
    >>> r2_score([[1, 5], [2, 5], [3, 5]], [[1, 5], [2, 5], [4, 5]], multioutput="raw_values")
    array([0.5, 1. ])
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
    weight = as_weights(sample_weight, len(y_true))
    if not isinstance(multioutput, str):
        multioutput = as_weights(multioutput, y_true.shape[1], "multioutput")
    elif multioutput not in MULTIOUTPUTS:
        raise ValueError(
            f"multioutput: expected one of {MULTIOUTPUTS} or weights, got {multioutput!r}"
        )
    column = 1.0 if weight is None else weight[:, None]
    residual = (column * (y_true - y_pred) ** 2).sum(axis=0)
    mean = np.average(y_true, axis=0, weights=weight)
    total = (column * (y_true - mean) ** 2).sum(axis=0)
    constant = total == 0
    r2 = 1 - residual / np.where(constant, 1, total)
    r2 = np.where(constant, residual == 0, r2)
    if isinstance(multioutput, str):
        if multioutput == "raw_values":
            return r2
        # Where every target is constant their variances tell nothing.
        multioutput = total if multioutput == "variance_weighted" and total.any() else None
    return float(np.average(r2, weights=multioutput))
