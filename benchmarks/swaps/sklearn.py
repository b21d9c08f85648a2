"""scikit-learn's perceptrons, and fastnn's by another import."""

import functools
import warnings

import numpy as np

from benchmarks import QUICK
from benchmarks.swaps import Swap


def _classifier(side: str):
    from sklearn.exceptions import ConvergenceWarning

    warnings.simplefilter("ignore", ConvergenceWarning)  # a few epochs will do
    if side == "fastnn":
        from fastnn.sklearn import MLPClassifier
    else:
        from sklearn.neural_network import MLPClassifier
    return MLPClassifier


def _digits():
    from sklearn.datasets import load_digits

    return load_digits(return_X_y=True)


def _table():
    """A line through 16 columns, with noise."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((6400, 16))
    return x, (x.sum(axis=1) + rng.standard_normal(6400) > 0).astype(int)


def _images(dtype):
    """Images of ten kinds, with noise, as many and as large as MNIST's."""
    rng = np.random.default_rng(0)
    kinds, y = rng.random((10, 784), np.float32), rng.integers(0, 10, 2000 if QUICK else 60000)
    x = kinds[y]
    x += rng.standard_normal(x.shape, np.float32)
    return x.astype(dtype), y


def _fit(data, parameters: dict, side: str):
    classifier, (x, y) = _classifier(side), data()
    return lambda: classifier(random_state=0, **parameters).fit(x, y).loss_curve_


def _predict(side: str):
    classifier, (x, y) = _classifier(side), _digits()
    model, one = classifier(random_state=0, max_iter=20).fit(x, y), x[:1].copy()

    def run():
        for _ in range(1000):
            p = model.predict_proba(one)
        return p

    return run


def _swap(name: str, prepare, **tolerance) -> Swap:
    return Swap(name, "scikit-learn", prepare, "sklearn", ("sklearn",), **tolerance)


_IMAGES = {"hidden_layer_sizes": (100,), "batch_size": 200, "max_iter": 2}
_TABLE = {"hidden_layer_sizes": (32, 32), "batch_size": 32, "max_iter": 10}

SWAPS = [
    # Pixels up to 16 make for large steps at first, and these for large differences of rounding.
    _swap("MLPClassifier on digits, defaults", functools.partial(_fit, _digits, {}), rtol=1e-4),
    _swap("MLPClassifier on 6,400 x 16", functools.partial(_fit, _table, _TABLE)),
    _swap(
        "MLPClassifier on 60,000 images, float64",
        functools.partial(_fit, functools.partial(_images, np.float64), _IMAGES),
    ),
    _swap(
        "MLPClassifier on 60,000 images, float32",
        functools.partial(_fit, functools.partial(_images, np.float32), _IMAGES),
        rtol=1e-3,  # of losses that float32 sums in another order
    ),
    _swap("MLPClassifier, 1,000 predictions of one", _predict, rtol=1e-4, atol=1e-9),
]
