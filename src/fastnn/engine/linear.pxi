# Matrix products with a layer's weight. They take every row of every sample: dim 3 says how many
# rows a sample has, and R below is that many for each sample of the batch.

cdef inline Py_ssize_t all_rows(const Call* c, const Context* ctx) noexcept nogil:
    return ctx.rows * c.dim[3]


cdef inline Split split_tiles(Py_ssize_t d, Py_ssize_t tile, double work) noexcept nogil:
    # A product whose divided dimension is d, of `work` multiplications for each step along it.
    cdef Split s
    s.count = max(<Py_ssize_t>1, d // tile)
    s.grain = <Py_ssize_t>(FORK_PRODUCT / max(<double>1, work * tile)) + 1     # work may be 0
    return s


cdef inline Py_ssize_t tile_end(
    Py_ssize_t unit, Py_ssize_t count, Py_ssize_t tile, Py_ssize_t d
) noexcept nogil:
    # Where the range before `unit` ends. The last tile takes the remainder.
    return d if unit == count else unit * tile


# -- linear_forward: y = f(x W^T + b) --------------------------------------------------------
# [0] x IN (R, k)  [1] b IN (n)  [2] z OUT (R, n)  [3] y OUT (R, n), may be z  [4] W IN (n, k)
# leaf 0 bias (NULL: none)  leaf 1 map (NULL: identity)  leaf 2 product_transposed
# dims k, n, -, rows of a sample   scalars: parameters
# Bias and activation follow on the slab just multiplied, while it is in cache.

# The division is along n where it can be, since that of dW is: then a thread's rows of W stay
# in its own cache from step to step. Where W is small beside the batch, rows of x and y that stay
# are worth more.

cdef inline Py_ssize_t column_tile(const Call* c, const Context* ctx) noexcept nogil:
    # 0 for a division along the rows of the batch.
    cdef Py_ssize_t k = c.dim[0], n = c.dim[1], rows = all_rows(c, ctx)
    if rows >= n and (n < 2 * COL_TILE - 2 or (n < 8 * COL_TILE and rows >= k)):
        return 0
    return ROW_TILE if n < 8 * COL_TILE else COL_TILE


cdef Split linear_forward_split(const Call* c, const Context* ctx) noexcept nogil:
    cdef Py_ssize_t k = c.dim[0], n = c.dim[1], tile = column_tile(c, ctx)
    if tile == 0:
        return split_tiles(all_rows(c, ctx), ROW_TILE, <double>n * k)
    return split_tiles(n, tile, <double>all_rows(c, ctx) * k)


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
    cdef Py_ssize_t k = c.dim[0], n = c.dim[1], size = c.itemsize, rows = all_rows(c, ctx)
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
# dims k, n, -, rows of a sample

cdef Split linear_backward_input_split(const Call* c, const Context* ctx) noexcept nogil:
    cdef Py_ssize_t k = c.dim[0], n = c.dim[1]
    if all_rows(c, ctx) >= k:
        return split_tiles(all_rows(c, ctx), ROW_TILE, <double>n * k)
    return split_tiles(k, COL_TILE, <double>all_rows(c, ctx) * n)


cdef void linear_backward_input_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t k = c.dim[0], n = c.dim[1], size = c.itemsize, rows = all_rows(c, ctx)
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
# dims k, n, rows of a slab, rows of a sample   scalars l1, l2, limit
# The gradient of a slab is used while it is in cache; with scratch it never goes to memory.
# Every slab multiplies all of x, so if x is large, slabs are of some columns of it at a time.

cdef inline Py_ssize_t slab_columns(const Call* c, const Context* ctx) noexcept nogil:
    cdef Py_ssize_t k = c.dim[0], row = all_rows(c, ctx) * c.itemsize
    if row * k <= X_BYTES:
        return k
    return max(<Py_ssize_t>256, X_BYTES // row // COL_TILE * COL_TILE)


cdef Split linear_backward_weight_split(const Call* c, const Context* ctx) noexcept nogil:
    cdef Py_ssize_t k = c.dim[0], n = c.dim[1], slab = c.dim[2], cols = slab_columns(c, ctx)
    cdef Split s
    s.count = ((n + slab - 1) // slab) * ((k + cols - 1) // cols)
    s.grain = <Py_ssize_t>(
        FORK_PRODUCT / max(<double>1, <double>slab * cols * all_rows(c, ctx))) + 1
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
            rows, cols, all_rows(c, ctx), c.buf[1] + lo * size, 1, n, c.buf[0] + left * size, k, 1,
            1, False, grad, ld, &ahead if n * k * size > FAR_BYTES else NULL, scratch)
        if cols == k:
            finish_gradient(c, grad, lo * k, rows * k)
        else:
            for r in range(rows):
                finish_gradient(c, grad + r * ld * size, (lo + r) * k + left, cols)


# -- linear_descend: W -= lr dy^T x, plain gradient descent in the product itself ------------
# [0] x IN (R, k)  [1] dy IN (R, n)  [3] W INOUT (n, k)  [6] hyper IN, of which the first is lr
# leaf 0 product
# dims k, n, -, rows of a sample

cdef Split linear_descend_split(const Call* c, const Context* ctx) noexcept nogil:
    return split_tiles(c.dim[1], ROW_TILE, <double>all_rows(c, ctx) * c.dim[0])


cdef void linear_descend_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t k = c.dim[0], n = c.dim[1], size = c.itemsize, lo = begin * ROW_TILE
    cdef Py_ssize_t hi = tile_end(end, linear_descend_split(c, ctx).count, ROW_TILE, n)
    (<product_leaf>c.leaf[0])(
        hi - lo, k, all_rows(c, ctx), c.buf[1] + lo * size, 1, n, c.buf[0], k, 1,
        -(<const double*>c.buf[HYPER])[0], True, c.buf[PARAM] + lo * k * size, k, NULL,
        ctx.scratch + thread * ctx.scratch_size)


# -- bias_backward: db = column sums of dy, then penalties and update -------------------------
# [1] dy IN (R, n)  [2] db OUT (n)  [3] b INOUT (n)  [4] [5] states INOUT (n)  [6] hyper IN
# leaf 0 column_sum  leaf 2 update (NULL: none)  leaf 3 regularize (NULL: none)
# dims -, n, -, rows of a sample   scalars l1, l2, limit

cdef Split bias_backward_split(const Call* c, const Context* ctx) noexcept nogil:
    cdef Split s
    s.count = max(<Py_ssize_t>1, c.dim[1] // SUM_TILE)
    s.grain = FORK // (SUM_TILE * max(<Py_ssize_t>1, all_rows(c, ctx))) + 1
    return s


cdef void bias_backward_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t n = c.dim[1], size = c.itemsize, lo = begin * SUM_TILE
    cdef Py_ssize_t hi = tile_end(end, bias_backward_split(c, ctx).count, SUM_TILE, n)
    cdef char* grad = c.buf[GRADIENT] + lo * size
    (<column_sum_leaf>c.leaf[0])(c.buf[1] + lo * size, grad, all_rows(c, ctx), hi - lo, n)
    finish_gradient(c, grad, lo, hi - lo)
