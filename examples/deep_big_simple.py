"""Deep, big, simple nets on deformed digits.

D. C. Ciresan, U. Meier, L. M. Gambardella, J. Schmidhuber: Deep, Big, Simple Neural Nets Excel on
Handwritten Digit Recognition, Neural Computation 22 (2010). Fully connected tanh nets, and gradient
descent with a rate that falls to a thousandth; what makes them good is that every digit is rotated
or sheared, scaled and elastically deformed anew in every epoch.

    python examples/deep_big_simple.py MNIST_FOLDER

trains the smallest of the paper's nets for 600 epochs, half an hour on two cores of an AMD EPYC
(Zen 4), the largest (--size full) five hours. Each epoch prints the test error and saves the model,
and --resume goes on where a run was ended, be it by Ctrl-C, --minutes, or the power. With
matplotlib (pip install 'fastnn[plot]') there is a picture of the curve too, and --show draws
deformed digits and trains nothing.

What differs from the paper: batches of 64 with momentum instead of single digits, cross-entropy,
tanh(x) in place of 1.7159 tanh(2 x / 3), all 60,000 digits to train on, and so no validation error.
"""

import argparse
import itertools
import math
import time
from pathlib import Path

import numpy as np

import fastnn

# Hidden units, and the paper's test error in percent of the net with the best validation error.
SIZES = {
    "small": ([1000, 500], 0.49),
    "medium": ([1500, 1000, 500], 0.46),
    "large": ([2000, 1500, 1000, 500], 0.41),
    "full": ([2500, 2000, 1500, 1000, 500], 0.35),
    "quick": ([32], None),
}
BATCH = 64


def deformation(labels, seed):
    """The paper's: rotation or shear up to 15 degrees, half that for ones and sevens, which would
    else become each other; either axis scaled by up to 15 %; sigma 6, alpha 36."""
    beta = np.where(np.isin(labels, [1, 7]), 7.5, 15.0)
    return fastnn.data.Augment(
        rotation=beta, shearing=beta, either=True, scaling=(0.15, 0.15), elastic=(6, 36), seed=seed
    )


def network(shape, hidden, seed):
    sizes = [math.prod(shape), *hidden]
    layers = [fastnn.Flatten()]
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [fastnn.Linear(inputs, outputs), fastnn.Tanh()]
    return fastnn.Sequential(*layers, fastnn.Linear(sizes[-1], 10), seed=seed)


class Watch(fastnn.Callback):
    """Prints, saves, and ends training when time is up."""

    def __init__(self, path, facts, minutes):
        self.path, self.facts = path, facts
        self.end = time.monotonic() + 60 * minutes if minutes else math.inf

    def on_epoch_end(self, trainer, record):
        error = 100 * (1 - record["val_accuracy"])
        self.facts["errors"].append(round(error, 2))
        print(
            f"epoch {len(self.facts['errors']):4}   loss {record['loss']:.5f}   "
            f"test error {error:.2f} %   {record['seconds']:.1f} s",
            flush=True,
        )
        fastnn.save(trainer.model, self.path, metadata=self.facts)
        if time.monotonic() > self.end:
            raise fastnn.StopTraining("time is up")


def show(x, augment, path):
    """Ten digits, and below each nine of what becomes of it."""
    from matplotlib import image

    rows = [x[:10], *(augment(x, index=range(10), epoch=epoch) for epoch in range(9))]
    picture = np.concatenate([np.concatenate(list(row), axis=1) for row in rows])
    image.imsave(path, 255 - picture.repeat(3, axis=0).repeat(3, axis=1), cmap="gray")
    print(f"ten digits, and nine deformations of each: {path}")


def plot(errors, published, path):
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(range(1, len(errors) + 1), errors)
    axes.set(xlabel="epoch", ylabel="test error in %", ylim=(0, min(3, 1.1 * max(errors))))
    if published:
        axes.axhline(published, linestyle="dashed", color="gray", label="published")
        axes.legend()
    figure.savefig(path)
    print(f"the curve: {path}")


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", help="of MNIST's IDX files")
    parser.add_argument("--size", choices=[s for s in SIZES if s != "quick"], default="small")
    parser.add_argument("--epochs", type=int, default=600, help="in which the rate falls (600)")
    parser.add_argument("--minutes", type=float, help="end after the epoch in which they are over")
    parser.add_argument("--lr", type=float, default=0.05, help="of the first step")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="deep_big_simple", help="files' names without ending")
    parser.add_argument("--resume", action="store_true", help="go on with the model saved there")
    parser.add_argument("--show", metavar="PNG", help="draw deformed digits, and train nothing")
    parser.add_argument("--quick", action="store_true", help="a tiny net, two epochs: a smoke run")
    options = parser.parse_args()
    if options.quick:
        options.size, options.epochs = "quick", 2
    return options


def main():
    options = arguments()
    data = fastnn.data.load_idx_folder(options.folder)
    augment = deformation(data.y_train, options.seed)
    if options.show:
        return show(data.x_train, augment, options.show)

    hidden, published = SIZES[options.size]
    path = Path(f"{options.out}.safetensors")
    facts = {"errors": []}  # of each epoch
    if options.resume:
        model, facts = fastnn.load(path), fastnn.io.load_metadata(path)
    else:
        model = network(data.x_train.shape[1:], hidden, options.seed)
    # What is a function of the step goes on as well: the rate, and deformations.
    steps = math.ceil(len(data.x_train) / BATCH)
    rate = fastnn.schedules.LinearDecay(options.lr, steps * options.epochs, floor=0.001)
    optimizer = fastnn.SGD(options.lr, momentum=0.9)
    optimizer.steps = steps * len(facts["errors"])
    trainer = fastnn.Trainer(
        model, "cross_entropy", optimizer, schedule=rate, seed=options.seed + len(facts["errors"]),
        callbacks=[Watch(path, facts, options.minutes)],
    )  # fmt: skip
    try:
        trainer.fit(
            data.x_train, data.y_train, epochs=options.epochs - len(facts["errors"]),
            batch_size=BATCH, validation=(data.x_test, data.y_test), augment=augment,
            progress=False,
        )  # fmt: skip
    except KeyboardInterrupt:
        print("interrupted; --resume goes on after the last epoch")
    errors = facts["errors"]
    if errors:
        print(f"\ntest error {errors[-1]} % after {len(errors)} epochs, at best {min(errors)} %")
        print(f"published: {published} %" if published else "published: nothing of this size")
        print(f"the model: {path}")
        plot(errors, published, f"{options.out}.png")


if __name__ == "__main__":
    main()
