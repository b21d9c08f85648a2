"""The book's networks with parts of the user's own, which are used where the book uses them."""

import copy

import numpy as np
import pytest
from book import (
    CLOSE,
    Formulas,
    assert_same,
    cross_entropy_error,
    make_data,
    quadratic_error,
    seed,
    sigmoid,
    slope,
)

from fastnn.compat.nielsen import network, network2


def trained(net, data, **options):
    net.SGD(list(data), 3, 10, 0.5, **options)
    return net


def expected(data, error, squash=sigmoid, slope=slope, scaled=False):
    seed()
    formulas = Formulas((8, 5, 4), error, scaled, squash, slope)
    for _ in formulas.train(data, 3, 10, 0.5):
        pass
    return formulas


def test_a_cost_derivative_of_ones_own():
    # Not element by element: each column must come by itself.
    class Net(network.Network):
        def cost_derivative(self, output_activations, y):
            return (output_activations - y) / output_activations.sum()

    data, _ = make_data(300, 8, 4)
    formulas = expected(data, lambda z, a, y: (a - y) / a.sum() * slope(z))
    seed()
    assert_same(trained(Net([8, 5, 4]), data), formulas)
    seed()
    net = network.Network([8, 5, 4])
    net.cost_derivative = lambda a, y: (a - y) / a.sum()
    assert_same(trained(net, data), formulas)


def test_a_cost_of_ones_own():
    class Cost:
        @staticmethod
        def fn(a, y):
            return ((a - y) ** 4).sum() / a.sum()

        @staticmethod
        def delta(z, a, y):
            return (a - y) ** 3 / a.sum() * network2.sigmoid_prime(z)

    data, labelled = make_data(300, 8, 4)
    formulas = expected(data, lambda z, a, y: (a - y) ** 3 / a.sum() * slope(z), scaled=True)
    seed()
    net = trained(network2.Network([8, 5, 4], cost=Cost), data)
    assert_same(net, formulas)
    cost = formulas.cost(Cost.fn, data, 0.5)
    np.testing.assert_allclose(net.total_cost(data, 0.5), cost, **CLOSE)
    np.testing.assert_allclose(net.total_cost(labelled, 0.5, convert=True), cost, **CLOSE)


def test_half_a_cost_of_ones_own():
    class Cost(network2.CrossEntropyCost):
        @staticmethod
        def fn(a, y):
            return np.abs(a - y).max()

    data, _ = make_data(300, 8, 4)
    formulas = expected(data, cross_entropy_error, scaled=True)
    seed()
    net = trained(network2.Network([8, 5, 4], cost=Cost), data)
    assert_same(net, formulas)
    np.testing.assert_allclose(
        net.total_cost(data, 0.0), formulas.cost(lambda a, y: abs(a - y).max(), data, 0), **CLOSE
    )


@pytest.mark.parametrize("module", [network, network2], ids=lambda m: m.__name__)
def test_a_sigmoid_of_ones_own(module, monkeypatch):
    # In the book's module its methods find it; a softmax needs each column by itself.
    def softmax(z):
        return np.exp(z) / np.exp(z).sum()

    def ones(z):
        return 0 * z + 0.1

    data, _ = make_data(300, 8, 4)
    monkeypatch.setattr(module, "sigmoid", softmax)
    monkeypatch.setattr(module, "sigmoid_prime", ones)
    if module is network:
        formulas = expected(data, lambda z, a, y: (a - y) * 0.1, softmax, ones)
    else:
        formulas = expected(data, cross_entropy_error, softmax, ones, scaled=True)
    seed()
    net = trained(module.Network([8, 5, 4]), data)
    assert_same(net, formulas)
    x = data[0][0]
    np.testing.assert_allclose(net.feedforward(x), formulas.outputs(x), **CLOSE)


@pytest.mark.parametrize("module", [network, network2], ids=lambda m: m.__name__)
def test_a_gradient_of_ones_own(module):
    class Net(module.Network):
        def backprop(self, x, y):
            nabla_b, nabla_w = super().backprop(x, y)
            return [np.tanh(b) / 2 for b in nabla_b], [np.tanh(w) / 2 for w in nabla_w]

    class Twin(Formulas):
        def gradient(self, x, y):
            return tuple([np.tanh(g) / 2 for g in part] for part in super().gradient(x, y))

    data, _ = make_data(300, 8, 4)
    error = quadratic_error if module is network else cross_entropy_error
    seed()
    formulas = Twin((8, 5, 4), error, module is network2)
    for _ in formulas.train(data, 3, 10, 0.5):
        pass
    seed()
    assert_same(trained(Net([8, 5, 4]), data), formulas)


def test_a_step_of_ones_own():
    class Net(network.Network):
        def update_mini_batch(self, mini_batch, eta):
            super().update_mini_batch(mini_batch, eta / 5)

    data, _ = make_data(300, 8, 4)
    seed()
    formulas = Formulas((8, 5, 4), quadratic_error, False)
    for _ in formulas.train(data, 3, 10, 0.1):
        pass
    seed()
    assert_same(trained(Net([8, 5, 4]), data), formulas)


def test_outputs_of_ones_own_are_judged_and_not_trained(capsys):
    class Net(network.Network):
        def feedforward(self, a):
            return super().feedforward(a)[::-1]

    data, labelled = make_data(300, 8, 4)
    formulas = expected(data, quadratic_error)
    seed()
    net = trained(Net([8, 5, 4]), data, test_data=labelled)
    assert_same(net, formulas)
    right = formulas.right([(x, y[::-1]) for x, y in data])
    assert capsys.readouterr().out.splitlines()[-1] == f"Epoch 2: {right} / 300"
    assert net.evaluate(labelled) == right


def test_judgement_of_ones_own(capsys):
    class First(network.Network):
        def evaluate(self, test_data):
            assert type(test_data) is list
            return "enough"

    class Second(network2.Network):
        def accuracy(self, data, convert=False):
            return len(data) + convert

        def total_cost(self, data, lmbda, convert=False):
            return len(data) * lmbda + convert

    data, labelled = make_data(300, 8, 4)
    trained(First([8, 5, 4]), data, test_data=labelled)
    assert capsys.readouterr().out.splitlines()[-1] == "Epoch 2: enough / 300"
    results = Second([8, 5, 4]).SGD(
        data, 1, 10, 0.5, 2, labelled[:7], monitor_evaluation_cost=True,
        monitor_evaluation_accuracy=True, monitor_training_cost=True,
        monitor_training_accuracy=True,
    )  # fmt: skip
    assert results == ([15], [7], [600], [301])


def test_a_layer_that_is_left_out_stays():
    # The book's loop goes over num_layers, and so some freeze the first layers.
    data, _ = make_data(300, 8, 4)
    net = network.Network([8, 5, 5, 4])
    net.num_layers = 3
    before = copy.deepcopy(net)
    trained(net, data)
    assert (net.weights[0] == before.weights[0]).all()
    assert (net.weights[1] != before.weights[1]).any()


def test_layers_may_grow_between_epochs(capsys):
    class Growing(network.Network):
        def evaluate(self, test_data):
            self.weights[0] = np.vstack([self.weights[0], np.zeros((1, 8))])
            self.biases[0] = np.vstack([self.biases[0], [[0.0]]])
            self.weights[1] = np.hstack([self.weights[1], np.ones((4, 1))])
            return super().evaluate(test_data)

    data, labelled = make_data(300, 8, 4)
    net = trained(Growing([8, 5, 4]), data, test_data=labelled)
    assert [w.shape for w in net.weights] == [(8, 8), (4, 8)]
    assert (net.weights[0][5] != 0).any()
