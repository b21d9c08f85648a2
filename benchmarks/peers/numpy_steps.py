"""The step written in plain NumPy, as textbooks do: the baseline."""

import numpy as np

VERSION = np.__version__

# Each activation, and its derivative in terms of its output.
_ACTIVATIONS = {
    "relu": (lambda z: np.maximum(z, 0), lambda a: a > 0),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda a: a * (1 - a)),
    "tanh": (np.tanh, lambda a: 1 - a * a),
}


def _forward(x, weights, biases, function) -> list:
    """What every layer takes in, and the logits."""
    outputs = [x]
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        outputs.append(function(outputs[-1] @ weight + bias))
    outputs.append(outputs[-1] @ weights[-1] + biases[-1])
    return outputs


def _unpack(job) -> tuple[list, list]:
    """Weights, here (in, out), and biases."""
    return [weight.T.copy() for weight, _ in job.weights], [bias.copy() for _, bias in job.weights]


def train(job, tick):
    net, rng = job.net, np.random.default_rng(0)
    function, derivative = _ACTIVATIONS[net.activation]
    weights, biases = _unpack(job)
    parameters = weights + biases
    averages = [np.zeros_like(p) for p in parameters]
    squares = [np.zeros_like(p) for p in parameters]
    rows, step = np.arange(net.batch), 0

    def predict(x):
        return _forward(x, weights, biases, function)[-1]

    for _ in range(job.epochs):
        order = rng.permutation(net.samples) if job.shuffle else None
        losses = np.empty(net.steps)
        for i in range(net.steps):
            batch = slice(i * net.batch, (i + 1) * net.batch)
            if order is not None:
                batch = order[batch]
            labels = job.y[batch]
            outputs = _forward(job.x[batch], weights, biases, function)

            shifted = outputs[-1] - outputs[-1].max(axis=1, keepdims=True)
            e = np.exp(shifted)
            sums = e.sum(axis=1, keepdims=True)
            losses[i] = (np.log(sums[:, 0]) - shifted[rows, labels]).mean()
            delta = e / sums
            delta[rows, labels] -= 1
            delta /= net.batch

            weight_grads, bias_grads = [], []
            for k in reversed(range(len(weights))):
                weight_grads.insert(0, outputs[k].T @ delta)
                bias_grads.insert(0, delta.sum(axis=0))
                if k:
                    delta = (delta @ weights[k].T) * derivative(outputs[k])

            step += 1
            gradients = weight_grads + bias_grads
            if net.optimizer == "sgd":
                for p, g in zip(parameters, gradients, strict=True):
                    p -= net.lr * g
            else:
                for p, g, m, v in zip(parameters, gradients, averages, squares, strict=True):
                    m *= 0.9
                    m += 0.1 * g
                    v *= 0.999
                    v += 0.001 * g * g
                    p -= net.lr * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
        if tick(losses.mean(), predict):
            return


def predictor(job):
    weights, biases = _unpack(job)
    function, _ = _ACTIVATIONS[job.net.activation]
    row = job.x[:1]
    return lambda: _forward(row, weights, biases, function)[-1]
