"""What a fit trains on and validates with."""

import warnings

import numpy as np
from scipy import sparse
from sklearn.base import is_classifier
from sklearn.model_selection import train_test_split

from fastnn.program import Program
from fastnn.sklearn._network import dense_rows


class Data:
    """Rows to train on or to evaluate, dense or sparse, as a `Program` takes them."""

    def __init__(self, x, target, weight, y):
        self.x, self.target, self.weight, self.y = x, target, weight, y
        self.rows = x.shape[0]

    @classmethod
    def of(cls, X, y, sample_weight, task, dtype) -> "Data":
        """From what scikit-learn's `_fit` has prepared."""
        if sparse.issparse(X):
            X = X.tocsr().astype(dtype, copy=False)
        else:
            X = np.require(X, dtype, ("C", "A"))
        y = y[:, None] if y.ndim == 1 else y
        target = task.targets(y, (y.shape[1],), dtype)
        weight = None
        if sample_weight is not None:
            weight = np.require(sample_weight, dtype, ("C", "A"))
        return cls(X, target, weight, y)

    @property
    def kind(self) -> dict:
        """What a `Program` for these data must know."""
        return {
            "shape": (self.x.shape[1],),
            "target": self.target,
            "weighted": self.weight is not None,
        }

    def bind(self, program: Program) -> None:
        """Before a program goes through `parts`, as often as it likes."""
        if not sparse.issparse(self.x):
            program.bind(self.x, self.target, self.weight)

    def parts(self, program: Program, order, batch_size: int):
        """All rows in an order, None as they lie: dense ones at once, sparse ones some batches at
        a time. Yields how many the program can go through, and their order."""
        if not sparse.issparse(self.x):
            yield self.rows, order
            return
        step = max(1, dense_rows(self.x) // batch_size) * batch_size
        for first in range(0, self.rows, step):
            part = slice(first, first + step) if order is None else order[first : first + step]
            x = np.ascontiguousarray(self.x[part].toarray())
            program.bind(x, self.target[part], None if self.weight is None else self.weight[part])
            yield len(x), None


def split(estimator, X, y, sample_weight, given):
    """What to train on and what to validate with, ``(X, y, sample_weight)`` each, the latter None
    where nobody asked for it."""
    if given is not None:
        return (X, y, sample_weight), (*given, None)
    if not estimator.early_stopping:
        return (X, y, sample_weight), None
    # As scikit-learn does, so that the same seed divides alike.
    arrays = (X, y) if sample_weight is None else (X, y, sample_weight)
    parts = train_test_split(
        *arrays,
        random_state=estimator._random_state,
        test_size=estimator.validation_fraction,
        stratify=y if is_classifier(estimator) and estimator.n_outputs_ == 1 else None,
    )
    train, validation = parts[0::2], parts[1::2]
    if validation[0].shape[0] < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' "
            "or the size of your dataset."
        )
    return (*train, None)[:3], (*validation, None)[:3]


def batch_rows(estimator, rows: int) -> int:
    """The size of batches, at most all rows there are."""
    if estimator.batch_size == "auto":
        return min(200, rows)
    if estimator.batch_size > rows:
        warnings.warn(
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped",
            stacklevel=2,
        )
    return int(min(max(1, estimator.batch_size), rows))
