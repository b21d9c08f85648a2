# Losses (loss_leaf): the weighted sum over rows and, in the same pass, its gradient.
#
# A row of weight 0 counts for nothing at all, whatever it holds: its loss may be infinite or
# NaN and still adds 0, and its gradient is 0. Masked rows need no clean values.


cdef inline real sign(real x) noexcept nogil:
    return <real>1 if x > 0 else (<real>-1 if x < 0 else x)  # 0 and NaN are their own sign


cdef inline real clip(real x, real limit) noexcept nogil:
    return limit if x > limit else (-limit if x < -limit else x)  # NaN goes through


cdef inline void fill(real* y, real value, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = value


cdef double softmax_cross_entropy(
    const real* pred,
    const long long* labels,     # IN (rows), or NULL and
    const real* probabilities,   # IN (rows, cols)
    const real* weight,
    real* grad,
    Py_ssize_t rows,
    Py_ssize_t cols,
    double scale,
    double smoothing,
    double largest,              # loss of a row that is told; 0: any
) noexcept nogil:
    # With t the target (one-hot or given), smoothed to (1 - smoothing) t + smoothing / cols:
    # loss = sum_j t_j (log sum_k exp(x_k) - x_j), d loss / dx = softmax(x) sum_j t_j - t.
    # A class of target 0 adds nothing to the loss even where its logit is -inf. A row whose label
    # is negative has weight 0.
    cdef real high[SLAB]
    cdef real tile[TILE]
    cdef double total[SLAB]
    cdef double mass[SLAB]    # sum_j t_j
    cdef double inner[SLAB]   # sum_j t_j (x_j - high)
    cdef double value[SLAB]   # the loss
    cdef double keep = 1 - smoothing, spread = smoothing / cols
    cdef double result = 0, w, factor, inverse, at_label
    cdef real share, base, part
    cdef Py_ssize_t first = 0, n, r, j, label = 0
    while first < rows:
        n = min(slab_rows(cols), rows - first)
        # All that needs the logits comes before exp_rows, which may write over them.
        for r in range(n):
            high[r] = row_max(pred, cols)
            if labels is not NULL:
                mass[r] = 1
                label = max(0, labels[first + r])
                inner[r] = keep * (<double>pred[label] - high[r])
            else:
                mass[r] = row_sum(probabilities + r * cols, cols)
                inner[r] = keep * row_dot(probabilities + r * cols, pred, cols, high[r], True)
                mass[r] = keep * mass[r] + smoothing
            if smoothing > 0:
                inner[r] += spread * (row_sum(pred, cols) - <double>cols * high[r])
            pred += cols
        exp_rows(
            pred - n * cols, high, &tile[0] if grad is NULL else grad, total, n, cols,
            grad is not NULL,
        )
        for r in range(n):
            value[r] = mass[r] * log_of_sum(total[r]) - inner[r]
            if largest > 0 and value[r] > largest:
                value[r] = largest
        for r in range(n):
            w = 1 if weight is NULL else weight[first + r]
            if labels is not NULL and labels[first + r] < 0:
                w = 0
            if w != 0:
                result += w * value[r]
            if grad is NULL:
                continue
            factor = scale * w
            inverse = 1 / total[r]
            share = <real>(factor * mass[r] * inverse)
            base = <real>(factor * spread)
            if w == 0:
                fill(grad, <real>0, cols)
            elif labels is not NULL:
                label = labels[first + r]
                # In double: where the right class is all but certain, this difference is
                # the whole gradient.
                at_label = grad[label] * inverse - keep - spread
                for j in range(cols):
                    grad[j] = grad[j] * share - base
                grad[label] = <real>(factor * at_label)
            else:
                part = <real>(factor * keep)
                for j in range(cols):
                    grad[j] = grad[j] * share - (probabilities[r * cols + j] * part + base)
            grad += cols
        if probabilities is not NULL:
            probabilities += n * cols
        first += n
    return result


cdef double softmax_cross_entropy_labels(
    const real* pred, const long long* target, const real* weight, real* grad,
    Py_ssize_t rows, Py_ssize_t cols, double scale, const double* params,
) noexcept nogil:
    # params: label_smoothing, the largest loss of a row that is told (0: any)
    return softmax_cross_entropy(
        pred, target, <const real*>NULL, weight, grad, rows, cols, scale, params[0], params[1]
    )


cdef double softmax_cross_entropy_probabilities(
    const real* pred, const real* target, const real* weight, real* grad,
    Py_ssize_t rows, Py_ssize_t cols, double scale, const double* params,
) noexcept nogil:
    # params: label_smoothing, the largest loss of a row that is told (0: any)
    return softmax_cross_entropy(
        pred, NULL, target, weight, grad, rows, cols, scale, params[0], params[1]
    )


# The losses below are means over the columns of a formula that takes one element at a time.
# Its value and its slope (the derivative by pred), over a tile:
ctypedef void (*formula)(
    const void* pred,      # IN  (n)
    const void* target,    # IN  (n)
    void* value,           # OUT (n)
    void* slope,           # OUT (n), may be pred
    Py_ssize_t n,
    const double* params,
) noexcept nogil


cdef double mean_over_columns(
    formula of,
    const real* pred, const real* target, const real* weight, real* grad,
    Py_ssize_t rows, Py_ssize_t cols, double scale, const double* params,
) noexcept nogil:
    cdef real value[TILE]
    cdef real spare[TILE]   # for the slopes that nobody asked for
    cdef double total[SLAB]
    cdef double result = 0, w
    cdef real factor
    cdef Py_ssize_t first = 0, start, width, n, parts, size, r, j
    cdef real* slope
    while first < rows:
        n = min(slab_rows(cols), rows - first)
        for r in range(n):
            total[r] = 0
        start = 0
        while start < cols:
            width = min(TILE, cols - start)
            slope = &spare[0] if grad is NULL else grad + start
            of(pred + start, target + start, value, slope, n * width, params)
            for r in range(n):
                total[r] += row_sum(value + r * width, width)
            # Without weights one factor serves the whole tile, however short its rows.
            parts = 1 if weight is NULL else n
            size = n * width // parts
            for r in range(parts if grad is not NULL else 0):
                factor = <real>(scale / cols * (1 if weight is NULL else weight[first + r]))
                if weight is not NULL and weight[first + r] == 0:
                    fill(slope, <real>0, size)
                for j in range(size):
                    slope[j] *= factor
                slope += size
            start += width
        for r in range(n):
            w = 1 if weight is NULL else weight[first + r]
            if w != 0:
                result += w * (total[r] / cols)
        pred += n * cols
        target += n * cols
        if grad is not NULL:
            grad += n * cols
        first += n
    return result


cdef void binary_cross_entropy_formula(
    const real* pred, const real* target, real* value, real* slope, Py_ssize_t n,
    const double* params,
) noexcept nogil:
    # -t log(sigmoid(x)) - (1 - t) log(1 - sigmoid(x)), from e = exp(-|x|), which can't overflow.
    # params: the largest value that is told (0: any); the slope knows none.
    cdef Py_ssize_t i
    cdef real x, t, e, tail, loss
    cdef real largest = <real>params[0] if params[0] > 0 else <real>INFINITY
    for i in range(n):
        x = pred[i]
        t = target[i]
        e = exp_nonpositive(-abs(x))
        tail = e / (1 + e)  # sigmoid(-|x|): what x lacks to a certain answer
        loss = (x if x > 0 else <real>0) - x * t + log1p_unit(e)
        value[i] = largest if loss > largest else loss
        slope[i] = (1 - t) - tail if x > 0 else tail - t


cdef void mse_formula(
    const real* pred, const real* target, real* value, real* slope, Py_ssize_t n,
    const double* params,
) noexcept nogil:
    cdef Py_ssize_t i
    cdef real d
    for i in range(n):
        d = pred[i] - target[i]
        value[i] = d * d
        slope[i] = 2 * d


cdef void l1_formula(
    const real* pred, const real* target, real* value, real* slope, Py_ssize_t n,
    const double* params,
) noexcept nogil:
    cdef Py_ssize_t i
    cdef real d
    for i in range(n):
        d = pred[i] - target[i]
        value[i] = abs(d)
        slope[i] = sign(d)


cdef void huber_formula(
    const real* pred, const real* target, real* value, real* slope, Py_ssize_t n,
    const double* params,
) noexcept nogil:
    # d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2): both are c (d - c / 2) with
    # c = clip(d, -delta, delta), which is the slope too.
    cdef Py_ssize_t i
    cdef real delta = <real>params[0], d, c
    for i in range(n):
        d = pred[i] - target[i]
        c = clip(d, delta)
        value[i] = c * (d - c / 2)
        slope[i] = c


cdef void hinge_formula(
    const real* pred, const real* target, real* value, real* slope, Py_ssize_t n,
    const double* params,
) noexcept nogil:
    # max(0, 1 - t x), t -1 or +1.
    cdef Py_ssize_t i
    cdef real t, short_of
    for i in range(n):
        t = target[i]
        short_of = 1 - t * pred[i]
        value[i] = <real>0 if short_of <= 0 else short_of
        slope[i] = <real>0 if short_of <= 0 else -t


cdef void squared_hinge_formula(
    const real* pred, const real* target, real* value, real* slope, Py_ssize_t n,
    const double* params,
) noexcept nogil:
    # max(0, 1 - t x)^2, t -1 or +1.
    cdef Py_ssize_t i
    cdef real t, short_of
    for i in range(n):
        t = target[i]
        short_of = 1 - t * pred[i]
        short_of = <real>0 if short_of <= 0 else short_of
        value[i] = short_of * short_of
        slope[i] = -2 * t * short_of


cdef double binary_cross_entropy_values(
    const real* pred, const real* target, const real* weight, real* grad,
    Py_ssize_t rows, Py_ssize_t cols, double scale, const double* params,
) noexcept nogil:
    return mean_over_columns(
        <formula>binary_cross_entropy_formula[real],
        pred, target, weight, grad, rows, cols, scale, params,
    )


cdef double mse_values(
    const real* pred, const real* target, const real* weight, real* grad,
    Py_ssize_t rows, Py_ssize_t cols, double scale, const double* params,
) noexcept nogil:
    return mean_over_columns(
        <formula>mse_formula[real], pred, target, weight, grad, rows, cols, scale, params
    )


cdef double l1_values(
    const real* pred, const real* target, const real* weight, real* grad,
    Py_ssize_t rows, Py_ssize_t cols, double scale, const double* params,
) noexcept nogil:
    return mean_over_columns(
        <formula>l1_formula[real], pred, target, weight, grad, rows, cols, scale, params
    )


cdef double huber_values(
    const real* pred, const real* target, const real* weight, real* grad,
    Py_ssize_t rows, Py_ssize_t cols, double scale, const double* params,
) noexcept nogil:
    # params: delta
    return mean_over_columns(
        <formula>huber_formula[real], pred, target, weight, grad, rows, cols, scale, params
    )


cdef double hinge_values(
    const real* pred, const real* target, const real* weight, real* grad,
    Py_ssize_t rows, Py_ssize_t cols, double scale, const double* params,
) noexcept nogil:
    return mean_over_columns(
        <formula>hinge_formula[real], pred, target, weight, grad, rows, cols, scale, params
    )


cdef double squared_hinge_values(
    const real* pred, const real* target, const real* weight, real* grad,
    Py_ssize_t rows, Py_ssize_t cols, double scale, const double* params,
) noexcept nogil:
    return mean_over_columns(
        <formula>squared_hinge_formula[real], pred, target, weight, grad, rows, cols, scale, params
    )
