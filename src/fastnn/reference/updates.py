"""Optimizers: one step, in place."""

import numpy as np


def sgd_update(
    param, grad, momentum_buffer=None, *, lr, momentum=0.0, nesterov=False, weight_decay=0.0
):
    grad = grad + weight_decay * param
    if momentum:
        momentum_buffer *= momentum
        momentum_buffer += grad
        grad = grad + momentum * momentum_buffer if nesterov else momentum_buffer
    param -= lr * grad


def adagrad_update(param, grad, state_sum, *, lr, eps=1e-10, weight_decay=0.0):
    grad = grad + weight_decay * param
    state_sum += grad * grad
    param -= lr * grad / (np.sqrt(state_sum) + eps)


def rmsprop_update(
    param,
    grad,
    square_avg,
    momentum_buffer=None,
    *,
    lr,
    alpha=0.99,
    eps=1e-8,
    momentum=0.0,
    nesterov=False,
    weight_decay=0.0,
):
    grad = grad + weight_decay * param
    square_avg *= alpha
    square_avg += (1 - alpha) * grad * grad
    grad = grad / (np.sqrt(square_avg) + eps)
    if momentum:
        momentum_buffer *= momentum
        momentum_buffer += grad
        grad = grad + momentum * momentum_buffer if nesterov else momentum_buffer
    param -= lr * grad


def adam_update(
    param,
    grad,
    exp_avg,
    exp_avg_sq,
    *,
    step,
    lr=1e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0.0,
    decoupled=False,
):
    beta1, beta2 = betas
    if decoupled:
        param *= 1 - lr * weight_decay
    else:
        grad = grad + weight_decay * param
    exp_avg *= beta1
    exp_avg += (1 - beta1) * grad
    exp_avg_sq *= beta2
    exp_avg_sq += (1 - beta2) * grad * grad
    average = exp_avg / (1 - beta1**step)
    param -= lr * average / (np.sqrt(exp_avg_sq / (1 - beta2**step)) + eps)
