"""All hot arithmetic: the leaves whose signatures _leaf.pxd gives, and the table of them.

Nothing here allocates, validates, starts a thread or reads the environment. The file is built
once for each instruction set (the _kernels_*.pyx beside it are one ``include`` line each), and
its parts stand in kernels/, a family of operations to a file. Each operation is one generic
body for float32 and float64, a plain loop that the compiler vectorises.

A line of the table names a leaf ``operation.role``; Python looks leaves up by that name and a
dtype's name in ``LEAVES``.
"""

from cpython.pycapsule cimport PyCapsule_New

ctypedef fused real:
    float
    double

include "kernels/math.pxi"
include "kernels/activations.pxi"
include "kernels/rows.pxi"
include "kernels/losses.pxi"
include "kernels/updates.pxi"
include "kernels/movement.pxi"


LEAVES = {}


cdef int export(str name, const char* signature, void* float32, void* float64) except -1:
    LEAVES[name, "float32"] = PyCapsule_New(float32, signature, NULL)
    LEAVES[name, "float64"] = PyCapsule_New(float64, signature, NULL)
    return 0


cdef int activation(
    str name, void* forward32, void* backward32, void* forward64, void* backward64
) except -1:
    export(name + ".forward", "fastnn.map", forward32, forward64)
    export(name + ".backward", "fastnn.grad", backward32, backward64)
    return 0


activation(
    "relu",
    <void*>relu_forward[float], <void*>relu_backward[float],
    <void*>relu_forward[double], <void*>relu_backward[double],
)
