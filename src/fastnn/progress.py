"""The progress bar of training."""

import time


class Progress:
    """One bar over all steps of a `fit`: epoch, loss, validation, steps a second.

    Parameters
    ----------
    epochs : int
    steps : int or None
        For each epoch; None if unknown.
    show : bool
    """

    def __init__(self, epochs: int, steps: int | None, show: bool):
        self.epochs, self.bar = epochs, None
        self._drawn = 0.0
        self._last: dict[str, str] = {}
        if show:
            from tqdm.auto import tqdm  # not at import: it costs more than all of fastnn

            self.bar = tqdm(total=None if steps is None else epochs * steps, unit=" steps")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.bar is not None:
            self.bar.close()

    def epoch(self, epoch: int) -> None:
        if self.bar is not None:
            self.bar.set_description(f"epoch {epoch}/{self.epochs}", refresh=False)

    def advance(self, steps: int, loss: float) -> None:
        if self.bar is None:
            return
        now = time.monotonic()
        if now - self._drawn > 0.1:
            self._drawn = now
            self._show(loss)
        self.bar.update(steps)

    def end_epoch(self, record: dict) -> None:
        if self.bar is not None:
            self._last = {
                name: f"{record[name]:.4f}" for name in ("val_loss", "val_accuracy")
                if name in record
            }  # fmt: skip
            self._show(record["loss"])

    def _show(self, loss: float) -> None:
        self.bar.set_postfix({"loss": f"{loss:.4f}", **self._last})
