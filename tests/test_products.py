"""The two leaves of matrix products, called directly.

Every test runs on each instruction set that this CPU supports, in float32 and float64. Most
multiply small whole numbers: every sum is then exact, whatever its order, and a result that is
not equal is wrong.
"""

import itertools

import numpy as np
import pytest
from guarded import guarded
from leaf_calls import MODULES, leaf
from numpy.testing import assert_array_equal

from fastnn import _engine

# Around the rows of a tile (4, 6 or 12); around one vector (of 2 to 16 numbers), two, and more.
ROWS = [*range(8), 11, 12, 13, 16, 25, 33]
COLUMNS = [*range(1, 41), 48, 100]
# Nothing, less than a vector, around vectors, around a block (512).
DEPTHS = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 511, 512, 513, 1100]
SHAPES = [
    *itertools.product(ROWS, COLUMNS, [5]),
    *itertools.product([3, 13], [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 40], DEPTHS),
]
WAYS = [(1, False), (-0.5, True)]  # alpha, add


def spaced(x):
    """The same matrix in rows that lie three elements apart, with NaN between them."""
    room = np.full((x.shape[0], x.shape[1] + 3), np.nan, x.dtype)
    room[:, : x.shape[1]] = x
    return room[:, : x.shape[1]]


def transposed(x):
    return spaced(x.T).T


@pytest.fixture(params=[spaced, transposed])
def layout_a(request):
    return request.param


@pytest.fixture(params=[spaced, transposed])
def layout_b(request):
    return request.param


@pytest.fixture(params=list(MODULES))
def variant(request):
    return request.param


@pytest.fixture
def scratch():
    return guarded(np.empty((1, _engine.PRODUCT_BYTES), np.uint8))


@pytest.fixture
def multiply(variant, dtype, scratch):
    """c = alpha a @ b, or c += alpha a @ b, for matrices of any strides; returns c."""
    product = leaf(variant, "product", dtype)

    def run(a, b, c, alpha=1, add=False, ahead=None):
        scratch[...] = 0xFF  # NaN
        a_steps, b_steps, c_steps = (np.array(x.strides) // x.itemsize for x in (a, b, c))
        matrices = (a, *a_steps, b, *b_steps)
        product(*c.shape, a.shape[1], *matrices, alpha, add, c, c_steps[0], ahead, scratch)
        return c

    return run


@pytest.fixture
def multiply_transposed(variant, dtype, scratch):
    """c = a @ b.T as a part of a product of the shape `whole`; returns c."""
    product = leaf(variant, "product.transposed", dtype)

    def run(a, b, c, whole):
        scratch[...] = 0xFF
        product(*c.shape, a.shape[1], a, b, c, c.strides[0] // c.itemsize, *whole, scratch)
        return c

    return run


# How a transposed product is done depends on the whole of which it is a part. As a part of one
# of these, it is done by dot products (as long as k fills a vector), or never.
WHOLES = [(1, 1), (100_000, 100_000)]


@pytest.fixture(params=WHOLES, ids=["dots", "tiles"])
def whole(request):
    return request.param


def whole_numbers(rng, dtype, *shape):
    return rng.integers(-8, 9, shape).astype(dtype)


def exactly(a, b, c, alpha=1, add=False):
    """The product of whole numbers: float64 has room for any such sum."""
    return alpha * (a.astype(np.float64) @ b) + (c if add else 0)


def framed(c):
    """A matrix with NaN around a copy of c, and that copy."""
    frame = np.full((c.shape[0] + 2, c.shape[1] + 5), np.nan, c.dtype)
    inner = frame[1:-1, 2:-3]
    inner[...] = c
    return frame, inner


def same(a, b):
    return np.array_equal(a, b, equal_nan=True)


def same_bits(a, b):
    return a.tobytes() == b.tobytes()


def empty(m, n, dtype):
    return np.full((m, n), np.nan, dtype)


# Values -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("alpha", "add"), WAYS)
def test_product_of_any_shape(multiply, dtype, rng, layout_a, layout_b, alpha, add):
    for m, n, k in SHAPES:
        a, b = whole_numbers(rng, dtype, m, k), whole_numbers(rng, dtype, k, n)
        c = whole_numbers(rng, dtype, m, n) if add else empty(m, n, dtype)
        frame, inner = framed(c)
        multiply(layout_a(a), layout_b(b), inner, alpha, add)
        assert same(frame, framed(exactly(a, b, c, alpha, add).astype(dtype))[0]), (m, n, k)


def test_transposed_product_of_any_shape(multiply_transposed, dtype, rng, whole):
    for m, n, k in SHAPES:
        a, b = whole_numbers(rng, dtype, m, k), whole_numbers(rng, dtype, n, k)
        frame, inner = framed(empty(m, n, dtype))
        multiply_transposed(a, b, inner, whole)
        assert same(frame, framed(exactly(a, b.T, inner).astype(dtype))[0]), (m, n, k)


@pytest.mark.parametrize(("alpha", "add"), WAYS)
@pytest.mark.parametrize("m", [12, 13, 30])
def test_product_with_a_large_b(multiply, dtype, rng, m, alpha, add):
    # Above 1 MB and 12 rows, b is copied in pieces of 64 or 128 columns. Here it is a part of a
    # wider matrix, which is what counts.
    k = 520
    b = whole_numbers(rng, dtype, k, 600)
    a = whole_numbers(rng, dtype, m, k)
    for n in [1, 3, 16, 33, *range(62, 68), 80, *range(126, 131), 135, 143, 144, 145, 257, 300]:
        c = whole_numbers(rng, dtype, m, n) if add else empty(m, n, dtype)
        frame, inner = framed(c)
        part = b[:, 300 : 300 + n]
        multiply(a, part, inner, alpha, add)
        assert same(frame, framed(exactly(a, part, c, alpha, add).astype(dtype))[0]), n


@pytest.mark.parametrize(("m", "n", "k"), [(13, 33, 10), (5, 47, 1100), (30, 9, 700)])
def test_error_is_that_of_a_sum(multiply, multiply_transposed, dtype, rng, m, n, k):
    a, b = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((n, k)).astype(dtype)
    exact = a.astype(np.longdouble) @ b.T.astype(np.longdouble)
    # The classic bound for a sum of k products, in any order: Higham, Accuracy and Stability of
    # Numerical Algorithms, 3.1 (there with eps / 2).
    bound = k * np.finfo(dtype).eps * (np.abs(a) @ np.abs(b.T))
    c = empty(m, n, dtype)
    for result in (
        multiply(a, b.T, c),
        multiply(a, np.ascontiguousarray(b.T), c),
        *(multiply_transposed(a, b, c, whole) for whole in WHOLES),
    ):
        assert (np.abs(result - exact) <= bound).all()


def test_wholes_decide_between_dots_and_tiles(multiply_transposed, dtype, rng):
    # The two ways add up in different orders; else the tests above would have tried only one.
    a, b = rng.standard_normal((2, 9, 1000)).astype(dtype)
    dots, tiles = (multiply_transposed(a, b, empty(9, 9, dtype), whole) for whole in WHOLES)
    assert not np.array_equal(dots, tiles)


# Parts --------------------------------------------------------------------------------------

# (13, 300, 900) has b copied for the whole and read where it lies for most parts of its rows.
DIVIDED = [(7, 40, 33), (26, 37, 20), (25, 70, 515), (13, 300, 900)]


def cuts(size):
    """Where to cut: everywhere that is near an end or a multiple of 16, and at some other."""
    return [i for i in range(1, size) if i < 36 or size - i < 18 or i % 16 < 2]


@pytest.mark.parametrize(("m", "n", "k"), DIVIDED)
def test_parts_have_the_bits_of_the_whole(multiply, dtype, rng, layout_a, layout_b, m, n, k):
    # What makes results independent of the number of threads. alpha isn't a power of two, so
    # that one rounding more or less would show.
    way = (-0.3, True)
    a = layout_a(rng.standard_normal((m, k)).astype(dtype))
    b = layout_b(rng.standard_normal((k, n)).astype(dtype))
    c = rng.standard_normal((m, n)).astype(dtype)
    all_at_once = multiply(a, b, c.copy(), *way)
    for i in cuts(m):
        parts = c.copy()
        multiply(a[:i], b, parts[:i], *way)
        multiply(a[i:], b, parts[i:], *way)
        assert same_bits(parts, all_at_once), i
    for j in cuts(n):
        parts = c.copy()
        multiply(a, b[:, :j], parts[:, :j], *way)
        multiply(a, b[:, j:], parts[:, j:], *way)
        assert same_bits(parts, all_at_once), j


@pytest.mark.parametrize(("m", "n", "k"), DIVIDED)
def test_transposed_parts_have_the_bits_of_the_whole(
    multiply_transposed, dtype, rng, whole, m, n, k
):
    a, b = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((n, k)).astype(dtype)
    all_at_once = multiply_transposed(a, b, empty(m, n, dtype), whole)
    for i in cuts(m):
        parts = empty(m, n, dtype)
        multiply_transposed(a[:i], b, parts[:i], whole)
        multiply_transposed(a[i:], b, parts[i:], whole)
        assert same_bits(parts, all_at_once), i
    for j in cuts(n):
        parts = empty(m, n, dtype)
        multiply_transposed(a, b[:j], parts[:, :j], whole)
        multiply_transposed(a, b[j:], parts[:, j:], whole)
        assert same_bits(parts, all_at_once), j


# Not a number, infinity ---------------------------------------------------------------------


def spoil(a, b, value):
    """Put a value into a row of a, beside a zero and both signs in b. Returns the row, and what
    it becomes in the product."""
    row, p = a.shape[0] // 2, a.shape[1] - 2
    b[p, :3] = 0, 2, -2
    a[row, p] = value
    with np.errstate(invalid="ignore"):
        return row, value * b[p]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("m", "n", "k"), [(4, 3, 5), (7, 20, 17), (13, 37, 530)])
def test_what_is_not_finite_spoils_its_row_or_column_alone(
    multiply, multiply_transposed, dtype, rng, m, n, k, value
):
    def products(a, b):
        yield multiply(spaced(a), spaced(b), empty(m, n, dtype))
        yield multiply(transposed(a), transposed(b), empty(m, n, dtype))
        for whole in WHOLES:
            yield multiply_transposed(a, np.ascontiguousarray(b.T), empty(m, n, dtype), whole)

    a, b = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)
    bad_a, fine_b = a.copy(), b.copy()
    row, becomes = spoil(bad_a, fine_b, value)
    for bad, expected in zip(products(bad_a, fine_b), products(a, fine_b), strict=True):
        expected[row] = becomes
        assert_array_equal(bad, expected)

    fine_a, bad_b = a.copy(), b.copy()
    column, becomes = spoil(bad_b.T, fine_a.T, value)
    for bad, expected in zip(products(fine_a, bad_b), products(fine_a, b), strict=True):
        expected[:, column] = becomes
        assert_array_equal(bad, expected)


# Memory -------------------------------------------------------------------------------------

FENCED = [
    *itertools.product([1, 2, 3, 7, 13], [1, 2, 3, 5, 8, 15, 16, 17, 31, 33, 47], [1, 3, 8, 17]),
    (13, 130, 513),
    (13, 300, 1000),
]


def test_nothing_is_read_or_written_past_the_end(multiply, dtype, rng, layout_a, layout_b):
    for m, n, k in FENCED:
        a, b = whole_numbers(rng, dtype, m, k), whole_numbers(rng, dtype, k, n)
        c = whole_numbers(rng, dtype, m, n)
        fenced = guarded(layout_a(a)), guarded(layout_b(b)), guarded(spaced(c))
        assert_array_equal(multiply(*fenced, -1, True), exactly(a, b, c, -1, True))


def test_transposed_reads_and_writes_nothing_past_the_end(multiply_transposed, dtype, rng, whole):
    for m, n, k in FENCED:
        a, b = whole_numbers(rng, dtype, m, k), whole_numbers(rng, dtype, n, k)
        fenced = guarded(a), guarded(b), guarded(spaced(empty(m, n, dtype)))
        assert_array_equal(multiply_transposed(*fenced, whole), exactly(a, b.T, None))


def test_what_is_fetched_ahead_changes_nothing(multiply, dtype):
    rng = np.random.default_rng(0)
    next_matrices = [guarded(rng.standard_normal((30, 70)).astype(dtype)) for _ in range(2)]
    before = [matrix.copy() for matrix in next_matrices]
    # struct Ahead of _leaf.pxd: three addresses, of which one is missing, and bytes of a row.
    ahead = np.array([*(m.ctypes.data for m in next_matrices), 0, 70 * np.dtype(dtype).itemsize])
    for k in (0, 1, 5, 12, 100, 600):
        a, b = (
            rng.standard_normal((30, k)).astype(dtype),
            rng.standard_normal((k, 70)).astype(dtype),
        )
        plain, fetched = (np.zeros((30, 70), dtype) for _ in range(2))
        multiply(a, b, plain)
        multiply(a, b, fetched, ahead=ahead)
        np.testing.assert_array_equal(fetched, plain)
    for matrix, copy in zip(next_matrices, before, strict=True):
        np.testing.assert_array_equal(matrix, copy)
