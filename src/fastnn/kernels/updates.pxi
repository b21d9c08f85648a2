# Optimizer steps: for each optimizer a prepare_leaf, which settles once a step and in double
# what all parameters share, and an update_leaf. Formulas, and where eps and weight_decay enter,
# are PyTorch's.
#
# A decay of 0 is multiplied like any other. It adds 0 * param, which is nothing unless the
# parameter is infinite or NaN, and then the net is lost anyway.

from libc.math cimport expm1, log, sqrt, sqrtf


cdef inline real root(real x) noexcept nogil:
    if real is float:
        return sqrtf(x)
    else:
        return sqrt(x)


cdef void sgd_prepare(
    const double* config,   # momentum, nesterov, weight_decay
    double lr, double step, double* hyper,
) noexcept nogil:
    hyper[0] = lr
    hyper[1] = config[0]
    hyper[2] = config[1]
    hyper[3] = config[2]


cdef void sgd_update(
    real* param, const real* grad,
    real* velocity,         # NULL for no momentum
    real* unused, Py_ssize_t n, const double* hyper,
) noexcept nogil:
    cdef real lr = <real>hyper[0], momentum = <real>hyper[1], decay = <real>hyper[3], g, v
    cdef bint nesterov = hyper[2] != 0
    cdef Py_ssize_t i
    for i in range(n):
        g = grad[i] + decay * param[i]
        if velocity is not NULL:
            v = momentum * velocity[i] + g
            velocity[i] = v
            g = g + momentum * v if nesterov else v
        param[i] -= lr * g


cdef void adagrad_prepare(
    const double* config,   # eps, weight_decay
    double lr, double step, double* hyper,
) noexcept nogil:
    hyper[0] = lr
    hyper[1] = config[0]
    hyper[2] = config[1]


cdef void adagrad_update(
    real* param, const real* grad, real* state_sum, real* unused, Py_ssize_t n,
    const double* hyper,
) noexcept nogil:
    cdef real lr = <real>hyper[0], eps = <real>hyper[1], decay = <real>hyper[2], g, s
    cdef Py_ssize_t i
    for i in range(n):
        g = grad[i] + decay * param[i]
        s = state_sum[i] + g * g
        state_sum[i] = s
        param[i] -= lr * g / (root(s) + eps)


cdef void rmsprop_prepare(
    const double* config,   # alpha, eps, momentum, nesterov, weight_decay
    double lr, double step, double* hyper,
) noexcept nogil:
    hyper[0] = lr
    hyper[1] = config[0]
    hyper[2] = 1 - config[0]
    hyper[3] = config[1]
    hyper[4] = config[2]
    hyper[5] = config[3]
    hyper[6] = config[4]


cdef void rmsprop_update(
    real* param, const real* grad, real* square_avg,
    real* velocity,         # NULL for no momentum
    Py_ssize_t n, const double* hyper,
) noexcept nogil:
    # nesterov is Sutskever's look-ahead, as in SGD; PyTorch's RMSprop has none.
    cdef real lr = <real>hyper[0], alpha = <real>hyper[1], rest = <real>hyper[2]
    cdef real eps = <real>hyper[3], momentum = <real>hyper[4], decay = <real>hyper[6], g, s, v
    cdef bint nesterov = hyper[5] != 0
    cdef Py_ssize_t i
    for i in range(n):
        g = grad[i] + decay * param[i]
        s = alpha * square_avg[i] + rest * (g * g)
        square_avg[i] = s
        g = g / (root(s) + eps)
        if velocity is not NULL:
            v = momentum * velocity[i] + g
            velocity[i] = v
            g = g + momentum * v if nesterov else v
        param[i] -= lr * g


cdef inline double one_minus_power(double base, double exponent) noexcept nogil:
    # Without the cancellation of 1 - pow(base, exponent), for base in [0, 1).
    return -expm1(exponent * log(base))


cdef void adam_prepare(
    const double* config,   # beta1, beta2, eps, weight_decay, decoupled
    double lr, double step, double* hyper,
) noexcept nogil:
    cdef bint decoupled = config[4] != 0
    hyper[0] = lr / one_minus_power(config[0], step)
    hyper[1] = 1 - config[0]
    hyper[2] = config[1]
    hyper[3] = 1 - config[1]
    hyper[4] = 1 / sqrt(one_minus_power(config[1], step))
    hyper[5] = config[2]
    hyper[6] = 0 if decoupled else config[3]
    hyper[7] = lr * config[3] if decoupled else 0


cdef void adam_update(
    real* param, const real* grad, real* exp_avg, real* exp_avg_sq, Py_ssize_t n,
    const double* hyper,
) noexcept nogil:
    cdef real rate = <real>hyper[0], rest1 = <real>hyper[1]
    cdef real beta2 = <real>hyper[2], rest2 = <real>hyper[3], unbias2 = <real>hyper[4]
    cdef real eps = <real>hyper[5], decay = <real>hyper[6], shrink = <real>hyper[7]
    cdef real p, g, m, v
    cdef Py_ssize_t i
    for i in range(n):
        p = param[i]
        g = grad[i] + decay * p
        m = exp_avg[i] + rest1 * (g - exp_avg[i])
        v = beta2 * exp_avg_sq[i] + rest2 * (g * g)
        exp_avg[i] = m
        exp_avg_sq[i] = v
        # Not p (1 - shrink): in float32 that factor's rounding would add up over the steps.
        param[i] = (p - shrink * p) - rate * m / (root(v) * unbias2 + eps)
