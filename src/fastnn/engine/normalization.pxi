# Normalisation. In what follows x, y and gradients are (R, channels, length).

cdef enum:
    # Sums over the batch are made of at most so many blocks of rows; a block, or a part of its
    # channels, has at least so many elements.
    ROW_BLOCKS = 32
    BLOCK_SIZE = 16384


# How a batch is divided: into blocks of rows, and each block by channels where there are few rows.
# Rows of one element a channel stay whole.
cdef struct Grid:
    Py_ssize_t rows
    Py_ssize_t row_blocks
    Py_ssize_t channels
    Py_ssize_t channel_blocks


# A part of a unit, at most BLOCK elements that lie together.
cdef struct Piece:
    Py_ssize_t at           # its first element
    Py_ssize_t channel      # its first channel
    Py_ssize_t rows
    Py_ssize_t channels
    Py_ssize_t length


# Where one is in a unit: rows up to `bottom`, channels from `left` to `right`.
cdef struct Walk:
    Py_ssize_t channels     # of a row
    Py_ssize_t length
    Py_ssize_t bottom
    Py_ssize_t left
    Py_ssize_t right
    Py_ssize_t row
    Py_ssize_t channel
    Py_ssize_t i            # within a channel longer than a piece


cdef Grid grid_of(Py_ssize_t rows, Py_ssize_t channels, Py_ssize_t length) noexcept nogil:
    cdef Grid g
    cdef Py_ssize_t size = max(<Py_ssize_t>1, channels * length)
    g.rows = max((rows + ROW_BLOCKS - 1) // ROW_BLOCKS, (BLOCK_SIZE + size - 1) // size)
    g.row_blocks = (rows + g.rows - 1) // g.rows
    g.channels = channels
    if length > 1 and g.row_blocks > 0:
        g.channels = min(channels, max(
            (channels * g.row_blocks + ROW_BLOCKS - 1) // ROW_BLOCKS,
            BLOCK_SIZE // (g.rows * length) + 1))
    g.channel_blocks = (channels + g.channels - 1) // g.channels
    return g


cdef inline Split split_grid(
    Py_ssize_t rows, Py_ssize_t channels, Py_ssize_t length
) noexcept nogil:
    cdef Grid g = grid_of(rows, channels, length)
    cdef Split s
    s.count = g.row_blocks * g.channel_blocks
    s.grain = FORK // (g.rows * g.channels * length) + 1
    return s


cdef inline Walk begin_walk(
    const Grid* g, Py_ssize_t unit, Py_ssize_t rows, Py_ssize_t channels, Py_ssize_t length
) noexcept nogil:
    cdef Walk w
    w.channels = channels
    w.length = length
    w.row = unit // g.channel_blocks * g.rows
    w.bottom = min(rows, w.row + g.rows)
    w.left = w.channel = unit % g.channel_blocks * g.channels
    w.right = min(channels, w.left + g.channels)
    w.i = 0
    return w


cdef inline bint next_piece(Walk* w, Piece* p) noexcept nogil:
    if w.row >= w.bottom:
        return False
    p.at = (w.row * w.channels + w.channel) * w.length + w.i
    p.channel = w.channel
    p.rows = 1
    p.channels = min(w.right - w.channel, max(<Py_ssize_t>1, BLOCK // w.length))
    p.length = min(<Py_ssize_t>BLOCK, w.length - w.i)
    if w.length == 1 and p.channels == w.channels:
        p.rows = min(w.bottom - w.row, BLOCK // w.channels)
    w.i += p.length
    if w.i == w.length:
        w.i = 0
        w.channel += p.channels
    if w.channel == w.right:
        w.channel = w.left
        w.row += p.rows
    return True


# The buffers of all calls of channel normalisation.
cdef enum:
    CHANNEL_X = 0           # IN  x
    CHANNEL_Y = 1           # OUT y
    CHANNEL_GRAD = 2        # INOUT the gradient with respect to y
    CHANNEL_DX = 3          # OUT that with respect to x
    CHANNEL_SAVED = 4       # IN  what the activation that made x saved
    CHANNEL_PARTIAL = 5     # double (ROW_BLOCKS, 2, channels); NULL: statistics are given
    CHANNEL_WEIGHT = 6      # IN  (channels), or NULL
    CHANNEL_BIAS = 7        # IN  (channels), or NULL; on the way back both are gradients, OUT
    CHANNEL_MEAN = 8        # INOUT (channels), running; or NULL
    CHANNEL_VAR = 9
    CHANNEL_BATCHES = 10    # INOUT int64 (1), or NULL
    CHANNEL_MOMENTS = 11    # double (2, channels)
    CHANNEL_SHIFT = 12      # (4 or 5, channels): shift, scale, offset, slope, constant
    CHANNEL_DWEIGHT = 13    # OUT (channels), or NULL
    CHANNEL_DBIAS = 14

cdef enum:
    SHIFT
    SCALE
    OFFSET
    SLOPE
    CONSTANT


cdef inline char* coefficient(const Call* c, int which, Py_ssize_t channel) noexcept nogil:
    return c.buf[CHANNEL_SHIFT] + (which * c.dim[0] + channel) * c.itemsize


cdef Split channel_split(const Call* c, const Context* ctx) noexcept nogil:
    return split_grid(ctx.rows, c.dim[0], c.dim[1])


cdef inline void apply_activation(const Call* c, const Piece* p, char* scratch) noexcept nogil:
    # The activation's gradient to that of y, in place. What it needs is made again from x: then
    # neither y nor what it was made of is read, or kept.
    cdef Py_ssize_t n = p.rows * p.channels * p.length, skip = p.at * c.itemsize
    (<channel_scale_leaf>c.leaf[2])(
        c.buf[CHANNEL_X] + skip, scratch, coefficient(c, SHIFT, p.channel),
        coefficient(c, SCALE, p.channel), coefficient(c, OFFSET, p.channel),
        p.rows, p.channels, p.length)
    if c.leaf[3] != NULL:
        (<map_leaf>c.leaf[3])(scratch, scratch, n, c.scalar)
    (<grad_leaf>c.leaf[1])(
        c.buf[CHANNEL_GRAD] + skip, scratch, c.buf[CHANNEL_GRAD] + skip, n, c.scalar)


# -- channel_sums: by blocks, the sums that the statistics of x, or of its gradient, are made of ---
# leaf 0 channel_sums  leaf 1 grad of the activation that follows, to be applied to y's gradient
# first (NULL: none, or its reader has done it)  leaf 2 channel_scale  leaf 3 map (NULL: the
# gradient is computed from its input)   dims channels, length   scalars: parameters

cdef void channel_sums_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t channels = c.dim[0], length = c.dim[1], unit, step = 1
    cdef Grid g = grid_of(ctx.rows, channels, length)
    cdef char* scratch = ctx.scratch + thread * ctx.scratch_size
    cdef const char* grad = NULL
    cdef const char* shift
    cdef double* sums
    cdef Walk w
    cdef Piece p
    for unit in range(begin, end):
        w = begin_walk(&g, unit, ctx.rows, channels, length)
        sums = <double*>c.buf[CHANNEL_PARTIAL] + unit // g.channel_blocks * 2 * channels
        memset(sums + w.left, 0, (w.right - w.left) * sizeof(double))
        memset(sums + channels + w.left, 0, (w.right - w.left) * sizeof(double))
        while next_piece(&w, &p):
            if c.buf[CHANNEL_GRAD] != NULL:
                if c.leaf[1] != NULL:
                    apply_activation(c, &p, scratch)
                grad = c.buf[CHANNEL_GRAD] + p.at * c.itemsize
                shift = coefficient(c, SHIFT, p.channel)
            else:       # about the first sample's first element
                shift = c.buf[CHANNEL_X] + p.channel * length * c.itemsize
                step = length
            (<channel_sums_leaf>c.leaf[0])(
                grad, c.buf[CHANNEL_X] + p.at * c.itemsize, shift, sums + p.channel,
                sums + channels + p.channel, p.rows, p.channels, p.length, step)


# -- channel_prepare: statistics, running ones too, and what is to be done to x -------------------
# leaf 0 channel_prepare   dims channels, length   scalars eps, momentum

cdef void channel_prepare_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t channels = c.dim[0], length = c.dim[1]
    (<channel_prepare_leaf>c.leaf[0])(
        <const double*>c.buf[CHANNEL_PARTIAL], grid_of(ctx.rows, channels, length).row_blocks,
        <double>ctx.rows * length, c.buf[CHANNEL_X], length,
        c.buf[CHANNEL_WEIGHT], c.buf[CHANNEL_BIAS], c.buf[CHANNEL_MEAN], c.buf[CHANNEL_VAR],
        <long long*>c.buf[CHANNEL_BATCHES], c.scalar, channels,
        <double*>c.buf[CHANNEL_MOMENTS], coefficient(c, SHIFT, 0), coefficient(c, SCALE, 0),
        coefficient(c, OFFSET, 0))


# -- channel_scale: y = f((x - shift) scale + offset) ---------------------------------------------
# leaf 2 channel_scale  leaf 3 map (NULL: identity)   dims channels, length   scalars: parameters

cdef void channel_scale_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t unit, skip
    cdef Grid g = grid_of(ctx.rows, c.dim[0], c.dim[1])
    cdef Walk w
    cdef Piece p
    for unit in range(begin, end):
        w = begin_walk(&g, unit, ctx.rows, c.dim[0], c.dim[1])
        while next_piece(&w, &p):
            skip = p.at * c.itemsize
            (<channel_scale_leaf>c.leaf[2])(
                c.buf[CHANNEL_X] + skip, c.buf[CHANNEL_Y] + skip,
                coefficient(c, SHIFT, p.channel), coefficient(c, SCALE, p.channel),
                coefficient(c, OFFSET, p.channel), p.rows, p.channels, p.length)
            if c.leaf[3] != NULL:
                (<map_leaf>c.leaf[3])(c.buf[CHANNEL_Y] + skip, c.buf[CHANNEL_Y] + skip,
                                      p.rows * p.channels * p.length, c.scalar)


# -- channel_grad_prepare: gradients of weight and bias, and what is to be done to y's ------------
# leaf 0 channel_grad_prepare   dims channels, length, whether the statistics are this batch's

cdef void channel_grad_prepare_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t channels = c.dim[0], length = c.dim[1]
    (<channel_grad_prepare_leaf>c.leaf[0])(
        <const double*>c.buf[CHANNEL_PARTIAL], grid_of(ctx.rows, channels, length).row_blocks,
        <double>ctx.rows * length if c.dim[2] else 0, <const double*>c.buf[CHANNEL_MOMENTS],
        c.buf[CHANNEL_WEIGHT], coefficient(c, SHIFT, 0),
        c.buf[CHANNEL_DWEIGHT], c.buf[CHANNEL_DBIAS],
        coefficient(c, SLOPE, 0), coefficient(c, CONSTANT, 0), channels)


# -- channel_grad: dx = (scale dz + slope (x - shift) + constant) * f'(saved) ---------------------
# leaf 0 channel_grad  leaf 1 grad of the activation that made x (NULL: none)
# dims channels, length, whether the statistics are this batch's   scalars: parameters

cdef void channel_grad_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t unit, skip
    cdef Grid g = grid_of(ctx.rows, c.dim[0], c.dim[1])
    cdef char* dx
    cdef Walk w
    cdef Piece p
    for unit in range(begin, end):
        w = begin_walk(&g, unit, ctx.rows, c.dim[0], c.dim[1])
        while next_piece(&w, &p):
            skip = p.at * c.itemsize
            dx = c.buf[CHANNEL_DX] + skip
            (<channel_grad_leaf>c.leaf[0])(
                c.buf[CHANNEL_GRAD] + skip, c.buf[CHANNEL_X] + skip, dx,
                coefficient(c, SHIFT, p.channel), coefficient(c, SCALE, p.channel),
                coefficient(c, SLOPE, p.channel) if c.dim[2] else NULL,
                coefficient(c, CONSTANT, p.channel) if c.dim[2] else NULL,
                p.rows, p.channels, p.length)
            if c.leaf[1] != NULL:
                (<grad_leaf>c.leaf[1])(dx, c.buf[CHANNEL_SAVED] + skip, dx,
                                       p.rows * p.channels * p.length, c.scalar)
