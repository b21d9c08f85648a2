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
        self._program = None
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

    def begin(self, data: Data, held: Data | None, batch_size: int) -> None:
        """Have programs for these data, those at hand if they fit."""
        self._data, self._held, self._rows = data, held, batch_size
        self.capacity = max(self.capacity, batch_size)
        kind = data.kind | {"batch_size": self.capacity}
        program = self._program
        if program is None or not program.fits(self.loss, self.optimizer, **kind):
            program = Program(self.model, self.loss, self.optimizer, **kind, seed=self._seed)
        program.check_rows(data.rows, batch_size)
        data.bind(program)
        steps = -(-data.rows // batch_size)
        self._program, self._losses, self._rates = program, np.empty(steps), np.empty(steps)
        self._counts = np.full(steps, float(batch_size))
        self._counts[-1] = data.rows - (steps - 1) * batch_size
        if held is not None:
            size = min(held.rows, _EVALUATION_ROWS)
            self._evaluation = Program(self.model, self.loss, None, **held.kind, batch_size=size)
            held.bind(self._evaluation)
            self._outputs = np.empty(held.y.shape, self.model.dtype)

    def end(self) -> None:
        """Let go of the data."""
        self._program.release()
        self._data = self._held = self._evaluation = self._outputs = None

    def epoch(self, order, lr: float, bar: Progress) -> np.float64:
        """Go through the data once. Returns the mean of the batches' losses, as they were met,
        each counted by its rows."""
        program, size, losses, rates = self._program, self._rows, self._losses, self._rates
        if self.schedule is None:
            rates.fill(lr)
        else:
            first = self.optimizer.steps
            rates[...] = self.schedule(np.arange(first, first + len(rates)))
        done = 0
        for rows, part in self._data.parts(program, order, size):
            first = 0
            while first < rows:
                ahead = slice(done, done + 1 if self._on_step else None)
                count, _, _ = program.steps(
                    rows, size, first, part, rates[ahead], losses[ahead], _BUDGET
                )
                first += count * size
                done += count
                bar.advance(count, losses[done - 1])
                for callback in self._on_step:
                    callback.on_step(self, self.optimizer.steps, float(losses[done - 1]))
        return losses @ self._counts / self._data.rows

    def evaluate(self) -> tuple[float, float]:
        """(loss, score) of the validation data. The loss is that of the outputs alone, without
        penalties; scores are accuracy, or R^2."""
        held, program, outputs = self._held, self._evaluation, self._outputs
        size, end, total, total_weight = min(held.rows, _EVALUATION_ROWS), 0, 0.0, 0.0
        for rows, _ in held.parts(program, None, size):
            for first in range(0, rows, size):
                count = min(size, rows - first)
                outputs[end : end + count], loss, weight = program.evaluate(first, count)
                total += loss * weight
                total_weight += weight
                end += count
        loss = total / total_weight if total_weight else np.nan
        return loss, score(self.task, outputs, held.y, held.weight)


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
