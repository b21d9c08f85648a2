"""The regressor."""

from fastnn.sklearn import _original
from fastnn.sklearn._losses import Task, regression
from fastnn.sklearn._parameters import CONSTRAINTS, EXTRAS, loss_constraint, takes
from fastnn.sklearn._perceptron import Compiled


class MLPRegressor(Compiled, _original.MLPRegressor):
    """scikit-learn's ``MLPRegressor``, trained and run by fastnn.

    A subclass of ``sklearn.neural_network.MLPRegressor`` with its parameters, attributes, methods,
    warnings and errors. What follows is what it has beyond them; the defaults change nothing.

    Parameters
    ----------
    loss : str, fastnn.Loss or callable
        "squared_error" and "poisson" are scikit-learn's. "mse", "l1", "huber", or such an object,
        are fastnn's, means over the outputs. A callable is given ``(y_true, y_pred)``, arrays
        (N, outputs), and returns ``(value, gradient)``, the mean over the batch and its gradient by
        `y_pred`; where samples have weights it gets them as ``sample_weight=``.
        ``out_activation_`` is "identity" but for "poisson", whose is "exp".
    activation : str or sequence of str
        scikit-learn's names, or any pointwise activation of fastnn's ("gelu", "leaky_relu", ...);
        a sequence has one for each hidden layer. Initial values are Glorot's.
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
    >>> from fastnn.sklearn import MLPRegressor
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.preprocessing import scale
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = MLPRegressor("huber", learning_rate_init=0.01, max_iter=500, random_state=0)
    >>> model.fit(scale(X), scale(y)).score(scale(X), scale(y)) > 0.6
    True
    """

    _parameter_constraints = {  # noqa: RUF012 - scikit-learn's name for a table of the class
        **_original.MLPRegressor._parameter_constraints,
        **CONSTRAINTS,
        "loss": loss_constraint("squared_error", "poisson"),
    }

    @takes(_original.MLPRegressor, EXTRAS)
    def __init__(self, **parameters):
        extras = {name: parameters.pop(name) for name in EXTRAS}
        super().__init__(**parameters)
        vars(self).update(extras)

    def _task(self, dtype) -> Task:
        return regression(self.loss, self.n_outputs_)

    def _checked_input(self, X, y, incremental, reset):
        X, y = super()._checked_input(X, y, incremental, reset)
        if y.dtype.kind not in "biuf":  # strings pass scikit-learn's check, and fail later
            raise TypeError(f"y: expected numbers, got {y.dtype}")
        return X, y

    def predict(self, X):
        """The value, or values, of each sample.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples,) or (n_samples, n_outputs)
        """
        outputs = self._at_once(X)
        if outputs is None:
            return super().predict(X)
        return outputs.ravel() if outputs.shape[1] == 1 else outputs
