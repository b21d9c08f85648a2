"""Normalisation over a batch, by channel."""

import functools
import math

import numpy as np

from fastnn import _engine
from fastnn import init as initializers
from fastnn._settings import NONNEGATIVE, SHARE, check_dtype, count, flag, number
from fastnn.graph import Call
from fastnn.layers.activations import ActivatedNode
from fastnn.layers.base import Layer
from fastnn.parameter import Parameter, Tracked

ones = functools.partial(initializers.constant, value=1.0)


class _BatchNorm(Layer):
    """What batch normalisation of samples of any number of axes shares."""

    _samples: str  # the shapes of a sample
    _axes: tuple  # how many axes one may have

    def __init__(
        self, num_features, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True, *,
        dtype=np.float32,
    ):  # fmt: skip
        self.num_features = count("num_features", num_features)
        self.eps = number("eps", eps, NONNEGATIVE)
        self.momentum = None if momentum is None else number("momentum", momentum, SHARE)
        self._dtype = check_dtype(dtype)
        shape = (self.num_features,)
        self.weight = self.bias = None
        if flag("affine", affine):
            self.weight = Parameter(shape, ones, self._dtype, decay=False)
            self.bias = Parameter(shape, initializers.zeros, self._dtype, decay=False)
        self.running_mean = self.running_var = self.num_batches_tracked = None
        if flag("track_running_stats", track_running_stats):
            self.running_mean = Tracked(np.zeros(shape, self._dtype))
            self.running_var = Tracked(np.ones(shape, self._dtype))
            self.num_batches_tracked = Tracked(np.zeros((), np.int64))

    @property
    def dtype(self):
        return self._dtype

    def output_shape(self, shape):
        if len(shape) not in self._axes or shape[0] != self.num_features or 0 in shape:
            expected = self._samples.format(self.num_features)
            raise ValueError(
                f"{type(self).__name__}: expected samples of shape {expected}, got {shape}"
            )
        return shape

    def lower(self, graph, x):
        self.output_shape(x.shape)
        if graph.dtype != self.dtype:
            raise TypeError(
                f"{type(self).__name__}: expected to be in a model of {self.dtype}, as it is, "
                f"got one of {graph.dtype}"
            )
        tracked = (self.running_mean, self.running_var, self.num_batches_tracked)
        of_batch = graph.training or self.running_mean is None
        if graph.training:
            graph.require_rows(
                2 if math.prod(x.shape[1:]) == 1 else 1,
                f"{type(self).__name__} in training needs two values of each channel",
            )
        node = ChannelsNode(
            x, self.weight, self.bias, tracked, of_batch=of_batch, eps=self.eps,
            momentum=-1.0 if self.momentum is None else self.momentum,
        )  # fmt: skip
        return graph.add(node, x.shape)

    def config(self):
        return {
            "num_features": self.num_features,
            "eps": self.eps,
            "momentum": self.momentum,
            "affine": self.weight is not None,
            "track_running_stats": self.running_mean is not None,
            "dtype": str(self.dtype),
        }

    def __repr__(self):
        return f"{type(self).__name__}({self.num_features})"


_DOCUMENTATION = """Batch normalisation of {samples} (Ioffe and Szegedy 2015): of each
    channel, ``y = (x - mean) / sqrt(var + eps) * weight + bias``.

    In training mean and variance (the biased one) are those of the channel in the batch, and
    ``running = (1 - momentum) running + momentum new`` follows them, with the unbiased variance.
    In evaluation and prediction they are the running ones. An activation layer that follows is
    fused with it.

    Parameters
    ----------
    num_features : int
        Channels, C.
    eps : float
        At least 0.
    momentum : float or None
        In [0, 1], the weight of the newest batch; None: running statistics are the means over all
        batches so far.
    affine : bool
        Whether there are a weight and a bias.
    track_running_stats : bool
        Whether there are running statistics. Without them every batch is normalised by its own,
        in prediction too, where a batch is what `predict` takes at a time.
    dtype : dtype
        float32 or float64. Statistics are summed in double in both.

    Attributes
    ----------
    weight, bias : Parameter of shape (C,), or None
    running_mean, running_var : Tracked of shape (C,), or None
    num_batches_tracked : Tracked of shape (), int64, or None

    Raises
    ------
    ValueError
        In training, before anything is changed, for a batch with one value of each channel; that
        may be the last, shorter batch of an epoch.

    Notes
    -----
    As ``torch.nn.{name}``, keys of the state dict included. L1 and L2 penalties leave
    the weight alone.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> layer = fastnn.{name}(2)
    >>> x = np.random.default_rng(0).normal(5, 3, {example}).astype(np.float32)
    >>> y = layer.forward(x, training=True)
    >>> bool(abs(y.mean()) < 1e-6), bool(abs(y.std() - 1) < 1e-4)
    (True, True)
    >>> bool((layer.running_mean.data > 0.4).all())
    True
    """


class BatchNorm1d(_BatchNorm):
    __doc__ = _DOCUMENTATION.format(
        samples="samples (C,) or (C, L)", name="BatchNorm1d", example="(64, 2)"
    )
    _samples, _axes = "({0},) or ({0}, L)", (1, 2)


class BatchNorm2d(_BatchNorm):
    __doc__ = _DOCUMENTATION.format(
        samples="samples (C, H, W)", name="BatchNorm2d", example="(16, 2, 5, 5)"
    )
    _samples, _axes = "({}, H, W)", (3,)


# The buffers of calls by channel, in the order of engine/normalization.pxi.
_BUFFERS = (
    "x", "y", "grad", "dx", "saved", "partial", "weight", "bias", "mean", "var", "batches",
    "moments", "coefficients", "dweight", "dbias",
)  # fmt: skip


class ChannelsNode(ActivatedNode):
    """``y = f((x - mean) / sqrt(var + eps) * weight + bias)`` by channel, the first axis.

    The statistics are those of the batch, or given (`tracked`), or where none are tracked either,
    0 and 1. Nothing is kept for backward but x: what the activation's gradient needs is made
    again.
    """

    def __init__(
        self, x, weight, bias, tracked=(None, None, None), *, of_batch=False, eps=0.0, momentum=0.0
    ):
        super().__init__(x)
        self.weight, self.bias, self.tracked = weight, bias, tracked
        self.of_batch, self.settings = of_batch, (eps, momentum)
        self.learns = weight is not None
        self.dims = (x.shape[0], math.prod(x.shape[1:]))

    def settle(self, graph):
        super().settle(graph)
        if self.z is not self.y.data:
            self.y.epilogue = None  # z isn't kept, so nobody else can apply it
        channels = self.dims[0]
        self.partial = np.zeros((_engine.SUM_BLOCKS, 2, channels))
        self.moments = np.zeros((2, channels))
        self.coefficients = np.zeros((5, channels), graph.dtype)
        if graph.differentiable and self.activation:
            graph.scratch = max(graph.scratch, _engine.PIECE * graph.dtype.itemsize)

    def _call(self, op, leaves, dims=(), scalars=(), **buffers):
        buffers |= {"moments": self.moments, "coefficients": self.coefficients}
        return Call(
            op, leaves, tuple(buffers.get(name) for name in _BUFFERS), self.dims + dims, scalars
        )

    def forward(self, graph):
        calls = []
        partial = self.partial if self.of_batch else None
        mean, var, batches = (t and t.data for t in self.tracked)
        if self.of_batch:
            leaves = (graph.leaf("channels.deviations"),)
            calls.append(self._call("channel_sums", leaves, x=self.x.data, partial=partial))
        parameters = {"weight": self.weight and self.weight.data}
        parameters["bias"] = self.bias and self.bias.data
        calls.append(
            self._call(
                "channel_prepare", (graph.leaf("channels.prepare"),), scalars=self.settings,
                x=self.x.data, partial=partial, mean=mean, var=var, batches=batches, **parameters,
            )
        )  # fmt: skip
        leaves = (None, None, graph.leaf("channels.scale"), self.activation_leaf(graph))
        calls.append(
            self._call(
                "channel_scale", leaves, (), self.activation_params, x=self.x.data, y=self.y.data
            )
        )
        return calls

    def _pending(self, graph) -> tuple:
        # The leaves that apply the activation's gradient, if the reader of y has not.
        epilogue = self.y.epilogue
        if self.activation is None or (epilogue is not None and epilogue.applied):
            return (None, None, None)
        return (
            graph.leaf(f"{self.activation.name}.backward"),
            graph.leaf("channels.scale"),
            self.activation_leaf(graph) if self.activation.saves == "y" else None,
        )

    def backward(self, graph):
        if self.y.grad is None:
            return []
        pending = self._pending(graph)
        given = {"x": self.x.data, "grad": self.y.grad}
        calls = []
        if self.of_batch or self.learns or pending[0] is not None:
            leaves = (graph.leaf("channels.deviations"), *pending)
            params = self.activation_params
            calls.append(
                self._call("channel_sums", leaves, (), params, partial=self.partial, **given)
            )
        if self.of_batch or self.learns:
            gradients = {}
            if self.learns:
                gradients = {"dweight": self.weight.grad, "dbias": self.bias.grad}
            calls.append(
                self._call(
                    "channel_grad_prepare", (graph.leaf("channels.grad_prepare"),),
                    (self.of_batch,), weight=self.weight and self.weight.data,
                    partial=self.partial, **gradients,
                )
            )  # fmt: skip
        if self.x.grad is not None:
            leaf, saved, params = None, None, ()
            if (epilogue := self.x.epilogue) is not None:
                epilogue.applied = True
                leaf, saved, params = epilogue.leaf, epilogue.saved, epilogue.params
            leaves = (graph.leaf("channels.grad"), leaf)
            calls.append(
                self._call(
                    "channel_grad", leaves, (self.of_batch,), params,
                    dx=self.x.grad, saved=saved, **given,
                )
            )  # fmt: skip
        if self.learns:
            calls += graph.finish(self.weight) + graph.finish(self.bias)
        return calls
