"""The kernel leaves of rows, losses, optimizers and movement, called directly.

Every test runs on each instruction set that this CPU supports, in float32 and float64. The
references are plain NumPy formulas in long double, written here.
"""

import itertools

import numpy as np
import pytest
from leaf_calls import MODULES, leaf
from numpy.testing import assert_allclose, assert_array_equal

WIDE = np.longdouble
SIZES = [0, 1, 15, 16, 17, 31, 32, 33, 4099]
# Rows shorter than a vector, several tiles of them, about a vector, and longer than a tile.
SHAPES = [(0, 3), (1, 1), (130, 1), (3, 10), (131, 10), (5, 31), (4, 33), (3, 2500)]
NO_PARAMS = np.zeros(2)


@pytest.fixture(params=list(MODULES))
def variant(request):
    return request.param


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return np.dtype(request.param)


@pytest.fixture
def call(variant, dtype):
    return lambda name, *args: leaf(variant, name, dtype)(*args)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def close(actual, expected, dtype, ulps=32):
    """Within `ulps` units in the last place of `dtype`, of the largest element expected."""
    expected = np.asarray(expected)
    largest = float(np.abs(expected).max(initial=0))
    assert_allclose(
        np.asarray(actual, WIDE), expected, rtol=0, atol=ulps * np.finfo(dtype).eps * largest
    )


def test_every_variant_has_the_same_leaves():
    tables = [module.LEAVES.keys() for module in MODULES.values()]
    assert all(table == tables[0] for table in tables)
    names = {name for name, _ in tables[0]}
    assert tables[0] == set(itertools.product(names, ["float32", "float64"]))


# Rows ---------------------------------------------------------------------------------------


def log_softmax(x):
    x = x.astype(WIDE)
    x = x - x.max(axis=1, keepdims=True, initial=-np.inf)
    return x - np.log(np.exp(x).sum(axis=1, keepdims=True))


ROWS = {
    "softmax": (
        lambda x: np.exp(log_softmax(x)),
        lambda grad, y: y * (grad - (grad * y).sum(axis=1, keepdims=True)),
    ),
    "log_softmax": (
        log_softmax,
        lambda grad, y: grad - np.exp(y) * grad.sum(axis=1, keepdims=True),
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ROWS)
def test_rows_against_numpy(call, dtype, rng, name, shape):
    forward, backward = ROWS[name]
    x = (3 * rng.standard_normal(shape)).astype(dtype)
    y = np.empty_like(x)
    call(f"{name}.forward", x, y, *shape)
    close(y, forward(x), dtype)
    grad = rng.standard_normal(shape).astype(dtype)
    dx = np.empty_like(x)
    call(f"{name}.backward", grad, y, dx, *shape)
    # log_softmax subtracts a sum of as many terms as there are columns.
    close(dx, backward(grad.astype(WIDE), y.astype(WIDE)), dtype)

    in_place = x.copy()
    call(f"{name}.forward", in_place, in_place, *shape)
    assert_array_equal(in_place, y)
    over_grad, over_y = grad.copy(), y.copy()
    call(f"{name}.backward", over_grad, y, over_grad, *shape)
    call(f"{name}.backward", grad, over_y, over_y, *shape)
    assert_array_equal(over_grad, dx)
    assert_array_equal(over_y, dx)


@pytest.mark.parametrize("cols", [10, 33, 2500])
@pytest.mark.parametrize("name", ROWS)
def test_a_row_is_the_same_bits_in_any_company(call, dtype, rng, name, cols):
    x = rng.standard_normal((70, cols)).astype(dtype)
    grad = rng.standard_normal((70, cols)).astype(dtype)
    whole, parts = np.empty((2, 70, cols), dtype), np.empty((2, 70, cols), dtype)
    call(f"{name}.forward", x, whole[0], 70, cols)
    call(f"{name}.backward", grad, whole[0], whole[1], 70, cols)
    for rows in (slice(0, 1), slice(1, 18), slice(18, 70)):
        n = rows.stop - rows.start
        call(f"{name}.forward", x[rows], parts[0, rows], n, cols)
        call(f"{name}.backward", grad[rows], parts[0, rows], parts[1, rows], n, cols)
    assert_array_equal(parts, whole)


@pytest.mark.parametrize("cols", [10, 40, 2500])
def test_softmax_extremes(call, dtype, cols):
    x = np.zeros((4, cols), dtype)
    x[0, ::2], x[0, 1::2] = 1e4, -1e4
    x[1] = -np.inf
    x[1, 3] = -1e4
    x[2, 5] = np.nan
    y, log_y = np.empty_like(x), np.empty_like(x)
    call("softmax.forward", x, y, 4, cols)
    call("log_softmax.forward", x, log_y, 4, cols)
    assert_array_equal(y[0], np.where(x[0] > 0, dtype.type(1) / dtype.type(cols // 2), 0))
    close(log_y[0], np.where(x[0] > 0, 0, -2e4) - np.log(WIDE(cols // 2)), dtype)
    assert_array_equal(y[1], np.arange(cols) == 3)
    assert_array_equal(log_y[1], np.where(np.arange(cols) == 3, 0, -np.inf))
    assert np.isnan(y[2]).all()  # NaN spoils its own row
    assert_array_equal(y[3], dtype.type(1) / dtype.type(cols))  # and no other


def test_softmax_of_a_million_columns(call, dtype, rng):
    x = rng.standard_normal((1, 1_000_000)).astype(dtype)
    y = np.empty_like(x)
    call("softmax.forward", x, y, *x.shape)
    assert_allclose(y, np.exp(log_softmax(x)), rtol=16 * np.finfo(dtype).eps)
    assert abs(y.sum(dtype=WIDE) - 1) < np.finfo(dtype).eps


# Losses -------------------------------------------------------------------------------------


def cross_entropy(pred, target, smoothing):
    if target.ndim == 1:
        target = np.eye(pred.shape[1], dtype=WIDE)[target]
    target = (1 - smoothing) * target + smoothing / WIDE(pred.shape[1])
    return -(target * log_softmax(pred)).sum(axis=1)


def huber(d, delta):
    return np.where(abs(d) <= delta, d**2 / 2, delta * (abs(d) - delta / 2))


def labels(rng, rows, cols, dtype):
    return rng.integers(0, cols, rows)


def shares(rng, rows, cols, dtype):
    return (rng.integers(0, 4, (rows, cols)) / 8).astype(dtype)  # many 0, sums other than 1


def numbers(rng, rows, cols, dtype):
    return (rng.integers(-4, 5, (rows, cols)) / 2).astype(dtype)


def bits(rng, rows, cols, dtype):
    return rng.integers(0, 2, (rows, cols)).astype(dtype)


def signs(rng, rows, cols, dtype):
    return 2 * bits(rng, rows, cols, dtype) - 1


LOSSES = {  # leaf, its parameter, loss of each row, targets
    "ce": ("softmax_cross_entropy.labels", 0.0, cross_entropy, labels),
    "ce smooth": ("softmax_cross_entropy.labels", 0.1, cross_entropy, labels),
    "soft ce": ("softmax_cross_entropy.probabilities", 0.0, cross_entropy, shares),
    "soft ce smooth": ("softmax_cross_entropy.probabilities", 0.1, cross_entropy, shares),
    "bce": (
        "binary_cross_entropy_with_logits.values",
        0.0,
        lambda x, t, _: (t * np.log1p(np.exp(-x)) + (1 - t) * np.log1p(np.exp(x))).mean(axis=1),
        bits,
    ),
    "mse": ("mse.values", 0.0, lambda x, t, _: ((x - t) ** 2).mean(axis=1), numbers),
    "l1": ("l1.values", 0.0, lambda x, t, _: abs(x - t).mean(axis=1), numbers),
    "huber": (
        "huber.values",
        0.8,
        lambda x, t, delta: huber(x - t, delta).mean(axis=1),
        numbers,
    ),
    "hinge": (
        "hinge.values",
        0.0,
        lambda x, t, _: np.maximum(0, 1 - t * x).mean(axis=1),
        signs,
    ),
    "squared hinge": (
        "squared_hinge.values",
        0.0,
        lambda x, t, _: (np.maximum(0, 1 - t * x) ** 2).mean(axis=1),
        signs,
    ),
}
LOSS_SHAPES = [(1, 1), (131, 1), (3, 10), (131, 10), (5, 31), (4, 33), (3, 2500)]


def predictions(rng, shape, dtype):
    # Of either sign and well away from the kinks of the losses above.
    return (rng.integers(-12, 13, shape) / 4 + 0.1).astype(dtype)


@pytest.mark.parametrize("shape", LOSS_SHAPES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_loss_and_gradient(call, dtype, rng, name, weighted, shape):
    kernel, param, reference, targets = LOSSES[name]
    params = np.array([param, 0.0])
    pred, target = predictions(rng, shape, dtype), targets(rng, *shape, dtype)
    weight = rng.integers(0, 5, shape[0]).astype(dtype) / 4 if weighted else None
    grad = np.empty_like(pred)
    loss = call(kernel, pred, target, weight, grad, *shape, 0.75, params)

    wide = pred.astype(WIDE)
    w = np.ones(shape[0], WIDE) if weight is None else weight.astype(WIDE)

    def row_losses(x):
        return w * reference(x, target, param)

    close(loss, row_losses(wide).sum(), dtype)
    # Each row's derivative along a random direction, by fourth-order central differences.
    direction, h = rng.standard_normal(shape).astype(WIDE), WIDE(1e-3)
    along = {k: row_losses(wide + k * h * direction) for k in (-2, -1, 1, 2)}
    slope = (8 * (along[1] - along[-1]) - (along[2] - along[-2])) / (12 * h)
    # The error of the differences is of order h^4.
    assert_allclose(
        (grad * direction).sum(axis=1),
        0.75 * slope,
        rtol=0,
        atol=max(1e-10, 16 * float(np.finfo(dtype).eps)) * max(1, float(abs(direction).max())),
    )

    # The loss alone, and the gradient over the predictions, are the same bits.
    assert call(kernel, pred, target, weight, None, *shape, 0.75, params) == loss
    assert call(kernel, pred, target, weight, pred, *shape, 0.75, params) == loss
    assert_array_equal(pred, grad)


@pytest.mark.parametrize("cols", [1, 10, 2500])
@pytest.mark.parametrize("name", LOSSES)
def test_loss_of_parts(call, dtype, rng, name, cols):
    kernel, param, _, targets = LOSSES[name]
    params = np.array([param, 0.0])
    pred, target = predictions(rng, (70, cols), dtype), targets(rng, 70, cols, dtype)
    grad, parts = np.empty_like(pred), np.empty_like(pred)
    loss = call(kernel, pred, target, None, grad, 70, cols, 1.0, params)
    total = 0.0
    for cut in (slice(0, 1), slice(1, 18), slice(18, 70)):
        n = cut.stop - cut.start
        total += call(kernel, pred[cut], target[cut], None, parts[cut], n, cols, 1.0, params)
    assert_array_equal(parts, grad)
    assert_allclose(total, loss, rtol=1e-14)


@pytest.mark.parametrize(
    ("kernel", "labelled", "before"),
    [
        ("softmax_cross_entropy.labels", True, [0.0]),
        ("binary_cross_entropy_with_logits.values", False, []),
    ],
)
def test_the_largest_loss_that_is_told_changes_no_gradient(call, dtype, kernel, labelled, before):
    # Logits of +-40 are wrong by 40 or 80, and by next to nothing.
    pred = np.array([[40, -40], [40, -40], [1, 0]], dtype)
    target = np.array([0, 1, 1]) if labelled else np.array([[1, 0], [0, 1], [0, 1]], dtype)
    told, grads = [], []
    for largest in (0.0, 3.0):
        params, grad = np.array([*before, largest]), np.empty_like(pred)
        told.append(call(kernel, pred, target, None, grad, 3, 2, 1.0, params))
        grads.append(grad)
    last = np.log1p(np.e) if labelled else (np.log1p(np.e) + np.log(2)) / 2
    wrong = 80 if labelled else 40
    assert_allclose(told, [wrong + last, 3 + last], rtol=1e-6)
    assert_array_equal(*grads)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", LOSSES)
def test_weight_0_hides_any_row(call, dtype, rng, name, bad):
    kernel, param, _, targets = LOSSES[name]
    params = np.array([param, 0.0])
    pred, target = predictions(rng, (3, 10), dtype), targets(rng, 3, 10, dtype)
    clean = np.empty_like(pred)
    weight = np.array([1, 0, 2], dtype)
    expected = call(kernel, pred, target, weight, clean, 3, 10, 1.0, params)
    pred[1] = bad
    grad = np.empty_like(pred)
    assert call(kernel, pred, target, weight, grad, 3, 10, 1.0, params) == expected
    assert_array_equal(grad, clean)
    assert_array_equal(grad[1], 0)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_let_nan_through(call, dtype, rng, name):
    kernel, param, _, targets = LOSSES[name]
    pred, target = predictions(rng, (3, 10), dtype), targets(rng, 3, 10, dtype)
    pred[1, 4] = np.nan
    grad = np.empty_like(pred)
    assert np.isnan(call(kernel, pred, target, None, grad, 3, 10, 1.0, np.array([param, 0.0])))
    assert np.isfinite(grad[[0, 2]]).all()


def test_cross_entropy_extremes(call, dtype):
    x = np.array([[1e4, -1e4, 0], [1e4, -1e4, 0], [0, -np.inf, 0], [0, -np.inf, 0]], dtype)
    target = np.array([0, 1, 0, 1])

    def losses(kernel, target):
        grad = np.empty_like(x)
        return [
            call(kernel, x[r], target[r : r + 1], None, grad[r], 1, 3, 1.0, NO_PARAMS)
            for r in range(4)
        ], grad

    loss, grad = losses("softmax_cross_entropy.labels", target)
    assert loss == [0, 2e4, pytest.approx(np.log(2), rel=1e-7), np.inf]
    assert_array_equal(grad, [[0, 0, 0], [1, -1, 0], [-0.5, 0, 0.5], [0.5, -1, 0.5]])
    soft_loss, soft_grad = losses(
        "softmax_cross_entropy.probabilities", np.eye(3, dtype=dtype)[target]
    )
    assert soft_loss == loss
    assert_array_equal(soft_grad, grad)


def test_cross_entropy_of_a_near_certain_class(call, dtype):
    # The gradient is the other classes' share, far below the rounding of a probability near 1.
    x, grad = np.array([[15, 0, 0]], dtype), np.empty((1, 3), dtype)
    call("softmax_cross_entropy.labels", x, np.array([0]), None, grad, 1, 3, 1.0, NO_PARAMS)
    others = 2 * np.exp(-15.0)
    assert_allclose(grad[0, 0], -others / (1 + others), rtol=8 * np.finfo(dtype).eps + 1e-9)


def test_binary_cross_entropy_extremes(call, dtype):
    x = np.array([[1e4], [1e4], [-1e4], [-1e4], [0]], dtype)
    target = np.array([[1], [0], [1], [0], [1]], dtype)
    grad = np.empty_like(x)
    loss = call(
        "binary_cross_entropy_with_logits.values", x, target, None, grad, 5, 1, 1.0, NO_PARAMS
    )
    assert_allclose(loss, 2e4 + np.log(2), rtol=np.finfo(dtype).eps)
    assert_array_equal(grad[:, 0], [0, 1, -1, 0, -0.5])


# Optimizers ---------------------------------------------------------------------------------


def sgd(p, g, s, step, lr, momentum, nesterov, weight_decay):
    g = g + weight_decay * p
    s[0] = momentum * s[0] + g
    return p - lr * (g + momentum * s[0] if nesterov else s[0])


def adagrad(p, g, s, step, lr, eps, weight_decay):
    g = g + weight_decay * p
    s[0] = s[0] + g**2
    return p - lr * g / (np.sqrt(s[0]) + eps)


def rmsprop(p, g, s, step, lr, alpha, eps, momentum, nesterov, weight_decay):
    g = g + weight_decay * p
    s[0] = alpha * s[0] + (1 - alpha) * g**2
    g = g / (np.sqrt(s[0]) + eps)
    s[1] = momentum * s[1] + g
    return p - lr * (g + momentum * s[1] if nesterov else s[1])


def adam(p, g, s, step, lr, beta1, beta2, eps, weight_decay, decoupled, eps_hat, behind):
    if decoupled:
        p = p * (1 - lr * weight_decay)
    else:
        g = g + weight_decay * p
    s[0] = beta1 * s[0] + (1 - beta1) * g
    s[1] = beta2 * s[1] + (1 - beta2) * g**2
    unbias = np.sqrt(1 - WIDE(beta2) ** step)
    denominator = (np.sqrt(s[1]) + eps) / unbias if eps_hat else np.sqrt(s[1]) / unbias + eps
    return p - lr / (1 - WIDE(beta1) ** step) * s[0] / denominator


OPTIMIZERS = [  # name, reference, how many states the leaf keeps, lr, config
    ("sgd", sgd, 0, 0.01, [0, 0, 0]),
    ("sgd", sgd, 0, 0.01, [0, 0, 0.1]),
    ("sgd", sgd, 1, 0.01, [0.9, 0, 0.1]),
    ("sgd", sgd, 1, 0.01, [0.9, 1, 0.1]),
    ("adagrad", adagrad, 1, 0.01, [1e-10, 0]),
    ("adagrad", adagrad, 1, 0.01, [1e-10, 0.1]),
    ("rmsprop", rmsprop, 1, 0.001, [0.99, 1e-8, 0, 0, 0]),
    ("rmsprop", rmsprop, 2, 0.001, [0.99, 1e-8, 0.9, 0, 0.1]),
    ("rmsprop", rmsprop, 2, 0.001, [0.99, 1e-8, 0.9, 1, 0.1]),
    ("adam", adam, 2, 0.001, [0.9, 0.999, 1e-8, 0, 0, 0, 0]),
    ("adam", adam, 2, 0.001, [0.9, 0.999, 1e-8, 0.1, 0, 0, 0]),
    ("adam", adam, 2, 0.001, [0.9, 0.999, 1e-8, 0.1, 1, 0, 0]),
    ("adam", adam, 2, 0.001, [0, 0.9, 1e-3, 0, 0, 0, 0]),
    ("adam", adam, 2, 0.001, [0.9, 0.999, 1e-2, 0, 0, 1, 0]),
]
optimizers = pytest.mark.parametrize(
    ("name", "reference", "kept", "lr", "config"),
    OPTIMIZERS,
    ids=[f"{name}{config}" for name, *_, config in OPTIMIZERS],
)


def step_of(call, name, config, lr, step, param, grad, states):
    hyper = np.full(16, np.nan)
    call(f"{name}.prepare", np.array(config, float), lr, float(step), hyper)
    call(f"{name}.update", param, grad, *states, len(param), hyper)


@optimizers
def test_a_thousand_steps(call, dtype, rng, name, reference, kept, lr, config):
    param = rng.standard_normal(37).astype(dtype)
    states = [np.zeros(37, dtype) if k < kept else None for k in range(2)]
    expected, wide_states = param.astype(WIDE), [WIDE(0), WIDE(0)]
    for step in range(1, 1001):
        grad = (rng.standard_normal(37) + 0.2).astype(dtype)
        step_of(call, name, config, lr, step, param, grad, states)
        expected = reference(expected, grad.astype(WIDE), wide_states, step, lr, *config)
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    assert_allclose(param, expected, rtol=tolerance, atol=tolerance)
    assert np.abs(expected).max() > 0.1  # or the tolerance would mean nothing


@optimizers
@pytest.mark.parametrize("n", SIZES)
def test_a_step_in_parts(call, dtype, rng, name, reference, kept, lr, config, n):
    arrays = [rng.random(n).astype(dtype) if k < 2 + kept else None for k in range(4)]
    parts = [None if a is None else a.copy() for a in arrays]
    step_of(call, name, config, lr, 3, arrays[0], arrays[1], arrays[2:])
    for start, stop in itertools.pairwise(sorted({0, min(1, n), n // 3, n})):
        cut = [None if a is None else a[start:stop] for a in parts]
        step_of(call, name, config, lr, 3, cut[0], cut[1], cut[2:])
    for whole, cut in zip(arrays[: 2 + kept], parts, strict=False):
        assert_array_equal(cut, whole)


@pytest.mark.parametrize("step", [1, 2, 10, 1000, 10**7])
def test_adam_bias_correction_keeps_its_digits(variant, step):
    config = [0.9, 0.99999, 0.0, 0.0, 0, 0, 0]
    values = [np.array([v]) for v in (0.5, 0.25, 0.125, 0.0625)]
    states = [WIDE(0.125), WIDE(0.0625)]
    expected = adam(WIDE(0.5), WIDE(0.25), states, step, 1.0, *config)

    def call(name, *args):
        return leaf(variant, name, "float64")(*args)

    step_of(call, "adam", config, 1.0, step, values[0], values[1], values[2:])
    assert_allclose(values[0][0] - 0.5, float(expected - WIDE(0.5)), rtol=1e-14)


# Movement -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [*SHAPES, (3, 0), (40, 1100)])
def test_bias_and_column_sums_with_a_row_stride(call, dtype, rng, shape):
    rows, cols = shape
    y = rng.standard_normal((rows, cols + 3)).astype(dtype)
    before, bias = y.copy(), rng.standard_normal(cols).astype(dtype)
    sums = np.empty(cols, dtype)
    call("columns.sum", y, sums, rows, cols, cols + 3)
    # In double and rounded once; float64 itself sums in order.
    exact = before[:, :cols].astype(WIDE).sum(axis=0)
    assert_allclose(sums, exact, rtol=np.finfo(dtype).eps, atol=1e-14 * rows)
    call("bias.add", y, bias, rows, cols, cols + 3)
    before[:, :cols] += bias
    assert_array_equal(y, before)


@pytest.mark.parametrize("n", SIZES)
def test_regularize(call, dtype, rng, n):
    param, grad = rng.integers(-4, 5, n).astype(dtype), rng.integers(-9, 10, n).astype(dtype)
    for l1, l2, limit in [(0, 0, np.inf), (0.5, 0, np.inf), (0.5, 0.25, np.inf), (0.5, 0.25, 3)]:
        expected = np.clip(grad + l1 * np.sign(param) + l2 * param, -limit, limit)
        actual = grad.copy()
        call("regularize.apply", param, actual, n, l1, l2, limit)
        assert_array_equal(actual, expected)  # small multiples of 1/4 are exact
    if n:
        grad[0] = np.nan
        call("regularize.apply", param, grad, n, 0.5, 0.25, 3)
        assert np.isnan(grad[0])


@pytest.mark.parametrize("n", SIZES)
def test_scale_and_squares(call, dtype, rng, n):
    x = rng.standard_normal(n).astype(dtype)
    y = np.empty_like(x)
    call("scale.apply", x, y, n, 0.1)
    assert_array_equal(y, x * dtype.type(0.1))
    assert_allclose(call("squares.sum", x, n), (x.astype(WIDE) ** 2).sum(), rtol=1e-14)
    call("scale.apply", x, x, n, 0.1)
    assert_array_equal(x, y)


def test_squares_do_not_overflow_float32(variant):
    x = np.full(40, 1e30, np.float32)
    assert_allclose(leaf(variant, "squares.sum", "float32")(x, 40), 4e61, rtol=1e-6)


@pytest.mark.parametrize("stored", ["float32", "float64", "uint8"])
@pytest.mark.parametrize("cols", [1, 17, 100])
def test_gather(call, dtype, rng, stored, cols):
    table = rng.integers(0, 200, (50, cols + 2)).astype(stored)
    x, index = table[:, :cols], rng.integers(0, 50, 23)
    y = np.empty((23, cols), dtype)
    for scale in (1.0, 0.5):
        call(f"gather.{stored}", x, index, y, 23, cols, table.strides[0], scale)
        assert_array_equal(y, scale * x[index])
        call(f"gather.{stored}", x, None, y, 23, cols, table.strides[0], scale)
        assert_array_equal(y, scale * x[:23])
    call(f"gather.{stored}", x, index, y, 23, cols, table.strides[0], 1 / 255)
    close(y, x[index].astype(WIDE) / 255, dtype, ulps=2)


def test_gather_labels(call, rng):
    table = rng.integers(-(2**62), 2**62, (50, 3))
    index = rng.integers(0, 50, 23)
    y = np.empty((23, 2), np.int64)
    call("gather.int64", table, index, y, 23, 2, table.strides[0], 1.0)
    assert_array_equal(y, table[index, :2])
    call("gather.int64", table, None, y, 23, 2, table.strides[0], 1.0)
    assert_array_equal(y, table[:23, :2])


# Dropout ------------------------------------------------------------------------------------


def mask(variant, n, first, key, p, dtype="float32"):
    y = np.empty(n, dtype)
    leaf(variant, "dropout.apply", dtype)(np.ones(n, dtype), y, n, first, key, p)
    return y


def test_dropout_scales_and_keeps(call, dtype, rng):
    x = rng.standard_normal(1000).astype(dtype)
    y = np.empty_like(x)
    call("dropout.apply", x, y, 1000, 0, 5, 0.25)
    assert_array_equal(y[y != 0], (x * dtype.type(1 / 0.75))[y != 0])
    call("dropout.apply", x, y, 1000, 0, 5, 0.0)
    assert_array_equal(y, x)
    call("dropout.apply", np.full(1000, np.inf, dtype), y, 1000, 0, 5, 1.0)
    assert_array_equal(y, 0)
    call("dropout.apply", x, y, 1000, 0, 5, 0.25)
    call("dropout.apply", x, x, 1000, 0, 5, 0.25)
    assert_array_equal(x, y)


@pytest.mark.parametrize("first", [0, 12345, 2**32 - 1000, 2**33 - 1])
def test_dropout_depends_on_key_and_position_alone(variant, first):
    n = 4099
    whole = mask("baseline", n, first, 2**63 + 9, 0.3)
    assert_array_equal(mask(variant, n, first, 2**63 + 9, 0.3, "float64") != 0, whole != 0)
    parts = [
        mask(variant, b - a, first + a, 2**63 + 9, 0.3)
        for a, b in itertools.pairwise([0, 1, 17, 1000, 1001, n])
    ]
    assert_array_equal(np.concatenate(parts), whole)


def correlation(a, b):
    return float(np.corrcoef(a, b)[0, 1])


def test_dropout_noise_is_noise():
    # Bounds are 5 standard deviations of ideal noise; keys and positions that differ in few
    # bits are what a poor mixer would betray.
    n, variant = 1 << 20, list(MODULES)[-1]
    keys = [0, 1, 2, 1 << 31, 1 << 32, 1 << 63, 0xDEADBEEF]
    for p in (0.01, 0.1, 0.5, 0.9):
        dropped = mask(variant, n, 0, 1, p) == 0
        assert abs(dropped.mean() - p) < 5 * np.sqrt(p * (1 - p) / n)
    noise = {key: mask(variant, n, 0, key, 0.5) != 0 for key in keys}
    noise["next 2**32"] = mask(variant, n, 2**32, 0, 0.5) != 0
    bound = 5 / np.sqrt(n)
    for a, b in itertools.combinations(noise.values(), 2):
        assert abs(correlation(a, b)) < bound
    for a in noise.values():
        for lag in [1, 2, 3, 4, 8, 10, 16, 32, 100, 128, 256, 784, 1024, 4096]:
            assert abs(correlation(a[lag:], a[:-lag])) < bound
        # Chi-square of 16-bit words: 65535 degrees of freedom, deviation sqrt(2 * 65535).
        counts = np.bincount(np.packbits(a).view(np.uint16), minlength=65536)
        chi2 = ((counts - n / 16 / 65536) ** 2).sum() / (n / 16 / 65536)
        assert abs(chi2 - 65535) < 5 * np.sqrt(2 * 65535)
