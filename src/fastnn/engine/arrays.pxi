# Arrays that Python hands to the engine: their memory, and which ones it accepts by itself.

# The buffers that one immediate call holds.
cdef struct Lease:
    Py_buffer view[MAX_BUFFERS]
    int count


cdef char* borrow(Lease* lease, object array, bint writable) except? NULL:
    # The memory of a contiguous array, until `give_back`. None gives NULL.
    cdef Py_buffer* view
    if array is None:
        return NULL
    view = &lease.view[lease.count]
    PyObject_GetBuffer(
        array, view, (PyBUF_ANY_CONTIGUOUS | PyBUF_WRITABLE) if writable else PyBUF_ANY_CONTIGUOUS)
    lease.count += 1
    return <char*>view.buf


cdef void give_back(Lease* lease) noexcept:
    cdef int i
    for i in range(lease.count):
        PyBuffer_Release(&lease.view[i])


# Ordinary arrays need no preparation: C order, aligned, of a native type. What takes them looks
# at the buffer protocol's own answers, and refuses all others without a word: the caller then
# finds out what is wrong, or makes copies.

cdef bint borrow_native(Lease* lease, object array, bint writable) except -1:
    # The memory of an ndarray (no subclass, whose meaning may be another) of simple numbers,
    # aligned, in C order, writable if it must be. False for anything else.
    cdef Py_buffer* view = &lease.view[lease.count]
    cdef int flags = PyBUF_FORMAT | PyBUF_ND | (PyBUF_WRITABLE if writable else 0)
    if type(array) is not ndarray:
        return False
    try:
        PyObject_GetBuffer(array, view, flags)
    except (BufferError, ValueError):
        return False
    lease.count += 1
    return (
        view.format[0] != 0 and view.format[1] == 0 and <size_t>view.buf % view.itemsize == 0
    )


cdef inline bint is_float(const Py_buffer* a) noexcept:
    return a.format[0] == b"f" or a.format[0] == b"d"


cdef inline bint is_integer(const Py_buffer* a) noexcept:
    return strchr("bBhHiIlLqQ", a.format[0]) != NULL


cdef inline bint is_int64(const Py_buffer* a) noexcept:
    return (a.format[0] == b"l" or a.format[0] == b"q") and a.itemsize == 8


cdef inline long long integer_at(const Py_buffer* a, Py_ssize_t i) noexcept:
    # An element of an array of integers. Unsigned ones from 2^63 on come out negative.
    cdef bint has_sign = a.format[0] >= b"a"
    if a.itemsize == 8:
        return (<const long long*>a.buf)[i]
    if a.itemsize == 4:
        return (<const int*>a.buf)[i] if has_sign else (<const unsigned int*>a.buf)[i]
    if a.itemsize == 2:
        return (<const short*>a.buf)[i] if has_sign else (<const unsigned short*>a.buf)[i]
    return (<const signed char*>a.buf)[i] if has_sign else (<const unsigned char*>a.buf)[i]


cdef bint borrow_plain(Lease* lease, object array, bint writable) except -1:
    # The same of float32 or float64.
    return borrow_native(lease, array, writable) and is_float(&lease.view[lease.count - 1])


cdef inline bint same_kind(const Py_buffer* a, const Py_buffer* b) noexcept:
    # Two plain arrays of one type and shape.
    return (
        a.format[0] == b.format[0] and a.ndim == b.ndim     # without axes there is no shape
        and (a.ndim == 0 or memcmp(a.shape, b.shape, a.ndim * sizeof(Py_ssize_t)) == 0)
    )


cdef inline bint same_samples(const Py_buffer* a, const Py_buffer* b) noexcept:
    # Two plain arrays of one type and, but for their number of rows, of one shape.
    return (
        a.format[0] == b.format[0] and a.ndim == b.ndim and a.ndim > 0
        and memcmp(a.shape + 1, b.shape + 1, (a.ndim - 1) * sizeof(Py_ssize_t)) == 0
    )


cdef inline bint apart(const Py_buffer* a, const Py_buffer* b) noexcept:
    # Two arrays that have no memory in common.
    return (
        <char*>a.buf + a.len <= <char*>b.buf or <char*>b.buf + b.len <= <char*>a.buf
        or a.len == 0 or b.len == 0
    )


cdef inline bint alike(const Py_buffer* a, const Py_buffer* b) noexcept:
    # Two plain arrays of one type and shape, which are the same memory or have none in common.
    return same_kind(a, b) and (a.buf == b.buf or apart(a, b))


cdef inline bint is_vector(const Py_buffer* a, Py_ssize_t n, const Py_buffer* like) noexcept:
    # A plain array (n,) of another's type.
    return a.ndim == 1 and a.shape[0] == n and a.format[0] == like.format[0]


cdef inline Py_ssize_t columns(const Py_buffer* a) noexcept:
    # The length of the last axis of an array of at least one.
    return a.shape[a.ndim - 1]


cdef bint are_classes(const Py_buffer* a, Py_ssize_t n, Py_ssize_t classes) noexcept:
    # An array (n,) of integers in [0, classes).
    cdef Py_ssize_t i
    cdef long long label
    if not is_integer(a) or a.ndim != 1 or a.shape[0] != n:
        return False
    for i in range(n):
        label = integer_at(a, i)
        if label < 0 or label >= classes:
            return False
    return True


cdef bint are_weights(const Py_buffer* a, Py_ssize_t n, const Py_buffer* like) noexcept:
    # A plain array (n,) of another's type, of finite numbers >= 0.
    cdef Py_ssize_t i
    cdef double w
    if not is_vector(a, n, like):
        return False
    for i in range(n):
        w = (<const float*>a.buf)[i] if a.itemsize == 4 else (<const double*>a.buf)[i]
        if not (w >= 0 and w < INFINITY):   # NaN neither
            return False
    return True


def rows_among(list arrays, matrix):
    """Of which rows of a matrix arrays are views.

    Parameters
    ----------
    arrays : list
    matrix : array (m, n)
        In C order.

    Returns
    -------
    int64 array or None
        The number of each array's row; None where one isn't an ndarray of the matrix's type over
        exactly one of its rows.
    """
    cdef Py_buffer whole, view
    cdef Py_ssize_t i, row, offset
    cdef long long[::1] numbers
    cdef bint fits
    result = empty(len(arrays), "int64")
    numbers = result
    PyObject_GetBuffer(matrix, &whole, PyBUF_FORMAT | PyBUF_ND)
    try:
        row = whole.len // whole.shape[0] if whole.shape[0] else 0
        for i in range(len(arrays)):
            if row == 0 or type(arrays[i]) is not ndarray:
                return None
            try:
                PyObject_GetBuffer(arrays[i], &view, PyBUF_FORMAT | PyBUF_ND)
            except (BufferError, ValueError):
                return None
            offset = <char*>view.buf - <char*>whole.buf
            fits = view.len == row and strcmp(view.format, whole.format) == 0
            PyBuffer_Release(&view)
            if not fits or not 0 <= offset < whole.len or offset % row:
                return None
            numbers[i] = offset // row
    finally:
        PyBuffer_Release(&whole)
    return result
