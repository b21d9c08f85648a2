# Layer normalisation: of rows, R of them in a sample.

# -- row_norm: y = (x - mean) / sqrt(var + eps) * weight + bias -----------------------------------
# [0] x IN (R, cols)  [1] weight IN (cols), or NULL  [2] bias IN (cols), or NULL
# [3] y OUT (R, cols)  [4] moments OUT double (R, 2)
# leaf 0 row_norm   dims rows of a sample, cols   scalar 0 eps

cdef Split row_norm_split(const Call* c, const Context* ctx) noexcept nogil:
    return split_grid(ctx.rows * c.dim[0], c.dim[1], 1)


cdef void row_norm_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t rows = ctx.rows * c.dim[0], cols = c.dim[1]
    cdef Py_ssize_t block = grid_of(rows, cols, 1).rows, lo = begin * block
    cdef Py_ssize_t skip = lo * cols * c.itemsize
    (<row_norm_leaf>c.leaf[0])(
        c.buf[0] + skip, c.buf[1], c.buf[2], c.buf[3] + skip, <double*>c.buf[4] + 2 * lo,
        min(rows, end * block) - lo, cols, c.scalar[0])


# -- row_norm_grad: dx * f'(saved), and by blocks the sums of the gradients of weight and bias --
# [0] grad IN (R, cols)  [1] x IN  [2] weight IN (cols), or NULL  [3] moments IN double (R, 2)
# [4] dx OUT, or NULL  [5] saved IN  [6] partial OUT double (ROW_BLOCKS, 2, cols), or NULL
# leaf 0 row_norm_grad  leaf 1 grad of the activation that made x (NULL: none)
# dims rows of a sample, cols   scalars: parameters
# A thread's scratch has room for a row.

cdef void row_norm_grad_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t rows = ctx.rows * c.dim[0], cols = c.dim[1], unit, lo, hi, n, skip
    cdef Py_ssize_t block = grid_of(rows, cols, 1).rows, few = row_block(cols)
    cdef double* sums = NULL
    cdef char* dx = NULL
    for unit in range(begin, end):
        if c.buf[6] != NULL:
            sums = <double*>c.buf[6] + unit * 2 * cols
            memset(sums, 0, 2 * cols * sizeof(double))
        lo = unit * block
        hi = min(rows, lo + block)
        while lo < hi:          # some rows at a time: while they are in cache
            n = min(few, hi - lo)
            skip = lo * cols * c.itemsize
            if c.buf[4] != NULL:
                dx = c.buf[4] + skip
            (<row_norm_grad_leaf>c.leaf[0])(
                c.buf[0] + skip, c.buf[1] + skip, c.buf[2], <const double*>c.buf[3] + 2 * lo, dx,
                sums, NULL if sums == NULL else sums + cols,
                ctx.scratch + thread * ctx.scratch_size, n, cols)
            if c.leaf[1] != NULL and dx != NULL:
                (<grad_leaf>c.leaf[1])(dx, c.buf[5] + skip, dx, n * cols, c.scalar)
            lo += n


# -- block_sum: from the sums of row_norm_grad to a gradient --------
# [0] partial IN double (ROW_BLOCKS, 2, cols)  [1] sums OUT (cols)
# leaf 0 block_sum   dims rows of a sample, cols, 0 for the weight's and 1 for the bias'

cdef void block_sum_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t cols = c.dim[1], blocks = row_norm_split(c, ctx).count
    (<block_sum_leaf>c.leaf[0])(
        <const double*>c.buf[0] + c.dim[2] * cols, c.buf[1], blocks, cols, 2 * cols)
