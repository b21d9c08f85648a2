"""Optimizers of one rate for all parameters, and those that see a gradient's sign alone."""

from fastnn import _settings
from fastnn.optim.base import Optimizer


class SGD(Optimizer):
    """Stochastic gradient descent with momentum (Polyak 1964; Sutskever et al. 2013).

    ``b = momentum * b + g;  p -= lr * b``, and with `nesterov` ``p -= lr * (g + momentum * b)``,
    where ``g`` includes ``weight_decay * p``. As ``torch.optim.SGD`` without dampening.

    Parameters
    ----------
    lr : float
    momentum : float
        At least 0, usually below 1.
    nesterov : bool
        Needs momentum.
    weight_decay : float
    l1, l2, sample_l2, clip_norm, clip_value, max_norm, groups
        See `Optimizer`.
    """

    name = "sgd"
    states = ("momentum_buffer",)
    configure = staticmethod(_settings.sgd)

    def __init__(self, lr=0.01, momentum=0.0, nesterov=False, weight_decay=0.0, **around):
        options = {"momentum": momentum, "nesterov": nesterov, "weight_decay": weight_decay}
        super().__init__(lr, options, **around)

    def used_states(self, options):
        return self.states if options["momentum"] else ()

    def descends(self, options):
        return options["momentum"] == 0 and options["weight_decay"] == 0


class Rprop(Optimizer):
    """Resilient backpropagation (Riedmiller & Braun 1993), as ``torch.optim.Rprop``.

    Each element has a step size, `lr` at first, which is multiplied by ``etas[1]`` where its
    gradient keeps its sign and by ``etas[0]`` where it doesn't; then it also stays where it is.
    For full-batch descent (``batch_size=None``): the noise of batches changes signs. Schedules
    have no effect after the first step.

    Parameters
    ----------
    lr : float
    etas : (float, float)
        ``0 < etas[0] < 1 < etas[1]``.
    step_sizes : (float, float)
        The smallest and the largest.
    l1, l2, sample_l2, clip_norm, clip_value, max_norm, groups
        See `Optimizer`.
    """

    name = "rprop"
    states = ("previous", "step_size")
    configure = staticmethod(_settings.rprop)

    def __init__(self, lr=0.01, etas=(0.5, 1.2), step_sizes=(1e-6, 50.0), **around):
        super().__init__(lr, {"etas": etas, "step_sizes": step_sizes}, **around)


class Lion(Optimizer):
    """Lion (Chen et al. 2023): ``p -= lr * (sign(b1 m + (1 - b1) g) + weight_decay * p)``,
    ``m = b2 m + (1 - b2) g``. Not in PyTorch; the paper's formula.

    Parameters
    ----------
    lr : float
        About a tenth of what suits Adam.
    betas : (float, float)
        Each in [0, 1).
    weight_decay : float
        Decoupled.
    l1, l2, sample_l2, clip_norm, clip_value, max_norm, groups
        See `Optimizer`.
    """

    name = "lion"
    states = ("exp_avg",)
    configure = staticmethod(_settings.lion)

    def __init__(self, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0, **around):
        super().__init__(lr, {"betas": betas, "weight_decay": weight_decay}, **around)
