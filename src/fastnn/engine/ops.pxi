# The operations: how each divides, and how a range of its units runs.
#
# An operation is a pair of functions over a Call. Its comment gives the call's fields:
# buffers [0], [1], ... with direction and shape ("R" is the rows of the batch), leaves,
# dims and scalars. The names match the enum, the tables in calls.pxi and Python's `OPS`.

cdef enum:
    # The fields of every call that ends in an optimizer update.
    GRADIENT = 2        # buffers
    PARAM = 3
    STATE1 = 4
    STATE2 = 5
    HYPER = 6
    UPDATE = 2          # leaves
    REGULARIZE = 3
    L1 = 0              # scalars
    L2 = 1
    LIMIT = 2
    SAMPLE_L2 = 15      # of hyper: the penalty that depends on the batch, written by `penalty`

cdef enum:
    # What is divided of a matrix product: rows by so many, columns by a whole vector or several.
    ROW_TILE = 4
    COL_TILE = 16
    # The same of column sums: what its kernel does fastest.
    SUM_TILE = 32
    # Elements of a pointwise unit, and how many a thread should have before it pays to fork.
    BLOCK = 2048
    FORK = 32768
    # The same in multiplications of a matrix product.
    FORK_PRODUCT = 60000
    # Bytes that a thread has for its part of a layer's output.
    OUTPUT_BYTES = 131072
    # Bytes of a parameter above which it and its optimizer state are fetched ahead of their use.
    FAR_BYTES = 524288
    # Bytes of a layer's input that stay in a core's second-level cache beside all else.
    X_BYTES = 655360


cdef inline Split split_blocks(Py_ssize_t n, Py_ssize_t block, Py_ssize_t fork) noexcept nogil:
    # n elements in blocks; a thread should have `fork` of them.
    cdef Split s
    s.count = (n + block - 1) // block
    s.grain = max(<Py_ssize_t>1, fork // block)
    return s


cdef inline Py_ssize_t row_block(Py_ssize_t cols) noexcept nogil:
    return max(<Py_ssize_t>1, BLOCK // max(<Py_ssize_t>1, cols))


cdef inline Split split_rows(Py_ssize_t rows, Py_ssize_t cols) noexcept nogil:
    # A row costs its columns; rows stay whole.
    cdef Py_ssize_t block = row_block(cols)
    return split_blocks(rows, block, FORK // max(<Py_ssize_t>1, cols))


cdef inline void finish_gradient(
    const Call* c, char* grad, Py_ssize_t offset, Py_ssize_t n
) noexcept nogil:
    # What follows a block of n gradients, `offset` elements into the parameter: penalties and
    # clipping by value, then the update. Either may be absent.
    cdef Py_ssize_t skip = offset * c.itemsize
    if c.leaf[REGULARIZE] != NULL:
        (<regularize_leaf>c.leaf[REGULARIZE])(
            c.buf[PARAM] + skip, grad, n, c.scalar[L1],
            c.scalar[L2] + (<const double*>c.buf[HYPER])[SAMPLE_L2], c.scalar[LIMIT])
    if c.leaf[UPDATE] != NULL:
        (<update_leaf>c.leaf[UPDATE])(
            c.buf[PARAM] + skip, grad,
            NULL if c.buf[STATE1] == NULL else c.buf[STATE1] + skip,
            NULL if c.buf[STATE2] == NULL else c.buf[STATE2] + skip,
            n, <const double*>c.buf[HYPER])


cdef Split serial_split(const Call* c, const Context* ctx) noexcept nogil:
    cdef Split s
    s.count = 1
    s.grain = 1
    return s


# -- map: y = f(x) ---------------------------------------------------------------------------
# [0] x IN (R, width)  [1] y OUT (R, width)   leaf 0 map   dim 0 width   scalars: parameters

cdef Split map_split(const Call* c, const Context* ctx) noexcept nogil:
    return split_blocks(ctx.rows * c.dim[0], BLOCK, FORK)


cdef void map_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t lo = begin * BLOCK, hi = min(ctx.rows * c.dim[0], end * BLOCK)
    cdef Py_ssize_t skip = lo * c.itemsize
    (<map_leaf>c.leaf[0])(c.buf[0] + skip, c.buf[1] + skip, hi - lo, c.scalar)


# -- grad: dx = grad * f'(saved) -------------------------------------------------------------
# [0] grad IN (R, width)  [1] saved IN (R, width)  [2] dx OUT (R, width)
# leaf 0 grad   dim 0 width   scalars: parameters

cdef void grad_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t lo = begin * BLOCK, hi = min(ctx.rows * c.dim[0], end * BLOCK)
    cdef Py_ssize_t skip = lo * c.itemsize
    (<grad_leaf>c.leaf[0])(
        c.buf[0] + skip, c.buf[1] + skip, c.buf[2] + skip, hi - lo, c.scalar)


# -- add: z = a + b, y = f(z) -----------------------------------------------------------------
# [0] a IN (R, width)  [1] b IN (R, width)  [2] z OUT (R, width), may be a or b
# [3] y OUT (R, width), may be z
# leaf 0 add  leaf 1 map (NULL: none, and no y)   dim 0 width   scalars: parameters

cdef void add_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t unit, skip, n
    for unit in range(begin, end):      # so that f finds z in cache
        n = min(<Py_ssize_t>BLOCK, ctx.rows * c.dim[0] - unit * BLOCK)
        skip = unit * BLOCK * c.itemsize
        (<add_leaf>c.leaf[0])(c.buf[0] + skip, c.buf[1] + skip, c.buf[2] + skip, n)
        if c.leaf[1] != NULL:
            (<map_leaf>c.leaf[1])(c.buf[2] + skip, c.buf[3] + skip, n, c.scalar)


# -- rows: y = f(row of x); rows_grad: dx = f'(grad, y) ---------------------------------------
# [0] x IN  [1] y OUT, or  [0] grad IN  [1] y IN  [2] dx OUT, all (R * dim 0, dim 1)
# leaf 0 rows or rows_grad

cdef Split rows_split(const Call* c, const Context* ctx) noexcept nogil:
    return split_rows(ctx.rows * c.dim[0], c.dim[1])


cdef void rows_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t block = row_block(c.dim[1])
    cdef Py_ssize_t lo = begin * block, hi = min(ctx.rows * c.dim[0], end * block)
    cdef Py_ssize_t skip = lo * c.dim[1] * c.itemsize
    (<rows_leaf>c.leaf[0])(c.buf[0] + skip, c.buf[1] + skip, hi - lo, c.dim[1])


cdef void rows_grad_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t block = row_block(c.dim[1])
    cdef Py_ssize_t lo = begin * block, hi = min(ctx.rows * c.dim[0], end * block)
    cdef Py_ssize_t skip = lo * c.dim[1] * c.itemsize
    (<rows_grad_leaf>c.leaf[0])(
        c.buf[0] + skip, c.buf[1] + skip, c.buf[2] + skip, hi - lo, c.dim[1])


# -- bias_map: y = f(x + bias), the sum kept in z --------------------------------------------
# [0] x IN (R, n)  [1] bias IN (n)  [2] z OUT (R, n), may be x or y  [3] y OUT (R, n)
# leaf 0 bias (NULL: none)  leaf 1 map (NULL: identity, y is z)   dim 0 n   scalars: parameters

cdef Split bias_map_split(const Call* c, const Context* ctx) noexcept nogil:
    return split_rows(ctx.rows, c.dim[0])


cdef void bias_map_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t n = c.dim[0], block = row_block(n), unit, rows, skip
    for unit in range(begin, end):
        rows = min(block, ctx.rows - unit * block)
        skip = unit * block * n * c.itemsize
        if c.buf[2] != c.buf[0]:
            memcpy(c.buf[2] + skip, c.buf[0] + skip, rows * n * c.itemsize)
        bias_and_map(c, c.buf[1], c.buf[2] + skip, c.buf[3] + skip, rows, n, n)


cdef inline void bias_and_map(
    const Call* c, const char* bias, char* z, char* y,
    Py_ssize_t rows, Py_ssize_t cols, Py_ssize_t ld,
) noexcept nogil:
    # On a block of a matrix whose rows are ld elements long. Leaves 0 and 1 as in bias_map.
    cdef Py_ssize_t r, stride = ld * c.itemsize
    if c.leaf[0] != NULL:
        (<bias_leaf>c.leaf[0])(z, bias, rows, cols, ld)
    if c.leaf[1] == NULL:
        return
    if cols == ld:
        (<map_leaf>c.leaf[1])(z, y, rows * cols, c.scalar)
    else:
        for r in range(rows):
            (<map_leaf>c.leaf[1])(z + r * stride, y + r * stride, cols, c.scalar)


# -- prepare: what an optimizer's updates need in this step ------------------------------------
# [0] config IN double  [6] hyper OUT double (16)   leaf 0 prepare
# scalar 0 times the learning rate of the step

cdef void prepare_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    (<prepare_leaf>c.leaf[0])(
        <const double*>c.buf[0], ctx.lr * c.scalar[0], <double>ctx.step, <double*>c.buf[HYPER])


# -- update: an optimizer's step over a flat buffer, the gradient scaled first -----------------
# [0] factor IN double (1), NULL for 1  [2] grad IN (n), INOUT where a factor is given
# [3] param INOUT (n)  [4] [5] states INOUT (n)  [6] hyper IN
# leaf 0 scale (NULL: none)  leaf 2 update  leaf 3 regularize (NULL: none)
# dim 0 n   scalars l1, l2, limit

cdef Split update_split(const Call* c, const Context* ctx) noexcept nogil:
    return split_blocks(c.dim[0], BLOCK, FORK)


cdef void update_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t lo = begin * BLOCK, hi = min(c.dim[0], end * BLOCK), block = hi - lo, i, n
    if c.leaf[0] != NULL or c.leaf[REGULARIZE] != NULL:
        block = BLOCK           # several passes over the gradient: while it is in cache
    i = lo
    while i < hi:
        n = min(block, hi - i)
        if c.leaf[0] != NULL:
            (<scale_leaf>c.leaf[0])(
                c.buf[GRADIENT] + i * c.itemsize, c.buf[GRADIENT] + i * c.itemsize,
                n, (<const double*>c.buf[0])[0])
        finish_gradient(c, c.buf[GRADIENT] + i * c.itemsize, i, n)
        i += n


# -- squares: sums of squares of a flat buffer, by blocks --------------------------------------
# [2] gradient or parameter IN (n)  [4] partial OUT double (units)   leaf 0 sum_squares   dim 0 n

cdef void squares_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t unit, lo
    for unit in range(begin, end):
        lo = unit * BLOCK
        (<double*>c.buf[4])[unit] = (<sum_squares_leaf>c.leaf[0])(
            c.buf[GRADIENT] + lo * c.itemsize, min(<Py_ssize_t>BLOCK, c.dim[0] - lo))


# -- clip_factor: what brings a gradient's norm down to the allowed one ------------------------
# [0] factor OUT double (2): factor, norm  [4] partial IN double (units)  dim 0 n
# scalar 0 the largest norm. PyTorch's clip_grad_norm_: min(1, max_norm / (norm + 1e-6)).

cdef inline double sum_of_squares(const Call* c, const Context* ctx) noexcept nogil:
    # From the sums of blocks, added in order.
    cdef Py_ssize_t unit
    cdef double total = 0
    for unit in range(update_split(c, ctx).count):
        total += (<const double*>c.buf[4])[unit]
    return total


cdef void clip_factor_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef double total = sum_of_squares(c, ctx), factor
    factor = c.scalar[0] / (sqrt(total) + 1e-6)
    (<double*>c.buf[0])[0] = 1 if factor > 1 else factor    # NaN stays NaN
    (<double*>c.buf[0])[1] = sqrt(total)


# -- penalty: a / (2 n) sum w^2 onto the loss, a / n for the gradients; n the sum of the batch's
# sample weights
# [4] partial IN double (units)  [6] hyper OUT   dim 0 n   scalar 0 a

cdef void penalty_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef double share = 0 if ctx.weight_sum == 0 else c.scalar[0] / ctx.weight_sum
    (<double*>c.buf[HYPER])[SAMPLE_L2] = share
    ctx.loss += share / 2 * sum_of_squares(c, ctx)


# -- limit_rows: rows of a weight whose norm is too large are scaled down to it ------------------
# [0] W INOUT (n, k)   leaf 0 sum_squares  leaf 1 scale   dims n, k   scalar 0 the largest norm

cdef Split limit_rows_split(const Call* c, const Context* ctx) noexcept nogil:
    return split_rows(c.dim[0], c.dim[1])


cdef void limit_rows_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t k = c.dim[1], block = row_block(k), r
    cdef char* row
    cdef double norm
    for r in range(begin * block, min(c.dim[0], end * block)):
        row = c.buf[0] + r * k * c.itemsize
        norm = sqrt((<sum_squares_leaf>c.leaf[0])(row, k))
        if norm > c.scalar[0]:
            (<scale_leaf>c.leaf[1])(row, row, k, c.scalar[0] / norm)


# -- dropout: noise by position, so that any division gives the same ---------------------------
# [0] x IN (R, width)  [1] y OUT (R, width)   leaf 0 dropout   dims width, layer's number
# scalar 0 the probability of a zero

cdef inline unsigned long long mix(unsigned long long x) noexcept nogil:
    # The finaliser of SplitMix64 (Steele, Lea and Flood 2014).
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL
    return x ^ (x >> 31)


cdef inline unsigned long long noise_key(const Call* c, const Context* ctx) noexcept nogil:
    # Of the layer whose number is dim 1, in this step.
    return mix(
        mix(mix(ctx.seed + 0x9E3779B97F4A7C15ULL) + <unsigned long long>c.dim[1])
        + <unsigned long long>ctx.step)


cdef void dropout_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t lo = begin * BLOCK, hi = min(ctx.rows * c.dim[0], end * BLOCK)
    cdef Py_ssize_t skip = lo * c.itemsize
    cdef unsigned long long key = noise_key(c, ctx)
    (<dropout_leaf>c.leaf[0])(
        c.buf[0] + skip, c.buf[1] + skip, hi - lo, lo, key, c.scalar[0])


# -- python: a layer of the user's own, on the calling thread, with the GIL --------------------
# leaf 0 a Python callable, called with the rows of the batch

cdef void python_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    with gil:
        try:
            (<object>c.leaf[0])(ctx.rows)
        except BaseException as error:
            interrupt(ctx, error)


# -- gather: the rows of a batch out of a data set ---------------------------------------------
# [0] source IN (any, cols), NULL: nothing to do  [1] index IN int64 (R), NULL for 0, 1, 2, ...
# [2] y OUT (R, cols)   leaf 0 gather   dims cols, bytes from row to row   scalar 0 scale

cdef Split gather_split(const Call* c, const Context* ctx) noexcept nogil:
    if c.buf[0] == NULL:
        return split_blocks(0, 1, 1)
    return split_rows(ctx.rows, c.dim[0])


cdef void gather_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t block = row_block(c.dim[0])
    cdef Py_ssize_t lo = begin * block, hi = min(ctx.rows, end * block)
    cdef const long long* index = NULL
    cdef const char* source = c.buf[0]
    if c.buf[1] != NULL:
        index = <const long long*>c.buf[1] + lo
    else:
        source += lo * c.dim[1]
    (<gather_leaf>c.leaf[0])(
        source, index, c.buf[2] + lo * c.dim[0] * c.itemsize,
        hi - lo, c.dim[0], c.dim[1], c.scalar[0])
