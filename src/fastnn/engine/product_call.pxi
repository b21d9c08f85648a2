# A matrix product at once, from Python.

def run_product(
    list leaves, list bias_leaves, a, b, c, bias, bint transpose_a, bint transpose_b,
    Py_ssize_t slab,
):
    """c = a b, of which a or b may be transposed; with b transposed, + bias.

    Parameters
    ----------
    leaves, bias_leaves : list
        For float32 and float64: with `transpose_b` those of product.transposed and of bias.add,
        else those of product.
    a, b, c : array (m, k) or (k, m), array (k, n) or (n, k), array (m, n)
    bias : array (n,) or None
        None unless `transpose_b`.
    slab : int
        With `transpose_a` how many rows of c are a unit.

    Accepts what `run_map` does, but nothing empty, and c apart from the rest. Returns False, with
    nothing done, for anything else.
    """
    cdef Call call
    cdef Context ctx
    cdef Lease lease
    cdef Py_buffer* to = &lease.view[0]
    cdef Py_buffer* left = &lease.view[1]
    cdef Py_buffer* right = &lease.view[2]
    cdef int i
    cdef Py_ssize_t m, n, k
    cdef void* scratch = NULL
    lease.count = 0
    if transpose_a and transpose_b:
        return False
    try:
        if not (borrow_plain(&lease, c, True) and borrow_plain(&lease, a, False)
                and borrow_plain(&lease, b, False)):
            return False
        for i in range(3):
            if lease.view[i].ndim != 2 or lease.view[i].len == 0:
                return False
            if lease.view[i].format[0] != to.format[0]:
                return False
        m, n = to.shape[0], to.shape[1]
        k = left.shape[not transpose_a]
        if (left.shape[transpose_a] != m or right.shape[transpose_b] != k
                or right.shape[not transpose_b] != n):
            return False
        if not (apart(to, left) and apart(to, right)):
            return False
        # The three products of a linear layer, under its names: engine/linear.pxi.
        if transpose_b:
            clear(&call, OP_LINEAR_FORWARD)
            ctx.rows, call.dim[0], call.dim[1] = m, k, n
            call.buf[0], call.buf[4] = <char*>left.buf, <char*>right.buf
            call.buf[2] = call.buf[3] = <char*>to.buf
            if bias is not None:
                if not borrow_plain(&lease, bias, False):
                    return False
                if not (is_vector(&lease.view[3], n, to) and apart(&lease.view[3], to)):
                    return False
                call.buf[1] = <char*>lease.view[3].buf
        elif transpose_a:
            clear(&call, OP_LINEAR_BACKWARD_WEIGHT)
            ctx.rows, call.dim[0], call.dim[1], call.dim[2] = k, n, m, slab
            call.buf[0], call.buf[1] = <char*>right.buf, <char*>left.buf
            call.buf[GRADIENT] = <char*>to.buf
        else:
            clear(&call, OP_LINEAR_BACKWARD_INPUT)
            ctx.rows, call.dim[0], call.dim[1] = m, n, k
            call.buf[0], call.buf[1] = <char*>left.buf, <char*>right.buf
            call.buf[2] = <char*>to.buf
        call.dim[3] = 1
        call.itemsize = <int>to.itemsize
        leaf = leaves[call.itemsize == 8]
        if transpose_b:
            add = None if bias is None else bias_leaves[call.itemsize == 8]
            set_leaves(&call, (add, None, leaf))
        else:
            set_leaves(&call, (leaf,) if transpose_a else (None, leaf))
        ctx.scratch_size = PRODUCT_SCRATCH + OUTPUT_BYTES
        scratch = PyMem_Malloc(thread_count() * ctx.scratch_size + LINE)
        if scratch == NULL:
            raise MemoryError()
        ctx.scratch = <char*>((<size_t>scratch + LINE - 1) // LINE * LINE)
        run_once(&call, 0, 1, &ctx)
        return True
    finally:
        give_back(&lease)
        PyMem_Free(scratch)
