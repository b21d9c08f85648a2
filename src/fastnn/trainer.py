"""Training, evaluation and prediction."""

import math
import time
from collections.abc import Iterable

import numpy as np

from fastnn import scoring
from fastnn._ahead import AugmentedArrays
from fastnn._settings import count
from fastnn.callbacks import Callback, StopTraining
from fastnn.history import History
from fastnn.losses import Loss, as_loss
from fastnn.optim import Optimizer, as_optimizer
from fastnn.program import Program, prepare_data
from fastnn.progress import Progress
from fastnn.schedules import as_schedule

# Seconds after which the engine comes back to Python: progress, callbacks, Ctrl-C.
_BUDGET = 0.05
# Steps whose learning rates are worked out at once.
_CHUNK = 4096
# Rows of a batch of evaluation.
_EVALUATION_ROWS = 512


class Trainer:
    """Trains a model.

    Parameters
    ----------
    model : Layer
        A `Sequential`, or any layer.
    loss : Loss or str
        Or its name: "cross_entropy", "mse", ...
    optimizer : Optimizer or str
        Or its name, with its defaults: "adam", "sgd", ...
    schedule : schedule, optional
        Learning rates by step (see `fastnn.schedules`); without one, the optimizer's `lr`.
    metrics : sequence of str or callable
        More numbers for each validation: names of `fastnn.scoring.METRICS`, or functions
        ``(targets, outputs) -> float``. Accuracy is always there where targets are classes.
    callbacks : sequence of Callback
    seed : int
        Of the order of samples and of dropout. The same seed gives the same bits, on any number
        of threads.

    Attributes
    ----------
    history : History
        Of the last `fit`.

    Examples
    --------
    >>> import fastnn
    >>> data = fastnn.data.load_digits()
    >>> model = fastnn.Sequential(fastnn.Linear(64, 32), fastnn.ReLU(), fastnn.Linear(32, 10))
    >>> trainer = fastnn.Trainer(model, fastnn.CrossEntropyLoss(), fastnn.Adam(lr=0.01))
    >>> history = trainer.fit(data.x_train, data.y_train, epochs=5, batch_size=32, progress=False)
    >>> trainer.evaluate(data.x_test, data.y_test)["accuracy"] > 0.9
    True
    """

    def __init__(self, model, loss, optimizer, *, schedule=None, metrics=(), callbacks=(), seed=0):
        self.model = model
        self.loss: Loss = as_loss(loss)
        self.optimizer: Optimizer = as_optimizer(optimizer)
        self.schedule = as_schedule(schedule if schedule is not None else self.optimizer.lr)
        self._follows_optimizer = schedule is None
        self.metrics = scoring.resolve_metrics(metrics)
        self.callbacks: list[Callback] = list(callbacks)
        for i, callback in enumerate(self.callbacks):
            if not isinstance(callback, Callback):
                raise TypeError(f"callbacks[{i}]: expected a Callback, got {callback!r}")
        self.seed = seed
        self.rng = np.random.default_rng(seed)
        self.history = History()
        self._program: Program | None = None
        self._evaluation: Program | None = None

    # -- training -----------------------------------------------------------------------------

    def fit(
        self,
        x,
        y=None,
        *,
        epochs: int,
        batch_size: int | None = 32,
        validation: tuple | None = None,
        sample_weight=None,
        shuffle: bool = True,
        augment=None,
        progress: bool = True,
    ) -> History:
        """Train for some epochs.

        Parameters
        ----------
        x : array of shape (N, ...) or iterable of batches
            Inputs of the model's dtype, or uint8 pixels, which stay uint8 in memory and are
            scaled to [0, 1] batch by batch. A memory-mapped array is never read whole. An
            iterable gives ``(x, y)`` or ``(x, y, sample_weight)``, anew in each epoch; then `y`
            and `sample_weight` are None and `batch_size` and `shuffle` have no meaning.
        y : array
            Targets as the loss takes them: integer classes, or values. Of sequences a class for
            each step, (N, T), or values.
        epochs : int
            How often to go through the data.
        batch_size : int or None
            Samples for each step; the last batch of an epoch takes what is left. 1 is stochastic
            descent, None full-batch descent.
        validation : (x, y) or (x, y, sample_weight), optional
            Evaluated after every epoch.
        sample_weight : array of shape (N,), optional
            Finite, at least 0. Where each step of a sequence counts, (N, T) as well.
        shuffle : bool
            Whether each epoch takes the samples in a new order. False for stateful models, whose
            batches, those of `validation` too, are consecutive parts of the same streams.
        augment : callable, optional
            Makes the inputs of each epoch anew, ahead of training, on a thread of its own: a
            `fastnn.data.Augment`, or any function of ``(x, *, index, epoch, dtype)`` that
            returns samples `index` of `x`, changed as it likes, of that dtype, which is the
            model's, or of uint8. `epoch` is another number in each epoch. Not with iterables.
        progress : bool
            Whether to show a progress bar.

        Returns
        -------
        History

        Raises
        ------
        TypeError, ValueError
            If data doesn't fit the model or the loss. Nothing is changed then.
        KeyboardInterrupt
            Ctrl-C ends training within a second: the model keeps what it has learned, and the
            epochs so far are in ``trainer.history``.
        """
        epochs = count("epochs", epochs, 0)
        if shuffle and self.model.stateful and isinstance(x, np.ndarray):
            raise ValueError("shuffle: expected False for a stateful model, got True")
        source = self._source(x, y, batch_size, sample_weight, shuffle, augment, epochs)
        if validation is not None:
            if not isinstance(validation, tuple | list) or len(validation) not in (2, 3):
                raise TypeError("validation: expected (x, y) or (x, y, sample_weight)")
            _check_some("validation", prepare_data(self.model, self.loss, *validation)[0])
        if self._follows_optimizer:
            self.schedule = as_schedule(self.optimizer.lr)
        self.history = History()
        try:
            with Progress(epochs, source.steps, progress) as bar:
                for callback in self.callbacks:
                    callback.on_fit_begin(self)
                for epoch in range(1, epochs + 1):
                    self._epoch(epoch, source, validation, bar)
        except StopTraining as stop:
            self.history.stopped = str(stop)
        except KeyboardInterrupt:
            self.history.stopped = "interrupted"
            raise
        finally:
            source.release(self)
            for callback in self.callbacks:
                callback.on_fit_end(self)
        return self.history

    def _source(self, x, y, batch_size, sample_weight, shuffle, augment, epochs):
        if isinstance(x, np.ndarray):
            arrays = prepare_data(self.model, self.loss, x, y, sample_weight)
            _check_some("x", x)
            if batch_size is None:
                batch_size = len(x)
            size = min(count("batch_size", batch_size), len(x))
            if augment is not None:
                dtype = self.model.dtype
                if self.model.input_dtype != dtype or self.model.stateful:
                    kind = "stateful model" if self.model.stateful else "model of indices"
                    raise ValueError(f"augment: expected None for a {kind}")
                return AugmentedArrays(arrays, size, shuffle, augment, epochs, dtype)
            return _Arrays(arrays, size, shuffle)
        if not isinstance(x, Iterable):
            raise TypeError(
                f"x: expected a NumPy array or an iterable of batches, got {type(x).__name__}"
            )
        for name, value in {"y": y, "sample_weight": sample_weight, "augment": augment}.items():
            if value is not None:
                raise TypeError(f"{name}: expected None with an iterable of batches")
        if epochs > 1 and iter(x) is x:
            raise ValueError(
                "x: expected an iterable that begins anew in each epoch, got an iterator; "
                "give a list, or an object whose __iter__ makes a new generator"
            )
        return _Batches(x)

    def _epoch(self, epoch: int, source, validation, bar: Progress) -> None:
        begin = time.perf_counter()
        loss = weight = 0.0
        bar.epoch(epoch)
        for done, part, part_weight in source.run(self):
            loss += part
            weight += part_weight
            bar.advance(done, loss / weight if weight else 0.0)
        lr = float(self.schedule(max(0, self.optimizer.steps - 1)))
        record = {"epoch": epoch, "loss": loss / weight if weight else 0.0, "lr": lr}
        if validation is not None:
            scores, _ = self._scores(*validation, batch_size=self._evaluation_rows(source))
            record |= {f"val_{name}": value for name, value in scores.items()}
        record["seconds"] = time.perf_counter() - begin
        self.schedule.update(record.get("val_loss", record["loss"]))
        self.history.append(record)
        bar.end_epoch(record)
        stop = None
        for callback in self.callbacks:
            try:
                callback.on_epoch_end(self, record)
            except StopTraining as reason:
                stop = stop or reason  # the other callbacks are told about the epoch as well
        if stop is not None:
            raise stop

    def _evaluation_rows(self, source) -> int:
        # The state of a stateful model goes on from a batch to the next of the same size.
        return source.largest if self.model.stateful else _EVALUATION_ROWS

    def _prepare(self, x, target, weight, batch_size: int) -> Program:
        self._program = self._compiled(self._program, self.optimizer, x, target, weight, batch_size)
        return self._program

    def _compiled(self, program, optimizer, x, target, weight, batch_size: int) -> Program:
        # The program at hand if it fits, or a new one; bound to these arrays.
        kind = {
            "shape": x.shape[1:],
            "target": target,
            "weighted": weight is not None,
            "batch_size": batch_size,
        }
        if program is None or not program.fits(self.loss, optimizer, **kind):
            program = Program(self.model, self.loss, optimizer, **kind, seed=self.seed)
        program.bind(x, target, weight)
        return program

    def _steps(self, program: Program, total: int, batch_size: int, order):
        # Run through `total` rows, coming back every now and then.
        program.check_rows(total, batch_size)
        on_step = [c for c in self.callbacks if type(c).on_step is not Callback.on_step]
        chunk = 1 if on_step else _CHUNK
        losses = np.empty(chunk)
        first = 0
        while first < total:
            ahead = min(chunk, -(-(total - first) // batch_size))
            step = self.optimizer.steps
            lr = np.ascontiguousarray(self.schedule(np.arange(step, step + ahead)), np.float64)
            done, loss, weight = program.steps(total, batch_size, first, order, lr, losses, _BUDGET)
            first += done * batch_size
            for callback in on_step:
                callback.on_step(self, self.optimizer.steps, float(losses[0]))
            yield done, loss, weight

    # -- evaluation ---------------------------------------------------------------------------

    def evaluate(self, x, y, sample_weight=None, *, batch_size: int = _EVALUATION_ROWS) -> dict:
        """Loss and metrics on a data set.

        Parameters
        ----------
        x, y, sample_weight
            As in `fit`.
        batch_size : int
            How many samples to take at a time. Changes nothing but for stateful models, whose
            batches go on where the one before ended.

        Returns
        -------
        dict
            ``loss``; where targets are classes (integers, or one-hot rows) all that
            `fastnn.metrics.classification_metrics` gives: ``accuracy``, precision, recall and F1
            by class and averaged, ``confusion_matrix``; for other targets ``r2``; and what
            `metrics` asked for.
        """
        batch_size = count("batch_size", batch_size)
        scores, outputs = self._scores(x, y, sample_weight, batch_size=batch_size)
        return scores | scoring.details(self.loss, y, outputs)

    def predict(self, x) -> np.ndarray:
        """The model's outputs for `x`."""
        return self.model.predict(x)

    def _scores(self, x, y, sample_weight=None, *, batch_size) -> tuple[dict, np.ndarray]:
        # The loss and the metrics that are one number, and the outputs.
        x, target, weight = prepare_data(self.model, self.loss, x, y, sample_weight)
        _check_some("x", x)
        rows = min(len(x), batch_size)
        program = self._compiled(self._evaluation, None, x, target, weight, rows)
        self._evaluation = program
        program.reset_state()
        outputs = np.empty((len(x), *program.output.shape), self.model.dtype)
        total = total_weight = 0.0
        for first in range(0, len(x), rows):
            part = min(rows, len(x) - first)
            outputs[first : first + part], loss, weight_sum = program.evaluate(first, part)
            total += loss * weight_sum
            total_weight += weight_sum
        program.release()
        scores = {"loss": total / total_weight if total_weight else math.nan}
        scores |= scoring.scores(self.loss, self.metrics, y, outputs)
        return scores, outputs


def _check_some(name: str, x) -> None:
    if len(x) == 0:
        raise ValueError(f"{name}: expected at least one sample, got none")


class _Arrays:
    """Batches out of arrays in memory or memory-mapped."""

    def __init__(self, arrays: tuple, batch_size: int, shuffle: bool):
        self.arrays, self.batch_size, self.shuffle = arrays, batch_size, shuffle
        self.largest = batch_size
        self.total = len(arrays[0])
        self.steps = -(-self.total // batch_size)

    def run(self, trainer: Trainer):
        program = trainer._prepare(*self.arrays, self.batch_size)
        program.reset_state()
        order = trainer.rng.permutation(self.total) if self.shuffle else None
        yield from trainer._steps(program, self.total, self.batch_size, order)

    def release(self, trainer: Trainer) -> None:
        if trainer._program is not None:
            trainer._program.release()


class _Batches:
    """Batches that somebody else makes."""

    steps = None  # nobody knows how many there will be

    def __init__(self, batches: Iterable):
        self.batches = batches
        self.largest = 0

    def run(self, trainer: Trainer):
        empty, first = True, None
        for batch in self.batches:
            if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
                raise TypeError(
                    "x: expected batches (x, y) or (x, y, sample_weight), "
                    f"got {type(batch).__name__}"
                )
            arrays = prepare_data(trainer.model, trainer.loss, *batch)
            rows = len(arrays[0])
            if rows == 0:
                continue
            first = first or arrays[0].shape
            if trainer.model.stateful and (arrays[0].shape[1:] != first[1:] or rows > first[0]):
                raise ValueError(
                    f"x: expected batches of shape {first}, the first one's, or fewer rows, as a "
                    f"stateful model goes on where the one before ended; got {arrays[0].shape}"
                )
            self.largest = max(self.largest, rows)
            program = trainer._prepare(*arrays, self.largest)
            if empty:
                program.reset_state()
            empty = False
            yield from trainer._steps(program, rows, rows, None)
        if empty:
            raise ValueError("x: expected at least one batch with samples, got none")

    release = _Arrays.release
