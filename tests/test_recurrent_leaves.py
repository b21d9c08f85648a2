"""Kernel leaves of recurrent layers and embeddings, called directly, on each instruction set."""

import numpy as np
import pytest
from leaf_calls import MODULES, leaf
from numpy.testing import assert_allclose, assert_array_equal

from fastnn import reference

# Units: less than a vector, about one, and more than a tile.
UNITS = [1, 7, 16, 33, 128, 300]
# Cell: gates, elements kept for backward a unit, and the formulas.
CELLS = {
    "rnn_tanh": (1, 0, reference.rnn_cell, reference.rnn_cell_backward),
    "rnn_relu": (
        1,
        0,
        lambda *args: reference.rnn_cell(*args, activation=lambda z: np.maximum(z, 0)),
        lambda *args: reference.rnn_cell_backward(*args, slope=lambda y: y > 0),
    ),
    "lstm": (4, 2, reference.lstm_cell, reference.lstm_cell_backward),
    "gru": (3, 1, reference.gru_cell, reference.gru_cell_backward),
}


@pytest.fixture(params=list(MODULES))
def call(request, dtype):
    return lambda name, *args: leaf(request.param, name, dtype)(*args)


@pytest.mark.parametrize("n", UNITS)
@pytest.mark.parametrize("name", CELLS)
def test_cells_equal_the_formulas(call, dtype, rng, name, n):
    count, kept_units, forward, backward = CELLS[name]
    gates, recurrent = (2 * rng.standard_normal((2, count * n))).astype(dtype)
    bias = rng.standard_normal(count * n).astype(dtype)
    h, c, dh, dc = rng.standard_normal((4, n)).astype(dtype)
    kept = np.full(kept_units * n + 1, 7, dtype)

    # A formula multiplies weights itself: by ones they are the sums.
    wide = [a.astype(np.longdouble)[None] for a in (gates, recurrent, h, c, dh, dc)]
    identity = np.eye(count * n, dtype=np.longdouble)
    shift = recurrent - wide[2][0] @ np.ones((n, count * n))  # what W_hh h = h 1 lacks
    weights = (identity, np.ones((count * n, n)), 0, shift + bias)
    new_h, new_c, saved = forward(wide[0], wide[2], wide[3], weights)
    outer, inner, left, carried = backward(wide[4], wide[5], saved)

    before = h.copy()
    call(f"cell.{name}.forward", gates, recurrent, bias, h, c, kept, n)
    near = {"rtol": 0, "atol": 20 * np.finfo(dtype).eps}
    assert_allclose(h, new_h[0], **near)
    assert_allclose(c, new_c[0], **near)
    assert kept[-1] == 7  # beyond its end
    call(f"cell.{name}.backward", gates, recurrent, kept, before, dh, dc, n)
    near["atol"] *= 4
    assert_allclose(gates, outer[0], **near)
    assert_allclose(recurrent, inner[0], **near)
    assert_allclose(dh, left[0], **near)
    assert_allclose(dc, carried[0], **near)


@pytest.mark.parametrize("name", CELLS)
def test_extremes_saturate_and_nan_comes_through(call, dtype, name):
    count, kept_units, _, _ = CELLS[name]
    n = 40
    for value in (-1e30, 1e30, np.inf, -np.inf):
        gates = np.full(count * n, value, dtype)
        zeros = np.zeros(count * n, dtype)
        h, c, kept = np.ones(n, dtype), np.ones(n, dtype), np.zeros(kept_units * n, dtype)
        call(f"cell.{name}.forward", gates, zeros, zeros, h, c, kept, n)
        bounded = h if name != "rnn_relu" else h[:0]
        assert (np.abs(bounded) <= 1).all()
    gates = np.zeros(count * n, dtype)
    gates[0] = np.nan
    h, c = np.zeros((2, n), dtype)
    call(f"cell.{name}.forward", gates, zeros, zeros, h, c, kept, n)
    assert np.isnan(h[0])
    assert not np.isnan(h[1:]).any()


@pytest.mark.parametrize("padding", [0, -3])
@pytest.mark.parametrize("shape", [(1, 1, 1), (20, 6, 1), (30, 5, 3)])
def test_count_steps(call, dtype, rng, shape, padding):
    x = rng.integers(1, 3, shape)
    x[rng.random(shape) < 0.5] = padding
    x[rng.random(shape[:2]) < 0.6] = padding
    lengths = np.empty(len(x), np.int64)
    expected = reference.steps_that_count(x, padding)
    call("steps.count", x.astype(dtype), lengths, *shape, padding)
    assert_array_equal(lengths, expected)
    call("steps.count_int64", x, lengths, *shape, padding)
    assert_array_equal(lengths, expected)


@pytest.mark.parametrize("cols", [1, 31, 512, 513, 1100])
@pytest.mark.parametrize("count", [0, 1, 9])
def test_rows_by_index(call, dtype, rng, cols, count):
    x = rng.standard_normal((12, cols)).astype(dtype)
    index = rng.integers(0, 12, count)
    y = np.empty((count, cols), dtype)
    call("embedding.forward", x, index, y, count, cols)
    assert_array_equal(y, x[index])
    sums = np.empty(cols, dtype)
    call("rows.sum", x, index, sums, count, cols)
    expected = np.zeros(cols)
    for i in index:  # in this order
        expected += x[i]
    assert_array_equal(sums, expected.astype(dtype))
