# Pointwise activations: a forward and a backward leaf each (map_leaf and grad_leaf), sorted
# from simple to complex. registry.py has their formulas, parameters and measured errors.
#
# With z = |x|, the gates x s(x) (SiLU, GELU, Mish) are all max(x, 0) - z s(-z): one formula for
# both signs, which has no cancellation and the right limits, since z can be cut where the second
# term has underflowed. Their derivatives are written for each sign, in exp(-z) <= 1.


cdef void identity_forward(
    const real* x, real* y, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = x[i]


cdef void identity_backward(
    const real* grad, const real* y, real* dx, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        dx[i] = grad[i]


cdef void step_forward(
    const real* x, real* y, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = <real>0 if x[i] < 0 else (<real>1 if x[i] >= 0 else x[i])


cdef void step_backward(
    const real* grad, const real* y, real* dx, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        dx[i] = 0


cdef void relu_forward(
    const real* x, real* y, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = at_least(x[i], <real>0)


cdef void relu_backward(
    const real* grad, const real* y, real* dx, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef Py_ssize_t i
    cdef real g
    for i in range(n):
        g = grad[i]
        dx[i] = <real>0 if y[i] <= 0 else g


cdef void leaky_relu_forward(
    const real* x, real* y, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef real slope = <real>params[0]
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = x[i] if x[i] > 0 else slope * x[i]


cdef void leaky_relu_backward(
    const real* grad, const real* y, real* dx, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef real slope = <real>params[0]
    cdef Py_ssize_t i
    for i in range(n):
        dx[i] = grad[i] if y[i] > 0 else slope * grad[i]


cdef inline void clip_forward(
    const real* x, real* y, Py_ssize_t n, real low, real high
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = at_most(at_least(x[i], low), high)


cdef inline void clip_backward(
    const real* grad, const real* y, real* dx, Py_ssize_t n, real low, real high
) noexcept nogil:
    cdef Py_ssize_t i
    cdef real g
    for i in range(n):
        g = grad[i]
        dx[i] = <real>0 if y[i] <= low else (<real>0 if y[i] >= high else g)


cdef void relu6_forward(
    const real* x, real* y, Py_ssize_t n, const double* params
) noexcept nogil:
    clip_forward(x, y, n, <real>0, <real>6)


cdef void relu6_backward(
    const real* grad, const real* y, real* dx, Py_ssize_t n, const double* params
) noexcept nogil:
    clip_backward(grad, y, dx, n, <real>0, <real>6)


cdef void hardtanh_forward(
    const real* x, real* y, Py_ssize_t n, const double* params
) noexcept nogil:
    clip_forward(x, y, n, <real>params[0], <real>params[1])


cdef void hardtanh_backward(
    const real* grad, const real* y, real* dx, Py_ssize_t n, const double* params
) noexcept nogil:
    clip_backward(grad, y, dx, n, <real>params[0], <real>params[1])


cdef void threshold_forward(
    const real* x, real* y, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef real threshold = <real>params[0], value = <real>params[1]
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = value if x[i] <= threshold else x[i]


cdef void threshold_backward(
    const real* grad, const real* x, real* dx, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef real threshold = <real>params[0], g
    cdef Py_ssize_t i
    for i in range(n):
        g = grad[i]
        dx[i] = <real>0 if x[i] <= threshold else g


cdef void hardshrink_forward(
    const real* x, real* y, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef real lambd = <real>params[0]
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = <real>0 if magnitude(x[i]) <= lambd else x[i]


cdef void softshrink_forward(
    const real* x, real* y, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef real lambd = <real>params[0]
    cdef Py_ssize_t i
    cdef real above, below
    for i in range(n):
        above = x[i] - lambd
        below = x[i] + lambd
        y[i] = <real>0 if magnitude(x[i]) <= lambd else (above if x[i] > 0 else below)


cdef void shrink_backward(
    const real* grad, const real* y, real* dx, Py_ssize_t n, const double* params
) noexcept nogil:
    # Of both: what has not been set to zero goes on.
    cdef Py_ssize_t i
    cdef real g
    for i in range(n):
        g = grad[i]
        dx[i] = <real>0 if y[i] == 0 else g


cdef void hardsigmoid_forward(
    const real* x, real* y, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = at_most(at_least(x[i] + <real>3, <real>0), <real>6) / <real>6


cdef void hardsigmoid_backward(
    const real* grad, const real* x, real* dx, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef Py_ssize_t i
    cdef real slope
    for i in range(n):
        slope = grad[i] / <real>6
        dx[i] = <real>0 if magnitude(x[i]) >= 3 else slope


cdef void hardswish_forward(
    const real* x, real* y, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        # The first comparison is for -inf, where the product would be NaN.
        y[i] = <real>0 if x[i] <= -3 else x[i] * (at_most(x[i] + <real>3, <real>6) / <real>6)


cdef void hardswish_backward(
    const real* grad, const real* x, real* dx, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef Py_ssize_t i
    cdef real slope
    for i in range(n):
        slope = (<real>2 * x[i] + <real>3) / <real>6
        dx[i] = grad[i] * (<real>0 if x[i] <= -3 else (<real>1 if x[i] >= 3 else slope))


cdef void softsign_forward(
    const real* x, real* y, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef Py_ssize_t i
    cdef real bounded
    for i in range(n):
        bounded = at_most(at_least(x[i], <real>-1e18), <real>1e18)  # inf / inf would be NaN
        y[i] = bounded / (<real>1 + magnitude(bounded))


cdef void softsign_backward(
    const real* grad, const real* y, real* dx, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef Py_ssize_t i
    cdef real s
    for i in range(n):
        s = <real>1 - magnitude(y[i])
        dx[i] = grad[i] * (s * s)


cdef void elu_forward(
    const real* x, real* y, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef real alpha = <real>params[0]
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = x[i] if x[i] > 0 else alpha * expm1_nonpositive(at_most(x[i], <real>0))


cdef void elu_backward(
    const real* grad, const real* y, real* dx, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef real alpha = <real>params[0]
    cdef Py_ssize_t i
    for i in range(n):
        dx[i] = grad[i] * (<real>1 if y[i] > 0 else y[i] + alpha)


cdef void celu_forward(
    const real* x, real* y, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef real alpha = <real>params[0]
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = x[i] if x[i] > 0 else alpha * expm1_nonpositive(at_most(x[i], <real>0) / alpha)


cdef void celu_backward(
    const real* grad, const real* y, real* dx, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef real alpha = <real>params[0]
    cdef Py_ssize_t i
    for i in range(n):
        dx[i] = grad[i] * (<real>1 if y[i] > 0 else (y[i] + alpha) / alpha)


cdef void selu_forward(
    const real* x, real* y, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef real scale = <real>1.0507009873554805
    cdef real scale_alpha = <real>1.7580993408473768
    cdef real negative
    cdef Py_ssize_t i
    for i in range(n):
        negative = scale_alpha * expm1_nonpositive(at_most(x[i], <real>0))
        y[i] = scale * x[i] if x[i] > 0 else negative


cdef void selu_backward(
    const real* grad, const real* y, real* dx, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef real scale = <real>1.0507009873554805
    cdef real scale_alpha = <real>1.7580993408473768
    cdef Py_ssize_t i
    for i in range(n):
        dx[i] = grad[i] * (scale if y[i] > 0 else y[i] + scale_alpha)


cdef void sigmoid_forward(
    const real* x, real* y, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = sigmoid_of(x[i], exp_magnitude(x[i]), <real>0)


cdef void sigmoid_backward(
    const real* grad, const real* y, real* dx, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        dx[i] = grad[i] * (y[i] * (<real>1 - y[i]))


cdef void log_sigmoid_forward(
    const real* x, real* y, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = at_most(x[i], <real>0) - log1p_unit(exp_nonpositive(-magnitude(x[i])))


cdef void log_sigmoid_backward(
    const real* grad, const real* x, real* dx, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        dx[i] = grad[i] * sigmoid_of(-x[i], exp_magnitude(x[i]), <real>0)


cdef void softplus_forward(
    const real* x, real* y, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef real beta = <real>params[0]
    cdef real limit = exp_magnitude(<real>1e30) / beta
    cdef real z, hi, e
    cdef Py_ssize_t i
    for i in range(n):
        z = at_most(magnitude(x[i]), limit)
        hi = beta * z
        e = exp_times(<real>1, -hi, -product_error(beta, z, hi))
        y[i] = at_least(x[i], <real>0) + log1p_unit(e) / beta


cdef void softplus_backward(
    const real* grad, const real* x, real* dx, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef real beta = <real>params[0]
    cdef real limit = exp_magnitude(<real>1e30) / beta
    cdef real z, hi
    cdef Py_ssize_t i
    for i in range(n):
        z = at_most(magnitude(x[i]), limit)
        hi = beta * z
        dx[i] = grad[i] * sigmoid_of(x[i], hi, product_error(beta, z, hi))


cdef void tanh_forward(
    const real* x, real* y, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = tanh_of(x[i])


cdef void tanh_backward(
    const real* grad, const real* y, real* dx, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        dx[i] = grad[i] * ((<real>1 - y[i]) * (<real>1 + y[i]))  # 1 - y * y would cancel


cdef void tanhshrink_forward(
    const real* x, real* y, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = tanhshrink_of(x[i])


cdef void tanhshrink_backward(
    const real* grad, const real* x, real* dx, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef Py_ssize_t i
    cdef real t
    for i in range(n):
        t = tanh_of(x[i])
        dx[i] = grad[i] * (t * t)


cdef inline real gate(real x, real z, real hi, real lo) noexcept nogil:
    """x sigmoid(w(x)) of an odd w, given |x| as z and w(z) as hi + lo."""
    cdef real e = exp_times(<real>1, -hi, -lo)
    return at_least(x, <real>0) - exp_times(z, -hi, -lo) / (<real>1 + e)


cdef inline real gate_slope(real x, real v, real hi, real lo) noexcept nogil:
    """The derivative of the same, given v = z w'(z) too."""
    cdef real one = 1
    cdef real e = exp_times(one, -hi, -lo)
    cdef real numerator = exp_times((one - v) + e, -hi, -lo) if x < 0 else one + (e + v * e)
    return numerator / (one + (e + e + e * e))


cdef void silu_forward(
    const real* x, real* y, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef Py_ssize_t i
    cdef real z
    for i in range(n):
        z = exp_magnitude(x[i])
        y[i] = gate(x[i], z, z, <real>0)


cdef void silu_backward(
    const real* grad, const real* x, real* dx, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef Py_ssize_t i
    cdef real z
    for i in range(n):
        z = exp_magnitude(x[i])
        dx[i] = grad[i] * gate_slope(x[i], z, z, <real>0)


# Mish is x tanh(log(1 + exp(x))), and that tanh is m / (1 + m), m = exp(x) (1 + exp(x) / 2). With
# e = exp(-z) it is, for x > 0 and multiplied out by e^2, 1 - e^2 / (1 / 2 + e + e^2).

cdef void mish_forward(
    const real* x, real* y, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef real one = 1, half = 0.5
    cdef Py_ssize_t i
    cdef real z, e, numerator, denominator, tail
    for i in range(n):
        z = exp_magnitude(x[i])
        e = exp_times(one, -z, <real>0)
        numerator = exp_times(z + z * (half * e) if x[i] < 0 else z * e, -z, <real>0)
        denominator = one + (e + half * e * e) if x[i] < 0 else half + (e + e * e)
        # Not max(x, 0) - tail: with other tests of the sign about, the compiler turns 0 - tail
        # into -tail in some copies of the loop and not in others, and zero has two signs.
        tail = numerator / denominator
        y[i] = -tail if x[i] < 0 else x[i] - tail


cdef void mish_backward(
    const real* grad, const real* x, real* dx, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef real one = 1, half = 0.5, quarter = 0.25
    cdef Py_ssize_t i
    cdef real z, scaled, e, m, d, below, above, slope
    for i in range(n):
        # For x > 0 too the derivative is written as what is missing to 1.
        z = exp_magnitude(x[i])
        scaled = exp_scaled(-z)
        e = unscale(scaled)
        m = e + half * e * e
        d = half + (e + e * e)
        # (1 + e / 2) (1 + m) - z (1 + e), summed so that roundings weigh little.
        below = (one - z) + (one - z) * e + e * (half + e * (one + quarter * e))
        above = e * (z + z * e - d)
        slope = (
            unscale((below if x[i] < 0 else above) * scaled)
            / (one + (m + m + m * m) if x[i] < 0 else d * d)
        )
        dx[i] = grad[i] * (slope if x[i] < 0 else one + slope)


cdef inline real gelu_tanh_magnitude(real x) noexcept nogil:
    """|x|, cut where exp(-w(z)) has become zero; see gelu_tanh_exponent."""
    if real is float:
        return at_most(magnitude(x), <real>11)
    else:
        return at_most(magnitude(x), <real>21.7)


cdef inline real gelu_tanh_exponent(real z, real* lo, real* slope) noexcept nogil:
    """w(z) = z (a + b z^2) = hi + lo, a = 2 sqrt(2 / pi), b = 0.044715 a; returns hi, and
    z w'(z) = 3 w - 2 a z in slope.

    w reaches 100 (in double 740) before exp(-w) underflows, so that w rounded to one number would
    cost as many ULP. Halves of the significand give exact products.
    """
    cdef real a, b, a_lo, b_lo
    if real is float:
        a, a_lo = <float>1.595703125, <float>6.59966057e-5
        b, b_lo = <float>0.07135009765625, <float>4.71861635e-6
    else:
        a, a_lo = 1.595769107341766357421875, 1.426396435433790924e-8
        b, b_lo = 0.07135481573641300201416016, 5.3618724676217859603e-10
    cdef real zh = high_half(z)
    cdef real zl = z - zh
    cdef real square = z * z
    cdef real square_h = high_half(square)
    cdef real square_l = (zh * zh - square_h) + zl * (z + zh)
    cdef real sh = high_half(a + b * square)
    cdef real sl = ((a - sh) + b * square_h) + (a_lo + (b * square_l + b_lo * square))
    cdef real hi = zh * sh
    lo[0] = zh * sl + zl * (sh + sl)
    slope[0] = hi + (<real>2 * (zh * (sh - a)) + (<real>3 * lo[0] - <real>2 * (zl * a + z * a_lo)))
    return hi


cdef void gelu_tanh_forward(
    const real* x, real* y, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef Py_ssize_t i
    cdef real z, hi, lo, slope
    for i in range(n):
        z = gelu_tanh_magnitude(x[i])
        hi = gelu_tanh_exponent(z, &lo, &slope)
        y[i] = gate(x[i], z, hi, lo)


cdef void gelu_tanh_backward(
    const real* grad, const real* x, real* dx, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef Py_ssize_t i
    cdef real z, hi, lo, slope
    for i in range(n):
        z = gelu_tanh_magnitude(x[i])
        hi = gelu_tanh_exponent(z, &lo, &slope)
        dx[i] = grad[i] * gate_slope(x[i], slope, hi, lo)


cdef inline real normal_magnitude(real x) noexcept nogil:
    """|x|, cut where exp(-z^2 / 2) has become zero."""
    if real is float:
        return at_most(magnitude(x), <real>15)
    else:
        return at_most(magnitude(x), <real>39)


cdef inline real normal_times(real c, real z) noexcept nogil:
    """c exp(-z^2 / 2), z^2 split exactly: it reaches 200 (in double 1500)."""
    cdef real zh = high_half(z)
    return exp_times(c, <real>-0.5 * (zh * zh), <real>-0.5 * ((z - zh) * (z + zh)))


cdef void gelu_forward(
    const real* x, real* y, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef Py_ssize_t i
    cdef real z, w
    for i in range(n):
        z = normal_magnitude(x[i])
        w = normal_variable(z)
        y[i] = at_least(x[i], <real>0) - normal_times(w * normal_tail(w), z)


cdef void gelu_backward(
    const real* grad, const real* x, real* dx, Py_ssize_t n, const double* params
) noexcept nogil:
    cdef real density_h = high_half(<real>0.3989422804014327)   # 1 / sqrt(2 pi), in two parts
    cdef real density_l = <real>(0.3989422804014327 - <double>density_h)
    cdef Py_ssize_t i
    cdef real z, zh, w, slope, tail
    for i in range(n):
        # The derivative is Phi(x) + x phi(x); at -z it is `tail`, at z the rest to 1. Its two
        # terms cancel around z = 0.75; the product in the second is exact but for small parts.
        z = normal_magnitude(x[i])
        zh = high_half(z)
        w = normal_variable(z)
        slope = normal_weight(w) * normal_tail(w) - density_h * zh
        tail = normal_times(slope - (density_h * (z - zh) + density_l * z), z)
        dx[i] = grad[i] * (tail if x[i] < 0 else <real>1 - tail)
