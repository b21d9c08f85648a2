"""The convolutional layer, with its activation fused."""

import math

import numpy as np

from fastnn import _engine
from fastnn import init as initializers
from fastnn._settings import check_dtype, count, pair
from fastnn.graph import Call
from fastnn.layers.activations import ActivatedNode, PointwiseNode, activation_params
from fastnn.layers.base import WeightedLayer
from fastnn.layers.linear import AffineNode
from fastnn.parameter import Parameter, aligned_zeros

# Table I of LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document
# recognition (1998): which of the 6 maps of S2 each of the 16 maps of C3 reads.
_C3 = (
    "012 123 234 345 045 015 0123 1234 2345 0345 0145 0125 0134 1245 0235 012345"
)  # fmt: skip
LENET5_CONNECTIONS = np.array([[str(i) in maps for i in range(6)] for maps in _C3.split()])
LENET5_CONNECTIONS.flags.writeable = False


class Conv2d(WeightedLayer):
    """A convolution of images, ``y = f(x * W + b)``::

        y[o, i, j] = f(b[o] + sum over c, u, v of
                       W[o, c, u, v] x[c, i stride + u dilation - padding, j ...])

    where x is zero outside the image. (It is a cross-correlation: the kernel isn't turned round.)

    Samples of shape (in_channels, height, width) become (out_channels, out_height, out_width), with
    ``out = (in + 2 padding - dilation (kernel - 1) - 1) // stride + 1``.

    Parameters
    ----------
    in_channels, out_channels : int
        At least 1.
    kernel_size, stride, dilation : int or (int, int)
        By rows and columns, at least 1.
    padding : int, (int, int), "same" or "valid"
        Zeros around the image. "same": so many that the output is as large as the image, the odd
        one below and to the right, for a stride of 1; "valid": none.
    groups : int
        Channels are divided into so many groups, and output maps as well; each reads its group.
    bias : bool
        Whether there is a `b`.
    connections : array of bool, shape (out_channels, in_channels), optional
        Which channels each output map reads, for one group. The others' weights are zero, stay so
        and get no gradient. `LENET5_CONNECTIONS` is the table of LeNet-5's second convolution.
    activation : str, optional
        The name of a pointwise activation to apply, with its default parameters. A `Conv2d`
        followed by an activation layer is fused to the same calls.
    init : str or callable, optional
        The weights' initialiser (see `fastnn.init`), by default what suits the activation that
        follows: He for the ReLU family, Glorot for the rest. Biases begin at zero.
    dtype : dtype
        float32 or float64.

    Attributes
    ----------
    weight : Parameter of shape (out_channels, in_channels / groups, *kernel_size)
    bias : Parameter of shape (out_channels,), or None

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind or out of its range, and in use if samples are of another
        shape or the kernel is larger than the image with its padding.

    Notes
    -----
    Shapes, keys and results are those of ``torch.nn.Conv2d``; initial values are not, and
    `connections` and `activation` are fastnn's own. Other paddings than zeros aren't offered.
    Source: Y. LeCun et al., Gradient-based learning applied to document recognition, 1998.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> layer = fastnn.Conv2d(1, 6, 5, padding=2, activation="tanh")
    >>> layer.forward(np.zeros((10, 1, 28, 28), np.float32)).shape
    (10, 6, 28, 28)
    """

    def __init__(
        self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1,
        bias=True, *, connections=None, activation=None, init=None, dtype=np.float32,
    ):  # fmt: skip
        self.in_channels = count("in_channels", in_channels)
        self.out_channels = count("out_channels", out_channels)
        self.kernel_size = pair("kernel_size", kernel_size)
        self.stride = pair("stride", stride)
        self.dilation = pair("dilation", dilation)
        self.padding = padding if isinstance(padding, str) else pair("padding", padding, 0)
        self.groups = count("groups", groups)
        self._border = self._find_border()
        for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels % self.groups:
                raise ValueError(f"{name}: expected a multiple of {groups} groups, got {channels}")
        self.connections = self._check_connections(connections)
        dtype = check_dtype(dtype)
        self.activation = activation
        self._params = activation_params(activation) if activation else ()
        self._init = init
        shape = (self.out_channels, self.in_channels // self.groups, *self.kernel_size)
        init = initializers.resolve(init or initializers.default_for(activation))
        mask = None
        if self.connections is not None:
            mask = np.broadcast_to(self.connections[:, :, None, None], shape)
        self.weight = Parameter(shape, init, dtype, mask=mask)
        self.bias = None
        if bias:
            self.bias = Parameter(shape[:1], initializers.zeros, dtype, decay=False)

    def _find_border(self) -> tuple:
        """Zeros (above, below) and (to the left, to the right) of the image."""
        if not isinstance(self.padding, str):
            return tuple((p, p) for p in self.padding)
        if self.padding == "valid":
            return (0, 0), (0, 0)
        if self.padding != "same":
            raise ValueError(
                f"padding: expected whole numbers, 'same' or 'valid', got {self.padding!r}"
            )
        if self.stride != (1, 1):
            raise ValueError(f"stride: expected 1 with padding 'same', got {self.stride}")
        extra = [d * (k - 1) for k, d in zip(self.kernel_size, self.dilation, strict=True)]
        return tuple((n // 2, n - n // 2) for n in extra)

    def _check_connections(self, value) -> np.ndarray | None:
        if value is None:
            return None
        table, shape = np.array(value), (self.out_channels, self.in_channels)
        if table.dtype != bool:
            raise TypeError(f"connections: expected bool, got {table.dtype}")
        if table.shape != shape:
            raise ValueError(f"connections: expected shape {shape}, got {table.shape}")
        if self.groups != 1:
            raise ValueError(f"groups: expected 1 with connections, got {self.groups}")
        return table

    def output_shape(self, shape):
        if len(shape) != 3 or shape[0] != self.in_channels or 0 in shape:
            hint = ""
            if len(shape) == 2 and self.in_channels == 1:
                hint = "; one channel has an axis too: x[:, None]"
            raise ValueError(
                f"Conv2d: expected samples of shape ({self.in_channels}, height, width), "
                f"got {tuple(shape)}{hint}"
            )
        free = [
            n + sum(border) - dilation * (kernel - 1) - 1
            for n, border, kernel, dilation in zip(
                shape[1:], self._border, self.kernel_size, self.dilation, strict=True
            )
        ]
        if min(free) < 0:
            least = [max(1, n - f) for n, f in zip(shape[1:], free, strict=True)]
            raise ValueError(
                f"Conv2d: expected images of at least {least[0]}x{least[1]}, which the kernel "
                f"covers, got {shape[1]}x{shape[2]}"
            )
        return (self.out_channels, *(f // s + 1 for f, s in zip(free, self.stride, strict=True)))

    def lower(self, graph, x):
        shape = self.output_shape(x.shape)
        covered = self.kernel_size == x.shape[1:] and self._border == ((0, 0), (0, 0))
        if covered and self.groups == 1 and self.connections is None:
            # Each pixel has a weight of its own: a fully connected layer.
            node = AffineNode(graph.view(x, (math.prod(x.shape),)), self.weight, self.bias)
        else:
            before = [border[0] for border in self._border]
            node = ConvolutionNode(
                x, self.weight, self.bias, self.connections,
                (self.in_channels, self.out_channels, self.groups, *x.shape[1:],
                 *self.kernel_size, *self.stride, *before, *self.dilation, *shape[1:]),
            )  # fmt: skip
        y = graph.add(node, shape)
        if self.activation:
            y = graph.add(PointwiseNode(y, self.activation, self._params), y.shape)
        return y

    def config(self):
        config = {
            "in_channels": self.in_channels,
            "out_channels": self.out_channels,
            "kernel_size": self.kernel_size,
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
            "bias": self.bias is not None,
            "activation": self.activation,
            "dtype": str(self.weight.dtype),
        }
        if self.connections is not None:
            config["connections"] = self.connections.tolist()
        if isinstance(self._init, str):
            config["init"] = self._init
        return config

    def __repr__(self):
        parts = [f"{self.in_channels}, {self.out_channels}, {_short(self.kernel_size)}"]
        defaults = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
        for name, default in defaults.items():
            if (value := getattr(self, name)) != default:
                parts.append(f"{name}={_short(value)}")
        if self.bias is None:
            parts.append("bias=False")
        if self.connections is not None:
            parts.append(f"connections=<{self.connections.sum()} of {self.connections.size}>")
        if self.activation:
            parts.append(f"activation={self.activation!r}")
        return f"Conv2d({', '.join(parts)})"


def _short(value) -> str:
    """Of two equal numbers one."""
    both = isinstance(value, tuple) and value[0] == value[1]
    return repr(value[0] if both else value)


class ConvolutionNode(ActivatedNode):
    """``y = f(x * W + b)``. `dims` are those of every call (see engine/convolution.pxi)."""

    def __init__(self, x, weight, bias, connections, dims):
        super().__init__(x)
        self.weight, self.bias, self.dims = weight, bias, dims
        self.learns_bias = bias is not None and bias.requires_grad
        self.learns = weight.requires_grad or self.learns_bias
        self.connected = None if connections is None else connections.astype(np.uint8)

    def settle(self, graph):
        super().settle(graph)
        scratch, self.parts = _engine.convolution_memory(self.dims, graph.dtype.itemsize)
        graph.scratch = max(graph.scratch, scratch)

    def forward(self, graph):
        bias = (None, None)
        if self.bias is not None:
            bias = (graph.leaf("bias.add_rows"), self.bias.data)
        leaves = (self.activation_leaf(graph), graph.leaf("product"), graph.leaf("stencil.unfold"))
        buffers = (self.x.data, bias[1], self.z, self.y.data, self.weight.data)
        params = self.activation_params
        return [Call("convolution_forward", (bias[0], *leaves), buffers, self.dims, params)]

    def backward(self, graph):
        if self.y.grad is None:
            return []
        dy = self.y.grad
        calls = self.activation_backward()
        if self.x.grad is not None:
            leaf, saved, params = self.x.take_epilogue()
            roles = ("product", "stencil.fold", "stencil.crop")
            calls.append(
                Call(
                    "convolution_backward_input",
                    (leaf, *map(graph.leaf, roles)),
                    (dy, self.weight.data, self.x.grad, saved),
                    self.dims,
                    params,
                )
            )
        if self.weight.requires_grad:
            calls += self._weight_calls(graph)
        if self.learns_bias:
            bias = graph.update(self.bias)
            calls.append(
                Call(
                    "map_sums",
                    (graph.leaf("numbers.sum"), None, *bias.leaves),
                    (dy, None, self.bias.grad, *bias.buffers),
                    (self.y.shape[0], math.prod(self.y.shape[1:])),
                    bias.scalars,
                )
            )
        return calls

    def _weight_calls(self, graph) -> list[Call]:
        parts = aligned_zeros(self.parts * self.weight.size, graph.dtype)
        return [
            Call(
                "convolution_backward_weight",
                (graph.leaf("product.rows"), graph.leaf("stencil.unfold")),
                (self.x.data, self.y.grad, parts),
                self.dims,
            ),
            Call(
                "convolution_sum_weight",
                (graph.leaf("columns.sum"), graph.leaf("transpose")),
                (parts, self.connected, self.weight.grad),
                self.dims,
            ),
            *graph.finish(self.weight),
        ]
