# Images deformed at random, each by itself. What happens to an image is a function of seed, step
# and the image's number, so that neither threads nor batches have a part in it.

cdef enum:
    # Rows or columns that are smoothed together.
    SMOOTH = 64
    # Pixels whose places are worked out together, if not a whole row of more.
    PLACES = 4096
    # What a pixel costs, in pointwise operations.
    PIXEL_WORK = 16


cdef inline unsigned long long image_key(
    const Context* ctx, long long image, int stream
) noexcept nogil:
    return mix(mix(mix(ctx.seed + 0x9E3779B97F4A7C15ULL) + <unsigned long long>ctx.step)
               + 2 * <unsigned long long>image + stream)


# -- noise: some numbers for each image ---------------------------------------------------------
# [0] y OUT (R, n)  [1] image IN int64 (R)   leaf 0 noise   dim 0 n

cdef Split noise_split(const Call* c, const Context* ctx) noexcept nogil:
    return split_rows(ctx.rows, c.dim[0])


cdef void noise_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t n = c.dim[0], block = row_block(n), r
    for r in range(begin * block, min(ctx.rows, end * block)):
        (<noise_leaf>c.leaf[0])(
            c.buf[0] + r * n * c.itemsize, n, image_key(ctx, (<const long long*>c.buf[1])[r], 0))


# -- deform: images resampled by an affine map and a random field -------------------------------
# [0] x IN (any, C, H, W)  [1] image IN int64 (R)  [2] y OUT (R, C, H, W)
# [3] maps IN double (R, 10), see locate_leaf  [4] filter IN (SMOOTH + 2 reach, SMOOTH), NULL: no
# field. Element (reach + i, j) of the filter is the weight of a neighbour i - j further on.
# leaf 0 pad  leaf 1 locate  leaf 2 interpolate  leaf 3 round (NULL: y is of the type computed in)
# leaf 4 noise  leaf 5 product
# dims bytes from image to image of x, bytes of a pixel, C, H, W, reach
# scalars scale of the pixels, background, amplitude of the field

# The parts of a thread's scratch, in its order.
cdef struct Desk:
    char* product
    char* padded        # (C, H + 3, W + 3)
    char* field         # (H, 2, W)
    char* half          # (H, 2, W), smoothed along the rows
    char* at            # int, places
    char* down
    char* right
    char* values        # places, before they are rounded
    char* end


cdef inline char* after(char* place, Py_ssize_t size) noexcept nogil:
    # The cache line that begins behind `size` bytes.
    return place + (size + 63) // 64 * 64


cdef inline Py_ssize_t place_rows(const Call* c) noexcept nogil:
    return max(<Py_ssize_t>1, PLACES // c.dim[4])


cdef Desk lay_out(const Call* c, char* scratch) noexcept nogil:
    cdef Py_ssize_t height = c.dim[3], width = c.dim[4], size = c.itemsize
    cdef Py_ssize_t field = 2 * height * width * size if c.buf[4] != NULL else 0
    cdef Py_ssize_t places = place_rows(c) * width * size
    cdef Desk desk
    desk.product = scratch
    desk.padded = after(desk.product, PRODUCT_SCRATCH)
    desk.field = after(desk.padded, c.dim[2] * (height + 3) * (width + 3) * size)
    desk.half = after(desk.field, field)
    desk.at = after(desk.half, field)
    desk.down = after(desk.at, places)
    desk.right = after(desk.down, places)
    desk.values = after(desk.right, places)
    desk.end = after(desk.values, places if c.leaf[3] != NULL else 0)
    return desk


# Rows or columns begin..begin + count of a field are sums over those of low..low + n.
cdef struct Band:
    Py_ssize_t begin
    Py_ssize_t count
    Py_ssize_t low
    Py_ssize_t n
    char* weights       # (n, count) of the filter


cdef inline Band band_of(const Call* c, Py_ssize_t unit, Py_ssize_t length) noexcept nogil:
    cdef Py_ssize_t reach = c.dim[5]
    cdef Band band
    band.begin = unit * SMOOTH
    band.count = min(<Py_ssize_t>SMOOTH, length - band.begin)
    band.low = max(<Py_ssize_t>0, band.begin - reach)
    band.n = min(length, band.begin + band.count + reach) - band.low
    band.weights = c.buf[4] + (band.low - band.begin + reach) * SMOOTH * c.itemsize
    return band


cdef void smooth(const Call* c, const Desk* desk) noexcept nogil:
    # The field, along its rows and then along its columns. The rows of its two components lie in
    # turn, so that one product serves both.
    cdef Py_ssize_t height = c.dim[3], width = c.dim[4], size = c.itemsize, unit
    cdef product_leaf product = <product_leaf>c.leaf[5]
    cdef Band band
    for unit in range((width + SMOOTH - 1) // SMOOTH):
        band = band_of(c, unit, width)
        product(2 * height, band.count, band.n, desk.field + band.low * size, width, 1,
                band.weights, SMOOTH, 1, 1, False, desk.half + band.begin * size, width,
                NULL, desk.product)
    for unit in range((height + SMOOTH - 1) // SMOOTH):
        band = band_of(c, unit, height)
        product(band.count, 2 * width, band.n, band.weights, 1, SMOOTH,
                desk.half + band.low * 2 * width * size, 2 * width, 1, c.scalar[2], False,
                desk.field + band.begin * 2 * width * size, 2 * width, NULL, desk.product)


cdef Split deform_split(const Call* c, const Context* ctx) noexcept nogil:
    return split_blocks(ctx.rows, 1, FORK // (PIXEL_WORK * c.dim[2] * c.dim[3] * c.dim[4]))


cdef void deform_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t channels = c.dim[2], height = c.dim[3], width = c.dim[4], size = c.itemsize
    cdef Py_ssize_t plane = height * width, framed = (height + 3) * (width + 3) * size
    cdef Py_ssize_t block = place_rows(c), r, k, first, rows, n
    cdef Py_ssize_t pixel = 1 if c.leaf[3] != NULL else size     # bytes of one of y
    cdef Desk desk = lay_out(c, ctx.scratch + thread * ctx.scratch_size)
    cdef long long image
    cdef const double* map
    cdef const char* source
    cdef const char* field = NULL
    cdef char* y
    for r in range(begin, end):
        image = (<const long long*>c.buf[1])[r]
        source = c.buf[0] + image * c.dim[0]
        map = <const double*>c.buf[3] + 10 * r
        for k in range(channels):
            (<pad_leaf>c.leaf[0])(source + k * plane * c.dim[1], desk.padded + k * framed,
                                  height, width, c.scalar[0], c.scalar[1])
        if c.buf[4] != NULL:
            (<noise_leaf>c.leaf[4])(desk.field, 2 * plane, image_key(ctx, image, 1))
            smooth(c, &desk)
        first = 0
        while first < height:
            rows = min(block, height - first)
            n = rows * width
            if c.buf[4] != NULL:
                field = desk.field + first * 2 * width * size
            (<locate_leaf>c.leaf[1])(
                map, field, <int*>desk.at, desk.down, desk.right, first, rows, height, width)
            for k in range(channels):
                y = c.buf[2] + ((r * channels + k) * plane + first * width) * pixel
                (<interpolate_leaf>c.leaf[2])(
                    desk.padded + k * framed, <const int*>desk.at, desk.down, desk.right,
                    y if c.leaf[3] == NULL else desk.values, n, width + 3)
                if c.leaf[3] != NULL:
                    (<round_leaf>c.leaf[3])(desk.values, <unsigned char*>y, n)
            first += rows
