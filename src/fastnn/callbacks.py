"""What can be told during training, and what can end it."""

import math

import numpy as np


class Callback:
    """Override what you want to be told. Each method gets the `Trainer`.

    ``on_step`` makes the engine return to Python after every step, which costs a small net much
    of its speed; the others are free.

    Examples
    --------
    >>> import fastnn
    >>> class Print(fastnn.Callback):
    ...     def on_epoch_end(self, trainer, record):
    ...         print(record["epoch"], record["loss"])
    """

    def on_fit_begin(self, trainer) -> None:
        """Before the first epoch."""

    def on_step(self, trainer, step: int, loss: float) -> None:
        """After an optimizer step; `step` counts from 1 over the optimizer's life."""

    def on_epoch_end(self, trainer, record: dict) -> None:
        """After an epoch and its validation. What is added to `record` is in the history."""

    def on_fit_end(self, trainer) -> None:
        """After the last epoch, also when training was interrupted."""


class StopTraining(Exception):
    """Raise it in a callback to end training; its text is the reason in `History.stopped`."""


class EarlyStopping(Callback):
    """End training when a number stops improving, and go back to the best weights.

    Parameters
    ----------
    monitor : str
        A name in the history: ``val_loss`` or any ``val_<metric>``.
    patience : int
        Epochs without improvement after which training ends.
    min_delta : float
        How much better counts as improvement.
    mode : {"min", "max"}, optional
        By default "min" for losses, "max" for the rest.
    restore_best_weights : bool
        Whether the model ends with the weights of its best epoch, however training ends.

    Examples
    --------
    >>> import fastnn
    >>> stop = fastnn.EarlyStopping("val_accuracy", patience=3)
    >>> stop.mode
    'max'
    """

    def __init__(
        self, monitor="val_loss", patience=5, min_delta=0.0, mode=None, restore_best_weights=True
    ):
        if isinstance(patience, bool) or not isinstance(patience, int) or patience < 1:
            raise ValueError(f"patience: expected a whole number of at least 1, got {patience!r}")
        if not min_delta >= 0:
            raise ValueError(f"min_delta: expected at least 0, got {min_delta!r}")
        if mode not in (None, "min", "max"):
            raise ValueError(f"mode: expected 'min' or 'max', got {mode!r}")
        self.monitor, self.patience, self.min_delta = monitor, patience, min_delta
        self.mode = mode or ("min" if monitor.endswith("loss") else "max")
        self.restore_best_weights = restore_best_weights
        self._weights = None

    def on_fit_begin(self, trainer):
        self.best, self.best_epoch, self._weights = math.inf, None, None

    def on_epoch_end(self, trainer, record):
        if self.monitor not in record:
            names = ", ".join(n for n in record if n not in ("epoch", "lr", "seconds"))
            raise ValueError(f"monitor: expected one of {names}, got {self.monitor!r}")
        value = record[self.monitor] if self.mode == "min" else -record[self.monitor]
        if value < self.best - self.min_delta:
            self.best, self.best_epoch = value, record["epoch"]
            if self.restore_best_weights:
                self._weights = [p.data.copy() for p in trainer.model.named_state().values()]
        elif record["epoch"] - (self.best_epoch or 0) >= self.patience:
            raise StopTraining(
                f"{self.monitor} has not improved for {self.patience} epochs "
                f"(best in epoch {self.best_epoch})"
            )

    def on_fit_end(self, trainer):
        if self._weights is not None:
            state = trainer.model.named_state().values()
            for p, best in zip(state, self._weights, strict=True):
                np.copyto(p.data, best)
            trainer.history.best_epoch = self.best_epoch
            self._weights = None
