"""The array API on the real kernels, against the reference."""

import doctest
import inspect
import itertools
import subprocess
import sys

import numpy as np
import pytest

import fastnn
from fastnn import _dispatch, functional, reference
from fastnn.registry import ACTIVATIONS

ROWS = ["softmax", "log_softmax"]
LOSSES = ["mse", "l1", "huber", "hinge", "squared_hinge", "binary_cross_entropy_with_logits"]
SIZES = [0, 1, 15, 16, 17]
WIDER = {np.float32: np.float64, np.float64: np.longdouble}

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@pytest.fixture(params=_dispatch.VARIANTS)
def variant(request):
    with _dispatch.use(request.param):
        yield request.param


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def on_threads(function):
    """The results of a function on one thread and on two."""
    before, results = fastnn.get_num_threads(), []
    try:
        for n in (1, 2):
            fastnn.set_num_threads(n)
            results.append(function())
    finally:
        fastnn.set_num_threads(before)
    return results


def layouts(x):
    """x again, with other strides."""
    spread = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)[..., ::2]
    spread[...] = x
    misaligned = np.empty(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    misaligned[...] = x
    read_only = x.copy()
    read_only.flags.writeable = False
    return [x.copy(), spread, x[..., ::-1].copy()[..., ::-1], x.copy("F"), misaligned, read_only]


def wide(*arrays):
    return [a.astype(WIDER[a.dtype.type]) if a.dtype.kind == "f" else a for a in arrays]


def saved_of(name, x):
    return x if name in ACTIVATIONS and ACTIVATIONS[name].saves == "x" else functional_of(name)(x)


def functional_of(name):
    return getattr(functional, name)


def assert_within(ulps, got, exact, scale=0):
    """got within so many units in the last place of exact, or of scale where that is larger."""
    limits = np.finfo(got.dtype)
    unit = np.maximum(limits.eps * np.maximum(np.abs(exact), scale), limits.smallest_subnormal)
    assert np.max(np.abs(got - exact) / unit, initial=0) <= ulps


def check_activation(name, x, grad):
    """Forward and backward within the documented bounds; out and strides change no bit."""
    forward, backward = functional_of(name), functional_of(f"{name}_backward")
    y = forward(x)
    saved = saved_of(name, x)
    dx = backward(grad, saved)
    for array in (y, dx):
        assert (type(array), array.dtype, array.shape) == (np.ndarray, x.dtype, x.shape)
    exact = getattr(reference, name)(*wide(x))
    exact_dx = getattr(reference, f"{name}_backward")(*wide(grad, saved))
    if name in ACTIVATIONS:
        row = ACTIVATIONS[name]
        ulp, ulp_dx = row.ulp[x.dtype.name]
        # An ulp for the product with grad; five for the reference, where its erfc is C's.
        spare = 1 + 5 * (name == "gelu" and x.dtype == np.float64)
        assert_within(ulp + spare, y, exact)
        # Where a derivative cancels, its bound is relative to its larger term, of size one.
        assert_within(ulp_dx + spare, dx, exact_dx, scale=np.abs(grad) if row.absolute else 0)
    else:
        # Sums over the row, and differences of what is as large as the largest input.
        eps = np.finfo(x.dtype).eps
        scale = np.abs(x).max(initial=1) * np.abs(grad).max(initial=1) * max(x.shape[-1], 1)
        np.testing.assert_allclose(y, exact, rtol=4 * eps, atol=8 * eps * np.abs(x).max(initial=1))
        np.testing.assert_allclose(dx, exact_dx, rtol=4 * eps, atol=4 * eps * scale)
    for other_x, other_grad, other_saved in zip(
        layouts(x), layouts(grad), layouts(saved), strict=True
    ):
        np.testing.assert_array_equal(forward(other_x), y)
        np.testing.assert_array_equal(backward(other_grad, other_saved), dx)
        np.testing.assert_array_equal(other_x, x)
    out = np.full_like(x, np.nan)
    assert forward(x, out=out) is out
    np.testing.assert_array_equal(out, y)
    out = np.full_like(x, np.nan)
    assert backward(grad, saved, out=out) is out
    np.testing.assert_array_equal(out, dx)
    own = x.copy()
    assert forward(own, out=own) is own
    np.testing.assert_array_equal(own, y)
    for position in (0, 1):
        operands = [grad.copy(), saved.copy()]
        assert backward(*operands, out=operands[position]) is operands[position]
        np.testing.assert_array_equal(operands[position], dx)


@dtypes
@pytest.mark.parametrize("name", [*ACTIVATIONS, *ROWS])
@pytest.mark.usefixtures("variant")
def test_activation(name, dtype, rng):
    shapes = [(n,) for n in SIZES] + [(7, 5), (2, 3, 4), (3, 0), (300, 1000)]
    for shape in shapes:
        x, grad = (4 * rng.standard_normal((2, *shape))).astype(dtype)
        check_activation(name, x, grad)


@dtypes
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_of_no_dimension(name, dtype):
    x = np.array(0.75, dtype)
    y = functional_of(name)(x)
    assert (type(y), y.shape) == (np.ndarray, ())
    assert y == pytest.approx(reference.__dict__[name](x), rel=1e-6)
    assert functional_of(f"{name}_backward")(x, saved_of(name, x)).shape == ()


@dtypes
@pytest.mark.parametrize("name", [name for name, row in ACTIVATIONS.items() if row.params])
def test_activation_parameters(name, dtype, rng):
    x, grad = (3 * rng.standard_normal((2, 100))).astype(dtype)
    params = {key: 1.5 * value for key, value in ACTIVATIONS[name].params.items()}
    y = functional_of(name)(x, **params)
    eps = np.finfo(dtype).eps
    # The kernel takes its parameters rounded to the dtype.
    np.testing.assert_allclose(y, getattr(reference, name)(*wide(x), **params), rtol=8 * eps)
    saved = x if ACTIVATIONS[name].saves == "x" else y
    dx = functional_of(f"{name}_backward")(grad, saved, **params)
    exact = getattr(reference, f"{name}_backward")(*wide(grad, saved), **params)
    np.testing.assert_allclose(dx, exact, rtol=8 * eps, atol=8 * eps)


@pytest.mark.parametrize("name", [*ACTIVATIONS, *ROWS])
def test_nan_stays_nan(name):
    x = np.full(40, 0.5, np.float32)
    x[[3, 20, 39]] = np.nan
    y = functional_of(name)(x)
    assert np.isnan(y).all() if name in ROWS else (np.isnan(y) == np.isnan(x)).all()


@dtypes
@pytest.mark.parametrize("name", [*ACTIVATIONS, *ROWS])
@pytest.mark.usefixtures("variant")
def test_activation_on_threads(name, dtype, rng):
    x, grad = (4 * rng.standard_normal((2, 1000, 301))).astype(dtype)
    saved = saved_of(name, x)
    one, two = on_threads(
        lambda: (functional_of(name)(x), functional_of(f"{name}_backward")(grad, saved))
    )
    for a, b in zip(one, two, strict=True):
        assert a.tobytes() == b.tobytes()


@dtypes
@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.usefixtures("variant")
def test_bias_activation(name, dtype, rng):
    eps = np.finfo(dtype).eps
    for shape in [(5,), (0, 3), (3, 0), (17, 15), (2, 3, 4), (3000, 101)]:
        x, grad = (2 * rng.standard_normal((2, *shape))).astype(dtype)
        bias = rng.standard_normal(shape[-1]).astype(dtype)
        y = functional_of(name)(x + bias)
        np.testing.assert_array_equal(functional.bias_activation(x, bias, name), y)
        np.testing.assert_array_equal(
            functional.bias_activation(layouts(x)[3], layouts(bias)[1], name), y
        )
        out = x.copy()
        assert functional.bias_activation(out, bias, name, out=out) is out
        np.testing.assert_array_equal(out, y)

        saved = x + bias if ACTIVATIONS[name].saves == "x" else y
        dx = functional_of(f"{name}_backward")(grad, saved)
        sums = dx.sum(axis=tuple(range(dx.ndim - 1)), dtype=WIDER[dtype])
        atol = 4 * eps * np.abs(dx).max(initial=0) * (1 if dtype is np.float32 else x.size)
        results = on_threads(lambda: functional.bias_activation_backward(grad, saved, name))  # noqa: B023
        for got_dx, got_sums in results:
            np.testing.assert_array_equal(got_dx, dx)
            np.testing.assert_allclose(got_sums, sums, rtol=eps, atol=atol)
            assert got_sums.tobytes() == results[0][1].tobytes()
        out, bias_grad = grad.copy(), np.full_like(bias, np.nan)
        got = functional.bias_activation_backward(out, saved, name, out=out, bias_grad=bias_grad)
        assert got[0] is out
        assert got[1] is bias_grad
        np.testing.assert_array_equal(out, dx)
        np.testing.assert_array_equal(bias_grad, results[0][1])


# Losses


def check_loss(name, pred, target, **options):
    loss = functional_of(name)
    value, grad = loss(pred, target, **options)
    assert type(value) is float
    assert (grad.shape, grad.dtype) == (pred.shape, pred.dtype)
    wider = {
        key: wide(option)[0] if isinstance(option, np.ndarray) else option
        for key, option in options.items()
    }
    exact, exact_grad = getattr(reference, name)(*wide(pred, target), **wider)
    eps = float(np.finfo(pred.dtype).eps)
    # Differences such as pred - target lose what their terms have in common, squared or not.
    other = 0 if target.dtype.kind == "i" else np.abs(target)
    terms = (1 + np.abs(pred)) * (1 + other)
    size = float(terms.mean(axis=tuple(range(1, pred.ndim))).max(initial=1)) if pred.size else 1.0
    assert value == pytest.approx(exact, rel=8 * eps, abs=8 * eps * size)
    # A gradient is a difference of terms of up to 1, shared among the rows.
    scale = max(np.abs(exact_grad).max(initial=0), 1 / max(1, len(pred)))
    np.testing.assert_allclose(grad, exact_grad, rtol=8 * eps, atol=8 * eps * scale)
    again = [
        loss(*inputs, **options) for inputs in zip(layouts(pred), layouts(target), strict=True)
    ]
    out = np.full_like(pred, np.nan)
    own = pred.copy()
    again += [
        loss(pred, target, grad_out=out, **options),
        loss(own, target, grad_out=own, **options),
    ]
    assert again[-2][1] is out
    assert again[-1][1] is own
    again += on_threads(lambda: loss(pred, target, **options))
    for other_value, other_grad in again:
        assert other_value == value
        np.testing.assert_array_equal(other_grad, grad)


@dtypes
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.usefixtures("variant")
def test_loss(name, dtype, rng):
    for shape in [(0, 3), (3, 0), (1,), (15, 1), (17, 16), (4, 3, 5), (3, 2000), (3000, 100)]:
        pred, target = rng.standard_normal((2, *shape)).astype(dtype)
        if "hinge" in name:
            target = np.where(target > 0, dtype(1), dtype(-1))
        if "binary" in name:
            target = rng.random(shape, dtype)
            pred = 10 * pred
        weight = rng.integers(0, 3, shape[0]).astype(dtype)
        check_loss(name, pred, target)
        check_loss(name, pred, target, sample_weight=weight)
    if name == "huber":
        check_loss(name, pred, target, delta=0.25)


@dtypes
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.usefixtures("variant")
def test_softmax_cross_entropy(dtype, smoothing, rng):
    for rows, classes in [(0, 3), (1, 1), (15, 2), (17, 10), (3, 2000), (3000, 100)]:
        logits = (3 * rng.standard_normal((rows, classes))).astype(dtype)
        weight = rng.integers(0, 3, rows).astype(dtype)
        labels = rng.integers(0, classes, rows)
        probabilities = functional.softmax(rng.standard_normal((rows, classes)).astype(dtype))
        for target, options in itertools.product(
            (labels, probabilities), ({}, {"sample_weight": weight})
        ):
            check_loss(
                "softmax_cross_entropy", logits, target, label_smoothing=smoothing, **options
            )


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.int32, np.uint64, ">i4"])
def test_labels_of_any_integer_dtype(kind):
    logits, labels = np.eye(4), np.array([3, 0, 2, 2])
    loss, grad = functional.softmax_cross_entropy(logits, labels)
    other_loss, other_grad = functional.softmax_cross_entropy(logits, labels.astype(kind))
    assert other_loss == loss
    np.testing.assert_array_equal(other_grad, grad)


@dtypes
@pytest.mark.parametrize("name", [*LOSSES, "softmax_cross_entropy"])
def test_weights_that_sum_to_zero(name, dtype):
    pred, target = np.full((2, 3, 4), 2, dtype)
    loss, grad = functional_of(name)(pred, target, sample_weight=np.zeros(3, dtype))
    assert loss == 0.0
    np.testing.assert_array_equal(grad, np.zeros((3, 4)))


def test_a_million_classes():
    logits = np.full((1, 1_000_000), -1e4, np.float32)
    logits[0, 7] = 1e4
    for label, expected in [(7, 0.0), (8, 2e4)]:
        loss, grad = functional.softmax_cross_entropy(logits, np.array([label]))
        assert loss == expected
        assert np.isfinite(grad).all()


# Optimizers

UPDATES = [
    ("sgd_update", 0, {"lr": 0.1}),
    ("sgd_update", 0, {"lr": 0.1, "weight_decay": 0.1}),
    ("sgd_update", 1, {"lr": 0.1, "momentum": 0.9}),
    ("sgd_update", 1, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("adagrad_update", 1, {"lr": 0.1}),
    ("adagrad_update", 1, {"lr": 0.1, "eps": 1e-3, "weight_decay": 0.1}),
    ("rmsprop_update", 1, {"lr": 0.1}),
    ("rmsprop_update", 1, {"lr": 0.1, "alpha": 0.5, "eps": 1e-3, "weight_decay": 0.1}),
    ("rmsprop_update", 2, {"lr": 0.1, "momentum": 0.9}),
    ("rmsprop_update", 2, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("adam_update", 2, {"step": 1}),
    ("adam_update", 2, {"step": 3, "lr": 0.1, "betas": (0.5, 0.75), "eps": 0.1}),
    ("adam_update", 2, {"step": 3, "lr": 0.1, "weight_decay": 0.1}),
    ("adam_update", 2, {"step": 3, "lr": 0.1, "weight_decay": 0.1, "decoupled": True}),
    ("adam_update", 3, {"step": 3, "lr": 0.1, "amsgrad": True}),
    ("adadelta_update", 2, {}),
    ("adadelta_update", 2, {"lr": 0.5, "rho": 0.5, "eps": 1e-3, "weight_decay": 0.1}),
    ("rprop_update", 2, {"step": 1}),
    ("rprop_update", 2, {"step": 2, "etas": (0.25, 1.5), "step_sizes": (0.2, 0.5)}),
    ("lion_update", 1, {"lr": 0.1}),
    ("lion_update", 1, {"lr": 0.1, "betas": (0.5, 0.75), "weight_decay": 0.1}),
    ("adamax_update", 2, {"step": 1}),
    ("adamax_update", 2, {"step": 3, "lr": 0.1, "betas": (0.5, 0.75), "weight_decay": 0.1}),
    ("nadam_update", 2, {"step": 1}),
    ("nadam_update", 2, {"step": 3, "lr": 0.1, "weight_decay": 0.1, "momentum_decay": 0.5}),
    (
        "nadam_update",
        2,
        {"step": 999, "betas": (0.999, 0.9), "weight_decay": 0.1, "decoupled": True},
    ),
    ("radam_update", 2, {"step": 1, "weight_decay": 0.1}),
    ("radam_update", 2, {"step": 9, "betas": (0.5, 0.9), "weight_decay": 0.1, "decoupled": True}),
]


@dtypes
@pytest.mark.parametrize(("name", "states", "options"), UPDATES)
@pytest.mark.usefixtures("variant")
def test_update(name, states, options, dtype, rng):
    update = functional_of(name)
    for shape in [(), *((n,) for n in SIZES), (7, 5), (300_001,)]:
        start = rng.standard_normal((2 + states, *shape)).astype(dtype)
        start[2:] = np.abs(start[2:]) + dtype(0.1)

        def run(start=start):
            param, grad, *state = (np.array(a) for a in start)
            assert update(param, grad, *state, **options) is None
            return [param, *state]

        exact = [np.array(a) for a in wide(start)[0]]
        getattr(reference, name)(*exact, **options)
        one, two = on_threads(run)
        eps = np.finfo(dtype).eps
        for got, on_two, expected in zip(one, two, [exact[0], *exact[2:]], strict=True):
            # A few sums of terms of size one, each rounded.
            np.testing.assert_allclose(got, expected, rtol=8 * eps, atol=8 * eps)
            assert got.tobytes() == on_two.tobytes()
        if shape:
            for grad in layouts(start[1]):
                param, _, *state = [a.copy() for a in start]
                update(param, grad, *state, **options)
                np.testing.assert_array_equal(param, one[0])


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-5), (np.float64, 1e-12)])
def test_a_thousand_adam_steps(dtype, tolerance, rng):
    start = rng.standard_normal(20).astype(dtype)
    ours, theirs = ([start.copy(), np.zeros(20, dtype), np.zeros(20, dtype)] for _ in range(2))
    for step in range(1, 1001):
        grad = ours[0] + rng.standard_normal(20).astype(dtype)
        functional.adam_update(ours[0], grad, *ours[1:], step=step, lr=0.01)
        reference.adam_update(theirs[0], grad, *theirs[1:], step=step, lr=0.01)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=0, atol=tolerance)


# The API as a whole


def test_functional_and_reference_are_one_api():
    functions = {
        name
        for part in ("activations", "losses", "piecewise", "rows", "updates")
        for name, value in vars(getattr(reference, part)).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }
    assert set(functional.__all__) == functions
    for name in functions:
        ours, theirs = functional_of(name), getattr(reference, name)
        assert inspect.signature(ours) == inspect.signature(theirs), name
        assert ours.__name__ == name


@pytest.mark.parametrize("name", functional.__all__)
def test_docstring(name):
    function = functional_of(name)
    assert "Raises" in function.__doc__
    for parameter in inspect.signature(function).parameters:
        assert parameter in function.__doc__
    assert "{" not in function.__doc__
    test = doctest.DocTestParser().get_doctest(function.__doc__, {}, name, None, 0)
    assert test.examples
    results = doctest.DocTestRunner().run(test)
    assert results.failed == 0


# Errors. x has shape (3, 4); a message names the argument, what was expected, what came.

x = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
big = np.zeros(30, np.float32)
labels = np.array([0, 3, 1])
sgd, adam = functional.sgd_update, functional.adam_update
cross_entropy = functional.softmax_cross_entropy


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


def z(shape=(3, 4), dtype=np.float32):
    return np.zeros(shape, dtype)


ERRORS = {
    "list": (
        lambda: functional.relu([1.0]),
        TypeError,
        r"x: expected numpy.ndarray, got list",
    ),
    "integers": (
        lambda: functional.relu(z(dtype=int)),
        TypeError,
        "x: expected float32 or float64, got int64",
    ),
    "byte order": (
        lambda: functional.relu(x.astype(x.dtype.newbyteorder())),
        TypeError,
        "x: expected float32 or float64, got float32 in foreign byte order",
    ),
    "masked": (
        lambda: functional.relu(np.ma.masked_array(x)),
        TypeError,
        "x: expected numpy.ndarray, got MaskedArray",
    ),
    "saved dtype": (
        lambda: functional.relu_backward(x, z(dtype=np.float64)),
        TypeError,
        "saved: expected float32 like the first array, got float64",
    ),
    "saved shape": (
        lambda: functional.relu_backward(x, z((4, 3))),
        ValueError,
        r"saved: expected shape \(3, 4\), got \(4, 3\)",
    ),
    "out dtype": (
        lambda: functional.relu(x, out=z(dtype=np.float64)),
        TypeError,
        "out: expected float32 like the first array, got float64",
    ),
    "out shape": (
        lambda: functional.relu(x, out=z((4, 3))),
        ValueError,
        r"out: expected shape \(3, 4\), got \(4, 3\)",
    ),
    "out strides": (
        lambda: functional.relu(x, out=z((3, 8))[:, ::2]),
        ValueError,
        r"out: expected an aligned, C-contiguous array.*got strides \(32, 8\)",
    ),
    "out read-only": (
        lambda: functional.relu(x, out=read_only(x)),
        ValueError,
        "out: expected a writeable array, got a read-only one",
    ),
    "out overlaps": (
        lambda: functional.relu(big[:20], out=big[10:]),
        ValueError,
        "out: expected x itself or memory apart from it, got an array that overlaps it in part",
    ),
    "out reverses": (
        lambda: functional.relu(big[::-1], out=big),
        ValueError,
        "out: expected x itself",
    ),
    "parameter unknown": (
        lambda: functional.elu(x, beta=1.0),
        TypeError,
        r"elu\(\) got an unexpected keyword argument 'beta'",
    ),
    "parameter type": (
        lambda: functional.elu(x, alpha="1"),
        TypeError,
        "alpha: expected a finite number, got str",
    ),
    "parameter value": (
        lambda: functional.softplus(x, beta=0),
        ValueError,
        r"beta: expected beta > 0, got 0\.0",
    ),
    "softmax of a scalar": (
        lambda: functional.softmax(z(())),
        ValueError,
        r"x: expected at least 1 dimension, got shape \(\)",
    ),
    "activation": (
        lambda: functional.bias_activation(x, x[0], "reul"),
        ValueError,
        "activation: expected one of identity, .*, got 'reul'",
    ),
    "bias shape": (
        lambda: functional.bias_activation(x, z(3), "relu"),
        ValueError,
        r"bias: expected shape \(4,\), got \(3,\)",
    ),
    "bias overlaps": (
        lambda: functional.bias_activation(x, big[:4], "relu", out=big[:12].reshape(3, 4)),
        ValueError,
        "out: expected memory apart from bias",
    ),
    "bias_grad shape": (
        lambda: functional.bias_activation_backward(x, x, "relu", bias_grad=z(3)),
        ValueError,
        r"bias_grad: expected shape \(4,\), got \(3,\)",
    ),
    "target shape": (
        lambda: functional.mse(x, z(3)),
        ValueError,
        r"target: expected shape \(3, 4\), got \(3,\)",
    ),
    "grad_out is target": (
        lambda: functional.mse(x, big[:12].reshape(3, 4), grad_out=big[:12].reshape(3, 4)),
        ValueError,
        "grad_out: expected memory apart from target",
    ),
    "delta": (
        lambda: functional.huber(x, x, delta=0),
        ValueError,
        "delta: expected a finite number > 0, got 0",
    ),
    "weight shape": (
        lambda: functional.mse(x, x, sample_weight=z(4)),
        ValueError,
        r"sample_weight: expected shape \(3,\), got \(4,\)",
    ),
    "weight dtype": (
        lambda: functional.mse(x, x, sample_weight=z(3, np.float64)),
        TypeError,
        "sample_weight: expected float32",
    ),
    "weight negative": (
        lambda: functional.mse(x, x, sample_weight=np.array([1, -1, 1], np.float32)),
        ValueError,
        r"sample_weight: expected finite numbers >= 0, got -1\.0 at index 1",
    ),
    "weight NaN": (
        lambda: cross_entropy(x, labels, sample_weight=np.array([1, 1, np.nan], np.float32)),
        ValueError,
        "sample_weight: expected finite numbers >= 0, got nan at index 2",
    ),
    "label too large": (
        lambda: cross_entropy(x, np.array([0, 4, 1])),
        ValueError,
        r"labels: expected integers in \[0, 4\), got 4 at index 1",
    ),
    "label negative": (
        lambda: cross_entropy(x, np.array([0, 1, -1], np.int8)),
        ValueError,
        r"labels: expected integers in \[0, 4\), got -1 at index 2",
    ),
    "label huge": (
        lambda: cross_entropy(x, np.array([2**64 - 1, 0, 0], np.uint64)),
        ValueError,
        r"labels: expected integers in \[0, 4\), got 18446744073709551615 at index 0",
    ),
    "labels shape": (
        lambda: cross_entropy(x, np.zeros((3, 4), int)),
        ValueError,
        r"labels: expected shape \(3,\), got \(3, 4\)",
    ),
    "labels dtype": (
        lambda: cross_entropy(x, np.array([True, False, True])),
        TypeError,
        "labels: expected integers, or float32 probabilities of shape .*, got bool",
    ),
    "logits shape": (
        lambda: cross_entropy(x[0], labels),
        ValueError,
        r"logits: expected shape \(N, C\) with C >= 1, got \(4,\)",
    ),
    "label_smoothing": (
        lambda: cross_entropy(x, labels, label_smoothing=1.5),
        ValueError,
        r"label_smoothing: expected a number in \[0, 1\], got 1\.5",
    ),
    "grad shape": (
        lambda: sgd(z(), z((4, 3)), lr=0.1),
        ValueError,
        r"grad: expected shape \(3, 4\), got \(4, 3\)",
    ),
    "grad dtype": (
        lambda: sgd(z(), z(dtype=np.float64), lr=0.1),
        TypeError,
        "grad: expected float32 like the first array, got float64",
    ),
    "param strides": (
        lambda: sgd(z((4, 3)).T, x, lr=0.1),
        ValueError,
        "param: expected an aligned, C-contiguous array",
    ),
    "param is grad": (
        lambda: sgd(x, x, lr=0.1),
        ValueError,
        "param: expected memory apart from grad",
    ),
    "states overlap": (
        lambda: adam(z(20), z(20), big[:20], big[10:], step=1),
        ValueError,
        "exp_avg_sq: expected memory apart from exp_avg",
    ),
    "state is param": (
        lambda: functional.adagrad_update(x, z(), x, lr=0.1),
        ValueError,
        "state_sum: expected memory apart from param",
    ),
    "buffer missing": (
        lambda: sgd(z(), x, lr=0.1, momentum=0.9),
        TypeError,
        "momentum_buffer: expected numpy.ndarray, got NoneType",
    ),
    "lr": (
        lambda: sgd(z(), x, lr=-0.1),
        ValueError,
        "lr: expected a finite number >= 0, got -0.1",
    ),
    "lr NaN": (lambda: sgd(z(), x, lr=np.nan), ValueError, "lr: expected a finite number"),
    "lr type": (lambda: sgd(z(), x, lr=True), TypeError, "lr: expected .*, got bool"),
    "lr array": (lambda: sgd(z(), x, lr=np.ones(1)), TypeError, "lr: expected .*, got ndarray"),
    "nesterov": (
        lambda: sgd(z(), x, lr=0.1, nesterov=True),
        ValueError,
        "nesterov: expected momentum > 0 with it, got momentum 0",
    ),
    "betas": (
        lambda: adam(z(), x, z(), z(), step=1, betas=0.9),
        TypeError,
        "betas: expected two numbers, got 0.9",
    ),
    "beta": (
        lambda: adam(z(), x, z(), z(), step=1, betas=[0.9, 1.0]),
        ValueError,
        r"betas\[1\]: expected a number in \[0, 1\), got 1\.0",
    ),
    "step": (
        lambda: adam(z(), x, z(), z(), step=0),
        ValueError,
        "step: expected at least 1, got 0",
    ),
    "step type": (
        lambda: adam(z(), x, z(), z(), step=1.0),
        TypeError,
        "step: expected a whole number, got 1.0",
    ),
    "eps": (
        lambda: adam(z(), x, z(), z(), step=1, eps=-1),
        ValueError,
        "eps: expected a finite number >= 0, got -1",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_error(case):
    call, error, message = ERRORS[case]
    before = x.copy()
    with pytest.raises(error, match="^" + message):
        call()
    np.testing.assert_array_equal(x, before)
    assert not big.any()


def test_errors_come_before_writing():
    out = np.full((3, 4), 7, np.float32)
    for call in (
        lambda: cross_entropy(x, np.array([0, 0, 9]), grad_out=out),
        lambda: functional.mse(x, x, sample_weight=-np.ones(3, np.float32), grad_out=out),
        lambda: adam(out, x, z(), z((4, 3)), step=1),
        lambda: functional.bias_activation_backward(x, x, "relu", out=out, bias_grad=z(5)),
    ):
        with pytest.raises(ValueError, match="expected"):
            call()
        assert (out == 7).all()


def test_interleaved_arrays_are_apart():
    """Bounds that overlap are not yet memory in common."""
    memory = np.arange(24, dtype=np.float32)
    pairs = memory.reshape(12, 2)
    param = np.ascontiguousarray(pairs[:1, 1])
    assert functional.relu(pairs[:1, 0], out=param) is param
    column, gap = memory.reshape(2, 12)[:, :3], memory[3:9].reshape(2, 3)
    np.testing.assert_array_equal(functional.relu(column, out=gap), column)


def test_memmap(tmp_path):
    mapped = np.memmap(tmp_path / "x", np.float32, "w+", shape=(3, 4))
    mapped[...] = x
    y = functional.relu(mapped)
    assert type(y) is np.ndarray
    np.testing.assert_array_equal(y, np.maximum(x, 0))
    assert functional.relu(x, out=mapped) is mapped
    np.testing.assert_array_equal(mapped, y)


def test_memory_mapped_arrays_are_changed_in_place(tmp_path):
    x = np.linspace(-2, 2, 100, dtype="f4")
    mapped = np.memmap(tmp_path / "x", "f4", "w+", shape=100)
    mapped[...] = x
    assert functional.tanh(mapped, out=mapped) is mapped
    assert np.array_equal(mapped, functional.tanh(x))
    functional.sgd_update(mapped, x, lr=0.5)
    assert np.array_equal(mapped, functional.tanh(x) - np.float32(0.5) * x)
    functional.tanh_backward(x, functional.tanh(x), out=mapped)
    assert np.array_equal(mapped, functional.tanh_backward(x, functional.tanh(x)))


def test_optimized_python_calls_the_kernels_as_well():
    # Subclasses of ndarray take the path of a second, checked call.
    code = """
import numpy as np
from fastnn import functional

class Mine(np.ndarray):
    pass

x = np.linspace(-1, 1, 12).reshape(3, 4).view(Mine)
y, param = np.zeros((3, 4)).view(Mine), np.zeros((3, 4)).view(Mine)
functional.relu(x, out=y)
functional.sgd_update(param, x, lr=1.0)
print((y == np.maximum(x, 0)).all(), (param == -x).all())
"""
    run = subprocess.run([sys.executable, "-O", "-c", code], capture_output=True, text=True)
    assert run.stdout.split() == ["True", "True"], run.stderr
