"""Finding a learning rate."""

import copy
import math
from dataclasses import dataclass

import numpy as np

from fastnn._plots import new_figure
from fastnn._settings import DECAY, POSITIVE, count, number
from fastnn.callbacks import Callback, StopTraining
from fastnn.inspection._unchanged import unchanged
from fastnn.trainer import Trainer

ABOVE = "a number above 1", lambda v: v > 1


@dataclass(frozen=True)
class RateCurve:
    """Losses by learning rate.

    Attributes
    ----------
    rates, losses, smoothed : array
        Of each step: its rate, its batch's loss, and a running mean of the losses.
    suggestion : float
        A tenth of the rate at which the running mean was lowest: large, but with a margin to
        where training becomes unstable.
    steepest : float
        The rate at which the running mean fell most by the logarithm of the rate; smaller as a
        rule, and noisier.

    Examples
    --------
    >>> rates, losses = np.array([1e-3, 1e-2, 1e-1, 1]), np.array([2.0, 1.9, 1.0, 5.0])
    >>> RateCurve(rates, losses, losses).suggestion
    0.01
    """

    rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray

    @property
    def suggestion(self) -> float:
        return float(self.rates[self.smoothed.argmin()]) / 10

    @property
    def steepest(self) -> float:
        end = max(2, int(self.smoothed.argmin()) + 1)
        slope = np.gradient(self.smoothed[:end], np.log(self.rates[:end]))
        return float(self.rates[slope.argmin()])

    def plot(self, path=None):
        """Draw losses against rates.

        Parameters
        ----------
        path : path, optional
            Where to write the picture; its ending gives the format.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ImportError
            Without matplotlib (``pip install fastnn[plot]``).
        """
        figure = new_figure(figsize=(5, 3.6))
        axes = figure.subplots()
        axes.semilogx(self.rates, self.losses, color="0.8", label="batches")
        axes.semilogx(self.rates, self.smoothed, label="running mean")
        axes.axvline(self.suggestion, color="C1", linestyle="--", label=f"{self.suggestion:.2g}")
        low = self.smoothed.min()
        axes.set_ylim(low - 0.1 * abs(low), 1.2 * self.smoothed[0])
        axes.set(xlabel="learning rate", ylabel="loss")
        axes.grid(alpha=0.3)
        axes.legend()
        if path is not None:
            figure.savefig(path, dpi=150)
        return figure


def find_lr(
    trainer: Trainer,
    x,
    y,
    *,
    start: float = 1e-6,
    end: float = 10.0,
    steps: int = 200,
    batch_size: int = 32,
    sample_weight=None,
    smoothing: float = 0.9,
    diverged: float = 4.0,
) -> RateCurve:
    """Train for some steps while the learning rate grows, and see where the loss falls.

    L. N. Smith, Cyclical learning rates for training neural networks, 2017; here the rate grows
    by a factor instead of a summand. The trainer, its model, optimizer and random generator are
    afterwards what they were, to the bit.

    Parameters
    ----------
    trainer : Trainer
        Whose model, loss and kind of optimizer are tried. The trial begins with the model's
        weights and a new state of the optimizer; schedule and callbacks have no part in it.
    x, y, sample_weight
        As for `Trainer.fit`; arrays are gone through as often as it takes.
    start, end : float
        The first rate and the last, both above 0.
    steps : int
        From one to the other, at least 2.
    batch_size : int
    smoothing : float
        Of the running mean ``m = smoothing * m + (1 - smoothing) * loss``, with Adam's correction
        of its beginning, in [0, 1).
    diverged : float
        The trial ends early where the running mean has grown to so many times its lowest, or is
        no number; above 1.

    Returns
    -------
    RateCurve

    Raises
    ------
    TypeError, ValueError
        As `Trainer.fit`, or if a setting is out of range.

    Examples
    --------
    >>> import fastnn
    >>> data = fastnn.data.load_digits()
    >>> model = fastnn.Sequential(fastnn.Linear(64, 32), fastnn.ReLU(), fastnn.Linear(32, 10))
    >>> trainer = fastnn.Trainer(model, "cross_entropy", "adam")
    >>> curve = find_lr(trainer, data.x_train, data.y_train)
    >>> 1e-3 < curve.suggestion < 0.1
    True
    """
    start, end = number("start", start, POSITIVE), number("end", end, POSITIVE)
    if not start < end:
        raise ValueError(f"end: expected a rate above start = {start:g}, got {end:g}")
    count("steps", steps, 2)
    ramp = start * (end / start) ** (np.arange(steps) / (steps - 1))
    smoothing, diverged = number("smoothing", smoothing, DECAY), number("diverged", diverged, ABOVE)
    record = _Record(ramp, smoothing, diverged)
    trial = Trainer(
        trainer.model,
        trainer.loss,
        _fresh(trainer.optimizer),
        schedule=lambda step: np.take(ramp, step, mode="clip"),
        callbacks=[record],
        seed=trainer.seed,
    )
    fit = {"batch_size": batch_size, "sample_weight": sample_weight, "progress": False}
    with unchanged(trainer.model):
        trial.fit(x, y, epochs=steps, **fit)  # no more than that, and the record ends it
    if not record.losses:
        raise ValueError("loss: expected a finite number in the first step, got none")
    done = len(record.losses)
    return RateCurve(ramp[:done], np.array(record.losses), np.array(record.smoothed))


class _Record(Callback):
    """Losses of the steps of a trial, which it ends."""

    def __init__(self, rates, smoothing, diverged):
        self.rates, self.smoothing, self.diverged = rates, smoothing, diverged
        self.losses: list[float] = []
        self.smoothed: list[float] = []
        self._mean = 0.0

    def on_step(self, trainer, step, loss):
        self._mean = self.smoothing * self._mean + (1 - self.smoothing) * loss
        mean = self._mean / (1 - self.smoothing**step)
        lowest = min(self.smoothed, default=math.inf)
        if not mean <= lowest + (self.diverged - 1) * abs(lowest):  # NaN neither
            raise StopTraining("diverged")
        self.losses.append(loss)
        self.smoothed.append(mean)
        if len(self.losses) == len(self.rates):
            raise StopTraining("done")


def _fresh(optimizer):
    """An optimizer of the same settings, with no state and no parameters yet."""
    fresh = copy.copy(optimizer)
    fresh._flat = None  # so that it makes a state of its own
    return fresh
