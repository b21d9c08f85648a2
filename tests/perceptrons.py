"""What tests of ``fastnn.sklearn`` share."""

import numpy as np
from numpy.testing import assert_allclose
from sklearn.datasets import load_digits

from fastnn import reference
from fastnn.sklearn import MLPClassifier, MLPRegressor

# Sums of float64 in another order, over some steps.
EXACT = {"rtol": 1e-9, "atol": 1e-12}


def some_digits():
    x, y = load_digits(return_X_y=True)
    return x[:500] / 16, y[:500]


def some_values():
    rng = np.random.RandomState(0)
    x = rng.randn(90, 5)
    return x, np.column_stack([np.sin(x[:, 0]), x[:, 1] + x[:, 2]])


def classifier(**parameters):
    return MLPClassifier(
        **{"hidden_layer_sizes": (12,), "max_iter": 5, "random_state": 0, **parameters}
    )


def regressor(*loss, **parameters):
    parameters = {"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0, **parameters}
    return MLPRegressor(*loss, **parameters)


def same(a, b, **tolerance):
    """Whether two estimators were trained alike."""
    for p, q in zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True):
        assert_allclose(p, q, **(tolerance or EXACT))


def forward(model, x, activations):
    """By the formulas of `fastnn.reference`, up to the last layer's activation."""
    last = len(model.coefs_) - 1
    for i, (coef, intercept) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        x = x @ coef + intercept
        if i < last:
            if model.batch_norm:
                norm = model.norms_[i]
                scale = np.sqrt(norm["running_var"] + 1e-5)
                x = (x - norm["running_mean"]) / scale * norm["weight"] + norm["bias"]
            x = getattr(reference, activations[i])(x)
    return x
