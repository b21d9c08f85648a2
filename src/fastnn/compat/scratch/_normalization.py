"""Batch normalisation."""

import numpy as np

_EPS = 10e-7


class BatchNormalization:
    """Batch normalisation (Ioffe and Szegedy, 2015) of every feature by itself.

    Parameters
    ----------
    gamma, beta : ndarray of shape (features,)
        Factors and offsets; kept, not copied. Images have a feature for each pixel of each
        channel.
    momentum : float
        How much of the running statistics stays at each step.
    running_mean, running_var : ndarray of shape (features,), optional
        Where they begin; zeros without.

    Attributes
    ----------
    running_mean, running_var
        New arrays at each step; the variance is not corrected for its bias.
    input_shape, batch_size, xc, xn, std
        Of the last `forward` in training: what `backward` needs.
    dgamma, dbeta : ndarray or None
        The gradients of the last `backward`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch.layers import BatchNormalization
    >>> layer = BatchNormalization(np.ones(1), np.zeros(1))
    >>> layer.forward(np.array([[1.0], [3.0]])).round(5)
    array([[-1.],
           [ 1.]])
    >>> layer.running_mean.round(6), layer.running_var.round(6)
    (array([0.2]), array([0.1]))
    """

    def __init__(self, gamma, beta, momentum=0.9, running_mean=None, running_var=None):
        self.gamma = gamma
        self.beta = beta
        self.momentum = momentum
        self.input_shape = None
        self.running_mean = running_mean
        self.running_var = running_var
        self.batch_size = None
        self.xc = None
        self.xn = None
        self.std = None
        self.dgamma = None
        self.dbeta = None

    def forward(self, x, train_flg=True):
        """Inputs (N, features) or (N, C, H, W), by the batch's statistics or the running ones."""
        self.input_shape = x.shape
        x = x.reshape(x.shape[0], -1)
        if self.running_mean is None:
            self.running_mean, self.running_var = np.zeros((2, x.shape[1]))
        if train_flg:
            mean = x.mean(axis=0)
            centred = x - mean
            var = np.mean(centred * centred, axis=0)
            std = np.sqrt(var + _EPS)
            normal = centred / std
            kept = self.momentum
            self.running_mean = kept * self.running_mean + (1 - kept) * mean
            self.running_var = kept * self.running_var + (1 - kept) * var
            self.batch_size, self.xc, self.xn, self.std = len(x), centred, normal, std
        else:
            normal = (x - self.running_mean) / np.sqrt(self.running_var + _EPS)
        return (self.gamma * normal + self.beta).reshape(self.input_shape)

    def backward(self, dout):
        """The gradient with respect to the input, in its shape; `dgamma` and `dbeta` are set."""
        dout = dout.reshape(dout.shape[0], -1)
        rows, normal = self.batch_size, self.xn
        self.dbeta = dout.sum(axis=0)
        self.dgamma = np.sum(normal * dout, axis=0)
        # Of the normalised input; its part along the mean and along the input itself goes
        # nowhere, since the statistics move with it.
        rest = dout - (self.dbeta + normal * self.dgamma) / rows
        return (self.gamma / self.std * rest).reshape(self.input_shape)
