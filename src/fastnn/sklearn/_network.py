"""A fastnn model over the arrays of an estimator.

The estimator's own arrays, scikit-learn's ``coefs_`` and ``intercepts_``, are the truth: whatever a
user does to them holds. A `Network` is what runs on them, made anew whenever it doesn't fit.
Weights are (in, out) there and (out, in) in fastnn, so ``coefs_`` are transposed views of
fastnn's memory, in Fortran's order, and others are copied.
"""

import operator

import numpy as np
from scipy import sparse

from fastnn.layers import ACTIVATION_LAYERS, BatchNorm1d, Dropout, Linear, Sequential, Softmax
from fastnn.parameter import FlatParameters
from fastnn.sklearn._parameters import activations, dropouts

# Rows of a sparse matrix that are made dense at a time, in elements.
DENSE_ELEMENTS = 1 << 19

# What batch normalisation keeps for each hidden layer; an estimator's `norms_` are dicts of these.
_NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")

_OUTPUTS = {"logistic": ACTIVATION_LAYERS["sigmoid"], "softmax": Softmax}


class Network:
    """The model of an estimator.

    Attributes
    ----------
    model : Sequential
        From inputs to what the loss takes: logits, for classes.
    outputs : Sequential
        The same layers and the output's activation.
    linear : list of Linear
    training : Training or None
        What goes on from one `partial_fit` to the next.
    """

    def __init__(self, estimator, dtype=None):
        self._settings = _settings(estimator)
        coefs = estimator.coefs_
        self.dtype = _dtype(estimator) if dtype is None else dtype
        self.width = coefs[0].shape[0]
        names = activations(estimator.activation, len(coefs) - 1)
        rates = dropouts(estimator.dropout, len(coefs) - 1)
        layers, self.linear, self._norms = [], [], []
        for i, coef in enumerate(coefs):
            self.linear.append(Linear(*coef.shape, dtype=self.dtype))
            layers.append(self.linear[-1])
            if i == len(coefs) - 1:
                break
            if estimator.batch_norm:
                self._norms.append(BatchNorm1d(coef.shape[1], dtype=self.dtype))
                layers.append(self._norms[-1])
            if names[i] != "identity":
                layers.append(ACTIVATION_LAYERS[names[i]]())
            if rates[i]:
                layers.append(Dropout(rates[i]))
        self.model = self.outputs = Sequential(*layers)
        if estimator.out_activation_ in _OUTPUTS:
            self.outputs = Sequential(*layers, _OUTPUTS[estimator.out_activation_]())
        self._exp = estimator.out_activation_ == "exp"
        self._known: list = []  # the estimator's arrays that the model lies in
        self.training = None

    # -- the estimator's arrays -----------------------------------------------------------------

    def suits(self, estimator) -> bool:
        """Whether the model is of the estimator's settings, and of arrays like its own."""
        return (
            _settings(estimator) == self._settings
            and _dtype(estimator) == self.dtype
            and [coef.shape for coef in estimator.coefs_]
            == [(layer.in_features, layer.out_features) for layer in self.linear]
        )

    def is_current(self, estimator) -> bool:
        """Whether the model lies in the estimator's arrays."""
        known = self._known
        arrays = _arrays(estimator)
        return (
            len(arrays) == len(known)
            and all(map(operator.is_, arrays, known))
            and (_settings(estimator) == self._settings)
        )

    def read(self, estimator) -> None:
        """Have the model lie in the estimator's arrays, or in copies of those that don't lie as it
        needs them."""
        if self.is_current(estimator):
            return
        pairs, stranger = [], False
        for layer, coef, intercept in zip(
            self.linear, estimator.coefs_, estimator.intercepts_, strict=True
        ):
            pairs += [(layer.weight, coef.T), (layer.bias, intercept)]
        for parameter, values in pairs:
            if values.shape != parameter.shape:
                # As NumPy does where it adds them. The engine would read past their end.
                values = np.broadcast_to(values, parameter.shape)
            usable = values.dtype == self.dtype and values.flags.c_contiguous
            if usable and values.flags.aligned:
                parameter.adopt(np.asarray(values))
            else:
                parameter.adopt(np.array(values, self.dtype, order="C"))
                stranger = True
        self._load_norms(estimator)
        self._known = [] if stranger else _arrays(estimator)

    def take(self, estimator) -> FlatParameters:
        """Move all values into the memory that training works on; the estimator's lists then hold
        views of it."""
        self.read(estimator)
        flat = FlatParameters.of(self.model)
        estimator.coefs_[:] = [layer.weight.data.T for layer in self.linear]
        estimator.intercepts_[:] = [layer.bias.data for layer in self.linear]
        self._known = _arrays(estimator)
        if self._norms:
            norms = [{name: getattr(layer, name).data for name in _NORM} for layer in self._norms]
            estimator.__dict__.setdefault("norms_", [])[:] = norms
        return flat

    def _load_norms(self, estimator) -> None:
        for layer, values in zip(self._norms, getattr(estimator, "norms_", ()), strict=False):
            for name in _NORM:
                getattr(layer, name).set(values[name])

    # -- values ---------------------------------------------------------------------------------

    def copy_values(self) -> list[np.ndarray]:
        """Copies of all that training changes."""
        return [p.data.copy() for p in self.model.named_state().values()]

    def restore(self, values: list[np.ndarray]) -> None:
        """Go back to what `copy_values` gave."""
        for p, kept in zip(self.model.named_state().values(), values, strict=True):
            np.copyto(p.data, kept)

    def predict(self, x) -> np.ndarray:
        """What the estimator predicts for `x`, dense or sparse, of the model's dtype."""
        if sparse.issparse(x):
            rows = dense_rows(x)
            y = np.empty((x.shape[0], self.linear[-1].out_features), self.dtype)
            for first in range(0, len(y), rows):
                part = np.ascontiguousarray(x[first : first + rows].toarray())
                y[first : first + rows] = self.outputs.predict(part)
        else:
            y = self.outputs.predict(x)
        return np.exp(y, out=y) if self._exp else y


def _dtype(estimator) -> np.dtype:
    # What NumPy computes in with the estimator's arrays, if the engine can: else float64.
    dtype = np.result_type(*[array.dtype for array in _arrays(estimator)])
    return np.dtype(np.float32 if dtype == np.float32 else np.float64)


def _arrays(estimator) -> list:
    return [*estimator.coefs_, *estimator.intercepts_]


def _settings(estimator) -> tuple:
    return (
        estimator.activation, estimator.dropout, estimator.batch_norm, estimator.out_activation_,
    )  # fmt: skip


def dense_rows(x) -> int:
    """How many rows of a sparse matrix to make dense at a time."""
    return max(1, DENSE_ELEMENTS // max(1, x.shape[1]))
