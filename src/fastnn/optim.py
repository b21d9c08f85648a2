"""Optimizers: settings and state. The arithmetic is in the kernels ``<name>.prepare`` and
``<name>.update``; how they are strung together is `Optimizer.lower`.

All share PyTorch's formulas and names. What surrounds an update, in this order: penalties are
added to the gradient (`l1`, `l2`, on weights only), it is clipped by value, then by norm, and
the optimizer's own formula follows (`weight_decay`, as in PyTorch, on every parameter).
"""

import math
from typing import ClassVar

import numpy as np

from fastnn import _dispatch, _engine, _settings
from fastnn._settings import NONNEGATIVE, POSITIVE, number
from fastnn.graph import Call, UpdateFields
from fastnn.parameter import FlatParameters, aligned_zeros


class Optimizer:
    """Settings, and the state that they have built up.

    Parameters
    ----------
    lr : float
        Learning rate, at least 0. A schedule given to the `Trainer` replaces it.
    l1, l2 : float
        Penalties ``l1 * sum |w| + l2 / 2 * sum w^2`` on weights, not biases.
    clip_norm : float, optional
        The largest norm of the gradient of all parameters; a longer one is scaled down to it
        (Pascanu et al. 2013), as ``torch.nn.utils.clip_grad_norm_``.
    clip_value : float, optional
        The largest absolute value of an element of the gradient.

    Attributes
    ----------
    steps : int
        Steps taken.

    Notes
    -----
    `lr` may be changed between one `fit` and the next. The other settings are compiled into a
    program: for others, give the trainer a new optimizer.
    """

    name: ClassVar[str]  # of the kernels
    states: ClassVar[tuple[str, ...]] = ()  # arrays kept for each parameter

    def __init__(self, lr, *, l1=0.0, l2=0.0, clip_norm=None, clip_value=None):
        self.lr = _settings.rate(lr)
        self.l1 = number("l1", l1, NONNEGATIVE)
        self.l2 = number("l2", l2, NONNEGATIVE)
        self.clip_norm = None if clip_norm is None else number("clip_norm", clip_norm, POSITIVE)
        self.clip_value = None if clip_value is None else number("clip_value", clip_value, POSITIVE)
        self.config: tuple = ()  # the settings in the order in which the prepare kernel reads them
        self.steps = 0
        self._flat: FlatParameters | None = None
        self._state: list[np.ndarray] = []
        self._hyper = np.zeros(16)
        self._late = None

    # -- what a subclass says ---------------------------------------------------------------

    def used_states(self) -> tuple[str, ...]:
        """Those of `states` that the settings call for."""
        return self.states

    # -- state ------------------------------------------------------------------------------

    def bind(self, flat: FlatParameters) -> None:
        """Take charge of these parameters; state begins at zero if they are new."""
        if self._flat is flat and len(self._state) == len(self.used_states()):
            return
        self._flat, self._late, self.steps = flat, None, 0
        self._state = [aligned_zeros(flat.data.size, flat.dtype) for _ in self.used_states()]

    def serves(self, flat: FlatParameters) -> bool:
        """Whether the state is that of these parameters."""
        return self._flat is flat

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of the state: a flat array for each name in `states`, and ``step``."""
        state = {n: a.copy() for n, a in zip(self.used_states(), self._state, strict=False)}
        return state | {"step": np.array(self.steps, np.int64)}

    # -- calls ------------------------------------------------------------------------------

    @property
    def fuses(self) -> bool:
        """Whether a parameter can be updated as soon as its own gradient is known."""
        return self.clip_norm is None

    @property
    def descends(self) -> bool:
        """Whether an update is ``param -= lr * grad`` and nothing else."""
        return False

    def _leaf(self, role: str):
        return _dispatch.table(role)[self._flat.dtype]

    def _regularize(self, decay: bool) -> tuple:
        """(leaf or None, (l1, l2, limit)) for a parameter."""
        l1, l2 = (self.l1, self.l2) if decay else (0.0, 0.0)
        limit = math.inf if self.clip_value is None else float(self.clip_value)
        if l1 == 0 and l2 == 0 and limit == math.inf:
            return None, ()
        return self._leaf("regularize.apply"), (l1, l2, limit)

    def prepare_call(self) -> Call:
        """What comes first in a step: bias corrections and the like, in double."""
        config = np.array(self.config)
        leaf = self._leaf(f"{self.name}.prepare")
        return Call("prepare", (leaf,), (config, *(None,) * 5, self._hyper))

    def fields(self, parameter) -> UpdateFields:
        """What follows the gradient of one parameter when updates are fused."""
        flat = self._flat
        i = next(i for i, p in enumerate(flat.parameters) if p is parameter)
        regularize, scalars = self._regularize(parameter.decay)
        states = [flat.view(array, i) for array in self._state]
        states += [None] * (2 - len(states))
        return UpdateFields(
            grad=None,
            buffers=(parameter.data, *states, self._hyper),
            leaves=(self._leaf(f"{self.name}.update"), regularize),
            scalars=scalars,
            descend=self.descends and regularize is None,
        )

    def late_calls(self) -> list[Call]:
        """A whole step over the flat buffers, once all gradients are known."""
        flat = self._flat
        calls = [self.prepare_call()]
        for p in flat.parameters:
            leaf, scalars = self._regularize(p.decay)
            if leaf is not None:
                buffers = (None, None, p.grad, p.data)
                calls.append(Call("update", (None, None, None, leaf), buffers, (p.size,), scalars))
        factor, scale = None, None
        if self.clip_norm is not None:
            factor, scale = np.ones(2), self._leaf("scale.apply")
            partial = np.zeros(flat.data.size // 1024 + 1)
            calls += [
                Call(
                    "squares",
                    (self._leaf("squares.sum"),),
                    (None, None, flat.grad, None, partial),
                    (flat.grad.size,),
                ),
                Call(
                    "clip_factor",
                    (),
                    (factor, None, None, None, partial),
                    (flat.grad.size,),
                    (float(self.clip_norm),),
                ),
            ]
        states = [*self._state, *[None] * (2 - len(self._state))]
        calls.append(
            Call(
                "update",
                (scale, None, self._leaf(f"{self.name}.update"), None),
                (factor, None, flat.grad, flat.data, *states, self._hyper),
                (flat.data.size,),
            )
        )
        return calls

    def step(self, model) -> None:
        """One step from the gradients that ``model.backward`` left in its parameters.

        Parameters
        ----------
        model : Layer
            Penalties and clipping change its gradients in place.

        Examples
        --------
        >>> import fastnn, numpy as np
        >>> model, optimizer = fastnn.Linear(3, 2), fastnn.SGD(lr=0.1)
        >>> x, y = np.ones((4, 3), np.float32), np.zeros(4, np.int64)
        >>> for _ in range(3):
        ...     loss, grad = fastnn.CrossEntropyLoss()(model.forward(x), y)
        ...     _ = model.backward(grad)
        ...     optimizer.step(model)
        >>> optimizer.steps
        3
        """
        self.bind(FlatParameters.of(model))
        if self._late is None:
            size = self._flat.dtype.itemsize
            specs = [("gather", size, (), (None, None, None), (0, 0), (0.0,))] * 3
            specs += [
                (c.op, size, c.leaves, c.buffers, c.dims, c.scalars) for c in self.late_calls()
            ]
            self._late = _engine.Program(specs, (3, 3, 3), [None] * 3, 0, 0)
        self.steps += 1
        self._late.update(self.lr, self.steps)

    def __repr__(self):
        return f"{type(self).__name__}(lr={self.lr:g})"


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
    l1, l2, clip_norm, clip_value
        See `Optimizer`.
    """

    name = "sgd"
    states = ("momentum_buffer",)

    def __init__(self, lr=0.01, momentum=0.0, nesterov=False, weight_decay=0.0, **around):
        super().__init__(lr, **around)
        self.config = _settings.sgd(momentum, nesterov, weight_decay)
        self.momentum, self.weight_decay = self.config[0], self.config[2]

    def used_states(self):
        return self.states if self.momentum else ()

    @property
    def descends(self):
        return self.momentum == 0 and self.weight_decay == 0


class Adagrad(Optimizer):
    """AdaGrad (Duchi et al. 2011): ``s += g^2;  p -= lr * g / (sqrt(s) + eps)``, as
    ``torch.optim.Adagrad`` without its rate decay.

    Parameters
    ----------
    lr, eps, weight_decay : float
    l1, l2, clip_norm, clip_value
        See `Optimizer`.
    """

    name = "adagrad"
    states = ("state_sum",)

    def __init__(self, lr=0.01, eps=1e-10, weight_decay=0.0, **around):
        super().__init__(lr, **around)
        self.config = _settings.adagrad(eps, weight_decay)


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
    l1, l2, clip_norm, clip_value
        See `Optimizer`.
    """

    name = "rmsprop"
    states = ("square_avg", "momentum_buffer")

    def __init__(
        self, lr=0.01, alpha=0.99, eps=1e-8, momentum=0.0, nesterov=False, weight_decay=0.0,
        **around,
    ):  # fmt: skip
        super().__init__(lr, **around)
        self.config = _settings.rmsprop(alpha, eps, momentum, nesterov, weight_decay)
        self.momentum = self.config[2]

    def used_states(self):
        return self.states if self.momentum else self.states[:1]


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
    l1, l2, clip_norm, clip_value
        See `Optimizer`.
    """

    name = "adam"
    states = ("exp_avg", "exp_avg_sq")
    decoupled: ClassVar[bool] = False

    def __init__(self, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, **around):
        super().__init__(lr, **around)
        self.config = _settings.adam(betas, eps, weight_decay, self.decoupled)


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019), as ``torch.optim.AdamW``:
    ``p *= 1 - lr * weight_decay`` before each update.

    Parameters
    ----------
    lr : float
    betas : (float, float)
    eps, weight_decay : float
    l1, l2, clip_norm, clip_value
        See `Optimizer`.
    """

    decoupled = True

    def __init__(self, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01, **around):
        super().__init__(lr, betas, eps, weight_decay, **around)


OPTIMIZERS = {
    "sgd": SGD,
    "adagrad": Adagrad,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
}


def as_optimizer(optimizer) -> Optimizer:
    """An optimizer, given itself or its name in `OPTIMIZERS`."""
    if isinstance(optimizer, Optimizer):
        return optimizer
    if isinstance(optimizer, str) and optimizer in OPTIMIZERS:
        return OPTIMIZERS[optimizer]()
    raise ValueError(
        f"optimizer: expected an Optimizer or one of {', '.join(OPTIMIZERS)}, got {optimizer!r}"
    )
