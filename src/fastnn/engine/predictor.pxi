# Predictions: a program's forward over arrays of any number of rows.


cdef class Predictor:
    """Runs a program's forward for its outputs alone.

    Parameters
    ----------
    program : Program
    x, y : array (capacity, ...)
        Where it takes its inputs and leaves its outputs.
    gather : capsule
        Brings rows of the type of `x` to `x`.
    in_place : bool
        Whether such rows may be read where they are.
    """

    cdef Program program
    cdef Lease views            # of x and y
    cdef object gather
    cdef bint in_place
    cdef tuple shape            # of an output sample
    cdef object dtype
    cdef PyThread_type_lock lock    # predictions share the program's memory: threads take turns

    def __cinit__(self):
        self.views.count = 0
        self.lock = PyThread_allocate_lock()
        if self.lock == NULL:
            raise MemoryError()

    def __init__(self, Program program not None, x, y, gather, bint in_place):
        if self.views.count:
            raise RuntimeError("a predictor is made once")
        if not (borrow_native(&self.views, x, False) and borrow_plain(&self.views, y, False)):
            raise TypeError("x, y: expected ordinary arrays")
        self.program = program
        self.gather = gather
        self.in_place = in_place
        self.shape = y.shape[1:]
        self.dtype = y.dtype

    def __dealloc__(self):
        give_back(&self.views)
        if self.lock != NULL:
            PyThread_free_lock(self.lock)

    def predict(self, x):
        """The outputs for `x`, in a new array.

        Accepts an ordinary array of the type, the sample shape and at most the rows of the
        program's input. Returns None, with nothing done, for anything else (integers too, whose
        range somebody must check), which `predict_from` may know how to read.
        """
        cdef Lease lease
        cdef Py_buffer* rows = &lease.view[0]
        cdef Py_buffer* like = &self.views.view[0]
        lease.count = 0
        try:
            if not (borrow_plain(&lease, x, False) and same_samples(rows, like)
                    and rows.shape[0] <= like.shape[0]):
                return None
            return self._run(
                rows, like.len // like.shape[0], self.gather, 1, self.in_place)
        finally:
            give_back(&lease)

    def predict_from(self, x, gather, double scale, bint in_place):
        """The outputs for any number of rows, some at a time; arguments as for `bind`."""
        cdef Py_buffer view
        PyObject_GetBuffer(x, &view, PyBUF_STRIDES)
        try:
            return self._run(&view, view.strides[0], gather, scale, in_place)
        finally:
            PyBuffer_Release(&view)

    cdef object _run(
        self, const Py_buffer* x, Py_ssize_t stride, gather, double scale, bint in_place
    ):
        cdef Program program = self.program
        cdef Lease lease
        cdef const Py_buffer* y = &self.views.view[1]
        cdef Py_ssize_t rows = x.shape[0], first = 0, count, size = y.len // y.shape[0]
        cdef char* target
        outputs = empty((rows, *self.shape), self.dtype)
        lease.count = 0
        target = borrow(&lease, outputs, True)
        if not PyThread_acquire_lock(self.lock, NOWAIT_LOCK):
            with nogil:
                PyThread_acquire_lock(self.lock, WAIT_LOCK)
        try:
            program.feed(INPUT, x, stride, gather, scale, in_place)
            while first < rows:
                count = min(y.shape[0], rows - first)
                program.run_forward(first, count, 0)
                memcpy(target + first * size, y.buf, count * size)
                first += count
            return outputs
        finally:
            program.plan.feeds[<int>INPUT].source = NULL
            PyThread_release_lock(self.lock)
            give_back(&lease)
