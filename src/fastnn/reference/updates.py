"""Optimizers: one step, in place."""

import math

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


def adadelta_update(
    param, grad, square_avg, acc_delta, *, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0.0
):
    grad = grad + weight_decay * param
    square_avg *= rho
    square_avg += (1 - rho) * grad * grad
    delta = np.sqrt(acc_delta + eps) / np.sqrt(square_avg + eps) * grad
    acc_delta *= rho
    acc_delta += (1 - rho) * delta * delta
    param -= lr * delta


def rprop_update(
    param, grad, previous, step_size, *, step, lr=0.01, etas=(0.5, 1.2), step_sizes=(1e-6, 50.0)
):
    if step == 1:
        step_size += lr
    agreement = np.sign(grad * previous)
    step_size *= np.where(agreement > 0, etas[1], np.where(agreement < 0, etas[0], 1))
    np.clip(step_size, *step_sizes, out=step_size)
    previous[...] = np.where(agreement < 0, 0, grad)
    param -= step_size * np.sign(previous)


def lion_update(param, grad, exp_avg, *, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0):
    direction = np.sign(betas[0] * exp_avg + (1 - betas[0]) * grad)
    param -= lr * (direction + weight_decay * param)
    exp_avg *= betas[1]
    exp_avg += (1 - betas[1]) * grad


def _averages(param, grad, exp_avg, exp_avg_sq, lr, betas, weight_decay, decoupled):
    """What Adam and its relatives begin with; returns the gradient, weight decay included."""
    if decoupled:
        param *= 1 - lr * weight_decay
    else:
        grad = grad + weight_decay * param
    exp_avg *= betas[0]
    exp_avg += (1 - betas[0]) * grad
    exp_avg_sq *= betas[1]
    exp_avg_sq += (1 - betas[1]) * grad * grad
    return grad


def adam_update(
    param,
    grad,
    exp_avg,
    exp_avg_sq,
    max_exp_avg_sq=None,
    *,
    step,
    lr=1e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0.0,
    decoupled=False,
    amsgrad=False,
    eps_hat=False,
):
    _averages(param, grad, exp_avg, exp_avg_sq, lr, betas, weight_decay, decoupled)
    if amsgrad:
        np.maximum(max_exp_avg_sq, exp_avg_sq, out=max_exp_avg_sq)
        exp_avg_sq = max_exp_avg_sq
    average = exp_avg / (1 - betas[0] ** step)
    unbias = np.sqrt(1 - betas[1] ** step)
    if eps_hat:
        param -= lr * unbias * average / (np.sqrt(exp_avg_sq) + eps)
    else:
        param -= lr * average / (np.sqrt(exp_avg_sq) / unbias + eps)


def adamax_update(
    param,
    grad,
    exp_avg,
    exp_inf,
    *,
    step,
    lr=2e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0.0,
):
    grad = grad + weight_decay * param
    exp_avg *= betas[0]
    exp_avg += (1 - betas[0]) * grad
    exp_inf *= betas[1]
    np.maximum(exp_inf, np.abs(grad) + eps, out=exp_inf)
    param -= lr / (1 - betas[0] ** step) * exp_avg / exp_inf


def nadam_update(
    param,
    grad,
    exp_avg,
    exp_avg_sq,
    *,
    step,
    lr=2e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0.0,
    momentum_decay=4e-3,
    decoupled=False,
):
    grad = _averages(param, grad, exp_avg, exp_avg_sq, lr, betas, weight_decay, decoupled)
    mu = betas[0] * (1 - 0.5 * 0.96 ** (momentum_decay * np.arange(1, step + 2)))
    product = np.prod(mu[:-1])
    ahead = (1 - mu[-2]) / (1 - product) * grad + mu[-1] / (1 - product * mu[-1]) * exp_avg
    param -= lr * ahead / (np.sqrt(exp_avg_sq / (1 - betas[1] ** step)) + eps)


def radam_update(
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
    _averages(param, grad, exp_avg, exp_avg_sq, lr, betas, weight_decay, decoupled)
    unbias = 1 - betas[1] ** step
    longest = 2 / (1 - betas[1]) - 1
    length = longest - 2 * step * betas[1] ** step / unbias
    rate = lr / (1 - betas[0] ** step)
    if length > 5:
        numerator = (length - 4) * (length - 2) * longest
        rectified = math.sqrt(numerator / ((longest - 4) * (longest - 2) * length))
        rate = rate * rectified * math.sqrt(unbias) / (np.sqrt(exp_avg_sq) + eps)
    param -= rate * exp_avg
