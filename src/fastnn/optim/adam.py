"""Adam and its relatives."""

from typing import ClassVar

from fastnn import _settings
from fastnn.optim.base import Optimizer


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015), as ``torch.optim.Adam``.

    ``m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2``,
    ``p -= lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps)``, bias corrections in double.

    Parameters
    ----------
    lr : float
    betas : (float, float)
        Each in [0, 1).
    eps, weight_decay : float
        The latter is added to the gradient as ``weight_decay * p``.
    amsgrad : bool
        AMSGrad (Reddi et al. 2018): the largest `v` so far, before its correction as in PyTorch,
        takes the place of `v` in the second line. Needs half as much memory again.
    eps_hat : bool
        Whether `eps` is added to ``sqrt(v)`` before its correction, as in Keras and scikit-learn:
        ``p -= lr sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + eps)``.
    l1, l2, sample_l2, clip_norm, clip_value, max_norm, groups
        See `Optimizer`.
    """

    name = "adam"
    states = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
    decoupled: ClassVar[bool] = False

    def __init__(
        self, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, amsgrad=False,
        eps_hat=False, **around,
    ):  # fmt: skip
        options = {
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "eps_hat": eps_hat,
        }
        super().__init__(lr, options, **around)

    def configure(self, betas, eps, weight_decay, amsgrad, eps_hat):
        _settings.flag("amsgrad", amsgrad)
        return _settings.adam(betas, eps, weight_decay, self.decoupled, eps_hat)

    def used_states(self, options):
        return self.states if options["amsgrad"] else self.states[:2]


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019), as ``torch.optim.AdamW``:
    ``p *= 1 - lr * weight_decay`` before each update.

    Parameters
    ----------
    lr : float
    betas : (float, float)
    eps, weight_decay : float
    amsgrad, eps_hat : bool
    l1, l2, sample_l2, clip_norm, clip_value, max_norm, groups
        See `Optimizer`.
    """

    decoupled = True

    def __init__(
        self, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01, amsgrad=False,
        eps_hat=False, **around,
    ):  # fmt: skip
        super().__init__(lr, betas, eps, weight_decay, amsgrad, eps_hat, **around)


class Adamax(Optimizer):
    """AdaMax (Kingma & Ba 2015, section 7): Adam with ``u = max(b2 u, |g| + eps)`` in place of
    the root of `v`, ``p -= lr / (1 - b1^t) * m / u``. As ``torch.optim.Adamax``.

    Parameters
    ----------
    lr : float
    betas : (float, float)
        Each in [0, 1).
    eps, weight_decay : float
    l1, l2, sample_l2, clip_norm, clip_value, max_norm, groups
        See `Optimizer`.
    """

    name = "adamax"
    states = ("exp_avg", "exp_inf")
    configure = staticmethod(_settings.adamax)

    def __init__(self, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, **around):
        super().__init__(lr, {"betas": betas, "eps": eps, "weight_decay": weight_decay}, **around)


class NAdam(Optimizer):
    """NAdam (Dozat 2016): Adam with Nesterov's momentum, which warms up with
    ``mu(t) = b1 (1 - 0.96^(t momentum_decay) / 2)``. As ``torch.optim.NAdam``.

    With ``P`` the product of ``mu(1) ... mu(t)``, Adam's ``m / (1 - b1^t)`` becomes
    ``(1 - mu(t)) / (1 - P) g + mu(t + 1) / (1 - P mu(t + 1)) m``.

    Parameters
    ----------
    lr : float
    betas : (float, float)
        Each in [0, 1).
    eps, weight_decay : float
    momentum_decay : float
        At least 0.
    decoupled_weight_decay : bool
        Whether `weight_decay` is AdamW's.
    l1, l2, sample_l2, clip_norm, clip_value, max_norm, groups
        See `Optimizer`.
    """

    name = "nadam"
    states = ("exp_avg", "exp_avg_sq")

    def __init__(
        self, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, momentum_decay=4e-3,
        decoupled_weight_decay=False, **around,
    ):  # fmt: skip
        options = {
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(lr, options, **around)

    def configure(self, betas, eps, weight_decay, momentum_decay, decoupled_weight_decay):
        return _settings.nadam(betas, eps, weight_decay, momentum_decay, decoupled_weight_decay)


class RAdam(Optimizer):
    """RAdam (Liu et al. 2020): Adam whose rate is lower as long as `v` rests on few gradients, and
    which is plain momentum in the first steps. As ``torch.optim.RAdam``; `fastnn.functional` has
    the formula.

    Parameters
    ----------
    lr : float
    betas : (float, float)
        Each in [0, 1).
    eps, weight_decay : float
    decoupled_weight_decay : bool
        Whether `weight_decay` is AdamW's.
    l1, l2, sample_l2, clip_norm, clip_value, max_norm, groups
        See `Optimizer`.
    """

    name = "radam"
    states = ("exp_avg", "exp_avg_sq")

    def __init__(
        self, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0,
        decoupled_weight_decay=False, **around,
    ):  # fmt: skip
        options = {
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(lr, options, **around)

    def configure(self, betas, eps, weight_decay, decoupled_weight_decay):
        return _settings.radam(betas, eps, weight_decay, decoupled_weight_decay)
