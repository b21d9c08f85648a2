"""The leaves of convolutions, called directly, on each instruction set and in both types.

What they read and write ends where memory ends. Numbers are small and whole, so that sums are
exact in any order.
"""

from dataclasses import astuple, dataclass

import numpy as np
import pytest
from guarded import guarded
from leaf_calls import MODULES, leaf
from numpy.testing import assert_array_equal

from fastnn import _engine

CHANNELS = 3
VECTOR = 64  # bytes: no instruction set has longer ones


@dataclass
class Stencil:
    """As kernels/stencil.h has it."""

    height: int
    width: int
    kernel_y: int
    kernel_x: int
    stride_y: int = 1
    stride_x: int = 1
    top: int = 0
    left: int = 0
    dilation_y: int = 1
    dilation_x: int = 1
    out_height: int = 0
    out_width: int = 0

    def __post_init__(self):
        y = self.height + 2 * self.top - self.dilation_y * (self.kernel_y - 1) - 1
        x = self.width + 2 * self.left - self.dilation_x * (self.kernel_x - 1) - 1
        self.out_height, self.out_width = y // self.stride_y + 1, x // self.stride_x + 1

    @property
    def taps(self):
        return CHANNELS * self.kernel_y * self.kernel_x

    @property
    def pixels(self):
        return self.out_height * self.out_width

    @property
    def struct(self):
        return np.array(astuple(self), np.intp)

    def frame(self):
        """Rows and numbers from row to row of a frame."""
        rows = (self.out_height - 1) * self.stride_y + (self.kernel_y - 1) * self.dilation_y + 1
        reach = (self.kernel_x - 1) * self.dilation_x
        columns = ((self.out_width - 1) * self.stride_x + reach) // self.stride_x + 1
        pitch = min(reach + 1, self.stride_x) * columns
        return rows, max(pitch, -(-self.out_width // 16) * 16)

    def meets(self):
        """By tap and pixel: the place in x, -1 outside."""
        c, ky, kx, i, j = np.indices(
            (CHANNELS, self.kernel_y, self.kernel_x, self.out_height, self.out_width)
        )
        y = i * self.stride_y + ky * self.dilation_y - self.top
        x = j * self.stride_x + kx * self.dilation_x - self.left
        inside = (y >= 0) & (y < self.height) & (x >= 0) & (x < self.width)
        place = np.where(inside, (c * self.height + y) * self.width + x, -1)
        return place.reshape(self.taps, self.pixels)


STENCILS = [
    Stencil(1, 1, 1, 1),
    Stencil(5, 7, 3, 2),
    Stencil(6, 40, 3, 3),  # long enough for whole vectors
    Stencil(8, 18, 3, 3),
    Stencil(28, 28, 5, 5, top=2, left=2),
    Stencil(14, 14, 5, 5),
    Stencil(3, 70, 1, 1),
    Stencil(9, 8, 1, 1, stride_y=2, stride_x=2),
    Stencil(20, 45, 3, 3, stride_y=2, stride_x=2, top=1, left=1),
    Stencil(17, 19, 3, 2, stride_y=2, stride_x=3, top=1, left=2, dilation_y=2),
    Stencil(12, 30, 2, 3, stride_x=2, left=3, dilation_x=2),
    Stencil(12, 30, 2, 3, stride_x=2, left=3, dilation_x=3),
    Stencil(4, 4, 3, 3, top=5, left=5),
    Stencil(4, 300, 3, 3, top=1, left=1),
]


@pytest.fixture(params=list(MODULES))
def variant(request):
    return request.param


@pytest.fixture
def call(variant, dtype):
    return lambda name, *args: leaf(variant, name, dtype)(*args)


def whole_numbers(rng, dtype, *shape):
    return rng.integers(-8, 9, shape).astype(dtype)


def blocks(stencil):
    """Ranges of taps and of pixels: all, one, and some that begin and end anywhere."""
    t, p = stencil.taps, stencil.pixels
    yield from ((0, t, 0, p), (0, t, p // 3, p), (t // 2, t, 0, (p + 1) // 2))
    yield from ((t // 3, t // 3 + 1, p // 2, p // 2 + 1), (t - 1, t, p - 1, p))


def nan(*shape, dtype):
    return np.full(shape, np.nan, dtype)


@pytest.mark.parametrize("stencil", STENCILS, ids=str)
def test_unfold(call, dtype, rng, stencil):
    x = whole_numbers(rng, dtype, CHANNELS, stencil.height, stencil.width)
    place = stencil.meets()
    expected = np.where(place < 0, 0, x.reshape(-1)[place]).astype(dtype)
    rows, pitch = stencil.frame()
    scratch = guarded(nan(rows * pitch + VECTOR // dtype.itemsize, dtype=dtype))
    for begin, end, first, last in blocks(stencil):
        room = nan(end - begin, last - first + 3, dtype=dtype)
        to = guarded(room[:, : last - first])
        call("stencil.unfold", guarded(x), stencil.struct, begin, end, first, last,
             to, to.strides[0] // dtype.itemsize, scratch)  # fmt: skip
        assert_array_equal(to, expected[begin:end, first:last])


@pytest.mark.parametrize("stencil", STENCILS, ids=str)
def test_fold_and_crop_are_the_way_back(call, dtype, rng, stencil):
    rows, pitch = stencil.frame()
    place = stencil.meets()
    x = whole_numbers(rng, dtype, stencil.taps, stencil.pixels)
    expected = np.zeros(CHANNELS * stencil.height * stencil.width)
    np.add.at(expected, place[place >= 0], x[place >= 0])
    for cut in {0, 1, stencil.pixels // 2, stencil.pixels}:
        frames = guarded(np.zeros(CHANNELS * rows * pitch + VECTOR // dtype.itemsize, dtype))
        for first, last in ((0, cut), (cut, stencil.pixels)):
            # A vector more is read, whatever is in it.
            wide = last - first + VECTOR // dtype.itemsize
            part = nan(stencil.taps, wide, dtype=dtype)
            part[:, : last - first] = x[:, first:last]
            if first < last:
                call("stencil.fold", guarded(part), wide, stencil.struct, CHANNELS, first, last,
                     frames)  # fmt: skip
        dx = guarded(nan(CHANNELS, stencil.height, stencil.width, dtype=dtype))
        call("stencil.crop", frames, stencil.struct, CHANNELS, dx)
        assert_array_equal(dx.reshape(-1), expected)


@pytest.mark.parametrize(("m", "n", "k"), [(1, 1, 1), (5, 7, 3), (13, 6, 40), (25, 33, 100)])
@pytest.mark.parametrize("add", [False, True])
@pytest.mark.parametrize("whole", [(1, 1), (100_000, 100_000)], ids=["dots", "tiles"])
def test_product_of_rows_any_distance_apart(call, dtype, rng, m, n, k, add, whole):
    a, b = (guarded(whole_numbers(rng, dtype, rows, k + 3)[:, :k]) for rows in (m, n))
    c = guarded(whole_numbers(rng, dtype, m, n + 2)[:, :n])
    expected = a.astype("f8") @ b.T + (c if add else 0)
    scratch = guarded(np.full(_engine.PRODUCT_BYTES, 0xFF, np.uint8))
    call("product.rows", m, n, k, a, k + 3, b, k + 3, add, c, n + 2, *whole, scratch)
    assert_array_equal(c, expected)


@pytest.mark.parametrize(("rows", "cols"), [(0, 3), (1, 1), (5, 3), (16, 100), (40, 33)])
def test_transpose_biases_and_sums(call, dtype, rng, rows, cols):
    x = guarded(whole_numbers(rng, dtype, rows, cols))
    y = guarded(nan(cols, rows + 2, dtype=dtype)[:, :rows])
    call("transpose", x, y, rows + 2, rows, cols)
    assert_array_equal(y, x.T)
    bias = guarded(whole_numbers(rng, dtype, rows))
    expected = x + bias[:, None]
    call("bias.add_rows", x, bias, rows, cols, cols)
    assert_array_equal(x, expected)
    assert call("numbers.sum", x, x.size) == x.astype("f8").sum()
