"""Memory that is used again: fresh pages cost as much as what is computed into them."""

import sys
from collections import deque

import numpy as np

# Bytes of arrays that are worth it; the C library keeps smaller ones itself.
_WORTH = 1 << 18
_KEPT = 2


class Memory:
    """New arrays of one shape, for results that a script takes and soon lets go.

    An array is given out again when nothing else refers to it any more: neither the script nor a
    view, which refers to the array that it is of. Threads of Python's may share one of these: who
    looks at an array has taken it out before.
    """

    def __init__(self):
        self._kept = deque()

    def empty(self, shape: tuple, dtype=np.float64) -> np.ndarray:
        """An array of any contents that nobody else has."""
        for _ in range(len(self._kept)):
            array, references = _take(self._kept)
            if array is None:
                break
            if array.shape == shape and array.dtype == dtype:
                self._kept.append(array)
                if references == _ALONE:
                    return array
        array = np.empty(shape, dtype)
        if array.nbytes >= _WORTH:
            self._kept.append(array)
            if len(self._kept) > _KEPT:
                _take(self._kept)
        return array

    def __reduce__(self):
        return Memory, ()  # copies and files of layers go without


def _take(kept: deque) -> tuple:
    # An array, and how many references there are to it; (None, 0) where no array is left.
    try:
        array = kept.popleft()
    except IndexError:
        return None, 0
    return array, sys.getrefcount(array)


# What that says of an array to which nothing else refers; it differs from Python to Python.
_ALONE = _take(deque([np.empty(0)]))[1]
