/* Included by product.h once for each type, as REAL; INTEGER is as wide, LANES fit a vector. */

#if LANES > 1
typedef REAL NAME(vec) __attribute__((vector_size(LANES * sizeof(REAL)), aligned(sizeof(REAL)),
                                      may_alias));
typedef INTEGER NAME(mask) __attribute__((vector_size(LANES * sizeof(REAL)),
                                          aligned(sizeof(REAL)), may_alias));
#else
typedef REAL NAME(vec);
#endif

/* How many dot products at once: as many as there are registers for, a vector's lanes at least. */
#if LANES > 1 && LANES < FASTNN_SUMS
#define SUMS FASTNN_SUMS
#else
#define SUMS LANES
#endif

#define VEC NAME(vec)
#define LOAD(p) (*(const VEC *)(p))
#define STORE(p, v) (*(VEC *)(p) = (v))

/* A butterfly's step at distance d. In lanes without bit d, LOW takes x's lane and HIGH x's lane
   d above; in the others, LOW takes y's lane d below and HIGH y's. */
#if LANES > 1
#define LOW_LANE(l, d) ((l) & (d) ? LANES + (l) - (d) : (l))
#define HIGH_LANE(l, d) ((l) & (d) ? LANES + (l) : (l) + (d))
#if LANES == 16
#define EACH(f, d)                                                                             \
    f(0, d), f(1, d), f(2, d), f(3, d), f(4, d), f(5, d), f(6, d), f(7, d), f(8, d), f(9, d),  \
        f(10, d), f(11, d), f(12, d), f(13, d), f(14, d), f(15, d)
#elif LANES == 8
#define EACH(f, d) f(0, d), f(1, d), f(2, d), f(3, d), f(4, d), f(5, d), f(6, d), f(7, d)
#elif LANES == 4
#define EACH(f, d) f(0, d), f(1, d), f(2, d), f(3, d)
#else
#define EACH(f, d) f(0, d), f(1, d)
#endif
#if defined(__clang__)
#define SHUFFLE(x, y, ...) __builtin_shufflevector(x, y, __VA_ARGS__)
#else
#define SHUFFLE(x, y, ...) __builtin_shuffle(x, y, (NAME(mask)){__VA_ARGS__})
#endif
#define LOW(x, y, d) SHUFFLE(x, y, EACH(LOW_LANE, d))
#define HIGH(x, y, d) SHUFFLE(x, y, EACH(HIGH_LANE, d))
#endif

/* -- tiles ---------------------------------------------------------------------------------- */

/* Have memory bring what lies beside a row of a tile: see fastnn_ahead. */
FASTNN_INLINE void NAME(fetch)(const fastnn_ahead *ahead, Py_ssize_t skip, int vectors)
{
    int i;
    Py_ssize_t byte;
    for (i = 0; i < FASTNN_AHEAD; i++)
        if (ahead->at[i])
            for (byte = 0; byte < vectors * LANES * (Py_ssize_t)sizeof(REAL); byte += 64)
                FASTNN_PREFETCH(ahead->at[i] + skip + byte);
}

FASTNN_INLINE void NAME(tile)(
    const int rows,         /* of C, at most FASTNN_ROWS */
    const int vectors,      /* of a row of C, 1 or 2 */
    Py_ssize_t k,
    const REAL *a, Py_ssize_t a_row, Py_ssize_t a_col,
    const REAL *b, Py_ssize_t b_row,
    REAL alpha, int add,
    REAL *c, Py_ssize_t c_row,
    Py_ssize_t cols,        /* of C. The second of two vectors ends where they do, and may
                               overlap the first; of a single one, only so many lanes are C's. */
    const fastnn_ahead *ahead, Py_ssize_t skip)     /* bytes from there to what belongs to C */
{
    const Py_ssize_t second = cols - LANES;
    VEC sum[FASTNN_ROWS][2];
    int i, j, fetched = 0;
    Py_ssize_t p, stop;
    FASTNN_UNROLL
    for (i = 0; i < rows; i++)
        FASTNN_UNROLL
        for (j = 0; j < vectors; j++)
            sum[i][j] = (VEC){0};
    for (p = 0; p < k; p = stop) {
        stop = k;
        if (ahead) {    /* a row of C's in turn with a share of k */
            if (fetched < rows)
                NAME(fetch)(ahead, skip + fetched++ * ahead->row, vectors);
            stop = p + k / rows < k && fetched < rows ? p + k / rows : k;
        }
        for (; p < stop; p++) {
            VEC line[2];
            FASTNN_UNROLL
            for (j = 0; j < vectors; j++)
                line[j] = LOAD(b + (j ? second : 0));
            FASTNN_UNROLL
            for (i = 0; i < rows; i++)
                FASTNN_UNROLL
                for (j = 0; j < vectors; j++)
                    sum[i][j] += a[i * a_row] * line[j];
            a += a_col;
            b += b_row;
        }
    }
    FASTNN_UNROLL
    for (i = 0; i < rows; i++) {
        REAL *to = c + i * c_row;
        VEC first = alpha * sum[i][0], last;
        if (vectors == 2) {
            last = alpha * sum[i][1];
            if (add) {
                first += LOAD(to);
                last += LOAD(to + second);
            }
            STORE(to, first);
            STORE(to + second, last);
        } else if (cols < LANES) {
            REAL part[LANES] = {0};
            if (add) {
                memcpy(part, to, cols * sizeof(REAL));
                first += LOAD(part);
            }
            STORE(part, first);
            memcpy(to, part, cols * sizeof(REAL));
        } else {
            if (add)
                first += LOAD(to);
            STORE(to, first);
        }
    }
}

FASTNN_NOINLINE void NAME(tile_of)(
    int rows, int vectors, Py_ssize_t k, const REAL *a, Py_ssize_t a_row, Py_ssize_t a_col,
    const REAL *b, Py_ssize_t b_row, REAL alpha, int add, REAL *c, Py_ssize_t c_row,
    Py_ssize_t cols, const fastnn_ahead *ahead, Py_ssize_t skip)
{
#define TILE(r, v)                                                                             \
    NAME(tile)(r, v, k, a, a_row, a_col, b, b_row, alpha, add, c, c_row, cols, ahead, skip)
#define CASE(r)                                                                                \
    case r:                                                                                    \
        if (vectors == 2)                                                                      \
            TILE(r, 2);                                                                        \
        else                                                                                   \
            TILE(r, 1);                                                                        \
        break;
    switch (rows) {
        CASE(1) CASE(2) CASE(3) CASE(4)
#if FASTNN_ROWS > 4
        CASE(5) CASE(6)
#endif
#if FASTNN_ROWS > 6
        CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12)
#endif
    }
#undef CASE
#undef TILE
}

/* -- copies of B ------------------------------------------------------------------------------ */

/* LANES rows of k numbers become k rows of LANES. Rows from `rows` on repeat the last one: they
   fill lanes that nobody looks at. */
FASTNN_INLINE void NAME(copy_transposed)(
    const REAL *b, Py_ssize_t b_row, Py_ssize_t rows, Py_ssize_t k, REAL *to, Py_ssize_t to_row)
{
    const REAL *from[LANES];
    Py_ssize_t p = 0;
    int i;
    FASTNN_UNROLL
    for (i = 0; i < LANES; i++)
        from[i] = b + (i < rows ? i : rows - 1) * b_row;
#if LANES > 1
    while (k >= LANES) {
        VEC x[LANES], y[LANES];
        int d;
        FASTNN_UNROLL
        for (i = 0; i < LANES; i++)
            x[i] = LOAD(from[i] + p);
#define STEP(d, x, y)                                                                          \
    FASTNN_UNROLL                                                                              \
    for (i = 0; i < LANES; i++)                                                                \
        if (!(i & (d))) {                                                                      \
            y[i] = LOW(x[i], x[i + (d)], d);                                                   \
            y[i + (d)] = HIGH(x[i], x[i + (d)], d);                                            \
        }
#if LANES == 16
        STEP(8, x, y) STEP(4, y, x) STEP(2, x, y) STEP(1, y, x)
        d = 0;
#elif LANES == 8
        STEP(4, x, y) STEP(2, y, x) STEP(1, x, y)
        d = 1;
#elif LANES == 4
        STEP(2, x, y) STEP(1, y, x)
        d = 0;
#else
        STEP(1, x, y)
        d = 1;
#endif
#undef STEP
        FASTNN_UNROLL
        for (i = 0; i < LANES; i++)
            STORE(to + (p + i) * to_row, d ? y[i] : x[i]);
        if (p + LANES == k)
            return;
        p = p + 2 * LANES <= k ? p + LANES : k - LANES;     /* the last one overlaps */
    }
#endif
    for (; p < k; p++)
        for (i = 0; i < LANES; i++)
            to[p * to_row + i] = from[i][p];
}

/* A block of B, k rows of n numbers, to rows of `to_row` numbers, at least a vector. */
FASTNN_INLINE void NAME(copy_block)(
    const REAL *b, Py_ssize_t b_row, Py_ssize_t b_col, Py_ssize_t n, Py_ssize_t k,
    REAL *to, Py_ssize_t to_row)
{
    Py_ssize_t j, p;
    if (b_col != 1) {
        for (j = 0; j + LANES <= n; j += LANES)
            NAME(copy_transposed)(b + j * b_col, b_col, LANES, k, to + j, to_row);
        if (j < n) {
            j = n < LANES ? 0 : n - LANES;      /* overlaps */
            NAME(copy_transposed)(b + j * b_col, b_col, n - j, k, to + j, to_row);
        }
        return;
    }
    for (p = 0; p < k; p++, b += b_row, to += to_row) {
        if (n < LANES) {
            memcpy(to, b, n * sizeof(REAL));
            continue;
        }
        for (j = 0; j + LANES <= n; j += LANES)
            STORE(to + j, LOAD(b + j));
        STORE(to + n - LANES, LOAD(b + n - LANES));
    }
}

/* -- products --------------------------------------------------------------------------------- */

/* How many of n columns to take next, at most `most`: what is left after them is a whole vector
   at least. */
FASTNN_INLINE Py_ssize_t NAME(piece)(Py_ssize_t n, Py_ssize_t most)
{
    return n <= most ? n : n - most < LANES ? most - LANES : most;
}

/* C (m, n) = alpha A B, or C += alpha A B. The element (i, p) of A is a[i a_row + p a_col], B's
   likewise, where one of its strides is 1. `scratch` has FASTNN_PRODUCT_SCRATCH bytes. `ahead` may
   be NULL. */
static void NAME(product)(
    Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
    const REAL *a, Py_ssize_t a_row, Py_ssize_t a_col,
    const REAL *b, Py_ssize_t b_row, Py_ssize_t b_col,
    double alpha, int add, REAL *c, Py_ssize_t c_row, const fastnn_ahead *ahead, REAL *scratch)
{
    const Py_ssize_t size = sizeof(REAL);
    const Py_ssize_t groups = (m + FASTNN_ROWS - 1) / FASTNN_ROWS;
    const int copied = b_col != 1 || n < LANES
        || (m > FASTNN_ROWS && k * b_row * size > FASTNN_UNPACKED);
    /* A transposed block is as wide as a tile; rows are copied in longer pieces. */
    const Py_ssize_t wide =
        !copied ? n : b_col != 1 ? 2 * LANES : FASTNN_BLOCK_BYTES / size;
    Py_ssize_t p = 0, depth, begin, width, j, cols, g, row, next;
    do {    /* at least once: a product over nothing is zero */
        depth = k - p < FASTNN_BLOCK_K ? k - p : FASTNN_BLOCK_K;
        for (begin = 0; begin < n; begin += width) {
            const REAL *lines = b + p * b_row + begin * b_col;
            Py_ssize_t line = b_row;
            width = NAME(piece)(n - begin, wide);
            if (copied) {
                line = (width + LANES - 1) / LANES * LANES;
                NAME(copy_block)(lines, b_row, b_col, width, depth, scratch, line);
                lines = scratch;
            }
            for (j = 0; j < width; j += cols) {
                cols = NAME(piece)(width - j, 2 * LANES);
                for (g = 0, row = 0; g < groups; g++, row = next) {
                    next = m * (g + 1) / groups;    /* groups alike, none much too small */
                    NAME(tile_of)(
                        (int)(next - row), cols > LANES ? 2 : 1, depth,
                        a + row * a_row + p * a_col, a_row, a_col, lines + j, line,
                        (REAL)alpha, add || p > 0, c + row * c_row + begin + j, c_row, cols,
                        p > 0 ? NULL : ahead,
                        ahead ? row * ahead->row + (begin + j) * size : 0);
                }
            }
        }
        p += depth;
    } while (p < k);
}

/* -- dot products ------------------------------------------------------------------------------ */

/* rows * cols == SUMS dot products at once; number r * cols + s of `out` is a_r . b_s. Rows past
   the end repeat the last one. */
FASTNN_INLINE void NAME(dots_tile)(
    const int rows, const int cols, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
    const REAL *a, Py_ssize_t a_row, const REAL *b, Py_ssize_t b_row,
    int add, REAL *c, Py_ssize_t c_row)
{
    const REAL *left[SUMS], *right[SUMS];
    REAL out[SUMS];
    VEC sum[SUMS];
    Py_ssize_t p;
    int i, r, s, g;
    FASTNN_UNROLL
    for (r = 0; r < rows; r++)
        left[r] = a + (r < m ? r : m - 1) * a_row;
    FASTNN_UNROLL
    for (s = 0; s < cols; s++)
        right[s] = b + (s < n ? s : n - 1) * b_row;
    FASTNN_UNROLL
    for (i = 0; i < SUMS; i++)
        sum[i] = (VEC){0};
    for (p = 0; p + LANES <= k; p += LANES) {
        VEC x[SUMS], y;
        FASTNN_UNROLL
        for (r = 0; r < rows; r++)
            x[r] = LOAD(left[r] + p);
        FASTNN_UNROLL
        for (s = 0; s < cols; s++) {
            y = LOAD(right[s] + p);
            FASTNN_UNROLL
            for (r = 0; r < rows; r++)
                sum[r * cols + s] += x[r] * y;
        }
    }
#if LANES > 1
    if (p < k) {
        INTEGER keep[2 * LANES];
        NAME(mask) fresh;
        /* The last vector, with zeros for what was counted before. */
        FASTNN_UNROLL
        for (i = 0; i < LANES; i++) {
            keep[i] = 0;
            keep[LANES + i] = -1;
        }
        fresh = *(const NAME(mask) *)(keep + (k - p));
        FASTNN_UNROLL
        for (r = 0; r < rows; r++) {
            const VEC x = (VEC)(fresh & *(const NAME(mask) *)(left[r] + k - LANES));
            FASTNN_UNROLL
            for (s = 0; s < cols; s++)
                sum[r * cols + s] +=
                    x * (VEC)(fresh & *(const NAME(mask) *)(right[s] + k - LANES));
        }
    }
    /* Add up the lanes of LANES sums together: each step halves their number. */
#define STEP(d)                                                                                \
    FASTNN_UNROLL                                                                              \
    for (i = g; i < g + (d); i++)                                                              \
        sum[i] = LOW(sum[i], sum[i + (d)], d) + HIGH(sum[i], sum[i + (d)], d);
    FASTNN_UNROLL
    for (g = 0; g < SUMS; g += LANES) {
#if LANES >= 16
    STEP(8)
#endif
#if LANES >= 8
    STEP(4)
#endif
#if LANES >= 4
    STEP(2)
#endif
    STEP(1)
        STORE(out + g, sum[g]);
    }
#undef STEP
#else
    STORE(out, sum[0]);
#endif
    for (r = 0; r < rows && r < m; r++)
        for (s = 0; s < cols && s < n; s++)
            c[r * c_row + s] = out[r * cols + s] + (add ? c[r * c_row + s] : 0);
}

/* C (m, n) = A B^T, or C += A B^T, for rows A (m, k) and B (n, k), k at least LANES. */
static void NAME(dots)(
    Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, const REAL *a, Py_ssize_t a_row,
    const REAL *b, Py_ssize_t b_row, int add, REAL *c, Py_ssize_t c_row)
{
    Py_ssize_t i, j, begin, end, rows, cols;
    /* A few rows of B at a time, and all of A's with them: B may be large. */
    for (begin = 0; begin < n; begin = end) {
        end = begin + SUMS < n ? begin + SUMS : n;
        for (i = 0; i < m; i += rows) {
            rows = m - i >= 3 && SUMS >= 4 ? 4 : m - i >= 2 && SUMS >= 2 ? 2 : 1;
            cols = SUMS / rows;
            for (j = begin; j < end; j += cols) {
#define DOTS(r)                                                                                \
    NAME(dots_tile)(r, SUMS / r, m - i, n - j, k, a + i * a_row, a_row, b + j * b_row, b_row, \
                    add, c + i * c_row + j, c_row)
                if (rows == 1)
                    DOTS(1);
#if SUMS >= 2
                else if (rows == 2)
                    DOTS(2);
#endif
#if SUMS >= 4
                else
                    DOTS(4);
#endif
#undef DOTS
            }
        }
    }
}

/* Whether dots are sooner done than a product. In cycles: a product pays for every vector of a row
   of C, and for transposing B; dots pay for every vector of k, more with few registers, and for
   adding up lanes. */
FASTNN_INLINE int NAME(dots_pay)(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k)
{
    const double vectors_n = (double)((n + LANES - 1) / LANES);
    const double vectors_k = (double)((k + LANES - 1) / LANES) * (FASTNN_ROWS < 12 ? 1.35 : 1);
    return k >= LANES && (double)m * n * (vectors_k + 6) < k * vectors_n * (m + 12.0);
}

/* C (m, n) = A B^T, or C += A B^T, for rows A (m, k) and B (n, k) that lie any distance apart. The
   way depends on the whole product of which this may be a part, so that the bits don't depend on
   the parts. */
static void NAME(product_rows)(
    Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
    const REAL *a, Py_ssize_t a_row, const REAL *b, Py_ssize_t b_row,
    int add, REAL *c, Py_ssize_t c_row,
    Py_ssize_t whole_m, Py_ssize_t whole_n, REAL *scratch)
{
    if (NAME(dots_pay)(whole_m, whole_n, k))
        NAME(dots)(m, n, k, a, a_row, b, b_row, add, c, c_row);
    else
        NAME(product)(m, n, k, a, a_row, 1, b, 1, b_row, 1, add, c, c_row, NULL, scratch);
}

/* C (m, n) = A B^T, of rows that lie side by side. */
static void NAME(product_transposed)(
    Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
    const REAL *a, const REAL *b, REAL *c, Py_ssize_t c_row,
    Py_ssize_t whole_m, Py_ssize_t whole_n, REAL *scratch)
{
    NAME(product_rows)(m, n, k, a, k, b, k, 0, c, c_row, whole_m, whole_n, scratch);
}

#undef SUMS
#undef VEC
#undef LOAD
#undef STORE
#undef LOW_LANE
#undef HIGH_LANE
#undef EACH
#undef SHUFFLE
#undef LOW
#undef HIGH
