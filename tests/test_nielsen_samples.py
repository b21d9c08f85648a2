"""Samples that are views of one array are read where they are; others are stacked."""

import random

import numpy as np
import pytest
from book import make_data, seed

from fastnn._engine import rows_among
from fastnn.compat.nielsen import network
from fastnn.compat.nielsen._samples import Samples

_N, _IN = 300, 12


def _loaded(pixels, targets):
    """As the book's loader makes them of a matrix."""
    return [(np.reshape(row, (_IN, 1)), y) for row, y in zip(pixels, targets, strict=True)]


@pytest.fixture
def targets():
    return [y for _, y in make_data(_N, _IN, 3)[0]]


def _trained(data):
    seed()
    net = network.Network([_IN, 5, 3])
    net.SGD(list(data), 3, 10, 0.7)
    return net.weights


KINDS = {
    "whole": lambda pixels, order: pixels,
    "a part of a larger one": lambda pixels, order: np.vstack([pixels, pixels + 1])[50 : 50 + _N],
    "in another order": lambda pixels, order: pixels[order],
    "few of many": lambda pixels, order: np.vstack([pixels] * 6)[:_N],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shuffled", [False, True])
def test_views_of_one_array_are_what_copies_are(rng, targets, dtype, kind, shuffled):
    pixels = KINDS[kind](rng.random((_N, _IN)).astype(dtype), rng.permutation(_N))
    data = _loaded(pixels, targets)
    if shuffled:
        random.Random(1).shuffle(data)
    samples = Samples(data)
    assert np.shares_memory(samples.rows[0], pixels)
    matrix, _, numbers = samples.numbered()
    assert np.shares_memory(matrix, pixels) == (kind != "few of many" or not shuffled)
    np.testing.assert_array_equal(matrix[numbers], [x[:, 0] for x, _ in data])
    np.testing.assert_array_equal(samples.inputs, [x[:, 0] for x, _ in data])
    copies = [(x.copy(), y) for x, y in data]
    assert Samples(copies).rows is None
    for ours, expected in zip(_trained(data), _trained(copies), strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_a_sample_that_is_there_twice_counts_twice(rng, targets):
    data = _loaded(rng.random((_N, _IN)), targets)
    data = [*data[:200], *data[:100]]
    matrix, rows, numbers = Samples(data).numbered()
    assert len(matrix) == len(rows) == _N
    np.testing.assert_array_equal(matrix[numbers], [x[:, 0] for x, _ in data])
    copies = [(x.copy(), y) for x, y in data]
    for ours, expected in zip(_trained(data), _trained(copies), strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_what_is_no_row_is_stacked(rng):
    pixels = rng.random((20, _IN))
    columns = [np.reshape(row, (_IN, 1)) for row in pixels]
    others = {
        "of another array": rng.random((_IN, 1)),
        "between two rows": pixels.reshape(-1)[1 : 1 + _IN].reshape(_IN, 1),
        "every second number": pixels[:2].reshape(-1)[::2].reshape(_IN, 1),
        "of another type": pixels[3].view(np.int64).reshape(_IN, 1),
    }
    assert Samples([(x, 0) for x in columns]).rows is not None
    for name, other in others.items():
        samples = Samples([(x, 0) for x in [*columns, other]])
        assert samples.rows is None, name
        assert samples.inputs is not None, name
    assert Samples([]).rows is None
    assert Samples([(pixels[0], 0)]).rows is None  # no column


def test_rows_among(rng):
    matrix = rng.random((6, 4))
    assert rows_among([matrix[i] for i in (3, 0, 3)], matrix).tolist() == [3, 0, 3]
    assert rows_among([], matrix).tolist() == []

    class Own(np.ndarray):
        pass

    wrong = [
        matrix[0, :3],
        matrix[:, 0],
        matrix[1:3],
        matrix[0].astype("f4"),
        matrix.copy()[0],
        matrix[0].view(Own),
        list(matrix[0]),
        None,
        np.array(["a"]),
        np.array([object()] * 4),
    ]
    for one in wrong:
        assert rows_among([matrix[0], one], matrix) is None
    assert rows_among([np.empty(0)], np.empty((3, 0))) is None
