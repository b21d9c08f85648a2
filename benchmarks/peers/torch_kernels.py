"""PyTorch's kernels, written into memory that is at hand where they can be."""

import os
from functools import partial

import numpy as np
import torch
from torch.nn import functional

from benchmarks import inputs

VERSION = torch.__version__

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))

_aten = torch.ops.aten


def _unary(operator, *settings, **options):
    """Prepare an operation on x."""

    def prepare(shape):
        x = torch.from_numpy(inputs.normal(np.random.default_rng(0), shape))
        return partial(operator, x, *settings, out=torch.empty_like(x), **options)

    return prepare


def _gradient(operator, *, of_output=None, before=(), after=(), **options):
    """Prepare an operation on a gradient and x, or the output of a function of x."""

    def prepare(shape):
        grad, x = map(
            torch.from_numpy, inputs.grad_and_saved(None, np.random.default_rng(0), shape)
        )
        saved = x if of_output is None else of_output(x)
        out = {}
        if operator._overloadname == "grad_input":
            out["grad_input"] = torch.empty_like(x)
        return partial(operator, grad, *before, saved, *after, **options, **out)

    return prepare


def _cross_entropy(shape):
    logits, labels = map(
        torch.from_numpy, inputs.logits_and_labels(np.random.default_rng(0), shape)
    )
    logits.requires_grad_()

    def call():
        loss = functional.cross_entropy(logits, labels)
        return loss.detach(), *torch.autograd.grad(loss, logits)

    return call


def _update(kind, *states, **options):
    """Prepare a step of an optimizer with one parameter, at its tenth step."""

    def prepare(shape):
        arrays = inputs.parameters(len(states), np.random.default_rng(0), shape)
        values, grad, *rest = map(torch.from_numpy, arrays)
        parameter = torch.nn.Parameter(values)
        parameter.grad = grad
        optimizer = kind([parameter], **options)
        optimizer.state[parameter] = {
            "step": torch.tensor(9.0),
            **dict(zip(states, rest, strict=True)),
        }

        def call():
            optimizer.step()
            return parameter.detach()

        return call

    return prepare


_SELU = (1.6732632423543772, 1.0507009873554805)

KERNELS = {
    "relu": _unary(torch.clamp_min, 0),  # as torch.relu does, which takes no out=
    "leaky_relu": _unary(_aten.leaky_relu.out, 0.01),
    "relu6": _unary(_aten.hardtanh.out, 0, 6),
    "hardtanh": _unary(_aten.hardtanh.out),
    "hardsigmoid": _unary(_aten.hardsigmoid.out),
    "hardswish": _unary(_aten.hardswish.out),
    "elu": _unary(_aten.elu.out),
    "selu": _unary(_aten.elu.out, *_SELU),
    "sigmoid": _unary(torch.sigmoid),
    "log_sigmoid": _unary(_aten.log_sigmoid.out),
    "softplus": _unary(_aten.softplus.out),
    "tanh": _unary(torch.tanh),
    "silu": _unary(_aten.silu.out),
    "mish": _unary(_aten.mish.out),
    "gelu_tanh": _unary(_aten.gelu.out, approximate="tanh"),
    "gelu": _unary(_aten.gelu.out),
    "softmax": _unary(_aten._softmax.out, 1, False),
    "log_softmax": _unary(_aten._log_softmax.out, 1, False),
    "relu_backward": _gradient(
        _aten.threshold_backward.grad_input, of_output=torch.relu, after=(0,)
    ),
    "leaky_relu_backward": _gradient(
        _aten.leaky_relu_backward.grad_input, of_output=functional.leaky_relu, after=(0.01, True)
    ),
    "relu6_backward": _gradient(
        _aten.hardtanh_backward.grad_input, of_output=functional.relu6, after=(0, 6)
    ),
    "hardtanh_backward": _gradient(
        _aten.hardtanh_backward.grad_input, of_output=functional.hardtanh, after=(-1, 1)
    ),
    "hardsigmoid_backward": _gradient(_aten.hardsigmoid_backward.grad_input),
    "hardswish_backward": _gradient(_aten.hardswish_backward.default),
    "elu_backward": _gradient(
        _aten.elu_backward.grad_input, before=(1, 1, 1, True), of_output=functional.elu
    ),
    "selu_backward": _gradient(
        _aten.elu_backward.grad_input, before=(*_SELU, 1, True), of_output=functional.selu
    ),
    "sigmoid_backward": _gradient(_aten.sigmoid_backward.grad_input, of_output=torch.sigmoid),
    "softplus_backward": _gradient(_aten.softplus_backward.grad_input, after=(1, 20)),
    "tanh_backward": _gradient(_aten.tanh_backward.grad_input, of_output=torch.tanh),
    "silu_backward": _gradient(_aten.silu_backward.grad_input),
    "mish_backward": _gradient(_aten.mish_backward.default),
    "gelu_tanh_backward": _gradient(_aten.gelu_backward.grad_input, approximate="tanh"),
    "gelu_backward": _gradient(_aten.gelu_backward.grad_input),
    "softmax_backward": _gradient(
        _aten._softmax_backward_data.default,
        of_output=partial(torch.softmax, dim=1),
        after=(1, torch.float32),
    ),
    "log_softmax_backward": _gradient(
        _aten._log_softmax_backward_data.default,
        of_output=partial(torch.log_softmax, dim=1),
        after=(1, torch.float32),
    ),
    "softmax_cross_entropy": _cross_entropy,
    "sgd_update": _update(torch.optim.SGD, lr=0.01, fused=True),
    "sgd_update momentum": _update(
        torch.optim.SGD, "momentum_buffer", lr=0.01, momentum=0.9, fused=True
    ),
    "adagrad_update": _update(torch.optim.Adagrad, "sum", lr=0.01, fused=True),
    # Not fused; of the other two ways the one without foreach is faster for one parameter.
    "rmsprop_update": _update(torch.optim.RMSprop, "square_avg", lr=0.01, foreach=False),
    "adam_update": _update(torch.optim.Adam, "exp_avg", "exp_avg_sq", fused=True),
}
