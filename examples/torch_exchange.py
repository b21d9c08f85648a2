"""A convolutional net that PyTorch and fastnn hand to each other, weights and all.

    python examples/torch_exchange.py

PyTorch trains it for some epochs, fastnn makes a model of the module, goes on training, and hands
the weights back to the module. Each time both classify the same test images: what they say must
agree. Then the same through files, either way. Where PyTorch isn't installed it says so and ends;
otherwise it takes ten seconds.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

import fastnn


def build(torch):
    """The net as one writes it in PyTorch."""
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.25),
        nn.Linear(512, 10),
    )


def train_in_torch(torch, net, x, y, epochs: int) -> float:
    """Train; returns the seconds of the fastest epoch, as the first has PyTorch get ready."""
    images, labels = torch.from_numpy(x), torch.from_numpy(y)
    optimizer = torch.optim.Adam(net.parameters(), 0.001)
    net.train()
    seconds = []
    for _ in range(epochs):
        begin = time.perf_counter()
        for batch in torch.randperm(len(images)).split(64):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(images[batch]), labels[batch]).backward()
            optimizer.step()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def train_in_fastnn(model, x, y, epochs: int) -> float:
    """The same in fastnn."""
    trainer = fastnn.Trainer(model, "cross_entropy", fastnn.Adam(0.001))
    seconds = []
    for _ in range(epochs):
        begin = time.perf_counter()
        trainer.fit(x, y, epochs=1, batch_size=64, progress=False)
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def compare(torch, what: str, net, model, x, y) -> None:
    """Print what both say of the same images; raise where it isn't the same."""
    net.eval()
    with torch.no_grad():
        theirs = net(torch.from_numpy(x)).numpy()
    ours = model.predict(x)
    difference = abs(ours - theirs).max()
    right = [100 * (scores.argmax(axis=1) == y).mean() for scores in (theirs, ours)]
    print(f"{what:32} {right[0]:8.2f} {right[1]:8.2f}   {difference:.1e}")
    if difference > 1e-3 * abs(theirs).max():
        raise SystemExit("the two don't agree")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=5, help="of each (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of PyTorch's random numbers")
    parser.add_argument("--quick", action="store_true", help="an epoch, to see that it runs")
    args = parser.parse_args()
    try:
        import torch

        from fastnn.io.torch import from_torch, load_state_dict, to_torch
    except ImportError:
        print("PyTorch isn't installed, so there is nobody to exchange weights with:")
        print("pip install torch")
        return
    torch.manual_seed(args.seed)
    epochs = 1 if args.quick else args.epochs
    data = fastnn.data.load_digits()
    x, x_test = (part.reshape(-1, 1, 8, 8) for part in (data.x_train, data.x_test))
    y, y_test = (part.astype(np.int64) for part in (data.y_train, data.y_test))
    test = x_test, y_test

    head = f"{'% of test images right':32} {'PyTorch':>8} {'fastnn':>8}"
    print(f"{head}   largest difference of scores")
    net = build(torch)
    in_torch = train_in_torch(torch, net, x, y, epochs)
    model = from_torch(net)
    compare(torch, "trained in PyTorch", net, model, *test)

    in_fastnn = train_in_fastnn(model, x, y, epochs)
    to_torch(model, into=net)
    compare(torch, "trained on in fastnn", net, model, *test)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.pt")
        train_in_torch(torch, net, x, y, 1)
        torch.save(net.state_dict(), path)
        load_state_dict(model, path)
        compare(torch, "file of torch.save", net, model, *test)

        path = Path(folder, "net.safetensors")
        train_in_fastnn(model, x, y, 1)
        fastnn.save(model, path)
        tensors = {name: torch.from_numpy(v) for name, v in fastnn.io.load_tensors(path).items()}
        net.load_state_dict(tensors, strict=True)
        compare(torch, "file of fastnn.save", net, model, *test)

    compare(torch, "a module that fastnn builds", to_torch(model), model, *test)
    print(f"the fastest epoch: PyTorch {in_torch:.3f} s, fastnn {in_fastnn:.3f} s")


if __name__ == "__main__":
    main()
