# PReLU, RReLU, maxout and the gated linear unit.

# -- prelu_forward: y = x where x > 0, else w x ------------------------------------------------
# [0] x IN (R, channels, inner)  [1] w IN (channels)  [2] y OUT, may be x
# leaf 0 prelu   dims channels, inner
# A block of `inner` numbers has one w; where inner is 1, a row of channels has one each.

cdef inline Py_ssize_t prelu_width(const Call* c) noexcept nogil:
    return c.dim[0] if c.dim[1] == 1 else c.dim[1]


cdef inline Py_ssize_t prelu_rows(const Call* c, const Context* ctx) noexcept nogil:
    return ctx.rows if c.dim[1] == 1 else ctx.rows * c.dim[0]


cdef inline char* prelu_weight(const Call* c, Py_ssize_t row, int at) noexcept nogil:
    return c.buf[at] if c.dim[1] == 1 else c.buf[at] + row % c.dim[0] * c.itemsize


cdef Split prelu_split(const Call* c, const Context* ctx) noexcept nogil:
    return split_rows(prelu_rows(c, ctx), prelu_width(c))


cdef void prelu_forward_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t width = prelu_width(c), block = row_block(width), row, skip
    for row in range(begin * block, min(prelu_rows(c, ctx), end * block)):
        skip = row * width * c.itemsize
        (<prelu_leaf>c.leaf[0])(
            c.buf[0] + skip, prelu_weight(c, row, 1), c.buf[2] + skip, width, c.dim[1] != 1)


# -- prelu_backward: dx, and terms whose sums over R are dw ------------------------------------
# [0] dy IN (R, channels, inner)  [1] x IN, likewise  [2] w IN (channels)  [3] dx OUT, may be dy
# [4] terms OUT (R, channels)   leaf 0 prelu_grad   dims channels, inner

cdef void prelu_backward_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t width = prelu_width(c), block = row_block(width), row, skip
    for row in range(begin * block, min(prelu_rows(c, ctx), end * block)):
        skip = row * width * c.itemsize
        (<prelu_grad_leaf>c.leaf[0])(
            c.buf[0] + skip, c.buf[1] + skip, prelu_weight(c, row, 2), c.buf[3] + skip,
            c.buf[4] + (skip if c.dim[1] == 1 else row * c.itemsize), width, c.dim[1] != 1)


# -- rrelu: y = grad where x > 0, else a random slope times grad -------------------------------
# [0] grad IN (R, width)  [1] x IN (R, width)  [2] y OUT (R, width), may be grad
# leaf 0 rrelu   dims width, layer's number   scalars lower, upper, reciprocal

cdef void rrelu_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t total = ctx.rows * c.dim[0], unit, lo, skip
    cdef unsigned long long key = noise_key(c, ctx)
    for unit in range(begin, end):      # a block never crosses a multiple of 2^32
        lo = unit * BLOCK
        skip = lo * c.itemsize
        (<rrelu_leaf>c.leaf[0])(
            c.buf[0] + skip, c.buf[1] + skip, c.buf[2] + skip, min(<Py_ssize_t>BLOCK, total - lo),
            lo, key, c.scalar[0], c.scalar[1], c.scalar[2] != 0)


# -- maxout: the largest of each `pieces` neighbours; maxout_grad: its gradient ----------------
# [0] x IN (R, n, pieces)  [1] y OUT (R, n)  [2] which OUT int32 (R, n), NULL: nobody asks
# leaf 0 maxout   dims n, pieces
# maxout_grad: [0] grad IN (R, n)  [1] which IN int32 (R, n)  [2] dx OUT (R, n, pieces)
# leaf 0 maxout_grad   dims n, pieces

cdef Split maxout_split(const Call* c, const Context* ctx) noexcept nogil:
    return split_rows(ctx.rows * c.dim[0], c.dim[1])


cdef void maxout_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t pieces = c.dim[1], block = row_block(pieces), lo = begin * block
    cdef Py_ssize_t hi = min(ctx.rows * c.dim[0], end * block)
    (<maxout_leaf>c.leaf[0])(
        c.buf[0] + lo * pieces * c.itemsize, c.buf[1] + lo * c.itemsize,
        NULL if c.buf[2] == NULL else <int*>c.buf[2] + lo, hi - lo, pieces)


cdef void maxout_grad_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t pieces = c.dim[1], block = row_block(pieces), lo = begin * block
    cdef Py_ssize_t hi = min(ctx.rows * c.dim[0], end * block)
    (<maxout_grad_leaf>c.leaf[0])(
        c.buf[0] + lo * c.itemsize, <const int*>c.buf[1] + lo,
        c.buf[2] + lo * pieces * c.itemsize, hi - lo, pieces)


# -- glu: y = x[:n] sigmoid(x[n:]) by row; glu_grad: its gradient ------------------------------
# [0] x IN (R * rows, 2 n)  [1] y OUT (R * rows, n)   leaf 0 rows   dims rows, n
# glu_grad: [0] grad IN (R * rows, n)  [1] x IN (R * rows, 2 n)  [2] dx OUT (R * rows, 2 n)
# leaf 0 rows_grad   dims rows, n

cdef void glu_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t n = c.dim[1], block = row_block(n), lo = begin * block
    cdef Py_ssize_t hi = min(ctx.rows * c.dim[0], end * block), skip = lo * n * c.itemsize
    (<rows_leaf>c.leaf[0])(c.buf[0] + 2 * skip, c.buf[1] + skip, hi - lo, n)


cdef void glu_grad_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t n = c.dim[1], block = row_block(n), lo = begin * block
    cdef Py_ssize_t hi = min(ctx.rows * c.dim[0], end * block), skip = lo * n * c.itemsize
    (<rows_grad_leaf>c.leaf[0])(
        c.buf[0] + skip, c.buf[1] + 2 * skip, c.buf[2] + 2 * skip, hi - lo, n)
