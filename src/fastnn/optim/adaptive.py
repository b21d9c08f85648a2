"""Optimizers that divide by a mean of the gradient's squares."""

from fastnn import _settings
from fastnn.optim.base import Optimizer


class Adagrad(Optimizer):
    """AdaGrad (Duchi et al. 2011): ``s += g^2;  p -= lr * g / (sqrt(s) + eps)``, as
    ``torch.optim.Adagrad`` without its rate decay.

    Parameters
    ----------
    lr, eps, weight_decay : float
    l1, l2, sample_l2, clip_norm, clip_value, max_norm, groups
        See `Optimizer`.
    """

    name = "adagrad"
    states = ("state_sum",)
    configure = staticmethod(_settings.adagrad)

    def __init__(self, lr=0.01, eps=1e-10, weight_decay=0.0, **around):
        super().__init__(lr, {"eps": eps, "weight_decay": weight_decay}, **around)


class RMSprop(Optimizer):
    """RMSProp (Tieleman & Hinton 2012): ``v = alpha v + (1 - alpha) g^2``,
    ``d = g / (sqrt(v) + eps);  b = momentum * b + d;  p -= lr * b``, and with `nesterov`
    ``p -= lr * (d + momentum * b)``. As ``torch.optim.RMSprop``, which has no Nesterov form.

    Parameters
    ----------
    lr : float
    alpha : float
        In [0, 1).
    eps, weight_decay : float
    momentum : float
        At least 0, usually below 1.
    nesterov : bool
        Needs momentum.
    l1, l2, sample_l2, clip_norm, clip_value, max_norm, groups
        See `Optimizer`.
    """

    name = "rmsprop"
    states = ("square_avg", "momentum_buffer")
    configure = staticmethod(_settings.rmsprop)

    def __init__(
        self, lr=0.01, alpha=0.99, eps=1e-8, momentum=0.0, nesterov=False, weight_decay=0.0,
        **around,
    ):  # fmt: skip
        options = {
            "alpha": alpha,
            "eps": eps,
            "momentum": momentum,
            "nesterov": nesterov,
            "weight_decay": weight_decay,
        }
        super().__init__(lr, options, **around)

    def used_states(self, options):
        return self.states if options["momentum"] else self.states[:1]


class Adadelta(Optimizer):
    """Adadelta (Zeiler 2012): ``v = rho v + (1 - rho) g^2``,
    ``d = sqrt(u + eps) / sqrt(v + eps) * g;  u = rho u + (1 - rho) d^2;  p -= lr * d``, as
    ``torch.optim.Adadelta``.

    Parameters
    ----------
    lr : float
    rho : float
        In [0, 1).
    eps : float
        Above 0.
    weight_decay : float
    l1, l2, sample_l2, clip_norm, clip_value, max_norm, groups
        See `Optimizer`.
    """

    name = "adadelta"
    states = ("square_avg", "acc_delta")
    configure = staticmethod(_settings.adadelta)

    def __init__(self, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0.0, **around):
        super().__init__(lr, {"rho": rho, "eps": eps, "weight_decay": weight_decay}, **around)
