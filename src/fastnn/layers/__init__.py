"""Layers. Each lowers itself to kernel calls; none computes."""

from fastnn.layers.activations import ACTIVATION_LAYERS, Activation, LogSoftmax, Softmax
from fastnn.layers.base import Layer
from fastnn.layers.branches import Add, Concat, Residual
from fastnn.layers.conv import LENET5_CONNECTIONS, Conv2d
from fastnn.layers.dropout import Dropout
from fastnn.layers.embedding import Embedding
from fastnn.layers.layer_norm import LayerNorm
from fastnn.layers.linear import Linear
from fastnn.layers.masking import Masking
from fastnn.layers.normalization import BatchNorm1d, BatchNorm2d
from fastnn.layers.piecewise import GLU, Maxout, PReLU, RReLU
from fastnn.layers.pool import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d, Subsample2d
from fastnn.layers.recurrent import GRU, LSTM, RNN
from fastnn.layers.sequential import Sequential
from fastnn.layers.shape import Flatten, Reshape, Unflatten

globals().update({cls.__name__: cls for cls in ACTIVATION_LAYERS.values()})

__all__ = [
    "ACTIVATION_LAYERS",
    "GLU",
    "GRU",
    "LENET5_CONNECTIONS",
    "LSTM",
    "RNN",
    "Activation",
    "AdaptiveAvgPool2d",
    "Add",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "Concat",
    "Conv2d",
    "Dropout",
    "Embedding",
    "Flatten",
    "Layer",
    "LayerNorm",
    "Linear",
    "LogSoftmax",
    "Masking",
    "MaxPool2d",
    "Maxout",
    "PReLU",
    "RReLU",
    "Reshape",
    "Residual",
    "Sequential",
    "Softmax",
    "Subsample2d",
    "Unflatten",
]
__all__ += [cls.__name__ for cls in ACTIVATION_LAYERS.values()]
