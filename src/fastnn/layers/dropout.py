"""Dropout."""

from fastnn._settings import DECAY, number
from fastnn.graph import Call, Node
from fastnn.layers.base import Layer


class Dropout(Layer):
    """Set each element to zero with probability `p` in training, and scale the others by
    ``1 / (1 - p)``, so that prediction needs no change (Srivastava et al. 2014).

    The noise is a function of the seed, the step and the element's place, so it is the same on
    any number of threads.

    Parameters
    ----------
    p : float
        In [0, 1).

    Notes
    -----
    PyTorch allows ``p = 1`` as well.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> x = np.ones((2, 3), np.float32)
    >>> bool((fastnn.Dropout(0.5).forward(x) == x).all())
    True
    >>> sorted(set(fastnn.Dropout(0.5).forward(np.ones((2, 99), np.float32), training=True).flat))
    [np.float32(0.0), np.float32(2.0)]
    """

    keeps_shape = True

    def __init__(self, p: float = 0.5):
        self.p = number("p", p, DECAY)

    def lower(self, graph, x):
        if not graph.training or self.p == 0:
            return x
        return graph.add(DropoutNode(x, self.p), x.shape)

    def config(self):
        return {"p": self.p}

    def __repr__(self):
        return f"Dropout({self.p:g})"


class NoiseNode(Node):
    """What multiplies by noise, a function of the element's place: backward makes the same noise
    again instead of keeping it."""

    alters = False

    def settle(self, graph):
        self.number = graph.noise_layers
        graph.noise_layers += 1

    def apply(self, graph, source, target) -> list[Call]:
        """`source`, the input or the gradient, times what the noise makes of it."""
        raise NotImplementedError

    def forward(self, graph):
        return self.apply(graph, self.x.data, self.y.data)

    def backward(self, graph):
        if self.x.grad is None:
            return []
        return self.apply(graph, self.y.grad, self.x.grad)


class DropoutNode(NoiseNode):
    """Zeros, and the others scaled."""

    def __init__(self, x, p: float):
        super().__init__(x)
        self.p = p

    def apply(self, graph, source, target):
        dims = (self.y.width, self.number)
        return [Call("dropout", (graph.leaf("dropout.apply"),), (source, target), dims, (self.p,))]
