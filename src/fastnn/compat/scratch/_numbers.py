"""Arrays as the engine takes them."""

import functools

import numpy as np

from fastnn import _dispatch
from fastnn._engine import Procedure

FLOAT64 = np.dtype(np.float64)
FLOATS = frozenset((np.dtype(np.float32), FLOAT64))
# What the engine brings to another type by itself, on several threads.
GATHERED = frozenset((*FLOATS, np.dtype(np.uint8)))


def leaf(role: str, dtype: np.dtype):
    """The kernel of a role for a type."""
    return _dispatch.table(role)[dtype]


def ordinary(a) -> bool:
    """Whether the engine can read an array where it is, apart from its type."""
    return type(a) is np.ndarray and a.flags.c_contiguous and a.flags.aligned


def numbers(a: np.ndarray, dtype: np.dtype = FLOAT64) -> np.ndarray:
    """`a` as an ordinary array of floats: itself, or a copy where it isn't one."""
    if ordinary(a):
        if a.dtype == dtype:
            return a
        if a.dtype in GATHERED and a.dtype.isnative:
            result = np.empty(a.shape, dtype)
            if a.size:
                rows = len(a) if a.ndim else 1
                _conversion(a.dtype, dtype, a.size // rows).run(rows, (a, result))
            return result
    return np.require(a, dtype, ("C", "A", "E"))


def gather(source: np.dtype, target: np.dtype, columns: int, x: int, y: int) -> tuple:
    """The call that brings rows of array `x` to another type, in array `y`."""
    return ("gather", target.itemsize, (leaf(f"gather.{source}", target),), (x, None, y),
            (columns, columns * source.itemsize), (1.0,))  # fmt: skip


@functools.lru_cache(maxsize=64)
def _conversion(source: np.dtype, target: np.dtype, columns: int) -> Procedure:
    sizes = (columns * source.itemsize, 0), (columns * target.itemsize, 0)
    return Procedure([gather(source, target, columns, 0, 1)], sizes, (1,), 0)
