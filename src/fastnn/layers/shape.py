"""Layers that only change a sample's shape."""

import math

from fastnn.layers.base import Layer


class Flatten(Layer):
    """Each sample as a vector: ``(N, ...)`` to ``(N, product)``. Costs nothing.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> fastnn.Flatten().forward(np.zeros((2, 28, 28), np.float32)).shape
    (2, 784)
    """

    def output_shape(self, shape):
        return (math.prod(shape),)

    def lower(self, graph, x):
        return graph.view(x, self.output_shape(x.shape))

    def __repr__(self):
        return "Flatten()"
