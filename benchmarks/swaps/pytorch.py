"""PyTorch modules that fastnn trains in PyTorch's place: from the module, and back into it."""

import functools

import numpy as np

from benchmarks.swaps import Swap

_EPOCHS, _BATCH, _RATE = 3, 64, 0.001


def _mlp(torch, side):
    nn = torch.nn
    return nn.Sequential(nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))


def _lenet(torch, side):
    nn = torch.nn
    return nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)),
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10),
    )  # fmt: skip


def _rows(torch, side):
    nn = torch.nn
    if side == "fastnn":
        from fastnn.io.torch import TakeLast
    else:

        class TakeLast(nn.Module):
            def forward(self, returned):
                return returned[0][:, -1]

    return nn.Sequential(
        nn.Unflatten(1, (28, 28)), nn.LSTM(28, 64, batch_first=True), TakeLast(), nn.Linear(64, 10)
    )


def _data(samples: int) -> tuple:
    """Images of ten kinds, with noise, in no order."""
    rng = np.random.default_rng(0)
    kinds, y = rng.random((10, 784), np.float32), rng.integers(0, 10, samples)
    return kinds[y] + rng.standard_normal((samples, 784), np.float32) / 4, y


def _train_in_torch(torch, net, x, y) -> None:
    images, labels = torch.from_numpy(x), torch.from_numpy(y)
    optimizer = torch.optim.Adam(net.parameters(), lr=_RATE)
    for _ in range(_EPOCHS):
        for inputs, targets in zip(images.split(_BATCH), labels.split(_BATCH), strict=True):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(inputs), targets).backward()
            optimizer.step()


def _train_in_fastnn(torch, net, x, y) -> None:
    import fastnn
    from fastnn.io.torch import from_torch, to_torch

    model = from_torch(net)
    trainer = fastnn.Trainer(model, "cross_entropy", fastnn.Adam(lr=_RATE))
    trainer.fit(x, y, epochs=_EPOCHS, batch_size=_BATCH, shuffle=False, progress=False)
    to_torch(model, into=net)


def _prepare(build, samples: int, side: str):
    import torch

    train = {"original": _train_in_torch, "fastnn": _train_in_fastnn}[side]
    x, y = _data(samples)

    def run():
        torch.manual_seed(0)
        net = build(torch, side)
        train(torch, net, x, y)
        with torch.no_grad():
            return net(torch.from_numpy(x[:100])).numpy()

    return run


def _swap(name: str, build, samples: int) -> Swap:
    # Scores of about 5 that differ by 2e-5, after the roundings of some hundred steps of Adam.
    return Swap(
        f"{name}, {_EPOCHS} epochs of {samples}", "PyTorch",
        functools.partial(_prepare, build, samples),
        peer="torch", needs=("torch",), rtol=1e-4, atol=1e-3,
    )  # fmt: skip


SWAPS = [
    _swap("784-100-10", _mlp, 6400),
    _swap("LeNet-5", _lenet, 1600),
    _swap("LSTM 28 to 64 of 28 rows", _rows, 1600),
]
