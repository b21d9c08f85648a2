# Row-wise operations (rows_leaf and rows_grad_leaf), and the reductions that losses share.
#
# A floating-point reduction keeps the order it is written in, so the compiler vectorises one
# only if the order leaves it room. Here it does: LANES running values side by side, folded at
# the end. The order follows from the length alone, the same in every instruction set. (With 16
# lanes or fewer GCC unrolls the lanes before it vectorises, and makes scalars of them.)
#
# Exponentials are taken over a tile at a time: of several short rows together (ten columns
# would leave most of a vector empty), or of TILE columns of a long row (so that the next pass
# finds them in the first-level cache).

from libc.math cimport INFINITY

cdef enum:
    LANES = 32
    TILE = 1024  # elements
    SLAB = 64    # rows, at most


cdef inline real row_max(const real* x, Py_ssize_t n) noexcept nogil:
    # NaN is passed over: x - max carries it on.
    cdef real lanes[LANES]
    cdef real high = -INFINITY
    cdef Py_ssize_t whole = n - n % LANES, i = 0, k
    if whole:
        for k in range(LANES):
            lanes[k] = -INFINITY
        while i < whole:
            for k in range(LANES):
                lanes[k] = x[i + k] if x[i + k] > lanes[k] else lanes[k]
            i += LANES
        for k in range(LANES):
            high = lanes[k] if lanes[k] > high else high
    for i in range(whole, n):
        high = x[i] if x[i] > high else high
    return high


cdef inline double fold(double* lanes) noexcept nogil:
    cdef Py_ssize_t half = LANES // 2, k
    while half:
        for k in range(half):
            lanes[k] += lanes[k + half]
        half //= 2
    return lanes[0]


cdef inline double row_sum(const real* x, Py_ssize_t n) noexcept nogil:
    cdef double lanes[LANES]
    cdef double total = 0
    cdef Py_ssize_t whole = n - n % LANES, i = 0, k
    if whole:
        for k in range(LANES):
            lanes[k] = 0
        while i < whole:
            for k in range(LANES):
                lanes[k] += x[i + k]
            i += LANES
        total = fold(lanes)
    for i in range(whole, n):
        total += x[i]
    return total


cdef inline double product(real a, real b, real shift, bint skip_zeros) noexcept nogil:
    return 0 if skip_zeros and a == 0 else a * (<double>b - shift)


cdef inline double row_dot(
    const real* a, const real* b, Py_ssize_t n,
    real shift,
    bint skip_zeros,  # where a is 0 the term is 0, even if b is infinite
) noexcept nogil:
    # sum_j a_j (b_j - shift). Inlined, constants for the last two cost nothing.
    cdef double lanes[LANES]
    cdef double total = 0
    cdef Py_ssize_t whole = n - n % LANES, i = 0, k
    if whole:
        for k in range(LANES):
            lanes[k] = 0
        while i < whole:
            for k in range(LANES):
                lanes[k] += product(a[i + k], b[i + k], shift, skip_zeros)
            i += LANES
        total = fold(lanes)
    for i in range(whole, n):
        total += product(a[i], b[i], shift, skip_zeros)
    return total


cdef inline Py_ssize_t slab_rows(Py_ssize_t cols) noexcept nogil:
    # How many rows are worked on together: more than one only where all of them fit a tile.
    return max(1, min(SLAB, TILE // max(1, cols)))


cdef inline void exp_rows(
    const real* x,       # IN  (rows, cols), rows <= slab_rows(cols)
    const real* high,    # IN  (rows), each row's maximum
    real* y,             # OUT (rows, cols), may be x; (TILE), of no further use, if not keep
    double* total,       # OUT (rows)
    Py_ssize_t rows,
    Py_ssize_t cols,
    bint keep,
) noexcept nogil:
    # y = exp(x - high), total = its row sums.
    cdef Py_ssize_t start = 0, width, r, j
    cdef const real* source
    cdef real* tile
    cdef real* row
    for r in range(rows):
        total[r] = 0
    while start < cols:
        width = min(TILE, cols - start)
        tile = y + start if keep else y
        for r in range(rows):
            source = x + start + r * width
            row = tile + r * width
            for j in range(width):
                row[j] = source[j] - high[r]
        for j in range(rows * width):
            tile[j] = exp_nonpositive(tile[j])
        for r in range(rows):
            total[r] += row_sum(tile + r * width, width)
        start += width


cdef void softmax_forward(
    const real* x, real* y, Py_ssize_t rows, Py_ssize_t cols
) noexcept nogil:
    # A row without a finite maximum (all -inf, any +inf) and a row with a NaN come out as NaN.
    cdef real high[SLAB]
    cdef double total[SLAB]
    cdef real share
    cdef Py_ssize_t first = 0, n, r, j
    while first < rows:
        n = min(slab_rows(cols), rows - first)
        for r in range(n):
            high[r] = row_max(x + r * cols, cols)
        exp_rows(x, high, y, total, n, cols, True)
        for r in range(n):
            share = <real>(1 / total[r])
            for j in range(cols):
                y[j] *= share
            x += cols
            y += cols
        first += n


cdef void softmax_backward(
    const real* grad, const real* y, real* dx, Py_ssize_t rows, Py_ssize_t cols
) noexcept nogil:
    # dx = y (grad - sum(grad y))
    cdef Py_ssize_t r, j
    cdef real mean
    for r in range(rows):
        mean = <real>row_dot(y, grad, cols, <real>0, False)
        for j in range(cols):
            dx[j] = y[j] * (grad[j] - mean)
        grad += cols
        y += cols
        dx += cols


cdef void log_softmax_forward(
    const real* x, real* y, Py_ssize_t rows, Py_ssize_t cols
) noexcept nogil:
    cdef real high[SLAB]
    cdef real tile[TILE]
    cdef double total[SLAB]
    cdef real log_total
    cdef Py_ssize_t first = 0, n, r, j
    while first < rows:
        n = min(slab_rows(cols), rows - first)
        for r in range(n):
            high[r] = row_max(x + r * cols, cols)
        exp_rows(x, high, tile, total, n, cols, False)
        for r in range(n):
            total[r] = log_of_sum(total[r])
        for r in range(n):
            log_total = <real>total[r]
            for j in range(cols):
                y[j] = (x[j] - high[r]) - log_total
            x += cols
            y += cols
        first += n


cdef void log_softmax_backward(
    const real* grad, const real* y, real* dx, Py_ssize_t rows, Py_ssize_t cols
) noexcept nogil:
    # dx = grad - exp(y) sum(grad)
    cdef real tile[TILE]
    cdef real total[SLAB]
    cdef Py_ssize_t first = 0, n, start, width, r, j
    cdef const real* slope
    cdef real* out
    while first < rows:
        n = min(slab_rows(cols), rows - first)
        for r in range(n):
            total[r] = <real>row_sum(grad + r * cols, cols)
        start = 0
        while start < cols:
            width = min(TILE, cols - start)
            for j in range(n * width):
                tile[j] = exp_nonpositive(y[start + j])
            for r in range(n):
                slope = grad + start + r * width
                out = dx + start + r * width
                for j in range(width):
                    out[j] = slope[j] - tile[r * width + j] * total[r]
            start += width
        grad += n * cols
        y += n * cols
        dx += n * cols
        first += n


cdef void glu_forward(
    const real* x,          # IN (rows, 2 cols)
    real* y, Py_ssize_t rows, Py_ssize_t cols
) noexcept nogil:
    cdef Py_ssize_t r, j
    cdef const real* gates
    for r in range(rows):
        gates = x + cols
        for j in range(cols):
            y[j] = x[j] * sigmoid_of(gates[j], exp_magnitude(gates[j]), <real>0)
        x += 2 * cols
        y += cols


cdef void glu_backward(
    const real* grad,
    const real* x,          # IN  (rows, 2 cols)
    real* dx,               # OUT (rows, 2 cols)
    Py_ssize_t rows, Py_ssize_t cols,
) noexcept nogil:
    cdef Py_ssize_t r, j
    cdef const real* gates
    cdef real z, s, rest
    for r in range(rows):
        gates = x + cols
        for j in range(cols):
            z = exp_magnitude(gates[j])
            s = sigmoid_of(gates[j], z, <real>0)
            rest = sigmoid_of(-gates[j], z, <real>0)     # 1 - s would cancel
            dx[j] = grad[j] * s
            dx[cols + j] = grad[j] * (x[j] * (s * rest))
        x += 2 * cols
        dx += 2 * cols
        grad += cols
