"""JAX's kernels, each compiled; an update is given the memory of what it replaces."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import inputs

VERSION = jax.__version__

# All calls are waited for here, and then it only costs time to hand them to another thread.
jax.config.update("jax_cpu_enable_async_dispatch", False)

_FUNCTIONS = {
    "relu": jax.nn.relu,
    "leaky_relu": jax.nn.leaky_relu,
    "relu6": jax.nn.relu6,
    "hardtanh": jax.nn.hard_tanh,
    "hardsigmoid": jax.nn.hard_sigmoid,
    "hardswish": jax.nn.hard_swish,
    "softsign": jax.nn.soft_sign,
    "elu": jax.nn.elu,
    "selu": jax.nn.selu,
    "sigmoid": jax.nn.sigmoid,
    "log_sigmoid": jax.nn.log_sigmoid,
    "softplus": jax.nn.softplus,
    "tanh": jnp.tanh,
    "silu": jax.nn.silu,
    "mish": jax.nn.mish,
    "gelu_tanh": partial(jax.nn.gelu, approximate=True),
    "gelu": partial(jax.nn.gelu, approximate=False),
    "softmax": jax.nn.softmax,
    "log_softmax": jax.nn.log_softmax,
}


def _timed(function, *arguments):
    """A call that ends when its results are there, in the memory of those before.

    There is no ``out=``, but memory that is given away is used again; fresh memory, which the
    system must first clear, makes the largest sizes two to five times slower.
    """

    @partial(jax.jit, donate_argnums=0, keep_unused=True)
    def again(before, *arguments):
        return function(*arguments)

    held = [jax.jit(function)(*arguments)]

    def call():
        held[0] = jax.block_until_ready(again(held[0], *arguments))
        return held[0]

    return call


def _forward(function, shape):
    (x,) = inputs.x(np.random.default_rng(0), shape)
    return _timed(function, jnp.asarray(x))


def _backward(function, shape):
    """The gradient from what JAX keeps of the forward."""
    grad, x = inputs.grad_and_saved(None, np.random.default_rng(0), shape)
    _, pullback = jax.jit(partial(jax.vjp, function))(jnp.asarray(x))
    return _timed(lambda pullback, grad: pullback(grad)[0], pullback, jnp.asarray(grad))


def _mean_cross_entropy(logits, labels):
    log_probabilities = jax.nn.log_softmax(logits)
    return -jnp.take_along_axis(log_probabilities, labels[:, None], axis=1).mean()


def _cross_entropy(shape):
    logits, labels = inputs.logits_and_labels(np.random.default_rng(0), shape)
    both = jax.value_and_grad(_mean_cross_entropy)
    return _timed(both, jnp.asarray(logits), jnp.asarray(labels))


def _sgd(p, grad):
    return (p - 0.01 * grad,)


def _momentum(p, grad, buffer):
    buffer = 0.9 * buffer + grad
    return p - 0.01 * buffer, buffer


def _adagrad(p, grad, total):
    total = total + grad * grad
    return p - 0.01 * grad / (jnp.sqrt(total) + 1e-10), total


def _rmsprop(p, grad, average):
    average = 0.99 * average + 0.01 * grad * grad
    return p - 0.01 * grad / (jnp.sqrt(average) + 1e-8), average


def _adam(p, grad, average, square):
    average = 0.9 * average + 0.1 * grad
    square = 0.999 * square + 0.001 * grad * grad
    rate = 0.001 / (1 - 0.9**10)
    return p - rate * average / (jnp.sqrt(square / (1 - 0.999**10)) + 1e-8), average, square


def _update(formula, states, shape):
    arrays = inputs.parameters(states, np.random.default_rng(0), shape)
    p, grad, *state = map(jnp.array, arrays)
    donated = (0, *range(2, 2 + states))
    update, held = jax.jit(formula, donate_argnums=donated), [p, *state]

    def call():
        held[:] = jax.block_until_ready(update(held[0], grad, *held[1:]))
        return held[0]

    return call


KERNELS = {
    **{name: partial(_forward, function) for name, function in _FUNCTIONS.items()},
    **{f"{name}_backward": partial(_backward, function) for name, function in _FUNCTIONS.items()},
    "softmax_cross_entropy": _cross_entropy,
    "sgd_update": partial(_update, _sgd, 0),
    "sgd_update momentum": partial(_update, _momentum, 1),
    "adagrad_update": partial(_update, _adagrad, 1),
    "rmsprop_update": partial(_update, _rmsprop, 1),
    "adam_update": partial(_update, _adam, 2),
}
