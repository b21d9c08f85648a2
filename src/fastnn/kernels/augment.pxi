# Images, deformed: noise, and one resampling. The smoothing between them is a product.

cdef void noise_uniform(real* y, Py_ssize_t n, unsigned long long key) noexcept nogil:
    # Dropout's noise of the positions 0, 1, 2, ... as numbers k / 2^23, which are exact in float32.
    cdef uint64_t mixed = noise_key(key, 0)
    cdef uint32_t key0 = <uint32_t>mixed, key1 = <uint32_t>(mixed >> 32)
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = (
            <real><int32_t>(noise(<uint32_t>i, key0, key1) >> 8) * <real>1.1920928955078125e-07
            - <real>1
        )


cdef void image_pad(
    const stored* x, real* y, Py_ssize_t height, Py_ssize_t width, double scale, double background
) noexcept nogil:
    cdef real factor = <real>scale, outside = <real>background
    cdef Py_ssize_t ld = width + 3, i, j
    for j in range(ld + 1):             # the row above, and what is left of the first row
        y[j] = outside
    y += ld + 1
    for i in range(height):
        for j in range(width):
            y[j] = <real>x[j] * factor
        for j in range(width, ld):      # right of this row, and left of the next
            y[j] = outside
        x += width
        y += ld
    for j in range(2 * ld - 1):
        y[j] = outside


cdef void warp_locate(
    const double* map, const real* field, int32_t* at, real* down, real* right,
    Py_ssize_t first, Py_ssize_t rows, Py_ssize_t height, Py_ssize_t width,
) noexcept nogil:
    # Whatever a map holds, places end up inside the frame: the bounds are written so that NaN
    # comes to 0. They have a loop of their own because in one compilers make branches of them.
    cdef int32_t wide = <int32_t>width, ld = wide + 3, j, top, left     # as wide as floats
    cdef Py_ssize_t i, k, n = rows * width
    cdef real row, col, by_row = <real>map[1], by_col = <real>map[4]
    cdef real lowest = <real>(height + 1), rightmost = <real>(width + 1)
    for i in range(rows):
        row = <real>(map[0] * (first + i) + map[2])
        col = <real>(map[3] * (first + i) + map[5])
        for j in range(wide):
            down[i * width + j] = row + by_row * <real>j
            right[i * width + j] = col + by_col * <real>j
        if field != NULL:
            for j in range(wide):
                down[i * width + j] += field[2 * i * width + j]
                right[i * width + j] += field[(2 * i + 1) * width + j]
    # The frame begins one before the image, so that no place is below 0, and conversion to an
    # integer, which rounds towards 0, is the floor.
    for k in range(n):
        row = down[k] + <real>1
        col = right[k] + <real>1
        row = row if row > 0 else 0
        col = col if col > 0 else 0
        down[k] = at_most(row, lowest)
        right[k] = at_most(col, rightmost)
    for k in range(n):
        top = <int32_t>down[k]
        left = <int32_t>right[k]
        down[k] -= <real>top
        right[k] -= <real>left
        at[k] = top * ld + left
    for i in range(rows):
        if map[6] <= first + i < map[8]:
            for k in range(i * width + <Py_ssize_t>map[7], i * width + <Py_ssize_t>map[9]):
                down[k] = right[k] = 0
                at[k] = 0               # the corner of the frame, where all is background


cdef void warp_interpolate(
    const real* x, const int32_t* at, const real* down, const real* right, real* y,
    Py_ssize_t n, Py_ssize_t ld,
) noexcept nogil:
    # Written so that a whole position gives its pixel to the bit.
    cdef Py_ssize_t i
    cdef const real* below = x + ld
    cdef real upper, lower
    for i in range(n):
        upper = x[at[i]] + right[i] * (x[at[i] + 1] - x[at[i]])
        lower = below[at[i]] + right[i] * (below[at[i] + 1] - below[at[i]])
        y[i] = upper + down[i] * (lower - upper)


cdef void image_round(const real* x, uint8_t* y, Py_ssize_t n) noexcept nogil:
    # Pixels, which lie in [0, 255]: to the nearest, halves up.
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = <uint8_t><int32_t>(x[i] + <real>0.5)
