"""The fully connected layer, with its activation fused."""

import math

import numpy as np

from fastnn import _engine
from fastnn import init as initializers
from fastnn._settings import check_dtype, count
from fastnn.graph import Buffer, Call, Graph, Value
from fastnn.layers.activations import ActivatedNode, PointwiseNode, activation_params
from fastnn.layers.base import WeightedLayer
from fastnn.parameter import Parameter

# Elements of the slab of a gradient that is updated while it is in cache, and of a gradient so
# small that it isn't divided.
_SLAB, _WHOLE = 32768, 4096


def slab_rows(n: int, k: int) -> int:
    """Rows of a slab of an (n, k) gradient: slabs of about `_SLAB` elements, but an even number
    of them and all alike, so that two threads, or four, finish together."""
    if n * k <= _WHOLE:
        return n
    count = max(1, round(n * k / _SLAB / 2)) * 2
    return max(16, -(-n // (4 * count)) * 4)


class Linear(WeightedLayer):
    """A fully connected layer, ``y = f(x W^T + b)``, over the last axis of samples of shape
    (..., in_features).

    Parameters
    ----------
    in_features, out_features : int
        At least 1.
    bias : bool
        Whether there is a `b`.
    activation : str, optional
        The name of a pointwise activation to apply, with its default parameters. A `Linear`
        followed by an activation layer is fused to the same calls.
    init : str or callable, optional
        The weights' initialiser (see `fastnn.init`); by default what suits the activation that
        follows: He for the ReLU family, Glorot for the rest. Biases begin at zero.
    dtype : dtype
        float32 or float64.

    Attributes
    ----------
    weight : Parameter of shape (out_features, in_features)
    bias : Parameter of shape (out_features,), or None

    Notes
    -----
    Shapes and keys are those of ``torch.nn.Linear``; initial values are not (PyTorch draws
    weights and biases from U(-1/sqrt(in), 1/sqrt(in))).

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> layer = fastnn.Linear(3, 2, activation="tanh")
    >>> layer.forward(np.zeros((4, 3), np.float32)).tolist()
    [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    """

    def __init__(
        self, in_features, out_features, bias=True, *, activation=None, init=None,
        dtype=np.float32,
    ):  # fmt: skip
        self.in_features = count("in_features", in_features)
        self.out_features = count("out_features", out_features)
        dtype = check_dtype(dtype)
        self.activation = activation
        self._params = activation_params(activation) if activation else ()
        self._init = init
        shape = (self.out_features, self.in_features)
        self.weight = Parameter(
            shape, initializers.resolve(init or initializers.default_for(activation)), dtype
        )
        self.bias = None
        if bias:
            self.bias = Parameter(shape[:1], initializers.zeros, dtype, decay=False)

    def input_shape(self):
        return (self.in_features,)

    def output_shape(self, shape):
        if not shape or shape[-1] != self.in_features or 0 in shape:
            hint = "; put a Flatten before it" if np.prod(shape) == self.in_features else ""
            axes = "..., " if len(shape) > 1 else ""
            tail = "" if axes else ","
            name = type(self).__name__
            raise ValueError(
                f"{name}: expected samples of shape ({axes}{self.in_features}{tail}), "
                f"got {shape}{hint}"
            )
        return (*shape[:-1], self.out_features)

    def lower(self, graph, x):
        node = AffineNode(x, self.weight, self.bias)
        y = graph.add(node, self.output_shape(x.shape))
        if self.activation:
            y = graph.add(PointwiseNode(y, self.activation, self._params), y.shape)
        return y

    def config(self):
        config = {
            "in_features": self.in_features,
            "out_features": self.out_features,
            "bias": self.bias is not None,
            "activation": self.activation,
            "dtype": str(self.weight.dtype),
        }
        if isinstance(self._init, str):
            config["init"] = self._init
        return config

    def __repr__(self):
        tail = f", activation={self.activation!r}" if self.activation else ""
        tail += "" if self.bias is not None else ", bias=False"
        return f"Linear({self.in_features}, {self.out_features}{tail})"


class AffineNode(ActivatedNode):
    """``y = f(x W^T + b)`` of every row of a sample. Of a weight of more axes than two, all but the
    first are one."""

    def __init__(self, x, weight, bias):
        super().__init__(x)
        self.weight, self.bias = weight, bias
        self.learns = any(p is not None and p.requires_grad for p in (weight, bias))
        self.rows = math.prod(x.shape[:-1])  # of a sample

    def settle(self, graph):
        super().settle(graph)
        graph.scratch = max(graph.scratch, product_scratch(graph, self.weight))

    def forward(self, graph):
        affine = affine_call(graph, self.x.data, self.weight, self.bias, self.z, self.rows)
        leaves = (affine.leaves[0], self.activation_leaf(graph), affine.leaves[2])
        buffers = (*affine.buffers[:3], self.y.data, affine.buffers[4])
        return [affine._replace(leaves=leaves, buffers=buffers, scalars=self.activation_params)]

    def backward(self, graph):
        if self.y.grad is None:
            return []
        dy = self.y.grad
        calls = self.activation_backward()
        calls += input_gradient_calls(graph, self.weight, dy, self.x, self.rows)
        calls += weight_gradient_calls(graph, self.weight, self.x.data, dy, self.rows)
        calls += bias_gradient_calls(graph, self.bias, dy, self.rows)
        return calls


# The calls of a linear layer, for all that multiplies by weights. `rows` is how many rows of
# each sample are multiplied.


def _matrix(weight: Parameter) -> tuple[int, int]:
    """The shape of a weight as (outputs, inputs of each)."""
    return weight.shape[0], math.prod(weight.shape[1:])


def product_scratch(graph: Graph, weight: Parameter) -> int:
    """Bytes of scratch that the calls below need for a weight."""
    n, k = _matrix(weight)
    slab = slab_rows(n, k) * k * graph.dtype.itemsize if graph.differentiable else 0
    return _engine.PRODUCT_BYTES + max(_engine.FORWARD_BYTES, slab)


def affine_call(
    graph: Graph, x: Buffer, weight: Parameter, bias: Parameter | None, y: Buffer, rows: int
) -> Call:
    """``y = x W^T + b``."""
    n, k = _matrix(weight)
    leaf, data = (None, None) if bias is None else (graph.leaf("bias.add"), bias.data)
    return Call(
        "linear_forward",
        (leaf, None, graph.leaf("product.transposed")),
        (x, data, y, y, weight.data),
        (k, n, 0, rows),
    )


def input_gradient_calls(
    graph: Graph, weight: Parameter, dy: Buffer, x: Value, rows: int
) -> list[Call]:
    """From `dy` to ``x.grad`` where that is wanted, and on through the activation before."""
    if x.grad is None:
        return []
    n, k = _matrix(weight)
    leaf, saved, params = x.take_epilogue()
    return [
        Call(
            "linear_backward_input",
            (leaf, graph.leaf("product")),
            (dy, weight.data, x.grad, saved),
            (k, n, 0, rows),
            params,
        )
    ]


def weight_gradient_calls(
    graph: Graph, weight: Parameter, x: Buffer, dy: Buffer, rows: int
) -> list[Call]:
    """The weight's gradient, where that is wanted, and what follows it."""
    if not weight.requires_grad:
        return []
    n, k = _matrix(weight)
    fields = graph.update(weight)
    buffers = (x, dy, fields.grad, *fields.buffers)
    product = graph.leaf("product")
    if fields.descend:
        return [Call("linear_descend", (product,), buffers, (k, n, 0, rows))]
    return [
        Call(
            "linear_backward_weight",
            (product, None, *fields.leaves),
            buffers,
            (k, n, slab_rows(n, k), rows),
            fields.scalars,
        )
    ]


def bias_gradient_calls(graph: Graph, bias: Parameter | None, dy: Buffer, rows: int) -> list[Call]:
    """The bias's gradient, where there is one and that is wanted, and what follows it."""
    if bias is None or not bias.requires_grad:
        return []
    fields = graph.update(bias)
    return [
        Call(
            "bias_backward",
            (graph.leaf("columns.sum"), None, *fields.leaves),
            (None, dy, bias.grad, *fields.buffers),
            (0, bias.size, 0, rows),
            fields.scalars,
        )
    ]
