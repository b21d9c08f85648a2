"""Nielsen's nets for MNIST, each figure beside the one that his book prints.

M. A. Nielsen, Neural Networks and Deep Learning, 2015, chapters 1 and 3. Batches of 10, plain
gradient descent at a constant rate; 50,000 images to train, 10,000 to validate, 10,000 to test.
The figure is the accuracy of the best epoch, as there, and the median of a few seeds, since runs
spread by some tenths of a percent. The quadratic cost at a rate of 3 does worse than that: with 100
hidden units it drives output units into saturation, for good, in four of five runs, which then
never name one, two or three of the digits; the book's figure is that of a run without. Takes about
four minutes on two cores.

    python examples/nielsen.py MNIST_FOLDER
"""

import argparse
import statistics
import time
from dataclasses import dataclass

import numpy as np

import fastnn

BATCH = 10


@dataclass
class Setting:
    """One run of the book: its cost, in the book's scale, and what it came to."""

    hidden: int
    cost: str  # quadratic or cross-entropy
    eta: float
    epochs: int
    published: float  # accuracy in percent
    on: str  # validation or test data
    penalty: float = 0.0  # the book's lambda


SETTINGS = [
    Setting(30, "quadratic", 3.0, 30, 95.42, "test"),
    Setting(100, "quadratic", 3.0, 30, 96.59, "test"),
    Setting(30, "cross-entropy", 0.5, 30, 96.49, "test", 5.0),
    Setting(100, "cross-entropy", 0.5, 30, 97.92, "validation", 5.0),
    Setting(100, "cross-entropy", 0.1, 60, 98.04, "validation", 5.0),
]


def make_net(hidden: int, cost: str, seed: int) -> fastnn.Sequential:
    """784-hidden-10 with sigmoid units; weights and biases from N(0, 1), as in the runs printed.

    The sigmoid of the output is part of the cross-entropy loss.
    """
    rng = np.random.default_rng(seed)

    def gaussian(shape, _, dtype):
        return rng.standard_normal(shape).astype(dtype)

    last = "sigmoid" if cost == "quadratic" else None
    net = fastnn.Sequential(
        fastnn.Flatten(),
        fastnn.Linear(784, hidden, activation="sigmoid", init=gaussian),
        fastnn.Linear(hidden, 10, activation=last, init=gaussian),
    )
    for layer in net[1:]:
        layer.bias.data[...] = rng.standard_normal(layer.bias.shape)
    return net


def train(setting: Setting, data, seed: int, quick: bool) -> float:
    """The accuracy of the best epoch, in percent."""
    x, y = data["training"]
    one_hot = np.eye(10, dtype=np.float32)
    # The book's costs are sums over the ten outputs, of squares / 2 and of cross-entropies; here
    # both are means over them. Penalties are divided by the number of images, there.
    scale = 5.0 if setting.cost == "quadratic" else 10.0
    loss = fastnn.MSELoss() if setting.cost == "quadratic" else fastnn.BCEWithLogitsLoss()
    trainer = fastnn.Trainer(
        make_net(setting.hidden, setting.cost, seed),
        loss,
        fastnn.SGD(setting.eta * scale, l2=setting.penalty / len(x) / scale),
        seed=seed,
    )
    x_judge, y_judge = data[setting.on]
    history = trainer.fit(
        x,
        one_hot[y],
        epochs=2 if quick else setting.epochs,
        batch_size=BATCH,
        validation=(x_judge, one_hot[y_judge]),
        progress=False,
    )
    return 100 * max(history["val_accuracy"])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", metavar="MNIST_FOLDER", help="holds MNIST's four IDX files")
    parser.add_argument("--seeds", type=int, default=5, help="runs of each net (5)")
    parser.add_argument("--seed", type=int, default=0, help="the first of them (0)")
    parser.add_argument("--quick", action="store_true", help="two epochs, one run: a smoke test")
    args = parser.parse_args()
    mnist = fastnn.data.load_idx_folder(args.folder)
    first = len(mnist.x_train) * 5 // 6
    data = {
        "training": (mnist.x_train[:first], mnist.y_train[:first]),
        "validation": (mnist.x_train[first:], mnist.y_train[first:]),
        "test": (mnist.x_test, mnist.y_test),
    }
    seeds = range(args.seed, args.seed + (1 if args.quick else args.seeds))
    print("net         cost           lambda  eta  epochs  data        book  here: median (range)")
    for s in SETTINGS:
        begin = time.perf_counter()
        found = [train(s, data, seed, args.quick) for seed in seeds]
        seconds = (time.perf_counter() - begin) / len(found)
        print(
            f"{f'784-{s.hidden}-10':10}  {s.cost:13}  {s.penalty:6g}  {s.eta:3g}  {s.epochs:6}  "
            f"{s.on:10} {s.published:5.2f}  {statistics.median(found):5.2f} "
            f"({min(found):.2f} to {max(found):.2f}), {seconds:.1f} s a run",
            flush=True,
        )


if __name__ == "__main__":
    main()
