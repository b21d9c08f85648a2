"""Thinc's kernels. Its hard_sigmoid and hard_swish are other functions; its loss has no value."""

from functools import partial

import numpy as np

from benchmarks import inputs
from benchmarks.peers.thinc_alone import VERSION as VERSION
from benchmarks.peers.thinc_alone import api

_ops = api.NumpyOps()


def _forward(function, shape):
    return partial(function, *inputs.x(np.random.default_rng(0), shape))


def _backward(function, saved, shape):
    return partial(function, *inputs.grad_and_saved(saved, np.random.default_rng(0), shape))


def _swish_backward(shape):
    grad, x = inputs.grad_and_saved(None, np.random.default_rng(0), shape)
    return partial(_ops.backprop_swish, grad, x, _ops.swish(x))


def _tanh_backward(grad, y):
    return grad * _ops.dtanh(y)


def _adam(shape):
    p, grad, average, square = inputs.parameters(2, np.random.default_rng(0), shape)
    rate = 0.001 * (1 - 0.999**10) ** 0.5 / (1 - 0.9**10)

    def call():
        _ops.adam(p, grad, average, square, 0.9, 0.999, 1e-8, rate)
        return p

    return call


KERNELS = {
    "relu": partial(_forward, _ops.relu),
    "relu6": partial(_forward, _ops.relu_k),
    "hardtanh": partial(_forward, _ops.hard_tanh),
    "hardswish": partial(_forward, _ops.hard_swish_mobilenet),
    "sigmoid": partial(_forward, _ops.sigmoid),
    "silu": partial(_forward, _ops.swish),
    "mish": partial(_forward, _ops.mish),
    "gelu_tanh": partial(_forward, _ops.gelu_approx),
    "gelu": partial(_forward, _ops.gelu),
    "softmax": partial(_forward, _ops.softmax),
    "relu_backward": partial(_backward, _ops.backprop_relu, _ops.relu),
    "relu6_backward": partial(_backward, _ops.backprop_relu_k, None),
    "hardtanh_backward": partial(_backward, _ops.backprop_hard_tanh, None),
    "hardswish_backward": partial(_backward, _ops.backprop_hard_swish_mobilenet, None),
    "sigmoid_backward": partial(_backward, _ops.backprop_sigmoid, _ops.sigmoid),
    "tanh_backward": partial(_backward, _tanh_backward, np.tanh),
    "silu_backward": _swish_backward,
    "mish_backward": partial(_backward, _ops.backprop_mish, None),
    "gelu_tanh_backward": partial(_backward, _ops.backprop_gelu_approx, None),
    "gelu_backward": partial(_backward, _ops.backprop_gelu, None),
    "adam_update": _adam,
}
