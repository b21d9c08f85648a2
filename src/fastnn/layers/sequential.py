"""Layers one after the other."""

import math

import numpy as np

from fastnn.layers.base import Layer, occurs_twice


class Sequential(Layer):
    """Layers one after the other, as ``torch.nn.Sequential``.

    Parameters
    ----------
    *layers : Layer
        At least one.
    seed : int
        Of the initial values. The same seed gives the same net.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> model = fastnn.Sequential(fastnn.Linear(4, 8), fastnn.ReLU(), fastnn.Linear(8, 3))
    >>> model.predict(np.zeros((5, 4), np.float32)).shape
    (5, 3)
    >>> list(model.state_dict())
    ['0.weight', '0.bias', '2.weight', '2.bias']
    """

    def __init__(self, *layers: Layer, seed: int = 0):
        if not layers:
            raise ValueError("layers: expected at least one, got none")
        for i, layer in enumerate(layers):
            if not isinstance(layer, Layer):
                raise TypeError(f"layers[{i}]: expected a Layer, got {type(layer).__name__}")
        if occurs_twice(layers):
            raise ValueError("layers: expected each layer once, got one twice")
        self.layers = layers
        for i, layer in enumerate(layers):
            if layer.acts_as is not None:
                any(before.suit(layer.acts_as) for before in reversed(layers[:i]))
        # Each parameter has a stream of its own; a container around this one gives new ones,
        # as long as nothing is drawn.
        for i, p in enumerate(self.parameters()):
            p.rng = np.random.default_rng([seed, i])

    def children(self):
        return {str(i): layer for i, layer in enumerate(self.layers)}

    def output_shape(self, shape):
        for layer in self.layers:
            shape = layer.output_shape(shape)
        return tuple(shape)

    def lower(self, graph, x):
        for layer in self.layers:
            x = graph.lower(layer, x)
        return x

    def input_shape(self):
        for layer in self.layers:
            shape = layer.input_shape()
            if shape is not None or not layer.keeps_shape:
                return shape
        return None

    @property
    def input_dtype(self):
        # A layer without parameters takes what the others do.
        first = self.layers[0].input_dtype
        return first if first == np.int64 else self.dtype

    def check_input(self, x):
        self.layers[0].check_input(x)

    def suit(self, activation):
        return any(layer.suit(activation) for layer in reversed(self.layers))

    def summary(self, shape: tuple | None = None) -> str:
        """A table of the layers, their output shapes and numbers of parameters.

        Parameters
        ----------
        shape : tuple of int, optional
            Of one input sample; needed where the first layer does not tell it.

        Examples
        --------
        >>> import fastnn
        >>> print(fastnn.Sequential(fastnn.Linear(4, 3), fastnn.Tanh()).summary())
        layer           output  parameters
        0 Linear(4, 3)    (3,)          15
        1 Tanh()          (3,)           0
        total                           15
        """
        shape = shape if shape is not None else self.input_shape()
        rows = [("layer", "output", "parameters")]
        for i, layer in enumerate(self.layers):
            if shape is not None:
                shape = layer.output_shape(tuple(shape))
            count = sum(p.size for p in layer.parameters())
            rows.append((f"{i} {layer!r}", str(shape) if shape is not None else "?", f"{count:,}"))
        rows.append(("total", "", f"{sum(math.prod(p.shape) for p in self.parameters()):,}"))
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        return "\n".join(
            f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}" for a, b, c in rows
        )

    def __len__(self):
        return len(self.layers)

    def __getitem__(self, i) -> Layer:
        """A layer, or for a slice a `Sequential` of the same layers, weights and all."""
        if not isinstance(i, slice):
            return self.layers[i]
        if not self.layers[i]:
            raise ValueError(f"layers: expected at least one of {len(self)}, got none")
        part = Sequential.__new__(Sequential)  # initial values are chosen already
        part.layers = self.layers[i]
        return part

    def __iter__(self):
        return iter(self.layers)

    def __repr__(self):
        return "Sequential(" + ", ".join(map(repr, self.layers)) + ")"
