"""The kernel leaves that deform images, called directly, on every instruction set.

Arrays end where memory may not be touched any more.
"""

import itertools

import numpy as np
import pytest
from guarded import guarded
from leaf_calls import MODULES, leaf
from numpy.testing import assert_allclose, assert_array_equal

from fastnn import reference

SIZES = [(1, 1), (1, 17), (5, 3), (28, 28), (33, 130)]


@pytest.fixture(params=list(MODULES))
def call(request, dtype):
    return lambda name, *args: leaf(request.param, name, dtype)(*args)


def outputs(shape, *dtypes):
    return [guarded(np.zeros(shape, dtype)) for dtype in dtypes]


@pytest.mark.parametrize("n", [0, 1, 15, 16, 17, 33, 4099])
def test_noise_is_that_of_the_formula(call, dtype, n):
    seed, epoch, index = 2**64 - 1, 12, 2**40
    mixed = reference.augment._mixed
    key = mixed(mixed(mixed(seed + reference.augment._GOLDEN) + epoch) + 2 * index + 1)
    (y,) = outputs(n, dtype)
    call("noise.uniform", y, n, key)
    assert_array_equal(y, reference.image_noise(seed, epoch, index, 1, n))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("stored", ["uint8", "floats"])
def test_pad(call, dtype, rng, stored, size):
    x = rng.integers(0, 256, size).astype("uint8" if stored == "uint8" else dtype)
    (y,) = outputs((size[0] + 3, size[1] + 3), dtype)
    call(f"pad.{stored}", guarded(x), y, *size, 0.5, -1.5)
    assert_array_equal(y, np.pad(x * dtype.type(0.5), [(1, 2), (1, 2)], constant_values=-1.5))


def located(call, dtype, size, map_, field, cuts):
    at, down, right = outputs(size, np.int32, dtype, dtype)
    for first, end in itertools.pairwise(cuts):
        part = slice(first, end)
        some = None if field is None else guarded(field[part])
        pieces = outputs((end - first, size[1]), np.int32, dtype, dtype)
        call("warp.locate", guarded(map_), some, *pieces, first, end - first, *size)
        at[part], down[part], right[part] = pieces
    return at, down, right


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("with_field", [False, True])
def test_places_and_what_is_there(call, dtype, rng, size, with_field):
    height, width = size
    map_ = np.zeros(10)
    map_[:6] = 0.8, -0.3, 2.25, 0.4, 1.2, -1.5
    field = rng.uniform(-3, 3, (height, 2, width)).astype(dtype) if with_field else None
    at, down, right = located(call, dtype, size, map_, field, [0, height])
    assert (down >= 0).all()
    assert (down < 1).all()
    top, left = at // (width + 3), at % (width + 3)
    i, j = np.indices(size)
    row, column = (map_[k] * i + map_[k + 1] * j + map_[k + 2] for k in (0, 3))
    if with_field:
        row, column = row + field[:, 0], column + field[:, 1]
    tolerance = 64 * max(size) * np.finfo(dtype).eps
    assert_allclose(top + down, np.clip(row, -1, height) + 1, rtol=0, atol=tolerance)
    assert_allclose(left + right, np.clip(column, -1, width) + 1, rtol=0, atol=tolerance)

    # The same bits, whatever rows are located together.
    cuts = sorted({0, min(1, height), height // 2, height})
    for whole, parts in zip(
        (at, down, right), located(call, dtype, size, map_, field, cuts), strict=True
    ):
        assert_array_equal(parts, whole)

    image = rng.random(size).astype(dtype)
    framed = guarded(np.pad(image, [(1, 2), (1, 2)], constant_values=0.5))
    (y,) = outputs(size, dtype)
    call("warp.interpolate", framed, at, down, right, y, y.size, width + 3)
    matrix = np.array([map_[:3], map_[3:6]])
    wanted = reference.warp(
        image.astype(np.float64), matrix, 0.0 if field is None else field.astype(np.float64), 0.5
    )
    assert_allclose(y, wanted, rtol=0, atol=tolerance)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300, -1e300])
def test_no_place_is_outside(call, dtype, bad):
    size = (6, 9)
    field = np.zeros((6, 2, 9), dtype)
    for k, with_field in itertools.product(range(6), (False, True)):
        map_ = np.zeros(10)
        map_[k] = bad
        if with_field:
            field[:] = np.float64(bad).astype(dtype) if np.isinf(bad) else np.nan
        some = field if with_field else None
        at, down, right = located(call, dtype, size, map_, some, [0, 6])
        assert at.min() >= 0
        assert at.max() <= 7 * 12 + 10  # whose neighbour below and right is the frame's last
        assert ((down >= 0) & (down < 1)).all()
        assert ((right >= 0) & (right < 1)).all()


def test_a_cut_reads_the_corner(call, dtype):
    map_ = np.array([1, 0, 0.25, 0, 1, 0.25, 2, 1, 4, 3])
    at, down, right = located(call, dtype, (6, 9), map_, None, [0, 3, 6])
    cut = (at == 0) & (down == 0) & (right == 0)
    expected = np.zeros((6, 9), bool)
    expected[2:4, 1:3] = True
    assert_array_equal(cut, expected)


@pytest.mark.parametrize("n", [0, 1, 31, 4099])
def test_rounding(call, dtype, n):
    x = np.linspace(0, 255, n).astype(dtype)
    x[1::5] = np.floor(x[1::5]).clip(0, 254) + dtype.type(0.5)
    (y,) = outputs(n, np.uint8)
    call("image.round", guarded(x), y, n)
    assert_array_equal(y, np.floor(x + dtype.type(0.5)))
