# Pools: of each window of a plane one number, its maximum or its mean (pool_leaf and
# pool_grad_leaf).
#
# What most nets use, square windows of 2 or 3 inside of the plane, is one loop along a row of
# outputs whose body has no loop, so that it vectorises; the same body with other numbers takes
# any window, and the few that reach over the edge. Rows are often short (14 outputs, or 5), so
# where there is room the loop runs on to a whole vector: what it writes beyond its row is the
# beginning of the next one, and is written again when that one's turn comes.

from libc.string cimport memset

cdef enum:
    WHOLE = 16      # outputs that a row is rounded up to
    RUN = 256       # outputs whose maxima are looked for at once

# What is asked of windows, and what is done with them on the way back where they may overlap.
cdef enum:
    MAXIMA
    MEANS
    PLACES
    ADD_TO_MAXIMA
    ADD_TO_ALL


# A window along one axis: where it begins and ends in the plane, how many steps lie there, and how
# many elements a mean is of.
cdef struct Reach:
    Py_ssize_t begin
    Py_ssize_t end
    Py_ssize_t steps
    Py_ssize_t count


cdef inline Reach reach(
    Py_ssize_t o, Py_ssize_t size, Py_ssize_t out, Py_ssize_t kernel, Py_ssize_t stride,
    Py_ssize_t pad, Py_ssize_t dilation, bint count_pad,
) noexcept nogil:
    cdef Reach r
    cdef Py_ssize_t begin = o * stride - pad, end
    if kernel == 0:     # adaptive
        r.begin = o * size // out
        r.end = ((o + 1) * size + out - 1) // out
        r.steps = r.count = r.end - r.begin
        return r
    end = begin + (kernel - 1) * dilation + 1
    if begin >= 0 and end <= size:      # nearly always, and it saves two divisions
        r.begin = begin
        r.end = end
        r.steps = r.count = kernel
        return r
    r.begin = begin
    if begin < 0:
        r.begin += (dilation - 1 - begin) // dilation * dilation
    r.end = min(end, size)
    r.steps = (r.end - r.begin + dilation - 1) // dilation
    r.count = min(end, size + pad) - begin if count_pad else r.end - r.begin
    return r


cdef inline Reach row_reach(const Window* w, Py_ssize_t o) noexcept nogil:
    return reach(
        o, w.height, w.out_height, w.rows, w.row_stride, w.row_pad, w.row_dilation, w.count_pad)


cdef inline Reach col_reach(const Window* w, Py_ssize_t o) noexcept nogil:
    return reach(
        o, w.width, w.out_width, w.cols, w.col_stride, w.col_pad, w.col_dilation, w.count_pad)


cdef inline void inner_outputs(
    const Window* w, Py_ssize_t* begin, Py_ssize_t* end
) noexcept nogil:
    # The outputs of a row whose windows lie within the plane's columns.
    cdef Py_ssize_t last = w.width + w.col_pad - (w.cols - 1) * w.col_dilation - 1
    begin[0] = end[0] = 0
    if w.cols > 0 and last >= 0:
        begin[0] = min(w.out_width, (w.col_pad + w.col_stride - 1) // w.col_stride)
        end[0] = max(begin[0], min(w.out_width, last // w.col_stride + 1))


cdef inline Py_ssize_t with_room(
    Py_ssize_t n, Py_ssize_t room, const Window* w, Py_ssize_t extent, Py_ssize_t plane_room
) noexcept nogil:
    # n outputs rounded up where their loop vectorises, if there is room for them and, in the
    # planes, for their windows.
    cdef Py_ssize_t whole = (n + WHOLE - 1) // WHOLE * WHOLE
    if w.rows != w.cols or (w.cols != 2 and w.cols != 3) or w.col_dilation != 1:
        return n
    if w.cols > w.col_stride:
        whole += 1      # compilers leave the last of overlapping windows to a loop without vectors
    return whole if whole <= room and (whole - 1) * w.col_stride + extent <= plane_room else n


cdef inline bint tiles(const Window* w) noexcept nogil:
    # Whether windows lie side by side within the plane, so that no two share an element.
    return (
        w.rows == w.row_stride and w.cols == w.col_stride and w.row_pad == 0 and w.col_pad == 0
        and w.row_dilation == 1 and w.col_dilation == 1
        and w.out_height * w.rows <= w.height and w.out_width * w.cols <= w.width
    )


# What is asked of n windows in a row, `stride` apart, each of rows x cols elements that lie `down`
# and `right` apart: bodies that are inlined with constants for most of that.

cdef inline void take_maxima(
    const real* x, real* y, Py_ssize_t n, Py_ssize_t stride, Py_ssize_t rows, Py_ssize_t cols,
    Py_ssize_t down, Py_ssize_t right,
) noexcept nogil:
    cdef Py_ssize_t o, i, j
    cdef real best, value, larger
    for o in range(n):
        best = x[o * stride]
        for i in range(rows):
            for j in range(cols):
                value = x[o * stride + i * down + j * right]
                larger = value if value > best else best    # best, if it is NaN
                best = value if value != value else larger
        y[o] = best


cdef inline void find_maxima(
    const real* x, const real* y, int32_t* at, Py_ssize_t n, Py_ssize_t stride,
    Py_ssize_t rows, Py_ssize_t cols, Py_ssize_t down, Py_ssize_t right,
) noexcept nogil:
    # How far from its window's first element each maximum y lies: the first of them, or the first
    # NaN. From the last element to the first, so that no search has to stop.
    cdef Py_ssize_t o, i, j
    cdef int32_t found, here
    cdef real value
    for o in range(n):
        found = 0
        for i in range(rows):
            for j in range(cols):
                value = x[o * stride + (rows - 1 - i) * down + (cols - 1 - j) * right]
                here = <int32_t>((rows - 1 - i) * down + (cols - 1 - j) * right)
                found = here if value == y[o] else found
                found = here if value != value else found
        at[o] = found


cdef inline real window_sum(
    const real* x, Py_ssize_t rows, Py_ssize_t cols, Py_ssize_t width
) noexcept nogil:
    # In double where there are many elements. A window as wide as the plane is one run.
    cdef Py_ssize_t i, j
    cdef real few = 0
    cdef double many = 0
    if rows * cols <= LANES:
        for i in range(rows):
            for j in range(cols):
                few += x[i * width + j]
        return few
    if cols == width:
        return <real>row_sum(x, rows * width)
    for i in range(rows):
        many += row_sum(x + i * width, cols)
    return <real>many


cdef inline void take_means(
    const real* x, real* y, Py_ssize_t n, Py_ssize_t stride, Py_ssize_t rows, Py_ssize_t cols,
    Py_ssize_t width, real count,
) noexcept nogil:
    cdef Py_ssize_t o
    for o in range(n):
        y[o] = window_sum(x + o * stride, rows, cols, width) / count


cdef inline void ask(
    int what, const real* x, real* y, int32_t* at, Py_ssize_t n, Py_ssize_t stride,
    Py_ssize_t rows, Py_ssize_t cols, const Window* w, Py_ssize_t right, real count,
) noexcept nogil:
    cdef Py_ssize_t down = w.row_dilation * w.width
    if what == MAXIMA:
        take_maxima(x, y, n, stride, rows, cols, down, right)
    elif what == PLACES:
        find_maxima(x, y, at, n, stride, rows, cols, down, right)
    else:
        take_means(x, y, n, stride, rows, cols, w.width, count)


cdef inline void ask_row(
    int what,
    const real* x,      # IN  the first window's first element
    real* y,            # OUT (n); IN where places are asked for
    int32_t* at,        # OUT (n), those places
    Py_ssize_t n, Py_ssize_t rows, Py_ssize_t cols, const Window* w, real count,
) noexcept nogil:
    cdef Py_ssize_t stride = w.col_stride, right = w.col_dilation
    if right != 1 or rows != cols:
        ask(what, x, y, at, n, stride, rows, cols, w, right, count)
    elif rows == 2 and stride == 2:
        ask(what, x, y, at, n, 2, 2, 2, w, 1, count)
    elif rows == 2:
        ask(what, x, y, at, n, stride, 2, 2, w, 1, count)
    elif rows == 3 and stride == 2:
        ask(what, x, y, at, n, 2, 3, 3, w, 1, count)
    elif rows == 3:
        ask(what, x, y, at, n, stride, 3, 3, w, 1, count)
    else:
        ask(what, x, y, at, n, stride, rows, cols, w, right, count)


cdef inline void add_to_maxima(
    const real* x, const real* y, const real* grad, real* dx, Py_ssize_t n, Py_ssize_t whole,
    Py_ssize_t rows, Py_ssize_t cols, const Window* w,
) noexcept nogil:
    # Of n windows; to look at `whole` is safe, and faster.
    cdef int32_t at[RUN]
    cdef Py_ssize_t first = 0, stride = w.col_stride, o
    while first < n:
        ask_row(PLACES, x + first * stride, <real*>y + first, at,
                min(<Py_ssize_t>RUN, whole - first), rows, cols, w, <real>1)
        for o in range(first, min(n, first + RUN)):
            dx[o * stride + at[o - first]] += grad[o]
        first += RUN


cdef inline void add_to_all(
    const real* grad, real* dx, Py_ssize_t n, Py_ssize_t rows, Py_ssize_t cols, const Window* w,
    real count,
) noexcept nogil:
    cdef Py_ssize_t o, i, j
    cdef real share
    for o in range(n):
        share = grad[o] / count
        for i in range(rows):
            for j in range(cols):
                dx[i * w.width + o * w.col_stride + j] += share


cdef inline void all_windows(
    int what,
    const real* x,      # IN  (planes, height, width)
    real* y,            # OUT (planes, out_height, out_width), IN on the way back
    const real* grad,   # IN  like y
    real* dx,           # INOUT like x
    Py_ssize_t planes, const Window* w,
) noexcept nogil:
    cdef Py_ssize_t size = w.height * w.width, outputs = w.out_height * w.out_width
    cdef Py_ssize_t p, oy, ox, n, whole, inner_begin, inner_end, extent, begin, o
    cdef Reach r, c
    cdef real count
    inner_outputs(w, &inner_begin, &inner_end)
    for p in range(planes):
        for oy in range(w.out_height):
            r = row_reach(w, oy)
            extent = (r.end - r.begin - 1) * w.width + (w.cols - 1) * w.col_dilation + 1
            ox = 0
            while ox < w.out_width:
                c = col_reach(w, ox)
                count = <real>1 if w.adds else <real>(r.count * c.count)
                begin = p * size + r.begin * w.width + c.begin
                o = p * outputs + oy * w.out_width + ox
                n = whole = 1
                if ox == inner_begin and ox < inner_end:
                    n = inner_end - ox
                    whole = with_room(n, planes * outputs - o, w, extent, planes * size - begin)
                if what == ADD_TO_MAXIMA:
                    add_to_maxima(x + begin, y + o, grad + o, dx + begin, n, whole, r.steps,
                                  c.steps, w)
                elif what == ADD_TO_ALL:
                    add_to_all(grad + o, dx + begin, n, r.steps, c.steps, w, count)
                else:
                    ask_row(what, x + begin, y + o, <int32_t*>NULL, whole, r.steps, c.steps, w,
                            count)
                ox += n


# Backward to windows side by side: then every element of the plane is written once.

cdef inline void put(
    bint maxima, const real* grad, const int32_t* at, real* dx, Py_ssize_t n, Py_ssize_t cols,
    Py_ssize_t row, real count,
) noexcept nogil:
    # A row of the plane, which begins `row` elements behind the windows' first ones: maxima get
    # their windows' gradients, or all elements their shares of them.
    cdef Py_ssize_t o, j
    cdef real g
    for o in range(n):
        g = grad[o] if maxima else grad[o] / count
        for j in range(cols):
            dx[o * cols + j] = g if not maxima or at[o] == <int32_t>(row + j) else <real>0


cdef inline void tiles_backward(
    bint maxima, const real* grad, const real* x, const real* y, real* dx, Py_ssize_t planes,
    const Window* w,
) noexcept nogil:
    cdef Py_ssize_t size = w.height * w.width, outputs = w.out_height * w.out_width
    cdef Py_ssize_t p, oy, ox, i, n, o, begin, row, extent = (w.rows - 1) * w.width + w.cols
    cdef Py_ssize_t covered = w.out_width * w.cols
    cdef real count = <real>1 if w.adds else <real>(w.rows * w.cols)
    cdef int32_t at[RUN]
    for p in range(planes):
        for oy in range(w.out_height):
            begin = p * size + oy * w.rows * w.width
            ox = 0
            while ox < w.out_width:
                o = p * outputs + oy * w.out_width + ox
                n = min(<Py_ssize_t>RUN, w.out_width - ox)
                if n == w.out_width:    # not of a row in parts: the next one is there already
                    n = with_room(n, planes * outputs - o, w, extent, planes * size - begin)
                row = begin + ox * w.cols
                if maxima:
                    ask_row(PLACES, x + row, <real*>y + o, at, n, w.rows, w.cols, w, count)
                for i in range(w.rows):
                    if w.cols == 2:
                        put(maxima, grad + o, at, dx + row + i * w.width, n, 2, i * w.width, count)
                    else:
                        put(maxima, grad + o, at, dx + row + i * w.width, n, w.cols, i * w.width,
                            count)
                ox += RUN
            for i in range(w.rows):
                memset(dx + begin + i * w.width + covered, 0, (w.width - covered) * sizeof(real))
        begin = w.out_height * w.rows * w.width
        memset(dx + p * size + begin, 0, (size - begin) * sizeof(real))


cdef void max_pool_forward(
    const real* x, real* y, Py_ssize_t planes, const Window* w
) noexcept nogil:
    all_windows(MAXIMA, x, y, y, y, planes, w)


cdef void mean_pool_forward(
    const real* x, real* y, Py_ssize_t planes, const Window* w
) noexcept nogil:
    all_windows(MEANS, x, y, y, y, planes, w)


# It takes no longer to look for the maxima again than to have noted where they were, and x is in
# memory anyway where an activation made it, whose gradient is next.

cdef void max_pool_backward(
    const real* grad, const real* x, const real* y, real* dx, Py_ssize_t planes, const Window* w
) noexcept nogil:
    if tiles(w):
        tiles_backward(True, grad, x, y, dx, planes, w)
    else:
        memset(dx, 0, planes * w.height * w.width * sizeof(real))
        all_windows(ADD_TO_MAXIMA, x, <real*>y, grad, dx, planes, w)


cdef void mean_pool_backward(
    const real* grad, const real* x, const real* y, real* dx, Py_ssize_t planes, const Window* w
) noexcept nogil:
    if tiles(w):
        tiles_backward(False, grad, x, y, dx, planes, w)
    else:
        memset(dx, 0, planes * w.height * w.width * sizeof(real))
        all_windows(ADD_TO_ALL, dx, dx, grad, dx, planes, w)
