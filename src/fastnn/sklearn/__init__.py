"""scikit-learn's perceptrons in fastnn's compiled programs.

Change ``from sklearn.neural_network import MLPClassifier`` to ``from fastnn.sklearn import
MLPClassifier``, and nothing else. Needs scikit-learn 1.7 or newer.
"""

import fastnn.sklearn._original  # noqa: F401 - first, as it says what is missing
from fastnn.sklearn._classifier import MLPClassifier
from fastnn.sklearn._regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
