"""How good predictions are: accuracy, precision, recall, F1, confusion, top-k, R².

Classes are integers, or a matrix (N, C) of which each row's largest entry tells the class:
one-hot targets, probabilities, logits. Every number equals scikit-learn's to the last digit.
"""

from fastnn._counts import as_labels
from fastnn.metrics.classes import (
    accuracy,
    confusion_matrix,
    f1,
    precision,
    precision_recall_f1,
    recall,
    top_k_accuracy,
)
from fastnn.metrics.report import classification_metrics, classification_report
from fastnn.metrics.values import r2_score

__all__ = [
    "accuracy",
    "as_labels",
    "classification_metrics",
    "classification_report",
    "confusion_matrix",
    "f1",
    "precision",
    "precision_recall_f1",
    "r2_score",
    "recall",
    "top_k_accuracy",
]
