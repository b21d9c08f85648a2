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
    void scipy_openblas_set_num_threads(int threads) noexcept nogil
    char* scipy_openblas_get_config() noexcept nogil
    char* scipy_openblas_get_corename() noexcept nogil


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
    if itemsize == 4:
        scipy_cblas_sgemm(
            FASTNN_ROW_MAJOR, ta, tb, <int>m, <int>n, <int>k, <float>alpha,
            <const float*>a, <int>lda, <const float*>b, <int>ldb,
            <float>beta, <float*>c, <int>ldc)
    else:
        scipy_cblas_dgemm(
            FASTNN_ROW_MAJOR, ta, tb, <int>m, <int>n, <int>k, alpha,
            <const double*>a, <int>lda, <const double*>b, <int>ldb,
            beta, <double*>c, <int>ldc)
