"""Optimizers: settings and state. The arithmetic is in the kernels ``<name>.prepare`` and
``<name>.update``; how they are strung together is in base.py.

All share PyTorch's formulas and names. What surrounds an update, in this order: penalties are
added to the gradient (`l1`, `l2`, `sample_l2`, on weights only), it is clipped by value, then by
norm, the optimizer's own formula follows (`weight_decay`, as in PyTorch, on every parameter), and
rows of weights that have grown longer than `max_norm` are scaled down. docs/optimizers.md has all
of it beside PyTorch's.
"""

from fastnn.optim.adam import Adam, Adamax, AdamW, NAdam, RAdam
from fastnn.optim.adaptive import Adadelta, Adagrad, RMSprop
from fastnn.optim.base import Optimizer
from fastnn.optim.descent import SGD, Lion, Rprop

__all__ = [
    "OPTIMIZERS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "as_optimizer",
]

OPTIMIZERS: dict[str, type[Optimizer]] = {
    cls.__name__.lower(): cls
    for cls in (
        SGD, Rprop, Lion, Adagrad, RMSprop, Adadelta, Adam, AdamW, Adamax, NAdam, RAdam,
    )
}  # fmt: skip


def as_optimizer(optimizer) -> Optimizer:
    """An optimizer, given itself or its name in `OPTIMIZERS`."""
    if isinstance(optimizer, Optimizer):
        return optimizer
    if isinstance(optimizer, str) and optimizer in OPTIMIZERS:
        return OPTIMIZERS[optimizer]()
    raise ValueError(
        f"optimizer: expected an Optimizer or one of {', '.join(OPTIMIZERS)}, got {optimizer!r}"
    )
