"""Why deep nets were difficult to train: activations and gradients by layer, on MNIST.

X. Glorot, Y. Bengio, Understanding the difficulty of training deep feedforward neural networks,
2010. Nets of five hidden layers, with three activations and two ways to draw initial weights:
from U(-1/sqrt(n), 1/sqrt(n)) with n inputs, which was customary ("standard"), and from the
paper's U(-sqrt(6 / (n + m)), sqrt(6 / (n + m))) with m outputs ("normalised", N in the paper).

Prints the test error of each beside table 1 of the paper, and draws two pictures (with
matplotlib): the distributions before training, after figures 6 and 7, and what becomes of them,
after figures 2 and 3. The paper's nets have 1000 units a layer and trained for longer: --width
1000 takes an hour or two; the default, 300 units and 20 epochs, some four minutes on two cores.

    python examples/glorot_bengio.py MNIST_FOLDER
"""

import argparse
import functools
import time
from pathlib import Path

import numpy as np

import fastnn
from fastnn import init
from fastnn.inspection import Histograms

DEPTH, BATCH = 5, 10
STANDARD = functools.partial(init.lecun_uniform, gain=3**-0.5)
SCHEMES = {"standard": STANDARD, "normalised": init.xavier_uniform}
# Activation, scheme, learning rate (the best of a few on validation data, as in the paper), and
# the test error in percent of table 1.
NETS = [
    (fastnn.Softsign, "standard", 0.1, 1.64),
    (fastnn.Softsign, "normalised", 0.1, 1.72),
    (fastnn.Tanh, "standard", 0.05, 1.76),
    (fastnn.Tanh, "normalised", 0.05, 1.64),
    (fastnn.Sigmoid, "standard", 1.0, 2.21),
]


def make_net(activation, scheme: str, pixels: int, width: int, seed: int) -> fastnn.Sequential:
    layers = [fastnn.Flatten()]
    for inputs in (pixels, *[width] * (DEPTH - 1)):
        layers += [fastnn.Linear(inputs, width, init=SCHEMES[scheme]), activation()]
    layers.append(fastnn.Linear(width, 10, init=SCHEMES[scheme]))
    return fastnn.Sequential(*layers, seed=seed)


def train(net, rate: float, mnist, args) -> tuple[float, Histograms, Histograms]:
    """The test error in percent; activations of the hidden layers, and the gradients with
    respect to their inputs, which are the outputs of the linear layers before."""
    held_out = len(mnist.x_train) // 6
    x, y = mnist.x_train[:-held_out], mnist.y_train[:-held_out]
    probe = mnist.x_train[-300:], mnist.y_train[-300:]
    activations = Histograms(probe[0], layers=range(2, 2 * DEPTH + 1, 2))
    gradients = Histograms(*probe, layers=range(1, 2 * DEPTH, 2))
    steps = args.epochs * -(-len(x) // BATCH)
    trainer = fastnn.Trainer(
        net,
        fastnn.CrossEntropyLoss(),
        fastnn.SGD(rate),
        schedule=fastnn.schedules.LinearDecay(rate, steps),
        callbacks=[activations, gradients],
        seed=args.seed,
    )
    trainer.fit(x, y, epochs=args.epochs, batch_size=BATCH, progress=False)
    return (
        100 - 100 * trainer.evaluate(mnist.x_test, mnist.y_test)["accuracy"],
        activations,
        gradients,
    )


def draw_initial(found: dict, path: Path) -> None:
    """Tanh nets before training: a row for activations, one for gradients."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 7), layout="constrained")
    panels = figure.subplots(2, 2, sharex="row")
    for column, scheme in zip(panels.T, SCHEMES, strict=True):
        _, *watched = found["Tanh", scheme]
        for axes, watch, kind in zip(column, watched, ("activations", "gradients"), strict=True):
            for i, distributions in enumerate(getattr(watch, kind).values(), 1):
                first = distributions[0]
                density = first.counts / first.counts.sum() / np.diff(first.edges)
                axes.stairs(density, first.edges, label=f"layer {i}")
            axes.set(title=f"{kind}, tanh, {scheme}", ylabel="density")
            axes.ticklabel_format(axis="x", scilimits=(-2, 2))
            axes.legend()
    figure.savefig(path, dpi=120)


def draw_training(found: dict, path: Path) -> None:
    """A column for each net: mean (dashed) and 98th percentile of activations, how many are
    saturated, how large gradients are."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.2 * len(found), 8), layout="constrained")
    panels = figure.subplots(3, len(found), sharex=True, sharey="row")
    rows = ("activations: mean (- -), 98th percentile", "share saturated", "gradients: std")
    for column, ((name, scheme), (_, activations, gradients)) in zip(
        panels.T, found.items(), strict=True
    ):
        reach, saturated, size = column
        for i, seen in enumerate(activations.activations.values(), 1):
            high = [d.percentiles[98] for d in seen]
            (line,) = reach.plot(activations.epochs, high, label=f"layer {i}")
            mean = [d.mean for d in seen]
            reach.plot(activations.epochs, mean, color=line.get_color(), linestyle="--")
            saturated.plot(activations.epochs, [d.saturated for d in seen])
        for seen in gradients.gradients.values():
            size.semilogy(gradients.epochs, [d.std for d in seen])
        reach.set(title=f"{name}, {scheme}")
        size.set(xlabel="epoch")
    for axes, row in zip(panels[:, 0], rows, strict=True):
        axes.set_ylabel(row)
    panels[0, 0].legend(loc="center right")
    figure.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", metavar="MNIST_FOLDER", help="holds MNIST's four IDX files")
    parser.add_argument("--width", type=int, default=300, help="units of a hidden layer (300)")
    parser.add_argument("--epochs", type=int, default=20, help="(20)")
    parser.add_argument("--seed", type=int, default=0, help="(0)")
    parser.add_argument("--out", type=Path, default=Path(), help="folder for pictures (this one)")
    parser.add_argument("--quick", action="store_true", help="20 units, 2 epochs: a smoke test")
    args = parser.parse_args()
    if args.quick:
        args.width, args.epochs = 20, 2
    mnist = fastnn.data.load_idx_folder(args.folder)
    pixels = mnist.x_train[0].size
    found = {}
    print(f"{DEPTH} hidden layers of {args.width}, {args.epochs} epochs; test error in percent")
    print("activation  initial     paper   here   saturated, by layer, after training")
    for activation, scheme, rate, published in NETS:
        begin = time.perf_counter()
        net = make_net(activation, scheme, pixels, args.width, args.seed)
        result = error, watch, _ = train(net, rate, mnist, args)
        found[activation.__name__, scheme] = result
        shares = " ".join(f"{seen[-1].saturated:4.0%}" for seen in watch.activations.values())
        seconds = time.perf_counter() - begin
        print(
            f"{activation.__name__:10}  {scheme:10}  {published:5.2f}  {error:5.2f}   {shares}   "
            f"{seconds:.0f} s",
            flush=True,
        )
    try:
        draw_initial(found, args.out / "glorot_initial.png")
        draw_training(found, args.out / "glorot_training.png")
    except ImportError:
        print("no pictures without matplotlib: pip install 'fastnn[plot]'")


if __name__ == "__main__":
    main()
