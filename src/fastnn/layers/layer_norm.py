"""Normalisation of each sample by itself."""

import math

import numpy as np

from fastnn import _engine
from fastnn import init as initializers
from fastnn._settings import NONNEGATIVE, check_dtype, count, flag, number
from fastnn.graph import Buffer, Call, Node
from fastnn.layers.base import Layer
from fastnn.layers.normalization import ones
from fastnn.parameter import Parameter


class LayerNorm(Layer):
    """Normalisation of each sample, or each row of it (Ba, Kiros and Hinton 2016):
    ``y = (x - mean) / sqrt(var + eps) * weight + bias``, mean and (biased) variance over the last
    axes.

    Parameters
    ----------
    normalized_shape : int or tuple of int
        The last axes of a sample, those that statistics are over.
    eps : float
        At least 0.
    elementwise_affine : bool
        Whether there is a weight.
    bias : bool
        Whether there is a bias beside the weight.
    dtype : dtype
        float32 or float64. Statistics are summed in double in both.

    Attributes
    ----------
    weight, bias : Parameter of shape `normalized_shape`, or None

    Notes
    -----
    As ``torch.nn.LayerNorm``. L1 and L2 penalties leave the weight alone.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> layer = fastnn.LayerNorm(4)
    >>> layer.forward(np.array([[1, 1, 3, 3]], np.float32)).round(3).tolist()
    [[-1.0, -1.0, 1.0, 1.0]]
    """

    def __init__(
        self, normalized_shape, eps=1e-5, elementwise_affine=True, bias=True, *, dtype=np.float32
    ):
        if not isinstance(normalized_shape, tuple | list):
            normalized_shape = (normalized_shape,)
        if not normalized_shape:
            raise ValueError("normalized_shape: expected at least one axis, got none")
        self.normalized_shape = tuple(count("normalized_shape", n) for n in normalized_shape)
        self.eps = number("eps", eps, NONNEGATIVE)
        self._dtype = check_dtype(dtype)
        self.weight = self.bias = None
        if flag("elementwise_affine", elementwise_affine):
            self.weight = Parameter(self.normalized_shape, ones, self._dtype, decay=False)
            if flag("bias", bias):
                zeros = initializers.zeros
                self.bias = Parameter(self.normalized_shape, zeros, self._dtype, decay=False)

    @property
    def dtype(self):
        return self._dtype

    def output_shape(self, shape):
        if shape[-len(self.normalized_shape) :] != self.normalized_shape or 0 in shape:
            axes = ", ".join(map(str, self.normalized_shape))
            raise ValueError(f"LayerNorm: expected samples of shape (..., {axes}), got {shape}")
        return shape

    def lower(self, graph, x):
        self.output_shape(x.shape)
        return graph.add(
            RowNormNode(x, self.weight, self.bias, self.eps, self.normalized_shape), x.shape
        )

    def config(self):
        return {
            "normalized_shape": list(self.normalized_shape),
            "eps": self.eps,
            "elementwise_affine": self.weight is not None,
            "bias": self.bias is not None,
            "dtype": str(self.dtype),
        }

    def __repr__(self):
        shape = self.normalized_shape
        return f"LayerNorm({shape[0] if len(shape) == 1 else shape})"


class RowNormNode(Node):
    """Layer normalisation of every row."""

    alters = False

    def __init__(self, x, weight, bias, eps: float, shape: tuple):
        super().__init__(x)
        self.weight, self.bias, self.eps = weight, bias, eps
        self.learns = weight is not None
        cols = math.prod(shape)
        self.dims = (math.prod(x.shape) // cols, cols)

    def settle(self, graph):
        rows, cols = self.dims
        self.moments = Buffer((rows, 2), np.float64)
        self.partial = np.zeros((_engine.SUM_BLOCKS, 2, cols)) if self.learns else None
        if graph.differentiable:
            graph.scratch = max(graph.scratch, cols * graph.dtype.itemsize)

    def _data(self):
        return self.weight and self.weight.data, self.bias and self.bias.data

    def forward(self, graph):
        buffers = (self.x.data, *self._data(), self.y.data, self.moments)
        leaves = (graph.leaf("layer_norm.forward"),)
        return [Call("row_norm", leaves, buffers, self.dims, (self.eps,))]

    def backward(self, graph):
        if self.y.grad is None:
            return []
        leaf, saved, params = None, None, ()
        if self.x.grad is not None and (epilogue := self.x.epilogue) is not None:
            epilogue.applied = True
            leaf, saved, params = epilogue.leaf, epilogue.saved, epilogue.params
        weight, _ = self._data()
        buffers = (self.y.grad, self.x.data, weight, self.moments, self.x.grad, saved, self.partial)
        leaves = (graph.leaf("layer_norm.backward"), leaf)
        calls = [Call("row_norm_grad", leaves, buffers, self.dims, params)]
        for i, parameter in enumerate((self.weight, self.bias)):
            if parameter is not None:
                leaves, buffers = (graph.leaf("blocks.sum"),), (self.partial, parameter.grad)
                calls.append(Call("block_sum", leaves, buffers, (*self.dims, i)))
                calls += graph.finish(parameter)
        return calls
