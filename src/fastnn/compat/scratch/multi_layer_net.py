"""The book's ``common.multi_layer_net``."""

from fastnn.compat.scratch import layers as _layers
from fastnn.compat.scratch._fully_connected import FullyConnected as _FullyConnected
from fastnn.compat.scratch._fully_connected import fraction_right as _fraction_right
from fastnn.compat.scratch.gradient import numerical_gradient
from fastnn.compat.scratch.layers import *  # noqa: F403

__all__ = ["MultiLayerNet", "numerical_gradient", *_layers.__all__]


class MultiLayerNet(_FullyConnected):
    """A fully connected net, softmax and cross-entropy at its end.

    Parameters
    ----------
    input_size : int
    hidden_size_list : list of int
        The widths of the hidden layers.
    output_size : int
    activation : str
        Relu or sigmoid.
    weight_init_std : float or str
        The standard deviation of initial weights; "relu" or "he" for ``sqrt(2 / inputs)``,
        "sigmoid" or "xavier" for ``sqrt(1 / inputs)``.
    weight_decay_lambda : float
        The loss has ``lambda / 2`` times the sum of all squared weights beside it.

    Attributes
    ----------
    params : dict of ndarray
        ``W1``, ``b1``, ... : weights (inputs, outputs), and biases. Layers hold the same arrays.
    layers : OrderedDict
        ``Affine1``, ``Activation_function1``, ...
    last_layer : SoftmaxWithLoss

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch.multi_layer_net import MultiLayerNet
    >>> np.random.seed(0)
    >>> net = MultiLayerNet(4, [8], 3)
    >>> x, t = np.random.rand(2, 4), np.array([0, 2])
    >>> by_rule, by_differences = net.gradient(x, t), net.numerical_gradient(x, t)
    >>> all(np.allclose(by_rule[k], by_differences[k], atol=1e-6) for k in net.params)
    True
    """

    def __init__(
        self,
        input_size,
        hidden_size_list,
        output_size,
        activation="relu",
        weight_init_std="relu",
        weight_decay_lambda=0,
    ):
        self._build(
            input_size, hidden_size_list, output_size, activation, weight_init_std,
            weight_decay_lambda,
        )  # fmt: skip

    def predict(self, x):
        """The scores of inputs (N, input_size)."""
        for layer in self.layers.values():
            x = layer.forward(x)
        return x

    def loss(self, x, t):
        """The loss for classes (N,) or one-hot rows, with the penalty."""
        return self.last_layer.forward(self.predict(x), t) + self._penalty()

    def accuracy(self, x, t):
        """The part of samples whose highest score is their class's."""
        return _fraction_right(self.predict(x), t)

    def numerical_gradient(self, x, t):
        """The gradients of the loss by central differences, a dict like `params`."""
        return self._numerical(lambda: self.loss(x, t))

    def gradient(self, x, t):
        """The gradients of the loss by backpropagation, a dict like `params`."""
        self.loss(x, t)
        return self._backpropagated()
