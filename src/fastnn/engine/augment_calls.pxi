# Deforming images from Python. The callers, in data/augment.py, have checked the arrays.

FILTER_COLUMNS = SMOOTH


def run_noise(noise, image, y, unsigned long long seed, long long step):
    """Numbers in [-1, 1) for each of some images, in y, an array (N, n) of float64.

    They are a function of seed, step and the image's number, int64, alone, and other numbers
    than those of the images' fields.
    """
    cdef Call call
    cdef Context ctx
    cdef Lease lease
    lease.count = 0
    clear(&call, OP_NOISE)
    set_leaves(&call, (noise,))
    call.itemsize = sizeof(double)
    call.dim[0] = y.shape[1]
    ctx.rows = len(image)
    ctx.seed = seed
    ctx.step = step
    try:
        call.buf[0] = borrow(&lease, y, True)
        call.buf[1] = borrow(&lease, image, False)
        run_once(&call, 0, 1, &ctx, beside=True)
    finally:
        give_back(&lease)


def run_deform(
    tuple leaves, x, image, maps, filter, y, tuple scalars, Py_ssize_t itemsize,
    unsigned long long seed, long long step,
):
    """Images `image` of x, deformed, in y.

    Parameters
    ----------
    leaves : tuple
        As the operation in engine/augment.pxi says.
    x, y : array (any, C, H, W), array (N, C, H, W)
        Images lie any distance apart in x, but each is contiguous.
    image : int64 array (N,)
        Their numbers, which also choose the noise.
    maps : float64 array (N, 10)
    filter : array (FILTER_COLUMNS + 2 reach, FILTER_COLUMNS) or None
        Of the type that is computed in.
    scalars : tuple
        Scale of the pixels, background, amplitude of the field.
    itemsize : int
        Bytes of the type that is computed in.
    seed, step : int
        Of the noise.
    """
    cdef Call call
    cdef Context ctx
    cdef Lease lease
    cdef Py_buffer* source = &lease.view[0]
    cdef void* scratch = NULL
    cdef int i
    lease.count = 0
    clear(&call, OP_DEFORM)
    set_leaves(&call, leaves)
    set_scalars(&call, scalars)
    call.itemsize = <int>itemsize
    ctx.rows = len(image)
    ctx.seed = seed
    ctx.step = step
    try:
        PyObject_GetBuffer(x, source, PyBUF_STRIDES)
        lease.count = 1
        call.buf[0] = <char*>source.buf
        call.buf[1] = borrow(&lease, image, False)
        call.buf[2] = borrow(&lease, y, True)
        call.buf[3] = borrow(&lease, maps, False)
        call.buf[4] = borrow(&lease, filter, False)
        call.dim[0] = source.strides[0]
        call.dim[1] = source.itemsize
        for i in range(3):
            call.dim[2 + i] = source.shape[1 + i]
        if filter is not None:
            call.dim[5] = (len(filter) - SMOOTH) // 2
        ctx.scratch_size = lay_out(&call, NULL).end - <char*>NULL
        scratch = PyMem_Malloc(thread_count() * ctx.scratch_size + LINE)
        if scratch == NULL:
            raise MemoryError()
        ctx.scratch = <char*>((<size_t>scratch + LINE - 1) // LINE * LINE)
        run_once(&call, 0, 1, &ctx, beside=True)
    finally:
        give_back(&lease)
        PyMem_Free(scratch)
