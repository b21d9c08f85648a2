"""A matrix product at once, as Python calls it: what it gives, and what it refuses.

It multiplies small whole numbers: every sum is then exact, whatever its order.
"""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fastnn._dispatch import pair
from fastnn._engine import run_product

# Around tiles and vectors, and large enough to be divided among threads in each way.
SHAPES = [*itertools.product([1, 5, 33], [1, 17, 40], [1, 16, 50]), (300, 40, 70), (40, 300, 260)]
WAYS = [(False, False), (True, False), (False, True)]


def multiply(a, b, c, way, bias=None, slab=8):
    leaves = pair("product.transposed" if way[1] else "product")
    return run_product(leaves, pair("bias.add"), a, b, c, bias, *way, slab)


def factors(rng, dtype, shape, way):
    """Two factors, as they lie in memory, and their product."""
    m, n, k = shape
    a, b = (rng.integers(-8, 9, of).astype(dtype) for of in ((m, k), (k, n)))
    lying = [x.T.copy() if transposed else x for x, transposed in zip((a, b), way, strict=True)]
    return *lying, a.astype(np.float64) @ b


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", SHAPES)
def test_products(variant, threads, rng, dtype, shape, way):
    a, b, expected = factors(rng, dtype, shape, way)
    c = np.full(expected.shape, np.nan, dtype)
    assert multiply(a, b, c, way)
    assert_array_equal(c, expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_bias(threads, rng, dtype, shape):
    a, b, expected = factors(rng, dtype, shape, (False, True))
    bias = rng.integers(-8, 9, shape[1]).astype(dtype)
    c = np.full(expected.shape, np.nan, dtype)
    assert multiply(a, b, c, (False, True), bias)
    assert_array_equal(c, expected + bias)


@pytest.mark.parametrize("way", WAYS)
def test_the_same_bits_for_any_number_of_threads(rng, dtype, way):
    import fastnn

    m, n, k = 70, 130, 90
    a = rng.standard_normal((k, m) if way[0] else (m, k)).astype(dtype)
    b = rng.standard_normal((n, k) if way[1] else (k, n)).astype(dtype)
    before, results = fastnn.get_num_threads(), []
    for threads in (1, 2):
        fastnn.set_num_threads(threads)
        c = np.empty((m, n), dtype)
        assert multiply(a, b, c, way)
        results.append(c)
    fastnn.set_num_threads(before)
    assert_array_equal(*results)


def _refused(rng, dtype):
    a, b, c = (np.ones(of, dtype) for of in ((4, 6), (6, 5), (4, 5)))
    square = np.ones((6, 6), dtype)
    other = np.float32 if dtype == np.float64 else np.float64
    yield "a vector", (a[0], b, c)
    yield "shapes that don't fit", (a, b[:5], c)
    yield "a result of another shape", (a, b, np.ones((4, 6), dtype))
    yield "nothing", (a[:0], b, c[:0])
    yield "sums of nothing", (np.ones((4, 0), dtype), np.ones((0, 5), dtype), c)
    yield "two dtypes", (a, b.astype(other), c)
    yield "integers", (a.astype(np.int32), b.astype(np.int32), c.astype(np.int32))
    yield "strides", (np.ones((4, 12), dtype)[:, ::2], b, c)
    yield "columns first", (a, np.asfortranarray(b), c)
    yield "a list", (a.tolist(), b, c)
    yield "a result that is a factor", (square, square.copy(), square)
    unwriteable = c.copy()
    unwriteable.flags.writeable = False
    yield "a result that is read only", (a, b, unwriteable)


@pytest.mark.parametrize("at", range(12))
def test_the_rest_is_refused_and_nothing_is_done(rng, dtype, at):
    _, (a, b, c) = list(_refused(rng, dtype))[at]
    before = c.copy()
    assert not multiply(a, b, c, (False, False))
    assert_array_equal(c, before)


def test_both_factors_transposed_are_refused(dtype):
    a, c = np.ones((4, 4), dtype), np.zeros((4, 4), dtype)
    assert not multiply(a, a.copy(), c, (True, True))
    assert not c.any()


@pytest.mark.parametrize("bias", [np.ones(4), np.ones((1, 5)), np.ones(5, np.int64)])
def test_a_bias_that_does_not_fit_is_refused(bias):
    c = np.zeros((4, 5))
    assert not multiply(np.ones((4, 6)), np.ones((5, 6)), c, (False, True), bias)
    assert not c.any()
