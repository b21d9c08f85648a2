"""What happened in training: numbers by epoch, to look at, plot and export."""

import csv
import json

from fastnn._plots import new_figure


class History:
    """Numbers by epoch.

    Attributes
    ----------
    epochs : list of dict
        One for each epoch: ``epoch`` (from 1), ``loss``, ``lr``, ``seconds``, with validation
        data ``val_loss`` and ``val_<metric>``.
    stopped : str
        Why training ended: "" after the last epoch, else a sentence.
    best_epoch : int or None
        The epoch whose weights were restored, if early stopping did.

    Examples
    --------
    >>> from fastnn import History
    >>> h = History()
    >>> h.append({"epoch": 1, "loss": 0.5})
    >>> h["loss"]
    [0.5]
    """

    def __init__(self):
        self.epochs: list[dict] = []
        self.stopped = ""
        self.best_epoch: int | None = None

    def append(self, record: dict) -> None:
        self.epochs.append(record)

    def __getitem__(self, name: str) -> list:
        """One number over the epochs; None where an epoch has none."""
        if name not in self.names():
            raise KeyError(f"history: expected one of {', '.join(self.names())}, got {name!r}")
        return [epoch.get(name) for epoch in self.epochs]

    def __len__(self):
        return len(self.epochs)

    def names(self) -> list[str]:
        """The names of the numbers."""
        return list(dict.fromkeys(name for epoch in self.epochs for name in epoch))

    def to_csv(self, path) -> None:
        """Write a line an epoch."""
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self.names())
            writer.writeheader()
            writer.writerows(self.epochs)

    def to_json(self, path) -> None:
        """Write everything as one JSON object."""
        text = {"epochs": self.epochs, "stopped": self.stopped, "best_epoch": self.best_epoch}
        with open(path, "w", encoding="utf-8") as file:
            file.write(json.dumps(text, indent=1) + "\n")

    def plot(self, path=None):
        """Draw losses, and metrics if there are any, against epochs.

        Parameters
        ----------
        path : path, optional
            Where to write the picture; its ending gives the format.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ImportError
            Without matplotlib (``pip install fastnn[plot]``).
        """
        losses = [n for n in ("loss", "val_loss") if n in self.names()]
        metrics = [n for n in self.names() if n.startswith("val_") and n != "val_loss"]
        figure = new_figure(figsize=(5 * (1 + bool(metrics)), 3.6))
        panels = figure.subplots(1, 1 + bool(metrics), squeeze=False)[0]
        labels = {"loss": "training", "val_loss": "validation"}
        for axes, names, title in zip(panels, (losses, metrics), ("loss", "metrics"), strict=False):
            for name in names:
                # The training loss is the mean over an epoch in which the net was changing,
                # so it belongs to the epoch's middle.
                shift = 0.5 if name == "loss" else 0.0
                points = [(e["epoch"] - shift, e[name]) for e in self.epochs if name in e]
                label = labels.get(name) or name.removeprefix("val_").replace("_", " ")
                axes.plot(*zip(*points, strict=True), marker=".", label=label)
            axes.set(xlabel="epoch", title=title)
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.grid(alpha=0.3)
            axes.legend()
            if self.best_epoch is not None:
                axes.axvline(self.best_epoch, color="gray", linestyle=":", linewidth=1)
        if path is not None:
            figure.savefig(path, dpi=150)
        return figure

    def __repr__(self):
        last = ", ".join(
            f"{k}={v:.4g}" for k, v in (self.epochs[-1] if self.epochs else {}).items()
        )
        return f"History({len(self)} epochs{': ' + last if last else ''})"
