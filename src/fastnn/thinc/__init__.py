"""thinc, and with it spaCy, on fastnn's kernels: a backend and the optimizers.

One line, before models are made::

    thinc.api.set_current_ops(fastnn.thinc.FastnnOps())

or with fastnn installed ``thinc.api.use_ops("fastnn")``. thinc's optimizers don't ask for a
backend: `Adam`, `RAdam` and `SGD` take their places, in configurations as ``fastnn.Adam.v1``,
``fastnn.RAdam.v1`` and ``fastnn.SGD.v1``. `install` does both for code that can't be changed.

For thinc 8.3, which spaCy 3.8 needs, and 9.1.
"""

try:
    import thinc.backends  # noqa: F401
except ImportError as error:
    raise ImportError(
        f"fastnn.thinc stands on thinc, which can't be imported ({error}): pip install thinc",
        name="thinc",
    ) from error

from fastnn.thinc._install import install, uninstall
from fastnn.thinc.ops import FastnnOps
from fastnn.thinc.optimizers import SGD, Adam, Optimizer, RAdam

__all__ = ["SGD", "Adam", "FastnnOps", "Optimizer", "RAdam", "install", "uninstall"]
