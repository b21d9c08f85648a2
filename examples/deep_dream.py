"""Deep Dream on MNIST: what the layers and classes of a small convolutional net want to see.

A. Mordvintsev, C. Olah, M. Tyka, Inceptionism: Going deeper into neural networks, 2015. Trains the
net for some epochs, prints its test error, and writes three pictures: digits made from noise, one
a class, with the probability that the net gives them; what each channel of the second convolution
responds to; and a page of digits into which the net has seen more of what it knows, at several
sizes. Takes about a minute on two cores.

    python examples/deep_dream.py MNIST_FOLDER
"""

import argparse
from pathlib import Path

import numpy as np

import fastnn
from fastnn.inspection import dream
from fastnn.io import save_png, tile

CHANNELS = 24
SECOND = 4  # the place of the second convolution's activation


def make_net(seed: int) -> fastnn.Sequential:
    """For images (1, 28, 28)."""
    return fastnn.Sequential(
        fastnn.Conv2d(1, 12, 5, padding=2),
        fastnn.ReLU(),
        fastnn.MaxPool2d(2),
        fastnn.Conv2d(12, CHANNELS, 5, padding=2),
        fastnn.ReLU(),
        fastnn.MaxPool2d(2),
        fastnn.Flatten(),
        fastnn.Linear(CHANNELS * 7 * 7, 100),
        fastnn.ReLU(),
        fastnn.Dropout(0.5),
        fastnn.Linear(100, 10),
        seed=seed,
    )


def train(net, mnist, epochs: int, seed: int) -> float:
    """The test error in percent."""
    trainer = fastnn.Trainer(net, fastnn.CrossEntropyLoss(), fastnn.Adam(2e-3), seed=seed)
    trainer.fit(mnist.x_train[:, None], mnist.y_train, epochs=epochs, batch_size=64)
    return 100 - 100 * trainer.evaluate(mnist.x_test[:, None], mnist.y_test)["accuracy"]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", metavar="MNIST_FOLDER", help="holds MNIST's four IDX files")
    parser.add_argument("--epochs", type=int, default=2, help="(2)")
    parser.add_argument("--seed", type=int, default=0, help="(0)")
    parser.add_argument("--out", type=Path, default=Path(), help="folder for pictures (this one)")
    parser.add_argument("--quick", action="store_true", help="few steps: a smoke test")
    args = parser.parse_args()
    steps = 2 if args.quick else 60
    mnist = fastnn.data.load_idx_folder(args.folder)
    net = make_net(args.seed)
    print(f"test error {train(net, mnist, args.epochs, args.seed):.2f} %")
    rng = np.random.default_rng(args.seed)
    noise = rng.uniform(0, 0.2, (1, 28, 28)).astype(np.float32)

    options = {"steps": steps, "rate": 0.02, "smooth": 0.3, "seed": args.seed}
    digits = np.stack([dream(net, noise, 10, unit=digit, **options) for digit in range(10)])
    logits = net.predict(digits)
    shares = fastnn.functional.softmax(logits)[np.arange(10), np.arange(10)]
    print("probability of each digit's picture:", " ".join(f"{p:.3f}" for p in shares))
    save_png(tile(digits, 5), args.out / "dream_digits.png")

    # Bright, since in the dark most channels are cut off by their ReLU, and have no gradient.
    noise = rng.uniform(0, 1, (1, 28, 28)).astype(np.float32)
    channels = [dream(net, noise, SECOND, unit=channel, **options) for channel in range(CHANNELS)]
    save_png(tile(np.stack(channels), 8), args.out / "dream_channels.png")

    page = tile(mnist.x_test[:64], 8, gap=0).astype(np.float32)[None] / 255
    before = np.square(net[: SECOND + 1].predict(page[None])).mean()
    page = dream(net, page, SECOND, octaves=4, **(options | {"steps": max(2, steps // 4)}))
    after = np.square(net[: SECOND + 1].predict(page[None])).mean()
    print(f"mean square of the second layer's activations on the page: {before:.2f} to {after:.2f}")
    save_png(page, args.out / "dream_page.png")


if __name__ == "__main__":
    main()
