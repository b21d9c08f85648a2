"""The array API in plain NumPy, function for function: oracle, baseline and readable formulas.

Signatures and results are those of ``fastnn.functional``, whose documentation tells what the
arguments mean. Here the code is the documentation: each body is its formula, in a form that
neither overflows nor cancels, for any floating dtype; computed in long double it is an oracle
for float64 (for the GELU one of C's precision, as its error function is C's in double).
Arguments are not checked.

``saved`` is what a backward needs of its forward; the formula calls it ``x`` where that is the
input and ``y`` where it is the output.
"""

from fastnn.reference.activations import *  # noqa: F403
from fastnn.reference.augment import *  # noqa: F403
from fastnn.reference.convolution import *  # noqa: F403
from fastnn.reference.losses import *  # noqa: F403
from fastnn.reference.normalization import *  # noqa: F403
from fastnn.reference.piecewise import *  # noqa: F403
from fastnn.reference.pooling import *  # noqa: F403
from fastnn.reference.recurrent import *  # noqa: F403
from fastnn.reference.rows import *  # noqa: F403
from fastnn.reference.updates import *  # noqa: F403

__all__ = [
    name
    for name, value in vars().items()
    if not name.startswith("_") and getattr(value, "__module__", "").startswith(__name__)
]
