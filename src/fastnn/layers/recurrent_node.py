"""One layer of a recurrent net in a graph: its calls, and the states that go in and out."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fastnn import _engine
from fastnn.graph import Buffer, Call, Graph, Node
from fastnn.layers.linear import (
    affine_call,
    bias_gradient_calls,
    input_gradient_calls,
    product_scratch,
    weight_gradient_calls,
)
from fastnn.parameter import aligned_zeros


class Cell(NamedTuple):
    """What the nodes need to know of a cell; the rest is in its kernels."""

    name: str  # of the kernels
    gates: int
    kept: int  # times hidden_size: what backward needs besides the gates
    states: int  # h, or h and c
    inner: bool = False  # whether a gate sees W_hh h not just as a part of a sum
    opened: int | None = None  # the gate that begins open, with a bias of 1


@dataclass(eq=False)
class States:
    """The states of all layers: for h, and c where there is one, a buffer for each layer and
    direction."""

    initial: list[list[Buffer]]
    final: list[list[Buffer]]
    gradient: list[list[Buffer]] | None = None  # with respect to the initial ones
    lengths: Buffer | None = None

    @classmethod
    def given(cls, graph: Graph, cell: Cell, layers: int, units: int) -> "States":
        """States that Python gives and takes, and lengths likewise."""
        made = [
            [[Buffer((units,), graph.dtype) for _ in range(layers)] for _ in range(cell.states)]
            for _ in range(3)
        ]
        states = cls(*made, lengths=Buffer((), np.int64))
        graph.pinned += [b for part in made for layer in part for b in layer] + [states.lengths]
        return states

    @classmethod
    def carried(cls, graph: Graph, cell: Cell, layers: int, units: int) -> "States":
        """States that go on from batch to batch: the final ones are the next initial ones."""
        made = [[Buffer((units,), graph.dtype) for _ in range(layers)] for _ in range(cell.states)]
        buffers = [b for layer in made for b in layer]
        graph.pinned += buffers
        graph.carried += buffers
        return cls(made, made)

    def of_layer(self, layer: int, directions: int) -> "LayerStates":
        return LayerStates(self, layer * directions)

    @staticmethod
    def read(buffers: list[list[Buffer]], rows: int) -> tuple[np.ndarray, ...]:
        """Copies for as many rows, (layers and directions, rows, units) each."""
        return tuple(np.stack([b.array[:rows] for b in layer]) for layer in buffers)


class LayerStates(NamedTuple):
    """Those of one layer, which begin with number `first`."""

    all: States
    first: int

    def of_direction(self, buffers: list[list[Buffer]] | None, direction: int) -> tuple:
        """h and c; None for what there isn't."""
        if buffers is None:
            return (None, None)
        found = [part[self.first + direction] for part in buffers]
        return (*found, None)[:2]


class RecurrentNode(Node):
    """One layer, in one direction or both, whose outputs then stand side by side.

    Parameters
    ----------
    inputs : list of Value
        The same value for each direction, forked.
    cell : Cell
    weights : list of (weight_ih, weight_hh, bias_ih, bias_hh)
        For each direction.
    whole : bool
        Whether y has the outputs of all steps, or of the last.
    states : LayerStates, optional
    """

    alters = False

    def __init__(self, inputs, cell: Cell, weights, *, whole: bool, states: LayerStates | None):
        super().__init__(inputs[0])
        self._inputs = tuple(inputs)
        self.cell, self.weights, self.whole, self.states = cell, weights, whole, states
        self.learns = any(p is not None and p.requires_grad for part in weights for p in part)
        self.steps, self.units = inputs[0].shape[0], weights[0][1].shape[1]

    @property
    def inputs(self):
        return self._inputs

    def settle(self, graph):
        steps, n, gates = self.steps, self.units, self.cell.gates * self.units
        size = graph.dtype.itemsize
        states = _engine.RECURRENT_ROWS * (gates + 2 * n) + self.cell.kept * n
        graph.scratch = max(
            graph.scratch,
            _engine.PRODUCT_BYTES + states * size,
            *(product_scratch(graph, w) for weights in self.weights for w in weights[:2]),
        )
        # Of each direction.
        self.gates = [Buffer((steps, gates), graph.dtype) for _ in self.inputs]
        self.transposed = [aligned_zeros(n * gates, graph.dtype) for _ in self.inputs]
        self.no_bias = aligned_zeros(gates, graph.dtype)
        self.before = self.kept = self.inner = [None] * len(self.inputs)
        if graph.differentiable:
            self.before = [Buffer((steps, n), graph.dtype) for _ in self.inputs]
            if self.cell.kept:
                kept = (steps, self.cell.kept * n)
                self.kept = [Buffer(kept, graph.dtype) for _ in self.inputs]
            if self.cell.inner:
                self.inner = [Buffer((steps, gates), graph.dtype) for _ in self.inputs]

    def _dims(self, direction: int) -> tuple:
        n = self.units
        return (
            self.steps,
            n,
            self.cell.gates * n,
            self.cell.kept * n,
            direction,
            int(self.whole),
            self.y.shape[-1],
            direction * n,
        )

    def forward(self, graph):
        calls = []
        for d, (x, weights) in enumerate(zip(self.inputs, self.weights, strict=True)):
            weight_ih, weight_hh, bias_ih, bias_hh = weights
            calls += [
                affine_call(graph, x.data, weight_ih, bias_ih, self.gates[d], self.steps),
                Call(
                    "transpose",
                    (graph.leaf("transpose"),),
                    (weight_hh.data, self.transposed[d]),
                    weight_hh.shape,
                ),
                Call(
                    "recurrent_forward",
                    (graph.leaf(f"cell.{self.cell.name}.forward"), graph.leaf("product")),
                    (
                        self.gates[d],
                        self.transposed[d],
                        self.no_bias if bias_hh is None else bias_hh.data,
                        self.y.data,
                        self.before[d],
                        self.kept[d],
                        x.lengths,
                        *self._states("initial", d),
                        *self._states("final", d),
                    ),
                    self._dims(d),
                ),
            ]
        return calls

    def backward(self, graph):
        if self.y.grad is None:
            return []
        calls = []
        for d, (x, weights) in enumerate(zip(self.inputs, self.weights, strict=True)):
            weight_ih, weight_hh, bias_ih, bias_hh = weights
            outer, inner = self.gates[d], self.inner[d] or self.gates[d]
            calls.append(
                Call(
                    "recurrent_backward",
                    (
                        graph.leaf(f"cell.{self.cell.name}.backward"),
                        graph.leaf("product"),
                        graph.leaf("bias.add"),
                    ),
                    (
                        outer,
                        weight_hh.data,
                        self.inner[d],
                        self.y.grad,
                        self.before[d],
                        self.kept[d],
                        x.lengths,
                        *self._states("gradient", d),
                    ),
                    self._dims(d),
                )
            )
            calls += input_gradient_calls(graph, weight_ih, outer, x, self.steps)
            calls += weight_gradient_calls(graph, weight_ih, x.data, outer, self.steps)
            calls += weight_gradient_calls(graph, weight_hh, self.before[d], inner, self.steps)
            calls += bias_gradient_calls(graph, bias_ih, outer, self.steps)
            calls += bias_gradient_calls(graph, bias_hh, inner, self.steps)
        return calls

    def _states(self, which: str, direction: int) -> tuple:
        if self.states is None:
            return (None, None)
        return self.states.of_direction(getattr(self.states.all, which), direction)
