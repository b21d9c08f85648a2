"""From the options of ``fastnn train`` to a model, a trainer, and a fit."""

import inspect
import math
import sys

import numpy as np

from fastnn._standardize import Standardization
from fastnn._terminal import CommandError, epoch_line
from fastnn.callbacks import Callback, EarlyStopping, StopTraining
from fastnn.data import train_test_split
from fastnn.layers import ACTIVATION_LAYERS, Dropout, Flatten, Linear, Sequential
from fastnn.losses import LOSSES, Loss
from fastnn.optim import OPTIMIZERS, Optimizer
from fastnn.schedules import (
    CosineDecay,
    ExponentialDecay,
    LinearDecay,
    OneCycle,
    Schedule,
    StepDecay,
    WarmUp,
    as_schedule,
)
from fastnn.trainer import Trainer


class Fitting:
    """A model and all that trains it, made of a data set and options.

    Raises
    ------
    ValueError, CommandError
        If options contradict each other or the data.
    """

    def __init__(self, data, args):
        self.args = args
        self.loss = _loss(args.loss, data.classes)
        x, y, self.x_scaling, self.y_scaling = _scaled(data, args)
        if data.classes is not None:
            y = encode(self.loss, y, len(data.classes), args.dtype)
        self.model = _model(data, args)
        self.validation = None
        if args.validation:
            held_out = min(max(1, round(args.validation * len(x))), len(x) - 1)
            by = data.y_train if data.classes is not None else None
            x, held_x, y, held_y = set_aside(x, y, held_out, by, args.seed)
            self.validation = (held_x, held_y)
        elif args.patience:
            raise CommandError("--patience: expected --validation above 0 with it, got 0")
        self.x, self.y = x, y

        optimizer = _optimizer(args)
        steps = args.epochs * math.ceil(len(x) / args.batch_size)
        self.bar = sys.stderr.isatty() and not args.quiet
        self._divergence = _Divergence()
        callbacks: list[Callback] = [self._divergence]
        if not self.bar and not args.quiet:
            callbacks.append(_EpochLines(args.epochs))
        if args.patience:
            callbacks.append(EarlyStopping(patience=args.patience))
        self.trainer = Trainer(
            self.model, self.loss, optimizer, schedule=_schedule(args, optimizer.lr, steps),
            callbacks=callbacks, seed=args.seed,
        )  # fmt: skip

    @property
    def history(self):
        return self.trainer.history

    def run(self) -> None:
        """Train, with the result in `model`, also if KeyboardInterrupt ends it."""
        try:
            self.trainer.fit(
                self.x, self.y, epochs=self.args.epochs, batch_size=self.args.batch_size,
                validation=self.validation, progress=self.bar,
            )  # fmt: skip
        finally:
            linear = [layer for layer in self.model if isinstance(layer, Linear)]
            if self.x_scaling is not None:
                self.x_scaling.fold_into_input(linear[0])
            if self.y_scaling is not None:
                self.y_scaling.fold_into_output(linear[-1])
        if self._divergence.epoch and self.history.best_epoch is None:
            raise CommandError(
                f"training diverged: the loss of epoch {self._divergence.epoch} is not a finite "
                "number; try a smaller --lr or --clip-norm 1. Nothing was saved",
                code=1,
            )


class _EpochLines(Callback):
    """Progress where there is no terminal to draw a bar in."""

    def __init__(self, epochs):
        self.epochs = epochs

    def on_epoch_end(self, trainer, record):
        print(epoch_line(record, self.epochs), file=sys.stderr, flush=True)


class _Divergence(Callback):
    """Ends training that leads nowhere."""

    epoch = None

    def on_epoch_end(self, trainer, record):
        if not math.isfinite(record["loss"]):
            self.epoch = record["epoch"]
            raise StopTraining("the loss is not a finite number")


def as_examples(x, dtype, source) -> np.ndarray:
    """Examples in a model's type, which may be cast on the command line; pixels stay uint8."""
    if x.dtype == np.uint8:
        return x
    with np.errstate(over="ignore"):  # told below
        x = x.astype(dtype, copy=False)
    finite = np.isfinite(x).reshape(len(x), -1).all(axis=1)
    if not finite.all():
        raise CommandError(
            f"{source}: expected finite numbers, got others in example {finite.argmin()}"
        )
    return x


def set_aside(x, y, size, classes, seed) -> list[np.ndarray]:
    """``train_test_split`` by class, if all classes have enough members for that."""
    enough = classes is not None and np.bincount(classes)[np.unique(classes)].min() > 1
    return train_test_split(x, y, test_size=size, stratify=classes if enough else None, seed=seed)


def encode(loss: Loss, y, count: int, dtype) -> np.ndarray:
    """Classes as a loss wants them: as they are, or as one-hot rows, of -1 and 1 for the hinge
    losses."""
    if loss.task == "classification":
        return y
    low, high = getattr(loss, "values", (0, 1))
    targets = np.full((len(y), count), low, dtype)
    targets[np.arange(len(y)), y] = high
    return targets


def _loss(name, classes) -> Loss:
    if name is None:
        name = "mse" if classes is None else "cross_entropy"
    _choose("--loss", name, LOSSES)
    loss = LOSSES[name]()
    if classes is None and loss.task != "regression":
        fitting = ", ".join(n for n, cls in LOSSES.items() if cls.task == "regression")
        raise CommandError(f"--loss: expected one of {fitting} for numbers to predict, got {name}")
    return loss


def _scaled(data, args):
    """Examples and targets to train on, and how they were scaled."""
    x, y = as_examples(data.x_train, args.dtype, args.data), data.y_train
    x_scaling = y_scaling = None
    # Images keep the relation between their pixels; what is in [-1, 1] was scaled by somebody.
    if args.scaling == "auto" and x.ndim == 2 and x.dtype != np.uint8 and abs(x).max() > 1:
        x_scaling = Standardization.of(x)
        x = x_scaling.apply(x, args.dtype)
    if data.classes is None:
        y_scaling = Standardization.of(y) if args.scaling == "auto" else None
        y = y_scaling.apply(y, args.dtype) if y_scaling else y.astype(args.dtype)
    return x, y, x_scaling, y_scaling


def _model(data, args) -> Sequential:
    _choose("--activation", args.activation, ACTIVATION_LAYERS)
    shape = data.x_train.shape[1:]
    layers = [Flatten()] if len(shape) > 1 else []
    width = math.prod(shape)
    for hidden in args.hidden:
        layers += [
            Linear(width, hidden, dtype=args.dtype),
            ACTIVATION_LAYERS[args.activation](),
        ]
        if args.dropout:
            layers.append(Dropout(args.dropout))
        width = hidden
    outputs = math.prod(data.y_train.shape[1:]) if data.classes is None else len(data.classes)
    return Sequential(*layers, Linear(width, outputs, dtype=args.dtype), seed=args.seed)


def _optimizer(args) -> Optimizer:
    _choose("--optimizer", args.optimizer, OPTIMIZERS)
    cls = OPTIMIZERS[args.optimizer]
    for name in ("momentum", "weight_decay"):
        takers = [o for o, c in OPTIMIZERS.items() if name in inspect.signature(c).parameters]
        if getattr(args, name) is not None and args.optimizer not in takers:
            option, known = name.replace("_", "-"), " or ".join(takers)
            raise CommandError(f"--{option}: expected {known} with it, got {args.optimizer}")
    given = {"lr": args.lr, "momentum": args.momentum, "weight_decay": args.weight_decay}
    given = {name: value for name, value in given.items() if value is not None}
    return cls(**given, l1=args.l1, l2=args.l2, clip_norm=args.clip_norm)


def _schedule(args, lr: float, steps: int) -> Schedule | None:
    # The figures are told in the help.
    make = {
        "constant": lambda: as_schedule(lr),
        "linear": lambda: LinearDecay(lr, steps),
        "step": lambda: StepDecay(lr, math.ceil(steps / 3)),
        "exponential": lambda: ExponentialDecay(lr, 0.01 ** (1 / steps)),
        "cosine": lambda: CosineDecay(lr, steps),
        "one-cycle": lambda: OneCycle(lr, steps),
    }
    schedule = make[args.schedule]()
    return WarmUp(schedule, args.warm_up) if args.warm_up else schedule


def _choose(option: str, name: str, known) -> None:
    if name not in known:
        raise CommandError(f"{option}: expected one of {', '.join(known)}, got {name}")
