# From Python arrays to calls, and single calls at once: what fastnn.functional runs.

cdef int MAX_LEASES = MAX_BUFFERS


# The buffers that one immediate call holds.
cdef struct Lease:
    Py_buffer view[MAX_BUFFERS]
    int count


cdef char* borrow(Lease* lease, object array, bint writable) except? NULL:
    # The memory of a contiguous array, until `give_back`. None gives NULL.
    cdef Py_buffer* view
    if array is None:
        return NULL
    view = &lease.view[lease.count]
    PyObject_GetBuffer(
        array, view, (PyBUF_ANY_CONTIGUOUS | PyBUF_WRITABLE) if writable else PyBUF_ANY_CONTIGUOUS)
    lease.count += 1
    return <char*>view.buf


cdef void give_back(Lease* lease) noexcept:
    cdef int i
    for i in range(lease.count):
        PyBuffer_Release(&lease.view[i])


cdef int set_leaves(Call* call, tuple leaves) except -1:
    cdef tuple names = LEAF_NAMES[call.op]
    cdef Py_ssize_t i
    for i in range(len(leaves)):
        if leaves[i] is not None:
            # Refuses a capsule of any other signature.
            call.leaf[i] = PyCapsule_GetPointer(leaves[i], names[i])
    return 0


cdef int set_scalars(Call* call, tuple scalars) except -1:
    cdef Py_ssize_t i
    if len(scalars) > MAX_SCALARS:
        raise ValueError(f"scalars: expected at most {<int>MAX_SCALARS}, got {len(scalars)}")
    for i in range(len(scalars)):
        call.scalar[i] = scalars[i]
    return 0


cdef inline void clear(Call* call, int op) noexcept:
    memset(call, 0, sizeof(Call))
    call.op = op


cdef bint borrow_plain(Lease* lease, object array, bint writable) except -1:
    # The memory of an array that needs no preparation: an ndarray (no subclass, whose meaning
    # may be another) of native, aligned float32 or float64 in C order, writable if it must be.
    # False for anything else.
    cdef Py_buffer* view = &lease.view[lease.count]
    cdef int flags = PyBUF_FORMAT | PyBUF_ND | (PyBUF_WRITABLE if writable else 0)
    if type(array) is not ndarray:
        return False
    try:
        PyObject_GetBuffer(array, view, flags)
    except (BufferError, ValueError):
        return False
    lease.count += 1
    return (
        (view.format[0] == b"f" or view.format[0] == b"d") and view.format[1] == 0
        and <size_t>view.buf % view.itemsize == 0
    )


cdef bint alike(const Py_buffer* a, const Py_buffer* b) noexcept:
    # Two plain arrays of one type and shape, which are the same memory or have none in common.
    cdef Py_ssize_t apart = <char*>a.buf - <char*>b.buf
    return (
        a.format[0] == b.format[0] and a.ndim == b.ndim
        and memcmp(a.shape, b.shape, a.ndim * sizeof(Py_ssize_t)) == 0
        and (apart == 0 or apart >= a.len or -apart >= a.len)
    )


cdef bint run_alike(int op, list leaves, tuple arrays, tuple params) except -1:
    # map, grad, rows and rows_grad: arrays of one shape, of which the last is written.
    cdef Call call
    cdef Context ctx
    cdef Lease lease
    cdef Py_ssize_t i, size, last = len(arrays) - 1
    lease.count = 0
    clear(&call, op)
    try:
        for i in range(last, -1, -1):
            if not borrow_plain(&lease, arrays[i], i == last):
                return False
            if not alike(&lease.view[0], &lease.view[last - i]):
                return False
            call.buf[i] = <char*>lease.view[last - i].buf
        call.itemsize = <int>lease.view[0].itemsize
        set_leaves(&call, (leaves[call.itemsize == 8],))
        set_scalars(&call, params)
        size = lease.view[0].len // call.itemsize
        ctx.rows = 1
        call.dim[0] = size
        if op == OP_ROWS or op == OP_ROWS_GRAD:
            if lease.view[0].ndim == 0:
                return False
            call.dim[0] = 1
            call.dim[1] = lease.view[0].shape[lease.view[0].ndim - 1]
            ctx.rows = size // call.dim[1] if size else 0
        run_once(&call, 0, 1, &ctx)
        return True
    finally:
        give_back(&lease)


def run_map(list leaves, x, y, tuple params):
    """y = f(x); y may be x.

    Takes the leaves for float32 and float64. Accepts C-contiguous, aligned arrays of one of
    these types and of one shape, which overlap wholly or not at all. Returns False, with
    nothing done, for anything else: the caller finds out what is wrong, or makes copies.
    """
    return run_alike(OP_MAP, leaves, (x, y), params)


def run_grad(list leaves, grad, saved, dx, tuple params):
    """dx = grad * f'(saved); dx may be grad or saved. Accepts what `run_map` does."""
    return run_alike(OP_GRAD, leaves, (grad, saved, dx), params)


def run_rows(list leaves, x, y):
    """y = f(x) along the last axis; y may be x. Accepts what `run_map` does."""
    return run_alike(OP_ROWS, leaves, (x, y), ())


def run_rows_grad(list leaves, grad, y, dx):
    """dx = f'(grad, y) along the last axis. Accepts what `run_map` does."""
    return run_alike(OP_ROWS_GRAD, leaves, (grad, y, dx), ())


def run_bias_map(bias_leaf, map_leaf, x, bias, y, Py_ssize_t rows, Py_ssize_t cols, tuple params):
    """y = f(x + bias); y may be x."""
    cdef Call call
    cdef Context ctx
    cdef Lease lease
    lease.count = 0
    clear(&call, OP_BIAS_MAP)
    try:
        set_leaves(&call, (bias_leaf, map_leaf))
        set_scalars(&call, params)
        call.buf[0] = borrow(&lease, x, False)
        call.buf[1] = borrow(&lease, bias, False)
        call.buf[2] = call.buf[3] = borrow(&lease, y, True)
        call.itemsize = <int>lease.view[0].itemsize
        call.dim[0] = cols
        ctx.rows = rows
        run_once(&call, 0, 1, &ctx)
    finally:
        give_back(&lease)


def run_bias_grad(
    grad_leaf, column_sum_leaf, grad, saved, dx, dbias,
    Py_ssize_t rows, Py_ssize_t cols, tuple params,
):
    """dx = grad * f'(saved), dbias = the column sums of dx."""
    cdef Call calls[2]
    cdef Context ctx
    cdef Lease lease
    lease.count = 0
    clear(&calls[0], OP_GRAD)
    clear(&calls[1], OP_BIAS_BACKWARD)
    try:
        set_leaves(&calls[0], (grad_leaf,))
        set_scalars(&calls[0], params)
        set_leaves(&calls[1], (column_sum_leaf,))
        calls[0].buf[0] = borrow(&lease, grad, False)
        calls[0].buf[1] = borrow(&lease, saved, False)
        calls[0].buf[2] = calls[1].buf[1] = borrow(&lease, dx, True)
        calls[1].buf[GRADIENT] = borrow(&lease, dbias, True)
        calls[0].itemsize = calls[1].itemsize = <int>lease.view[0].itemsize
        calls[0].dim[0] = calls[1].dim[1] = cols
        ctx.rows = rows
        run_once(calls, 0, 2, &ctx)
    finally:
        give_back(&lease)


def run_loss(
    leaf, pred, target, weight, grad, Py_ssize_t rows, Py_ssize_t cols, tuple params
):
    """The weighted mean of the rows' losses; writes its gradient where grad is not None."""
    cdef Call calls[3]
    cdef Context ctx
    cdef Lease lease
    cdef double small[64]
    cdef double* partial = small
    cdef Py_ssize_t units
    cdef int i
    lease.count = 0
    clear(&calls[0], OP_WEIGHT_SUM)
    clear(&calls[1], OP_LOSS)
    ctx.rows = rows
    try:
        set_leaves(&calls[1], (leaf,))
        set_scalars(&calls[1], params)
        calls[1].buf[0] = borrow(&lease, pred, False)
        calls[1].itemsize = <int>lease.view[0].itemsize
        calls[1].buf[1] = borrow(&lease, target, False)
        calls[1].dim[0] = cols
        calls[1].dim[1] = lease.view[1].len // rows if rows else 0
        calls[0].buf[0] = calls[1].buf[2] = borrow(&lease, weight, False)
        calls[0].itemsize = calls[1].itemsize
        calls[1].buf[3] = borrow(&lease, grad, True)
        units = loss_split(&calls[1], &ctx).count
        if units > 64:
            partial = <double*>PyMem_Malloc(units * sizeof(double))
            if partial == NULL:
                raise MemoryError()
        calls[1].buf[4] = <char*>partial
        calls[2] = calls[1]
        calls[2].op = OP_LOSS_MEAN
        run_once(calls, 0, 3, &ctx)
        return ctx.loss
    finally:
        give_back(&lease)
        if partial != small:
            PyMem_Free(partial)


def run_update(
    list prepare, list update, param, grad, tuple states, tuple config, double lr, double step
):
    """One step of an optimizer with up to two states, in place.

    Accepts what `run_map` does, except that no two arrays may overlap.
    """
    cdef Call calls[2]
    cdef Context ctx
    cdef Lease lease
    cdef double settings[MAX_SCALARS]
    cdef double hyper[16]
    cdef Py_ssize_t i, j
    cdef tuple arrays = (grad, param, *states)
    lease.count = 0
    clear(&calls[0], OP_PREPARE)
    clear(&calls[1], OP_UPDATE)
    try:
        for i in range(len(arrays)):
            if not borrow_plain(&lease, arrays[i], i > 0):
                return False
            for j in range(lease.count - 1):
                if (not alike(&lease.view[j], &lease.view[lease.count - 1])
                        or (lease.view[j].buf == lease.view[lease.count - 1].buf
                            and lease.view[j].len > 0)):
                    return False
            calls[1].buf[GRADIENT + i] = <char*>lease.view[lease.count - 1].buf
        calls[1].itemsize = <int>lease.view[0].itemsize
        set_leaves(&calls[0], (prepare[calls[1].itemsize == 8],))
        set_leaves(&calls[1], (None, None, update[calls[1].itemsize == 8]))
        for i in range(len(config)):
            settings[i] = config[i]
        calls[0].buf[0] = <char*>settings
        calls[0].buf[HYPER] = calls[1].buf[HYPER] = <char*>hyper
        calls[1].dim[0] = lease.view[0].len // calls[1].itemsize
        ctx.rows = 1
        ctx.lr = lr
        ctx.step = <long long>step
        run_once(calls, 0, 2, &ctx)
        return True
    finally:
        give_back(&lease)
