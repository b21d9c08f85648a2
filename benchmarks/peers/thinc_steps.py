"""Thinc: layers that return their backward.

Adam's epsilon is added before the bias is corrected, which moves losses by 1e-4 of themselves.
"""

import numpy as np

from benchmarks.peers.thinc_alone import VERSION as VERSION
from benchmarks.peers.thinc_alone import api

# NumPy's products, on threads, in place of those of Blis, which Thinc builds for one: a step of the
# nets here takes a fifth to a half less.
api.set_current_ops(api.NumpyOps(use_blis=False))


def _tanh(m, n):
    """A dense layer with tanh, which Thinc lacks."""

    def forward(model, x, is_train):
        y = np.tanh(x)
        return y, lambda grad: grad * model.ops.dtanh(y)

    return api.chain(api.Linear(m, n), api.Model("tanh", forward))


_LAYERS = {"relu": api.Relu, "sigmoid": api.Sigmoid, "tanh": _tanh}


def _model(job, normalize=True) -> api.Model:
    """The net of a job; its output are probabilities, or scores, with which it can't be trained."""
    *hidden, (last, _) = job.weights
    layer = _LAYERS[job.net.activation]
    model = api.chain(
        *(layer(*weight.shape) for weight, _ in hidden),
        api.Softmax_v2(*last.shape, normalize_outputs=normalize),
    )
    model.initialize()
    dense = [node for node in model.walk(order="dfs_pre") if node.has_param("W")]
    for node, (weight, bias) in zip(dense, job.weights, strict=True):
        node.set_param("W", weight.copy())
        node.set_param("b", bias.copy())
    return model


def train(job, tick):
    net, model, rng = job.net, _model(job), np.random.default_rng(0)
    kind = {"adam": api.Adam, "sgd": api.SGD}[net.optimizer]
    optimizer = kind(net.lr, L2=0.0, grad_clip=0.0, use_averages=False)
    targets = np.eye(net.sizes[-1], dtype=job.x.dtype)[job.y]

    for _ in range(job.epochs):
        losses = np.empty(net.steps)
        order = rng.permutation(net.samples) if job.shuffle else None
        for i in range(net.steps):
            batch = slice(i * net.batch, (i + 1) * net.batch)
            if order is not None:
                batch = order[batch]
            target = targets[batch]
            probabilities, backprop = model.begin_update(job.x[batch])
            backprop((probabilities - target) / net.batch)
            model.finish_update(optimizer)
            losses[i] = -np.log(probabilities[target == 1]).mean()
        if tick(losses.mean(), model.predict):
            return


def predictor(job):
    model, row = _model(job, normalize=False), job.x[:1]
    return lambda: model.predict(row)
