# What moves and scales memory: rows out of a data set, biases, column sums, dropout, and what
# is done to a gradient between backward and update.

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

cdef enum:
    COLUMNS = 512   # whose sums are made together
    HEIGHT = 128    # rows at a time


cdef void bias_add(
    real* y, const real* bias, Py_ssize_t rows, Py_ssize_t cols, Py_ssize_t ld
) noexcept nogil:
    cdef Py_ssize_t r, j
    for r in range(rows):
        for j in range(cols):
            y[j] += bias[j]
        y += ld


cdef void bias_add_rows(
    real* y, const real* bias, Py_ssize_t rows, Py_ssize_t cols, Py_ssize_t ld
) noexcept nogil:
    cdef Py_ssize_t r, j
    cdef real b
    for r in range(rows):
        b = bias[r]
        for j in range(cols):
            y[j] += b
        y += ld


cdef void transpose(
    const real* x, real* y, Py_ssize_t y_row, Py_ssize_t rows, Py_ssize_t cols
) noexcept nogil:
    # Square by square, so that lines of both stay in cache.
    cdef Py_ssize_t top, left, i, j
    for top in range(0, rows, 16):
        for left in range(0, cols, 16):
            for j in range(left, min(cols, left + 16)):
                for i in range(top, min(rows, top + 16)):
                    y[j * y_row + i] = x[i * cols + j]


cdef inline void add_rows(
    const real* x, double* total, Py_ssize_t rows, Py_ssize_t cols, Py_ssize_t ld, bint begin
) noexcept nogil:
    # total += the sum of rows, for at most LANES columns, or = where sums begin. As many sums as
    # that, a constant number, stay in registers.
    cdef double lanes[LANES]
    cdef Py_ssize_t r, j
    for j in range(LANES):
        lanes[j] = 0
    if not begin:
        for j in range(cols):
            lanes[j] = total[j]
    if cols == LANES:
        for r in range(rows):
            for j in range(LANES):
                lanes[j] += x[j]
            x += ld
    else:
        for r in range(rows):
            for j in range(cols):
                lanes[j] += x[j]
            x += ld
    for j in range(cols):
        total[j] = lanes[j]


cdef void columns_sum(
    const real* x, real* sums, Py_ssize_t rows, Py_ssize_t cols, Py_ssize_t ld
) noexcept nogil:
    cdef double total[COLUMNS]
    cdef Py_ssize_t start = 0, width, first, height, j
    while start < cols:
        width = min(<Py_ssize_t>COLUMNS, cols - start)
        first = 0
        while first == 0 or first < rows:   # some rows at a time, so that they stay in cache
            height = min(<Py_ssize_t>HEIGHT, rows - first)
            j = 0
            while j < width:
                add_rows(x + first * ld + start + j, total + j, height,
                         min(<Py_ssize_t>LANES, width - j), ld, first == 0)
                j += LANES
            first += HEIGHT
        for j in range(width):
            sums[start + j] = <real>total[j]
        start += width


cdef void regularize_apply(
    const real* param, real* grad, Py_ssize_t n, double l1, double l2, double limit
) noexcept nogil:
    # l1 and l2 of 0 are multiplied like any other: see updates.pxi.
    cdef real a = <real>l1, b = <real>l2, most = <real>limit
    cdef Py_ssize_t i
    for i in range(n):
        grad[i] = clip(grad[i] + a * sign(param[i]) + b * param[i], most)


cdef double squares_sum(const real* x, Py_ssize_t n) noexcept nogil:
    return row_dot(x, x, n, <real>0, False)


cdef double numbers_sum(const real* x, Py_ssize_t n) noexcept nogil:
    return row_sum(x, n)


cdef void scale_apply(const real* x, real* y, Py_ssize_t n, double a) noexcept nogil:
    cdef real factor = <real>a
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = factor * x[i]


cdef void add_apply(const real* a, const real* b, real* y, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = a[i] + b[i]


cdef inline uint64_t mix64(uint64_t z) noexcept nogil:
    # The finalizer of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014).
    z = (z ^ (z >> 30)) * <uint64_t>0xbf58476d1ce4e5b9
    z = (z ^ (z >> 27)) * <uint64_t>0x94d049bb133111eb
    return z ^ (z >> 31)


cdef inline uint32_t noise(uint32_t position, uint32_t key0, uint32_t key1) noexcept nogil:
    # C. Wellons' triple32 (2018), a bijection of 32 bits, with the second half of the key added
    # between its rounds, so that keys don't merely permute the positions. Measured over 2^20
    # positions: each bit of the position flips each bit of the noise with probability 1/2 to
    # within 0.003. The tests check the mean, the correlation of positions up to 4096 apart and
    # of keys one bit apart, and the chi-square of 16-bit words, to 5 standard deviations.
    cdef uint32_t h = position ^ key0
    h = (h ^ (h >> 17)) * <uint32_t>0xed5ad4bb
    h += key1
    h = (h ^ (h >> 11)) * <uint32_t>0xac4c1b51
    h = (h ^ (h >> 15)) * <uint32_t>0x31848bab
    return h ^ (h >> 14)


cdef inline uint64_t noise_key(uint64_t key, uint64_t position) noexcept nogil:
    # Both keys of `noise` for a position and all that share its upper half.
    return mix64(key + (position >> 32) * <uint64_t>0x9e3779b97f4a7c15)


cdef void dropout_apply(
    const real* x, real* y, Py_ssize_t n, Py_ssize_t first, unsigned long long key, double p
) noexcept nogil:
    # Noise has 24 bits, as many as a float32 in [0, 1): p = 1 still fits a signed integer, and
    # SSE2 compares no others.
    cdef int32_t threshold = <int32_t>(p * 16777216 + 0.5)
    cdef real kept = <real>(1 / (1 - p)), value
    cdef uint64_t position = <uint64_t>first, mixed
    cdef uint32_t low, key0, key1
    cdef Py_ssize_t i = 0, stop
    while i < n:
        # The upper half of the position goes into the key, so a run ends where it changes.
        low = <uint32_t>position
        mixed = noise_key(key, position)
        key0 = <uint32_t>mixed
        key1 = <uint32_t>(mixed >> 32)
        stop = min(n, i + (<Py_ssize_t>1 << 32) - <Py_ssize_t>low)
        position += <uint64_t>(stop - i)
        for i in range(i, stop):
            value = x[i] * kept  # outside the condition: SSE2 has no masked load
            y[i] = value if <int32_t>(noise(low, key0, key1) >> 8) >= threshold else 0
            low += 1
        i = stop


ctypedef fused stored:
    float
    double
    uint8_t


cdef void gather(
    const stored* x, const long long* index, real* y, Py_ssize_t rows, Py_ssize_t cols,
    Py_ssize_t ld, double scale,
) noexcept nogil:
    cdef real factor = <real>scale
    cdef Py_ssize_t r, j
    cdef const stored* row
    for r in range(rows):
        row = <const stored*>(<const char*>x + (r if index is NULL else index[r]) * ld)
        if (stored is float and real is float) or (stored is double and real is double):
            if scale == 1:
                memcpy(y, row, cols * sizeof(real))
                y += cols
                continue
        for j in range(cols):
            y[j] = <real>(row[j] * factor)
        y += cols


cdef void gather_int64(
    const long long* x, const long long* index, long long* y, Py_ssize_t rows,
    Py_ssize_t cols, Py_ssize_t ld, double scale,
) noexcept nogil:
    # Labels; they have no scale.
    cdef Py_ssize_t r
    for r in range(rows):
        memcpy(
            y + r * cols,
            <const char*>x + (r if index is NULL else index[r]) * ld,
            cols * sizeof(long long),
        )
