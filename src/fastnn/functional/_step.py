"""What the optimizer steps have in common."""

import numpy as np

from fastnn import _check, _settings
from fastnn._dispatch import pair
from fastnn._engine import run_update
from fastnn.functional._checked import must


def leaves(optimizer):
    """The kernels of an optimizer."""
    return pair(f"{optimizer}.prepare"), pair(f"{optimizer}.update")


def update(kernels, config, lr, step, param, grad, **states):
    """One step, in place. Raises before anything is written."""
    lr = _settings.rate(lr)
    arrays = tuple(states.values())
    # The engine accepts ordinary arrays that lie apart by itself.
    if not run_update(*kernels, param, grad, arrays, config, lr, step):
        grad = _check.update(param, grad, **states)
        # As base class: memory-mapped arrays are welcome, and changed in place as well.
        param, *arrays = map(np.asarray, (param, *arrays))
        must(run_update(*kernels, param, grad, tuple(arrays), config, lr, step))
