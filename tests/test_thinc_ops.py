"""fastnn's backend for thinc beside thinc's own.

thinc's formulas in float64 are the other source, by its plain base class where that has them. They
stand alone: it is the same for every dtype, layout and number of threads.
"""

import contextvars
import inspect
import pickle
import threading

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from peers import peer

import fastnn
from fastnn import _dispatch

api = peer("thinc.api")
from fastnn.thinc import FastnnOps  # noqa: E402

OURS, THEIRS = FastnnOps(), api.NumpyOps()
SIGNS = np.array([-40.0, -20.5, -6.0, -3.0, -1.0, -0.0, 0.0, 0.5, 2.9, 3.1, 6.5, 19.0, 25.0])

KINKS = [-3.0, -1.0, 3.0]  # where one side's derivative is as good as the other's

# A few units in the last place of either type, for results of up to about 40. What thinc
# approximates, or computes from an input that it clips to [-20, 20], is that much further off.
ROUNDING = {np.dtype("float32"): (4e-6, 4e-6), np.dtype("float64"): (1e-13, 1e-13)}
CLIPPED = 40 * 2.1e-9  # of sigmoid at 20, times an input
ERROR_FUNCTION = 40 * 1.5e-7  # thinc's is of Abramowitz and Stegun, 7.1.26
THEIR_GELU_GRADIENT = 2e-5  # its factors have six digits

# name, keywords, what thinc is off by
ACTIVATIONS = [
    ("relu", {}, 0),
    ("sigmoid", {}, CLIPPED),
    ("clipped_linear", {"min_val": -2.0, "max_val": 3.0}, 0),
    ("clipped_linear", {"slope": 0.25, "offset": 0.5}, 0),
    ("relu_k", {"n": 4.0}, 0),
    ("hard_tanh", {}, 0),
    ("hard_sigmoid", {}, 0),
    ("hard_swish", {}, 0),
    ("hard_swish_mobilenet", {}, 0),
    ("swish", {}, CLIPPED),
    ("dish", {}, 0),
    ("mish", {}, 0),
    ("mish", {"threshold": 1.0}, 0),
    ("gelu", {}, ERROR_FUNCTION),
    ("gelu_approx", {}, THEIR_GELU_GRADIENT),
]
IDS = [f"{name}{list(keywords)}" for name, keywords, _ in ACTIVATIONS]
cases = pytest.mark.parametrize(("name", "keywords", "off"), ACTIVATIONS, ids=IDS)


def inputs(rng, dtype, layout):
    x = np.concatenate([SIGNS, 3 * rng.standard_normal(40_000 - SIGNS.size)])
    x = x.reshape(200, 200).astype(dtype)
    return {"plain": x, "strided": x[:, ::2], "turned": x.T, "empty": x[:0], "row": x[0]}[layout]


layouts = pytest.mark.parametrize("layout", ["plain", "strided", "turned", "empty", "row"])


def wide(*arrays):
    return (a.astype(np.float64, order="C") for a in arrays)


def close(result, expected, dtype, off=0):
    assert result.dtype == dtype
    assert result.shape == expected.shape
    rtol, atol = ROUNDING[dtype]
    assert_allclose(result, expected, rtol=rtol, atol=atol + off)


@cases
@layouts
def test_activations(threads, rng, dtype, layout, name, keywords, off):
    x = inputs(rng, dtype, layout)
    expected = getattr(THEIRS, name)(*wide(x), **keywords)
    before = x.copy()
    close(getattr(OURS, name)(x, **keywords), expected, dtype, off)
    assert_array_equal(x, before)


@cases
@layouts
def test_gradients(threads, rng, dtype, layout, name, keywords, off):
    x = inputs(rng, dtype, layout)
    x[np.isin(x, KINKS)] = 0.25
    dy = rng.standard_normal(x.shape).astype(dtype)
    saved = getattr(THEIRS, name)(*wide(x), **keywords)
    arguments = {
        "relu": (dy, saved.astype(dtype)),
        "sigmoid": (dy, saved.astype(dtype)),
        "swish": (dy, x, saved.astype(dtype)),
    }.get(name, (dy, x))
    before = [a.copy() for a in arguments]
    backprop = f"backprop_{name}"
    expected = getattr(THEIRS, backprop)(*wide(*arguments), **keywords)
    close(getattr(OURS, backprop)(*arguments, **keywords), expected, dtype, 4 * off)
    for array, unchanged in zip(arguments, before, strict=True):
        assert_array_equal(array, unchanged)


@cases
def test_in_place_is_what_it_is_in_thinc(rng, dtype, name, keywords, off):
    x = inputs(rng, dtype, "plain")
    saved = getattr(THEIRS, name)(x, **keywords)
    backward = (x, saved, THEIRS.swish(saved)) if name == "swish" else (x, saved)
    calls = {name: (x,), f"backprop_{name}": backward}
    for operation, arguments in calls.items():
        ours, theirs = ([a.copy() for a in arguments] for _ in range(2))
        result = getattr(OURS, operation)(*ours, **keywords, inplace=True)
        expected = getattr(THEIRS, operation)(*theirs, **keywords, inplace=True)
        same = [a is result for a in ours]
        assert same == [a is expected for a in theirs]
        for own, original, written in zip(ours, theirs, same, strict=True):
            if written:
                close(own, original.astype(np.float64), dtype, 40 * off)  # of up to 40 times
            else:
                assert_array_equal(own, original)


@pytest.mark.parametrize("layout", ["plain", "strided", "turned"])
@pytest.mark.parametrize("temperature", [1.0, 2.5])
@pytest.mark.parametrize("axis", [-1, 1, 0])
def test_softmax(threads, rng, dtype, layout, temperature, axis):
    x, dy = inputs(rng, dtype, layout), inputs(rng, dtype, layout)
    settings = {"axis": axis, "temperature": temperature}
    before = x.copy(), dy.copy()
    expected = THEIRS.softmax(*wide(x), **settings)
    y = OURS.softmax(x, inplace=True, **settings)
    close(y, expected, dtype)
    backward = THEIRS.backprop_softmax(*wide(y, dy), **settings)
    # Sums of a hundred or two products.
    close(OURS.backprop_softmax(y, dy, **settings), backward, dtype, 100 * ROUNDING[dtype][1])
    assert_array_equal((x, dy), before)


@pytest.mark.parametrize("pieces", [1, 2, 3, 5])
def test_maxout(threads, rng, dtype, pieces):
    x = rng.integers(-3, 4, (70, 40, pieces)).astype(dtype)  # with many a tie
    best, which = OURS.maxout(x)
    expected = THEIRS.maxout(x)
    assert best.dtype == dtype
    assert which.dtype == np.int32
    assert_array_equal(best, expected[0])
    assert_array_equal(which, expected[1])
    dy = rng.standard_normal(best.shape).astype(dtype)
    dx = OURS.backprop_maxout(dy, which, pieces)
    assert dx.dtype == dtype
    assert_array_equal(dx, THEIRS.backprop_maxout(dy, which, pieces))


@pytest.mark.parametrize("place", [-1, 3])
def test_a_place_that_there_is_not_is_an_index_error(place):
    with pytest.raises(IndexError, match=str(place)):
        OURS.backprop_maxout(np.ones((1, 2), "f"), np.array([[0, place]], "i"), 3)


def test_places_of_another_shape_are_an_error():
    with pytest.raises(ValueError, match="which: expected shape"):  # thinc reads past their end
        OURS.backprop_maxout(np.ones((2, 2), "f"), np.zeros((2, 3), "i"), 2)


@pytest.mark.parametrize("shape", [7, (3, 4), (40, 50), (), (0, 3)])
@pytest.mark.parametrize("drop", [None, 0.0, 0.2, 0.5, 1.0])
def test_masks_of_dropout_are_the_same_bits_as_thincs(shape, drop):
    api.fix_random_seed(3)
    expected = THEIRS.get_dropout_mask(shape, drop)
    after = np.random.random_sample()  # noqa: NPY002  (thinc's generator)
    api.fix_random_seed(3)
    mask = OURS.get_dropout_mask(shape, drop)
    assert np.random.random_sample() == after  # noqa: NPY002
    assert (type(mask), mask.dtype) == (type(expected), expected.dtype)
    assert_array_equal(mask, expected)


WAYS = [{}, {"trans1": True}, {"trans2": True}, {"trans1": True, "trans2": True}]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("layout", ["plain", "turned"])
@pytest.mark.parametrize("given", [False, True])
def test_gemm(threads, rng, way, layout, given):
    x = rng.integers(-8, 9, (30, 20) if "trans1" in way else (20, 30)).astype("f")
    y = rng.integers(-8, 9, (40, 30) if "trans2" in way else (30, 40)).astype("f")
    if layout == "turned":
        x, y = np.asfortranarray(x), np.asfortranarray(y)
    out = np.full((20, 40), np.nan, "f") if given else None
    result = OURS.gemm(x, y, out=out, **way)
    assert result is out or not given
    factors = (a.T if turn in way else a for a, turn in ((x, "trans1"), (y, "trans2")))
    assert_array_equal(result, np.matmul(*factors))
    assert result.dtype == x.dtype


def test_gemm_of_float64():
    x = np.arange(12.0).reshape(3, 4)
    assert_array_equal(OURS.gemm(x, x, trans2=True), x @ x.T)


@pytest.mark.parametrize("bias", [np.arange(7.0), np.arange(7.0)[None], np.array([2.0])])
def test_affine(threads, rng, bias):
    x, w = (rng.integers(-8, 9, shape).astype("f") for shape in ((5, 30), (7, 30)))
    y = OURS.affine(x, w, bias.astype("f"))
    assert_array_equal(y, x @ w.T + bias)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("gemm", (np.ones(3, "f"), np.ones((3, 3), "f"))),
        ("gemm", (np.ones((2, 3), "f"), np.ones((2, 3), "f"))),
        ("backprop_mish", (np.ones(3, "f"), np.ones(4, "f"))),
        ("backprop_relu", (np.ones(3, "f"), np.ones(4, "f"))),
        ("backprop_swish", (np.ones(3, "f"), np.ones(3, "f"), np.ones(4, "f"))),
        ("backprop_softmax", (np.ones(3, "f"), np.ones(4, "f"))),
        ("maxout", (np.ones((2, 3), "f"),)),
        ("relu", ([1.0, 2.0],)),
        ("adam", (*[np.ones(3, "f")] * 3, np.ones(4, "f"), 0.9, 0.9, 1e-8, 0.1)),
    ],
)
def test_errors_are_thincs(name, arguments):
    errors = []
    for ops in (THEIRS, OURS):
        try:
            getattr(ops, name)(*arguments)
        except Exception as error:
            errors.append(type(error))
    assert len(errors) == 2
    assert errors[0] is errors[1]


@pytest.mark.parametrize("dtype", ["float16", "int32", ">f4"])
@pytest.mark.parametrize("name", ["relu", "sigmoid", "gelu", "softmax", "hard_tanh"])
def test_other_dtypes_are_left_to_thinc(name, dtype):
    x = np.array([[-2, 1, 3]], dtype)
    result, expected = (getattr(ops, name)(x) for ops in (OURS, THEIRS))
    assert result.dtype == expected.dtype
    assert_array_equal(result, expected)


def test_the_kernels_are_what_runs(rng, monkeypatch):
    # A method that always left its work to thinc would pass every other test.
    x, dy = (rng.standard_normal((8, 6)).astype("f") for _ in range(2))
    cube, which = x.reshape(8, 2, 3), np.zeros((8, 2), "i")
    flat = [rng.random(9).astype("f") for _ in range(4)]
    calls = {
        "gemm": (x, dy, None, True),
        "affine": (x, x, x[:, 0].copy()),
        "maxout": (cube,),
        "backprop_maxout": (dy[:, :2].copy(), which, 3),
        "softmax": (x,),
        "backprop_softmax": (x, dy),
        "get_dropout_mask": ((3, 4), 0.5),
        "adam": (*flat, 0.9, 0.99, 1e-8, 0.1),
        "clip_gradient": (flat[0], 0.5),
        "update_averages": (flat[0], flat[1], 3),
        "backprop_swish": (dy, x, x),
    }
    for name in ("relu", "sigmoid", "clipped_linear", "hard_swish_mobilenet", "swish", "mish",
                 "gelu", "gelu_approx"):  # fmt: skip
        calls[name] = (x,)
        calls.setdefault(f"backprop_{name}", (dy, x))
    own = {name for name, value in vars(FastnnOps).items() if inspect.isfunction(value)}
    assert own == calls.keys()

    def refuse(*arguments, **keywords):
        raise AssertionError("left to thinc")

    for name, arguments in calls.items():
        monkeypatch.setattr(api.NumpyOps, name, refuse, raising=False)
        if name == "gemm":
            OURS.gemm(*arguments[:2], trans1=True)
        else:
            getattr(OURS, name)(*arguments)


def test_instruction_sets_are_followed(rng):
    x = rng.standard_normal(999).astype("f")
    results = []
    for variant in _dispatch.VARIANTS:
        with _dispatch.use(variant):
            results.append(OURS.sigmoid(x))
    for result in results:
        assert_allclose(result, results[0], rtol=1e-6)


def test_what_optimizers_call(threads, rng, dtype):
    weights, gradient, mom1, mom2 = (rng.random(5000).astype(dtype) for _ in range(4))
    expected = [a.astype(np.float64) for a in (weights, gradient, mom1, mom2)]
    numbers = 0.9, 0.99, 1e-3, 0.1
    result = OURS.adam(weights, gradient, mom1, mom2, *numbers)
    assert all(a is b for a, b in zip(result, (weights, gradient, mom1, mom2), strict=True))
    assert not gradient.any()
    # The formula: that of thinc's base class.
    w, g, m, v = expected
    m, v = 0.9 * m + (1 - 0.9) * g, 0.99 * v + (1 - 0.99) * g * g
    close(mom1, m, dtype)
    close(mom2, v, dtype)
    close(weights, w - 0.1 * m / (np.sqrt(v) + 1e-3), dtype)


@pytest.mark.parametrize("threshold", [0.5, 1e6])
def test_clipping(threads, rng, dtype, threshold):
    gradient = rng.standard_normal((70, 90)).astype(dtype)
    expected = THEIRS.clip_gradient(*wide(gradient), threshold)
    assert OURS.clip_gradient(gradient, threshold) is gradient
    close(gradient, expected, dtype)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # as thinc, of 0 / 0
def test_clipping_nothing_to_nothing(dtype):
    zeros = np.zeros((2, 3), dtype)
    expected = THEIRS.clip_gradient(zeros.copy(), 0.0)
    assert_array_equal(OURS.clip_gradient(zeros, 0.0), expected)


def test_softmax_of_a_list():
    rows = [[1.0, 2.0], [0.5, -1.0]]
    assert_allclose(OURS.softmax(rows, axis=0), THEIRS.softmax(rows, axis=0), rtol=1e-15)
    backward = (ops.backprop_softmax(rows, np.ones((2, 2)), axis=0) for ops in (OURS, THEIRS))
    assert_array_equal(*backward)


@pytest.mark.parametrize("t", [1, 50, 10**7])
def test_averages(threads, rng, dtype, t):
    average, weights = (rng.random((70, 90)).astype(dtype) for _ in range(2))
    decay = min((1 + t) / (10 + t), 0.9999)
    expected = decay * average.astype(np.float64) + (1 - decay) * weights
    OURS.update_averages(average, weights, t)
    close(average, expected, dtype)


# -- a backend among thinc's ---------------------------------------------------------------------


@pytest.fixture
def own_context():
    """What a test sets is gone after it."""
    before = api.get_current_ops()
    yield
    api.set_current_ops(before)


def test_it_is_a_numpy_backend_with_a_name():
    assert isinstance(OURS, api.NumpyOps)
    assert (OURS.name, OURS.device_type, OURS.device_id) == ("fastnn", "cpu", -1)
    assert isinstance(api.get_ops("fastnn"), FastnnOps)
    assert type(api.get_ops("cpu")) is not FastnnOps


def test_it_is_chosen_by_name(own_context):
    before = api.get_current_ops()
    with api.use_ops("fastnn"):
        assert isinstance(api.get_current_ops(), FastnnOps)
        assert isinstance(api.Linear(2, 2).ops, FastnnOps)
    assert api.get_current_ops() is before


def test_it_is_the_contexts_own(own_context):
    api.set_current_ops(FastnnOps())
    seen = {}
    fresh = threading.Thread(target=lambda: seen.update(fresh=api.get_current_ops()))
    context = contextvars.copy_context()
    heir = threading.Thread(
        target=context.run, args=(lambda: seen.update(heir=api.get_current_ops()),)
    )
    for thread in (fresh, heir):
        thread.start()
        thread.join()
    assert type(seen["fresh"]) is type(api.get_ops("cpu"))
    assert isinstance(seen["heir"], FastnnOps)


def test_threads_compute_at_the_same_time(rng):
    x, w = (rng.standard_normal((200, 100)).astype("f") for _ in range(2))
    expected = OURS.affine(x, w, w[:, 0].copy())
    results = [None] * 4

    def work(at):
        for _ in range(50):
            results[at] = OURS.affine(x, w, w[:, 0].copy())

    threads = [threading.Thread(target=work, args=(at,)) for at in range(len(results))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        assert_array_equal(result, expected)


def test_pickles():
    again = pickle.loads(pickle.dumps(FastnnOps(use_blis=False)))
    assert type(again) is FastnnOps
    assert vars(again) == vars(FastnnOps(use_blis=False))


def test_signatures_are_those_of_numpy_ops():
    for name, method in vars(FastnnOps).items():
        if inspect.isfunction(method):
            ours, theirs = (
                [(p.name, p.default) for p in inspect.signature(of).parameters.values()]
                for of in (method, getattr(api.Ops, name))
            )
            assert ours == theirs, name


def test_without_thinc_the_import_says_what_to_do(tmp_path):
    import subprocess
    import sys

    (tmp_path / "thinc.py").write_text("raise ImportError('none here', name='thinc')")
    program = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(fastnn.__path__[0])!r} + '/..']\n"
        "import fastnn; assert 'thinc' not in sys.modules\n"
        "try:\n    import fastnn.thinc\n"
        "except ImportError as error:\n    print(error, error.name)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "pip install thinc" in run.stdout
    assert run.stdout.endswith("thinc\n")
