"""thinc's optimizers, each step a pass or two of a kernel over the parameter."""

import math

import numpy as np
import thinc.optimizers
from thinc.config import registry
from thinc.optimizers import ADAM_DEFAULTS, SGD_DEFAULTS

from fastnn.thinc import calls
from fastnn.thinc.ops import FastnnOps

__all__ = ["SGD", "Adam", "Optimizer", "RAdam"]

_ORIGINAL = thinc.optimizers.Optimizer.__call__
_OPS = FastnnOps(use_blis=False)  # which multiplies nothing


def step(self, key, weights, gradient, *, lr_scale=1.0):
    """``Optimizer.__call__`` on the kernels; `self` may be an optimizer of thinc's own."""
    if not _fit(weights, gradient):
        return _ORIGINAL(self, key, weights, gradient, lr_scale=lr_scale)
    b1, b2 = _now(self, "b1", key), _now(self, "b2", key)
    if b2 > 0 >= b1 and not self.use_radam:
        return _ORIGINAL(self, key, weights, gradient, lr_scale=lr_scale)  # raises
    lr, decay = _now(self, "learn_rate", key), _now(self, "L2", key)
    clip = _now(self, "grad_clip", key)
    self.nr_update[key] += 1
    count = self.nr_update[key]
    if decay and not self.L2_is_weight_decay:
        calls.add(gradient, decay, weights)
    if clip:
        _OPS.clip_gradient(gradient, clip)
    flat, grad = weights.reshape(-1), gradient.reshape(-1)
    averages_both = b1 > 0 and b2 > 0  # without the second thinc leaves out the first too
    if self.use_radam or averages_both:
        for averages in (self.mom1, self.mom2):
            if key not in averages:
                averages[key] = np.zeros(flat.shape, flat.dtype)
    if self.use_radam:
        rate = _rectified_rate(b1, b2, count + 1)  # thinc counts from 2 here
        if rate is None:
            self._radam(_OPS, weights, gradient, lr_scale, key, count)
        else:
            _adam(self, key, flat, grad, b1, b2, lr * rate)  # thinc leaves out lr_scale here
    elif averages_both:
        corrected = lr * (1 - b2**count) ** 0.5 / (1 - b1**count)
        _adam(self, key, flat, grad, b1, b2, corrected * lr_scale)
    else:
        calls.add(weights, -lr_scale * lr, gradient)
    gradient.fill(0)
    if decay and self.L2_is_weight_decay:
        calls.shrink(weights, lr_scale * lr * decay, gradient)
    if self.averages is not None:
        if key not in self.averages:
            self.averages[key] = np.zeros(weights.shape, weights.dtype)
        _OPS.update_averages(self.averages[key], weights, count)
    return weights, gradient


def _fit(weights, gradient):
    """Whether the kernels take them; if not they are the original's, errors included."""
    return (
        calls.are_plain(weights, gradient)
        and weights.shape == gradient.shape
        and weights.size > 0
        and not np.may_share_memory(weights, gradient)
    )


def _now(self, name, key):
    """A setting at this step: thinc 8 keeps its value, thinc 9 a schedule."""
    value = getattr(self, name)
    return value(self.step, **self._schedule_args(key)) if callable(value) else value


def _adam(self, key, weights, gradient, beta1, beta2, rate):
    eps = _now(self, "eps", key)
    _OPS.adam(weights, gradient, self.mom1[key], self.mom2[key], beta1, beta2, eps, rate)


def _rectified_rate(beta1, beta2, step):
    """What RAdam multiplies the learning rate by, or None while it must do without the second
    average (Liu et al., On the Variance of the Adaptive Learning Rate and Beyond, 2020)."""
    power = beta2**step
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * step * power / (1 - power)
    if length < 5:
        return None
    variance = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
    return math.sqrt((1 - power) * variance) / (1 - beta1**step)


class Optimizer(thinc.optimizers.Optimizer):
    """thinc's optimizer, with a step that is a pass or two of a kernel over the parameter.

    Construction, attributes, schedules and results are those of ``thinc.optimizers.Optimizer``;
    either goes on where the other stopped. It takes float64 as well as float32, and keeps averages
    in the type of the parameter. Whatever else comes is left to thinc. `Adam`, `RAdam` and `SGD`
    make one.
    """

    __slots__ = ()
    __call__ = step


@registry.optimizers("fastnn.Adam.v1")
def Adam(
    learn_rate=ADAM_DEFAULTS["learn_rate"],
    *,
    L2=ADAM_DEFAULTS["L2"],
    beta1=ADAM_DEFAULTS["beta1"],
    beta2=ADAM_DEFAULTS["beta2"],
    eps=ADAM_DEFAULTS["eps"],
    grad_clip=ADAM_DEFAULTS["grad_clip"],
    L2_is_weight_decay=ADAM_DEFAULTS["L2_is_weight_decay"],
    use_averages=True,
):
    """``thinc.optimizers.Adam`` on fastnn's kernels.

    With g the gradient, scaled down to the norm `grad_clip`, and b1, b2 the betas::

        m = b1 m + (1 - b1) g
        v = b2 v + (1 - b2) g^2
        weights = weights - learn_rate sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + eps)

    Then g becomes zero, and weights lose learn_rate L2 weights; or, if not `L2_is_weight_decay`, g
    gains L2 weights at the beginning.

    Parameters
    ----------
    learn_rate, L2, beta1, beta2, eps, grad_clip : float, list, generator or schedule
        As in thinc. A `grad_clip` of 0 clips nothing.
    L2_is_weight_decay : bool, default True
    use_averages : bool, default True
        Whether to keep the moving averages of the weights that ``model.use_params`` takes.

    Returns
    -------
    Optimizer

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.thinc import Adam
    >>> optimizer = Adam(0.25)
    >>> weights, gradient = np.array([1.0, 2.0]), np.array([0.5, -0.5])
    >>> _ = optimizer((1, "W"), weights, gradient)
    >>> weights.round(6), gradient
    (array([0.75, 2.25]), array([0., 0.]))
    """
    return Optimizer(
        learn_rate,
        L2=L2,
        beta1=beta1,
        beta2=beta2,
        eps=eps,
        grad_clip=grad_clip,
        L2_is_weight_decay=L2_is_weight_decay,
        use_averages=use_averages,
    )


@registry.optimizers("fastnn.RAdam.v1")
def RAdam(
    learn_rate=ADAM_DEFAULTS["learn_rate"],
    *,
    beta1=ADAM_DEFAULTS["beta1"],
    beta2=ADAM_DEFAULTS["beta2"],
    eps=ADAM_DEFAULTS["eps"],
    L2=ADAM_DEFAULTS["L2"],
    L2_is_weight_decay=ADAM_DEFAULTS["L2_is_weight_decay"],
    grad_clip=ADAM_DEFAULTS["grad_clip"],
    use_averages=True,
):
    """``thinc.optimizers.RAdam`` on fastnn's kernels: `Adam` whose first steps are rectified.

    Parameters and result are those of `Adam`. As in thinc the rectification counts steps from 2,
    and ``lr_scale`` is of no effect on it.

    Examples
    --------
    >>> from fastnn.thinc import RAdam
    >>> RAdam(0.001).use_radam
    True
    """
    return Optimizer(
        learn_rate,
        beta1=beta1,
        beta2=beta2,
        eps=eps,
        grad_clip=grad_clip,
        L2_is_weight_decay=L2_is_weight_decay,
        L2=L2,
        use_averages=use_averages,
        use_radam=True,
    )


@registry.optimizers("fastnn.SGD.v1")
def SGD(
    learn_rate,
    *,
    L2=SGD_DEFAULTS["L2"],
    grad_clip=SGD_DEFAULTS["grad_clip"],
    L2_is_weight_decay=SGD_DEFAULTS["L2_is_weight_decay"],
    use_averages=True,
):
    """``thinc.optimizers.SGD`` on fastnn's kernels: weights = weights - learn_rate gradient.

    Parameters and result are those of `Adam`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.thinc import SGD
    >>> weights = np.array([1.0, 2.0])
    >>> _ = SGD(0.5)((1, "W"), weights, np.array([0.5, -0.5]))
    >>> weights
    array([0.75, 2.25])
    """
    return Optimizer(
        learn_rate,
        L2=L2,
        grad_clip=grad_clip,
        L2_is_weight_decay=L2_is_weight_decay,
        beta1=0.0,
        beta2=0.0,
        use_averages=use_averages,
    )
