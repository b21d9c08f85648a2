"""The layers of "Deep Learning from Scratch" beside the book's formulas in NumPy."""
# ruff: noqa: NPY002  (the book's scripts seed NumPy's global random numbers)

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import fastnn
from fastnn.compat.scratch import functions, layers
from fastnn.compat.scratch._memory import Memory

pytestmark = pytest.mark.usefixtures("quick_suite")


@pytest.fixture
def book(quick_suite):
    from benchmarks.swaps import _book as book

    return book


def close(actual, expected, terms=1):
    """Sums of so many products of numbers of about 1 (0.1 to 10), in another order: a few units of
    the last place for each doubling."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    assert_allclose(actual, expected, rtol=0, atol=1e-15 * scale * (4 + terms**0.5))


def strided(a):
    """The same numbers with gaps between them."""
    spread = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
    spread[..., ::2] = a
    return spread[..., ::2]


FORMS = {
    "plain": lambda a: a,
    "gaps": strided,
    "Fortran's order": np.asfortranarray,
    "backwards": lambda a: a[::-1].copy()[::-1],
    "read-only": lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
    "other byte order": lambda a: a.astype(a.dtype.newbyteorder()),
}
TYPES = ["float64", "float32", "float16", "uint8", "int64", "bool"]


def draw(rng, shape, dtype="float64"):
    return (rng.standard_normal(shape) * 3).astype(dtype)


# -- fully connected -----------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
@pytest.mark.parametrize("dtype", TYPES)
def test_affine(book, rng, threads, dtype, form):
    weight, bias = draw(rng, (60, 9)), draw(rng, 9)
    x, dout = form(draw(rng, (20, 3, 4, 5), dtype)), form(draw(rng, (20, 9)))
    ours, theirs = layers.Affine(weight, bias), book.Affine(weight, bias)
    close(ours.forward(x), theirs.forward(x), 60)
    dx, expected = ours.backward(dout), theirs.backward(dout)
    close(dx, expected, 9)
    close(ours.dW, theirs.dW, 20)
    close(ours.db, theirs.db, 20)
    assert ours.original_x_shape == x.shape
    assert_array_equal(ours.x, x.reshape(20, 60))


def test_affine_of_many_rows_of_another_type(book, rng):
    # They are converted a part at a time, and again on the way back.
    x, weight, bias = draw(rng, (1300, 11), "float32"), draw(rng, (11, 3)), draw(rng, 3)
    ours, theirs = layers.Affine(weight, bias), book.Affine(weight, bias)
    close(ours.forward(x), theirs.forward(x), 11)
    dout = draw(rng, (1300, 3))
    close(ours.backward(dout), theirs.backward(dout), 3)
    close(ours.dW, theirs.dW, 1300)


@pytest.mark.parametrize("bias", [0, 0.5, np.ones((1, 3)), np.ones(3, np.float32)])
def test_affine_with_any_bias_that_numpy_adds(book, rng, bias):
    x, weight = draw(rng, (5, 4)), draw(rng, (4, 3))
    close(layers.Affine(weight, bias).forward(x), book.Affine(weight, bias).forward(x), 4)


def test_affine_of_single_precision_stays_single(book, rng):
    x, weight, bias = draw(rng, (5, 4), "f4"), draw(rng, (4, 3), "f4"), draw(rng, 3, "f4")
    ours = layers.Affine(weight, bias)
    y = ours.forward(x)
    assert y.dtype == np.float32
    # Products of 4 terms of up to 100, in single precision.
    assert_allclose(y, book.Affine(weight, bias).forward(x), rtol=0, atol=1e-4)


def test_affine_leaves_what_numpy_refuses_to_numpy(rng):
    layer = layers.Affine(draw(rng, (4, 3)), np.zeros(3))
    with pytest.raises(ValueError, match="not aligned"):
        layer.forward(draw(rng, (2, 5)))
    layer.forward(draw(rng, (2, 4)))
    with pytest.raises(ValueError, match="not aligned"):
        layer.backward(draw(rng, (2, 5)))
    complex_weight = layers.Affine(np.full((2, 1), 1j), 0)
    assert_array_equal(complex_weight.forward(np.ones((1, 2))), [[2j]])


def test_gradients_are_new_arrays_each_time(rng):
    layer = layers.Affine(draw(rng, (4, 3)), np.zeros(3))
    layer.forward(draw(rng, (2, 4)))
    layer.backward(draw(rng, (2, 3)))
    first, kept = layer.dW, layer.dW.copy()
    layer.backward(draw(rng, (2, 3)))
    assert first is not layer.dW
    assert_array_equal(first, kept)


def test_infinite_and_undefined_numbers_come_through(book):
    x = np.array([[0.0, np.inf, 1.0], [np.nan, 0.0, 2.0], [0.0, 0.0, 1.0]])
    weight = np.array([[1.0, np.inf], [1.0, 2.0], [np.nan, 1.0]])
    with np.errstate(invalid="ignore"):
        expected = book.Affine(weight, np.zeros(2)).forward(x)
    assert_array_equal(layers.Affine(weight, np.zeros(2)).forward(x), expected)


# -- the gradient of data ------------------------------------------------------------------------


def of_data(rng):
    """The gradient with respect to single-precision inputs, after the weight has changed."""
    weight, x, dout = draw(rng, (20, 5)), draw(rng, (7, 4, 5), "float32"), draw(rng, (7, 5))
    layer = layers.Affine(weight.copy(), np.zeros(5))
    layer.forward(x)
    dx = layer.backward(dout)
    layer.W[...] = 0
    return dx, (dout @ weight.T).reshape(x.shape)


READERS = {
    "as it is": lambda a: a,
    "asarray": np.asarray,
    "array": np.array,
    "copy": lambda a: a.copy(),
    "copy.copy": copy.copy,
    "copy.deepcopy": copy.deepcopy,
    "pickle": lambda a: pickle.loads(pickle.dumps(a)),
    "all of it": lambda a: a[:],
    "iteration": lambda a: np.array(list(a)),
    "reshape": lambda a: a.reshape(-1).reshape(a.shape),
    "transposed": lambda a: a.T.T,
    "sum": lambda a: a + 0,
    "sum from the right": lambda a: 0 + a,
    "ufunc": lambda a: np.add(a, 0),
    "in place": lambda a: a.__iadd__(0),
    "into it": lambda a: np.add(a, 0, out=a),
    "concatenate": lambda a: np.concatenate([a[:2], a[2:]]),
    "stack": lambda a: np.stack([a, a])[1],
    "product": lambda a: np.dot(a.reshape(7, -1), np.eye(20)).reshape(a.shape),
    "@": lambda a: a @ np.eye(5),
    "where": lambda a: np.where(a > 0, a, a),
    "as a layer's input": lambda a: layers.Affine(np.eye(20), 0).forward(a).reshape(a.shape),
}


@pytest.mark.parametrize("read", READERS.values(), ids=list(READERS))
def test_the_gradient_of_data_is_there_for_who_reads_it(rng, read):
    dx, expected = of_data(rng)
    close(read(dx), expected, 5)


def test_it_is_like_an_array_in_all_that_python_asks(rng):
    dx, expected = of_data(rng)
    assert isinstance(dx, np.ndarray)
    assert (dx.shape, dx.ndim, dx.dtype, dx.size, len(dx)) == ((7, 4, 5), 3, np.float64, 140, 7)
    close(dx, expected, 5)
    expected = np.array(dx)
    assert repr(dx) == repr(expected)
    assert str(dx) == str(expected)
    assert bool(dx[0, 0, :1])
    assert float(dx[0, 0, 0]) == expected[0, 0, 0]
    dx[dx > 0] = 0
    expected[expected > 0] = 0
    assert_array_equal(dx, expected)
    dx.shape = (28, 5)
    assert len(dx) == 28


def test_it_can_be_handed_back_to_layers(rng):
    for layer in (layers.Relu(), layers.Sigmoid(), layers.Dropout(0.5)):
        dx, expected = of_data(rng)
        x = draw(rng, dx.shape)
        np.random.seed(0)
        layer.forward(x)
        close(layer.backward(dx), layer.backward(expected.copy()))


def test_the_gradient_of_images_too(book, rng):
    weight, x, dout = (
        draw(rng, (3, 2, 3, 3)),
        draw(rng, (4, 2, 6, 6), "f4"),
        draw(rng, (4, 3, 4, 4)),
    )
    ours, theirs = layers.Convolution(weight.copy(), 0), book.Convolution(weight, 0)
    ours.forward(x)
    theirs.forward(x)
    dx = ours.backward(dout)
    ours.W[...] = 0
    close(dx, theirs.backward(dout), 27)


# -- images --------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
@pytest.mark.parametrize("dtype", TYPES)
def test_convolution(book, rng, threads, dtype, form):
    weight, bias = draw(rng, (4, 3, 5, 3)), draw(rng, 4)
    x = form(draw(rng, (7, 3, 13, 11), dtype))
    for stride, pad in (1, 0), (2, 1), (1, 2), (3, 0), (4, 3):
        ours, theirs = (module.Convolution(weight, bias, stride, pad) for module in (layers, book))
        y = theirs.forward(x)
        close(ours.forward(x), y, 45)
        dout = form(draw(rng, y.shape))
        close(ours.backward(dout), theirs.backward(dout), 60)
        close(ours.dW, theirs.dW, 7 * y[0, 0].size)
        close(ours.db, theirs.db, 7 * y[0, 0].size)
        close(ours.col, theirs.col)
        assert_array_equal(ours.col_W, weight.reshape(4, -1).T)


def test_convolution_with_a_number_for_a_bias(book, rng):
    x, weight = draw(rng, (1, 1, 8, 8)), draw(rng, (1, 1, 3, 3))
    close(layers.Convolution(weight, 2).forward(x), book.Convolution(weight, 2).forward(x), 9)


MISFITS = {
    "channels": ((1, 2, 8, 8), (2, 1, 3, 3), 1, 0, "x: expected images for filters"),
    "filter too large": ((1, 1, 2, 8), (2, 1, 3, 3), 1, 0, "x: expected images .* with room"),
    "and going backwards": ((1, 1, 8, 8), (2, 1, 9, 9), -1, 0, "stride: expected at least 1"),
    "no stride": ((1, 1, 8, 8), (2, 1, 3, 3), 0, 0, "stride: expected at least 1, got 0"),
    "no border": ((1, 1, 8, 8), (2, 1, 3, 3), 1, -1, "pad: expected at least 0, got -1"),
    "no taps": ((1, 1, 8, 8), (2, 1, 0, 3), 1, 0, "window: expected at least 1, got 0"),
    "no channels": ((1, 0, 8, 8), (2, 0, 3, 3), 1, 0, "x: expected images"),
    "no filters": ((1, 1, 8, 8), (0, 1, 3, 3), 1, 0, "x: expected images"),
    "more axes": ((1, 1, 8, 8, 8), (2, 1, 3, 3, 3), 1, 0, "x: expected images .N, C, H, W."),
    "fewer axes": ((1, 1, 8), (2, 1, 3), 1, 0, "x: expected images .N, C, H, W."),
}


@pytest.mark.parametrize(
    ("shape", "filters", "stride", "pad", "message"), MISFITS.values(), ids=list(MISFITS)
)
def test_images_that_filters_do_not_fit(rng, shape, filters, stride, pad, message):
    layer = layers.Convolution(draw(rng, filters), np.zeros(filters[0]), stride, pad)
    with pytest.raises(ValueError, match=message):
        layer.forward(draw(rng, shape))


@pytest.mark.parametrize(
    ("window", "stride"), [((0, 2), 1), ((9, 2), 1), ((9, 9), -1), ((2, 2), 0), ((-1, 2), 1)]
)
def test_windows_that_images_have_no_room_for(rng, window, stride):
    with pytest.raises(ValueError, match="expected"):
        layers.Pooling(*window, stride).forward(draw(rng, (1, 1, 8, 8)))


def test_windows_of_fractions():
    with pytest.raises(TypeError):
        layers.Pooling(2, 2, 1.5).forward(np.zeros((1, 1, 8, 8)))
    with pytest.raises(TypeError):
        layers.Convolution(np.zeros((1, 1, 2, 2)), 0, 1.5).forward(np.zeros((1, 1, 8, 8)))


def test_no_images(book, rng):
    for layer in (layers.Convolution(draw(rng, (2, 1, 3, 3)), 0), layers.Pooling(2, 2, 2)):
        y = layer.forward(np.zeros((0, 1, 8, 8)))
        assert y.shape[0] == 0
        assert layer.backward(y).shape == (0, 1, 8, 8)


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
@pytest.mark.parametrize("dtype", TYPES[:-1])
def test_pooling(book, rng, threads, dtype, form):
    for window, stride in ((2, 2), 2), ((3, 3), 2), ((2, 3), 1), ((2, 2), 3), ((13, 11), 1):
        # Of many equal ones, as after a Relu, the first counts.
        x = form(np.maximum(draw(rng, (5, 3, 13, 11), "float64"), 0).astype(dtype))
        ours, theirs = (module.Pooling(*window, stride) for module in (layers, book))
        y = theirs.forward(x)
        close(ours.forward(x), y)
        dout = form(draw(rng, y.shape))
        close(ours.backward(dout), theirs.backward(dout), 9)
        assert_array_equal(ours.arg_max, theirs.arg_max)


def test_pooling_counts_windows_without_the_border(book, rng):
    with pytest.raises(ValueError, match="as many windows"):
        layers.Pooling(2, 2, 2, pad=1).forward(draw(rng, (2, 1, 4, 4)))
    # Where a border makes no further window, it is part of those there are.
    x, dout = draw(rng, (2, 1, 3, 3)), draw(rng, (2, 1, 1, 1))
    ours, theirs = layers.Pooling(2, 2, 4, pad=1), book.Pooling(2, 2, 4)
    close(ours.forward(x), theirs.forward(np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))))
    close(ours.backward(dout), theirs.backward(dout)[:, :, 1:4, 1:4])


def test_gradients_of_other_shapes_are_refused(rng):
    pool, convolution = layers.Pooling(2, 2, 2), layers.Convolution(draw(rng, (2, 1, 3, 3)), 0)
    for layer in (pool, convolution):
        y = layer.forward(draw(rng, (2, 1, 6, 6)))
        with pytest.raises(ValueError, match=r"dout: expected shape \(2, . ?, ., .\), got"):
            layer.backward(y[:1])


def test_outputs_are_nobody_elses_while_somebody_has_them(rng):
    layer = layers.Convolution(draw(rng, (8, 1, 3, 3)), 0)
    kept = []
    for _ in range(6):  # large enough for their memory to be used again
        x = draw(rng, (9, 1, 28, 28))
        y = layer.forward(x)
        kept.append((y[1:], y[1:].copy()))
        if len(kept) > 3:
            del kept[0]
        del y
    for view, contents in kept:
        assert_array_equal(view, contents)


def test_memory_is_used_again_once_nobody_has_it(rng):
    memory = Memory()
    first = memory.empty((300, 300))
    view, address = first[:1], first.ctypes.data
    del first
    second = memory.empty((300, 300))
    assert second.ctypes.data != address  # of which there is a view
    del view
    third = memory.empty((300, 300))
    assert third.ctypes.data == address
    other = memory.empty((300, 301))
    assert other.shape == (300, 301)
    assert memory.empty((300, 300), np.float32).dtype == np.float32
    small = memory.empty((3,))
    del small
    assert len(pickle.loads(pickle.dumps(memory))._kept) == 0


def test_several_python_threads_predict_with_the_same_layers(book, rng):
    weight = draw(rng, (8, 1, 3, 3))
    net = [layers.Convolution(weight, 0), layers.Relu(), layers.Pooling(2, 2, 2)]
    images = [draw(rng, (9, 1, 28, 28)) for _ in range(4)]
    plain = [book.Convolution(weight, 0), book.Relu(), book.Pooling(2, 2, 2)]

    def through(some, x):
        for layer in some:
            x = layer.forward(x)
        return x

    expected = [through(plain, x) for x in images]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            for ours, theirs in zip(
                pool.map(lambda x: through(net, x), images), expected, strict=True
            ):
                close(ours, theirs, 9)


# -- pointwise -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5, 7), (2, 3, 4, 5), (0, 3), (3,)])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64"])
def test_relu(book, rng, dtype, shape):
    x = draw(rng, shape, dtype)
    x[x > 2] = 0
    ours, theirs = layers.Relu(), book.Relu()
    assert_array_equal(ours.forward(x), theirs.forward(x))
    assert_array_equal(ours.mask, theirs.mask)
    for dout in (draw(rng, shape), draw(rng, shape, dtype), strided(draw(rng, shape))):
        expected = theirs.backward(dout.copy())
        result = ours.backward(dout)
        assert result is dout  # in place, as the book's
        assert_array_equal(result, expected)


def test_sigmoid(book, rng):
    x = draw(rng, (6, 7)) * 100
    ours, theirs = layers.Sigmoid(), book.Sigmoid()
    with np.errstate(over="ignore"):
        expected = theirs.forward(x)
    close(ours.forward(x), expected)
    for dout in (draw(rng, (6, 7)), draw(rng, (6, 7), "float32"), strided(draw(rng, (6, 7)))):
        close(ours.backward(dout), theirs.backward(dout))


@pytest.mark.parametrize("train", [True, False])
def test_dropout_draws_as_numpy_does(book, rng, train):
    x, dout = draw(rng, (50, 20)), draw(rng, (50, 20))
    results = []
    for module in (layers, book):
        np.random.seed(3)
        layer = module.Dropout(0.3)
        layer.forward(x)
        results.append((layer.forward(x, train), layer.backward(dout), np.random.rand()))
    for ours, theirs in zip(*results, strict=True):
        assert_array_equal(ours, theirs)


@pytest.mark.parametrize("shape", [(40, 6), (10, 3, 4, 5)])
def test_batch_normalization(book, rng, shape):
    features = int(np.prod(shape[1:]))
    gamma, beta = draw(rng, features), draw(rng, features)
    ours, theirs = (
        module.BatchNormalization(gamma, beta, momentum=0.7) for module in (layers, book)
    )
    for _ in range(3):
        x, dout = draw(rng, shape) + 2, draw(rng, shape)
        close(ours.forward(x), theirs.forward(x), 40)
        close(ours.backward(dout), theirs.backward(dout), 40)
        for name in ("dgamma", "dbeta", "running_mean", "running_var", "std"):
            close(getattr(ours, name), getattr(theirs, name), 40)
        close(ours.xn, theirs.xn, 40)
    close(ours.forward(x, False), theirs.forward(x, train_flg=False), 40)


@pytest.mark.parametrize(
    "label", [np.int64, np.uint8, lambda t: np.eye(5)[t], lambda t: np.eye(5, dtype=int)[t]]
)
def test_softmax_with_loss(book, rng, label):
    x, t = draw(rng, (9, 5)) * 10, label(rng.integers(0, 5, 9))
    ours, theirs = layers.SoftmaxWithLoss(), book.SoftmaxWithLoss()
    close(ours.forward(x, t), theirs.forward(x, t), 9)
    close(ours.backward(), theirs.backward(), 9)
    close(ours.y, theirs.y)
    assert ours.loss == functions.softmax_loss(x, t)
    assert ours.t is t


def test_labels_may_be_a_column_where_there_is_one(book):
    # A script of the book's seventh chapter has them so.
    ours, x = layers.SoftmaxWithLoss(), np.array([[1.0, 2.0, 0.0]])
    loss = ours.forward(x, np.array([[1]]))
    close(loss, book.SoftmaxWithLoss().forward(x, np.array([1])))
    close(ours.backward(), book.softmax(x) - [[0, 1, 0]])


# -- all of them ---------------------------------------------------------------------------------

MADE = {
    "Affine": (lambda: layers.Affine(np.ones((4, 3)), np.zeros(3)), (5, 4)),
    "Relu": (layers.Relu, (5, 4)),
    "Sigmoid": (layers.Sigmoid, (5, 4)),
    "Dropout": (layers.Dropout, (5, 4)),
    "BatchNormalization": (
        lambda: layers.BatchNormalization(np.ones(4), np.zeros(4)),
        (5, 4),
    ),
    "Convolution": (lambda: layers.Convolution(np.ones((2, 1, 2, 2)), np.zeros(2)), (5, 1, 4, 4)),
    "Pooling": (lambda: layers.Pooling(2, 2), (5, 1, 4, 4)),
}


@pytest.mark.parametrize(("make", "shape"), MADE.values(), ids=list(MADE))
@pytest.mark.parametrize(
    "through", [copy.deepcopy, lambda a: pickle.loads(pickle.dumps(a))], ids=["copy", "pickle"]
)
def test_layers_can_be_copied_and_kept(rng, make, shape, through):
    layer, x = make(), draw(rng, shape)
    y = layer.forward(x)
    dout = draw(rng, y.shape)
    again = through(layer)
    assert_array_equal(again.backward(dout.copy()), layer.backward(dout.copy()))


@pytest.mark.parametrize(("make", "shape"), MADE.values(), ids=list(MADE))
def test_same_bits_for_any_number_of_threads(rng, make, shape):
    shape = (300, *shape[1:])
    x, before = draw(rng, shape), fastnn.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 4):
            fastnn.set_num_threads(threads)
            np.random.seed(0)
            layer = make()
            y = layer.forward(x)
            dx = layer.backward(np.cos(y))
            gradients = [getattr(layer, n).tobytes() for n in ("dW", "db") if hasattr(layer, n)]
            results.append((y.tobytes(), dx.tobytes(), gradients))
    finally:
        fastnn.set_num_threads(before)
    assert results[0] == results[1] == results[2]
