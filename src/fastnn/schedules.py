"""Learning rates that change while a net is trained.

A schedule maps the number of an optimizer step, from 0, to the rate of that step. An optimizer
step is one batch, so a length in epochs is ``epochs * ceil(N / batch_size)`` steps here, where
PyTorch's schedulers mostly count the epochs after which they are told to go on. Called on an
int64 array of steps, a schedule gives all of their rates at once, each the same bits as alone.
"""

import numbers
from dataclasses import dataclass

import numpy as np

from fastnn._plateau import ReduceOnPlateau
from fastnn._schedule import Schedule
from fastnn._settings import between, count

__all__ = [
    "Constant",
    "CosineDecay",
    "ExponentialDecay",
    "LinearDecay",
    "OneCycle",
    "ReduceOnPlateau",
    "Schedule",
    "StepDecay",
    "WarmUp",
    "as_schedule",
]


@dataclass
class Constant(Schedule):
    """The same rate at every step.

    Parameters
    ----------
    lr : float
        The rate, 0 or above.

    Examples
    --------
    >>> Constant(0.1)(1000)
    0.1
    """

    lr: float

    def __post_init__(self):
        between("lr", self.lr, 0)

    def rates(self, steps):
        return np.full(len(steps), float(self.lr))


@dataclass
class LinearDecay(Schedule):
    """A straight line down to a fraction of the rate, and constant from there.

    ``lr * (1 - a + a * floor)`` with ``a = min(step / tau, 1)``: equation 8.14 of I. Goodfellow,
    Y. Bengio, A. Courville, Deep Learning, 2016, who advise a floor of about 1 %.

    Parameters
    ----------
    lr : float
        The rate of step 0.
    tau : int
        The step from which the rate is constant.
    floor : float
        That rate as a fraction of lr, 0 <= floor <= 1. PyTorch's ``LinearLR`` calls it
        ``end_factor``.

    Examples
    --------
    >>> LinearDecay(1.0, tau=100, floor=0.5)([0, 50, 100, 200])
    array([1.  , 0.75, 0.5 , 0.5 ])
    """

    lr: float
    tau: int
    floor: float = 0.01

    def __post_init__(self):
        between("lr", self.lr, 0)
        count("tau", self.tau)
        between("floor", self.floor, 0, 1)

    def rates(self, steps):
        a = np.minimum(steps / self.tau, 1)
        return (1 - a) * self.lr + a * (self.floor * self.lr)


@dataclass
class StepDecay(Schedule):
    """The rate times gamma every so many steps: ``lr * gamma ** (step // step_size)``.

    Parameters
    ----------
    lr : float
        The rate of step 0.
    step_size : int
        How many steps a rate lasts (PyTorch's ``StepLR``: epochs).
    gamma : float
        The factor, 0 < gamma <= 1.

    Examples
    --------
    >>> StepDecay(1.0, step_size=10, gamma=0.5)([0, 9, 10, 20])
    array([1.  , 1.  , 0.5 , 0.25])
    """

    lr: float
    step_size: int
    gamma: float = 0.1

    def __post_init__(self):
        between("lr", self.lr, 0)
        count("step_size", self.step_size)
        between("gamma", self.gamma, 0, 1, open_low=True)

    def rates(self, steps):
        return self.lr * np.power(self.gamma, steps // self.step_size)


@dataclass
class ExponentialDecay(Schedule):
    """The rate times gamma at every step: ``lr * gamma ** step``.

    Parameters
    ----------
    lr : float
        The rate of step 0.
    gamma : float
        The factor, 0 < gamma <= 1. For a factor of g an epoch (PyTorch's ``ExponentialLR``)
        it is ``g ** (1 / steps_per_epoch)``.

    Examples
    --------
    >>> ExponentialDecay(1.0, gamma=0.5)([0, 1, 2])
    array([1.  , 0.5 , 0.25])
    """

    lr: float
    gamma: float

    def __post_init__(self):
        between("lr", self.lr, 0)
        between("gamma", self.gamma, 0, 1, open_low=True)

    def rates(self, steps):
        return self.lr * np.power(self.gamma, steps)


@dataclass
class CosineDecay(Schedule):
    """Half a cosine down to min_lr, and constant from there.

    ``min_lr + (lr - min_lr) / 2 * (1 + cos(pi * min(step / t_max, 1)))``: I. Loshchilov,
    F. Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, 2017, without restarts.

    Parameters
    ----------
    lr : float
        The rate of step 0.
    t_max : int
        The step from which the rate is min_lr. PyTorch's ``CosineAnnealingLR`` counts epochs
        and rises again after it.
    min_lr : float
        0 <= min_lr <= lr.

    Examples
    --------
    >>> CosineDecay(1.0, t_max=100)([0, 50, 100, 200]).round(12)
    array([1. , 0.5, 0. , 0. ])
    """

    lr: float
    t_max: int
    min_lr: float = 0.0

    def __post_init__(self):
        between("lr", self.lr, 0)
        count("t_max", self.t_max)
        between("min_lr", self.min_lr, 0, self.lr)

    def rates(self, steps):
        return _cosine(self.lr, self.min_lr, np.minimum(steps / self.t_max, 1))


@dataclass
class OneCycle(Schedule):
    """Half a cosine up to max_lr, then half a cosine down to almost nothing.

    From ``max_lr / div_factor`` up to max_lr at step ``pct_start * total_steps - 1``, and down
    to ``max_lr / div_factor / final_div_factor`` at the last step: L. N. Smith, A disciplined
    approach to neural network hyper-parameters: Part 1, 2018, in the form of PyTorch's
    ``OneCycleLR`` with cosines and two phases. Momentum is left alone, as with PyTorch's
    ``cycle_momentum=False``.

    Parameters
    ----------
    max_lr : float
        The highest rate.
    total_steps : int
        How long training lasts, 2 or more. Later steps have the last rate (PyTorch: an error).
    pct_start : float
        The fraction of the steps on the way up, 0 < pct_start < 1.
    div_factor, final_div_factor : float
        1 or above.

    Examples
    --------
    >>> OneCycle(1.0, total_steps=11, pct_start=6 / 11, div_factor=4)([0, 5, 10]).round(12)
    array([2.5e-01, 1.0e+00, 2.5e-05])
    """

    max_lr: float
    total_steps: int
    pct_start: float = 0.3
    div_factor: float = 25.0
    final_div_factor: float = 1e4

    def __post_init__(self):
        between("max_lr", self.max_lr, 0)
        count("total_steps", self.total_steps, 2)
        between("pct_start", self.pct_start, 0, 1, open_low=True, open_high=True)
        between("div_factor", self.div_factor, 1)
        between("final_div_factor", self.final_div_factor, 1)

    def rates(self, steps):
        first = self.max_lr / self.div_factor
        last, peak = self.total_steps - 1, self.pct_start * self.total_steps - 1
        # A peak before step 1 leaves only step 0 to rise, whose progress is 0 anyway.
        up = _cosine(first, self.max_lr, steps / max(peak, 1))
        down = np.minimum((steps - peak) / (last - peak), 1)
        down = _cosine(self.max_lr, first / self.final_div_factor, down)
        return np.where(steps < peak, up, down)


@dataclass
class WarmUp(Schedule):
    """A straight line up to another schedule, which then goes on as if nothing had been.

    Step k of the first so many has ``schedule(steps - 1) * (k + 1) / steps``, so the first rate
    is not 0 and the line meets the schedule: the gradual warm-up of P. Goyal et al., Accurate,
    Large Minibatch SGD: Training ImageNet in 1 Hour, 2017.

    Parameters
    ----------
    schedule : Schedule, callable or float
        What to warm up to. Its steps are counted from the beginning of training, warm-up
        included; PyTorch's ``SequentialLR`` would start it at 0 after the warm-up.
    steps : int
        How long the warm-up lasts.

    Examples
    --------
    >>> WarmUp(0.8, steps=4)([0, 1, 2, 3, 4])
    array([0.2, 0.4, 0.6, 0.8, 0.8])
    """

    schedule: Schedule
    steps: int

    def __post_init__(self):
        object.__setattr__(self, "schedule", as_schedule(self.schedule))
        count("steps", self.steps)

    def rates(self, steps):
        top = self.schedule(self.steps - 1)
        line = top * ((steps + 1) / self.steps)
        return np.where(steps < self.steps, line, self.schedule(steps.astype(np.int64)))

    def update(self, metric):
        self.schedule.update(metric)

    def state(self):
        return self.schedule.state()

    def restore(self, state):
        self.schedule.restore(state)


@dataclass
class _Function(Schedule):
    """A user's function of one step number."""

    function: object

    def rates(self, steps):
        return np.array([float(self.function(int(step))) for step in steps])


def as_schedule(lr):
    """A schedule from a rate, a function or a schedule.

    Parameters
    ----------
    lr : float, callable or Schedule
        A rate becomes :class:`Constant`; a function is called with one step number at a time;
        a schedule is returned as it is.

    Returns
    -------
    Schedule

    Raises
    ------
    TypeError
        If it is none of these.

    Examples
    --------
    >>> as_schedule(0.1)
    Constant(lr=0.1)
    >>> as_schedule(lambda step: 1 / (1 + step))([0, 1, 3])
    array([1.  , 0.5 , 0.25])
    """
    if isinstance(lr, Schedule):
        return lr
    if isinstance(lr, numbers.Real) and not isinstance(lr, bool):
        return Constant(float(lr))
    if callable(lr) and not isinstance(lr, type):
        return _Function(lr)
    raise TypeError(f"lr: expected a number, a function of the step or a schedule, got {lr!r}")


def _cosine(start, end, progress):
    """Half a cosine from start at progress 0 to end at 1."""
    return end + (start - end) / 2 * (1 + np.cos(np.pi * progress))
