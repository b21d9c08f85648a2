"""Optimizers: groups, freezing, largest norms, their state; what they reach."""

import numpy as np
import pytest

import fastnn
from fastnn import reference
from fastnn.optim import OPTIMIZERS


def net(*, dtype="float32", sizes=(6, 9, 4)):
    return fastnn.Sequential(
        fastnn.Linear(sizes[0], sizes[1], dtype=dtype),
        fastnn.Tanh(),
        fastnn.Linear(sizes[1], sizes[2], dtype=dtype),
    )


def data(n=60, dtype="float32"):
    rng = np.random.default_rng(1)
    return rng.standard_normal((n, 6)).astype(dtype), rng.integers(0, 4, n)


def train(model, optimizer, *, epochs=4, batch_size=25, dtype="float32", **options):
    x, y = data(dtype=dtype)
    trainer = fastnn.Trainer(model, "cross_entropy", optimizer, **options)
    trainer.fit(x, y, epochs=epochs, batch_size=batch_size, shuffle=False, progress=False)
    return trainer


def train_by_hand(model, optimizer, *, epochs=4, batch_size=25, dtype="float32"):
    x, y = data(dtype=dtype)
    loss = fastnn.CrossEntropyLoss()
    for _ in range(epochs):
        for first in range(0, len(x), batch_size):
            part = slice(first, first + batch_size)
            model.backward(loss(model.forward(x[part], training=True), y[part])[1])
            optimizer.step(model)


def arrays(model):
    return [p.data.copy() for p in model.parameters()]


# -- what they reach -------------------------------------------------------------------------


def parabola(p):
    return 2 * (p - np.array([1, -2], p.dtype))


def rosenbrock(p):
    a, b = p
    return np.array([2 * (a - 1) - 40 * a * (b - a * a), 20 * (b - a * a)], p.dtype)


# The rate, and how many steps, that suit each.
RATES = {
    "sgd": {"lr": 0.002, "momentum": 0.9, "nesterov": True},
    "rprop": {"lr": 0.01},
    "lion": {"lr": 1e-3},
    "adagrad": {"lr": 0.5},
    "rmsprop": {"lr": 1e-3},
    "adadelta": {"lr": 0.1},
    "adam": {"lr": 0.01},
    "adamw": {"lr": 0.01, "weight_decay": 0.0},
    "adamax": {"lr": 0.02},
    "nadam": {"lr": 0.01},
    "radam": {"lr": 0.02},
}


def test_every_optimizer_has_a_rate():
    assert RATES.keys() == OPTIMIZERS.keys()


@pytest.mark.parametrize(
    ("gradient", "minimum"), [(parabola, [1, -2]), (rosenbrock, [1, 1])], ids=lambda v: str(v)
)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_minimum_is_found(name, gradient, minimum, dtype):
    layer = fastnn.Linear(2, 1, bias=False, dtype=dtype, init="zeros")
    optimizer = OPTIMIZERS[name](**RATES[name])
    for _ in range(8000):
        layer.weight.grad[0] = gradient(layer.weight.data[0])
        optimizer.step(layer)
    # Lion and RMSprop go on around the minimum, by a step of the size of their rate.
    np.testing.assert_allclose(layer.weight.data[0], minimum, atol=0.02)


# -- groups ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fused_and_late_and_by_hand_are_one(name):
    """The same groups, penalties and largest norms, in the three ways there are to run them; the
    limit of the late one is never reached."""

    def optimizer(**options):
        around = {"l1": 1e-3, "l2": 0.01, "clip_value": 0.05, "max_norm": 1.5}
        groups = [
            {"params": "*.bias", "lr_factor": 0.5, "l2": 0.1, "decay": True},
            {"params": "2.weight", "clip_value": None, "max_norm": 0.5},
        ]
        return OPTIMIZERS[name](lr=0.01, **around, groups=groups, **options)

    fused, late, by_hand = (net(dtype="float64") for _ in range(3))
    train(fused, optimizer(), dtype="float64")
    train(late, optimizer(clip_norm=1e6), dtype="float64")
    train_by_hand(by_hand, optimizer(), dtype="float64")
    for a, b, c in zip(arrays(fused), arrays(late), arrays(by_hand), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(a, c, rtol=1e-12, atol=1e-14)
    assert not np.allclose(arrays(fused)[0], arrays(net(dtype="float64"))[0])


def test_members_may_be_layers_parameters_and_patterns():
    def run(members):
        model = net()
        groups = [{"params": members(model), "lr": 0.0}]
        before = arrays(model)
        train(model, fastnn.SGD(0.1, groups=groups))
        return [np.array_equal(a, b) for a, b in zip(before, arrays(model), strict=True)]

    still = [True, True, False, False]
    assert run(lambda model: model[0]) == still
    assert run(lambda model: [model[0].weight, model[0].bias]) == still
    assert run(lambda model: "0.*") == still
    assert run(lambda model: ["0.weight", model[0].bias]) == still
    assert run(lambda model: ("*.bias", model[2])) == [False, True, True, True]


def test_a_group_has_momentum_and_another_has_none():
    ours = net(dtype="float64")
    x, y = data(dtype="float64")
    theirs = net(dtype="float64")
    optimizer = fastnn.SGD(0.1, groups=[{"params": "*.weight", "momentum": 0.9}])
    train_by_hand(ours, optimizer, dtype="float64")
    buffers = [np.zeros(p.shape) for p in theirs.parameters()]
    for _ in range(4):
        for first in range(0, len(x), 25):
            part = slice(first, first + 25)
            _, grad = fastnn.CrossEntropyLoss()(theirs.forward(x[part]), y[part])
            theirs.backward(grad)
            for p, buffer in zip(theirs.parameters(), buffers, strict=True):
                momentum = 0.9 if p.data.ndim > 1 else 0.0
                reference.sgd_update(p.data, p.grad, buffer, lr=0.1, momentum=momentum)
    for a, b in zip(arrays(ours), arrays(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_penalties_of_biases_are_on_request():
    def biases(**group):
        model = net(dtype="float64")
        groups = [{"params": "*.bias", **group}] if group else []
        train(model, fastnn.SGD(0.1, l2=1.0, groups=groups), dtype="float64")
        return [p.data for p in model.parameters() if p.data.ndim == 1]

    alone, asked = biases(), biases(decay=True)
    assert all(np.abs(a).sum() > np.abs(b).sum() for a, b in zip(alone, asked, strict=True))
    np.testing.assert_array_equal(biases(l1=5.0)[0], alone[0])


MODEL = net()
BAD_SETTINGS = {
    "not a list": ({"groups": {"params": "*"}}, TypeError, "groups: expected a list of dicts"),
    "not a dict": ({"groups": ["*"]}, TypeError, r"groups\[0\]: expected a dict, got str"),
    "unknown key": (
        {"groups": [{"params": "*", "momentun": 0.9}]},
        ValueError,
        r"groups\[0\]: expected keys params, lr, .*momentum.*; got 'momentun'",
    ),
    "clip_norm": (
        {"groups": [{"params": "*", "clip_norm": 1.0}]},
        ValueError,
        r"groups\[0\]: expected keys .*; got 'clip_norm'",
    ),
    "no params": ({"groups": [{"lr": 0.1}]}, ValueError, r"groups\[0\]: params: .* got none"),
    "params": (
        {"groups": [{"params": [3]}]},
        TypeError,
        r"groups\[0\]: params: expected layers, parameters or patterns .*, got int",
    ),
    "range": (
        {"groups": [{"params": "*", "momentum": -1.0}]},
        ValueError,
        r"groups\[0\]: momentum: expected a finite number >= 0, got -1.0",
    ),
    "two rates": (
        {"groups": [{"params": "*", "lr": 0.1, "lr_factor": 2.0}]},
        ValueError,
        r"groups\[0\]: lr: expected lr or lr_factor, got both",
    ),
    "no rate": (
        {"lr": 0.0, "groups": [{"params": "*", "lr": 0.1}]},
        ValueError,
        r"groups\[0\]: lr: expected an optimizer whose lr is > 0, .* got 0",
    ),
    "decay": (
        {"groups": [{"params": "*", "decay": 1}]},
        TypeError,
        r"groups\[0\]: decay: expected a bool, got int",
    ),
    "max_norm": ({"max_norm": 0.0}, ValueError, "max_norm: expected a finite number > 0, got 0.0"),
}


@pytest.mark.parametrize("case", BAD_SETTINGS)
def test_bad_settings(case):
    options, error, message = BAD_SETTINGS[case]
    with pytest.raises(error, match=message):
        fastnn.SGD(**{"lr": 0.1, **options})


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([{"params": "3.*"}], r"groups\[0\]: .*0.weight, 0.bias, .*; got '3.\*'"),
        ([{"params": MODEL[0]}], r"groups\[0\]: expected parameters of the model, .* of Linear"),
        ([{"params": fastnn.Tanh()}], r"groups\[0\]: expected parameters of the model, .*Tanh"),
        (
            [{"params": "*.bias"}, {"params": "0.*"}],
            r"groups\[1\]: .* got 0.bias, which is in groups\[0\]",
        ),
    ],
)
def test_groups_that_do_not_suit_the_model(groups, message):
    model = net()
    before = arrays(model)
    optimizer = fastnn.SGD(0.1, groups=groups)
    with pytest.raises(ValueError, match=message):
        train(model, optimizer)
    with pytest.raises(ValueError, match=message):
        optimizer.step(model)
    assert optimizer.steps == 0
    assert all(np.array_equal(a, b) for a, b in zip(before, arrays(model), strict=True))


# -- freezing --------------------------------------------------------------------------------


@pytest.mark.parametrize("around", [{}, {"clip_norm": 0.1, "l2": 0.1}], ids=["fused", "late"])
@pytest.mark.parametrize("frozen", ["0.weight", "0.bias", "0.*", "2.*"])
def test_what_is_frozen_stays_and_the_rest_learns(frozen, around):
    model = net()
    names = model.named_parameters()
    still = [n for n in names if n == frozen or n[:2] + "*" == frozen]
    for name in still:
        names[name].requires_grad = False
    before = model.state_dict()
    train(model, fastnn.Adam(0.01, weight_decay=0.1, max_norm=0.1, **around))
    for name, value in model.state_dict().items():
        assert np.array_equal(value, before[name]) == (name in still)


def test_freezing_changes_programs_that_exist():
    model = net()
    trainer = train(model, fastnn.SGD(0.1))
    x, y = data()
    model[0].requires_grad_(False)
    before = arrays(model)
    trainer.fit(x, y, epochs=1, progress=False)
    after = arrays(model)
    assert np.array_equal(before[0], after[0])
    assert not np.array_equal(before[2], after[2])
    # And gradients in Python: those of what is frozen stay as they were.
    model[0].weight.grad[...] = 7
    dx = model.backward(np.ones_like(model.forward(x)))
    assert (model[0].weight.grad == 7).all()
    model.requires_grad_(True)
    assert np.array_equal(dx, model.backward(np.ones_like(model.forward(x))))
    assert not (model[0].weight.grad == 7).any()


def test_nothing_to_learn():
    model = net().requires_grad_(False)
    with pytest.raises(ValueError, match="model: expected parameters to train, found none"):
        train(model, fastnn.SGD(0.1))


# -- largest norms ---------------------------------------------------------------------------


@pytest.mark.parametrize("around", [{}, {"clip_norm": 10.0}], ids=["fused", "late"])
def test_rows_are_no_longer_than_max_norm(around, dtype):
    model = net(dtype=dtype)
    model[0].bias.data[...] = 1
    train(model, fastnn.SGD(1.0, max_norm=0.5, **around), dtype=dtype, epochs=10)
    eps = np.finfo(dtype).eps
    for name, p in model.named_parameters().items():
        if name.endswith("weight"):
            norms = np.linalg.norm(p.data.astype(float), axis=1)
            assert norms.max() <= 0.5 * (1 + 4 * eps)
            assert norms.max() > 0.49  # or nothing has been limited
    assert np.linalg.norm(model[0].bias.data) > 0.5


def test_max_norm_is_its_formula():
    x, y = data(dtype="float64")
    ours, theirs = net(dtype="float64"), net(dtype="float64")
    train(ours, fastnn.SGD(0.5, max_norm=0.8), batch_size=60, dtype="float64", epochs=9)
    for _ in range(9):
        theirs.backward(fastnn.CrossEntropyLoss()(theirs.forward(x), y)[1])
        for p in theirs.parameters():
            p.data[...] -= 0.5 * p.grad
            if p.data.ndim > 1:
                norms = np.linalg.norm(p.data, axis=1, keepdims=True)
                p.data[...] *= np.minimum(1, 0.8 / norms)
    for a, b in zip(arrays(ours), arrays(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


# -- threads and state -----------------------------------------------------------------------


@pytest.mark.parametrize("around", [{}, {"clip_norm": 0.1}], ids=["fused", "late"])
def test_same_bits_for_any_number_of_threads(around):
    rng = np.random.default_rng(0)
    x, y = rng.random((90, 300), np.float32), rng.integers(0, 10, 90)

    def run(threads):
        fastnn.set_num_threads(threads)
        model = fastnn.Sequential(fastnn.Linear(300, 250), fastnn.ReLU(), fastnn.Linear(250, 10))
        optimizer = fastnn.Adam(
            0.01, amsgrad=True, max_norm=0.8, **around,
            groups=[{"params": model[0], "lr": 0.1}],
        )  # fmt: skip
        fastnn.Trainer(model, "cross_entropy", optimizer).fit(
            x, y, epochs=3, batch_size=40, progress=False
        )
        return arrays(model)

    before = fastnn.get_num_threads()
    runs = [run(n) for n in (1, 2, 3, 8)]
    fastnn.set_num_threads(before)
    for other in runs[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(runs[0], other, strict=True))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_going_on_from_a_state_dict(name):
    def optimizer():
        options = {"amsgrad": True} if name == "adam" else {}
        if name in ("sgd", "rmsprop"):
            options = {"momentum": 0.9}
        return OPTIMIZERS[name](lr=0.01, **options)

    whole, halves = net(), net()
    train_by_hand(whole, optimizer(), epochs=4)
    first, second = optimizer(), optimizer()
    train_by_hand(halves, first, epochs=2)
    again = net()
    again.load_state_dict(halves.state_dict())
    second.load_state_dict(first.state_dict(), again)
    assert second.steps == first.steps
    train_by_hand(again, second, epochs=2)
    assert all(np.array_equal(a, b) for a, b in zip(arrays(whole), arrays(again), strict=True))


def test_a_state_that_does_not_fit_changes_nothing():
    model, optimizer = net(), fastnn.Adam()
    train_by_hand(model, optimizer, epochs=1)
    before = optimizer.state_dict()
    for change, error in [
        ({"exp_avg": before["exp_avg"][1:]}, ValueError),
        ({"exp_avg_sq": before["exp_avg_sq"].astype("float64")}, TypeError),
        ({"max_exp_avg_sq": before["exp_avg_sq"]}, KeyError),
    ]:
        with pytest.raises(error, match="state"):
            optimizer.load_state_dict({**before, **change}, model)
    with pytest.raises(ValueError, match=r"state\['exp_avg'\]: expected shape"):
        optimizer.load_state_dict(before, net(sizes=(6, 30, 4)))
    for name, value in optimizer.state_dict().items():
        assert np.array_equal(value, before[name])
