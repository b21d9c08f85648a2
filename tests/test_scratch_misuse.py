"""What scripts hand to the stand-ins of "Deep Learning from Scratch" by mistake: errors, as from
NumPy, and never the end of the process."""

import itertools

import numpy as np
import pytest

from fastnn.compat.scratch import functions, layers, optimizer

# What NumPy, and Python where something isn't an array, raise of such arguments.
ORDINARY = (TypeError, ValueError, IndexError, AttributeError)

JUNK = {
    "None": None,
    "number": 2.5,
    "text": "a",
    "list": [1, 2],
    "no axis": np.array(1.0),
    "vector": np.ones(3),
    "nothing": np.zeros(0),
    "no rows": np.zeros((0, 3)),
    "no columns": np.zeros((3, 0)),
    "matrix": np.ones((2, 3)),
    "three axes": np.ones((2, 3, 4)),
    "images": np.ones((2, 1, 5, 5)),
    "single images": np.ones((2, 1, 5, 5), np.float32),
    "no images": np.ones((0, 1, 5, 5)),
    "no channels": np.ones((2, 0, 5, 5)),
    "no pixels": np.ones((2, 1, 0, 5)),
    "five axes": np.ones((1,) * 5),
    "complex": np.ones((2, 3), complex),
    "objects": np.ones((2, 3), object),
    "texts": np.array([["a", "b"]]),
    "dates": np.ones((2, 3), "M8[s]"),
    "extended": np.ones((2, 3), np.longdouble),
    "foreign": np.ones((2, 3), ">f8"),
    "undefined": np.full((2, 3), np.nan),
    "infinite": np.full((2, 1, 5, 5), np.inf),
}
LAYERS = {
    "Relu": layers.Relu,
    "Sigmoid": layers.Sigmoid,
    "Dropout": layers.Dropout,
    "Affine": lambda: layers.Affine(np.ones((3, 2)), np.ones(2)),
    "BatchNormalization": lambda: layers.BatchNormalization(np.ones(3), np.ones(3)),
    "Convolution": lambda: layers.Convolution(np.ones((2, 1, 3, 3)), np.ones(2)),
    "Pooling": lambda: layers.Pooling(2, 2),
}


def attempt(function, *args):
    """Whether it does something; errors must be ordinary."""
    try:
        with np.errstate(all="ignore"):
            function(*args)
    except ORDINARY:
        return False
    return True


@pytest.mark.parametrize("make", LAYERS.values(), ids=list(LAYERS))
@pytest.mark.parametrize("x", JUNK.values(), ids=list(JUNK))
@pytest.mark.filterwarnings("ignore")  # NumPy's, of empty means and of complex numbers
def test_layers(make, x):
    attempt(make().backward, x)
    done = set()
    for dout in JUNK.values():
        layer = make()
        done.add(attempt(layer.forward, x))
        attempt(layer.backward, dout)
    assert len(done) == 1  # what goes forward goes forward each time


@pytest.mark.parametrize("weight", JUNK.values(), ids=list(JUNK))
@pytest.mark.filterwarnings("ignore")
def test_parameters(weight):
    for bias, x in itertools.product(JUNK.values(), JUNK.values()):
        for layer in (layers.Affine(weight, bias), layers.Convolution(weight, bias)):
            if attempt(layer.forward, x):
                attempt(lambda layer=layer, x=x: layer.backward(np.ones_like(layer.forward(x))))
    fits = layers.Affine(np.ones((3, 2)), 0)
    assert attempt(fits.forward, np.ones((2, 3)))


@pytest.mark.parametrize("value", JUNK.values(), ids=list(JUNK))
@pytest.mark.filterwarnings("ignore")
def test_optimizers_and_functions(value):
    optimizers = (getattr(optimizer, name) for name in optimizer.__all__ if name != "np")
    for make, grad in itertools.product(optimizers, JUNK.values()):
        params = {"p": np.copy(value) if isinstance(value, np.ndarray) else value}
        attempt(make().update, params, {"p": grad})
        assert list(params) == ["p"]
    for other in JUNK.values():
        for loss in (functions.cross_entropy_error, functions.softmax_loss):
            attempt(loss, value, other)
    for name in ("sigmoid", "relu", "softmax", "relu_grad", "sigmoid_grad", "step_function"):
        attempt(getattr(functions, name), value)
