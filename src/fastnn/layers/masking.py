"""How many steps of a sequence count."""

import math

import numpy as np

from fastnn._settings import FINITE, number
from fastnn.graph import Buffer, Call, Graph, Value, View
from fastnn.layers.base import Layer


class Masking(Layer):
    """Tell the recurrent layers that follow where each sequence ends: after the last step that
    has a feature other than `value`. Samples of shape (T, ...) pass unchanged.

    What a length means to a layer is told in `fastnn.LSTM`. Layers in between (`Linear`,
    activations, `Dropout`) keep it as long as they keep the steps.

    Parameters
    ----------
    value : float
        What shorter sequences were filled up with.

    Raises
    ------
    TypeError, ValueError
        If `value` isn't a finite number; on use, if samples have fewer than two axes.

    Notes
    -----
    As ``keras.layers.Masking`` where padding comes last, as it should: Keras skips such steps
    inside a sequence too, here they count. PyTorch has
    ``torch.nn.utils.rnn.pack_padded_sequence``, which is given the lengths.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> model = fastnn.Sequential(fastnn.Masking(), fastnn.GRU(1, 4, output="last"))
    >>> x = np.array([[[1], [2], [0]]], np.float32)
    >>> bool((model.forward(x) == model.forward(x[:, :2])).all())
    True
    """

    keeps_shape = True

    def __init__(self, value: float = 0.0):
        self.value = number("value", value, FINITE)

    def output_shape(self, shape):
        if len(shape) < 2 or 0 in shape:
            raise ValueError(f"Masking: expected samples of shape (T, features), got {shape}")
        return shape

    def lower(self, graph, x):
        y = graph.add(StepsNode(x, self.value), self.output_shape(x.shape))
        y.data, y.grad = x.data, x.grad
        y.lengths = y.producer.lengths
        return y

    def config(self):
        return {"value": self.value}

    def __repr__(self):
        return f"Masking({self.value:g})" if self.value else "Masking()"


class StepsNode(View):
    """The same numbers, and how many steps of each sequence there are."""

    def __init__(self, x, padding: float):
        super().__init__(x)
        self.padding = padding
        self.lengths = Buffer((), np.int64)

    def forward(self, graph):
        return [count_steps_call(graph, self.x, self.lengths, self.padding)]


def count_steps_call(graph: Graph, x: Value, lengths: Buffer, padding: float) -> Call:
    """Into `lengths`: the steps of each sequence up to the last that isn't all padding."""
    role = "steps.count_int64" if x.data.dtype == np.int64 else "steps.count"
    dims = (x.shape[0], math.prod(x.shape[1:]), x.data.dtype.itemsize)
    return Call("count_steps", (graph.leaf(role),), (x.data, lengths), dims, (float(padding),))
