"""Activations that are more than a map: PReLU, RReLU, maxout, the gated linear unit."""

import functools
import math

import numpy as np

from fastnn import init as initializers
from fastnn._settings import FINITE, NONNEGATIVE, check_dtype, count, flag, number
from fastnn.graph import Buffer, Call, Node
from fastnn.layers.activations import PointwiseNode
from fastnn.layers.base import Layer
from fastnn.layers.dropout import NoiseNode
from fastnn.layers.linear import AffineNode, Linear
from fastnn.parameter import Parameter


class PReLU(Layer):
    """``y = x if x > 0 else weight * x``, a leaky ReLU whose slope is learned (He et al. 2015).

    Parameters
    ----------
    num_parameters : int
        1, or a slope for each channel, axis 0 of a sample.
    init : float
        Where slopes begin.
    dtype : dtype
        float32 or float64.

    Attributes
    ----------
    weight : Parameter of shape (num_parameters,)
        Penalties (`l1`, `l2`) don't apply to it, as the paper advises; an optimizer's
        `weight_decay` does, as in PyTorch, unless a group says otherwise.

    Notes
    -----
    Shapes and keys are those of ``torch.nn.PReLU``.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> fastnn.PReLU().forward(np.array([[-1, 2]], np.float32))
    array([[-0.25,  2.  ]], dtype=float32)
    """

    keeps_shape = True
    acts_as = "leaky_relu"

    def __init__(self, num_parameters=1, init=0.25, dtype=np.float32):
        self.num_parameters = count("num_parameters", num_parameters)
        self._init = number("init", init, FINITE)
        self.weight = Parameter(
            (self.num_parameters,),
            functools.partial(initializers.constant, value=self._init),
            check_dtype(dtype),
            decay=False,
        )

    def suit(self, activation):
        return True

    def output_shape(self, shape):
        if self.num_parameters > 1 and shape[:1] != (self.num_parameters,):
            raise ValueError(
                f"PReLU: expected samples of shape ({self.num_parameters}, ...), got {shape}"
            )
        return tuple(shape)

    def lower(self, graph, x):
        return graph.add(PReLUNode(x, self.weight), self.output_shape(x.shape))

    def config(self):
        return {
            "num_parameters": self.num_parameters,
            "init": self._init,
            "dtype": str(self.weight.dtype),
        }

    def __repr__(self):
        return f"PReLU({self.num_parameters})"


class PReLUNode(Node):
    """Forward by element; backward leaves terms, whose column sums are the weight's gradient."""

    def __init__(self, x, weight):
        super().__init__(x)
        self.weight = weight
        self.learns = weight.requires_grad
        self.channels = weight.size
        self.inner = math.prod(x.shape) // self.channels

    def forward(self, graph):
        buffers = (self.x.data, self.weight.data, self.y.data)
        dims = (self.channels, self.inner)
        return [Call("prelu_forward", (graph.leaf("prelu.forward"),), buffers, dims)]

    def backward(self, graph):
        if self.y.grad is None:
            return []
        dy = self.y.grad
        dx = dy if self.x.grad is None else self.x.grad
        terms = Buffer((self.channels,), graph.dtype)
        calls = [
            Call(
                "prelu_backward",
                (graph.leaf("prelu.backward"),),
                (dy, self.x.data, self.weight.data, dx, terms),
                (self.channels, self.inner),
            )
        ]
        if self.weight.requires_grad:
            fields = graph.update(self.weight)
            calls.append(
                Call(
                    "bias_backward",
                    (graph.leaf("columns.sum"), None, *fields.leaves),
                    (None, terms, self.weight.grad, *fields.buffers),
                    (0, self.channels, 0, 1),
                    fields.scalars,
                )
            )
        return calls


class RReLU(Layer):
    """``y = x if x > 0 else a x``, of a slope `a` that is drawn anew for each element in training,
    and is the mean of the bounds in prediction (Xu et al. 2015).

    The noise is a function of the seed, the step and the element's place, so it is the same on
    any number of threads.

    Parameters
    ----------
    lower, upper : float
        Of the slope, ``0 <= lower <= upper``.
    reciprocal : bool
        False: the slope is drawn from U(lower, upper) and ``(lower + upper) / 2`` in prediction,
        as in PyTorch. True: ``1 / a`` is drawn from U(1 / upper, 1 / lower), by default U(3, 8),
        and is ``(1 / lower + 1 / upper) / 2`` in prediction, as in the paper; lower > 0.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> fastnn.RReLU(0.25, 0.75).forward(np.array([[-1, 2]], np.float32))
    array([[-0.5,  2. ]], dtype=float32)
    """

    keeps_shape = True
    acts_as = "leaky_relu"

    def __init__(self, lower=1 / 8, upper=1 / 3, reciprocal=False):
        self.bounds = number("lower", lower, NONNEGATIVE), number("upper", upper, NONNEGATIVE)
        self.reciprocal = bool(flag("reciprocal", reciprocal))
        if self.reciprocal and lower == 0:
            raise ValueError("lower: expected a number > 0 with reciprocal, got 0")
        if upper < lower:
            raise ValueError(f"upper: expected at least lower, {lower}, got {upper}")

    def suit(self, activation):
        return True

    def lower(self, graph, x):
        low, high = self.bounds
        if self.reciprocal:
            low, high = 1 / high, 1 / low
        if graph.training and low < high:
            return graph.add(RReLUNode(x, low, high, self.reciprocal), x.shape)
        mean = (low + high) / 2
        slope = 1 / mean if self.reciprocal else mean
        return graph.add(PointwiseNode(x, "leaky_relu", (slope,)), x.shape)

    def config(self):
        return {"lower": self.bounds[0], "upper": self.bounds[1], "reciprocal": self.reciprocal}

    def __repr__(self):
        tail = ", reciprocal=True" if self.reciprocal else ""
        return f"RReLU({self.bounds[0]:g}, {self.bounds[1]:g}{tail})"


class RReLUNode(NoiseNode):
    """Slopes by position."""

    alters = False

    def __init__(self, x, low: float, high: float, reciprocal: bool):
        super().__init__(x)
        self.scalars = (low, high, float(reciprocal))

    def apply(self, graph, source, target):
        buffers, dims = (source, self.x.data, target), (self.y.width, self.number)
        return [Call("rrelu", (graph.leaf("rrelu.apply"),), buffers, dims, self.scalars)]


class Maxout(Linear):
    """Units that are the largest of `pieces` linear functions: ``y_i = max_j (x W^T + b)_ij``
    (Goodfellow et al. 2013).

    Parameters
    ----------
    in_features, out_features : int
        At least 1.
    pieces : int
        How many functions a unit chooses from, at least 1.
    bias : bool
        Whether there is a `b`.
    init : str or callable
        The weights' initialiser (see `fastnn.init`). LeCun's keeps the mean square of signals
        with two pieces; with three it grows 1.3 times a layer, with five 1.8 times.
    dtype : dtype
        float32 or float64.

    Attributes
    ----------
    weight : Parameter of shape (out_features * pieces, in_features)
        The pieces of a unit are neighbours.
    bias : Parameter of shape (out_features * pieces,), or None

    Notes
    -----
    Not in PyTorch, where it is ``Linear(in, out * pieces)``, ``unflatten`` and ``amax``.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> layer = fastnn.Maxout(3, 2, pieces=4)
    >>> layer.forward(np.zeros((5, 3), np.float32)).shape
    (5, 2)
    """

    def __init__(
        self, in_features, out_features, pieces=2, bias=True, *, init="lecun_normal",
        dtype=np.float32,
    ):  # fmt: skip
        self.pieces = count("pieces", pieces)
        self.units = count("out_features", out_features)
        super().__init__(in_features, self.units * self.pieces, bias, init=init, dtype=dtype)

    def output_shape(self, shape):
        return (*super().output_shape(shape)[:-1], self.units)

    def lower(self, graph, x):
        shape = self.output_shape(x.shape)
        z = graph.add(
            AffineNode(x, self.weight, self.bias), (*shape[:-1], self.units * self.pieces)
        )
        return graph.add(MaxoutNode(z, self.pieces), shape)

    def config(self):
        config = super().config() | {"out_features": self.units, "pieces": self.pieces}
        del config["activation"]
        return config

    def __repr__(self):
        tail = "" if self.bias is not None else ", bias=False"
        return f"Maxout({self.in_features}, {self.units}, {self.pieces}{tail})"


class MaxoutNode(Node):
    """The largest of neighbours; where backward will be run, which it was is kept."""

    alters = False

    def __init__(self, x, pieces: int):
        super().__init__(x)
        self.pieces = pieces

    def settle(self, graph):
        self.which = Buffer(self.y.shape, np.int32) if graph.differentiable else None

    def forward(self, graph):
        buffers, dims = (self.x.data, self.y.data, self.which), (self.y.width, self.pieces)
        return [Call("maxout", (graph.leaf("maxout.forward"),), buffers, dims)]

    def backward(self, graph):
        if self.x.grad is None:
            return []
        buffers, dims = (self.y.grad, self.which, self.x.grad), (self.y.width, self.pieces)
        return [Call("maxout_grad", (graph.leaf("maxout.backward"),), buffers, dims)]


class GLU(Layer):
    """The gated linear unit: the first half of the last axis times the sigmoid of the second
    (Dauphin et al. 2017). As ``torch.nn.GLU`` of the last axis.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> fastnn.GLU().forward(np.array([[2, 4, 0, 0]], np.float32))
    array([[1., 2.]], dtype=float32)
    """

    acts_as = "sigmoid"

    def output_shape(self, shape):
        if not shape or shape[-1] % 2:
            raise ValueError(f"GLU: expected samples of shape (..., an even number), got {shape}")
        return (*shape[:-1], shape[-1] // 2)

    def lower(self, graph, x):
        return graph.add(GLUNode(x), self.output_shape(x.shape))

    def __repr__(self):
        return "GLU()"


class GLUNode(Node):
    """By row; backward reads the input."""

    alters = False

    def _dims(self):
        n = self.y.shape[-1]
        return (self.y.width // n if n else 0, n)

    def forward(self, graph):
        leaf = graph.leaf("glu.forward")
        return [Call("glu", (leaf,), (self.x.data, self.y.data), self._dims())]

    def backward(self, graph):
        if self.x.grad is None:
            return []
        buffers = (self.y.grad, self.x.data, self.x.grad)
        return [Call("glu_grad", (graph.leaf("glu.backward"),), buffers, self._dims())]
