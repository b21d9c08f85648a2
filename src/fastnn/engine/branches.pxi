# What brings branches of a net together, beside `add`.

# -- columns: some columns of a matrix into some columns of another ----------------------------
# [0] x IN (R * outer, all of x)  [1] y OUT (R * outer, all of y)  [2] saved IN (R * outer, cols)
# leaf 0 grad, of the activation that made what y is the gradient of (NULL: a plain copy)
# dims outer, cols, all of x, first of x, all of y, first of y   scalars: parameters

cdef Split columns_split(const Call* c, const Context* ctx) noexcept nogil:
    return split_rows(ctx.rows * c.dim[0], c.dim[1])


cdef void columns_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t cols = c.dim[1], block = row_block(cols), size = c.itemsize, r
    cdef const char* x = c.buf[0] + c.dim[3] * size
    cdef char* y = c.buf[1] + c.dim[5] * size
    for r in range(begin * block, min(ctx.rows * c.dim[0], end * block)):
        if c.leaf[0] == NULL:
            memcpy(y + r * c.dim[4] * size, x + r * c.dim[2] * size, cols * size)
        else:
            (<grad_leaf>c.leaf[0])(
                x + r * c.dim[2] * size, c.buf[2] + r * cols * size, y + r * c.dim[4] * size,
                cols, c.scalar)
