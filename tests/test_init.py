"""Initialisers against the formulas of their papers."""

import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from fastnn import init

SHAPES = [(300, 200), (64, 32, 5, 5), (128, 64, 9)]
# The standard deviation as the papers give it, of fan_in and fan_out.
STDS = {
    "xavier_uniform": lambda i, o: math.sqrt(2 / (i + o)),
    "xavier_normal": lambda i, o: math.sqrt(2 / (i + o)),
    "he_uniform": lambda i, o: math.sqrt(2 / i),
    "he_normal": lambda i, o: math.sqrt(2 / i),
    "lecun_uniform": lambda i, o: math.sqrt(1 / i),
    "lecun_normal": lambda i, o: math.sqrt(1 / i),
}
SCALED = sorted(STDS)


def rng():
    return np.random.default_rng(7)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((10, 784), (784, 10)), ((32, 3, 5, 5), (75, 800)), ((8, 4, 3), (12, 24))],
)
def test_fans(shape, expected):
    assert init.fans(shape) == expected


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", SCALED)
def test_moments(name, shape):
    fan_in, fan_out = shape[1] * math.prod(shape[2:]), shape[0] * math.prod(shape[2:])
    std = STDS[name](fan_in, fan_out)
    w = init.INITIALISERS[name](shape, rng(), np.float64)
    assert w.shape == shape
    # Six standard errors of mean and standard deviation; a normal's of the latter is the larger.
    assert abs(w.mean()) < 6 * std / math.sqrt(w.size)
    assert abs(w.std() / std - 1) < 6 / math.sqrt(2 * w.size)
    kurtosis = ((w / std) ** 4).mean()
    if name.endswith("uniform"):
        assert abs(w).max() <= math.sqrt(3) * std
        assert kurtosis == pytest.approx(1.8, abs=0.1)
    else:
        assert kurtosis == pytest.approx(3.0, abs=0.3)


@pytest.mark.parametrize("name", SCALED)
def test_gain_scales(name):
    function = init.INITIALISERS[name]
    one = function((6, 5), rng(), np.float64, gain=1.0)
    two = function((6, 5), rng(), np.float64, gain=2.0)
    np.testing.assert_allclose(two, 2 * one, rtol=1e-15)


@pytest.mark.parametrize("name", sorted(init.INITIALISERS))
def test_both_types_from_the_same_draws(name):
    function = init.INITIALISERS[name]
    single = function((6, 5), rng(), np.float32)
    double = function((6, 5), rng(), np.float64)
    assert single.dtype == np.float32
    assert double.dtype == np.float64
    np.testing.assert_array_equal(single, double.astype(np.float32))
    np.testing.assert_array_equal(single, function((6, 5), rng()))  # float32 is the default
    assert single.flags.writeable
    assert single.flags.c_contiguous


def test_plain_ones():
    assert init.normal((100_000,), rng(), std=0.5).std() == pytest.approx(0.5, rel=0.02)
    w = init.uniform((100_000,), rng(), limit=0.5)
    assert abs(w).max() <= 0.5
    assert abs(w).max() > 0.499
    assert (init.zeros((2, 3)) == 0).all()
    assert (init.constant((2, 3), value=4.0) == 4).all()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: init.he_normal((5,), rng()), ValueError, r"shape: expected .*, got \(5,\)"),
        (lambda: init.he_normal((5, 0), rng()), ValueError, "shape: expected"),
        (lambda: init.he_normal((5, 2), rng(), gain=-1), ValueError, "gain: expected .*, got -1"),
        (lambda: init.he_normal((5, 2), 0), TypeError, "rng: expected .*Generator, got int"),
        (lambda: init.he_normal((5, 2), rng(), "float16"), TypeError, "dtype: .* got float16"),
        (lambda: init.zeros((5,), dtype=int), TypeError, "dtype: .* got int64"),
        (lambda: init.normal((5,), rng(), std=math.nan), ValueError, "std: .* got nan"),
        (lambda: init.uniform((5,), rng(), limit=-1), ValueError, "limit: .* got -1"),
        (lambda: init.resolve("kaiming"), ValueError, "init: expected .*he_normal.*'kaiming'"),
        (lambda: init.resolve(3), TypeError, "init: expected a name or a function, got 3"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_resolve():
    assert init.resolve("he_normal") is init.he_normal
    mine = lambda shape, rng, dtype: np.ones(shape, dtype)  # noqa: E731
    assert init.resolve(mine) is mine


def test_default_for(monkeypatch):
    rows = {"tanh": "glorot", "relu": "he", "selu": "lecun"}
    table = {name: SimpleNamespace(init=scheme) for name, scheme in rows.items()}
    monkeypatch.setitem(sys.modules, "fastnn.registry", SimpleNamespace(ACTIVATIONS=table))
    assert init.default_for(None) is init.xavier_uniform
    assert init.default_for("tanh") is init.xavier_uniform
    assert init.default_for("relu") is init.he_normal
    assert init.default_for("selu") is init.lecun_normal
    with pytest.raises(ValueError, match=r"activation: expected one of tanh, .* got 'rleu'"):
        init.default_for("rleu")


def test_default_for_every_activation():
    registry = pytest.importorskip("fastnn.registry", exc_type=ImportError)
    for name in registry.ACTIVATIONS:
        assert init.default_for(name) in init.INITIALISERS.values()
