"""Call kernel leaves from Python, by the signatures of ``_leaf.pxd``."""

import ctypes
import functools
import importlib

import numpy as np

from fastnn import _dispatch

# The module of each build of the kernels that runs here.
MODULES = {level: importlib.import_module(_dispatch.MODULES[level]) for level in _dispatch.VARIANTS}

_pointer, _size, _double = ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_double
_SIGNATURES = {  # result, arguments
    "fastnn.map": (None, *[_pointer] * 2, _size, _pointer),
    "fastnn.grad": (None, *[_pointer] * 3, _size, _pointer),
    "fastnn.rows": (None, *[_pointer] * 2, _size, _size),
    "fastnn.rows_grad": (None, *[_pointer] * 3, _size, _size),
    "fastnn.loss": (_double, *[_pointer] * 4, _size, _size, _double, _pointer),
    "fastnn.update": (None, *[_pointer] * 4, _size, _pointer),
    "fastnn.prepare": (None, _pointer, _double, _double, _pointer),
    "fastnn.bias": (None, *[_pointer] * 2, *[_size] * 3),
    "fastnn.column_sum": (None, *[_pointer] * 2, *[_size] * 3),
    "fastnn.regularize": (None, *[_pointer] * 2, _size, *[_double] * 3),
    "fastnn.sum_squares": (_double, _pointer, _size),
    "fastnn.scale": (None, *[_pointer] * 2, _size, _double),
    "fastnn.dropout": (None, *[_pointer] * 2, _size, _size, ctypes.c_ulonglong, _double),
    "fastnn.prelu": (None, *[_pointer] * 3, _size, ctypes.c_int),
    "fastnn.prelu_grad": (None, *[_pointer] * 5, _size, ctypes.c_int),
    "fastnn.rrelu": (
        *[None, *[_pointer] * 3, _size, _size],
        *[ctypes.c_ulonglong, _double, _double, ctypes.c_int],
    ),
    "fastnn.maxout": (None, *[_pointer] * 3, _size, _size),
    "fastnn.maxout_grad": (None, *[_pointer] * 3, _size, _size),
    "fastnn.noise": (None, _pointer, _size, ctypes.c_ulonglong),
    "fastnn.pad": (None, *[_pointer] * 2, *[_size] * 2, *[_double] * 2),
    "fastnn.locate": (None, *[_pointer] * 5, *[_size] * 4),
    "fastnn.interpolate": (None, *[_pointer] * 5, *[_size] * 2),
    "fastnn.round": (None, *[_pointer] * 2, _size),
    "fastnn.gather": (None, *[_pointer] * 3, *[_size] * 3, _double),
    "fastnn.pool": (None, *[_pointer] * 2, _size, _pointer),
    "fastnn.pool_grad": (None, *[_pointer] * 4, _size, _pointer),
    "fastnn.cell_forward": (None, *[_pointer] * 6, _size),
    "fastnn.cell_backward": (None, *[_pointer] * 6, _size),
    "fastnn.count_steps": (None, *[_pointer] * 2, *[_size] * 3, _double),
    "fastnn.embedding": (None, *[_pointer] * 3, *[_size] * 2),
    "fastnn.sum_rows": (None, *[_pointer] * 3, *[_size] * 2),
    "fastnn.product": (
        *[None, *[_size] * 3, *[_pointer, _size, _size] * 2],
        *[_double, ctypes.c_int, _pointer, _size, _pointer, _pointer],
    ),
    "fastnn.product_rows": (
        *[None, *[_size] * 3, *[_pointer, _size] * 2, ctypes.c_int, _pointer, _size],
        *[_size, _size, _pointer],
    ),
    "fastnn.unfold": (None, *[_pointer] * 2, *[_size] * 4, _pointer, _size, _pointer),
    "fastnn.fold": (None, _pointer, _size, _pointer, *[_size] * 3, _pointer),
    "fastnn.crop": (None, *[_pointer] * 2, _size, _pointer),
    "fastnn.transpose": (None, *[_pointer] * 2, *[_size] * 3),
    "fastnn.sum": (_double, _pointer, _size),
    "fastnn.product_transposed": (None, *[_size] * 3, *[_pointer] * 3, *[_size] * 3, _pointer),
}

_capsule_name = ctypes.pythonapi.PyCapsule_GetName
_capsule_name.restype, _capsule_name.argtypes = ctypes.c_char_p, [ctypes.py_object]
_capsule_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_capsule_pointer.restype = ctypes.c_void_p
_capsule_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]


@functools.cache
def leaf(level, name, dtype):
    """The leaf as a function of arrays (passed by address; None is NULL) and numbers."""
    capsule = MODULES[level].LEAVES[name, np.dtype(dtype).name]
    signature = _capsule_name(capsule)
    function = ctypes.CFUNCTYPE(*_SIGNATURES[signature.decode()])(
        _capsule_pointer(capsule, signature)
    )

    def call(*args):
        return function(*[a.ctypes.data if isinstance(a, np.ndarray) else a for a in args])

    return call
