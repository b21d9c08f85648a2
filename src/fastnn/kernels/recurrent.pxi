# The cells of recurrent layers: one step of one sample (cell_forward_leaf, cell_backward_leaf),
# after both products. `gates` comes with W_ih x + b_ih and leaves with what backward computes
# from, backward turns that into the gradient of the sum; `recurrent` is W_hh h, or in backward
# the gradient of it. Equations and the order of gates are PyTorch's.
#
# Also how many steps of a sequence count.


cdef inline real logistic(real x) noexcept nogil:
    return sigmoid_of(x, exp_magnitude(x), <real>0)


# Results go through tiles on the stack: the compiler then knows that nothing it writes is read
# again, and vectorises loops over more arrays than it would compare in pairs.

cdef enum:
    UNITS = 128     # of a tile


# h' = f(W_ih x + b_ih + W_hh h + b_hh). Gates keep h'.

cdef void rnn_tanh_forward(
    real* gates, const real* recurrent, const real* bias, real* h, real* c, real* kept,
    Py_ssize_t n,
) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        gates[j] = tanh_of(gates[j] + (recurrent[j] + bias[j]))
    memcpy(h, gates, n * sizeof(real))


cdef void rnn_relu_forward(
    real* gates, const real* recurrent, const real* bias, real* h, real* c, real* kept,
    Py_ssize_t n,
) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        gates[j] = at_least(gates[j] + (recurrent[j] + bias[j]), <real>0)
    memcpy(h, gates, n * sizeof(real))


cdef void rnn_tanh_backward(
    real* gates, real* recurrent, const real* kept, const real* before, real* dh, real* dc,
    Py_ssize_t n,
) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        gates[j] = dh[j] * (<real>1 - gates[j] * gates[j])
    memcpy(recurrent, gates, n * sizeof(real))
    memset(dh, 0, n * sizeof(real))


cdef void rnn_relu_backward(
    real* gates, real* recurrent, const real* kept, const real* before, real* dh, real* dc,
    Py_ssize_t n,
) noexcept nogil:
    cdef Py_ssize_t j
    cdef real grad
    for j in range(n):
        grad = dh[j]
        gates[j] = <real>0 if gates[j] <= 0 else grad
    memcpy(recurrent, gates, n * sizeof(real))
    memset(dh, 0, n * sizeof(real))


# Long short-term memory (Hochreiter and Schmidhuber 1997; forget gates: Gers et al. 2000).
# i, f, o = sigmoid, g = tanh of their sums; c' = f c + i g; h' = o tanh(c').
# Gates keep i, f, g, o in this order; `kept` has c and tanh(c').

cdef void lstm_forward(
    real* gates, const real* recurrent, const real* bias, real* h, real* c, real* kept,
    Py_ssize_t n,
) noexcept nogil:
    cdef real cell[UNITS]
    cdef real bounded[UNITS]
    cdef Py_ssize_t first, width, j
    cdef const real* i = gates
    cdef const real* f = gates + n
    cdef const real* g = gates + 2 * n
    cdef const real* o = gates + 3 * n
    for j in range(2 * n):
        gates[j] = logistic(gates[j] + (recurrent[j] + bias[j]))
    for j in range(2 * n, 3 * n):
        gates[j] = tanh_of(gates[j] + (recurrent[j] + bias[j]))
    for j in range(3 * n, 4 * n):
        gates[j] = logistic(gates[j] + (recurrent[j] + bias[j]))
    memcpy(kept, c, n * sizeof(real))
    first = 0
    while first < n:
        width = min(<Py_ssize_t>UNITS, n - first)
        for j in range(width):
            cell[j] = f[first + j] * c[first + j] + i[first + j] * g[first + j]
        for j in range(width):
            bounded[j] = tanh_of(cell[j])
        for j in range(width):
            h[first + j] = o[first + j] * bounded[j]
        memcpy(c + first, cell, width * sizeof(real))
        memcpy(kept + n + first, bounded, width * sizeof(real))
        first += UNITS


cdef void lstm_backward(
    real* gates, real* recurrent, const real* kept, const real* before, real* dh, real* dc,
    Py_ssize_t n,
) noexcept nogil:
    cdef real di[UNITS]
    cdef real df[UNITS]
    cdef real dg[UNITS]
    cdef real do[UNITS]
    cdef real carry[UNITS]
    cdef Py_ssize_t first, width, j, at
    cdef real i, f, g, o, bounded, cell
    first = 0
    while first < n:
        width = min(<Py_ssize_t>UNITS, n - first)
        for j in range(width):
            at = first + j
            i = gates[at]
            f = gates[n + at]
            g = gates[2 * n + at]
            o = gates[3 * n + at]
            bounded = kept[n + at]
            cell = dc[at] + dh[at] * o * (<real>1 - bounded * bounded)
            di[j] = cell * g * (i * (<real>1 - i))
            df[j] = cell * kept[at] * (f * (<real>1 - f))
            dg[j] = cell * i * (<real>1 - g * g)
            do[j] = dh[at] * bounded * (o * (<real>1 - o))
            carry[j] = cell * f
        memcpy(gates + first, di, width * sizeof(real))
        memcpy(gates + n + first, df, width * sizeof(real))
        memcpy(gates + 2 * n + first, dg, width * sizeof(real))
        memcpy(gates + 3 * n + first, do, width * sizeof(real))
        memcpy(dc + first, carry, width * sizeof(real))
        first += UNITS
    memcpy(recurrent, gates, 4 * n * sizeof(real))
    memset(dh, 0, n * sizeof(real))


# Gated recurrent unit (Cho et al. 2014), the reset gate after the product as in cuDNN:
# r, z = sigmoid of their sums; n = tanh(W_in x + b_in + r (W_hn h + b_hn)); h' = (1 - z) n + z h.
# Gates keep r, z, n in this order; `kept` has W_hn h + b_hn.

cdef void gru_forward(
    real* gates, const real* recurrent, const real* bias, real* h, real* c, real* kept,
    Py_ssize_t n,
) noexcept nogil:
    cdef Py_ssize_t j
    cdef const real* r = gates
    cdef const real* z = gates + n
    cdef real* new = gates + 2 * n
    for j in range(2 * n):
        gates[j] = logistic(gates[j] + (recurrent[j] + bias[j]))
    for j in range(n):
        kept[j] = recurrent[2 * n + j] + bias[2 * n + j]
    for j in range(n):
        new[j] = tanh_of(new[j] + r[j] * kept[j])
    for j in range(n):
        h[j] = new[j] + z[j] * (h[j] - new[j])


cdef void gru_backward(
    real* gates, real* recurrent, const real* kept, const real* before, real* dh, real* dc,
    Py_ssize_t n,
) noexcept nogil:
    cdef real dr[UNITS]
    cdef real dz[UNITS]
    cdef real dnew[UNITS]
    cdef real inner[UNITS]
    cdef real carry[UNITS]
    cdef Py_ssize_t first, width, j, at
    cdef real r, z, new, slope
    first = 0
    while first < n:
        width = min(<Py_ssize_t>UNITS, n - first)
        for j in range(width):
            at = first + j
            r = gates[at]
            z = gates[n + at]
            new = gates[2 * n + at]
            slope = dh[at] * (<real>1 - z) * (<real>1 - new * new)
            dr[j] = slope * kept[at] * (r * (<real>1 - r))
            dz[j] = dh[at] * (before[at] - new) * (z * (<real>1 - z))
            dnew[j] = slope
            inner[j] = slope * r
            carry[j] = dh[at] * z
        memcpy(gates + first, dr, width * sizeof(real))
        memcpy(gates + n + first, dz, width * sizeof(real))
        memcpy(gates + 2 * n + first, dnew, width * sizeof(real))
        memcpy(recurrent + 2 * n + first, inner, width * sizeof(real))
        memcpy(dh + first, carry, width * sizeof(real))
        first += UNITS
    memcpy(recurrent, gates, 2 * n * sizeof(real))


ctypedef fused element:
    float
    double
    int64_t


cdef void count_steps(
    const element* x, long long* lengths, Py_ssize_t rows, Py_ssize_t steps, Py_ssize_t cols,
    double padding,
) noexcept nogil:
    # Back from the end of each sequence to the first feature that isn't padding.
    cdef element value = <element>padding
    cdef Py_ssize_t r, i
    for r in range(rows):
        i = steps * cols
        while i > 0 and x[i - 1] == value:
            i -= 1
        lengths[r] = (i + cols - 1) // cols
        x += steps * cols
