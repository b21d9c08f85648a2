# Piecewise linear activations that are more than a map: PReLU's slope is learned, RReLU's is
# random, maxout chooses among several inputs.


cdef void prelu_forward(
    const real* x, const real* weight, real* y, Py_ssize_t n, bint shared
) noexcept nogil:
    cdef Py_ssize_t i
    cdef real slope
    for i in range(n):
        slope = weight[0] if shared else weight[i]
        y[i] = x[i] if x[i] > 0 else slope * x[i]


cdef void prelu_backward(
    const real* grad, const real* x, const real* weight, real* dx, real* terms, Py_ssize_t n,
    bint shared,
) noexcept nogil:
    cdef double lanes[LANES]
    cdef double total = 0
    cdef Py_ssize_t i = 0, j
    cdef real slope, term
    if shared:
        for j in range(LANES):
            lanes[j] = 0
        while i + LANES <= n:
            for j in range(LANES):
                lanes[j] += grad[i + j] * <double>at_most(x[i + j], <real>0)
            i += LANES
        for j in range(n - i):
            lanes[j] += grad[i + j] * <double>at_most(x[i + j], <real>0)
        for j in range(LANES):
            total += lanes[j]
        terms[0] = <real>total
    else:
        for i in range(n):
            terms[i] = grad[i] * at_most(x[i], <real>0)
    for i in range(n):
        slope = weight[0] if shared else weight[i]
        term = slope * grad[i]
        dx[i] = grad[i] if x[i] > 0 else term


cdef void rrelu_apply(
    const real* grad, const real* x, real* y, Py_ssize_t n, Py_ssize_t first,
    unsigned long long key, double lower, double upper, bint reciprocal,
) noexcept nogil:
    cdef uint64_t mixed = noise_key(key, <uint64_t>first)
    cdef uint32_t low = <uint32_t>first, key0 = <uint32_t>mixed, key1 = <uint32_t>(mixed >> 32)
    cdef real bottom = <real>lower, step = <real>((upper - lower) / 16777216)
    cdef real slope, below, g
    cdef Py_ssize_t i
    for i in range(n):
        # Noise has 24 bits, as for dropout.
        slope = bottom + step * <real><int32_t>(noise(low, key0, key1) >> 8)
        g = grad[i]
        below = g / slope if reciprocal else g * slope
        y[i] = g if x[i] > 0 else below
        low += 1


# A piece at a time of a tile on the stack: the compiler then makes vectors, which takes a sixth of
# the time of a loop over the pieces of one number after the other.

cdef void maxout_forward(
    const real* x, real* y, int* which, Py_ssize_t n, Py_ssize_t pieces
) noexcept nogil:
    cdef real best[UNITS]
    cdef int place[UNITS]
    cdef Py_ssize_t first = 0, width, i, p
    cdef real piece
    cdef bint larger
    while first < n:
        width = min(<Py_ssize_t>UNITS, n - first)
        for i in range(width):
            best[i] = x[i * pieces]
            place[i] = 0
        for p in range(1, pieces):
            for i in range(width):
                piece = x[i * pieces + p]
                larger = (best[i] == best[i]) & (not piece <= best[i])  # NaN is taken, and kept
                best[i] = piece if larger else best[i]
                place[i] = <int>p if larger else place[i]
        memcpy(y + first, best, width * sizeof(real))
        if which is not NULL:
            memcpy(which + first, place, width * sizeof(int))
        x += width * pieces
        first += UNITS


cdef void maxout_backward(
    const real* grad, const int* which, real* dx, Py_ssize_t n, Py_ssize_t pieces
) noexcept nogil:
    cdef Py_ssize_t i
    memset(dx, 0, n * pieces * sizeof(real))
    for i in range(n):
        dx[i * pieces + which[i]] = grad[i]
