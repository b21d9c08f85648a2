"""Memory that is used again: fresh pages cost as much as what is computed into them."""

import sys

import numpy as np

# Bytes of arrays that are worth it; the C library keeps smaller ones itself.
_WORTH = 1 << 18
_KEPT = 2


class Memory:
    """New arrays of one shape, for results that a script takes and soon lets go.

    An array is given out again when nothing else refers to it any more: neither the script nor a
    view, which refers to the array that it is of.
    """

    def __init__(self):
        self._kept = []

    def empty(self, shape: tuple, dtype=np.float64) -> np.ndarray:
        """An array of any contents that nobody else has."""
        for i in range(len(self._kept)):
            if sys.getrefcount(self._kept[i]) == _ALONE:
                array = self._kept[i]
                if array.shape == shape and array.dtype == dtype:
                    return array
        array = np.empty(shape, dtype)
        if array.nbytes >= _WORTH:
            alike = [a for a in self._kept if a.shape == shape]
            self._kept = [*alike[1 - _KEPT :], array]
        else:
            self._kept = []
        return array

    def __reduce__(self):
        return Memory, ()  # copies and files of layers go without


def _alone() -> int:
    # What `sys.getrefcount` says of an array in a list to which nothing else refers.
    kept = [np.empty(0)]
    return sys.getrefcount(kept[0])


_ALONE = _alone()
