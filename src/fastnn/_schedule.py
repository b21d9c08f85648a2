"""What all learning-rate schedules share."""

import numpy as np


class Schedule:
    """What all schedules share; derive from it to write your own.

    A subclass has ``rates(steps)``, which maps a float64 array (n,) of step numbers to
    their rates. One that learns from the course of training overrides the three methods below too.

    Examples
    --------
    >>> class Harmonic(Schedule):
    ...     def rates(self, steps):
    ...         return 1 / (1 + steps)
    >>> Harmonic()(3)
    0.25
    """

    def rates(self, steps):
        raise NotImplementedError(f"{type(self).__name__} has no method rates(steps)")

    def __call__(self, step):
        """The rate of a step, or of each of an array of steps.

        Parameters
        ----------
        step : int or array_like of integers
            Optimizer steps, 0 and above.

        Returns
        -------
        float, or ndarray of float64 in the shape of step

        Raises
        ------
        TypeError
            If a step is not an integer.
        ValueError
            If one is negative.
        """
        steps = np.asarray(step)
        if steps.dtype.kind not in "iu":
            raise TypeError(f"step: expected integers, got {steps.dtype}")
        if steps.size and steps.min() < 0:
            raise ValueError(f"step: expected 0 or above, got {steps.min()}")
        rates = np.asarray(self.rates(steps.ravel().astype(np.float64)), np.float64)
        return rates.reshape(steps.shape) if steps.ndim else float(rates[0])

    def update(self, metric):
        """Take note of an epoch's metric. Most schedules don't care."""

    def state(self):
        """What the schedule has learnt, as what ``json.dump`` takes."""
        return {}

    def restore(self, state):
        """Go on from what :meth:`state` returned."""
        if state != {}:
            raise ValueError(f"state: expected {{}} for {type(self).__name__}, got {state!r}")
