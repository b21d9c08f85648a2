"""Sums over all elements."""

import functools

import numpy as np

from fastnn._engine import UPDATE_BLOCK, Procedure
from fastnn.compat.scratch._numbers import FLOATS, leaf, ordinary


def squares(a):
    """The sum of all squares."""
    if not (ordinary(a) and a.dtype in FLOATS):
        return np.sum(a**2)
    partial = np.empty(-(-a.size // UPDATE_BLOCK))
    _squares(a.size, a.dtype).run(1, (a, partial))
    return partial.sum()


@functools.lru_cache(maxsize=64)
def _squares(size: int, dtype: np.dtype) -> Procedure:
    call = ("squares", dtype.itemsize, (leaf("squares.sum", dtype),), (None, None, 0, None, 1),
            (size,), ())  # fmt: skip
    sizes = (0, size * dtype.itemsize), (0, -(-size // UPDATE_BLOCK) * 8)
    return Procedure([call], sizes, (1,), 0)
