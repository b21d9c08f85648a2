"""PyTorch, eager, with its fused optimizers."""

import os

import numpy as np
import torch
from torch import nn

from benchmarks.modular import ModularNet

VERSION = torch.__version__

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))

_ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}
_OPTIMIZERS = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}


def _model(job) -> nn.Sequential:
    if isinstance(job.net, ModularNet):
        return _modular(job.net, job.x.dtype)
    layers = []
    for weight, bias in job.weights:
        linear = nn.Linear(weight.shape[1], weight.shape[0])
        linear.load_state_dict({"weight": torch.tensor(weight), "bias": torch.tensor(bias)})
        layers += [linear, _ACTIVATIONS[job.net.activation]()]
    return nn.Sequential(*layers[:-1])


def _modular(described: ModularNet, dtype) -> nn.Sequential:
    kind = torch.from_numpy(np.empty(0, dtype)).dtype
    modules = [
        (_last(name) if name in ("LSTM", "GRU") else getattr(nn, name))(*arguments)
        for name, *arguments in described.modules
    ]
    net = nn.Sequential(*modules).to(kind)
    state = described.values((key, tuple(p.shape)) for key, p in net.named_parameters())
    net.load_state_dict({key: torch.from_numpy(value).to(kind) for key, value in state.items()})
    return net


def _last(name: str):
    """A recurrent layer that gives its last state."""

    class Last(getattr(nn, name)):
        def __init__(self, *arguments):
            super().__init__(*arguments, batch_first=True)

        def forward(self, x):
            return super().forward(x)[0][:, -1]

    return Last


def train(job, tick, compiler=lambda function: function):
    """Train as `benchmarks.peers` says, with the loss passed through a compiler."""
    model, criterion = _model(job), nn.CrossEntropyLoss()
    optimizer = _OPTIMIZERS[job.net.optimizer](model.parameters(), lr=job.net.lr, fused=True)
    x, y = torch.from_numpy(job.x), torch.from_numpy(job.y)
    loss_of = compiler(lambda inputs, labels: criterion(model(inputs), labels))

    @torch.inference_mode()
    def predict(rows):
        return model(torch.from_numpy(rows)).numpy()

    for _ in range(job.epochs):
        losses = []
        if job.shuffle:
            order = torch.randperm(len(x)).split(job.net.batch)
            batches = ((x[rows], y[rows]) for rows in order)
        else:
            batches = zip(x.split(job.net.batch), y.split(job.net.batch), strict=True)
        for inputs, labels in batches:
            optimizer.zero_grad()
            loss = loss_of(inputs, labels)
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        if tick(torch.stack(losses).mean().item(), predict):
            return


def predictor(job, compiler=lambda function: function):
    model, row = compiler(_model(job).eval()), job.x[:1]

    @torch.inference_mode()
    def predict():
        return model(torch.from_numpy(row)).numpy()

    return predict
