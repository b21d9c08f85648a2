"""fastnn's optimizers for thinc beside thinc's own."""

import inspect
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from peers import peer

api = peer("thinc.api")
import thinc.optimizers  # noqa: E402

import fastnn.thinc  # noqa: E402

THIRDS = (0.05, 0.02, 0.01, 0.005)

# Some ways to train, by thinc's names for the settings.
SETTINGS = [
    ("Adam", {}),
    ("Adam", {"L2": 0.1, "grad_clip": 0.5}),
    ("Adam", {"L2": 0.1, "L2_is_weight_decay": False, "beta1": 0.8, "beta2": 0.9, "eps": 1e-3}),
    ("Adam", {"use_averages": False, "grad_clip": 0.0}),
    ("RAdam", {}),
    ("RAdam", {"L2": 0.1, "beta2": 0.9, "grad_clip": 0.5}),
    ("SGD", {}),
    ("SGD", {"L2": 0.1, "grad_clip": 0.0}),
    ("SGD", {"L2": 0.1, "L2_is_weight_decay": False, "use_averages": False}),
]
IDS = [f"{name}{settings}" for name, settings in SETTINGS]
each = pytest.mark.parametrize(("name", "settings"), SETTINGS, ids=IDS)
SHAPES = {(1, "W"): (30, 70), (1, "b"): (30,), (2, "E"): (5, 4, 3)}

# What 20 steps of some units in the last place, of weights around 1, add up to.
CLOSE = {"rtol": 2e-5, "atol": 2e-6}


def pair(name, settings, rate=0.02):
    return (getattr(kind, name)(rate, **settings) for kind in (fastnn.thinc, thinc.optimizers))


def parameters(dtype=np.float32):
    rng = np.random.default_rng(3)
    return {key: rng.standard_normal(shape).astype(dtype) for key, shape in SHAPES.items()}


def train(optimizer, weights, steps, first=0, **settings):
    """Steps with gradients that are a function of the step's number and the weights' dtype."""
    for step in range(first, first + steps):
        rng = np.random.default_rng(step)
        for key, w in weights.items():
            gradient = rng.standard_normal(w.shape).astype(w.dtype)
            result = optimizer(key, w, gradient, **settings)
            assert result[0] is w or result[0].base is w
            assert not gradient.any()
        optimizer.step_schedules()
    return weights


def assert_close(weights, expected, **how):
    for key in expected:
        assert_allclose(weights[key], expected[key], **(how or CLOSE), err_msg=str(key))


@each
@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_steps_are_thincs(threads, name, settings, scale):
    ours, theirs = pair(name, settings)
    how = {} if scale == 1 else {"lr_scale": scale}
    assert_close(train(ours, parameters(), 20, **how), train(theirs, parameters(), 20, **how))
    assert ours.nr_update == theirs.nr_update
    for states in ("mom1", "mom2", "averages"):
        own, original = getattr(ours, states), getattr(theirs, states)
        assert (own is None) == (original is None)
        if original is not None:
            assert own.keys() == original.keys()
            assert_close(own, original)
            assert [a.shape for a in own.values()] == [a.shape for a in original.values()]


@each
def test_float64_has_its_precision(name, settings):
    ours, _ = pair(name, settings)
    result = train(ours, parameters(np.float64), 20)
    # From the same gradients, which float32 has rounded.
    rounded = train(next(pair(name, settings)), parameters(), 20)
    assert all(w.dtype == np.float64 for w in result.values())
    assert_close(rounded, result)
    exact = formula(name, settings, parameters(np.float64), 20)
    assert_close(result, exact, rtol=1e-12, atol=1e-13)


def formula(name, settings, weights, steps, rate=0.02):
    """What the docstrings say, in float64."""
    b1, b2 = settings.get("beta1", 0.9), settings.get("beta2", 0.999)
    decay, decoupled = settings.get("L2", 0), settings.get("L2_is_weight_decay", True)
    means, squares = ({key: np.zeros(w.shape) for key, w in weights.items()} for _ in range(2))
    for step in range(steps):
        rng, t = np.random.default_rng(step), step + 1
        for key, w in weights.items():
            g = rng.standard_normal(w.shape)
            g += 0 if decoupled else decay * w
            clip = settings.get("grad_clip", 1.0)
            g *= min(1, clip / np.linalg.norm(g)) if clip else 1
            m = means[key] = b1 * means[key] + (1 - b1) * g
            v = squares[key] = b2 * squares[key] + (1 - b2) * g * g
            root = np.sqrt(v) + settings.get("eps", 1e-8)
            if name == "Adam":
                w -= rate * np.sqrt(1 - b2**t) / (1 - b1**t) * m / root
            elif name == "SGD":
                w -= rate * g
            else:
                w -= rate * rectified(b1, b2, t + 1, m, root)
            w -= rate * decay * w if decoupled else 0
    return weights


def rectified(b1, b2, t, m, root):
    # Algorithm 2 of Liu et al., with thinc's 5 in place of 4.
    longest = 2 / (1 - b2) - 1
    length = longest - 2 * t * b2**t / (1 - b2**t)
    if length < 5:
        return m / (1 - b1**t)
    r = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
    return np.sqrt(r * (1 - b2**t)) * m / root / (1 - b1**t)


@each
@pytest.mark.parametrize("ours_first", [True, False])
def test_either_goes_on_where_the_other_stopped(name, settings, ours_first):
    first, second = list(pair(name, settings))[:: 1 if ours_first else -1]
    weights = train(first, parameters(), 10)
    for state in ("mom1", "mom2", "averages", "nr_update"):
        setattr(second, state, getattr(first, state))
    expected = train(next(pair(name, settings)), parameters(), 20)
    assert_close(train(second, weights, 10, first=10), expected)


@pytest.mark.parametrize("kind", ["list", "generator", "schedule"])
def test_schedules(kind):
    def rates():
        if kind == "generator":
            return (rate for rate in THIRDS)
        if kind == "schedule" and hasattr(api, "Schedule"):
            return api.decaying(0.05, 1e-1)
        return api.decaying(0.05, 1e-1) if kind == "schedule" else list(THIRDS)

    results = []
    for optimizers in (fastnn.thinc, thinc.optimizers):
        optimizer = optimizers.Adam(rates(), L2=[0.1, 0.0])
        results.append(train(optimizer, parameters(), len(THIRDS)))
    assert_close(*results)


@pytest.mark.parametrize("name", ["Adam", "RAdam", "SGD"])
def test_a_gradient_that_is_not_a_number_is_used_up(name):
    optimizer = getattr(fastnn.thinc, name)(0.1)
    gradient = np.array([np.nan, np.inf, 1], "f")
    optimizer((1, "W"), np.ones(3, "f"), gradient)
    assert not gradient.any()


def test_empty_parameters_are_left_alone():
    optimizer = fastnn.thinc.Adam(0.1)
    empty = np.zeros(0, "f")
    assert optimizer((1, "W"), empty, empty.copy())[0] is empty
    assert not optimizer.nr_update


def _strange():
    w = np.ones((6, 8), "f")
    yield "strided", w[:, ::2], np.ones((6, 4), "f")
    yield "turned", np.ones((6, 8), "f").T, np.ones((8, 6), "f")
    yield "its own gradient", w, w


@pytest.mark.parametrize("at", range(3))
@pytest.mark.parametrize("name", ["Adam", "SGD"])
def test_what_the_kernels_do_not_take_is_thincs(at, name):
    results = []
    for optimizers in (fastnn.thinc, thinc.optimizers):
        _, weights, gradient = list(_strange())[at]
        optimizer = getattr(optimizers, name)(0.1)
        optimizer((1, "W"), weights, gradient)
        results.append((weights.copy(), gradient.copy()))
    assert_array_equal(results[0], results[1])


def test_beta1_alone_is_plain_descent_as_in_thinc():
    ours, theirs = pair("Adam", {"beta2": 0.0})
    assert_close(train(ours, parameters(), 5), train(theirs, parameters(), 5))
    assert ours.mom1 == theirs.mom1 == {}


def test_beta2_alone_is_not_implemented_as_in_thinc():
    optimizer = fastnn.thinc.Adam(0.1, beta1=0.0)
    with pytest.raises(NotImplementedError):
        optimizer((1, "W"), np.ones(3, "f"), np.ones(3, "f"))


@pytest.mark.parametrize("name", ["Adam", "RAdam", "SGD"])
def test_constructors_are_thincs(name):
    ours, theirs = (
        [(p.name, p.kind, p.default) for p in inspect.signature(of).parameters.values()]
        for of in (getattr(fastnn.thinc, name), getattr(thinc.optimizers, name))
    )
    assert ours == theirs


@pytest.mark.parametrize("name", ["Adam", "RAdam", "SGD"])
def test_configurations_name_them(name):
    text = f"""
    [optimizer]
    @optimizers = "fastnn.{name}.v1"
    L2 = 0.01

    [optimizer.learn_rate]
    @schedules = "warmup_linear.v1"
    initial_rate = 0.05
    warmup_steps = 2
    total_steps = 30
    """
    ours = api.registry.resolve(api.Config().from_str(text))["optimizer"]
    text = text.replace("fastnn.", "")
    theirs = api.registry.resolve(api.Config().from_str(text))["optimizer"]
    assert type(ours) is fastnn.thinc.Optimizer
    assert type(theirs) is thinc.optimizers.Optimizer
    assert_close(train(ours, parameters(), 5), train(theirs, parameters(), 5))


def test_pickles_go_on():
    optimizer = fastnn.thinc.Adam(0.02)
    weights = train(optimizer, parameters(), 10)
    again, copies = pickle.loads(pickle.dumps((optimizer, weights)))
    assert type(again) is fastnn.thinc.Optimizer
    expected = train(optimizer, weights, 10, first=10)
    assert_close(train(again, copies, 10, first=10), expected, rtol=0)
