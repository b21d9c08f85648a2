"""What both estimators share: where they step into scikit-learn's."""

import math

import numpy as np
from sklearn.utils.validation import validate_data

from fastnn._threads import limit_threads
from fastnn.callbacks import Callback
from fastnn.sklearn._epochs import fit_stochastic
from fastnn.sklearn._full_batch import Objective
from fastnn.sklearn._network import Network
from fastnn.sklearn._parameters import ACTIVATION_NAMES, EXTRAS, activations, dropouts, dtype_of


class Compiled:
    """Training and prediction in fastnn's compiled programs, for one of scikit-learn's
    perceptrons, which it stands before in a class's bases.

    scikit-learn's own methods check parameters and data, encode labels, draw initial values and
    keep the attributes; of its arithmetic nothing is left.
    """

    _net: Network | None = None  # what runs on the estimator's arrays
    _objective: Objective | None = None  # of L-BFGS, while it runs
    _given = None  # validation data, while `fit` runs
    _validation = None  # the same, checked

    def __getstate__(self):
        # Compiled programs stay here; the optimizer's state goes along, for `partial_fit`.
        state = dict(super().__getstate__())
        if (solver := self._solver_state()) is not None:
            state["_optimizer_state"] = solver
        for name in ("_net", "_objective", "_given", "_validation"):
            state.pop(name, None)
        return state

    def _solver_state(self) -> dict | None:
        if self._net is not None and self._net.training is not None:
            return self._net.training.optimizer.state_dict()
        return self.__dict__.get("_optimizer_state")

    # -- fitting ----------------------------------------------------------------------------

    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None):
        """Fit the model to data.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels of classes, or numbers.
        sample_weight : array-like of shape (n_samples,), optional
        X_val, y_val : as `X` and `y`, optional
            To validate with after every epoch: see `validation_loss_curve_`. With `early_stopping`
            nothing is split off `X` then.

        Returns
        -------
        self
        """
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val, y_val: expected both or none")
        self._given = None if X_val is None else (X_val, y_val)
        try:
            return super().fit(X, y, sample_weight=sample_weight)
        finally:
            self._given = self._validation = None

    def _fit(self, X, y, sample_weight=None, incremental=False):
        self._check_extras()
        with limit_threads(self.n_threads):
            super()._fit(X, y, sample_weight=sample_weight, incremental=incremental)
        self._network()
        return self

    def _check_extras(self) -> None:
        """Check what scikit-learn's table of constraints can't."""
        dtype_of(self.dtype)
        sizes = self.hidden_layer_sizes
        count = len(sizes) if hasattr(sizes, "__len__") else 1
        activations(self.activation, count)
        dropouts(self.dropout, count)
        for i, callback in enumerate(self.callbacks or ()):
            if not isinstance(callback, Callback):
                raise TypeError(f"callbacks[{i}]: expected a Callback, got {callback!r}")
        if self.solver != "lbfgs":
            return
        for name in ("dropout", "batch_norm", "optimizer", "schedule", "callbacks", "progress"):
            value = getattr(self, name)
            if value is not None and np.any(value != EXTRAS[name]):
                raise ValueError(
                    f"{name}: expected {EXTRAS[name]} with solver='lbfgs', got {value!r}"
                )
        if self._given is not None:
            raise ValueError("X_val, y_val: expected None with solver='lbfgs'")

    def _validate_input(self, X, y, incremental, reset):
        checked = self._checked_input(X, y, incremental, reset)
        if self._given is not None:
            # Before anything is initialised, and with the classes that are known by now.
            x_val, y_val = self._checked_input(*self._given, True, False)
            self._validation = x_val, y_val.reshape(len(y_val), -1)
        return checked

    def _checked_input(self, X, y, incremental, reset):
        X, y = super()._validate_input(X, y, incremental, reset)
        dtype = dtype_of(self.dtype)
        return X if dtype is None else X.astype(dtype, copy=False), y

    def _initialize(self, y, layer_units, dtype):
        super()._initialize(y, layer_units, dtype)
        self.out_activation_ = self._task(np.dtype(dtype)).activation
        self.validation_loss_curve_ = None
        self.__dict__.pop("norms_", None)

    def _init_coef(self, fan_in, fan_out, dtype):
        coef, intercept = super()._init_coef(fan_in, fan_out, dtype)
        if self.activation and not isinstance(self.activation, str):
            # scikit-learn knows one activation; its bounds for the logistic function are lower.
            names = self.activation
            name = names[min(len(self.coefs_), len(names) - 1)]
            if ACTIVATION_NAMES[name] == "sigmoid":
                shrink = dtype.type(math.sqrt(2 / 6))
                coef, intercept = coef * shrink, intercept * shrink
        return coef, intercept

    def _fit_stochastic(
        self, X, y, sample_weight, activations, deltas, coef_grads, intercept_grads, layer_units,
        incremental,
    ):  # fmt: skip
        fit_stochastic(self, X, y, sample_weight, incremental, self._validation)

    def _fit_lbfgs(self, X, y, sample_weight, *buffers):
        self._objective = Objective(self, X, y, sample_weight)
        try:
            super()._fit_lbfgs(X, y, sample_weight, *buffers)
        finally:
            self._objective = None
        dtype = dtype_of(self.dtype) or self.coefs_[0].dtype
        self.coefs_ = [np.asfortranarray(c, dtype) for c in self.coefs_]
        self.intercepts_ = [np.asarray(b, dtype) for b in self.intercepts_]

    def _loss_grad_lbfgs(
        self, packed_coef_inter, X, y, sample_weight, activations, deltas, coef_grads,
        intercept_grads,
    ):  # fmt: skip
        objective = self._objective or Objective(self, X, y, sample_weight)
        return objective(packed_coef_inter)

    # -- predicting -------------------------------------------------------------------------

    def _forward_pass_fast(self, X, check_input=True):
        if check_input:
            X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        net = self._network()
        if self.dtype is None and np.result_type(X.dtype, net.dtype) != net.dtype:
            # Numbers of higher precision than the net's are predicted in theirs, as by NumPy.
            net = Network(self, np.dtype(np.float64))
            net.read(self)
        with limit_threads(self.n_threads):
            return net.predict(X.astype(net.dtype, copy=False))

    def _network(self) -> Network:
        """What runs on the estimator's arrays as they are now."""
        if self._net is None or not self._net.suits(self):
            self._net = Network(self)
        self._net.read(self)
        return self._net

    def _at_once(self, X) -> np.ndarray | None:
        """The outputs for an ordinary array, in which scikit-learn's checks would find nothing;
        None for anything else."""
        net = self._net
        if (
            net is None
            or type(X) is not np.ndarray
            or X.ndim != 2
            or X.shape[1] != net.width
            or X.dtype != net.dtype
            or not len(X)
            or self.n_threads is not None
            or "feature_names_in_" in self.__dict__
            or not net.is_current(self)
            or not np.isfinite(X).all()
        ):
            return None
        return net.predict(X)
