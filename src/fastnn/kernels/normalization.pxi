# Normalisation: of the channels of a batch (batch normalisation and what has its form), and of the
# rows of a sample (layer normalisation).
#
# A channel's statistics are sums over the batch, in double. Deviations are taken from a number
# that is near the mean before anything is squared, so that nothing cancels where the mean is
# large; and what is applied to x is (x - shift) scale + offset, for the same reason.

from libc.math cimport sqrt


cdef inline void deviations(
    const real* grad, const real* x, double shift, Py_ssize_t n, double* sums
) noexcept nogil:
    # sums += (sum g, sum g (x - shift)), g the gradient or, where that is NULL, x - shift itself.
    cdef double first[LANES]
    cdef double second[LANES]
    cdef double d, g
    cdef Py_ssize_t i = 0, k
    for k in range(LANES):
        first[k] = second[k] = 0
    while i + LANES <= n:
        for k in range(LANES):
            d = x[i + k] - shift
            g = d if grad is NULL else grad[i + k]
            first[k] += g
            second[k] += g * d
        i += LANES
    for k in range(n - i):
        d = x[i + k] - shift
        g = d if grad is NULL else grad[i + k]
        first[k] += g
        second[k] += g * d
    sums[0] += fold(first)
    sums[1] += fold(second)


cdef inline void column_deviations(
    const real* grad, const real* x, const real* shift, Py_ssize_t rows, Py_ssize_t cols,
    Py_ssize_t ld, double* first, double* second,
) noexcept nogil:
    # The same down columns, at most LANES of them, into one place for each.
    cdef double a[LANES]
    cdef double b[LANES]
    cdef double d, g
    cdef Py_ssize_t r, k
    for k in range(LANES):
        a[k] = b[k] = 0
    for r in range(rows):
        if cols == LANES:
            for k in range(LANES):
                d = <double>x[k] - shift[k]
                g = d if grad is NULL else grad[k]
                a[k] += g
                b[k] += g * d
        else:
            for k in range(cols):
                d = <double>x[k] - shift[k]
                g = d if grad is NULL else grad[k]
                a[k] += g
                b[k] += g * d
        x += ld
        if grad is not NULL:
            grad += ld
    for k in range(cols):
        first[k] += a[k]
        second[k] += b[k]


cdef inline void channel_sums(
    const real* grad, const real* x, const real* shift, double* first, double* second,
    Py_ssize_t rows, Py_ssize_t channels, Py_ssize_t length, Py_ssize_t step,
) noexcept nogil:
    cdef double sums[2]
    cdef Py_ssize_t r, c = 0, cols
    if length == 1:
        while c < channels:
            cols = min(<Py_ssize_t>LANES, channels - c)
            column_deviations(grad, x, shift, rows, cols, channels, first + c, second + c)
            c += cols
            x += cols
            shift += cols
            if grad is not NULL:
                grad += cols
        return
    for r in range(rows):
        for c in range(channels):
            sums[0] = sums[1] = 0
            deviations(grad, x, shift[c * step], length, sums)
            first[c] += sums[0]
            second[c] += sums[1]
            x += length
            if grad is not NULL:
                grad += length


cdef void channels_deviations(
    const real* grad, const real* x, const real* shift, double* first, double* second,
    Py_ssize_t rows, Py_ssize_t channels, Py_ssize_t length, Py_ssize_t step,
) noexcept nogil:
    if grad is NULL:    # two loops, each without the question
        channel_sums(<const real*>NULL, x, shift, first, second, rows, channels, length, step)
    else:
        channel_sums(grad, x, shift, first, second, rows, channels, length, step)


cdef void channels_scale(
    const real* x, real* y, const real* shift, const real* scale, const real* offset,
    Py_ssize_t rows, Py_ssize_t channels, Py_ssize_t length,
) noexcept nogil:
    cdef Py_ssize_t r, c, i
    cdef real near, gain, rest
    for r in range(rows):
        if length == 1:
            for c in range(channels):
                y[c] = (x[c] - shift[c]) * scale[c] + offset[c]
        else:
            for c in range(channels):
                near, gain, rest = shift[c], scale[c], offset[c]
                for i in range(c * length, (c + 1) * length):
                    y[i] = (x[i] - near) * gain + rest
        x += channels * length
        y += channels * length


cdef void channels_grad(
    const real* grad, const real* x, real* dx, const real* shift, const real* scale,
    const real* slope, const real* constant,
    Py_ssize_t rows, Py_ssize_t channels, Py_ssize_t length,
) noexcept nogil:
    cdef Py_ssize_t r, c, i
    cdef real near, gain, tilt, rest
    for r in range(rows):
        if slope is NULL:
            for c in range(channels):
                gain = scale[c]
                for i in range(c * length, (c + 1) * length):
                    dx[i] = gain * grad[i]
        elif length == 1:
            for c in range(channels):
                dx[c] = scale[c] * grad[c] + (slope[c] * (x[c] - shift[c]) + constant[c])
        else:
            for c in range(channels):
                near, gain, tilt, rest = shift[c], scale[c], slope[c], constant[c]
                for i in range(c * length, (c + 1) * length):
                    dx[i] = gain * grad[i] + (tilt * (x[i] - near) + rest)
        grad += channels * length
        x += channels * length
        dx += channels * length


cdef inline double block_sum(
    const double* partial, Py_ssize_t blocks, Py_ssize_t step
) noexcept nogil:
    cdef Py_ssize_t i
    cdef double total = 0
    for i in range(blocks):
        total += partial[i * step]
    return total


cdef void channels_prepare(
    const double* partial, Py_ssize_t blocks, double count, const real* first, Py_ssize_t step,
    const real* weight, const real* bias, real* running_mean, real* running_var,
    long long* batches, const double* settings, Py_ssize_t channels,
    double* moments, real* shift, real* scale, real* offset,
) noexcept nogil:
    cdef double eps = settings[0], momentum = settings[1], mean, var, rate, gain, deviation
    cdef Py_ssize_t c
    if partial is not NULL and batches is not NULL:
        batches[0] += 1
        if momentum < 0:
            momentum = 1.0 / batches[0]
    for c in range(channels):
        if partial is not NULL:
            deviation = block_sum(partial + c, blocks, 2 * channels) / count
            mean = first[c * step] + deviation
            var = block_sum(partial + channels + c, blocks, 2 * channels) / count
            var = at_least(var - deviation * deviation, 0.0)
            if running_mean is not NULL:
                running_mean[c] = <real>((1 - momentum) * running_mean[c] + momentum * mean)
                running_var[c] = <real>(
                    (1 - momentum) * running_var[c] + momentum * var * (count / (count - 1)))
        elif running_mean is not NULL:
            mean = running_mean[c]
            var = running_var[c]
        else:
            mean = 0
            var = 1
        rate = 1 / sqrt(var + eps)
        gain = rate if weight is NULL else rate * weight[c]
        moments[c] = mean
        moments[channels + c] = rate
        shift[c] = <real>mean
        scale[c] = <real>gain
        offset[c] = <real>(
            (<double>shift[c] - mean) * gain + (<double>0 if bias is NULL else <double>bias[c]))


cdef void channels_grad_prepare(
    const double* partial, Py_ssize_t blocks, double count, const double* moments,
    const real* weight, const real* shift, real* dweight, real* dbias,
    real* slope, real* constant, Py_ssize_t channels,
) noexcept nogil:
    cdef double total, product, rate, gain, a
    cdef Py_ssize_t c
    for c in range(channels):
        rate = moments[channels + c]
        gain = rate if weight is NULL else rate * weight[c]
        total = block_sum(partial + c, blocks, 2 * channels)
        product = block_sum(partial + channels + c, blocks, 2 * channels)
        product -= (moments[c] - shift[c]) * total      # from sums about shift to those about mean
        if dweight is not NULL:
            dweight[c] = <real>(rate * product)
        if dbias is not NULL:
            dbias[c] = <real>total
        if count > 0:       # the statistics are this batch's
            a = -gain * rate * rate * product / count
            slope[c] = <real>a
            constant[c] = <real>(-gain * total / count - a * (moments[c] - shift[c]))


# Layer normalisation.

cdef void layer_norm_forward(
    const real* x, const real* weight, const real* bias, real* y, double* moments,
    Py_ssize_t rows, Py_ssize_t cols, double eps,
) noexcept nogil:
    cdef double sums[2]
    cdef double deviation, var
    cdef real shift, rate, offset
    cdef Py_ssize_t r, j
    for r in range(rows):
        shift = x[0]
        sums[0] = sums[1] = 0
        deviations(<const real*>NULL, x, shift, cols, sums)
        deviation = sums[0] / cols
        var = at_least(sums[1] / cols - deviation * deviation, 0.0)
        moments[0] = shift + deviation
        moments[1] = 1 / sqrt(var + eps)
        shift = <real>moments[0]
        rate = <real>moments[1]
        offset = <real>((shift - moments[0]) * moments[1])
        if weight is NULL:
            for j in range(cols):
                y[j] = (x[j] - shift) * rate + offset
        elif bias is NULL:
            for j in range(cols):
                y[j] = ((x[j] - shift) * rate + offset) * weight[j]
        else:
            for j in range(cols):
                y[j] = ((x[j] - shift) * rate + offset) * weight[j] + bias[j]
        x += cols
        y += cols
        moments += 2


cdef void layer_norm_backward(
    const real* grad, const real* x, const real* weight, const double* moments, real* dx,
    double* dweight, double* dbias, real* row, Py_ssize_t rows, Py_ssize_t cols,
) noexcept nogil:
    # With h = (x - mean) rate and g = grad weight: dx = rate (g - mean(g) - h mean(g h)).
    cdef double sums[2]
    cdef real shift, rate, slope, constant
    cdef const real* g
    cdef double a, mean
    cdef Py_ssize_t r, j
    for r in range(rows):
        g = grad
        if weight is not NULL:
            for j in range(cols):
                row[j] = grad[j] * weight[j]
            g = row
        mean = moments[0]
        shift = <real>mean
        rate = <real>moments[1]
        sums[0] = sums[1] = 0
        deviations(g, x, mean, cols, sums)
        a = -moments[1] * moments[1] * moments[1] * sums[1] / cols
        slope = <real>a
        constant = <real>(-moments[1] * sums[0] / cols - a * (mean - shift))
        if dx is not NULL:
            for j in range(cols):
                dx[j] = rate * g[j] + (slope * (x[j] - shift) + constant)
            dx += cols
        if dweight is not NULL:
            for j in range(cols):
                dweight[j] += grad[j] * ((x[j] - mean) * moments[1])
                dbias[j] += grad[j]
        grad += cols
        x += cols
        moments += 2


cdef void blocks_sum(
    const double* partial, real* sums, Py_ssize_t blocks, Py_ssize_t n, Py_ssize_t step
) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        sums[j] = <real>block_sum(partial + j, blocks, step)
