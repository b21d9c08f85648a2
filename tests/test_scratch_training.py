"""Optimizers, nets and the trainer of "Deep Learning from Scratch" beside plain NumPy."""
# ruff: noqa: NPY002  (the book's scripts seed NumPy's global random numbers)

import subprocess
import sys
import textwrap
from collections import OrderedDict

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastnn.compat.scratch import layers, optimizer
from fastnn.compat.scratch.multi_layer_net import MultiLayerNet
from fastnn.compat.scratch.multi_layer_net_extend import MultiLayerNetExtend
from fastnn.compat.scratch.trainer import Trainer

pytestmark = pytest.mark.usefixtures("quick_suite")

# What rounding makes of some dozens of steps of float64, in numbers of about 1.
AFTER_TRAINING = {"rtol": 1e-10, "atol": 1e-12}

OPTIMIZERS = {
    "sgd": (optimizer.SGD, {"lr": 0.1}),
    "momentum": (optimizer.Momentum, {"lr": 0.1, "momentum": 0.8}),
    "nesterov": (optimizer.Nesterov, {"lr": 0.1, "momentum": 0.8}),
    "adagrad": (optimizer.AdaGrad, {"lr": 0.1}),
    "rmsprop": (optimizer.RMSprop, {"lr": 0.01, "decay_rate": 0.9}),
    "adam": (optimizer.Adam, {"lr": 0.01, "beta1": 0.8, "beta2": 0.99}),
}
each_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)


@pytest.fixture
def book(quick_suite):
    from benchmarks.swaps import _book as book

    return book


# -- optimizers ----------------------------------------------------------------------------------


def numbers(value):
    return np.array(value, np.float64)


PARAMETERS = {
    "plain": lambda rng: rng.standard_normal((30, 7)),
    "gaps": lambda rng: rng.standard_normal((30, 14))[:, ::2],
    "Fortran's order": lambda rng: np.asfortranarray(rng.standard_normal((30, 7))),
    "no axis": lambda rng: np.array(1.5),
    "number": lambda rng: 1.5,
    "NumPy's number": lambda rng: np.float64(1.5),
}


@pytest.mark.parametrize("make", PARAMETERS.values(), ids=list(PARAMETERS))
@each_optimizer
def test_steps(book, rng, name, make):
    cls, settings = OPTIMIZERS[name]
    ours, state = cls(**settings), {}
    params = {"p": make(rng)}
    param, expected = params["p"], numbers(params["p"])
    for _ in range(5):
        g = rng.standard_normal(np.shape(param))
        ours.update(params, {"p": g if np.ndim(g) else float(g)})
        book.OPTIMIZERS[name](expected, g, state, **settings)
    assert isinstance(param, np.ndarray) == (params["p"] is param)
    # Five steps, a dozen operations each.
    assert_allclose(params["p"], expected, rtol=1e-13, atol=1e-14)
    for key, value in state.items():
        if key != "step":
            assert_allclose(getattr(ours, key)["p"], value, rtol=1e-13, atol=1e-14)


@each_optimizer
def test_single_precision_parameters_with_gradients_in_double(book, rng, name):
    cls, settings = OPTIMIZERS[name]
    ours, state = cls(**settings), {}
    params = {"p": rng.standard_normal(50).astype(np.float32)}
    param, expected = params["p"], params["p"].astype(np.float64)
    for _ in range(3):
        g = rng.standard_normal(50)
        ours.update(params, {"p": g})
        book.OPTIMIZERS[name](expected, g, state, **settings)
    assert params["p"] is param
    assert param.dtype == np.float32
    assert_allclose(param, expected, rtol=0, atol=1e-5)  # roundings to float32 in each step


@each_optimizer
def test_settings_may_change_between_steps(book, rng, name):
    cls, settings = OPTIMIZERS[name]
    ours, state, settings = cls(**settings), {}, dict(settings)
    params = {"p": rng.standard_normal(9)}
    expected = params["p"].copy()
    for lr in (0.1, 0.5, -0.2, 0.0):  # upwards too
        ours.lr = settings["lr"] = lr
        g = rng.standard_normal(9)
        ours.update(params, {"p": g})
        book.OPTIMIZERS[name](expected, g, state, **settings)
    assert_allclose(params["p"], expected, rtol=1e-13, atol=1e-14)


@each_optimizer
def test_a_gradient_may_be_one_for_all_and_the_parameter_itself(book, name):
    cls, settings = OPTIMIZERS[name]
    for gradient in (lambda p: p, lambda p: np.float64(2.0), lambda p: np.full((1, 3), 2.0)):
        params = {"p": np.arange(6.0).reshape(2, 3)}
        expected = params["p"].copy()
        book.OPTIMIZERS[name](expected, np.copy(gradient(expected)), {}, **settings)
        if gradient(params["p"]) is params["p"] and name in ("momentum", "nesterov"):
            continue  # the book's formula reads the gradient after it has changed the parameter
        cls(**settings).update(params, {"p": gradient(params["p"])})
        assert_allclose(params["p"], expected, rtol=1e-13, atol=1e-14)


@each_optimizer
def test_integers_are_refused_untouched(name):
    params = {"p": np.arange(3)}
    with pytest.raises(TypeError):
        OPTIMIZERS[name][0]().update(params, {"p": np.ones(3)})
    assert_array_equal(params["p"], np.arange(3))
    with pytest.raises(ValueError, match="broadcast"):
        OPTIMIZERS[name][0]().update({"p": np.ones(3)}, {"p": np.ones(4)})


# -- nets ----------------------------------------------------------------------------------------


def twin(book, net):
    """A copy of a net in plain NumPy."""
    made = []
    for layer in net.layers.values():
        cls = getattr(book, type(layer).__name__)
        if cls is book.Affine:
            made.append(cls(layer.W.copy(), layer.b.copy()))
        elif cls is book.BatchNormalization:
            made.append(cls(layer.gamma.copy(), layer.beta.copy(), layer.momentum))
        elif cls is book.Dropout:
            made.append(cls(layer.dropout_ratio))
        else:
            made.append(cls())
    return book.Net(made, book.SoftmaxWithLoss())


def data(rng, rows=60):
    x = rng.random((rows, 12)).astype(np.float32)
    return x, rng.integers(0, 4, rows)


NETS = {
    "relu": lambda: MultiLayerNet(12, [10, 8], 4),
    "sigmoid": lambda: MultiLayerNet(12, [10], 4, "sigmoid", "xavier"),
    "dropout": lambda: MultiLayerNetExtend(12, [10, 8], 4, use_dropout=True, dropout_ration=0.2),
    "batch norm": lambda: MultiLayerNetExtend(12, [10, 8], 4, use_batchnorm=True),
    "all": lambda: MultiLayerNetExtend(
        12, [10], 4, "sigmoid", 0.5, use_dropout=True, use_batchnorm=True
    ),
}


@pytest.mark.parametrize("make", NETS.values(), ids=list(NETS))
@each_optimizer
def test_training_is_the_books(book, rng, make, name):
    x, t = data(rng)
    settings = OPTIMIZERS[name][1]
    np.random.seed(1)
    net = make()
    theirs = twin(book, net)
    trainer = Trainer(
        net, x, t, x[:20], t[:20], epochs=4, mini_batch_size=20, optimizer=name.upper(),
        optimizer_param=settings, verbose=False,
    )  # fmt: skip
    np.random.seed(2)
    trainer.train()
    drawn = np.random.rand()

    np.random.seed(2)
    losses, accuracies, states = [], [], {}
    for step in range(12):
        batch = np.random.choice(60, 20)
        for i, (p, g) in enumerate(theirs.gradients(x[batch], t[batch])):
            book.OPTIMIZERS[name](p, g, states.setdefault(i, {}), **settings)
        losses.append(theirs.loss(x[batch], t[batch]))
        if step % 3 == 0:
            accuracies.append((theirs.accuracy(x, t), theirs.accuracy(x[:20], t[:20])))
    assert np.random.rand() == drawn
    # A bias before batch normalisation has a gradient of nothing but rounding, 1e-17 or so, which
    # some optimizers divide by 1e-7; in the loss that is divided by young running variances.
    normal = {"rtol": 1e-8, "atol": 1e-8}
    close = normal if "gamma1" in net.params else AFTER_TRAINING
    assert_allclose(trainer.train_loss_list, losses, **close)
    found = list(zip(trainer.train_acc_list, trainer.test_acc_list, strict=True))
    assert_allclose(found, accuracies, rtol=1e-15)
    for ours, expected in zip(net.params.values(), sorted_like(net, theirs), strict=True):
        assert_allclose(ours, expected, **close)


def sorted_like(net, theirs):
    """The twin's arrays by the names that the net has for them."""
    by_name, numbers_of = {}, {}
    for layer in theirs.layers:
        for kind in ("W", "b", "gamma", "beta"):
            if hasattr(layer, kind):
                numbers_of[kind] = numbers_of.get(kind, 0) + 1
                by_name[f"{kind}{numbers_of[kind]}"] = getattr(layer, kind)
    return [by_name[name] for name in net.params]


@pytest.mark.parametrize("make", NETS.values(), ids=list(NETS))
@pytest.mark.parametrize("penalty", [0, 0.1, np.float64(0.1)])
def test_gradients_are_those_of_differences(rng, make, penalty):
    np.random.seed(1)
    net = make()
    net.weight_decay_lambda = penalty
    x, t = data(rng, 5)
    for layer in net.layers.values():
        if isinstance(layer, layers.Dropout):
            layer.dropout_ratio = 0.0  # which draws, but drops nothing
    by_differences, found = net.numerical_gradient(x, t), net.gradient(x, t)
    assert list(found) == list(by_differences)
    assert set(found) == set(net.params)
    for key, expected in by_differences.items():
        # Differences over 2e-4 are off by about 1e-8, and more at the kinks of relu.
        assert_allclose(found[key], expected, rtol=1e-4, atol=1e-5)


def test_the_penalty_is_in_the_loss(rng):
    np.random.seed(1)
    net = MultiLayerNet(12, [10], 4)
    x, t = data(rng)
    before = net.loss(x, t)
    net.weight_decay_lambda = 0.3
    squares = sum(np.sum(net.params[f"W{i}"] ** 2) for i in (1, 2))
    assert_allclose(net.loss(x, t), before + 0.15 * squares, rtol=1e-14)


@pytest.mark.parametrize(("std", "scale"), [("He", 2), ("relu", 2), ("Xavier", 1), ("sigmoid", 1)])
def test_initial_weights_are_drawn_layer_by_layer(std, scale):
    for cls in (MultiLayerNet, MultiLayerNetExtend):
        np.random.seed(7)
        net = cls(12, [10, 8], 4, weight_init_std=std)
        np.random.seed(7)
        for i, (m, n) in enumerate([(12, 10), (10, 8), (8, 4)], 1):
            expected = np.sqrt(scale / m) * np.random.randn(m, n)
            assert_array_equal(net.params[f"W{i}"], expected)
            assert net.layers[f"Affine{i}"].W is net.params[f"W{i}"]
            assert net.layers[f"Affine{i}"].b is net.params[f"b{i}"]


@pytest.mark.parametrize("cls", [MultiLayerNet, MultiLayerNetExtend])
def test_accuracy_takes_one_hot_rows(rng, cls):
    np.random.seed(1)
    net = cls(12, [10], 4)
    x, t = data(rng)
    share = np.mean(net.predict(x).argmax(axis=1) == t)
    assert net.accuracy(x, t) == share == net.accuracy(x, np.eye(4)[t])


# -- the trainer ---------------------------------------------------------------------------------


class Recorder:
    """A net of the user's own, which knows nothing of fastnn."""

    def __init__(self):
        self.params = {"a": np.zeros(2)}
        self.seen = []

    def gradient(self, x, t):
        self.seen.append(("gradient", len(x)))
        return {"a": np.ones(2)}

    def loss(self, x, t):
        self.seen.append(("loss", len(x)))
        return float(self.params["a"][0])

    def accuracy(self, x, t):
        self.seen.append(("accuracy", len(x)))
        return 0.5


def test_the_trainer_takes_any_net_and_says_what_it_does(capsys):
    net, x = Recorder(), np.zeros((10, 3))
    trainer = Trainer(
        net, x, x, x[:6], x[:6], epochs=2, mini_batch_size=5, optimizer="SGD",
        optimizer_param={"lr": 0.5}, evaluate_sample_num_per_epoch=4,
    )  # fmt: skip
    trainer.train()
    step = [("gradient", 5), ("loss", 5)]
    both = [("accuracy", 4), ("accuracy", 4)]
    assert net.seen == [*step, *both, *step, *step, *both, *step, ("accuracy", 6)]
    assert trainer.train_loss_list == [-0.5, -1.0, -1.5, -2.0]
    assert (trainer.current_iter, trainer.current_epoch, trainer.max_iter) == (4, 2, 4)
    assert capsys.readouterr().out.splitlines() == [
        "train loss:-0.5",
        "=== epoch:1, train acc:0.5, test acc:0.5 ===",
        "train loss:-1.0",
        "train loss:-1.5",
        "=== epoch:2, train acc:0.5, test acc:0.5 ===",
        "train loss:-2.0",
        "=============== Final Test Accuracy ===============",
        "test acc:0.5",
    ]


def test_optimizers_by_their_names_misspelt_ones_too():
    x = np.zeros((10, 3))
    for name, cls in (("RMSprop", optimizer.RMSprop), ("rmsprpo", optimizer.RMSprop)):
        trainer = Trainer(Recorder(), x, x, x, x, optimizer=name, optimizer_param={"lr": 2.0})
        assert type(trainer.optimizer) is cls
        assert trainer.optimizer.lr == 2
    with pytest.raises(KeyError):
        Trainer(Recorder(), x, x, x, x, optimizer="sgdm")


# -- scripts -------------------------------------------------------------------------------------


class Leaky:
    """An activation of the user's own, which works in place, as scripts do."""

    def forward(self, x):
        self.below = x < 0
        x[self.below] *= 0.1
        return x

    def backward(self, dout):
        dout[self.below] *= 0.1
        return dout


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_net_of_both_kinds_of_layers(book, rng, dtype):
    weights = [rng.standard_normal(shape) for shape in ((4, 1, 3, 3), (4 * 5 * 5, 8), (8, 3))]
    x, t = rng.random((6, 1, 12, 12)).astype(dtype), rng.integers(0, 3, 6)
    gradients = []
    for module in (layers, book):
        w = [a.copy() for a in weights]
        net = book.Net(
            [
                module.Convolution(w[0], np.zeros(4)), Leaky(), module.Pooling(2, 2, 2), Leaky(),
                module.Relu(), Leaky(), module.Affine(w[1], np.zeros(8)), module.Sigmoid(),
                module.Affine(w[2], np.zeros(3)),
            ],
            module.SoftmaxWithLoss(),
        )  # fmt: skip
        for _ in range(3):
            found = [(p, g.copy()) for p, g in net.gradients(x, t)]
            for p, g in found:
                p -= 0.1 * g
        gradients.append([g for _, g in found])
    for ours, expected in zip(*gradients, strict=True):
        assert_allclose(ours, expected, **AFTER_TRAINING)


SCRIPT = """
    import fastnn
    fastnn.patch("common")
    from collections import OrderedDict
    from common.layers import *
    from common.gradient import numerical_gradient

    class TwoLayerNet:
        def __init__(self):
            np.random.seed(0)
            self.params = {"W1": 0.1 * np.random.randn(6, 5), "b1": np.zeros(5)}
            self.params |= {"W2": 0.1 * np.random.randn(5, 3), "b2": np.zeros(3)}
            self.layers = OrderedDict()
            self.layers["Affine1"] = Affine(self.params["W1"], self.params["b1"])
            self.layers["Relu1"] = Relu()
            self.layers["Affine2"] = Affine(self.params["W2"], self.params["b2"])
            self.last = SoftmaxWithLoss()

        def loss(self, x, t):
            for layer in self.layers.values():
                x = layer.forward(x)
            return self.last.forward(x, t)

        def gradient(self, x, t):
            self.loss(x, t)
            dout = self.last.backward(1)
            for layer in reversed(list(self.layers.values())):
                dout = layer.backward(dout)
            one, two = self.layers["Affine1"], self.layers["Affine2"]
            return {"W1": one.dW, "b1": one.db, "W2": two.dW, "b2": two.db}

    net, x, t = TwoLayerNet(), np.random.rand(4, 6), np.eye(3)[[0, 2, 1, 1]]
    found = net.gradient(x, t)
    for key, param in net.params.items():
        expected = numerical_gradient(lambda _: net.loss(x, t), param)
        # The gradient knows nothing of the 1e-7 in the loss, as the book's.
        assert np.abs(found[key] - expected).max() < 1e-6, key
    assert im2col(np.ones((1, 1, 3, 3)), 2, 2).shape == (4, 4)
    assert softmax(np.zeros(2)).sum() == 1
    from common.optimizer import *
    from common.trainer import Trainer
    from common.multi_layer_net_extend import MultiLayerNetExtend
    AdaGrad(lr=0.1).update(net.params, found)
    print("done")
"""


def test_a_script_written_for_the_book():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(SCRIPT)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "done\n"


def test_star_imports_bring_the_books_names_and_numpy():
    import importlib

    modules = {
        "functions": "identity_function step_function sigmoid sigmoid_grad relu relu_grad softmax "
        "sum_squared_error cross_entropy_error softmax_loss",
        "layers": "Relu Sigmoid Affine SoftmaxWithLoss Dropout BatchNormalization Convolution "
        "Pooling im2col col2im sigmoid softmax cross_entropy_error",
        "optimizer": "SGD Momentum Nesterov AdaGrad RMSprop Adam",
        "trainer": "Trainer SGD Adam",
        "gradient": "numerical_gradient numerical_gradient_2d",
        "util": "smooth_curve shuffle_dataset conv_output_size im2col col2im",
        "multi_layer_net": "MultiLayerNet Affine numerical_gradient",
        "multi_layer_net_extend": "MultiLayerNetExtend Affine numerical_gradient",
    }
    for module, names in modules.items():
        given = {}
        exec(f"from fastnn.compat.scratch.{module} import *", given)
        assert given.keys() >= {*names.split(), "np"}
        imported = importlib.import_module(f"fastnn.compat.scratch.{module}")
        assert all(not name.startswith("_") for name in imported.__all__)


def test_layers_in_an_ordered_dict_change_with_their_parameters(rng):
    params = {"W": rng.standard_normal((3, 2)), "b": np.zeros(2)}
    net = OrderedDict(Affine=layers.Affine(params["W"], params["b"]))
    x = rng.standard_normal((4, 3))
    before = net["Affine"].forward(x).copy()
    optimizer.SGD(lr=1.0).update(params, {"W": np.ones((3, 2)), "b": np.zeros(2)})
    after = net["Affine"].forward(x)
    # Sums of three products.
    assert_allclose(after, before - x.sum(axis=1, keepdims=True), rtol=0, atol=1e-14)
