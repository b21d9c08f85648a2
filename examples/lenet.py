"""Convolutional nets on MNIST: LeNet-5, and Nielsen's series.

LeNet-5 is the net of LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to
document recognition" (1998): trainable subsampling, and a table that says which maps of S2 each
map of C3 reads. Softmax and cross-entropy stand for the paper's radial basis functions, Adam for
its second-order descent. Trained on all 60,000 digits for 20 epochs, the paper's has 0.95 % test
error.

Nielsen's series is that of "Neural networks and deep learning" (2015), chapter 6: batches of 10,
60 epochs, and the test accuracy of the epoch with the best validation accuracy.

    python examples/lenet.py MNIST                      # all four: half an hour on 2 cores
    python examples/lenet.py MNIST --net lenet5         # three minutes
    python examples/lenet.py MNIST --epochs 5           # less of everything
"""

import argparse
import itertools
import time
from dataclasses import dataclass

import fastnn


@dataclass
class Setting:
    """One published net, and what came of it."""

    layers: list
    published: str
    epochs: int
    batch: int
    optimizer: fastnn.Optimizer
    schedule: object = None
    validates: bool = True


def lenet5() -> Setting:
    return Setting(
        [
            fastnn.Conv2d(1, 6, 5, padding=2),  # C1
            fastnn.Tanh(),
            fastnn.Subsample2d(6, 2),  # S2
            fastnn.Tanh(),
            fastnn.Conv2d(6, 16, 5, connections=fastnn.layers.LENET5_CONNECTIONS),  # C3
            fastnn.Tanh(),
            fastnn.Subsample2d(16, 2),  # S4
            fastnn.Tanh(),
            fastnn.Conv2d(16, 120, 5),  # C5
            fastnn.Tanh(),
            fastnn.Flatten(),
            fastnn.Linear(120, 84),  # F6
            fastnn.Tanh(),
            fastnn.Linear(84, 10),
        ],
        published="99.05",
        epochs=20,
        batch=64,
        optimizer=fastnn.Adam(lr=1e-3),
        schedule=fastnn.schedules.CosineDecay(1e-3, 20 * 938),
        validates=False,
    )


def _nielsen(maps: tuple[int, ...], activation, lr: float, l2: float, published: str) -> Setting:
    """Convolutions of 5x5 with pools of 2x2, 100 hidden units, initial values as in the book."""

    def normal(fan):
        return lambda shape, rng, dtype: rng.normal(0, fan**-0.5, shape).astype(dtype)

    layers, side = [], 28
    for before, after in itertools.pairwise((1, *maps)):
        fan = after * 25 / 4
        layers += [fastnn.Conv2d(before, after, 5, init=normal(fan)), activation()]
        layers += [fastnn.MaxPool2d(2)]
        side = (side - 4) // 2
    width = maps[-1] * side * side
    layers += [fastnn.Flatten(), fastnn.Linear(width, 100, init=normal(100)), activation()]
    layers += [fastnn.Linear(100, 10, init="zeros")]
    return Setting(layers, published, 60, 10, fastnn.SGD(lr=lr, l2=l2))


SETTINGS = {
    "lenet5": lenet5,
    "one": lambda: _nielsen((20,), fastnn.Sigmoid, 0.1, 0.0, "98.78"),
    "two": lambda: _nielsen((20, 40), fastnn.Sigmoid, 0.1, 0.0, "99.06"),
    # The book's lambda is divided by the number of batches.
    "two-relu": lambda: _nielsen((20, 40), fastnn.ReLU, 0.03, 0.1 / 5000, "99.23"),
}


class Best(fastnn.Callback):
    """Test accuracy whenever validation accuracy is at its best."""

    def __init__(self, test):
        self.test, self.best, self.accuracy = test, -1.0, 0.0

    def on_epoch_end(self, trainer, record):
        if record["val_accuracy"] >= self.best:
            self.best = record["val_accuracy"]
            self.accuracy = trainer.evaluate(*self.test)["accuracy"]


def run(name: str, data, epochs: int | None, seed: int) -> tuple[str, float, float]:
    """Train one; returns the published figure, the test accuracy in % and the seconds."""
    setting = SETTINGS[name]()
    model = fastnn.Sequential(*setting.layers, seed=seed)
    train, test = (data.x_train, data.y_train), (data.x_test, data.y_test)
    validation, callbacks = None, []
    if setting.validates:  # the book's last 10,000
        cut = len(train[0]) * 5 // 6
        validation = tuple(part[cut:] for part in train)
        train = tuple(part[:cut] for part in train)
        callbacks = [Best(test)]
    trainer = fastnn.Trainer(
        model,
        fastnn.CrossEntropyLoss(),
        setting.optimizer,
        schedule=setting.schedule,
        callbacks=callbacks,
        seed=seed,
    )
    begin = time.perf_counter()
    trainer.fit(
        *train, epochs=epochs or setting.epochs, batch_size=setting.batch, validation=validation
    )
    seconds = time.perf_counter() - begin
    accuracy = callbacks[0].accuracy if callbacks else trainer.evaluate(*test)["accuracy"]
    return setting.published, 100 * accuracy, seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", help="of MNIST's IDX files")
    parser.add_argument("--net", choices=SETTINGS, help="one of them only")
    parser.add_argument("--epochs", type=int, help="other than the published number")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="one epoch of 1,000 digits")
    options = parser.parse_args()
    data = fastnn.data.load_idx_folder(options.folder)
    images = [x.reshape(-1, 1, *x.shape[1:]) for x in (data.x_train, data.x_test)]
    if options.quick:
        images, labels = [x[:1000] for x in images], (data.y_train[:1000], data.y_test[:1000])
        data = fastnn.data.Dataset(images[0], labels[0], images[1], labels[1])
        options.epochs = 1
    else:
        data = fastnn.data.Dataset(images[0], data.y_train, images[1], data.y_test)
    print("net       published %  measured %  minutes")
    for name in [options.net] if options.net else SETTINGS:
        published, accuracy, seconds = run(name, data, options.epochs, options.seed)
        print(f"{name:8}  {published:>11}  {accuracy:10.2f}  {seconds / 60:7.1f}", flush=True)


if __name__ == "__main__":
    main()
