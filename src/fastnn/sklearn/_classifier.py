"""The classifier."""

import numpy as np
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if

from fastnn.sklearn import _original
from fastnn.sklearn._losses import Task, classification
from fastnn.sklearn._parameters import CLASSIFIER_EXTRAS, CONSTRAINTS, loss_constraint, takes
from fastnn.sklearn._perceptron import Compiled


def _has_probabilities(estimator) -> bool:
    if "out_activation_" in estimator.__dict__ and estimator.out_activation_ == "identity":
        raise AttributeError(
            f"expected a loss whose outputs are probabilities, got {estimator.loss!r}"
        )
    return True


class MLPClassifier(Compiled, _original.MLPClassifier):
    """scikit-learn's ``MLPClassifier``, trained and run by fastnn.

    A subclass of ``sklearn.neural_network.MLPClassifier`` with its parameters, attributes, methods,
    warnings and errors. What follows is what it has beyond them; the defaults change nothing.

    Parameters
    ----------
    activation : str or sequence of str
        scikit-learn's names, or any pointwise activation of fastnn's ("gelu", "leaky_relu", ...);
        a sequence has one for each hidden layer. Initial values are Glorot's.
    loss : str, fastnn.Loss or callable
        "log_loss" is scikit-learn's. Others, by name or as objects with settings, are fastnn's,
        of what the last layer gives, and of targets 0 and 1 (hinge losses: -1 and 1) for each
        output. A callable is given ``(y_true, y_pred)``, 0 and 1 for each output and logits, and
        returns ``(value, gradient)``, the mean over the batch and its gradient by `y_pred`; where
        samples have weights it gets them as ``sample_weight=``. With log_loss, "cross_entropy",
        "bce_with_logits" and callables ``out_activation_`` is scikit-learn's, "softmax" or
        "logistic"; with the others it is "identity", the class is that of the largest output, or
        for two classes and for labels an output above 1/2 (hinge losses: 0) says yes, and there is
        no `predict_proba`.
    class_weight : dict, "balanced" or None
        Factors of the samples' weights, as `sklearn.utils.class_weight.compute_sample_weight`
        gives them.
    dropout : float or sequence of float
        In [0, 1): the probability with which an output of a hidden layer is dropped in training,
        one for all of them or one for each.
    batch_norm : bool
        Whether to normalise the batch before each hidden activation (Ioffe and Szegedy 2015). Its
        arrays are in ``norms_``.
    optimizer : str or fastnn.Optimizer, optional
        In place of the `solver`, which stays "adam" or "sgd" then: a name ("adamw", "lion", ...)
        takes `learning_rate_init` and `alpha`; an object has settings of its own, and is copied.
    schedule : callable, optional
        Learning rates by step, from 0: one of `fastnn.schedules`, or a function. `learning_rate`
        and `learning_rate_init` mean nothing then, and momentum is PyTorch's: it doesn't have the
        rate in it.
    callbacks : sequence of fastnn.Callback, optional
        Told as by a `Trainer`. What they get has ``estimator``, ``model``, ``loss``, ``optimizer``
        and ``history``; records have ``loss``, ``lr``, ``seconds``, and with validation
        ``val_loss`` and ``val_score``.
    progress : bool
        Whether to show a progress bar.
    n_threads : int, optional
        How many threads to use; by default what `fastnn.set_num_threads` says.
    dtype : {"float32", "float64"}, optional
        What to compute in; by default the type of `X`, float64 if that is neither.

    Attributes
    ----------
    validation_loss_curve_ : list of float or None
        The loss on validation data after each epoch, without the penalty `alpha`; None where there
        were none.
    norms_ : list of dict of array
        What batch normalisation learned, for each hidden layer, by PyTorch's names. Only with
        `batch_norm`.

    All of scikit-learn's are there too. ``coefs_`` are transposed views of fastnn's weights, and
    may be changed in place, or replaced, at any time.

    Raises
    ------
    ValueError, TypeError
        Before anything is trained, where a parameter isn't as above.

    Notes
    -----
    With scikit-learn's parameters the course of training is scikit-learn's: the same random numbers
    in the same order, the same losses, weights that differ by rounding. What differs:

    - The same bits for any number of threads.
    - Early stopping goes back to the best weights of warm starts as well, which scikit-learn trains
      on as it keeps them.
    - A batch whose sample weights are all 0 changes nothing, where scikit-learn divides by 0.
    - `partial_fit` with `warm_start` takes batches that lack some of the classes.
    - The solver "lbfgs" takes none of dropout, batch_norm, optimizer, schedule, callbacks, progress
      and validation data, and computes in float64.

    Examples
    --------
    >>> from fastnn.sklearn import MLPClassifier
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> model = MLPClassifier((64, 32), activation=("gelu", "tanh"), random_state=0)
    >>> _ = model.set_params(dropout=0.1, early_stopping=True, dtype="float32").fit(X, y)
    >>> model.score(X, y) > 0.95
    True
    """

    _parameter_constraints = {  # noqa: RUF012 - scikit-learn's name for a table of the class
        **_original.MLPClassifier._parameter_constraints,
        **CONSTRAINTS,
        "loss": loss_constraint("log_loss"),
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
    }

    @takes(_original.MLPClassifier, CLASSIFIER_EXTRAS)
    def __init__(self, **parameters):
        extras = {name: parameters.pop(name) for name in CLASSIFIER_EXTRAS}
        super().__init__(**parameters)
        vars(self).update(extras)

    def _task(self, dtype) -> Task:
        return classification(self.loss, self._label_binarizer.y_type_, self.n_outputs_, dtype)

    def _fit(self, X, y, sample_weight=None, incremental=False):
        if self.class_weight is not None:
            if incremental and isinstance(self.class_weight, str):
                raise ValueError(
                    "class_weight: expected a dict with partial_fit, which doesn't know all "
                    "labels, got 'balanced'; see sklearn.utils.class_weight.compute_class_weight"
                )
            of_classes = compute_sample_weight(self.class_weight, y)
            sample_weight = of_classes if sample_weight is None else of_classes * sample_weight
        return super()._fit(X, y, sample_weight=sample_weight, incremental=incremental)

    def _checked_input(self, X, y, incremental, reset):
        warm, self.warm_start = self.warm_start, self.warm_start and not incremental
        try:
            # A part of the data may lack some of the classes.
            return super()._checked_input(X, y, incremental, reset)
        finally:
            self.warm_start = warm

    # -- predicting -------------------------------------------------------------------------

    def predict(self, X):
        """The most likely class of each sample, or for multilabel data which labels it has.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples,) or (n_samples, n_classes)
        """
        outputs = self._at_once(X)
        return super().predict(X) if outputs is None else self._labels(outputs)

    def _predict(self, X, check_input=True):
        return self._labels(self._forward_pass_fast(X, check_input=check_input))

    def _labels(self, outputs):
        kind, threshold = self._label_binarizer.y_type_, self._task(outputs.dtype).threshold
        if kind == "multiclass":
            return self.classes_[outputs.argmax(axis=1)]
        if kind == "binary" and len(self.classes_) == 2:
            return self.classes_[(outputs[:, 0] > threshold).view(np.int8)]
        outputs = outputs.ravel() if self.n_outputs_ == 1 else outputs
        return self._label_binarizer.inverse_transform(outputs, threshold)

    @available_if(_has_probabilities)
    def predict_proba(self, X):
        """The probability of each class.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        outputs = self._at_once(X)
        if outputs is None:
            return super().predict_proba(X)
        if self.n_outputs_ > 1:
            return outputs
        both = np.empty((2, len(outputs)), outputs.dtype)
        both[1] = outputs[:, 0]
        np.subtract(1, both[1], out=both[0])
        return both.T

    @available_if(_has_probabilities)
    def predict_log_proba(self, X):
        """The logarithm of `predict_proba`."""
        return super().predict_log_proba(X)
