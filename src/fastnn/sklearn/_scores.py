"""The scores of validation, from a net's outputs: what scikit-learn's `score` gives."""

import numpy as np
from sklearn.metrics import r2_score


def score(task, outputs: np.ndarray, y: np.ndarray, weight) -> float:
    """Accuracy, of all labels of a sample together, or R^2; NaN where outputs of a regressor
    aren't finite.

    Parameters
    ----------
    task : Task
    outputs : array (N, outputs)
        Before the output's activation.
    y : array (N, outputs)
        Numbers, or for classes a bool for each.
    weight : array (N,) or None
    """
    if task.kind == "regression":
        outputs = np.exp(outputs) if task.activation == "exp" else outputs
        if not np.isfinite(outputs).all():
            return np.nan
        return float(r2_score(y, outputs, sample_weight=weight))
    if task.kind == "multiclass":
        right = outputs.argmax(axis=1) == y.argmax(axis=1)
    else:
        # The logistic function is above one half where its argument is above 0.
        threshold = 0.0 if task.activation == "logistic" else task.threshold
        right = ((outputs > threshold) == y).all(axis=1)
    return float(np.average(right, weights=weight))
