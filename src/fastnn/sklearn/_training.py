"""Epochs in compiled programs, and the optimizer that goes on from one fit to the next."""

import copy

import numpy as np

from fastnn.callbacks import Callback
from fastnn.history import History
from fastnn.program import Program
from fastnn.progress import Progress
from fastnn.schedules import as_schedule
from fastnn.sklearn import _solvers
from fastnn.sklearn._data import Data
from fastnn.sklearn._network import Network
from fastnn.sklearn._scores import score

# Seconds after which the engine comes back to Python, for the progress bar and Ctrl-C.
_BUDGET = 0.05
# Rows of a batch of evaluation.
_EVALUATION_ROWS = 512


class Training:
    """A fit under way, as far as it goes on from one `partial_fit` to the next.

    Callbacks are told of it as of a `Trainer`.

    Attributes
    ----------
    estimator : MLPClassifier or MLPRegressor
        As long as it is fitted: nothing here keeps it alive.
    model : Sequential
        Up to the logits of classes, or the values.
    loss : Loss
    optimizer : Optimizer
    schedule : schedule or None
    history : History
        Of this fit.
    callbacks : list of Callback
    """

    def __init__(self, estimator, model, task):
        self.estimator = None
        self.model, self.task, self.loss = model, task, task.loss
        self.optimizer = _solvers.make_optimizer(estimator)
        self.alpha, self.capacity = estimator.alpha, 0
        self.history = History()
        self.schedule = None
        if estimator.schedule is not None:
            self.schedule = as_schedule(copy.deepcopy(estimator.schedule))
        self.callbacks = list(estimator.callbacks or ())
        self._on_step = [c for c in self.callbacks if type(c).on_step is not Callback.on_step]
        self._program = self._evaluation = None
        # Drawn only where it is needed: all else comes from the same stream.
        self._seed = 0
        if any(np.ravel(estimator.dropout)):
            self._seed = int(estimator._random_state.randint(2**31 - 1))

    def serves(self, estimator, flat) -> bool:
        """Whether a `partial_fit` can go on with it."""
        return (
            self.optimizer.serves(flat)
            and self.alpha == estimator.alpha
            and self.callbacks == list(estimator.callbacks or ())
        )

    def compile(self, data: Data, batch_size: int) -> None:
        """Have a program for batches of these data, the one at hand if it fits."""
        self.capacity = max(self.capacity, batch_size)
        kind = {
            "shape": (data.x.shape[1],),
            "target": data.target,
            "weighted": data.weight is not None,
            "batch_size": self.capacity,
        }
        program = self._program
        if program is None or not program.fits(self.loss, self.optimizer, **kind):
            program = Program(self.model, self.loss, self.optimizer, **kind, seed=self._seed)
        program.check_rows(data.rows, batch_size)
        self._program = program

    def epoch(self, data: Data, order, batch_size: int, lr: float, bar: Progress) -> float:
        """Go through the data once. Returns the mean of the batches' losses, as they were met,
        each counted by its rows."""
        program, done = self._program, 0
        steps = -(-data.rows // batch_size)
        losses = np.empty(steps)
        if self.schedule is None:
            rates = np.full(steps, lr)
        else:
            first = self.optimizer.steps
            rates = np.ascontiguousarray(self.schedule(np.arange(first, first + steps)), np.float64)
        try:
            for rows, part in data.parts(program, order, batch_size):
                first = 0
                while first < rows:
                    ahead = slice(done, done + 1 if self._on_step else None)
                    count, _, _ = program.steps(
                        rows, batch_size, first, part, rates[ahead], losses[ahead], _BUDGET
                    )
                    first += count * batch_size
                    done += count
                    bar.advance(count, losses[done - 1])
                    for callback in self._on_step:
                        callback.on_step(self, self.optimizer.steps, float(losses[done - 1]))
        finally:
            program.release()
        losses[:-1] *= batch_size
        losses[-1] *= data.rows - (steps - 1) * batch_size
        return float(losses.sum() / data.rows)

    def evaluate(self, data: Data) -> tuple[float, float]:
        """(loss, score) of data. The loss is that of the outputs alone, without penalties; scores
        are accuracy, or R^2."""
        size = min(data.rows, _EVALUATION_ROWS)
        kind = {
            "shape": (data.x.shape[1],),
            "target": data.target,
            "weighted": data.weight is not None,
            "batch_size": size,
        }
        program = self._evaluation
        if program is None or not program.fits(self.loss, None, **kind):
            program = self._evaluation = Program(self.model, self.loss, None, **kind)
        outputs = np.empty(data.y.shape, self.model.dtype)
        total = total_weight = 0.0
        end = 0
        for rows, _ in data.parts(program, None, size):
            for first in range(0, rows, size):
                count = min(size, rows - first)
                outputs[end : end + count], loss, weight = program.evaluate(first, count)
                total += loss * weight
                total_weight += weight
                end += count
        program.release()
        loss = total / total_weight if total_weight else np.nan
        return loss, score(self.task, outputs, data.y, data.weight)


def prepare(estimator, incremental: bool) -> Training:
    """The training of an estimator that is initialised: the one at hand for `partial_fit`, where
    it fits, else a new one, which goes on with the state of the optimizer."""
    network = estimator._net
    cold = not (incremental or estimator.warm_start)
    if cold or network is None or not network.suits(estimator):
        network = Network(estimator)
    kept, flat = network.training, network.take(estimator)
    if incremental and kept is not None and kept.serves(estimator, flat):
        return kept
    training = Training(estimator, network.model, estimator._task(network.dtype))
    training.optimizer.bind(flat)
    state = estimator._solver_state() if incremental else None
    if state is not None and state.keys() == training.optimizer.state_dict().keys():
        training.optimizer.load_state_dict(state, network.model)
    if not incremental or not hasattr(estimator, "_optimizer"):
        estimator._optimizer = _solvers.make_rates(estimator, training.optimizer.lr)
    network.training, estimator._net = training, network
    return training
