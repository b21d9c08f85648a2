"""Arrays that end where memory ends: to touch what follows them is a segmentation fault."""

import ctypes
import mmap
import sys

import numpy as np

_PROT_NONE = 0


def guarded(matrix):
    """A copy with the same strides, whose last element is the last before a page that may be
    neither read nor written; on Linux, elsewhere the end is not guarded. Between rows that lie
    apart is NaN.
    """
    bytes_used = matrix.itemsize if matrix.size else 0
    for length, stride in zip(matrix.shape, matrix.strides, strict=True):
        bytes_used += max(0, length - 1) * stride
    fence = -(-bytes_used // mmap.PAGESIZE) * mmap.PAGESIZE
    memory = np.frombuffer(mmap.mmap(-1, fence + mmap.PAGESIZE), np.uint8)
    room = memory[fence - bytes_used : fence]
    room[:] = 0xFF
    copy = np.ndarray(matrix.shape, matrix.dtype, room, strides=matrix.strides)
    copy[...] = matrix
    if sys.platform == "linux":
        address, size = ctypes.c_void_p(memory.ctypes.data + fence), ctypes.c_size_t(mmap.PAGESIZE)
        if ctypes.CDLL(None).mprotect(address, size, _PROT_NONE) != 0:
            raise OSError("mprotect failed")
    return copy
