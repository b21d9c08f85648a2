# Embeddings: rows of a table, and sums of rows of its gradient.

cdef void embedding_forward(
    const real* weight, const long long* index, real* y, Py_ssize_t count, Py_ssize_t cols
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(count):
        memcpy(y + i * cols, weight + index[i] * cols, cols * sizeof(real))


cdef void rows_sum(
    const real* x, const long long* index, real* sums, Py_ssize_t count, Py_ssize_t cols
) noexcept nogil:
    cdef double total[COLUMNS]
    cdef Py_ssize_t start = 0, width, i, j
    cdef const real* row
    while start < cols:
        width = min(<Py_ssize_t>COLUMNS, cols - start)
        for j in range(width):
            total[j] = 0
        for i in range(count):
            row = x + index[i] * cols + start
            for j in range(width):
                total[j] += row[j]
        for j in range(width):
            sums[start + j] = <real>total[j]
        start += width
