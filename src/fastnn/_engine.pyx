"""Runs kernel calls: one at once, or a compiled program of them for many steps without the GIL.

A *call* is an operation with its leaves, buffers, dimensions and scalars (engine/ops.pxi; matrix
products in engine/linear.pxi, and so on). The operation says into how many units it divides for a
batch of so many rows, and runs any range of them; the driver here hands contiguous ranges to
threads. What a unit is depends on the problem and never on the thread count, so that the same call
gives the same bits on any number of threads.

The leaves come from whichever instruction set was selected (``_dispatch``); this module itself
is built once, with baseline flags, and is the only one that knows OpenMP.
"""

from cpython.buffer cimport (
    PyBUF_ANY_CONTIGUOUS,
    PyBUF_FORMAT,
    PyBUF_ND,
    PyBUF_STRIDES,
    PyBUF_WRITABLE,
    PyBuffer_Release,
    PyObject_GetBuffer,
)
from cpython.exc cimport PyErr_CheckSignals
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.ref cimport Py_DECREF, Py_INCREF
from cpython.pycapsule cimport PyCapsule_GetPointer
from cpython.pythread cimport (
    NOWAIT_LOCK,
    PyThread_acquire_lock,
    PyThread_allocate_lock,
    PyThread_free_lock,
    PyThread_release_lock,
    PyThread_type_lock,
    WAIT_LOCK,
)
from cython.parallel cimport parallel
from libc.math cimport INFINITY, sqrt
from libc.string cimport memcmp, memcpy, memset, strchr, strcmp

from numpy import empty, ndarray

from fastnn._leaf cimport *

cdef extern from *:
    """
    #include <time.h>
    static double fastnn_now(void) {
        struct timespec t;
    #ifdef CLOCK_MONOTONIC
        clock_gettime(CLOCK_MONOTONIC, &t);
    #else
        timespec_get(&t, TIME_UTC);
    #endif
        return t.tv_sec + 1e-9 * t.tv_nsec;
    }
    """
    double fastnn_now() noexcept nogil

cdef enum:
    MAX_BUFFERS = 16
    MAX_LEAVES = 6
    MAX_DIMS = 16
    MAX_SCALARS = 8


# How a call divides: `count` units, of which a thread should have at least `grain`.
cdef struct Split:
    Py_ssize_t count
    Py_ssize_t grain


# What changes from batch to batch, shared by all calls of a run.
cdef struct Context:
    Py_ssize_t rows             # samples in this batch
    double lr                   # learning rate of this step
    long long step              # optimizer steps taken, this one included
    unsigned long long seed     # of the noise
    double weight_sum           # of the batch's sample weights
    double loss                 # of the batch: the weighted mean
    char* scratch               # a slab for each thread
    Py_ssize_t scratch_size     # bytes of one slab
    void* error                 # an exception that ends the run, or NULL
    double last_look            # when signals were last looked at


cdef struct Call:
    int op
    int itemsize                # 4 for float32, 8 for float64
    void* leaf[MAX_LEAVES]
    char* buf[MAX_BUFFERS]
    Py_ssize_t dim[MAX_DIMS]
    double scalar[MAX_SCALARS]


ctypedef Split (*split_fn)(const Call* c, const Context* ctx) noexcept nogil

# Runs units begin..end; end is at most the split's count. `thread` picks the scratch slab.
ctypedef void (*run_fn)(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil


cdef void interrupt(Context* ctx, object error) noexcept:
    # Ends the run after this call; the first error is the one raised.
    if ctx.error == NULL:
        Py_INCREF(error)
        ctx.error = <void*>error


include "engine/ops.pxi"
include "engine/linear.pxi"
include "engine/losses.pxi"
include "engine/pool.pxi"
include "engine/piecewise.pxi"
include "engine/convolution.pxi"
include "engine/branches.pxi"
include "engine/augment.pxi"
include "engine/normalization.pxi"
include "engine/layer_norm.pxi"
include "engine/recurrent.pxi"
include "engine/embedding.pxi"
include "engine/table.pxi"
include "engine/team.pxi"
include "engine/drive.pxi"
include "engine/arrays.pxi"
include "engine/calls.pxi"
include "engine/product_call.pxi"
include "engine/augment_calls.pxi"
include "engine/program.pxi"
include "engine/predictor.pxi"
include "engine/procedure.pxi"
