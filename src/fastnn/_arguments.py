"""The options of the command line, their types and their help."""

import argparse

from fastnn._terminal import CommandError
from fastnn._version import __version__

_DATA = """\
data:
  digits               1,797 handwritten digits that come with fastnn
  a folder             IDX files named as in MNIST: train-images-idx3-ubyte[.gz], ...
  a file .csv[.gz]     a table with a header row; --label names the column to predict
  a file .npz          arrays x and y, or x_train, y_train, x_test and y_test
"""

_TRAIN = f"""\
{_DATA}
Data without a test part is split at random; the numbers printed in the end are those of the test
part, which training never sees.

scaling:
  Pixels (uint8) are scaled to [0, 1]. Columns of a table are brought to mean 0 and standard
  deviation 1, and so are numbers to predict; when training is done, that is folded into the first
  and the last layer's weights, so the model takes and gives numbers as they are in the table.
  Losses printed during the training of a regression are those of scaled numbers.

examples:
  fastnn train digits
  fastnn train measurements.csv --label species --out species.safetensors
  fastnn train houses.csv --label price --task regression --epochs 200 --patience 20
  fastnn train mnist/ --hidden 100 --epochs 10 --batch-size 200 --lr 0.003 \\
      --schedule linear --plot curve.png
"""

_EVALUATE = f"""\
{_DATA}
Of data with a test part, that part is used; else all rows, those of training too if they are
among them.

examples:
  fastnn evaluate model.safetensors digits
  fastnn evaluate species.safetensors more.csv --json
"""

_PREDICT = f"""\
{_DATA}
Here a table needs no column to predict and a .npz file no y. Columns are found by the names they
had in training; others are not looked at. Of data with a test part, that part is predicted.

examples:
  fastnn predict species.safetensors new.csv
  fastnn predict species.safetensors new.csv --probabilities --out predictions.csv
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise CommandError(f"{message} (see {self.prog} --help)")


# -- types of options: argparse turns their ValueError into "invalid ... value" ---------------


def _number(kind, low, high, what, *, open_low=False, open_high=False):
    """A type of option: a number between bounds, described by `what` in the error."""

    def read(text):
        try:
            value = kind(text)
        except ValueError:
            value = None
        ok = value is not None and (value > low if open_low else value >= low)
        if not ok or not (value < high if open_high else value <= high):
            raise argparse.ArgumentTypeError(f"expected {what}, got {text!r}")
        return value

    return read


_INF = float("inf")
_count = _number(int, 1, _INF, "a whole number of at least 1")
_natural = _number(int, 0, _INF, "a whole number of at least 0")
_positive = _number(float, 0, _INF, "a number above 0", open_low=True, open_high=True)
_penalty = _number(float, 0, _INF, "a number of at least 0", open_high=True)
_fraction = _number(float, 0, 1, "at least 0 and below 1", open_high=True)


def _size(text):
    # A fraction or a count, as in train_test_split.
    if text.isdecimal():
        return _count(text)
    return _number(float, 0, 1, "a fraction between 0 and 1, or a count", open_low=True,
                   open_high=True)(text)  # fmt: skip


def _widths(text):
    if text in ("", "none"):
        return []
    return [_number(int, 1, _INF, "widths such as 128,64, or none")(w) for w in text.split(",")]


# -- the parser -------------------------------------------------------------------------------


def parser() -> argparse.ArgumentParser:
    """The parser; its result has ``command``, the name of what to run."""
    parser = _Parser(
        prog="fastnn",
        description="Train and use small neural networks on the CPU.",
        epilog="Begin with: fastnn train digits",
    )
    parser.add_argument("--version", action="version", version=f"fastnn {__version__}")
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", dest="command", required=True
    )

    def add(name, help, epilog=None):
        command = commands.add_parser(
            name, help=help, description=help[0].upper() + help[1:] + ".", epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        return command

    _add_train(add("train", "train a model and save it", _TRAIN))

    evaluate = add("evaluate", "measure how good a model is", _EVALUATE)
    evaluate.add_argument("model", metavar="MODEL", help="a file that train or fastnn.save wrote")
    evaluate.add_argument("data", metavar="DATA", help="see below")
    evaluate.add_argument("--label", metavar="COLUMN", help="by default that of training")
    evaluate.add_argument("--json", action="store_true", help="print JSON instead of tables")
    evaluate.add_argument("--threads", type=_count, metavar="N", help="by default all CPUs")

    predict = add("predict", "apply a model to new data", _PREDICT)
    predict.add_argument("model", metavar="MODEL", help="a file that train or fastnn.save wrote")
    predict.add_argument("data", metavar="DATA", help="see below")
    predict.add_argument("--out", metavar="FILE", help="by default standard output")
    predict.add_argument(
        "--probabilities", action="store_true", help="a column for each class as well"
    )
    predict.add_argument("--threads", type=_count, metavar="N", help="by default all CPUs")

    add("info", "show version, kernels, threads and machine")
    return parser


def _add_train(train) -> None:
    train.add_argument("data", metavar="DATA", help="see below")

    group = train.add_argument_group("data")
    group.add_argument(
        "--label", metavar="COLUMN",
        help='the column of a table to predict (default: "label", "target", "class" or "y")',
    )  # fmt: skip
    group.add_argument(
        "--task", choices=("auto", "classification", "regression"), default="auto",
        help="what to predict: classes or numbers (default: whole numbers and names are classes)",
    )  # fmt: skip
    group.add_argument(
        "--test-size", type=_size, default=0.2, metavar="SIZE",
        help="fraction or count to set aside where data has no test part (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--scaling", choices=("auto", "none"), default="auto",
        help="whether to scale numbers of tables, see below (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--validation", type=_fraction, default=0.1, metavar="FRACTION",
        help="held out of the training part to watch progress, 0 for none (default: %(default)s)",
    )  # fmt: skip

    group = train.add_argument_group("network")
    group.add_argument(
        "--hidden", type=_widths, default=[256], metavar="WIDTHS",
        help="units in each hidden layer, as 128,64, or none (default: 256)",
    )  # fmt: skip
    group.add_argument(
        "--activation", default="relu", metavar="NAME",
        help="relu, tanh, sigmoid, gelu, ... (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--dropout", type=_fraction, default=0.0, metavar="P",
        help="the share of hidden units to leave out at random (default: 0)",
    )  # fmt: skip
    group.add_argument("--dtype", choices=("float32", "float64"), default="float32")

    group = train.add_argument_group("training")
    group.add_argument(
        "--loss", metavar="NAME",
        help="cross_entropy (default for classes), mse (default for numbers), bce_with_logits, "
        "l1, huber, hinge, squared_hinge",
    )  # fmt: skip
    group.add_argument(
        "--epochs", type=_count, default=40, metavar="N", help="default: %(default)s"
    )
    group.add_argument(
        "--batch-size", type=_count, default=32, metavar="N", help="default: %(default)s"
    )
    group.add_argument(
        "--optimizer", default="adam", metavar="NAME",
        help="sgd, rprop, lion, adagrad, rmsprop, adadelta, adam, adamw, adamax, nadam, radam "
        "(default: adam)",
    )  # fmt: skip
    group.add_argument(
        "--lr", type=_positive, metavar="RATE", help="learning rate (default: the optimizer's)"
    )
    group.add_argument(
        "--schedule", default="constant",
        choices=("constant", "linear", "step", "exponential", "cosine", "one-cycle"),
        help="how the learning rate changes: linear, exponential down to 1 %%; step to a tenth "
        "after each third; cosine down to 0; one-cycle up from 1/25, then down to 0",
    )  # fmt: skip
    group.add_argument(
        "--warm-up", type=_natural, default=0, metavar="STEPS", help="batches of rising rate"
    )
    group.add_argument("--momentum", type=_fraction, metavar="M", help="for sgd and rmsprop")
    group.add_argument("--weight-decay", type=_penalty, metavar="W", help="see the optimizers")
    group.add_argument("--l1", type=_penalty, default=0.0, metavar="W", help="penalty on weights")
    group.add_argument("--l2", type=_penalty, default=0.0, metavar="W", help="penalty on weights")
    group.add_argument("--clip-norm", type=_positive, metavar="NORM", help="longest gradient")
    group.add_argument(
        "--patience", type=_count, metavar="N",
        help="end after N epochs without a better validation loss, and go back to the best",
    )  # fmt: skip
    group.add_argument(
        "--seed", type=_natural, default=0, metavar="N",
        help="the same seed gives the same model (default: 0)",
    )  # fmt: skip
    group.add_argument("--threads", type=_count, metavar="N", help="by default all CPUs")

    group = train.add_argument_group("output")
    group.add_argument(
        "--out", default="model.safetensors", metavar="FILE", help="default: %(default)s"
    )
    group.add_argument("--plot", metavar="FILE", help="picture of losses and accuracy (.png, ...)")
    group.add_argument("--history", metavar="FILE", help="numbers of each epoch (.csv or .json)")
    group.add_argument("--quiet", action="store_true", help="print the result only")
