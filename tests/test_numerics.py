"""The activations: their error, their limits, and that an element's result is its own."""

import math

import numpy as np
import pytest
from exact import (
    ACTIVATIONS,
    EXTENDED,
    FORWARD,
    GRADIENT,
    LEVELS,
    activate,
    exact,
    larger_term,
    sample,
    ulp_error,
)
from leaf_calls import MODULES
from peers import peer

DTYPES = ["float32", "float64"]
INF, NAN = math.inf, math.nan

for_each_variant = pytest.mark.parametrize("level", LEVELS)
for_each_dtype = pytest.mark.parametrize("dtype", [np.dtype(name) for name in DTYPES], ids=str)
for_each_row = pytest.mark.parametrize("row", ACTIVATIONS.values(), ids=lambda row: row.name)
needs_extended = pytest.mark.skipif(not EXTENDED, reason="longdouble is only double here")


def forward(level, row, x, out=None, params=None):
    out = np.empty_like(x) if out is None else out
    return activate(level, row.name, "forward", x, out, params=params)


def backward(level, row, grad, saved, out=None, params=None):
    out = np.empty_like(saved) if out is None else out
    return activate(level, row.name, "backward", grad, saved, out, params=params)


def slope(level, row, saved, params=None):
    return backward(level, row, np.ones_like(saved), saved, params=params)


@needs_extended
@for_each_variant
@for_each_dtype
@for_each_row
def test_error_is_within_the_documented_ulp(row, dtype, level):
    x = sample(dtype.type, 20_000, seed=1)
    params = row.params.values()
    y = forward(level, row, x)
    saved = y if row.saves == "y" else x
    f = exact(FORWARD, row.name, x, params, dtype)
    df = exact(GRADIENT, row.name, saved, params, dtype)
    scale = larger_term(row.name, saved.astype(np.longdouble), f, df) if row.absolute else df

    forward_bound, backward_bound = row.ulp[dtype.name]
    assert ulp_error(y, f, f, dtype).max() <= forward_bound <= 4
    assert ulp_error(slope(level, row, saved), df, scale, dtype).max() <= backward_bound <= 4


@needs_extended
@for_each_variant
@for_each_dtype
@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("leaky_relu", [0.0]),
        ("leaky_relu", [0.3]),
        ("hardtanh", [-0.25, 2.0]),
        ("elu", [0.0]),
        ("elu", [1.7]),
        ("celu", [0.3]),
        ("celu", [1.7]),
        ("threshold", [-0.25, 2.0]),
        ("hardshrink", [0.0]),
        ("softshrink", [3.3]),
        ("softplus", [0.7]),
        ("softplus", [3.3]),
    ],
)
def test_error_with_other_parameters(name, params, dtype, level):
    row = ACTIVATIONS[name]
    x = sample(dtype.type, 20_000, seed=2)
    # A subnormal exp(beta x) has lost digits that a division by beta < 1 can bring up again.
    x = x[(x > np.log(np.finfo(dtype).tiny) / params[0]) if name == "softplus" else slice(None)]
    y = forward(level, row, x, params=params)
    saved = y if row.saves == "y" else x
    f = exact(FORWARD, name, x, params, dtype)
    df = exact(GRADIENT, name, saved, params, dtype)
    assert ulp_error(y, f, f, dtype).max() <= 4
    assert ulp_error(slope(level, row, saved, params), df, df, dtype).max() <= 4


def test_tanh_is_no_worse_than_numpy():
    # NumPy 2.4's bounds as docs/numerics.md gives them: what NumPy calls depends on the machine.
    ulp = ACTIVATIONS["tanh"].ulp
    assert ulp["float32"][0] <= 1.38
    assert ulp["float64"][0] <= 1.18


@needs_extended
def test_formulas_agree_with_numpy_and_scipy():
    special = peer("scipy.special")
    x = np.linspace(-6, 6, 4001)
    u = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
    expected = {
        "sigmoid": special.expit(x),
        "log_sigmoid": special.log_expit(x),
        "softplus": np.logaddexp(0, x),
        "tanh": np.tanh(x),
        "silu": x * special.expit(x),
        "mish": x * np.tanh(np.logaddexp(0, x)),
        "gelu_tanh": x * (1 + np.tanh(u)) / 2,
        "gelu": x * special.ndtr(x),
        "elu": np.where(x > 0, x, np.expm1(x)),
        "selu": 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
    }
    for name, values in expected.items():
        formula = exact(FORWARD, name, x, ACTIVATIONS[name].params.values(), np.float64)
        # x (1 + tanh(u)) / 2 cancels to an absolute error.
        np.testing.assert_allclose(values, formula.astype(float), rtol=1e-13, atol=1e-15)


@needs_extended
@for_each_row
def test_gradient_formulas_are_derivatives(row):
    # Central differences of fourth order, in extended precision, away from the kinks.
    x, h = np.linspace(-7.031, 7.043, 501), np.longdouble(1e-4)
    params = row.params.values()

    def f(x):
        return exact(FORWARD, row.name, x, params, np.float64)

    wide = x.astype(np.longdouble)
    numerical = (8 * (f(wide + h) - f(wide - h)) - (f(wide + 2 * h) - f(wide - 2 * h))) / (12 * h)
    saved = f(wide) if row.saves == "y" else wide
    gradient = exact(GRADIENT, row.name, saved, params, np.float64)
    np.testing.assert_allclose(gradient.astype(float), numerical.astype(float), atol=1e-11)


# f(-inf), f(0), f(inf), f'(-inf), f'(0), f'(inf); at a kink PyTorch's choice.
LIMITS = {
    "identity": (-INF, 0, INF, 1, 1, 1),
    "step": (0, 1, 1, 0, 0, 0),
    "relu": (0, 0, INF, 0, 0, 1),
    "leaky_relu": (-INF, 0, INF, 0.01, 0.01, 1),
    "relu6": (0, 0, 6, 0, 0, 0),
    "hardtanh": (-1, 0, 1, 0, 1, 0),
    "threshold": (0, 0, INF, 0, 0, 1),
    "hardshrink": (-INF, 0, INF, 1, 0, 1),
    "softshrink": (-INF, 0, INF, 1, 0, 1),
    "hardsigmoid": (0, 0.5, 1, 0, 1 / 6, 0),
    "hardswish": (0, 0, INF, 0, 0.5, 1),
    "softsign": (-1, 0, 1, 0, 1, 0),
    "elu": (-1, 0, INF, 0, 1, 1),
    "celu": (-1, 0, INF, 0, 1, 1),
    "selu": (-1.7580993408473766, 0, INF, 0, 1.7580993408473766, 1.0507009873554805),
    "sigmoid": (0, 0.5, 1, 0, 0.25, 0),
    "log_sigmoid": (-INF, -math.log(2), 0, 1, 0.5, 0),
    "softplus": (0, math.log(2), INF, 0, 0.5, 1),
    "tanh": (-1, 0, 1, 0, 1, 0),
    "tanhshrink": (-INF, 0, INF, 1, 0, 1),
    "silu": (0, 0, INF, 0, 0.5, 1),
    "mish": (0, 0, INF, 0, 0.6, 1),
    "gelu_tanh": (0, 0, INF, 0, 0.5, 1),
    "gelu": (0, 0, INF, 0, 0.5, 1),
}
# At the other kinks: x, f'(x).
KINKS = [
    ("relu6", 6.0, 0.0),
    ("hardtanh", -1.0, 0.0),
    ("hardtanh", 1.0, 0.0),
    ("hardshrink", -0.5, 0.0),
    ("hardshrink", 0.5, 0.0),
    ("softshrink", -0.5, 0.0),
    ("softshrink", 0.5, 0.0),
    ("hardsigmoid", -3.0, 0.0),
    ("hardsigmoid", 3.0, 0.0),
    ("hardswish", -3.0, 0.0),
    ("hardswish", 3.0, 1.0),
]


@for_each_variant
@for_each_dtype
@for_each_row
def test_limits(row, dtype, level):
    # A vector long enough for the widest vector body, and -0 beside 0.
    x = np.tile(np.array([-INF, 0.0, -0.0, INF], dtype), 24)
    y = forward(level, row, x)
    gradient = slope(level, row, y if row.saves == "y" else x)
    low, zero, high, low_slope, zero_slope, high_slope = LIMITS[row.name]
    tolerance = {"rtol": 4 * np.finfo(dtype).eps, "atol": 0}
    np.testing.assert_allclose(y, np.tile([low, zero, zero, high], 24), **tolerance)
    np.testing.assert_allclose(
        gradient, np.tile([low_slope, zero_slope, zero_slope, high_slope], 24), **tolerance
    )


@for_each_variant
@for_each_dtype
@pytest.mark.parametrize(("name", "x", "expected"), KINKS)
def test_gradient_at_kinks(name, x, expected, dtype, level):
    row = ACTIVATIONS[name]
    x = np.full(97, x, dtype)
    saved = forward(level, row, x) if row.saves == "y" else x
    assert (slope(level, row, saved) == expected).all()


@for_each_variant
@for_each_dtype
@for_each_row
def test_nan_propagates(row, dtype, level):
    # NaN at each place of a body and of a tail, its neighbours untouched.
    x = np.linspace(-2, 2, 67, dtype=dtype)
    clean = forward(level, row, x)
    saved = clean if row.saves == "y" else x
    gradient = slope(level, row, saved)
    for i in range(x.size):
        spoilt, grad = x.copy(), np.ones_like(x)
        spoilt[i] = grad[i] = NAN
        expected = clean.copy()
        expected[i] = NAN
        np.testing.assert_array_equal(forward(level, row, spoilt), expected)
        # A NaN in the incoming gradient; a slope that is zero may stop it, as in PyTorch.
        expected = gradient.copy()
        got = backward(level, row, grad, saved)
        expected[i] = NAN if gradient[i] else got[i]
        np.testing.assert_array_equal(got, expected)


@for_each_variant
@for_each_dtype
@for_each_row
def test_in_place_equals_out_of_place(row, dtype, level):
    x = sample(dtype.type, 2000, seed=4)
    y = forward(level, row, x)
    target = x.copy()
    np.testing.assert_array_equal(forward(level, row, target, out=target), y)

    saved = y if row.saves == "y" else x
    grad = sample(dtype.type, 2000, seed=5)[: x.size]
    with np.errstate(all="ignore"):
        dx = backward(level, row, grad, saved)
        target = grad.copy()
        np.testing.assert_array_equal(backward(level, row, target, saved, out=target), dx)
        target = saved.copy()
        np.testing.assert_array_equal(backward(level, row, grad, target, out=target), dx)


@for_each_variant
@for_each_dtype
@for_each_row
def test_result_does_not_depend_on_where_an_array_is_cut(row, dtype, level):
    x = sample(dtype.type, 8000, seed=6)
    x = np.random.default_rng(7).permutation(x)
    grad = np.random.default_rng(8).standard_normal(x.size).astype(dtype)
    y = forward(level, row, x)
    saved = y if row.saves == "y" else x
    dx = backward(level, row, grad, saved)
    assert forward(level, row, x[:0]).size == 0
    for n in (1, 15, 16, 17, 33):
        for start in range(0, x.size - n, 41):
            part = slice(start, start + n)
            assert forward(level, row, x[part]).tobytes() == y[part].tobytes()
            assert backward(level, row, grad[part], saved[part]).tobytes() == dx[part].tobytes()


@for_each_variant
def test_importing_kernels_keeps_subnormals(level):
    # -ffast-math at link time would set flush-to-zero for the whole process.
    tiny = np.full(64, np.finfo(np.float32).smallest_subnormal)
    assert (tiny * np.float32(3) / np.float32(3) == tiny).all()
    assert (forward(level, ACTIVATIONS["leaky_relu"], -tiny, params=[1.0]) == -tiny).all()


@for_each_variant
def test_every_activation_has_its_leaves_and_the_reverse(level):
    expected = {
        (f"{name}.{role}", dtype)
        for name in ACTIVATIONS
        for role in ("forward", "backward")
        for dtype in DTYPES
    }
    leaves = MODULES[level].LEAVES
    assert expected <= set(leaves)
    # The other way: activations are the leaves with the signature of a map.
    mapped = {name for (name, _), capsule in leaves.items() if '"fastnn.map"' in repr(capsule)}
    assert mapped == {f"{name}.forward" for name in ACTIVATIONS}


@for_each_row
def test_rows_are_consistent(row):
    assert row.saves in ("x", "y")
    assert row.init in ("he", "glorot", "lecun")
    assert set(row.ulp) == set(DTYPES)
    assert set(FORWARD) == set(GRADIENT) == set(LIMITS) == set(ACTIVATIONS)
    for name, condition, holds in row.checks:
        assert name in row.params
        assert name in condition
        assert holds(**row.params)
