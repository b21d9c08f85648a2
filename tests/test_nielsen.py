"""The book's networks beside its formulas: the same seeds give the same weights."""

import copy
import json
import pickle
import random

import numpy as np
import pytest
from book import (
    CLOSE,
    Formulas,
    assert_same,
    cross_entropy,
    cross_entropy_error,
    make_data,
    quadratic,
    quadratic_error,
    seed,
    sigmoid,
    slope,
)

import fastnn
from fastnn.compat.nielsen import _compiled, network, network2

MODULES = pytest.mark.parametrize("module", [network, network2], ids=lambda m: m.__name__)

COSTS = {
    "network": (lambda sizes: network.Network(sizes), quadratic_error, False),
    "quadratic": (
        lambda sizes: network2.Network(sizes, cost=network2.QuadraticCost),
        quadratic_error,
        True,
    ),
    "cross-entropy": (lambda sizes: network2.Network(sizes), cross_entropy_error, True),
    "instance": (
        lambda sizes: network2.Network(sizes, network2.CrossEntropyCost()),
        cross_entropy_error,
        True,
    ),
}


@pytest.mark.parametrize("sizes", [(12, 7, 10), (5, 3), (6, 5, 4, 3, 2)], ids=str)
@pytest.mark.parametrize(("samples", "size"), [(301, 10), (300, 1), (30, 10), (70, 300)])
@pytest.mark.parametrize("cost", COSTS)
def test_the_same_seeds_give_the_books_weights(cost, samples, size, sizes, threads):
    make, error, scaled = COSTS[cost]
    data, _ = make_data(samples, sizes[0], sizes[-1])
    regularisation = {} if cost == "network" else {"lmbda": 3.0}
    seed()
    formulas = Formulas(sizes, error, scaled)
    for _ in formulas.train(data, 4, size, 0.7, **regularisation):
        pass
    after = random.random(), np.random.rand()  # noqa: NPY002
    seed()
    net = make(sizes)
    net.SGD(data, 4, size, 0.7, **regularisation)
    assert (random.random(), np.random.rand()) == after  # noqa: NPY002
    assert_same(net, formulas)


@pytest.mark.parametrize("size", [10, 500], ids=["compiled", "few steps"])
@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i8", "u1", "?", np.longdouble])
def test_inputs_of_any_real_type_are_what_they_are(dtype, size):
    data, _ = make_data(300, 6, 3, dtype)
    seed()
    formulas = Formulas((6, 4, 3), quadratic_error, False)
    for _ in formulas.train(data, 2, size, 1.5):
        pass
    seed()
    net = network.Network((6, 4, 3))
    net.SGD(data, 2, size, 1.5)
    for p, q in zip(net.weights + net.biases, formulas.w + formulas.b, strict=True):
        np.testing.assert_allclose(p, q, **CLOSE)


@pytest.mark.parametrize("samples", [400, 50], ids=["compiled", "few"])
@pytest.mark.parametrize("classes", [10, 3])
@pytest.mark.parametrize("cost", ["quadratic", "cross-entropy"])
def test_what_is_watched(cost, classes, samples, capsys):
    make, error, _ = COSTS[cost]
    fn = {"quadratic": quadratic, "cross-entropy": cross_entropy}[cost]
    data, labelled = make_data(samples, 8, classes)
    judge, labelled_judge = data[::2], labelled[::2]
    seed()
    expected, lines = ([], [], [], []), []
    formulas = Formulas((8, 5, classes), error, True)
    for epoch in formulas.train(data, 3, 4, 0.5, 2.0):
        expected[0].append(epoch.cost(fn, judge, 2.0))
        expected[1].append(epoch.right(judge))
        expected[2].append(epoch.cost(fn, data, 2.0))
        expected[3].append(epoch.right(data))
    seed()
    net = make((8, 5, classes))
    results = net.SGD(
        data, 3, 4, 0.5, lmbda=2.0, evaluation_data=labelled_judge,
        monitor_evaluation_cost=True, monitor_evaluation_accuracy=True,
        monitor_training_cost=True, monitor_training_accuracy=True,
    )  # fmt: skip
    assert results[1] == expected[1]
    assert results[3] == expected[3]
    np.testing.assert_allclose(results[0], expected[0], **CLOSE)
    np.testing.assert_allclose(results[2], expected[2], **CLOSE)
    for j in range(3):
        lines += [
            f"Epoch {j} training complete",
            f"Cost on training data: {results[2][j]}",
            f"Accuracy on training data: {results[3][j]} / {samples}",
            f"Cost on evaluation data: {results[0][j]}",
            f"Accuracy on evaluation data: {results[1][j]} / {samples // 2}",
            "",
        ]
    assert capsys.readouterr().out.splitlines() == lines
    assert net.accuracy(labelled) == net.accuracy(data, convert=True) == expected[3][-1]
    np.testing.assert_allclose(net.total_cost(data, 2.0), expected[2][-1], **CLOSE)
    np.testing.assert_allclose(
        net.total_cost(labelled, 2.0, convert=True), expected[2][-1], **CLOSE
    )


@pytest.mark.parametrize("samples", [400, 50], ids=["compiled", "few"])
def test_what_the_first_network_prints(samples, capsys):
    data, labelled = make_data(samples, 8, 10)
    seed()
    formulas = Formulas((8, 5, 10), quadratic_error, False)
    right = [epoch.right(data) for epoch in formulas.train(data, 2, 4, 0.5)]
    seed()
    net = network.Network((8, 5, 10))
    assert net.SGD(iter(data), 2, 4, 0.5, test_data=iter(labelled)) is None
    expected = [f"Epoch {j}: {n} / {samples}" for j, n in enumerate(right)]
    assert capsys.readouterr().out.splitlines() == expected
    assert net.evaluate(iter(labelled)) == right[-1]
    net.SGD(data, 2, 4, 0.5)
    net.SGD(data, 1, 4, 0.5, [])
    expected = ["Epoch 0 complete", "Epoch 1 complete", "Epoch 0 complete"]
    assert capsys.readouterr().out.splitlines() == expected


def test_an_epoch_is_one_program(monkeypatch):
    made = []

    class Spy(_compiled.Program):
        def __init__(self, *args, **kwargs):
            made.append(1)
            super().__init__(*args, **kwargs)

    monkeypatch.setattr(_compiled, "Program", Spy)
    data, labelled = make_data(300, 8, 10)
    network.Network((8, 5, 10)).SGD(data, 3, 10, 0.5, test_data=labelled)
    network2.Network((8, 5, 10)).SGD(data, 3, 10, 0.5, 1.0, labelled)
    assert len(made) == 2


# -- weights, data, files ------------------------------------------------------------------------


@MODULES
def test_weights_can_be_read_kept_and_set(module):
    data, _ = make_data(300, 8, 4)
    seed()
    net = module.Network([8, 5, 4])
    kept, values = net.weights, copy.deepcopy(net.weights)
    net.SGD(data, 1, 10, 0.5)
    assert all((k == v).all() for k, v in zip(kept, values, strict=True))
    after = net.weights
    assert not any(np.shares_memory(a, k) for a, k in zip(after, kept, strict=True))
    # As if the epoch had not been, but for the order.
    net.weights = [w.copy() for w in kept]
    net.weights[1][0, 0] += 1
    seed()
    other = module.Network([8, 5, 4])
    net.biases = [b.tolist() and b for b in other.biases]
    other.weights[1][0, 0] += 1
    twin = list(data)
    random.seed(9)
    net.SGD(data, 2, 10, 0.5)
    random.seed(9)
    other.SGD(twin, 2, 10, 0.5)
    assert all((p == q).all() for p, q in zip(net.weights, other.weights, strict=True))


@MODULES
def test_lists_are_shuffled_and_iterators_listed(module):
    data, _ = make_data(300, 8, 4)
    order = list(data)
    random.seed(3)
    random.shuffle(order)
    random.shuffle(order)
    random.seed(3)
    module.Network([8, 5, 4]).SGD(data, 2, 10, 0.5)
    assert all(a is b for a, b in zip(data, order, strict=True))
    kept = tuple(data)
    module.Network([8, 5, 4]).SGD(kept, 2, 10, 0.5)
    module.Network([8, 5, 4]).SGD(zip(*zip(*data, strict=True), strict=True), 2, 10, 0.5)


@pytest.mark.parametrize("target", [float, np.float32, lambda y: np.array([y])], ids=str)
def test_one_output_and_targets_of_one_number(target):
    corners = [(np.array([[i], [j]]), float(i ^ j)) for i in (0, 1) for j in (0, 1)] * 40
    seed()
    formulas = Formulas((2, 4, 1), quadratic_error, False)
    for _ in formulas.train(corners, 3, 10, 3.0):
        pass
    seed()
    net = network.Network([2, 4, 1])
    net.SGD([(x, target(y)) for x, y in corners], 3, 10, 3.0)
    assert_same(net, formulas)


def bad(**changes):
    data, _ = make_data(300, 8, 4)
    x, y = data[7]
    data[7] = (changes.get("x", x), changes.get("y", y))
    return data


@MODULES
@pytest.mark.parametrize(
    "data",
    [
        bad(x=np.zeros((9, 1))),
        bad(x=None),
        bad(y=np.zeros((3, 1))),
        bad(y=np.zeros((4, 2))),
        bad(x="no"),
        [(x[:-1], y) for x, y in bad()],
        [(x[:, 0], y[:, 0]) for x, y in bad()],
    ],
    ids=["one x", "x None", "one y", "y wide", "x text", "all x", "flat"],
)
def test_data_that_does_not_fit_is_numpys_error(module, data):
    with pytest.raises((ValueError, TypeError, np.exceptions.DTypePromotionError)):
        module.Network([8, 5, 4]).SGD(data, 1, 2, 0.5)


@MODULES
def test_batches_that_are_none(module, capsys):
    data, _ = make_data(30, 8, 4)
    net = module.Network([8, 5, 4])
    with pytest.raises(ValueError, match="zero"):
        net.SGD(data, 1, 0, 0.5)
    with pytest.raises(TypeError):
        net.SGD(data, 1, 2.5, 0.5)
    before = net.weights
    net.SGD(data, 1, -1, 0.5)
    net.SGD([], 1, 10, 0.5)
    net.SGD(data, 0, 10, 0.5)
    assert all((p == q).all() for p, q in zip(net.weights, before, strict=True))
    assert len(capsys.readouterr().out.split("complete")) == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"monitor_evaluation_cost": True},
        {"monitor_evaluation_accuracy": True, "evaluation_data": []},
        {"early_stopping_n": 2, "monitor_training_cost": True},
    ],
    ids=str,
)
def test_nothing_to_watch_is_an_error_before_anything_is_changed(wrong):
    data, _ = make_data(300, 8, 4)
    order, net = list(data), network2.Network([8, 5, 4])
    before, state = net.weights, random.getstate()
    with pytest.raises(ValueError, match="got none"):
        net.SGD(data, 1, 10, 0.5, **wrong)
    assert net.weights is before
    assert random.getstate() == state
    assert all(a is b for a, b in zip(data, order, strict=True))


@pytest.mark.parametrize("watched", ["monitor_evaluation_accuracy", "monitor_training_accuracy"])
def test_early_stopping(watched):
    class Net(network2.Network):
        heard = iter([3, 5, 5, 4, 6, 6, 1, 2, 9])

        def accuracy(self, data, convert=False):
            return next(self.heard)

    data, labelled = make_data(30, 8, 4)
    net = Net([8, 5, 4])
    results = net.SGD(data, 20, 10, 0.5, 0, labelled, early_stopping_n=3, **{watched: True})
    assert [3, 5, 5, 4, 6, 6, 1, 2] in results


def test_ctrl_c_leaves_what_was_learned(monkeypatch):
    def interrupted(self, *args):
        steps(self, args[0], args[1], args[2], args[3], args[4][:3], *args[5:])
        raise KeyboardInterrupt

    steps = _compiled.Program.steps
    monkeypatch.setattr(_compiled.Program, "steps", interrupted)
    data, _ = make_data(300, 8, 4)
    seed()
    net = network.Network([8, 5, 4])
    with pytest.raises(KeyboardInterrupt):
        net.SGD(data, 3, 5, 0.5)
    seed()
    formulas = Formulas((8, 5, 4), quadratic_error, False)
    order = list(range(300))
    random.shuffle(order)
    monkeypatch.setattr(random, "shuffle", lambda data: None)
    unshuffled, _ = make_data(300, 8, 4)
    next(formulas.train([unshuffled[i] for i in order[:15]], 1, 5, 0.5))
    assert_same(net, formulas)


@pytest.mark.parametrize("eta", [-0.5, np.float64(0.5), 1, np.nan], ids=str)
def test_any_rate(eta):
    data, _ = make_data(300, 8, 4)
    seed()
    formulas = Formulas((8, 5, 4), cross_entropy_error, True)
    for _ in formulas.train(data, 2, 10, eta, -0.1):
        pass
    seed()
    net = network2.Network([8, 5, 4])
    net.SGD(data, 2, 10, eta, lmbda=-0.1)
    assert_same(net, formulas)


def test_files_go_both_ways(tmp_path):
    path = tmp_path / "net.json"
    net = network2.Network([3, 5, 2], cost=network2.QuadraticCost)
    net.save(path)
    # As the book writes it, and reads it.
    expected = {
        "sizes": [3, 5, 2],
        "weights": [w.tolist() for w in net.weights],
        "biases": [b.tolist() for b in net.biases],
        "cost": "QuadraticCost",
    }
    assert path.read_text() == json.dumps(expected)
    again = network2.load(str(path))
    assert again.cost is network2.QuadraticCost
    assert again.sizes == [3, 5, 2]
    for p, q in zip(again.weights + again.biases, net.weights + net.biases, strict=True):
        np.testing.assert_array_equal(p, q, strict=True)
    network2.Network(np.array([3, 2]), network2.CrossEntropyCost()).save(path)
    assert network2.load(path).cost is network2.CrossEntropyCost


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path):
    path = tmp_path / "net.json"
    net = network2.Network([3, 5, 2])
    net.save(path)
    before = path.read_bytes()
    net.weights = [None]
    with pytest.raises(AttributeError):
        net.save(path)
    assert path.read_bytes() == before
    path.write_text(json.dumps({"sizes": [1], "weights": [], "biases": [], "cost": "Own"}))
    with pytest.raises(AttributeError, match="Own"):
        network2.load(path)


@MODULES
def test_networks_can_be_copied(module):
    data, _ = make_data(300, 8, 4)
    net = module.Network([8, 5, 4])
    net.SGD(data, 2, 10, 0.5)
    for again in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert vars(again).keys() == vars(net).keys()
        assert all((p == q).all() for p, q in zip(again.weights, net.weights, strict=True))


def test_the_functions():
    z = np.array([[-800.0, -1, 0, 2, 800]])
    np.testing.assert_allclose(network.sigmoid(z[:, 1:4]), sigmoid(z[:, 1:4]), rtol=1e-15)
    assert network.sigmoid(z)[0, [0, -1]].tolist() == [0, 1]
    np.testing.assert_allclose(network2.sigmoid_prime(0.5), slope(0.5), rtol=1e-15)
    assert network2.vectorized_result(3).tolist() == [[float(i == 3)] for i in range(10)]
    y, a = np.array([[0.0], [1.0], [1.0]]), np.array([[0.0], [1.0], [0.0]])
    assert network2.CrossEntropyCost.fn(a[:2], y[:2]) == 0
    assert np.isfinite(network2.CrossEntropyCost.fn(a, y))
    with pytest.raises(IndexError):
        network2.Network([8, 4]).total_cost([(np.zeros((8, 1)), 4)], 0, convert=True)
    labelled = [(x, 4) for x, _ in make_data(300, 8, 4)[1]]
    with pytest.raises(IndexError):
        network2.Network([8, 4]).total_cost(labelled, 0, convert=True)


def test_gradients_are_those_of_the_cost():
    data, _ = make_data(1, 6, 3)
    (x, y), net, h = data[0], network2.Network([6, 5, 3]), 1e-5
    for cost in (network2.QuadraticCost, network2.CrossEntropyCost):
        net.cost = cost
        gradients = net.backprop(x, y)
        for arrays, found in zip((net.biases, net.weights), gradients, strict=True):
            for p, g in zip(arrays, found, strict=True):
                for i in np.ndindex(p.shape):
                    ends = []
                    for step in (h, -2 * h):
                        p[i] += step
                        ends.append(cost.fn(net.feedforward(x), y))
                    p[i] += h
                    # The error of a central difference is h^2.
                    np.testing.assert_allclose(
                        (ends[0] - ends[1]) / (2 * h), g[i], rtol=1e-6, atol=1e-9
                    )


def test_mnist(mnist_folder, capsys):
    mnist = fastnn.data.load_idx_folder(mnist_folder)
    x = (mnist.x_train.reshape(-1, 784, 1) / 256).astype(np.float32)
    data = [(a, network2.vectorized_result(y)) for a, y in zip(x, mnist.y_train, strict=True)]
    test = list(zip(mnist.x_test.reshape(-1, 784, 1) / np.float32(256), mnist.y_test, strict=True))
    seed()
    net = network.Network([784, 30, 10])
    net.SGD(data[:50_000], 1, 10, 3.0, test_data=test)
    right = int(capsys.readouterr().out.split()[2])
    # The book's first epoch comes to 9129; a seed may cost a digit.
    assert right > 8000
    assert net.evaluate(test) == right
