# Recurrent layers: the loop over time, and what goes with it. The products of all steps' inputs
# and the gradients of all weights are calls of their own, those of a linear layer over R T rows.
#
# A thread takes some sequences of the batch through all steps, without waiting for anyone: in
# blocks of at most BLOCK_ROWS, whose states stay in its scratch memory. Each step is one product
# of a block's states with the recurrent weights, then the cell of each sequence by itself. So
# every sequence may have its own length, and its own direction through time.

cdef enum:
    BLOCK_ROWS = 48     # sequences of a block: a whole number of a product's tiles
    # Dimensions of both operations.
    STEPS = 0           # T
    UNITS = 1           # n, of a state
    GATES = 2           # g n
    KEPT = 3            # what a cell keeps for backward, elements a step
    REVERSED = 4        # 1: from a sequence's last step to its first
    WHOLE = 5           # 1: outputs of all steps (R, T, ...), 0: of the last (R, ...)
    WIDTH = 6           # elements of one step's output, and where this layer's begin
    LEFT = 7


cdef inline Split recurrent_split(const Call* c, const Context* ctx) noexcept nogil:
    return split_tiles(ctx.rows, ROW_TILE, <double>c.dim[STEPS] * c.dim[UNITS] * c.dim[GATES])


cdef inline Py_ssize_t length_of(const Call* c, const char* lengths, Py_ssize_t row) noexcept nogil:
    return c.dim[STEPS] if lengths == NULL else (<const long long*>lengths)[row]


cdef inline Py_ssize_t longest(
    const Call* c, const char* lengths, Py_ssize_t first, Py_ssize_t rows
) noexcept nogil:
    cdef Py_ssize_t r, most = 0
    for r in range(first, first + rows):
        most = max(most, length_of(c, lengths, r))
    return most


cdef inline Py_ssize_t place_of(
    const Call* c, Py_ssize_t row, Py_ssize_t step, Py_ssize_t length
) noexcept nogil:
    # Which of the R T steps a sequence comes to as its `step`-th.
    return row * c.dim[STEPS] + (length - 1 - step if c.dim[REVERSED] else step)


cdef inline char* output_of(
    const Call* c, char* y, Py_ssize_t row, Py_ssize_t place
) noexcept nogil:
    # Where the output of a step lies, or the only output of a sequence.
    return y + ((place if c.dim[WHOLE] else row) * c.dim[WIDTH] + c.dim[LEFT]) * c.itemsize


cdef inline void copy_or_clear(char* to, const char* source, Py_ssize_t size) noexcept nogil:
    if source == NULL:
        memset(to, 0, size)
    else:
        memcpy(to, source, size)


cdef inline void clear_rest(
    const Call* c, char* steps, Py_ssize_t row, Py_ssize_t length, Py_ssize_t width
) noexcept nogil:
    # Zeros at the steps (R, T, width) of a sequence that don't count.
    cdef Py_ssize_t size = width * c.itemsize
    memset(steps + (row * c.dim[STEPS] + length) * size, 0, (c.dim[STEPS] - length) * size)


# -- recurrent_forward: h_t = cell(x_t W_ih^T + b_ih, h_(t-1) W_hh^T), t = 1 .. T --------------
# [0] gates INOUT (R, T, g n)  [1] W_hh^T IN (n, g n)  [2] b_hh IN (g n)
# [3] y OUT (R, T, width) or (R, width)  [4] h_(t-1) OUT (R, T, n)  [5] kept OUT (R, T, kept)
# [6] lengths IN int64 (R), NULL: all T  [7] h_0 IN (R, n)  [8] c_0 IN (R, n), NULL: zeros
# [9] h_T OUT (R, n)  [10] c_T OUT (R, n), may be h_0 and c_0; NULL: not wanted
# leaf 0 cell_forward  leaf 1 product   dims: see above. Without backward [4] and [5] are NULL.

cdef void recurrent_forward_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t count = recurrent_split(c, ctx).count, lo = begin * ROW_TILE
    cdef Py_ssize_t hi = tile_end(end, count, ROW_TILE, ctx.rows), rows
    while lo < hi:
        rows = min(<Py_ssize_t>BLOCK_ROWS, hi - lo)
        forward_block(c, lo, rows, ctx.scratch + thread * ctx.scratch_size)
        lo += rows


cdef void forward_block(
    const Call* c, Py_ssize_t first, Py_ssize_t rows, char* scratch
) noexcept nogil:
    cdef Py_ssize_t n = c.dim[UNITS], gates = c.dim[GATES], size = c.itemsize
    cdef Py_ssize_t state = n * size, step, row, r, place, length
    cdef Py_ssize_t steps = longest(c, c.buf[6], first, rows)
    cdef char* recurrent = scratch + PRODUCT_SCRATCH        # (rows, g n)
    cdef char* h = recurrent + BLOCK_ROWS * gates * size    # (rows, n)
    cdef char* cell = h + BLOCK_ROWS * state                # (rows, n)
    cdef char* unkept = cell + BLOCK_ROWS * state           # (kept)
    copy_or_clear(h, NULL if c.buf[7] == NULL else c.buf[7] + first * state, rows * state)
    copy_or_clear(cell, NULL if c.buf[8] == NULL else c.buf[8] + first * state, rows * state)
    for step in range(steps):
        if step == 0 and c.buf[7] == NULL:
            memset(recurrent, 0, rows * gates * size)
        else:
            (<product_leaf>c.leaf[1])(rows, gates, n, h, n, 1, c.buf[1], gates, 1,
                                      1, False, recurrent, gates, NULL, scratch)
        for r in range(rows):
            row = first + r
            length = length_of(c, c.buf[6], row)
            if step >= length:
                continue
            place = place_of(c, row, step, length)
            if c.buf[4] != NULL:
                memcpy(c.buf[4] + place * state, h + r * state, state)
            (<cell_forward_leaf>c.leaf[0])(
                c.buf[0] + place * gates * size, recurrent + r * gates * size, c.buf[2],
                h + r * state, cell + r * state,
                unkept if c.buf[5] == NULL else c.buf[5] + place * c.dim[KEPT] * size, n)
            if c.dim[WHOLE]:
                memcpy(output_of(c, c.buf[3], row, place), h + r * state, state)
    for r in range(rows):
        row = first + r
        length = length_of(c, c.buf[6], row)
        if c.buf[4] != NULL:    # gradients there are zero, and zero times NaN would not be
            clear_rest(c, c.buf[4], row, length, n)
        if not c.dim[WHOLE]:
            memcpy(output_of(c, c.buf[3], row, 0), h + r * state, state)
        for step in range(length, c.dim[STEPS] if c.dim[WHOLE] else 0):
            memset(output_of(c, c.buf[3], row, row * c.dim[STEPS] + step), 0, state)
    if c.buf[9] != NULL:
        memcpy(c.buf[9] + first * state, h, rows * state)
    if c.buf[10] != NULL:
        memcpy(c.buf[10] + first * state, cell, rows * state)


# -- recurrent_backward: gradients of all gates' sums, by way back through time ----------------
# [0] gates INOUT (R, T, g n): what forward left; then d(x W_ih^T + b_ih)  [1] W_hh IN (g n, n)
# [2] d(h W_hh^T + b_hh) OUT (R, T, g n), NULL: the same as [0]  [3] dy IN  [4] h_(t-1) IN
# [5] kept IN  [6] lengths IN  [7] dh_0 OUT (R, n)  [8] dc_0 OUT (R, n), NULL: not wanted
# leaf 0 cell_backward  leaf 1 product  leaf 2 bias   dims: see above

cdef void recurrent_backward_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t count = recurrent_split(c, ctx).count, lo = begin * ROW_TILE
    cdef Py_ssize_t hi = tile_end(end, count, ROW_TILE, ctx.rows), rows
    while lo < hi:
        rows = min(<Py_ssize_t>BLOCK_ROWS, hi - lo)
        backward_block(c, lo, rows, ctx.scratch + thread * ctx.scratch_size)
        lo += rows


cdef void backward_block(
    const Call* c, Py_ssize_t first, Py_ssize_t rows, char* scratch
) noexcept nogil:
    cdef Py_ssize_t n = c.dim[UNITS], gates = c.dim[GATES], size = c.itemsize
    cdef Py_ssize_t state = n * size, line = gates * size, step, row, r, place, length
    cdef char* recurrent = scratch + PRODUCT_SCRATCH        # (rows, g n)
    cdef char* dh = recurrent + BLOCK_ROWS * line           # (rows, n)
    cdef char* dc = dh + BLOCK_ROWS * state                 # (rows, n)
    memset(dh, 0, rows * state)
    memset(dc, 0, rows * state)
    for r in range(rows):
        row = first + r
        length = length_of(c, c.buf[6], row)
        clear_rest(c, c.buf[0], row, length, gates)
        if c.buf[2] != NULL:
            clear_rest(c, c.buf[2], row, length, gates)
        if not c.dim[WHOLE]:
            memcpy(dh + r * state, output_of(c, c.buf[3], row, 0), state)
    for step in range(longest(c, c.buf[6], first, rows) - 1, -1, -1):
        for r in range(rows):
            row = first + r
            length = length_of(c, c.buf[6], row)
            if step >= length:
                memset(recurrent + r * line, 0, line)
                continue
            place = place_of(c, row, step, length)
            if c.dim[WHOLE]:
                (<bias_leaf>c.leaf[2])(
                    dh + r * state, output_of(c, c.buf[3], row, place), 1, n, n)
            (<cell_backward_leaf>c.leaf[0])(
                c.buf[0] + place * line, recurrent + r * line,
                c.buf[5] + place * c.dim[KEPT] * size, c.buf[4] + place * state,
                dh + r * state, dc + r * state, n)
            if c.buf[2] != NULL:
                memcpy(c.buf[2] + place * line, recurrent + r * line, line)
        if step > 0 or c.buf[7] != NULL:
            (<product_leaf>c.leaf[1])(rows, n, gates, recurrent, gates, 1, c.buf[1], n, 1,
                                      1, True, dh, n, NULL, scratch)
    if c.buf[7] != NULL:
        memcpy(c.buf[7] + first * state, dh, rows * state)
    if c.buf[8] != NULL:
        memcpy(c.buf[8] + first * state, dc, rows * state)


# -- transpose: y = x^T ------------------------------------------------------------------------
# [0] x IN (n, k)  [1] y OUT (k, n)   leaf 0 transpose   dims n, k

cdef Split transpose_split(const Call* c, const Context* ctx) noexcept nogil:
    return split_blocks(c.dim[0], COL_TILE, FORK // max(<Py_ssize_t>1, c.dim[1]))


cdef void transpose_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t n = c.dim[0], k = c.dim[1], lo = begin * COL_TILE, hi = min(n, end * COL_TILE)
    (<transpose_leaf>c.leaf[0])(
        c.buf[0] + lo * k * c.itemsize, c.buf[1] + lo * c.itemsize, n, hi - lo, k)


# -- count_steps: how many steps of each sequence count ----------------------------------------
# [0] x IN (R, T, width)  [1] lengths OUT int64 (R)   leaf 0 count_steps
# dims T, width, bytes of an element of x   scalar 0 what a step that doesn't count consists of

cdef Split count_steps_split(const Call* c, const Context* ctx) noexcept nogil:
    return split_rows(ctx.rows, c.dim[0] * c.dim[1])


cdef void count_steps_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t cols = c.dim[0] * c.dim[1], block = row_block(cols)
    cdef Py_ssize_t lo = begin * block, hi = min(ctx.rows, end * block)
    (<count_steps_leaf>c.leaf[0])(
        c.buf[0] + lo * cols * c.dim[2], <long long*>c.buf[1] + lo, hi - lo, c.dim[0],
        c.dim[1], c.scalar[0])
