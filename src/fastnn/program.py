"""From a model, a loss and an optimizer to one compiled program.

A program is bound to data and then runs: whole steps of training, or batches of evaluation. It
holds the addresses of the model's parameters, so it is compiled again when they have moved.
"""

import numpy as np

from fastnn.graph import Buffer, Graph, compile_calls, keep_gradient
from fastnn.losses import Loss, sample_weights
from fastnn.optim import Optimizer
from fastnn.parameter import FlatParameters
from fastnn.passes import bind, check_batch


class Program:
    """Forward, loss, and with an optimizer backward and updates, for batches of one shape.

    Parameters
    ----------
    model : Layer
    loss : Loss
    optimizer : Optimizer or None
        None: evaluation only.
    shape : tuple of int
        Of an input sample.
    target : array
        Prepared by the loss; its dtype and sample shape count.
    weighted : bool
        Whether samples have weights.
    batch_size : int
        The most rows of a batch.
    seed : int
        Of the noise of dropout.
    """

    def __init__(
        self,
        model,
        loss: Loss,
        optimizer: Optimizer | None,
        *,
        shape: tuple,
        target: np.ndarray,
        weighted: bool,
        batch_size: int,
        seed: int = 0,
    ):
        self.model, self.loss, self.optimizer = model, loss, optimizer
        self.flat = FlatParameters.of(model)
        self.key = (tuple(shape), target.dtype, target.shape[1:], weighted, batch_size)
        self.learned = [p.requires_grad for p in self.flat.parameters]
        dtype = self.dtype = model.dtype
        training = optimizer is not None
        update = keep_gradient
        prologue, penalties, late = [], [], []
        if training:
            optimizer.bind(self.flat)
            penalties = optimizer.penalty_calls()
            if optimizer.fuses:
                update, prologue = optimizer.fields, optimizer.prepare_calls()
                late = optimizer.limit_calls()
            else:
                late = optimizer.late_calls()
        self.input_dtype = model.input_dtype
        graph = Graph(
            shape, dtype, training=training, backward=training, update=update,
            input_dtype=self.input_dtype, carries=True,
        )  # fmt: skip
        pred = model.lower(graph, graph.input)
        graph.settle(None if training else pred)
        # A view of the input as output, say, has nothing to learn.
        if training and (pred.grad is None or not any(self.learned)):
            raise ValueError("model: expected parameters to train, found none")
        self.output = pred
        self.target = Buffer(target.shape[1:], target.dtype)
        self.weight = Buffer(loss.samples_shape(pred.shape), dtype) if weighted else None
        segments = (
            prologue + graph.forward_calls(),
            loss.lower(graph, pred, self.target, self.weight, batch_size) + penalties,
            graph.backward_calls() if training else [],
            late,
        )
        feeds = (graph.input.data, self.target, self.weight)
        keep = () if training else (pred.data,)
        self._engine = compile_calls(graph, batch_size, segments, feeds, keep=keep, seed=seed)
        self._gathers_in_place = graph.gathers_in_place
        self._check_rows = graph.check_rows
        self._carried = graph.carried

    def fits(self, loss, optimizer, *, shape, target, weighted, batch_size) -> bool:
        """Whether the program is of this loss and optimizer and can go on with data of this
        kind, and parameters and state are where it knows them."""
        key = (tuple(shape), target.dtype, target.shape[1:], weighted, batch_size)
        return (
            key == self.key
            and loss is self.loss
            and optimizer is self.optimizer
            and (optimizer is None or optimizer.serves(self.flat))
            and self.flat.holds(self.model.parameters())
            and self.learned == [p.requires_grad for p in self.flat.parameters]
        )

    def bind(self, x: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None) -> None:
        """Take batches from these arrays. `x` is read where it lies."""
        bind(self._engine, 0, x, self.input_dtype, in_place=self._gathers_in_place)
        bind(self._engine, 1, target, self.target.dtype, in_place=self.loss.compiled)
        bind(self._engine, 2, weight, self.dtype, in_place=self.loss.compiled)

    def release(self) -> None:
        """Let go of the arrays."""
        for part in range(3):
            bind(self._engine, part, None, self.dtype, in_place=False)

    def check_rows(self, total: int, batch_size: int) -> None:
        """Raise ValueError where the last of the batches, the shortest, has too few samples."""
        self._check_rows(total % batch_size or batch_size)

    def reset_state(self) -> None:
        """Forget what goes on from batch to batch."""
        for buffer in self._carried:
            buffer.array[...] = 0

    def steps(self, total, batch_size, first, order, lr, losses, budget):
        """Train for some steps; see the engine's `Program.steps`. The optimizer counts them."""
        done, loss, weight = self._engine.steps(
            total, batch_size, first, order, lr, losses, self.optimizer.steps, budget
        )
        self.optimizer.steps += done
        return done, loss, weight

    def evaluate(self, first: int, rows: int) -> tuple[np.ndarray, float, float]:
        """Outputs (valid until the next call), loss and sum of weights of one batch."""
        self._engine.forward(first, rows)
        loss, weight = self._engine.loss()
        return self.output.rows(rows), loss, weight


def prepare_data(model, loss: Loss, x, y, sample_weight=None) -> tuple:
    """Check a data set against a model and a loss before anything is touched.

    Returns
    -------
    (array, array, array or None)
        Inputs, targets and weights as programs take them.
    """
    x = check_batch(x, None, model.input_dtype)
    model.check_input(x)
    shape = model.output_shape(x.shape[1:])
    target = loss.prepare(y, shape, model.dtype)
    if len(target) != len(x):
        raise ValueError(f"y: expected {len(x)} targets, one for each row of x, got {len(target)}")
    if isinstance(sample_weight, np.ndarray) and sample_weight.dtype.kind in "iuf":
        # Weights are few and often made in another type: no reason to be strict.
        sample_weight = sample_weight.astype(model.dtype)
    return x, target, sample_weights(loss, sample_weight, len(x), shape, model.dtype)
