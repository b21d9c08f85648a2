# Convolution as matrix products: what the kernel meets is unfolded a block at a time (see
# kernels/convolution.h) and multiplied while it is in cache.
#
# x (R, C, height, width), W (O, C / groups, kernel_y, kernel_x), y (R, O, out_height, out_width);
# R is the samples of the batch. The dims of every call are C, O, groups and a `Stencil`. Below,
# the pixels of the output are the columns of a product, and taps (channel, ky, kx) its depth.

cdef enum:
    STENCIL = 3             # dims
    # Pixels of a block of the unfolded image, about; more where a pixel has few multiplications,
    # until there are so many of them or so many pixels.
    COLUMNS = 192
    MOST_COLUMNS = 2048
    FEW_PRODUCTS = 250000
    # The same, in bytes of a row, in a product over pixels.
    PIXEL_BYTES = 2048
    # Taps of a block of the gradient of the input or of the weight, at most.
    TAPS = 128
    # Bytes of a block in the forward, and nearly always.
    UNFOLDED_BYTES = 294912
    # Bytes of frames that a gradient is folded into.
    FRAME_BYTES = 131072
    # Parts of the gradient of a weight that are summed at the end, where it has so few taps that
    # these don't give as many units.
    WEIGHT_PARTS = 16
    SUM_TAPS = 16


cdef struct Convolution:
    const Stencil* stencil
    Py_ssize_t groups
    Py_ssize_t channels     # of a group
    Py_ssize_t maps         # of a group
    Py_ssize_t image        # pixels of a channel of x
    Py_ssize_t pixels       # of a channel of y
    Py_ssize_t taps         # of a channel
    Py_ssize_t depth        # taps of all channels of a group
    Py_ssize_t frame        # bytes of a channel's frame
    bint plain              # the unfolded image is the image itself
    char* scratch           # of this thread, for products
    char* unfolded
    char* frames


cdef Convolution convolution_of(const Py_ssize_t* dim, int size, char* scratch) noexcept nogil:
    cdef Convolution v
    cdef const Stencil* w = <const Stencil*>(dim + STENCIL)
    v.stencil = w
    v.groups = dim[2]
    v.channels = dim[0] // v.groups
    v.maps = dim[1] // v.groups
    v.image = w.height * w.width
    v.pixels = w.out_height * w.out_width
    v.taps = w.kernel_y * w.kernel_x
    v.depth = v.channels * v.taps
    v.frame = frame_rows(w, w.out_height) * frame_pitch(w) * size
    v.plain = v.taps == 1 and v.pixels == v.image and w.top == 0 and w.left == 0
    v.scratch = scratch
    v.unfolded = scratch + PRODUCT_SCRATCH
    v.frames = v.unfolded + LINE + max(
        <Py_ssize_t>UNFOLDED_BYTES,
        max(<Py_ssize_t>TAPS, v.taps) * odd_lines(COLUMNS + COLUMNS // 2, size) * size)
    return v


cdef inline Convolution convolution(const Call* c, const Context* ctx, int thread) noexcept nogil:
    return convolution_of(c.dim, c.itemsize, ctx.scratch + thread * ctx.scratch_size)


def convolution_memory(tuple dims, int size):
    """What the calls of a convolution need, for numbers of `size` bytes: bytes of scratch, and how
    many parts of the gradient of its weight there are at most."""
    cdef Py_ssize_t dim[MAX_DIMS]
    cdef Py_ssize_t i, bytes_of_frames
    cdef Convolution v
    for i in range(len(dims)):
        dim[i] = dims[i]
    v = convolution_of(dim, size, NULL)
    bytes_of_frames = max(
        v.frame * channels_of_unit(&v),
        v.frame + LINE + v.maps * odd_lines(PIXEL_BYTES // size, size) * size,  # and some of dy
        SUM_TAPS * v.maps * size)
    return <Py_ssize_t>v.frames + bytes_of_frames + LINE, weight_parts(&v, WEIGHT_PARTS)


cdef inline Split split_work(Py_ssize_t count, double work) noexcept nogil:
    # Units of so many multiplications.
    cdef Split s
    s.count = count
    s.grain = <Py_ssize_t>(FORK_PRODUCT / max(<double>1, work)) + 1
    return s


cdef inline Py_ssize_t odd_lines(Py_ssize_t n, int size) noexcept nogil:
    # A length of rows of n numbers that is an odd number of cache lines, so that what lies side
    # by side in several rows doesn't compete for the same few places of the cache.
    return ((n * size + LINE - 1) // LINE | 1) * LINE // size


cdef inline Py_ssize_t parts(Py_ssize_t n, Py_ssize_t most) noexcept nogil:
    return (n + most - 1) // most


cdef inline Py_ssize_t block_columns(const Convolution* v, Py_ssize_t aim) noexcept nogil:
    # Pixels of a block: whole vectors, if not all pixels, and blocks about alike. At most half more
    # than the aim, rounded up.
    cdef Py_ssize_t blocks = max(<Py_ssize_t>1, (v.pixels + aim // 2) // aim)
    return min(v.pixels, parts(parts(v.pixels, blocks), 32) * 32)


# -- convolution_forward: y = f(x * W + b) ----------------------------------------------------
# [0] x IN  [1] b IN (O)  [2] z OUT  [3] y OUT, may be z  [4] W IN
# leaf 0 bias (NULL: none)  leaf 1 map (NULL: identity)  leaf 2 product  leaf 3 unfold
# scalars: parameters
# A unit is some pixels of a sample; bias and activation follow while they are in cache.

cdef inline Py_ssize_t forward_columns(const Convolution* v) noexcept nogil:
    cdef Py_ssize_t fit = FEW_PRODUCTS // (v.depth * v.maps * v.groups)
    return block_columns(v, min(<Py_ssize_t>MOST_COLUMNS, max(<Py_ssize_t>COLUMNS, fit)))


cdef Split convolution_forward_split(const Call* c, const Context* ctx) noexcept nogil:
    cdef Convolution v = convolution(c, ctx, 0)
    cdef Py_ssize_t most = forward_columns(&v)
    return split_work(
        ctx.rows * parts(v.pixels, most), <double>most * v.depth * v.maps * v.groups)


cdef void convolution_forward_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Convolution v = convolution(c, ctx, thread)
    cdef Py_ssize_t size = c.itemsize, most = forward_columns(&v), blocks = parts(v.pixels, most)
    cdef Py_ssize_t pitch = odd_lines(most, size)
    cdef Py_ssize_t slabs = parts(v.depth, max(<Py_ssize_t>1, UNFOLDED_BYTES // (pitch * size)))
    cdef Py_ssize_t maps = v.maps * v.groups, unit, first, cols, skip, g, slab, t, depth
    cdef product_leaf product = <product_leaf>c.leaf[2]
    cdef const char* x
    cdef const char* weight
    cdef char* z
    for unit in range(begin, end):
        first = unit % blocks * most
        cols = min(most, v.pixels - first)
        skip = (unit // blocks * maps * v.pixels + first) * size
        for g in range(v.groups):
            x = c.buf[0] + (unit // blocks * v.groups + g) * v.channels * v.image * size
            weight = c.buf[4] + g * v.maps * v.depth * size
            z = c.buf[2] + skip + g * v.maps * v.pixels * size
            if v.plain:
                product(v.maps, cols, v.depth, weight, v.depth, 1, x + first * size, v.pixels, 1,
                        1, False, z, v.pixels, NULL, v.scratch)
                continue
            for slab in range(slabs):
                t = v.depth * slab // slabs
                depth = v.depth * (slab + 1) // slabs - t
                (<unfold_leaf>c.leaf[3])(
                    x, v.stencil, t, t + depth, first, first + cols, v.unfolded, pitch, v.frames)
                product(v.maps, cols, depth, weight + t * size, v.depth, 1, v.unfolded, pitch, 1,
                        1, t > 0, z, v.pixels, NULL, v.scratch)
        bias_and_map(c, c.buf[1], c.buf[2] + skip, c.buf[3] + skip, maps, cols, v.pixels)


# -- convolution_backward_input: dx = (dy * W turned round) * f'(saved) ------------------------
# [0] dy IN  [1] W IN  [2] dx OUT  [3] saved IN, as x
# leaf 0 grad of the activation that made this layer's input (NULL: none)  leaf 1 product
# leaf 2 fold  leaf 3 crop
# A unit is some channels of a sample.

cdef inline Py_ssize_t channels_of_unit(const Convolution* v) noexcept nogil:
    cdef Py_ssize_t most = max(<Py_ssize_t>1, min(TAPS // v.taps, FRAME_BYTES // v.frame))
    return parts(v.channels, parts(v.channels, most))


cdef Split convolution_backward_input_split(const Call* c, const Context* ctx) noexcept nogil:
    cdef Convolution v = convolution(c, ctx, 0)
    cdef Py_ssize_t most = channels_of_unit(&v)
    return split_work(
        ctx.rows * v.groups * parts(v.channels, most), <double>most * v.taps * v.pixels * v.maps)


cdef void convolution_backward_input_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Convolution v = convolution(c, ctx, thread)
    cdef Py_ssize_t size = c.itemsize, slab = channels_of_unit(&v)
    cdef Py_ssize_t most = block_columns(&v, COLUMNS), pitch = odd_lines(most, size)
    cdef Py_ssize_t slabs = parts(v.channels, slab), unit, group, low, channels, block
    cdef Py_ssize_t first, cols, skip
    cdef product_leaf product = <product_leaf>c.leaf[1]
    cdef const char* dy
    cdef const char* weight
    cdef char* dx
    for unit in range(begin, end):
        group = unit // slabs       # of all samples' groups
        low = unit % slabs * slab
        channels = min(slab, v.channels - low)
        dy = c.buf[0] + group * v.maps * v.pixels * size
        weight = c.buf[1] + (group % v.groups * v.maps * v.depth + low * v.taps) * size
        skip = (group * v.channels + low) * v.image * size
        dx = c.buf[2] + skip
        if v.plain:
            product(channels, v.pixels, v.maps, weight, 1, v.depth, dy, v.pixels, 1,
                    1, False, dx, v.pixels, NULL, v.scratch)
        else:
            memset(v.frames, 0, channels * v.frame)
            for block in range(parts(v.pixels, most)):
                first = block * most
                cols = min(most, v.pixels - first)
                product(channels * v.taps, cols, v.maps, weight, 1, v.depth,
                        dy + first * size, v.pixels, 1,
                        1, False, v.unfolded, pitch, NULL, v.scratch)
                (<fold_leaf>c.leaf[2])(
                    v.unfolded, pitch, v.stencil, channels, first, first + cols, v.frames)
            (<crop_leaf>c.leaf[3])(v.frames, v.stencil, channels, dx)
        if c.leaf[0] != NULL:
            (<grad_leaf>c.leaf[0])(
                dx, c.buf[3] + skip, dx, channels * v.image, c.scalar)


# -- convolution_backward_weight: dW^T in parts, sums over some of the samples -----------------
# [0] x IN  [1] dy IN  [2] parts OUT (WEIGHT_PARTS at most, groups, taps, O / groups)
# leaf 0 product_rows  leaf 1 unfold
# A unit is some taps, for some of the samples.

cdef inline Py_ssize_t taps_of_unit(const Convolution* v) noexcept nogil:
    return parts(v.depth, parts(v.depth, TAPS))


cdef inline Py_ssize_t weight_parts(const Convolution* v, Py_ssize_t rows) noexcept nogil:
    cdef Py_ssize_t units = v.groups * parts(v.depth, taps_of_unit(v))
    return min(rows, parts(WEIGHT_PARTS, units))


cdef Split convolution_backward_weight_split(const Call* c, const Context* ctx) noexcept nogil:
    cdef Convolution v = convolution(c, ctx, 0)
    cdef Py_ssize_t most = taps_of_unit(&v), divided = weight_parts(&v, ctx.rows)
    return split_work(
        divided * v.groups * parts(v.depth, most),
        <double>most * v.maps * v.pixels * ctx.rows / max(<Py_ssize_t>1, divided))


cdef void convolution_backward_weight_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Convolution v = convolution(c, ctx, thread)
    cdef Py_ssize_t slab = taps_of_unit(&v), slabs = parts(v.depth, slab)
    cdef Py_ssize_t divided = weight_parts(&v, ctx.rows), unit, group, low, part
    for unit in range(begin, end):
        low = unit % slabs * slab
        group = unit // slabs % v.groups
        part = unit // slabs // v.groups
        weight_part(
            c, &v, group, low, min(slab, v.depth - low),
            ctx.rows * part // divided, ctx.rows * (part + 1) // divided,
            c.buf[2] + ((part * v.groups + group) * v.depth + low) * v.maps * c.itemsize)


cdef void weight_part(
    const Call* c, const Convolution* v, Py_ssize_t group, Py_ssize_t low, Py_ssize_t taps,
    Py_ssize_t row, Py_ssize_t end, char* sums
) noexcept nogil:
    # A product over the pixels of some samples: several samples at once where they have few.
    cdef Py_ssize_t size = c.itemsize, most = PIXEL_BYTES // size
    cdef Py_ssize_t samples = max(<Py_ssize_t>1, most // v.pixels)
    cdef Py_ssize_t blocks = parts(v.pixels, most), block, first, cols, i, r
    cdef Py_ssize_t x_row = v.groups * v.channels * v.image * size
    cdef Py_ssize_t dy_row = v.groups * v.maps * v.pixels * size
    cdef const char* x = c.buf[0] + group * v.channels * v.image * size + row * x_row
    cdef const char* dy = c.buf[1] + group * v.maps * v.pixels * size + row * dy_row
    cdef const char* a
    cdef const char* b
    cdef char* gathered = v.frames + v.frame + LINE
    cdef Py_ssize_t a_row, b_row, pitch = odd_lines(most, size)
    cdef bint add = False
    while row < end:
        samples = min(samples, end - row)
        for block in range(blocks):
            first = v.pixels * block // blocks
            cols = v.pixels * (block + 1) // blocks - first
            a, a_row = x + (low * v.image + first) * size, v.image
            b, b_row = dy + first * size, v.pixels
            if not v.plain or samples > 1:
                a, a_row = v.unfolded, pitch
                for i in range(samples):
                    (<unfold_leaf>c.leaf[1])(
                        x + i * x_row, v.stencil, low, low + taps, first, first + cols,
                        v.unfolded + i * cols * size, pitch, v.frames)
            if samples > 1:
                b, b_row = gathered, pitch
                for i in range(samples):
                    for r in range(v.maps):
                        memcpy(gathered + (r * pitch + i * cols) * size,
                               dy + i * dy_row + r * v.pixels * size, cols * size)
            (<product_rows_leaf>c.leaf[0])(
                taps, v.maps, samples * cols, a, a_row, b, b_row,
                add, sums, v.maps, taps, v.maps, v.scratch)
            add = True
        row += samples
        x += samples * x_row
        dy += samples * dy_row


# -- convolution_sum_weight: dW from its parts --------------------------------------------------
# [0] parts IN, as above  [1] connected IN uint8 (O, C / groups), NULL: all are  [2] dW OUT as W
# leaf 0 column_sum  leaf 1 transpose
# A unit is SUM_TAPS taps of a group.

cdef Split convolution_sum_weight_split(const Call* c, const Context* ctx) noexcept nogil:
    cdef Convolution v = convolution(c, ctx, 0)
    return split_work(
        v.groups * parts(v.depth, SUM_TAPS),
        <double>SUM_TAPS * v.maps * (weight_parts(&v, ctx.rows) + 4))


cdef void convolution_sum_weight_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Convolution v = convolution(c, ctx, thread)
    cdef Py_ssize_t size = c.itemsize, blocks = parts(v.depth, SUM_TAPS), unit, group, low, taps
    cdef Py_ssize_t o, t
    cdef char* target
    for unit in range(begin, end):
        group = unit // blocks
        low = unit % blocks * SUM_TAPS
        taps = min(<Py_ssize_t>SUM_TAPS, v.depth - low)
        target = c.buf[2] + (group * v.maps * v.depth + low) * size
        (<column_sum_leaf>c.leaf[0])(
            c.buf[0] + (group * v.depth + low) * v.maps * size, v.frames,
            weight_parts(&v, ctx.rows), taps * v.maps, v.groups * v.depth * v.maps)
        (<transpose_leaf>c.leaf[1])(v.frames, target, v.depth, taps, v.maps)
        if c.buf[1] == NULL:
            continue
        for o in range(v.maps):
            for t in range(taps):
                if not c.buf[1][(group * v.maps + o) * v.channels + (low + t) // v.taps]:
                    memset(target + (o * v.depth + t) * size, 0, size)


# -- map_sums: the sums of each map over samples and pixels, then penalties and update ---------
# [0] dy IN (R, maps, pixels)  [2] db OUT (maps)  [3] b INOUT (maps)  [4] [5] states INOUT (maps)
# [6] hyper IN   leaf 0 sum  leaf 2 update (NULL: none)  leaf 3 regularize (NULL: none)
# dims maps, pixels   scalars l1, l2, limit

cdef Split map_sums_split(const Call* c, const Context* ctx) noexcept nogil:
    return split_blocks(c.dim[0], 1, FORK // (ctx.rows * c.dim[1] + 1))


cdef void map_sums_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t maps = c.dim[0], pixels = c.dim[1], i, r
    cdef double total
    for i in range(begin, end):
        total = 0
        for r in range(ctx.rows):
            total += (<sum_leaf>c.leaf[0])(
                c.buf[0] + (r * maps + i) * pixels * c.itemsize, pixels)
        if c.itemsize == 4:
            (<float*>c.buf[GRADIENT])[i] = <float>total
        else:
            (<double*>c.buf[GRADIENT])[i] = total
    finish_gradient(
        c, c.buf[GRADIENT] + begin * c.itemsize, begin, end - begin)
