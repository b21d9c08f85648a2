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


cdef inline Split split_tiles(Py_ssize_t d, Py_ssize_t tile, double work) noexcept nogil:
    # A product whose divided dimension is d, of `work` multiplications for each step along it.
    cdef Split s
    s.count = max(<Py_ssize_t>1, d // tile)
    s.grain = <Py_ssize_t>(FORK_PRODUCT / (work * tile)) + 1
    return s


cdef inline Py_ssize_t tile_end(
    Py_ssize_t unit, Py_ssize_t count, Py_ssize_t tile, Py_ssize_t d
) noexcept nogil:
    # Where the range before `unit` ends. The last tile takes the remainder.
    return d if unit == count else unit * tile


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
            c.buf[PARAM] + skip, grad, n, c.scalar[L1], c.scalar[L2], c.scalar[LIMIT])
    if c.leaf[UPDATE] != NULL:
        (<update_leaf>c.leaf[UPDATE])(
            c.buf[PARAM] + skip, grad,
            NULL if c.buf[STATE1] == NULL else c.buf[STATE1] + skip,
            NULL if c.buf[STATE2] == NULL else c.buf[STATE2] + skip,
            n, <const double*>c.buf[HYPER])


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


# -- linear_forward: y = f(x W^T + b) --------------------------------------------------------
# [0] x IN (R, k)  [1] b IN (n)  [2] z OUT (R, n)  [3] y OUT (R, n), may be z  [4] W IN (n, k)
# leaf 0 bias (NULL: none)  leaf 1 map (NULL: identity)  leaf 2 product_transposed
# dims k, n   scalars: parameters
# Bias and activation follow on the slab just multiplied, while it is in cache.

# The division is along n where it can be, since that of dW is: then a thread's rows of W stay
# in its own cache from step to step.

cdef inline Py_ssize_t column_tile(const Call* c, const Context* ctx) noexcept nogil:
    # 0 for a division along the rows of the batch.
    cdef Py_ssize_t n = c.dim[1]
    if n < 2 * COL_TILE - 2 and ctx.rows >= n:
        return 0
    return ROW_TILE if n < 8 * COL_TILE else COL_TILE


cdef Split linear_forward_split(const Call* c, const Context* ctx) noexcept nogil:
    cdef Py_ssize_t k = c.dim[0], n = c.dim[1], tile = column_tile(c, ctx)
    if tile == 0:
        return split_tiles(ctx.rows, ROW_TILE, <double>n * k)
    return split_tiles(n, tile, <double>ctx.rows * k)


cdef inline void put_rows(
    char* target, const char* block, Py_ssize_t rows, Py_ssize_t cols, Py_ssize_t ld,
) noexcept nogil:
    # Rows of `cols` bytes into a matrix whose rows are ld bytes long.
    cdef Py_ssize_t r
    for r in range(rows):
        memcpy(target + r * ld, block + r * cols, cols)


cdef void linear_forward_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t k = c.dim[0], n = c.dim[1], size = c.itemsize, rows = ctx.rows
    cdef Py_ssize_t count = linear_forward_split(c, ctx).count, tile = column_tile(c, ctx)
    cdef Py_ssize_t top = 0, bottom = rows, left = 0, right = n, skip, block
    cdef bint part = begin > 0 or end < count
    cdef char* scratch = ctx.scratch + thread * ctx.scratch_size
    cdef char* z
    cdef char* y
    if tile == 0:
        top = begin * ROW_TILE
        bottom = tile_end(end, count, ROW_TILE, rows)
    else:
        left = begin * tile
        right = tile_end(end, count, tile, n)
    skip = (top * n + left) * size
    z = c.buf[2] + skip
    y = c.buf[3] + skip
    block = (bottom - top) * (right - left) * size
    # Where rows are short, threads that write parts of them would fight over cache lines.
    part = part and tile != 0 and 2 * block <= OUTPUT_BYTES
    if part:
        z = scratch + PRODUCT_SCRATCH
        y = z if c.buf[2] == c.buf[3] else z + block
    (<product_transposed_leaf>c.leaf[2])(
        bottom - top, right - left, k, c.buf[0] + top * k * size, c.buf[4] + left * k * size,
        z, right - left if part else n, rows, n, scratch)
    bias_and_map(c, c.buf[1] + left * size, z, y, bottom - top, right - left,
                 right - left if part else n)
    if part:
        put_rows(c.buf[2] + skip, z, rows, (right - left) * size, n * size)
        if y != z:
            put_rows(c.buf[3] + skip, y, rows, (right - left) * size, n * size)


# -- linear_backward_input: dx = (dy W) * f'(saved) ------------------------------------------
# [0] dy IN (R, n)  [1] W IN (n, k)  [2] dx OUT (R, k)  [3] saved IN (R, k)
# leaf 0 grad of the activation that made this layer's input (NULL: none)  leaf 1 product
# dims k, n

cdef Split linear_backward_input_split(const Call* c, const Context* ctx) noexcept nogil:
    cdef Py_ssize_t k = c.dim[0], n = c.dim[1]
    if ctx.rows >= k:
        return split_tiles(ctx.rows, ROW_TILE, <double>n * k)
    return split_tiles(k, COL_TILE, <double>ctx.rows * n)


cdef void linear_backward_input_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t k = c.dim[0], n = c.dim[1], size = c.itemsize, rows = ctx.rows
    cdef Py_ssize_t count = linear_backward_input_split(c, ctx).count, lo, hi, r, skip
    cdef product_leaf product = <product_leaf>c.leaf[1]
    cdef char* scratch = ctx.scratch + thread * ctx.scratch_size
    if rows >= k:
        lo = begin * ROW_TILE
        hi = tile_end(end, count, ROW_TILE, rows)
        skip = lo * k * size
        product(hi - lo, k, n, c.buf[0] + lo * n * size, n, 1, c.buf[1], k, 1,
                1, False, c.buf[2] + skip, k, NULL, scratch)
        if c.leaf[0] != NULL:
            (<grad_leaf>c.leaf[0])(c.buf[2] + skip, c.buf[3] + skip, c.buf[2] + skip,
                                   (hi - lo) * k, c.scalar)
    else:
        lo = begin * COL_TILE
        hi = tile_end(end, count, COL_TILE, k)
        product(rows, hi - lo, n, c.buf[0], n, 1, c.buf[1] + lo * size, k, 1,
                1, False, c.buf[2] + lo * size, k, NULL, scratch)
        if c.leaf[0] != NULL:
            for r in range(rows):
                skip = (r * k + lo) * size
                (<grad_leaf>c.leaf[0])(c.buf[2] + skip, c.buf[3] + skip, c.buf[2] + skip,
                                       hi - lo, c.scalar)


# -- linear_backward_weight: dW = dy^T x, then penalties and update --------------------------
# [0] x IN (R, k)  [1] dy IN (R, n)  [2] dW OUT (n, k), NULL: a slab of scratch at a time
# [3] W INOUT (n, k)  [4] [5] states INOUT (n, k)  [6] hyper IN
# leaf 0 product  leaf 2 update (NULL: none)  leaf 3 regularize (NULL: none)
# dims k, n, rows of a slab   scalars l1, l2, limit
# The gradient of a slab is used while it is in cache; with scratch it never goes to memory.
# Every slab multiplies all of x, so if x is large, slabs are of some columns of it at a time.

cdef inline Py_ssize_t slab_columns(const Call* c, const Context* ctx) noexcept nogil:
    cdef Py_ssize_t k = c.dim[0], fit = X_BYTES // (ctx.rows * c.itemsize)
    if fit >= k:
        return k
    return max(<Py_ssize_t>256, fit // COL_TILE * COL_TILE)


cdef Split linear_backward_weight_split(const Call* c, const Context* ctx) noexcept nogil:
    cdef Py_ssize_t k = c.dim[0], n = c.dim[1], slab = c.dim[2], cols = slab_columns(c, ctx)
    cdef Split s
    s.count = ((n + slab - 1) // slab) * ((k + cols - 1) // cols)
    s.grain = <Py_ssize_t>(FORK_PRODUCT / (<double>slab * cols * ctx.rows)) + 1
    return s


cdef void linear_backward_weight_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t k = c.dim[0], n = c.dim[1], slab = c.dim[2], size = c.itemsize
    cdef Py_ssize_t wide = slab_columns(c, ctx), slabs = (n + slab - 1) // slab
    cdef Py_ssize_t unit, lo, left, rows, cols, r, ld, i
    cdef Ahead ahead
    cdef char* scratch = ctx.scratch + thread * ctx.scratch_size
    cdef char* grad
    for unit in range(begin, end):
        lo = unit % slabs * slab
        left = unit // slabs * wide
        rows = min(slab, n - lo)
        cols = min(wide, k - left)
        if c.buf[GRADIENT] != NULL:
            grad = c.buf[GRADIENT] + (lo * k + left) * size
            ld = k
        else:
            grad = scratch + PRODUCT_SCRATCH
            ld = cols
        ahead.row = k * size
        for i in range(3):
            ahead.at[i] = c.buf[PARAM + i]
            if ahead.at[i] != NULL:
                ahead.at[i] += (lo * k + left) * size
        (<product_leaf>c.leaf[0])(
            rows, cols, ctx.rows, c.buf[1] + lo * size, 1, n, c.buf[0] + left * size, k, 1,
            1, False, grad, ld, &ahead if n * k * size > FAR_BYTES else NULL, scratch)
        if cols == k:
            finish_gradient(c, grad, lo * k, rows * k)
        else:
            for r in range(rows):
                finish_gradient(c, grad + r * ld * size, (lo + r) * k + left, cols)


# -- linear_descend: W -= lr dy^T x, plain gradient descent in the product itself ------------
# [0] x IN (R, k)  [1] dy IN (R, n)  [3] W INOUT (n, k)   leaf 0 product   dims k, n

cdef Split linear_descend_split(const Call* c, const Context* ctx) noexcept nogil:
    return split_tiles(c.dim[1], ROW_TILE, <double>ctx.rows * c.dim[0])


cdef void linear_descend_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t k = c.dim[0], n = c.dim[1], size = c.itemsize, lo = begin * ROW_TILE
    cdef Py_ssize_t hi = tile_end(end, linear_descend_split(c, ctx).count, ROW_TILE, n)
    (<product_leaf>c.leaf[0])(
        hi - lo, k, ctx.rows, c.buf[1] + lo * size, 1, n, c.buf[0], k, 1,
        -ctx.lr, True, c.buf[PARAM] + lo * k * size, k, NULL,
        ctx.scratch + thread * ctx.scratch_size)


# -- bias_backward: db = column sums of dy, then penalties and update -------------------------
# [1] dy IN (R, n)  [2] db OUT (n)  [3] b INOUT (n)  [4] [5] states INOUT (n)  [6] hyper IN
# leaf 0 column_sum  leaf 2 update (NULL: none)  leaf 3 regularize (NULL: none)
# dim 1 n   scalars l1, l2, limit

cdef Split bias_backward_split(const Call* c, const Context* ctx) noexcept nogil:
    cdef Split s
    s.count = max(<Py_ssize_t>1, c.dim[1] // SUM_TILE)
    s.grain = FORK // (SUM_TILE * max(<Py_ssize_t>1, ctx.rows)) + 1
    return s


cdef void bias_backward_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t n = c.dim[1], size = c.itemsize, lo = begin * SUM_TILE
    cdef Py_ssize_t hi = tile_end(end, bias_backward_split(c, ctx).count, SUM_TILE, n)
    cdef char* grad = c.buf[GRADIENT] + lo * size
    (<column_sum_leaf>c.leaf[0])(c.buf[1] + lo * size, grad, ctx.rows, hi - lo, n)
    finish_gradient(c, grad, lo, hi - lo)


# -- weight_sum: the sum of the batch's sample weights ----------------------------------------
# [0] weight IN (R), NULL for ones

cdef Split serial_split(const Call* c, const Context* ctx) noexcept nogil:
    cdef Split s
    s.count = 1
    s.grain = 1
    return s


cdef void weight_sum_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t r
    cdef double total = 0
    if c.buf[0] == NULL:
        total = ctx.rows
    elif c.itemsize == 4:
        for r in range(ctx.rows):
            total += (<const float*>c.buf[0])[r]
    else:
        for r in range(ctx.rows):
            total += (<const double*>c.buf[0])[r]
    ctx.weight_sum = total


# -- loss: sums of weighted losses by blocks of rows, and the gradient of their mean ----------
# [0] pred IN (R, cols)  [1] target IN (R) or (R, cols)  [2] weight IN (R) or NULL
# [3] grad OUT (R, cols) or NULL  [4] partial OUT double (units)
# leaf 0 loss   dim 0 cols   scalars: parameters

cdef Split loss_split(const Call* c, const Context* ctx) noexcept nogil:
    return split_rows(ctx.rows, c.dim[0])


cdef void loss_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t cols = c.dim[0], block = row_block(cols), unit, lo, skip, rows
    cdef Py_ssize_t target_stride = c.dim[1]     # bytes of a row of targets
    cdef double scale = 0 if ctx.weight_sum == 0 else 1 / ctx.weight_sum
    for unit in range(begin, end):
        lo = unit * block
        rows = min(block, ctx.rows - lo)
        skip = lo * cols * c.itemsize
        (<double*>c.buf[4])[unit] = (<loss_leaf>c.leaf[0])(
            c.buf[0] + skip, c.buf[1] + lo * target_stride,
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
    ctx.loss = 0 if ctx.weight_sum == 0 else total / ctx.weight_sum


# -- prepare: what an optimizer's updates need in this step ------------------------------------
# [0] config IN double  [6] hyper OUT double (16)   leaf 0 prepare

cdef void prepare_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    (<prepare_leaf>c.leaf[0])(
        <const double*>c.buf[0], ctx.lr, <double>ctx.step, <double*>c.buf[HYPER])


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
# [2] grad IN (n)  [4] partial OUT double (units)   leaf 0 sum_squares   dim 0 n

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

cdef void clip_factor_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t unit
    cdef double total = 0, factor
    for unit in range(update_split(c, ctx).count):
        total += (<double*>c.buf[4])[unit]
    factor = c.scalar[0] / (sqrt(total) + 1e-6)
    (<double*>c.buf[0])[0] = 1 if factor > 1 else factor    # NaN stays NaN
    (<double*>c.buf[0])[1] = sqrt(total)


# -- dropout: noise by position, so that any division gives the same ---------------------------
# [0] x IN (R, width)  [1] y OUT (R, width)   leaf 0 dropout   dims width, layer's number
# scalar 0 the probability of a zero

cdef inline unsigned long long mix(unsigned long long x) noexcept nogil:
    # The finaliser of SplitMix64 (Steele, Lea and Flood 2014).
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL
    return x ^ (x >> 31)


cdef void dropout_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t lo = begin * BLOCK, hi = min(ctx.rows * c.dim[0], end * BLOCK)
    cdef Py_ssize_t skip = lo * c.itemsize
    cdef unsigned long long key = mix(
        mix(mix(ctx.seed + 0x9E3779B97F4A7C15ULL) + <unsigned long long>c.dim[1])
        + <unsigned long long>ctx.step)
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
