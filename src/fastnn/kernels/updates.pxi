# Optimizer steps: for each optimizer a prepare_leaf, which settles once a step and in double
# what all parameters share, and an update_leaf. Formulas, and where eps and weight_decay enter,
# are PyTorch's.
#
# A decay of 0 is multiplied like any other. It adds 0 * param, which is nothing unless the
# parameter is infinite or NaN, and then the net is lost anyway.

from libc.math cimport expm1, log, pow, sqrt, sqrtf


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


cdef void adadelta_prepare(
    const double* config,   # rho, eps, weight_decay
    double lr, double step, double* hyper,
) noexcept nogil:
    hyper[0] = lr
    hyper[1] = config[0]
    hyper[2] = 1 - config[0]
    hyper[3] = config[1]
    hyper[4] = config[2]


cdef void adadelta_update(
    real* param, const real* grad, real* square_avg, real* acc_delta, Py_ssize_t n,
    const double* hyper,
) noexcept nogil:
    cdef real lr = <real>hyper[0], rho = <real>hyper[1], rest = <real>hyper[2]
    cdef real eps = <real>hyper[3], decay = <real>hyper[4], g, s, delta
    cdef Py_ssize_t i
    for i in range(n):
        g = grad[i] + decay * param[i]
        s = rho * square_avg[i] + rest * (g * g)
        square_avg[i] = s
        delta = root(acc_delta[i] + eps) / root(s + eps) * g
        acc_delta[i] = rho * acc_delta[i] + rest * (delta * delta)
        param[i] -= lr * delta


cdef void rprop_prepare(
    const double* config,   # eta_minus, eta_plus, smallest step, largest step
    double lr, double step, double* hyper,
) noexcept nogil:
    cdef Py_ssize_t i
    hyper[0] = lr if step == 1 else 0   # where step sizes begin; afterwards they go their own way
    for i in range(4):
        hyper[1 + i] = config[i]


cdef void rprop_update(
    real* param, const real* grad, real* previous, real* step_size, Py_ssize_t n,
    const double* hyper,
) noexcept nogil:
    cdef real begin = <real>hyper[0], shrink = <real>hyper[1], grow = <real>hyper[2]
    cdef real smallest = <real>hyper[3], largest = <real>hyper[4], g, agreement, size
    cdef Py_ssize_t i
    for i in range(n):
        agreement = sign(grad[i] * previous[i])
        g = <real>0 if agreement < 0 else grad[i]   # a minimum was jumped over: stay
        size = step_size[i] + begin
        size = size * (grow if agreement > 0 else (shrink if agreement < 0 else <real>1))
        size = at_most(at_least(size, smallest), largest)
        step_size[i] = size
        previous[i] = g
        param[i] -= size * sign(g)


cdef void lion_prepare(
    const double* config,   # beta1, beta2, weight_decay
    double lr, double step, double* hyper,
) noexcept nogil:
    hyper[0] = lr
    hyper[1] = 1 - config[0]
    hyper[2] = 1 - config[1]
    hyper[3] = lr * config[2]


cdef void lion_update(
    real* param, const real* grad, real* exp_avg, real* unused, Py_ssize_t n, const double* hyper
) noexcept nogil:
    cdef real lr = <real>hyper[0], rest1 = <real>hyper[1], rest2 = <real>hyper[2]
    cdef real shrink = <real>hyper[3], p, ahead
    cdef Py_ssize_t i
    for i in range(n):
        p = param[i]
        ahead = grad[i] - exp_avg[i]
        param[i] = (p - shrink * p) - lr * sign(exp_avg[i] + rest1 * ahead)
        exp_avg[i] = exp_avg[i] + rest2 * ahead


cdef inline double one_minus_power(double base, double exponent) noexcept nogil:
    # Without the cancellation of 1 - pow(base, exponent), for base in [0, 1).
    return -expm1(exponent * log(base))


cdef void adam_prepare(
    # beta1, beta2, eps, weight_decay, decoupled, eps_hat, behind (see adam_update)
    const double* config,
    double lr, double step, double* hyper,
) noexcept nogil:
    cdef bint decoupled = config[4] != 0
    hyper[0] = lr / one_minus_power(config[0], step)
    hyper[1] = 1 - config[0]
    hyper[2] = config[1]
    hyper[3] = 1 - config[1]
    hyper[4] = 1 / sqrt(one_minus_power(config[1], step))
    hyper[5] = config[2] * hyper[4] if config[5] != 0 else config[2]
    hyper[6] = 0 if decoupled else config[3]
    hyper[7] = lr * config[3] if decoupled else 0
    hyper[8] = config[6]


cdef void adam_update(
    real* param, const real* grad, real* exp_avg, real* exp_avg_sq, Py_ssize_t n,
    const double* hyper,
) noexcept nogil:
    cdef real rate = <real>hyper[0], rest1 = <real>hyper[1]
    cdef real beta2 = <real>hyper[2], rest2 = <real>hyper[3], unbias2 = <real>hyper[4]
    cdef real eps = <real>hyper[5], decay = <real>hyper[6], shrink = <real>hyper[7]
    cdef real p, g, m, v
    # AMSGrad has a third state, so many elements behind the second; 0 is plain Adam.
    cdef Py_ssize_t behind = <Py_ssize_t>hyper[8], i
    cdef real* largest = exp_avg_sq + behind
    for i in range(n):
        p = param[i]
        g = grad[i] + decay * p
        m = exp_avg[i] + rest1 * (g - exp_avg[i])
        v = beta2 * exp_avg_sq[i] + rest2 * (g * g)
        exp_avg[i] = m
        exp_avg_sq[i] = v
        if behind != 0:
            v = at_least(v, largest[i])
            largest[i] = v
        # Not p (1 - shrink): in float32 that factor's rounding would add up over the steps.
        param[i] = (p - shrink * p) - rate * m / (root(v) * unbias2 + eps)


cdef void adamax_prepare(
    const double* config,   # beta1, beta2, eps, weight_decay
    double lr, double step, double* hyper,
) noexcept nogil:
    hyper[0] = lr / one_minus_power(config[0], step)
    hyper[1] = 1 - config[0]
    hyper[2] = config[1]
    hyper[3] = config[2]
    hyper[4] = config[3]


cdef void adamax_update(
    real* param, const real* grad, real* exp_avg, real* exp_inf, Py_ssize_t n,
    const double* hyper,
) noexcept nogil:
    cdef real rate = <real>hyper[0], rest1 = <real>hyper[1], beta2 = <real>hyper[2]
    cdef real eps = <real>hyper[3], decay = <real>hyper[4], g, m, u
    cdef Py_ssize_t i
    for i in range(n):
        g = grad[i] + decay * param[i]
        m = exp_avg[i] + rest1 * (g - exp_avg[i])
        u = at_least(magnitude(g) + eps, beta2 * exp_inf[i])
        exp_avg[i] = m
        exp_inf[i] = u
        param[i] -= rate * m / u


cdef inline double momentum_product(double beta, double decay, double step) noexcept nogil:
    # The product over t = 1..step of NAdam's momenta, beta (1 - 0.96^(t decay) / 2). It ends where
    # 1 - product is 1, after some hundred factors; the power of the last ones is as good as 0.
    cdef double ratio = pow(0.96, decay), warm = 0.5, product = 1, t = 0
    while t < step and product > 1e-18:
        t += 1
        warm *= ratio
        if warm < 1e-17:
            return product * pow(beta, step - t + 1)
        product *= beta * (1 - warm)
    return product


cdef void nadam_prepare(
    const double* config,   # beta1, beta2, eps, weight_decay, momentum_decay, decoupled
    double lr, double step, double* hyper,
) noexcept nogil:
    cdef bint decoupled = config[5] != 0
    cdef double now = config[0] * (1 - 0.5 * pow(0.96, step * config[4]))
    cdef double then = config[0] * (1 - 0.5 * pow(0.96, (step + 1) * config[4]))
    cdef double product = momentum_product(config[0], config[4], step)
    hyper[0] = lr * (1 - now) / (1 - product)           # of the gradient
    hyper[1] = lr * then / (1 - product * then)         # of its average
    hyper[2] = 1 - config[0]
    hyper[3] = config[1]
    hyper[4] = 1 - config[1]
    hyper[5] = 1 / sqrt(one_minus_power(config[1], step))
    hyper[6] = config[2]
    hyper[7] = 0 if decoupled else config[3]
    hyper[8] = lr * config[3] if decoupled else 0


cdef void nadam_update(
    real* param, const real* grad, real* exp_avg, real* exp_avg_sq, Py_ssize_t n,
    const double* hyper,
) noexcept nogil:
    cdef real grad_rate = <real>hyper[0], rate = <real>hyper[1], rest1 = <real>hyper[2]
    cdef real beta2 = <real>hyper[3], rest2 = <real>hyper[4], unbias2 = <real>hyper[5]
    cdef real eps = <real>hyper[6], decay = <real>hyper[7], shrink = <real>hyper[8], p, g, m, v
    cdef Py_ssize_t i
    for i in range(n):
        p = param[i]
        g = grad[i] + decay * p
        m = exp_avg[i] + rest1 * (g - exp_avg[i])
        v = beta2 * exp_avg_sq[i] + rest2 * (g * g)
        exp_avg[i] = m
        exp_avg_sq[i] = v
        param[i] = (p - shrink * p) - (grad_rate * g + rate * m) / (root(v) * unbias2 + eps)


cdef void radam_prepare(
    const double* config,   # beta1, beta2, eps, weight_decay, decoupled
    double lr, double step, double* hyper,
) noexcept nogil:
    cdef bint decoupled = config[4] != 0
    cdef double unbias2 = one_minus_power(config[1], step), rectified = 0
    cdef double longest = 2 / (1 - config[1]) - 1       # of the moving average, in steps
    cdef double length = longest - 2 * step * (1 - unbias2) / unbias2
    if length > 5:
        rectified = sqrt(
            (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            * unbias2)
    hyper[0] = lr / one_minus_power(config[0], step) * (rectified if length > 5 else 1)
    hyper[1] = 1 - config[0]
    hyper[2] = config[1]
    hyper[3] = 1 - config[1]
    hyper[4] = config[2]
    hyper[5] = 0 if decoupled else config[3]
    hyper[6] = lr * config[3] if decoupled else 0
    hyper[7] = length > 5


cdef void radam_update(
    real* param, const real* grad, real* exp_avg, real* exp_avg_sq, Py_ssize_t n,
    const double* hyper,
) noexcept nogil:
    cdef real rate = <real>hyper[0], rest1 = <real>hyper[1], beta2 = <real>hyper[2]
    cdef real rest2 = <real>hyper[3], eps = <real>hyper[4], decay = <real>hyper[5]
    cdef real shrink = <real>hyper[6], p, g, m, v
    cdef bint adaptive = hyper[7] != 0      # else plain momentum: too few steps for a variance
    cdef Py_ssize_t i
    for i in range(n):
        p = param[i]
        g = grad[i] + decay * p
        m = exp_avg[i] + rest1 * (g - exp_avg[i])
        v = beta2 * exp_avg_sq[i] + rest2 * (g * g)
        exp_avg[i] = m
        exp_avg_sq[i] = v
        param[i] = (p - shrink * p) - rate * m / (root(v) + eps if adaptive else <real>1)
