"""Small and mid-size neural networks on CPUs, at the speed the machine allows."""

from fastnn import _native  # noqa: F401, I001  (first: it loads the libraries)
from fastnn import functional, init, io, layers, metrics, schedules
from fastnn._config import show_config
from fastnn._threads import get_num_threads, set_num_threads
from fastnn._version import __version__
from fastnn.callbacks import Callback, EarlyStopping, StopTraining
from fastnn.history import History
from fastnn.io import load, save
from fastnn.layers import *  # noqa: F403
from fastnn.layers import __all__ as _layer_names
from fastnn.losses import (
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HingeLoss,
    HuberLoss,
    L1Loss,
    Loss,
    MSELoss,
    SquaredHingeLoss,
)
from fastnn.optim import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Lion,
    NAdam,
    Optimizer,
    RAdam,
    RMSprop,
    Rprop,
)
from fastnn.parameter import Parameter
from fastnn.patch import patch, unpatch
from fastnn.trainer import Trainer

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "BCEWithLogitsLoss",
    "Callback",
    "CrossEntropyLoss",
    "EarlyStopping",
    "HingeLoss",
    "History",
    "HuberLoss",
    "L1Loss",
    "Lion",
    "Loss",
    "MSELoss",
    "NAdam",
    "Optimizer",
    "Parameter",
    "RAdam",
    "RMSprop",
    "Rprop",
    "SquaredHingeLoss",
    "StopTraining",
    "Trainer",
    "__version__",
    "data",  # noqa: F405 (imported when asked for, see below)
    "functional",
    "get_num_threads",
    "init",
    "inspection",  # noqa: F405 (imported when asked for, see below)
    "io",
    "layers",
    "load",
    "metrics",
    "patch",
    "save",
    "schedules",
    "set_num_threads",
    "show_config",
    "unpatch",
    *_layer_names,
]


def __getattr__(name):
    # What takes a while to import, and not everybody needs.
    if name in ("data", "inspection"):
        import importlib

        return importlib.import_module(f"fastnn.{name}")
    raise AttributeError(f"module 'fastnn' has no attribute {name!r}")
