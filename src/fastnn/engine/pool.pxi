# Pools, and the way back.

cdef enum:
    # Dims: planes of a sample, then the fields of _leaf.pxd's Window.
    WINDOW = 1


cdef inline const Window* window_of(const Call* c) noexcept nogil:
    return <const Window*>&c.dim[WINDOW]


# -- pool: y = the maximum or mean of each window of x ------------------------------------------
# [0] x IN (R, planes, height, width)  [1] y OUT (R, planes, out_height, out_width)
# leaf 0 pool   dims planes, window

cdef Split pool_split(const Call* c, const Context* ctx) noexcept nogil:
    cdef const Window* w = window_of(c)
    return split_rows(ctx.rows * c.dim[0], w.height * w.width)


cdef void pool_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef const Window* w = window_of(c)
    cdef Py_ssize_t size = w.height * w.width, outputs = w.out_height * w.out_width
    cdef Py_ssize_t block = row_block(size), lo = begin * block
    cdef Py_ssize_t hi = min(ctx.rows * c.dim[0], end * block)
    (<pool_leaf>c.leaf[0])(
        c.buf[0] + lo * size * c.itemsize, c.buf[1] + lo * outputs * c.itemsize, hi - lo, w)


# -- pool_grad: dx = what comes back through the windows * f'(saved) ----------------------------
# [0] grad IN, like y  [1] x IN (NULL: means)  [2] y IN (likewise)  [3] dx OUT, like x
# [4] saved IN, like x
# leaf 0 pool_grad  leaf 1 grad of the activation that made x (NULL: none)
# dims planes, window   scalars: parameters

cdef void pool_grad_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef const Window* w = window_of(c)
    cdef Py_ssize_t size = w.height * w.width, outputs = w.out_height * w.out_width
    cdef Py_ssize_t block = row_block(size), unit, lo, planes, skip, out_skip
    for unit in range(begin, end):
        lo = unit * block
        planes = min(block, ctx.rows * c.dim[0] - lo)
        skip = lo * size * c.itemsize
        out_skip = lo * outputs * c.itemsize
        (<pool_grad_leaf>c.leaf[0])(
            c.buf[0] + out_skip, c.buf[1] + skip, c.buf[2] + out_skip, c.buf[3] + skip, planes, w)
        if c.leaf[1] != NULL:       # while the planes are in cache
            (<grad_leaf>c.leaf[1])(
                c.buf[3] + skip, c.buf[4] + skip, c.buf[3] + skip, planes * size, c.scalar)
