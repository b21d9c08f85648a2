"""The functions of "Deep Learning from Scratch" beside the book's formulas."""
# ruff: noqa: NPY002  (the book's scripts seed NumPy's global random numbers)

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastnn.compat.scratch import functions, gradient, util

NUMBERS = [0.5, np.float64(-2.0), np.array(1.5), np.array([1, -2, 0]), np.array([[0.5, -3.0]]),
           np.array([0.5, -1], np.float16), np.array([0.5, -1], np.float32)]  # fmt: skip


@pytest.mark.parametrize("x", NUMBERS, ids=repr)
@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("sigmoid", lambda x: 1 / (1 + np.exp(-x))),
        ("relu", lambda x: np.maximum(0, x)),
        ("sigmoid_grad", lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2),
        ("step_function", lambda x: np.where(x > 0, 1, 0)),
        ("identity_function", lambda x: x),
    ],
)
def test_functions_of_any_numbers(name, formula, x):
    agree(getattr(functions, name)(x), formula(x))


@pytest.mark.parametrize("x", [x for x in NUMBERS if np.ndim(x)], ids=repr)
def test_softmax_of_any_numbers(x):
    agree(functions.softmax(x), np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True))


def agree(result, expected):
    """A few operations, each rounded once."""
    result, expected = np.asarray(result), np.asarray(expected)
    assert result.shape == expected.shape
    assert result.dtype == expected.dtype
    eps = np.finfo(result.dtype).eps if result.dtype.kind == "f" else 0
    assert_allclose(result, expected, rtol=4 * eps, atol=4 * eps)


def test_relu_grad_is_one_at_zero():
    assert_array_equal(functions.relu_grad(np.array([-1.0, 0.0, 3.0])), [0, 1, 1])
    assert functions.relu_grad(np.array([1, -1], np.float32)).dtype == np.float32


def test_losses_of_one_sample():
    y, t = np.array([0.1, 0.7, 0.2]), np.array([0, 1, 0])
    agree(functions.cross_entropy_error(y, t), -np.log(0.7 + 1e-7))
    agree(functions.cross_entropy_error(y, np.array([1])), -np.log(0.7 + 1e-7))
    agree(functions.sum_squared_error(y, t), 0.5 * (0.01 + 0.09 + 0.04))


@pytest.mark.parametrize(("stride", "pad"), [(1, 0), (2, 1), (3, 2), (1, 4)])
@pytest.mark.usefixtures("quick_suite")
def test_images_as_matrices(rng, stride, pad):
    from benchmarks.swaps import _book as book

    x = rng.standard_normal((2, 3, 9, 8))
    col = util.im2col(x, 3, 2, stride, pad)
    assert_array_equal(col, book.im2col(x, 3, 2, stride, pad))
    assert_array_equal(
        util.col2im(col, x.shape, 3, 2, stride, pad), book.col2im(col, x.shape, 3, 2, stride, pad)
    )
    assert util.im2col(x.astype(np.float32), 3, 2).dtype == np.float64


def test_numerical_gradients():
    x = np.array([[1.0, -2.0], [0.5, 3.0]])
    before = x.copy()
    # Differences of a cubic are off by h^2 = 1e-8, and by rounding over 2 h.
    found = gradient.numerical_gradient(lambda a: np.sum(x**3), x)
    assert_allclose(found, 3 * x**2, rtol=0, atol=1e-7)
    assert_array_equal(x, before)
    rows = gradient.numerical_gradient_2d(lambda row: np.sum(row**3), x)
    assert_allclose(rows, 3 * x**2, rtol=0, atol=1e-7)
    vector = gradient.numerical_gradient_2d(lambda row: np.sum(row**3), x[0])
    assert_allclose(vector, 3 * x[0] ** 2, rtol=0, atol=1e-7)


def test_smooth_curve(rng):
    x, window = rng.random(30), np.kaiser(11, 2)
    around = np.concatenate([x[5:0:-1], x, x[-1:-6:-1]])  # reflected at both ends
    expected = [np.sum(around[i : i + 11] * window) / window.sum() for i in range(30)]
    assert_allclose(util.smooth_curve(list(x)), expected, rtol=1e-13)


def test_shuffle_is_numpys():
    x, t = np.arange(24.0).reshape(6, 1, 2, 2), np.arange(6)
    np.random.seed(5)
    ours = util.shuffle_dataset(x, t)
    np.random.seed(5)
    order = np.random.permutation(6)
    assert_array_equal(ours[0], x[order])
    assert_array_equal(ours[1], order)
    assert util.conv_output_size(28, 5, 2, 1) == 13.5
