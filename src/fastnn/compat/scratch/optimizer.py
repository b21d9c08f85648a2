"""The book's ``common.optimizer``: steps over dictionaries of parameters and gradients.

Arrays are changed in place, so that layers that hold them see it; a parameter that is a number is
put back into its dictionary. The formulas are the book's, which adds 1e-7 to roots and whose
Nesterov is Chainer's; `fastnn.optim` has PyTorch's.
"""

import numpy as np

from fastnn._engine import run_update as _run_update
from fastnn.compat.scratch._numbers import FLOAT64 as _FLOAT64
from fastnn.functional._step import leaves as _leaves

__all__ = ["SGD", "AdaGrad", "Adam", "Momentum", "Nesterov", "RMSprop", "np"]

_EPS = 1e-7
_SGD, _ADAGRAD, _RMSPROP, _ADAM = map(_leaves, ("sgd", "adagrad", "rmsprop", "adam"))


def _zeros(params):
    return {key: np.zeros_like(value) for key, value in params.items()}


def _update(kernels, config, lr, step, params, key, grad, *states):
    """One step of the parameter `key`."""
    lr, param = float(lr), params[key]
    if _run_update(*kernels, param, grad, states, config, lr, step):
        return
    # Numbers, arrays of several types, views with gaps: a step of float64 copies, put back.
    shape = np.shape(param)
    copies = [np.array(np.broadcast_to(a, shape), _FLOAT64, order="C") for a in (param, grad)]
    kept = [np.array(state, _FLOAT64, order="C") for state in states]
    if not isinstance(param, np.ndarray):
        _run_update(*kernels, *copies, tuple(kept), config, lr, step)
        params[key] = copies[0][()] if states else copies[0].item()
    else:
        if not np.can_cast(_FLOAT64, param.dtype, "same_kind"):
            raise TypeError(f"params[{key!r}]: expected floats, got {param.dtype}")
        _run_update(*kernels, *copies, tuple(kept), config, lr, step)
        param[...] = copies[0]
    for state, value in zip(states, kept, strict=True):
        state[...] = value


class SGD:
    """``p -= lr g``.

    Parameters
    ----------
    lr : float

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch.optimizer import SGD
    >>> params = {"W": np.array([1.0, 2.0])}
    >>> SGD(lr=0.5).update(params, {"W": np.array([1.0, -1.0])})
    >>> params["W"]
    array([0.5, 2.5])
    """

    def __init__(self, lr=0.01):
        self.lr = lr

    def update(self, params, grads):
        """One step of all parameters."""
        for key in params:
            _update(_SGD, (0.0, False, 0.0), self.lr, 1, params, key, grads[key])


class Momentum:
    """``v = momentum v - lr g``, ``p += v``.

    Parameters
    ----------
    lr, momentum : float

    Attributes
    ----------
    v : dict or None
        Velocities, from the first step on.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch.optimizer import Momentum
    >>> params, optimizer = {"W": np.array([1.0])}, Momentum(lr=0.5, momentum=0.5)
    >>> for _ in range(2):
    ...     optimizer.update(params, {"W": np.array([1.0])})
    >>> params["W"], optimizer.v["W"]
    (array([-0.25]), array([-0.75]))
    """

    def __init__(self, lr=0.01, momentum=0.9):
        self.lr = lr
        self.momentum = momentum
        self.v = None

    def update(self, params, grads):
        """One step of all parameters."""
        if self.v is None:
            self.v = _zeros(params)
        for key in params:
            v = self.v[key]
            v *= self.momentum
            v -= self.lr * grads[key]
            params[key] += v


class Nesterov:
    """``v = momentum v - lr g``, ``p += momentum^2 v - (1 + momentum) lr g``, as Chainer's
    NesterovAG.

    Parameters
    ----------
    lr, momentum : float

    Attributes
    ----------
    v : dict or None
        Velocities, from the first step on.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch.optimizer import Nesterov
    >>> params = {"W": np.array([1.0])}
    >>> Nesterov(lr=0.5, momentum=0.5).update(params, {"W": np.array([1.0])})
    >>> params["W"]
    array([0.125])
    """

    def __init__(self, lr=0.01, momentum=0.9):
        self.lr = lr
        self.momentum = momentum
        self.v = None

    def update(self, params, grads):
        """One step of all parameters."""
        if self.v is None:
            self.v = _zeros(params)
        for key in params:
            v, step = self.v[key], self.lr * grads[key]
            v *= self.momentum
            v -= step
            params[key] += self.momentum * self.momentum * v
            params[key] -= (1 + self.momentum) * step


class AdaGrad:
    """``h += g^2``, ``p -= lr g / (sqrt(h) + 1e-7)``.

    Parameters
    ----------
    lr : float

    Attributes
    ----------
    h : dict or None
        Sums of squares, from the first step on.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch.optimizer import AdaGrad
    >>> params = {"W": np.array([1.0])}
    >>> AdaGrad(lr=0.5).update(params, {"W": np.array([4.0])})
    >>> params["W"].round(6)
    array([0.5])
    """

    def __init__(self, lr=0.01):
        self.lr = lr
        self.h = None

    def update(self, params, grads):
        """One step of all parameters."""
        if self.h is None:
            self.h = _zeros(params)
        for key in params:
            _update(_ADAGRAD, (_EPS, 0.0), self.lr, 1, params, key, grads[key], self.h[key])


class RMSprop:
    """``h = decay_rate h + (1 - decay_rate) g^2``, ``p -= lr g / (sqrt(h) + 1e-7)``.

    Parameters
    ----------
    lr, decay_rate : float

    Attributes
    ----------
    h : dict or None
        Means of squares, from the first step on.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch.optimizer import RMSprop
    >>> params = {"W": np.array([1.0])}
    >>> RMSprop(lr=0.25, decay_rate=0.75).update(params, {"W": np.array([4.0])})
    >>> params["W"].round(6)
    array([0.5])
    """

    def __init__(self, lr=0.01, decay_rate=0.99):
        self.lr = lr
        self.decay_rate = decay_rate
        self.h = None

    def update(self, params, grads):
        """One step of all parameters."""
        if self.h is None:
            self.h = _zeros(params)
        config = (self.decay_rate, _EPS, 0.0, False, 0.0)
        for key in params:
            _update(_RMSPROP, config, self.lr, 1, params, key, grads[key], self.h[key])


class Adam:
    """Adam (Kingma and Ba, 2015), epsilon beside the root that is not corrected::

        m += (1 - beta1) (g - m)
        v += (1 - beta2) (g^2 - v)
        p -= lr sqrt(1 - beta2^iter) / (1 - beta1^iter) m / (sqrt(v) + 1e-7)

    Parameters
    ----------
    lr, beta1, beta2 : float

    Attributes
    ----------
    iter : int
        Steps so far.
    m, v : dict or None
        The averages, from the first step on.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch.optimizer import Adam
    >>> params = {"W": np.array([1.0])}
    >>> Adam(lr=0.5).update(params, {"W": np.array([4.0])})
    >>> params["W"].round(6)
    array([0.5])
    """

    def __init__(self, lr=0.001, beta1=0.9, beta2=0.999):
        self.lr = lr
        self.beta1 = beta1
        self.beta2 = beta2
        self.iter = 0
        self.m = None
        self.v = None

    def update(self, params, grads):
        """One step of all parameters."""
        if self.m is None:
            self.m, self.v = _zeros(params), _zeros(params)
        self.iter += 1
        config = (self.beta1, self.beta2, _EPS, 0.0, False, True)
        for key in params:
            states = self.m[key], self.v[key]
            _update(_ADAM, config, self.lr, self.iter, params, key, grads[key], *states)
