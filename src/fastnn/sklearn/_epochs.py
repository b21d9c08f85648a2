"""The epochs of a fit: what an estimator keeps of each, and when they end."""

import time
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from fastnn.callbacks import StopTraining
from fastnn.history import History
from fastnn.progress import Progress
from fastnn.sklearn import _solvers
from fastnn.sklearn._data import Data, batch_rows, split
from fastnn.sklearn._training import Training, prepare


def fit_stochastic(estimator, X, y, sample_weight, incremental: bool, given) -> None:
    """Train an estimator by descent, one epoch where it is `partial_fit`."""
    if estimator.early_stopping and incremental:
        raise ValueError("partial_fit does not support early_stopping=True")
    train, validation = split(estimator, X, y, sample_weight, given)
    training = prepare(estimator, incremental)
    task, dtype = training.task, training.model.dtype
    data = Data.of(*train, task, dtype)
    size = batch_rows(estimator, data.rows)
    held = None if validation is None else Data.of(*validation, task, dtype)
    training.begin(data, held, size)
    training.estimator = estimator
    try:
        count, steps = 1 if incremental else estimator.max_iter, -(-data.rows // size)
        Epochs(estimator, training, data.rows, held is not None).run(count, steps, incremental)
    finally:
        training.end()
        training.estimator = None


class Epochs:
    """The loop over epochs: what an estimator keeps of each, and when it ends."""

    def __init__(self, estimator, training: Training, rows: int, validates: bool):
        self.estimator, self.training = estimator, training
        self.rows, self.validates = rows, validates
        self.best = None  # the values with the best score

    def run(self, count: int, steps: int, incremental: bool) -> None:
        est, training = self.estimator, self.training
        est.n_iter_ = 0
        if est.early_stopping:
            self.best = est._net.copy_values()
            if est.best_validation_score_ is None:  # a warm start of a fit without
                est.best_validation_score_, est.best_loss_ = -np.inf, None
        elif est.best_loss_ is None:
            est.best_loss_ = np.inf
        if self.validates:
            est.validation_loss_curve_ = est.validation_loss_curve_ or []
            est.validation_scores_ = est.validation_scores_ or []
        order = np.arange(self.rows)
        training.history = History()
        with Progress(count, steps, est.progress) as bar:
            try:
                for callback in training.callbacks:
                    callback.on_fit_begin(training)
                while est.n_iter_ < count:
                    if est.shuffle:
                        order = order[_shuffled(est._random_state, len(order))]
                    bar.epoch(est.n_iter_ + 1)
                    if self._epoch(order if est.shuffle else None, bar):
                        break
                else:
                    if not incremental:
                        warnings.warn(
                            f"Stochastic Optimizer: Maximum iterations ({est.max_iter}) "
                            "reached and the optimization hasn't converged yet.",
                            ConvergenceWarning,
                            stacklevel=2,
                        )
            except StopTraining as stop:
                training.history.stopped = str(stop)
            except KeyboardInterrupt:
                training.history.stopped = "interrupted"
                warnings.warn("Training interrupted by user.", stacklevel=2)
            finally:
                for callback in training.callbacks:
                    callback.on_fit_end(training)
        if self.best is not None:
            est._net.restore(self.best)

    def _epoch(self, order, bar: Progress) -> bool:
        """One epoch; whether it was the last."""
        est, training, rates = self.estimator, self.training, self.estimator._optimizer
        begin, lr = time.perf_counter(), rates.learning_rate
        loss = training.epoch(order, lr, bar)
        est.n_iter_ += 1
        est.loss_ = loss
        est.t_ += self.rows
        est.loss_curve_.append(loss)
        if est.verbose:
            print(f"Iteration {est.n_iter_}, loss = {loss:.8f}")
        record = {"epoch": est.n_iter_, "loss": loss, "lr": lr}
        if training.schedule is not None:
            record["lr"] = float(training.schedule(max(0, training.optimizer.steps - 1)))
        if self.validates:
            record |= self._validate()
        record["seconds"] = time.perf_counter() - begin
        if training.schedule is not None:
            training.schedule.update(record.get("val_loss", loss))
        self._count_improvement()
        rates.iteration_ends(est.t_)
        last = est._no_improvement_count > est.n_iter_no_change and self._gives_up(rates)
        if rates.learning_rate != lr:
            factor = lr / rates.learning_rate
            _solvers.rescale_velocity(training.optimizer, training.model, factor)
        training.history.append(record)
        bar.end_epoch(record)
        self._tell(record)
        return last

    def _tell(self, record: dict) -> None:
        stop = None
        for callback in self.training.callbacks:
            try:
                callback.on_epoch_end(self.training, record)
            except StopTraining as reason:
                stop = stop or reason  # the others are told about the epoch as well
        if stop is not None:
            raise stop

    def _validate(self) -> dict:
        est = self.estimator
        loss, value = self.training.evaluate()
        est.validation_loss_curve_.append(loss)
        est.validation_scores_.append(value)
        if est.verbose:
            print(f"Validation score: {value:f}")
        return {"val_loss": loss, "val_score": value}

    def _count_improvement(self) -> None:
        """Follow scikit-learn's count of epochs without improvement, and keep the best values."""
        est = self.estimator
        if est.early_stopping:
            value = est.validation_scores_[-1]
            worse = value < est.best_validation_score_ + est.tol
            if value > est.best_validation_score_:
                est.best_validation_score_ = value
                self.best = est._net.copy_values()
        else:
            worse = est.loss_ > est.best_loss_ - est.tol
            if est.loss_ < est.best_loss_:
                est.best_loss_ = est.loss_
        est._no_improvement_count = est._no_improvement_count + 1 if worse else 0

    def _gives_up(self, rates) -> bool:
        """Whether training ends for want of improvement. If not, the learning rate is lower."""
        est = self.estimator
        what = "Validation score" if est.early_stopping else "Training loss"
        message = (
            f"{what} did not improve more than tol={est.tol:f} for "
            f"{est.n_iter_no_change} consecutive epochs."
        )
        if rates.trigger_stopping(message, est.verbose):
            return True
        est._no_improvement_count = 0
        return False


def _shuffled(random_state, n: int) -> np.ndarray:
    # The draw that `sklearn.utils.shuffle` makes.
    index = np.arange(n)
    random_state.shuffle(index)
    return index
