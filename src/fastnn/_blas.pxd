# The few CBLAS routines in use, from the OpenBLAS that scipy-openblas32 carries. Its symbols
# have the prefix scipy_, and it is private to fastnn: it runs on one thread, fastnn's own
# threads call it on slabs.

cdef extern from *:
    """
    enum { FASTNN_ROW_MAJOR = 101, FASTNN_NO_TRANS = 111, FASTNN_TRANS = 112 };
    void scipy_cblas_sgemm(int order, int transa, int transb, int m, int n, int k,
                           float alpha, const float *a, int lda, const float *b, int ldb,
                           float beta, float *c, int ldc);
    void scipy_cblas_dgemm(int order, int transa, int transb, int m, int n, int k,
                           double alpha, const double *a, int lda, const double *b, int ldb,
                           double beta, double *c, int ldc);
    void scipy_cblas_sgemv(int order, int trans, int m, int n, float alpha, const float *a,
                           int lda, const float *x, int incx, float beta, float *y, int incy);
    void scipy_cblas_dgemv(int order, int trans, int m, int n, double alpha, const double *a,
                           int lda, const double *x, int incx, double beta, double *y, int incy);
    void scipy_openblas_set_num_threads(int threads);
    char *scipy_openblas_get_config(void);
    char *scipy_openblas_get_corename(void);
    """
    enum: FASTNN_ROW_MAJOR
    enum: FASTNN_NO_TRANS
    enum: FASTNN_TRANS
    void scipy_cblas_sgemm(int order, int transa, int transb, int m, int n, int k,
                           float alpha, const float* a, int lda, const float* b, int ldb,
                           float beta, float* c, int ldc) noexcept nogil
    void scipy_cblas_dgemm(int order, int transa, int transb, int m, int n, int k,
                           double alpha, const double* a, int lda, const double* b, int ldb,
                           double beta, double* c, int ldc) noexcept nogil
    void scipy_cblas_sgemv(int order, int trans, int m, int n, float alpha, const float* a,
                           int lda, const float* x, int incx, float beta, float* y,
                           int incy) noexcept nogil
    void scipy_cblas_dgemv(int order, int trans, int m, int n, double alpha, const double* a,
                           int lda, const double* x, int incx, double beta, double* y,
                           int incy) noexcept nogil
    void scipy_openblas_set_num_threads(int threads) noexcept nogil
    char* scipy_openblas_get_config() noexcept nogil
    char* scipy_openblas_get_corename() noexcept nogil


cdef inline void gemv(
    int itemsize, bint trans, Py_ssize_t m, Py_ssize_t n,
    double alpha, const void* a, Py_ssize_t lda, const void* x, double beta, void* y,
) noexcept nogil:
    # y = alpha * op(A) @ x + beta * y for row-major A (m, n).
    cdef int t = FASTNN_TRANS if trans else FASTNN_NO_TRANS
    if itemsize == 4:
        scipy_cblas_sgemv(
            FASTNN_ROW_MAJOR, t, <int>m, <int>n, <float>alpha, <const float*>a, <int>lda,
            <const float*>x, 1, <float>beta, <float*>y, 1)
    else:
        scipy_cblas_dgemv(
            FASTNN_ROW_MAJOR, t, <int>m, <int>n, alpha, <const double*>a, <int>lda,
            <const double*>x, 1, beta, <double*>y, 1)


cdef inline void gemm(
    int itemsize,           # 4 for float32, 8 for float64
    bint trans_a, bint trans_b,
    Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
    double alpha, const void* a, Py_ssize_t lda, const void* b, Py_ssize_t ldb,
    double beta, void* c, Py_ssize_t ldc,
) noexcept nogil:
    # Row-major C (m, n) = alpha * op(A) @ op(B) + beta * C.
    cdef int ta = FASTNN_TRANS if trans_a else FASTNN_NO_TRANS
    cdef int tb = FASTNN_TRANS if trans_b else FASTNN_NO_TRANS
    if m == 1 and not trans_a:
        # A row times a matrix: a product would first copy the whole matrix to pack it.
        gemv(itemsize, not trans_b, n if trans_b else k, k if trans_b else n,
             alpha, b, ldb, a, beta, c)
    elif itemsize == 4:
        scipy_cblas_sgemm(
            FASTNN_ROW_MAJOR, ta, tb, <int>m, <int>n, <int>k, <float>alpha,
            <const float*>a, <int>lda, <const float*>b, <int>ldb,
            <float>beta, <float*>c, <int>ldc)
    else:
        scipy_cblas_dgemm(
            FASTNN_ROW_MAJOR, ta, tb, <int>m, <int>n, <int>k, alpha,
            <const double*>a, <int>lda, <const double*>b, <int>ldb,
            beta, <double*>c, <int>ldc)
