"""What layers give while scripts go on with the arrays that they were handed."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastnn.compat.scratch import layers


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda weight: layers.Affine(weight.reshape(3, 25).T.copy(), np.zeros(3)), (4, 3)),
        (lambda weight: layers.Convolution(weight, np.zeros(3)), (4, 3, 1, 1)),
    ],
    ids=["Affine", "Convolution"],
)
def test_gradients_of_data_are_of_what_was_handed_over(rng, make, shape):
    x = rng.standard_normal((4, 1, 5, 5)).astype("f4")
    layer, dout = make(rng.standard_normal((3, 1, 5, 5))), rng.standard_normal(shape)
    layer.forward(x)
    expected = np.array(layer.backward(dout))
    dx = layer.backward(dout)
    other = layers.Relu()  # of the same output: it changes the gradient in place
    other.forward(-np.ones(shape))
    assert other.backward(dout) is dout
    assert not dout.any()
    assert_array_equal(dx, expected)


@pytest.mark.parametrize("of_dout", ["f8", "f4", "f2", "i8"])
@pytest.mark.parametrize("of_x", ["f4", "u1", "?"])
def test_gradients_of_weights_have_numpys_type(rng, of_x, of_dout):
    layer = layers.Affine(rng.standard_normal((5, 3)), np.zeros(3))
    x, dout = (9 * rng.random((4, 5))).astype(of_x), (9 * rng.random((4, 3))).astype(of_dout)
    layer.forward(x)
    layer.backward(dout)
    expected = np.dot(x.T, dout)
    assert layer.dW.dtype == expected.dtype
    # Sums of four products; float16 has 11 bits.
    assert_allclose(layer.dW, expected, rtol=1e-5 if of_dout != "f2" else 4e-3)


@pytest.mark.parametrize("dtype", ["?", ">f8", "i4", "f2"])
def test_relu_keeps_the_type(dtype):
    x = np.array([[-2, 0, 3]]).astype(dtype)
    y = layers.Relu().forward(x)
    assert y.dtype == x.dtype
    assert_array_equal(y, np.where(x > 0, x, 0))
