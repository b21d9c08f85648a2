"""How activations and their gradients are distributed, and how that changes over training."""

from dataclasses import dataclass

import numpy as np

from fastnn import functional
from fastnn._plots import new_figure
from fastnn._settings import count
from fastnn.callbacks import Callback
from fastnn.inspection.probe import Probe, named_layers
from fastnn.layers import Activation, Layer

PERCENTILES = (2, 25, 50, 75, 98)
# A bounded activation is saturated in the outer part of its range: |tanh| > 0.95.
_OUTER = 0.025


@dataclass(frozen=True)
class Distribution:
    """The distribution of the numbers of a layer.

    Attributes
    ----------
    mean, std, low, high : float
        Mean, standard deviation, smallest and largest number.
    percentiles : dict of int to float
        The 2nd, 25th, 50th, 75th and 98th.
    counts, edges : array
        A histogram, as ``numpy.histogram`` gives it: counts of (bins,), edges of (bins + 1,).
    saturated : float or None
        The share of numbers in the outermost 2.5 % of the range of a bounded activation on
        either side (of tanh: above 0.95 in absolute value); None where there is no bounded
        activation.
    dead : int or None
        How many units are 0 for every sample; channels of images, else places of the last axis.
        None for gradients.
    """

    mean: float
    std: float
    low: float
    high: float
    percentiles: dict[int, float]
    counts: np.ndarray
    edges: np.ndarray
    saturated: float | None = None
    dead: int | None = None

    @classmethod
    def of(cls, values: np.ndarray, bins: int = 60) -> "Distribution":
        """That of an array of any shape.

        Examples
        --------
        >>> d = Distribution.of(np.arange(5.0), bins=2)
        >>> d.mean, d.high, d.percentiles[50], d.counts.tolist()
        (2.0, 4.0, 2.0, [2, 3])
        """
        values = np.asarray(values, np.float64).ravel()
        finite = values[np.isfinite(values)]
        if not finite.size:  # training has blown up: say so, and let it go on
            nan = float("nan")
            nothing = np.zeros(bins, np.int64), np.linspace(0, 1, bins + 1)
            return cls(nan, nan, nan, nan, dict.fromkeys(PERCENTILES, nan), *nothing)
        counts, edges = np.histogram(finite, bins)
        return cls(
            mean=float(values.mean()),
            std=float(values.std()),
            low=float(values.min()),
            high=float(values.max()),
            percentiles=dict(
                zip(PERCENTILES, np.percentile(values, PERCENTILES).tolist(), strict=True)
            ),
            counts=counts,
            edges=edges,
        )


class Histograms(Callback):
    """Watch the activations of layers, and the gradients there, over training.

    Before the first epoch, and after every epoch or every few, a batch that stays the same runs
    through the model, apart from training, which goes on to the same bits as without it.

    After X. Glorot, Y. Bengio, Understanding the difficulty of training deep feedforward neural
    networks, 2010.

    Parameters
    ----------
    x : array of shape (N, ...)
        The batch; a few hundred samples tell enough.
    y : array, optional
        Its targets, as the loss takes them. Without them there are no gradients.
    layers : sequence of str, int or Layer, optional
        Which to watch, as for `Probe`; by default all that have no layers inside.
    every : int
        Epochs from one look to the next.
    bins : int
        Of the histograms.

    Attributes
    ----------
    epochs : list of int
        When it was looked: 0 is before training.
    activations, gradients : dict of str to list of Distribution
        By layer, in the order of `epochs`. Gradients are those of the mean loss with respect to a
        layer's output.

    Examples
    --------
    >>> import fastnn
    >>> data = fastnn.data.load_digits()
    >>> model = fastnn.Sequential(fastnn.Linear(64, 32), fastnn.Tanh(), fastnn.Linear(32, 10))
    >>> watch = Histograms(data.x_test, data.y_test, layers=["1"])
    >>> trainer = fastnn.Trainer(model, "cross_entropy", "adam", callbacks=[watch])
    >>> history = trainer.fit(data.x_train, data.y_train, epochs=2, progress=False)
    >>> watch.epochs, len(watch.gradients["1"])
    ([0, 1, 2], 3)
    >>> 0 < watch.activations["1"][-1].saturated < 1
    True
    """

    def __init__(self, x, y=None, *, layers=None, every: int = 1, bins: int = 60):
        self.x, self.y, self.layers = x, y, layers
        self.every, self.bins = count("every", every), count("bins", bins)
        self.epochs: list[int] = []
        self.activations: dict[str, list[Distribution]] = {}
        self.gradients: dict[str, list[Distribution]] = {}

    def on_fit_begin(self, trainer):
        self._probe = Probe(trainer.model, self.layers)
        known = named_layers(trainer.model)
        self._layers = {name: known[name] for name in self._probe.names}
        self.epochs = []
        self.activations = {name: [] for name in self._layers}
        self.gradients = {name: [] for name in self._layers} if self.y is not None else {}
        self._look(trainer, 0)

    def on_epoch_end(self, trainer, record):
        if record["epoch"] % self.every == 0:
            self._look(trainer, record["epoch"])

    def _look(self, trainer, epoch):
        found = self._probe.forward(self.x)
        gradients = {}
        if self.y is not None:
            self._probe.backward(trainer.loss(self._probe.output, self.y)[1])
            gradients = self._probe.gradients
        self.epochs.append(epoch)
        for name, layer in self._layers.items():
            distribution = Distribution.of(found[name], self.bins)
            extra = {"saturated": _saturated(found[name], layer), "dead": _dead(found[name])}
            self.activations[name].append(_with(distribution, **extra))
            if name in gradients:
                self.gradients[name].append(Distribution.of(gradients[name], self.bins))

    def plot(self, path=None):
        """Draw distributions after the last look, and over training means, standard deviations
        and the 98th percentiles: a row for activations, and one for gradients if there are any.

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
        RuntimeError
            If nothing has been seen yet.
        """
        if not self.epochs:
            raise RuntimeError("plot: expected a fit before it")
        kinds = {"activations": self.activations, "gradients": self.gradients}
        rows = {title: found for title, found in kinds.items() if found}
        figure = new_figure(figsize=(10, 3.6 * len(rows)))
        panels = figure.subplots(len(rows), 2, squeeze=False)
        for (left, right), (title, found) in zip(panels, rows.items(), strict=True):
            for i, (name, seen) in enumerate(found.items()):
                colour, last = f"C{i % 10}", seen[-1]
                width = np.diff(last.edges)
                density = last.counts / np.maximum(1, last.counts.sum()) / width
                label = f"{name} {type(self._layers[name]).__name__}"
                left.stairs(density, last.edges, color=colour, label=label)
                mean, std = (np.array([getattr(d, k) for d in seen]) for k in ("mean", "std"))
                right.plot(self.epochs, mean, color=colour)
                right.fill_between(self.epochs, mean - std, mean + std, color=colour, alpha=0.2)
                high = [d.percentiles[98] for d in seen]
                right.plot(self.epochs, high, color=colour, linestyle="", marker=".")
            left.set(title=f"{title} after epoch {self.epochs[-1]}", ylabel="density")
            left.set_yscale("log")
            left.legend(fontsize="small")
            right.set(xlabel="epoch", title=f"{title}: mean, standard deviation, 98th percentile")
            right.grid(alpha=0.3)
        if path is not None:
            figure.savefig(path, dpi=150)
        return figure


def _with(distribution: Distribution, **values) -> Distribution:
    return Distribution(**(vars(distribution) | values))


def _limits(layer: Layer) -> tuple[float, float] | None:
    """The range of a layer's activation, where it has one that is bounded."""
    name, params = getattr(layer, "activation", None), {}
    if isinstance(layer, Activation):
        name, params = layer.name, layer.config()
    if not isinstance(name, str):
        return None
    function = getattr(functional, name)
    low, high = function(np.array([-np.inf, np.inf]), **params).tolist()
    return (low, high) if np.isfinite([low, high]).all() and low < high else None


def _saturated(values: np.ndarray, layer: Layer) -> float | None:
    if (limits := _limits(layer)) is None:
        return None
    low, high = limits
    margin = _OUTER * (high - low)
    return float(((values < low + margin) | (values > high - margin)).mean())


def _dead(values: np.ndarray) -> int:
    unit = 1 if values.ndim == 4 else values.ndim - 1
    others = tuple(axis for axis in range(values.ndim) if axis != unit)
    return int((values == 0).all(axis=others).sum())
