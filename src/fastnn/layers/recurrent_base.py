"""What recurrent layers have in common. The engine's part is engine/recurrent.pxi, the cells'
equations stand in kernels/recurrent.pxi."""

import math
from functools import cached_property, partial

import numpy as np

from fastnn import init as initializers
from fastnn._settings import DECAY, check_dtype, count, flag, number
from fastnn.layers.base import Layer
from fastnn.layers.dropout import DropoutNode
from fastnn.layers.recurrent_node import Cell, RecurrentNode, States
from fastnn.parameter import Parameter
from fastnn.passes import LayerPass

OUTPUTS = ("sequence", "last")


class Recurrent(Layer):
    """What RNN, LSTM and GRU have in common. Not a layer by itself."""

    def __init__(
        self, cell: Cell, input_size, hidden_size, num_layers, *, bias, dropout, bidirectional,
        output, stateful, dtype,
    ):  # fmt: skip
        self.cell = cell
        self.input_size = count("input_size", input_size)
        self.hidden_size = count("hidden_size", hidden_size)
        self.num_layers = count("num_layers", num_layers)
        self.bias = bool(flag("bias", bias))
        self.dropout = number("dropout", dropout, DECAY)
        self.bidirectional = bool(flag("bidirectional", bidirectional))
        if output not in OUTPUTS:
            raise ValueError(f"output: expected one of {', '.join(OUTPUTS)}, got {output!r}")
        self.output = output
        self._stateful = bool(flag("stateful", stateful))
        if stateful and bidirectional:
            raise ValueError("stateful: expected False with bidirectional, which needs all steps")
        self._dtype = check_dtype(dtype)
        self._state: tuple[np.ndarray, ...] | None = None
        for layer in range(self.num_layers):
            width = self.hidden_size * self.directions if layer else self.input_size
            for suffix in self._suffixes(layer):
                self._add_parameters(suffix, width)

    def _add_parameters(self, suffix: str, width: int) -> None:
        n, gates = self.hidden_size, self.cell.gates * self.hidden_size
        weights = partial(initializers.uniform, limit=1 / math.sqrt(n))
        made = {
            "weight_ih": Parameter((gates, width), weights, self._dtype),
            "weight_hh": Parameter((gates, n), weights, self._dtype),
        }
        if self.bias:
            opened = partial(_open_gate, gate=self.cell.opened, units=n)
            made["bias_ih"] = Parameter((gates,), opened, self._dtype, decay=False)
            made["bias_hh"] = Parameter((gates,), initializers.zeros, self._dtype, decay=False)
        for name, parameter in made.items():
            setattr(self, name + suffix, parameter)

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"][: self.directions]

    @property
    def directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def stateful(self):
        return self._stateful

    def input_shape(self):
        return None  # the number of steps is anybody's

    def output_shape(self, shape):
        if len(shape) != 2 or shape[1] != self.input_size or shape[0] < 1:
            raise ValueError(
                f"{type(self).__name__}: expected samples of shape (T, {self.input_size}), "
                f"got {shape}"
            )
        return self._shape(shape[0], self.output == "sequence")

    def _shape(self, steps: int, whole: bool) -> tuple:
        width = self.hidden_size * self.directions
        return (steps, width) if whole else (width,)

    def lower(self, graph, x):
        return self._lower(graph, x, None)

    def _lower(self, graph, x, states: States | None):
        self.output_shape(x.shape)
        steps = x.shape[0]
        if states is None and self._stateful and graph.carries:
            states = States.carried(graph, self.cell, self.num_layers, self.hidden_size)
        for layer in range(self.num_layers):
            if layer and self.dropout and graph.training:
                x = graph.add(DropoutNode(x, self.dropout), x.shape)
            inputs = graph.fork(x, 2) if self.bidirectional else [x]
            whole = layer < self.num_layers - 1 or self.output == "sequence"
            node = RecurrentNode(
                inputs,
                self.cell,
                [self._weights(suffix) for suffix in self._suffixes(layer)],
                whole=whole,
                states=states and states.of_layer(layer, self.directions),
            )
            x = graph.add(node, self._shape(steps, whole))
        return x

    def _weights(self, suffix: str) -> tuple:
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return tuple(getattr(self, name + suffix, None) for name in names)

    # -- running by itself ------------------------------------------------------------------

    @cached_property
    def _alone(self) -> "_Alone":
        return _Alone(self)

    def forward(self, x, *, training=False, lengths=None, state=None):
        """Run the layer on a batch, keeping what `backward` needs.

        Parameters
        ----------
        x : array of shape (N, T, input_size), of the layer's dtype
        training : bool
            Whether dropout drops.
        lengths : array of shape (N,), integers in [0, T], optional
            How many steps of each sequence count; see the class.
        state : array, or pair of arrays (LSTM), of shape (L, N, hidden_size), optional
            The state to begin with, by default zeros, or where the layer is stateful that of
            the forward before. L is num_layers, times 2 where bidirectional, in PyTorch's order.

        Returns
        -------
        array of shape (N, T, width) or (N, width)
            See `output`; width is hidden_size, times 2 where bidirectional.

        Raises
        ------
        TypeError, ValueError
            If shapes or types differ from these. Nothing is changed then.
        """
        run = LayerPass.of(self._alone, x, training=training)
        x = run.check(x)
        lengths = _check_lengths(lengths, *x.shape[:2])
        state = self._check_state(state, len(x))
        states: States = run.y.producer.states.all
        states.lengths.array[: len(x)] = lengths
        for buffers, values in zip(states.initial, state, strict=True):
            for buffer, value in zip(buffers, values, strict=True):
                buffer.array[: len(x)] = value
        y = run.forward(x)
        self._last, self._state = run, states.read(states.final, len(x))
        return y

    def _check_state(self, state, rows: int) -> tuple:
        shape = (self.num_layers * self.directions, rows, self.hidden_size)
        if state is None and self._stateful and self._state is not None:
            if self._state[0].shape != shape:
                raise ValueError(
                    f"x: expected {self._state[0].shape[1]} rows, as in the batch whose state the "
                    f"layer carries, got {rows}; call reset_state() between unlike batches"
                )
            return self._state
        if state is None:
            return (np.zeros(shape, self._dtype),) * self.cell.states
        parts = state if isinstance(state, tuple | list) else (state,)
        if len(parts) != self.cell.states:
            raise ValueError(f"state: expected {self.cell.states} arrays, got {len(parts)}")
        for i, part in enumerate(parts):
            name = f"state[{i}]" if len(parts) > 1 else "state"
            if not isinstance(part, np.ndarray):
                raise TypeError(f"{name}: expected a NumPy array, got {type(part).__name__}")
            if part.shape != shape:
                raise ValueError(f"{name}: expected shape {shape}, got {part.shape}")
            if part.dtype != self._dtype:
                raise TypeError(f"{name}: expected {self._dtype}, got {part.dtype}")
        return tuple(parts)

    @property
    def state(self):
        """The state after the last `forward`: an array (L, N, hidden_size), for an LSTM a pair of
        them, h and c. None before the first."""
        return self._state if self._state is None or len(self._state) > 1 else self._state[0]

    @property
    def state_grad(self):
        """The gradient with respect to the state that the last `forward` began with, as the last
        `backward` found it; in the form of `state`."""
        if self._last is None:
            raise RuntimeError("state_grad: expected a forward and a backward before it")
        states: States = self._last.y.producer.states.all
        parts = states.read(states.gradient, self._last.rows)
        return parts if len(parts) > 1 else parts[0]

    def reset_state(self):
        self._state = None

    # -- files ------------------------------------------------------------------------------

    def config(self):
        return {
            "input_size": self.input_size,
            "hidden_size": self.hidden_size,
            "num_layers": self.num_layers,
            "bias": self.bias,
            "dropout": self.dropout,
            "bidirectional": self.bidirectional,
            "output": self.output,
            "stateful": self._stateful,
            "dtype": str(self._dtype),
        }

    def __repr__(self):
        tail = f", num_layers={self.num_layers}" if self.num_layers > 1 else ""
        tail += "" if self.bias else ", bias=False"
        tail += f", dropout={self.dropout:g}" if self.dropout else ""
        tail += ", bidirectional=True" if self.bidirectional else ""
        tail += f", output={self.output!r}" if self.output != "sequence" else ""
        tail += ", stateful=True" if self._stateful else ""
        return f"{type(self).__name__}({self.input_size}, {self.hidden_size}{tail})"


class _Alone:
    """A recurrent layer that is run by itself: lengths and states go in and out from Python."""

    def __init__(self, layer: Recurrent):
        self.layer = layer
        self._passes: dict = {}
        self.parameters = layer.parameters
        self.dtype = self.input_dtype = layer.dtype

    def check_input(self, x):
        pass

    def lower(self, graph, x):
        layer = self.layer
        states = States.given(
            graph, layer.cell, layer.num_layers * layer.directions, layer.hidden_size
        )
        x.lengths = states.lengths
        return layer._lower(graph, x, states)


def _check_lengths(lengths, rows: int, steps: int):
    if lengths is None:
        return steps
    if not isinstance(lengths, np.ndarray):
        raise TypeError(f"lengths: expected a NumPy array, got {type(lengths).__name__}")
    if lengths.dtype.kind not in "iu":
        raise TypeError(f"lengths: expected integers, got {lengths.dtype}")
    if lengths.shape != (rows,):
        raise ValueError(f"lengths: expected shape ({rows},), got {lengths.shape}")
    if rows and not (lengths.min() >= 0 and lengths.max() <= steps):
        raise ValueError(
            f"lengths: expected 0 to {steps} steps, got {lengths.min()} to {lengths.max()}"
        )
    return lengths


def _open_gate(shape, rng, dtype, *, gate: int | None, units: int):
    """Zeros, but ones for one gate."""
    values = np.zeros(shape, dtype)
    if gate is not None:
        values[gate * units : (gate + 1) * units] = 1
    return values
