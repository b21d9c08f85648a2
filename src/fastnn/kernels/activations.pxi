# Pointwise activations: a forward and a backward leaf each (map_leaf and grad_leaf).


cdef void relu_forward(
    const real* x, real* y, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = <real>0 if x[i] < 0 else x[i]  # this way round NaN goes through


cdef void relu_backward(
    const real* grad, const real* y, real* dx, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        dx[i] = grad[i] if y[i] > 0 else <real>0
