# Losses. They take every row that counts as a sample: R below is so many for each sample of the
# batch, one or the steps of a sequence.

# -- weight_sum: the sum of the batch's sample weights ----------------------------------------
# [0] weight IN (R), NULL for ones  [1] labels IN int64 (R), NULL: all rows count; else those whose
# label isn't negative   dim 0 rows of a sample

cdef void weight_sum_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t r, rows = ctx.rows * c.dim[0]
    cdef const long long* labels = <const long long*>c.buf[1]
    cdef double total = 0
    if c.buf[0] == NULL and labels == NULL:
        total = rows
    else:
        for r in range(rows):
            if labels != NULL and labels[r] < 0:
                continue
            if c.buf[0] == NULL:
                total += 1
            elif c.itemsize == 4:
                total += (<const float*>c.buf[0])[r]
            else:
                total += (<const double*>c.buf[0])[r]
    ctx.weight_sum = total


# -- loss: sums of weighted losses by blocks of rows, and the gradient of their mean ----------
# [0] pred IN (R, cols)  [1] target IN (R) or (R, cols)  [2] weight IN (R) or NULL
# [3] grad OUT (R, cols) or NULL  [4] partial OUT double (units)
# leaf 0 loss   dims cols, bytes of a row of targets, rows of a sample
# scalars: parameters, then, at their own places, factors of the value and of the gradient

cdef enum:
    VALUE_FACTOR = 6
    GRADIENT_FACTOR = 7


cdef Split loss_split(const Call* c, const Context* ctx) noexcept nogil:
    return split_rows(ctx.rows * c.dim[2], c.dim[0])


cdef void loss_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t cols = c.dim[0], block = row_block(cols), unit, lo, skip, rows
    cdef double scale = 0 if ctx.weight_sum == 0 else c.scalar[GRADIENT_FACTOR] / ctx.weight_sum
    for unit in range(begin, end):
        lo = unit * block
        rows = min(block, ctx.rows * c.dim[2] - lo)
        skip = lo * cols * c.itemsize
        (<double*>c.buf[4])[unit] = (<loss_leaf>c.leaf[0])(
            c.buf[0] + skip, c.buf[1] + lo * c.dim[1],
            NULL if c.buf[2] == NULL else c.buf[2] + lo * c.itemsize,
            NULL if c.buf[3] == NULL else c.buf[3] + skip,
            rows, cols, scale, c.scalar)


# -- loss_mean: the batch's loss from the sums of its blocks, added in order -------------------
# fields as loss

cdef void loss_mean_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t unit
    cdef double total = 0
    for unit in range(loss_split(c, ctx).count):
        total += (<double*>c.buf[4])[unit]
    ctx.loss = 0 if ctx.weight_sum == 0 else c.scalar[VALUE_FACTOR] * total / ctx.weight_sum
