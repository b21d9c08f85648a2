# Embeddings: rows of a table by index, and the gradient of the table.

# -- embedding_forward: y = rows of W ----------------------------------------------------------
# [0] index IN int64 (R, s), in range  [1] W IN (V, k)  [2] y OUT (R, s, k)
# leaf 0 embedding   dims s, k

cdef Split embedding_forward_split(const Call* c, const Context* ctx) noexcept nogil:
    return split_rows(ctx.rows * c.dim[0], c.dim[1])


cdef void embedding_forward_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef Py_ssize_t block = row_block(c.dim[1]), lo = begin * block
    cdef Py_ssize_t hi = min(ctx.rows * c.dim[0], end * block)
    (<embedding_leaf>c.leaf[0])(
        c.buf[1], <const long long*>c.buf[0] + lo, c.buf[2] + lo * c.dim[1] * c.itemsize,
        hi - lo, c.dim[1])


# -- sort_places: where each row of the table was read, by counting ----------------------------
# [0] index IN int64 (R, s)  [1] ends OUT int64 (V + 1): row v was read at places ends[v] to
# ends[v + 1] of the list  [2] places OUT int64 (R s), in order for each row
# dims s, V, the index that isn't counted (-1: none)

cdef void sort_places_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef const long long* index = <const long long*>c.buf[0]
    cdef long long* ends = <long long*>c.buf[1]
    cdef long long* places = <long long*>c.buf[2]
    cdef Py_ssize_t count = ctx.rows * c.dim[0], i
    cdef long long total = 0, row, skipped = c.dim[2]
    memset(ends, 0, (c.dim[1] + 1) * sizeof(long long))
    for i in range(count):
        if index[i] != skipped:
            ends[index[i] + 1] += 1
    for row in range(1, c.dim[1] + 1):      # first where the row before begins; filling moves it
        i = ends[row]
        ends[row] = total
        total += i
    for i in range(count):
        if index[i] != skipped:
            row = index[i] + 1
            places[ends[row]] = i
            ends[row] += 1


# -- embedding_backward: dW = sums of dy by row of the table, then penalties and update --------
# [0] places IN int64  [1] dy IN (R, s, k)  [2] dW OUT (V, k), NULL: a block of scratch at a time
# [3] W INOUT (V, k)  [4] [5] states INOUT (V, k)  [6] hyper IN  [7] ends IN int64 (V + 1)
# leaf 0 sum_rows  leaf 2 update (NULL: none)  leaf 3 regularize (NULL: none)
# dims V, k, 1: rows that were not read are left as they are   scalars l1, l2, limit

cdef Split embedding_backward_split(const Call* c, const Context* ctx) noexcept nogil:
    return split_rows(c.dim[0], c.dim[1])


cdef void embedding_backward_run(
    const Call* c, Context* ctx, Py_ssize_t begin, Py_ssize_t end, int thread
) noexcept nogil:
    cdef const long long* places = <const long long*>c.buf[0]
    cdef const long long* ends = <const long long*>c.buf[7]
    cdef Py_ssize_t k = c.dim[1], row, block = row_block(k)
    cdef char* grad = ctx.scratch + thread * ctx.scratch_size
    for row in range(begin * block, min(c.dim[0], end * block)):
        if c.dim[2] and ends[row] == ends[row + 1]:
            continue
        if c.buf[GRADIENT] != NULL:
            grad = c.buf[GRADIENT] + row * k * c.itemsize
        (<sum_rows_leaf>c.leaf[0])(
            c.buf[1], places + ends[row], grad, ends[row + 1] - ends[row], k)
        finish_gradient(c, grad, row * k, k)
