"""PyTorch's weights into fastnn and back: state dicts, files of them, live modules.

`read_state_dict` and `load_state_dict` take a file, a dict or a module, and need PyTorch for
``.pt`` files alone. The others have PyTorch imported when they are first asked for:

- `from_torch` makes a `fastnn.Sequential` of a ``torch.nn.Sequential``, weights included, and
  `to_torch` the other way round;
- `TakeSequence` and `TakeLast` stand behind a recurrent layer of PyTorch's in a
  ``torch.nn.Sequential`` and choose of its outputs and states what the next module reads, as
  ``output="sequence"`` and ``output="last"`` do here.

A file for PyTorch needs no function of its own. ``fastnn.save(model, path)`` writes the keys of
``to_torch(model)``, and those of a ``torch.nn.Sequential`` that is written as the model is::

    module.load_state_dict(safetensors.torch.load_file(path))

PyTorch's own modules are ``torch``; in this package that name always means PyTorch.
"""

import importlib
from typing import TYPE_CHECKING

from fastnn.io.torch import _state
from fastnn.io.torch._state import load_state_dict, read_state_dict

if TYPE_CHECKING:
    from fastnn.io.torch._from import from_torch  # noqa: F401
    from fastnn.io.torch._modules import TakeLast, TakeSequence  # noqa: F401
    from fastnn.io.torch._to import to_torch  # noqa: F401

__all__ = ["load_state_dict", "read_state_dict"]

# Where the names are that need PyTorch.
_LIVE = {
    "TakeLast": "_modules",
    "TakeSequence": "_modules",
    "from_torch": "_from",
    "to_torch": "_to",
}


def __getattr__(name):
    if name not in _LIVE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    _state.import_torch(name)
    return getattr(importlib.import_module(f"{__name__}.{_LIVE[name]}"), name)


def __dir__():
    return sorted([*globals(), *_LIVE])
