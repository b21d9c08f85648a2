"""The schedule that watches a metric."""

import math
from dataclasses import dataclass, field

import numpy as np

from fastnn._schedule import Schedule
from fastnn._settings import between, count


@dataclass
class ReduceOnPlateau(Schedule):
    """The rate times factor when a metric has stopped getting better.

    :meth:`update` is to be called once an epoch; between the calls the rate is the same at
    every step. After more than patience epochs in a row that are not better than the best one,
    the rate becomes ``max(lr * factor, min_lr)`` and waits ``cooldown`` epochs before it
    counts again. Better is ``metric < best - threshold * |best|`` (or, for the mode "max",
    ``metric > best + threshold * |best|``); NaN and infinity never are.

    Parameters
    ----------
    lr : float
        The rate to begin with.
    factor : float
        0 < factor < 1.
    patience, cooldown : int
        Epochs, 0 or more.
    threshold : float
        By what fraction a metric must be better to count, 0 or above.
    min_lr : float
        0 <= min_lr <= lr.
    mode : {"min", "max"}
        Whether a better metric is a lower one (a loss) or a higher one (an accuracy).

    Notes
    -----
    PyTorch's ``ReduceLROnPlateau`` with ``threshold_mode="rel"``, ``eps=0``. It multiplies best
    by ``1 - threshold`` even if best is negative, where this lets a worse metric pass as better.

    Examples
    --------
    >>> schedule = ReduceOnPlateau(0.1, factor=0.5, patience=1)
    >>> for loss in (1.0, 0.9, 0.9, 0.9):
    ...     schedule.update(loss)
    >>> schedule(0), schedule.state()
    (0.05, {'rate': 0.05, 'best': 0.9, 'bad_epochs': 0, 'cooldown_left': 0})
    """

    lr: float
    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    cooldown: int = 0
    min_lr: float = 0.0
    mode: str = "min"
    _state: dict = field(init=False, repr=False)

    def __post_init__(self):
        between("lr", self.lr, 0)
        between("factor", self.factor, 0, 1, open_low=True, open_high=True)
        count("patience", self.patience, 0)
        between("threshold", self.threshold, 0)
        count("cooldown", self.cooldown, 0)
        between("min_lr", self.min_lr, 0, self.lr)
        if self.mode not in ("min", "max"):
            raise ValueError(f"mode: expected 'min' or 'max', got {self.mode!r}")
        self._state = {"rate": float(self.lr), "best": None, "bad_epochs": 0, "cooldown_left": 0}

    def rates(self, steps):
        return np.full(len(steps), self._state["rate"])

    def update(self, metric):
        """Take note of an epoch's metric, and lower the rate if it is time."""
        state, metric = self._state, float(metric)
        if self._is_better(metric):
            state["best"], state["bad_epochs"] = metric, 0
        else:
            state["bad_epochs"] += 1
        if state["cooldown_left"]:
            state["cooldown_left"] -= 1
            state["bad_epochs"] = 0
        if state["bad_epochs"] > self.patience:
            state["rate"] = max(state["rate"] * self.factor, float(self.min_lr))
            state["bad_epochs"], state["cooldown_left"] = 0, self.cooldown

    def state(self):
        """Rate, best metric (None before the first), bad epochs in a row, cooldown left."""
        return dict(self._state)

    def restore(self, state):
        """Go on from what :meth:`state` returned."""
        if not isinstance(state, dict) or state.keys() != self._state.keys():
            raise ValueError(f"state: expected a dict of {', '.join(self._state)}, got {state!r}")
        between("state['rate']", state["rate"], 0)
        if state["best"] is not None:
            between("state['best']", state["best"], -math.inf)
        for name in ("bad_epochs", "cooldown_left"):
            count(f"state[{name!r}]", state[name], 0)
        self._state = dict(state)

    def _is_better(self, metric):
        best = self._state["best"]
        if best is None or not math.isfinite(metric):
            return math.isfinite(metric)
        margin = self.threshold * abs(best)
        return metric < best - margin if self.mode == "min" else metric > best + margin
