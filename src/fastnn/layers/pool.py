"""Pooling layers: of each window of a map, one number."""

import functools
from typing import NamedTuple

import numpy as np

from fastnn import init as initializers
from fastnn._settings import check_dtype, count, flag, pair
from fastnn.graph import Call, Node
from fastnn.layers.base import Layer
from fastnn.layers.normalization import ChannelsNode
from fastnn.parameter import Parameter


class Window(NamedTuple):
    """The windows of a pool, by rows and columns; see _leaf.pxd. A kernel of (0, 0) is adaptive."""

    kernel: tuple = (0, 0)
    stride: tuple = (1, 1)
    padding: tuple = (0, 0)
    dilation: tuple = (1, 1)
    counts_padding: bool = False
    adds: bool = False

    def outputs(self, axis: int, size: int, ceil_mode: bool) -> int:
        """How many windows there are along an axis; 0 where they don't fit."""
        kernel, stride, pad, dilation = (part[axis] for part in self[:4])
        extent = (kernel - 1) * dilation + 1
        n = (size + 2 * pad - extent + (stride - 1 if ceil_mode else 0)) // stride + 1
        if ceil_mode and (n - 1) * stride >= size + pad:
            n -= 1  # none begins in the padding behind the map
        # With dilation a window may step over a small map.
        begins = (o * stride - pad for o in range(n))
        full = all(any(0 <= i < size for i in range(b, b + extent, dilation)) for b in begins)
        return n if n > 0 and full else 0


def check_maps(layer, shape) -> tuple:
    """A sample's shape, if it is (maps, height, width)."""
    if len(shape) != 3 or 0 in shape:
        raise ValueError(
            f"{type(layer).__name__}: expected samples of shape (maps, height, width), got {shape}"
        )
    return shape


class _WindowPool2d(Layer):
    """What pools of windows of a given size share."""

    ceil_mode = False
    _role: str  # of the kernels

    def _set_window(self, kernel_size, stride, padding, ceil_mode, dilation=1, **counts):
        kernel = pair("kernel_size", kernel_size)
        self.window = Window(
            kernel,
            kernel if stride is None else pair("stride", stride),
            pair("padding", padding, low=0),
            pair("dilation", dilation),
            **counts,
        )
        self.ceil_mode = bool(flag("ceil_mode", ceil_mode))
        for pad, k in zip(self.window.padding, kernel, strict=True):
            if 2 * pad > k:
                raise ValueError(
                    f"padding: expected at most half of the kernel {kernel}, "
                    f"got {self.window.padding}"
                )

    def output_shape(self, shape):
        maps, *size = check_maps(self, shape)
        out = tuple(self.window.outputs(i, n, self.ceil_mode) for i, n in enumerate(size))
        if 0 in out:
            raise ValueError(
                f"{type(self).__name__}: expected maps in which its windows have elements "
                f"({self!r}), got {tuple(size)}"
            )
        return (maps, *out)

    def lower(self, graph, x):
        return graph.add(PoolNode(x, self._role, self.window), self.output_shape(x.shape))

    def config(self):
        return {
            "kernel_size": _brief(self.window.kernel),
            "stride": _brief(self.window.stride),
            "padding": _brief(self.window.padding),
            "ceil_mode": self.ceil_mode,
        }

    def __repr__(self):
        kernel, *others = self.config().items()
        usual = type(self)(kernel[1]).config()
        told = [f"{name}={value}" for name, value in others if value != usual[name]]
        return f"{type(self).__name__}({', '.join([str(kernel[1]), *told])})"


def _brief(both: tuple):
    """A pair as one writes it: 2 for (2, 2)."""
    return both[0] if both[0] == both[1] else list(both)


class MaxPool2d(_WindowPool2d):
    """The maximum of each window: ``y[c, i, j] = max over (a, b) of x[c, i s + a d - p, j s + b d
    - p]`` with stride s, dilation d and padding p, samples (C, H, W) to (C, H', W').

    H' is ``floor((H + 2 p - d (k - 1) - 1) / s + 1)`` with a kernel of k, or the ceiling of it.
    A NaN makes its windows NaN. The gradient goes to the first of equal maxima.

    Parameters
    ----------
    kernel_size : int or (int, int)
        Of a window, by rows and columns.
    stride : int or (int, int), optional
        From window to window; by default the size of one.
    padding : int or (int, int)
        How far windows reach over each edge, where nothing counts: at most half a window.
    dilation : int or (int, int)
        From element to element of a window.
    ceil_mode : bool
        Whether a last window may reach over the end.

    Raises
    ------
    ValueError
        If the padding is too large, or for maps too small for a window.

    Notes
    -----
    As ``torch.nn.MaxPool2d`` without ``return_indices``; samples always have their maps' axis.
    Nothing is kept for backward but input and output: it looks for the maxima again. Of several
    NaN in a window the first gets the gradient, in PyTorch the last.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> x = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
    >>> fastnn.MaxPool2d(2).forward(x).tolist()
    [[[[5.0, 7.0], [13.0, 15.0]]]]
    """

    _role = "max_pool"

    def __init__(self, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
        self._set_window(kernel_size, stride, padding, ceil_mode, dilation)

    def config(self):
        return super().config() | {"dilation": _brief(self.window.dilation)}


class AvgPool2d(_WindowPool2d):
    """The mean of each window, samples (C, H, W) to (C, H', W'), H' as in `MaxPool2d`.

    Parameters
    ----------
    kernel_size, stride, padding, ceil_mode
        As in `MaxPool2d`; padding is zeros.
    count_include_pad : bool
        Whether the mean of a window that reaches into the padding counts the zeros there. What
        a window of `ceil_mode` has beyond the padding never counts.

    Raises
    ------
    ValueError
        As `MaxPool2d`.

    Notes
    -----
    As ``torch.nn.AvgPool2d`` without ``divisor_override``.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> x = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
    >>> fastnn.AvgPool2d(2).forward(x).tolist()
    [[[[2.5, 4.5], [10.5, 12.5]]]]
    """

    _role = "mean_pool"

    def __init__(
        self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True
    ):
        counts = bool(flag("count_include_pad", count_include_pad))
        self._set_window(kernel_size, stride, padding, ceil_mode, counts_padding=counts)

    def config(self):
        return super().config() | {"count_include_pad": self.window.counts_padding}


class AdaptiveAvgPool2d(Layer):
    """The means of windows that are chosen so that there are as many as asked for; with
    ``output_size=1`` the mean of each whole map, known as global average pooling (Lin et al. 2013).

    Of H rows, window i of n has those from ``floor(i H / n)`` to ``ceil((i + 1) H / n)``; columns
    likewise. Samples (C, H, W) become (C, n, m).

    Parameters
    ----------
    output_size : int, None or a pair of them
        Windows by rows and columns; None: as many as the map has.

    Notes
    -----
    As ``torch.nn.AdaptiveAvgPool2d``.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> x = np.arange(32, dtype=np.float32).reshape(1, 2, 4, 4)
    >>> fastnn.AdaptiveAvgPool2d(1).forward(x).ravel().tolist()
    [7.5, 23.5]
    """

    def __init__(self, output_size):
        both = output_size if isinstance(output_size, tuple | list) else (output_size,) * 2
        if len(both) != 2:
            raise ValueError(f"output_size: expected a number, None or two, got {output_size!r}")
        self.output_size = tuple(n if n is None else count("output_size", n) for n in both)

    def output_shape(self, shape):
        maps, *size = check_maps(self, shape)
        return (maps, *(n or own for n, own in zip(self.output_size, size, strict=True)))

    def lower(self, graph, x):
        return graph.add(PoolNode(x, "mean_pool", Window()), self.output_shape(x.shape))

    def config(self):
        return {"output_size": _brief(self.output_size)}

    def __repr__(self):
        return f"AdaptiveAvgPool2d({self.config()['output_size']})"


class Subsample2d(Layer):
    """LeNet-5's subsampling (LeCun, Bottou, Bengio and Haffner 1998): the sum of each window,
    times a coefficient of the map, plus its bias. Samples (C, H, W) become (C, H', W').

    The activation that follows in that paper, a sigmoid, is a layer of its own here, and is fused.

    Parameters
    ----------
    maps : int
        C.
    kernel_size : int or (int, int)
        Of a window, by rows and columns.
    stride : int or (int, int), optional
        From window to window; by default the size of one.
    dtype : dtype
        float32 or float64.

    Attributes
    ----------
    weight, bias : Parameter of shape (C,)
        The coefficients begin such that sums are means, the biases at zero.

    Notes
    -----
    PyTorch has no such layer. It is ``AvgPool2d`` with two numbers to learn for each map.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> layer = fastnn.Subsample2d(1)
    >>> layer.weight.data.tolist()
    [0.25]
    >>> layer.forward(np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)).tolist()
    [[[[2.5, 4.5], [10.5, 12.5]]]]
    """

    def __init__(self, maps, kernel_size=2, stride=None, *, dtype=np.float32):
        self.maps = count("maps", maps)
        kernel = pair("kernel_size", kernel_size)
        stride = kernel if stride is None else pair("stride", stride)
        self.window = Window(kernel, stride, adds=True)
        area = kernel[0] * kernel[1]
        share = functools.partial(initializers.constant, value=1 / area)
        dtype = check_dtype(dtype)
        self.weight = Parameter((self.maps,), share, dtype)
        self.bias = Parameter((self.maps,), initializers.zeros, dtype, decay=False)

    def output_shape(self, shape):
        maps, *size = check_maps(self, shape)
        out = tuple(self.window.outputs(i, n, False) for i, n in enumerate(size))
        if maps != self.maps or 0 in out:
            raise ValueError(
                f"Subsample2d: expected samples of {self.maps} maps of at least "
                f"{self.window.kernel}, got {shape}"
            )
        return (maps, *out)

    def lower(self, graph, x):
        shape = self.output_shape(x.shape)
        sums = graph.add(PoolNode(x, "mean_pool", self.window), shape)
        return graph.add(ChannelsNode(sums, self.weight, self.bias), shape)

    def config(self):
        return {
            "maps": self.maps,
            "kernel_size": _brief(self.window.kernel),
            "stride": _brief(self.window.stride),
            "dtype": str(self.weight.dtype),
        }

    def __repr__(self):
        return f"Subsample2d({self.maps}, {_brief(self.window.kernel)})"


class PoolNode(Node):
    """One number for each window of each map."""

    alters = False

    def __init__(self, x, role: str, window: Window):
        super().__init__(x)
        self.role, self.window = role, window

    def _dims(self):
        return (
            *self.x.shape, *self.y.shape[1:],
            *(n for part in self.window[:4] for n in part),
            self.window.counts_padding, self.window.adds,
        )  # fmt: skip

    def forward(self, graph):
        leaf = graph.leaf(f"{self.role}.forward")
        return [Call("pool", (leaf,), (self.x.data, self.y.data), self._dims())]

    def backward(self, graph):
        if self.x.grad is None:
            return []
        leaf, saved, params = self.x.take_epilogue()
        leaves = (graph.leaf(f"{self.role}.backward"), leaf)
        found = (None, None) if self.role == "mean_pool" else (self.x.data, self.y.data)
        buffers = (self.y.grad, *found, self.x.grad, saved)
        return [Call("pool_grad", leaves, buffers, self._dims(), params)]
