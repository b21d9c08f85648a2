"""JAX: an epoch is one compiled function, a scan over its batches; the warm-up compiles."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

VERSION = jax.__version__

# All calls are waited for here, and then it only costs time to hand them to another thread.
jax.config.update("jax_cpu_enable_async_dispatch", False)

_ACTIVATIONS = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid, "tanh": jnp.tanh}


def _parameters(job) -> list[tuple[jax.Array, jax.Array]]:
    """Weights, here (in, out), and biases."""
    return [(jnp.array(weight.T), jnp.array(bias)) for weight, bias in job.weights]


def _scores(parameters, x, activation):
    *hidden, (weight, bias) = parameters
    for w, b in hidden:
        x = activation(x @ w + b)
    return x @ weight + bias


def _loss(parameters, x, labels, activation):
    log_probabilities = jax.nn.log_softmax(_scores(parameters, x, activation))
    return -jnp.take_along_axis(log_probabilities, labels[:, None], axis=1).mean()


def _sgd(parameters, gradients, state, lr):
    return jax.tree.map(lambda p, g: p - lr * g, parameters, gradients), state


def _adam(parameters, gradients, state, lr):
    averages, squares, step = state
    step += 1
    averages = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, averages, gradients)
    squares = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, squares, gradients)

    def updated(p, m, v):
        return p - lr * (m / (1 - 0.9**step)) / (jnp.sqrt(v / (1 - 0.999**step)) + 1e-8)

    return jax.tree.map(updated, parameters, averages, squares), (averages, squares, step)


def train(job, tick):
    net = job.net
    activation = _ACTIVATIONS[net.activation]
    parameters = _parameters(job)
    update, state = _sgd, ()
    if net.optimizer == "adam":
        zeros = [jax.tree.map(jnp.zeros_like, parameters) for _ in range(2)]
        update, state = _adam, (*zeros, jnp.zeros((), job.x.dtype))

    def step(carry, batch):
        parameters, state = carry
        loss, gradients = jax.value_and_grad(_loss)(parameters, *batch, activation)
        return update(parameters, gradients, state, net.lr), loss

    # Memory is used again: what came in has gone afterwards.
    @partial(jax.jit, donate_argnums=0)
    def epoch(carry, x, y):
        carry, losses = jax.lax.scan(step, carry, (x, y))
        return carry, losses.mean()

    @partial(jax.jit, donate_argnums=0)
    def shuffled_epoch(carry, x, y, key):
        order = jax.random.permutation(key, net.samples).reshape(net.steps, net.batch)
        carry, losses = jax.lax.scan(lambda c, rows: step(c, (x[rows], y[rows])), carry, order)
        return carry, losses.mean()

    @jax.jit
    def scores(parameters, rows):
        return _scores(parameters, rows, activation)

    x, y, carry, key = jnp.asarray(job.x), jnp.asarray(job.y), (parameters, state), None
    if job.shuffle:
        key = jax.random.key(0)
    else:
        x, y = x.reshape(net.steps, net.batch, -1), y.reshape(net.steps, net.batch)
    for _ in range(job.epochs):
        if job.shuffle:
            key, own = jax.random.split(key)
            carry, loss = shuffled_epoch(carry, x, y, own)
        else:
            carry, loss = epoch(carry, x, y)
        jax.block_until_ready(carry)
        if tick(float(loss), lambda rows, now=carry[0]: np.asarray(scores(now, rows))):
            return


def predictor(job):
    row, parameters = job.x[:1], _parameters(job)
    scores = jax.jit(lambda x: _scores(parameters, x, _ACTIVATIONS[job.net.activation]))
    return lambda: np.asarray(scores(row))
