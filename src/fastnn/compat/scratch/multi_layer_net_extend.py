"""The book's ``common.multi_layer_net_extend``."""

from fastnn.compat.scratch import layers as _layers
from fastnn.compat.scratch._fully_connected import FullyConnected as _FullyConnected
from fastnn.compat.scratch._fully_connected import fraction_right as _fraction_right
from fastnn.compat.scratch.gradient import numerical_gradient
from fastnn.compat.scratch.layers import *  # noqa: F403

__all__ = ["MultiLayerNetExtend", "numerical_gradient", *_layers.__all__]


class MultiLayerNetExtend(_FullyConnected):
    """`MultiLayerNet` with batch normalisation before each activation and dropout after it.

    Parameters
    ----------
    input_size, hidden_size_list, output_size, activation, weight_init_std, weight_decay_lambda
        As for `MultiLayerNet`.
    use_dropout : bool
    dropout_ration : float
        The probability of a zero, so spelt in the book.
    use_batchnorm : bool

    Attributes
    ----------
    params : dict of ndarray
        ``W1``, ``b1``, ... and with batch normalisation ``gamma1``, ``beta1``, ...
    layers : OrderedDict
        ``Affine1``, ``BatchNorm1``, ``Activation_function1``, ``Dropout1``, ...
    last_layer : SoftmaxWithLoss

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch.multi_layer_net_extend import MultiLayerNetExtend
    >>> net = MultiLayerNetExtend(4, [8], 3, use_dropout=True, use_batchnorm=True)
    >>> list(net.layers)
    ['Affine1', 'BatchNorm1', 'Activation_function1', 'Dropout1', 'Affine2']
    """

    def __init__(
        self,
        input_size,
        hidden_size_list,
        output_size,
        activation="relu",
        weight_init_std="relu",
        weight_decay_lambda=0,
        use_dropout=False,
        dropout_ration=0.5,
        use_batchnorm=False,
    ):
        self.use_dropout = use_dropout
        self.use_batchnorm = use_batchnorm
        self._build(
            input_size, hidden_size_list, output_size, activation, weight_init_std,
            weight_decay_lambda, dropout_ration if use_dropout else None, use_batchnorm,
        )  # fmt: skip

    def predict(self, x, train_flg=False):
        """The scores of inputs (N, input_size), in training or not."""
        for key, layer in self.layers.items():
            if "Dropout" in key or "BatchNorm" in key:
                x = layer.forward(x, train_flg)
            else:
                x = layer.forward(x)
        return x

    def loss(self, x, t, train_flg=False):
        """The loss for classes (N,) or one-hot rows, with the penalty."""
        return self.last_layer.forward(self.predict(x, train_flg), t) + self._penalty()

    def accuracy(self, X, T):
        """The part of samples whose highest score, when nothing is dropped, is their class's."""
        return _fraction_right(self.predict(X, train_flg=False), T)

    def numerical_gradient(self, X, T):
        """The gradients of the loss in training by central differences, a dict like `params`."""
        return self._numerical(lambda: self.loss(X, T, train_flg=True))

    def gradient(self, x, t):
        """The gradients of the loss in training by backpropagation, a dict like `params`."""
        self.loss(x, t, train_flg=True)
        return self._backpropagated()
