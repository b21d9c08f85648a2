"""What scripts of the book do that its text doesn't speak of."""

import pathlib
import random

import numpy as np
import pytest
from book import CLOSE, Formulas, assert_same, make_data, quadratic_error, seed

from fastnn.compat.nielsen import network, network2

MODULES = pytest.mark.parametrize("module", [network, network2], ids=lambda m: m.__name__)


@MODULES
def test_modules_that_the_book_imports_are_handed_on(module):
    names = {}
    exec(f"from {module.__name__} import *", names)
    assert names["np"] is np
    assert names["random"] is random


@MODULES
def test_the_slope_follows_a_sigmoid_of_ones_own(module, monkeypatch):
    # In the book's module sigmoid_prime calls sigmoid by its name.
    def softmax(z):
        return np.exp(z) / np.exp(z).sum()

    monkeypatch.setattr(module, "sigmoid", softmax)
    z = np.array([[0.3], [-1.0], [2.0]])
    expected = softmax(z) * (1 - softmax(z))
    np.testing.assert_allclose(module.sigmoid_prime(z), expected, rtol=1e-15)
    data, _ = make_data(100, 8, 4)

    def slope(z):
        return softmax(z) * (1 - softmax(z))

    def error(z, a, y):
        return (a - y) * slope(z)

    seed()
    formulas = Formulas((8, 5, 4), error, module is network2, softmax, slope)
    for _ in formulas.train(data, 2, 10, 0.5):
        pass
    seed()
    options = {} if module is network else {"cost": network2.QuadraticCost}
    net = module.Network([8, 5, 4], **options)
    net.SGD(data, 2, 10, 0.5)
    assert_same(net, formulas)


@MODULES
@pytest.mark.parametrize("nothing", [None, False, [], ()], ids=repr)
def test_nothing_to_judge_by(module, nothing, capsys):
    data, _ = make_data(30, 8, 4)
    names = {network: "test_data", network2: "evaluation_data"}
    module.Network([8, 5, 4]).SGD(data, 1, 10, 0.5, **{names[module]: nothing})
    assert capsys.readouterr().out.split("\n")[0].endswith("complete")


@pytest.mark.parametrize("samples", [30, 600], ids=["few", "compiled"])
def test_regularisation_is_a_number(samples):
    data, _ = make_data(samples, 8, 4)
    net = network2.Network([8, 5, 4])
    before = [p.copy() for p in net.weights + net.biases]
    with pytest.raises(TypeError):
        net.SGD(data, 1, 10, 0.5, lmbda=None)
    assert all((p == q).all() for p, q in zip(net.weights + net.biases, before, strict=True))


@pytest.mark.parametrize("samples", [30, 600], ids=["few", "compiled"])
def test_weights_in_an_array_of_arrays(samples):
    # As numpy.load gives them back.
    data, _ = make_data(samples, 8, 4)
    seed()
    formulas = Formulas((8, 5, 4), quadratic_error, False)
    for _ in formulas.train(data, 2, 10, 0.5):
        pass
    seed()
    net = network.Network([8, 5, 4])
    stored = np.empty(2, object)
    stored[:] = net.weights
    net.weights = stored
    net.SGD(data, 2, 10, 0.5)
    assert_same(net, formulas)


def test_names_of_files_may_be_bytes(tmp_path):
    path = str(tmp_path / "net.json").encode()
    net = network2.Network([3, 2])
    net.save(path)
    for p, q in zip(network2.load(path).weights, net.weights, strict=True):
        np.testing.assert_allclose(p, q, **CLOSE)


def test_a_folder_that_is_missing_is_named_as_open_names_it(tmp_path):
    path = str(tmp_path / "missing" / "net.json")
    with pytest.raises(FileNotFoundError) as expected:
        pathlib.Path(path).write_bytes(b"")
    with pytest.raises(FileNotFoundError) as found:
        network2.Network([3, 2]).save(path)
    assert str(found.value) == str(expected.value)
