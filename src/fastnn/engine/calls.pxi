# From Python arrays to calls, and single calls at once: what fastnn.functional runs.

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


cdef inline Py_ssize_t rows_of(const Py_buffer* a) noexcept:
    # The rows along the last axis of an array of at least one.
    cdef Py_ssize_t size = a.len // a.itemsize
    return size // columns(a) if size else 0


def run_bias_map(list bias_leaves, list map_leaves, x, bias, y, tuple params):
    """y = f(x + bias) along the last axis; y may be x. Accepts what `run_map` does; bias lies
    apart from y."""
    cdef Call call
    cdef Context ctx
    cdef Lease lease
    cdef Py_buffer* to = &lease.view[0]
    cdef Py_buffer* source = &lease.view[1]
    cdef Py_buffer* row = &lease.view[2]
    lease.count = 0
    clear(&call, OP_BIAS_MAP)
    try:
        if not (borrow_plain(&lease, y, True) and borrow_plain(&lease, x, False)
                and borrow_plain(&lease, bias, False)):
            return False
        if not (alike(to, source) and to.ndim > 0
                and is_vector(row, columns(to), to) and apart(row, to)):
            return False
        call.itemsize = <int>to.itemsize
        set_leaves(&call, (bias_leaves[call.itemsize == 8], map_leaves[call.itemsize == 8]))
        set_scalars(&call, params)
        call.buf[0] = <char*>source.buf
        call.buf[1] = <char*>row.buf
        call.buf[2] = call.buf[3] = <char*>to.buf
        call.dim[0] = columns(to)
        ctx.rows = rows_of(to)
        run_once(&call, 0, 1, &ctx)
        return True
    finally:
        give_back(&lease)


def run_bias_grad(
    list grad_leaves, list column_sum_leaves, grad, saved, dx, dbias, tuple params
):
    """dx = grad * f'(saved), dbias = the sums of dx over all axes but the last. Accepts what
    `run_grad` does; dbias lies apart from the rest."""
    cdef Call calls[2]
    cdef Context ctx
    cdef Lease lease
    cdef Py_buffer* to = &lease.view[0]
    cdef Py_buffer* sums = &lease.view[1]
    cdef int i
    lease.count = 0
    clear(&calls[0], OP_GRAD)
    clear(&calls[1], OP_BIAS_BACKWARD)
    try:
        if not (borrow_plain(&lease, dx, True) and borrow_plain(&lease, dbias, True)
                and borrow_plain(&lease, grad, False) and borrow_plain(&lease, saved, False)):
            return False
        if not (to.ndim > 0 and is_vector(sums, columns(to), to) and apart(sums, to)):
            return False
        for i in range(2):
            if not (alike(to, &lease.view[2 + i]) and apart(sums, &lease.view[2 + i])):
                return False
            calls[0].buf[i] = <char*>lease.view[2 + i].buf
        calls[0].itemsize = calls[1].itemsize = <int>to.itemsize
        set_leaves(&calls[0], (grad_leaves[to.itemsize == 8],))
        set_scalars(&calls[0], params)
        set_leaves(&calls[1], (column_sum_leaves[to.itemsize == 8],))
        calls[0].buf[2] = calls[1].buf[1] = <char*>to.buf
        calls[1].buf[GRADIENT] = <char*>sums.buf
        calls[0].dim[0] = calls[1].dim[1] = columns(to)
        calls[1].dim[3] = 1
        ctx.rows = rows_of(to)
        run_once(calls, 0, 2, &ctx)
        return True
    finally:
        give_back(&lease)


def run_loss(list value_leaves, list label_leaves, pred, target, weight, grad, tuple params):
    """The weighted mean of the rows' losses, and its gradient in grad, which may be pred.

    Targets are like pred, or classes (N,) of any integers where there are label_leaves; those
    losses want pred to be (N, C). weight may be None. Accepts what `run_map` does, with target and
    weight apart from grad, classes and weights in their ranges. Returns None, with nothing
    done, for anything else.
    """
    cdef Call calls[3]
    cdef Context ctx
    cdef Lease lease
    cdef Py_buffer* to = &lease.view[0]
    cdef Py_buffer* source = &lease.view[1]
    cdef Py_buffer* aim = &lease.view[2]
    cdef Py_buffer* weights = &lease.view[3]
    cdef double small[64]
    cdef double* partial = small
    cdef long long* codes = NULL    # labels of other integers, as int64
    cdef Py_ssize_t units, rows, cols, i
    cdef bint labelled
    lease.count = 0
    clear(&calls[0], OP_WEIGHT_SUM)
    clear(&calls[1], OP_LOSS)
    try:
        if not (borrow_plain(&lease, grad, True) and borrow_plain(&lease, pred, False)
                and borrow_native(&lease, target, False)):
            return None
        if not (alike(to, source) and apart(to, aim) and to.ndim > 0):
            return None
        rows = to.shape[0]
        cols = to.len // to.itemsize // rows if rows else columns(to)
        if label_leaves is not None and (to.ndim != 2 or cols == 0):
            return None
        labelled = label_leaves is not None and are_classes(aim, rows, cols)
        if not labelled and not same_kind(aim, to):
            return None
        if weight is not None:
            if not (borrow_plain(&lease, weight, False) and apart(to, weights)
                    and are_weights(weights, rows, to)):
                return None
            calls[0].buf[0] = calls[1].buf[2] = <char*>weights.buf
        if to.len == 0:
            return 0.0
        calls[0].itemsize = calls[1].itemsize = <int>to.itemsize
        set_leaves(&calls[1], ((label_leaves if labelled else value_leaves)[to.itemsize == 8],))
        set_scalars(&calls[1], params)
        calls[1].scalar[VALUE_FACTOR] = calls[1].scalar[GRADIENT_FACTOR] = 1
        calls[1].buf[0] = <char*>source.buf
        calls[1].buf[1] = <char*>aim.buf
        calls[1].buf[3] = <char*>to.buf
        calls[1].dim[0] = cols
        calls[1].dim[1] = aim.len // rows
        calls[0].dim[0] = calls[1].dim[2] = 1
        if labelled and not is_int64(aim):
            codes = <long long*>PyMem_Malloc(rows * sizeof(long long))
            if codes == NULL:
                raise MemoryError()
            for i in range(rows):
                codes[i] = integer_at(aim, i)
            calls[1].buf[1] = <char*>codes
            calls[1].dim[1] = sizeof(long long)
        ctx.rows = rows
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
        PyMem_Free(codes)
        if partial != small:
            PyMem_Free(partial)


def run_update(
    list prepare, list update, param, grad, tuple states, tuple config, double lr, double step
):
    """One step of an optimizer with up to three states, in place. Of a third, the kernel is told
    by a last number of its config how many elements behind the second it lies.

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
            if i < 4:
                calls[1].buf[GRADIENT + i] = <char*>lease.view[i].buf
        calls[1].itemsize = <int>lease.view[0].itemsize
        set_leaves(&calls[0], (prepare[calls[1].itemsize == 8],))
        set_leaves(&calls[1], (None, None, update[calls[1].itemsize == 8]))
        for i in range(len(config)):
            settings[i] = config[i]
        settings[len(config)] = 0
        if len(states) == 3:
            settings[len(config)] = (
                <char*>lease.view[4].buf - <char*>lease.view[3].buf) // calls[1].itemsize
        calls[0].buf[0] = <char*>settings
        calls[0].scalar[0] = 1
        calls[0].buf[HYPER] = calls[1].buf[HYPER] = <char*>hyper
        calls[1].dim[0] = lease.view[0].len // calls[1].itemsize
        ctx.rows = 1
        ctx.lr = lr
        ctx.step = <long long>step
        run_once(calls, 0, 2, &ctx)
        return True
    finally:
        give_back(&lease)


def run_alone(str op, list leaves, tuple buffers, tuple written, tuple dims, Py_ssize_t rows):
    """One call of an operation with one leaf, given for float32 and float64.

    Arrays are contiguous, or None, and of the types and shapes that the operation's comment asks
    for, the first of them of the operation's own type: the caller has seen to it. `written` tells
    of each whether it is written.
    """
    cdef Call call
    cdef Context ctx
    cdef Lease lease
    cdef Py_ssize_t i
    lease.count = 0
    clear(&call, OPS[op])
    try:
        for i in range(len(buffers)):
            call.buf[i] = borrow(&lease, buffers[i], written[i])
        call.itemsize = <int>lease.view[0].itemsize
        set_leaves(&call, (leaves[call.itemsize == 8],))
        for i in range(len(dims)):
            call.dim[i] = dims[i]
        ctx.rows = rows
        run_once(&call, 0, 1, &ctx)
    finally:
        give_back(&lease)
