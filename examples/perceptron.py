"""Rosenblatt's perceptron (1958): a unit that answers 0 or 1 and learns from its mistakes.

    python examples/perceptron.py [FOLDER]

Tells two handwritten digits apart, and prints how many mistakes it made before it made none, beside
the most that are possible (Novikoff 1962). Then it tries to learn XOR, which no single unit can
(Minsky & Papert 1969). FOLDER has IDX files named as MNIST's; without it the digits are those that
come with fastnn, and it takes a second.
"""

import argparse

import numpy as np

import fastnn


class Decide(fastnn.Layer):
    """The step function, whose gradient is taken to be 1.

    With it, descent on the squared error at a rate of 1 / 2 is Rosenblatt's rule: a mistake on
    x adds or subtracts x, anything else changes nothing.
    """

    keeps_shape = True

    def forward(self, x, *, training=False):
        return fastnn.functional.step(x)

    def backward(self, dy):
        return dy


def learn(x: np.ndarray, y: np.ndarray, epochs: int, seed: int) -> tuple:
    """(model, mistakes in each epoch), up to the first epoch without one."""
    model = fastnn.Sequential(fastnn.Linear(x.shape[1], 1, init="zeros"), Decide())
    trainer = fastnn.Trainer(model, fastnn.MSELoss(), fastnn.SGD(0.5), seed=seed)
    mistakes = []
    while len(mistakes) < epochs and 0 not in mistakes:
        history = trainer.fit(x, y, epochs=1, batch_size=1, progress=False)
        mistakes.append(round(history["loss"][0] * len(x)))  # a mistake costs 1
    return model, mistakes


def most_mistakes(model, x: np.ndarray, y: np.ndarray) -> float:
    """Novikoff's bound (R / margin)^2, for the line that the model has found."""
    inputs = np.hstack([x, np.ones((len(x), 1), x.dtype)])
    line = np.append(model[0].weight.data, model[0].bias.data)
    margin = ((2 * y[:, 0] - 1) * (inputs @ line)).min() / np.linalg.norm(line)
    return (np.linalg.norm(inputs, axis=1).max() / margin) ** 2


def digits(folder: str | None, pair, epochs: int, seed: int) -> None:
    data = fastnn.data.load_idx_folder(folder) if folder else fastnn.data.load_digits()

    def chosen(x, y):
        keep = np.isin(y, pair)
        x = x[keep].reshape(keep.sum(), -1)
        if x.dtype == np.uint8:
            x = x.astype(np.float32) / 255
        return x, (y[keep] == pair[1]).astype(np.float32)[:, None]

    x, y = chosen(data.x_train, data.y_train)
    x_test, y_test = chosen(data.x_test, data.y_test)
    model, mistakes = learn(x, y, epochs, seed)
    right = (model.predict(x_test) == y_test).mean()
    print(
        f"{pair[0]} or {pair[1]}: mistakes in each epoch {mistakes}, {sum(mistakes)} in all", end=""
    )
    if mistakes[-1] == 0:
        print(f" (Novikoff's bound: {most_mistakes(model, x, y):,.0f})", end="")
    print(f"; test accuracy {100 * right:.1f} %")


def xor(epochs: int, seed: int) -> None:
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    for name, y in (("and", [0, 0, 0, 1]), ("xor", [0, 1, 1, 0])):
        target = np.array(y, np.float32)[:, None]
        model, mistakes = learn(x, target, epochs, seed)
        right = round((model.predict(x) == target).sum())
        end = "none in epoch" if mistakes[-1] == 0 else "still some in epoch"
        print(f"{name}: mistakes {end} {len(mistakes)}; {right} of 4 right")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", help="of IDX files (default: fastnn's own digits)")
    parser.add_argument(
        "--digits", type=int, nargs=2, default=[0, 1], choices=range(10), metavar="D",
        help="which two to tell apart (default: 0 1)",
    )  # fmt: skip
    parser.add_argument("--epochs", type=int, default=200, help="at most (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the order of samples")
    parser.add_argument("--quick", action="store_true", help="a few epochs, to see that it runs")
    args = parser.parse_args()
    epochs = min(args.epochs, 5) if args.quick else args.epochs
    digits(args.folder, args.digits, epochs, args.seed)
    xor(epochs, args.seed)


if __name__ == "__main__":
    main()
