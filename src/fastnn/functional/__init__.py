"""The array API: plain functions on NumPy arrays, computed by the kernels.

Rules that hold for every function here:

- Arrays are NumPy arrays of float32 or float64. Nothing is cast, and dtypes are not mixed.
- Inputs may have any strides (a copy is made where they are not C-contiguous). What is written,
  ``out`` or an in-place target, must be C-contiguous and writeable, and must not overlap an
  input in part. Where a function says so it may be that input itself.
- ``out`` given is returned, the same object.
- Errors are raised before anything is written and name the argument, what was expected and what
  came: TypeError for types and dtypes, ValueError for shapes, memory and values.
- The result is the same, bit for bit, for any number of threads.

``fastnn.reference`` holds the same functions as formulas in plain NumPy.
"""

from fastnn.functional import activations, adam, losses, piecewise, updates
from fastnn.functional.activations import *  # noqa: F403  (a pair for each row of the registry)
from fastnn.functional.adam import *  # noqa: F403
from fastnn.functional.losses import *  # noqa: F403
from fastnn.functional.piecewise import *  # noqa: F403
from fastnn.functional.updates import *  # noqa: F403

__all__ = [
    *activations.__all__,
    *piecewise.__all__,
    *losses.__all__,
    *updates.__all__,
    *adam.__all__,
]
