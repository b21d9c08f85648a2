"""A network of the book's as a model of fastnn, and its descent as one program."""

from itertools import pairwise

import numpy as np

from fastnn import functional
from fastnn.compat.nielsen._samples import is_real
from fastnn.layers import Linear, Sequential
from fastnn.losses import BCEWithLogitsLoss, Loss, MSELoss
from fastnn.optim import SGD
from fastnn.program import Program

# Seconds after which a running program looks for Ctrl-C.
_BUDGET = 0.05
# Rows that are converted and predicted at a time.
_ROWS = 512


def is_layered(weights, biases) -> bool:
    """Whether these are the real matrices and columns of a chain of layers."""
    if len(weights) == 0 or len(weights) != len(biases):
        return False
    widths = [np.shape(w)[::-1] for w in weights]
    return (
        all(isinstance(p, np.ndarray) and is_real(p) for p in (*weights, *biases))
        and all(len(width) == 2 and 0 not in width for width in widths)
        and all(a[1] == b[0] for a, b in pairwise(widths))
        and all(b.shape == (width[1], 1) for b, width in zip(biases, widths, strict=True))
    )


class Compiled:
    """Sigmoid layers of float64.

    Parameters
    ----------
    shapes : list of (out, in)
        Of the weights.
    logits : bool
        Whether the last layer leaves the sigmoid to the loss.
    """

    def __init__(self, shapes, logits: bool = False):
        self.shapes, self.logits = shapes, logits
        activations = ["sigmoid"] * (len(shapes) - logits) + [None] * logits
        self.layers = [
            Linear(inputs, outputs, activation=activation, init="zeros", dtype=np.float64)
            for (outputs, inputs), activation in zip(shapes, activations, strict=True)
        ]
        self.model = Sequential(*self.layers)

    def put(self, weights, biases) -> None:
        """Take over the values of a network."""
        for layer, w, b in zip(self.layers, weights, biases, strict=True):
            layer.weight.set(w)
            layer.bias.set(b[:, 0])

    def take(self) -> tuple[list, list]:
        """Weights and biases, as the book has them: new arrays."""
        return (
            [layer.weight.data.copy() for layer in self.layers],
            [layer.bias.data[:, None].copy() for layer in self.layers],
        )

    def outputs(self, x: np.ndarray) -> np.ndarray:
        """The activations of the last layer, a row for each row of `x`."""
        y = np.empty((len(x), self.shapes[-1][0]))
        for first in range(0, len(x), _ROWS):
            rows = x[first : first + _ROWS].astype(np.float64, copy=False)
            y[first : first + _ROWS] = self.model.predict(rows)
        return functional.sigmoid(y, out=y) if self.logits else y


class Descent(Compiled):
    """Gradient descent on all samples, compiled.

    Parameters
    ----------
    shapes : list of (out, in)
        Of the weights.
    cost : str
        "quadratic", ``sum (a - y)^2 / 2`` of a sample, or "cross-entropy", the sum over its
        outputs; of a batch the mean over samples.
    x, y : array
        Rows.
    numbers : array
        Of the samples' rows.
    batch_size : int
    decay : float
        The book's ``lmbda / n``: weights are multiplied by ``1 - eta * decay`` in each step.
    """

    def __init__(self, shapes, cost: str, x, y, numbers, batch_size: int, decay: float):
        super().__init__(shapes, logits=cost == "cross-entropy")
        self.cost, self.x, self.y, self.numbers = cost, x, y, numbers
        self.batch_size = min(batch_size, len(numbers))
        loss = _loss(cost, shapes[-1][0])
        # Decay is part of the update; as a penalty it would take a pass of its own.
        spared = [{"params": "*.bias", "weight_decay": 0.0}]
        optimizer = SGD(1.0, weight_decay=decay, groups=spared if decay else ())
        self.program = Program(
            self.model, loss, optimizer, shape=x.shape[1:], target=y, weighted=False,
            batch_size=self.batch_size,
        )  # fmt: skip

    def epoch(self, order: np.ndarray, eta: float) -> None:
        """Once through the samples in this order."""
        total, order = len(order), self.numbers[order]
        steps = -(-total // self.batch_size)
        rates, losses = np.full(steps, eta, np.float64), np.empty(steps)
        done = 0
        self.program.bind(self.x, self.y)
        try:
            while done < steps:
                done += self.program.steps(
                    total, self.batch_size, done * self.batch_size, order, rates[done:], losses,
                    _BUDGET,
                )[0]  # fmt: skip
        finally:
            self.program.release()


def _loss(cost: str, outputs: int) -> Loss:
    # fastnn's are means over outputs, and of squares without the half.
    loss, factor = MSELoss(), outputs / 2
    if cost == "cross-entropy":
        loss, factor = BCEWithLogitsLoss(), float(outputs)
    loss.factors = (factor, factor)
    return loss
