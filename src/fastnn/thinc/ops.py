"""The backend: thinc's array operations, on fastnn's kernels where those are faster."""

import numpy as np
from numpy import ndarray
from thinc.backends import NumpyOps
from thinc.config import registry

from fastnn import functional
from fastnn.thinc import calls

__all__ = ["FastnnOps"]

_RELU, _SIGMOID, _SWISH, _MISH = map(calls.Activation, ("relu", "sigmoid", "silu", "mish"))
_GELU, _GELU_TANH = map(calls.Activation, ("gelu", "gelu_tanh"))
_HARDTANH, _HARDSWISH = map(calls.Activation, ("hardtanh", "hardswish"))


@registry.ops("fastnn")
class FastnnOps(NumpyOps):
    """thinc's backend for CPUs, with fastnn's kernels and threads.

    It is a `NumpyOps` that answers to the name "fastnn", and computes what `NumpyOps` does, of
    float32 and of float64. Whatever the kernels don't take, other dtypes or arrays that don't fit
    each other, is left to `NumpyOps`, errors included.

    Parameters
    ----------
    device_type : str, default "cpu"
    device_id : int, default -1
    use_blis : bool, default True
        As of `NumpyOps`; the last decides only what multiplies the matrices that fastnn doesn't.

    See Also
    --------
    Adam : optimizers of thinc don't ask for a backend.
    install : the same without a change to the code that trains.

    Notes
    -----
    Overridden are products (`gemm`, `affine`), `maxout`, `softmax` and the dropout mask, the
    activations ReLU, `relu_k`, `hard_tanh`, `hard_swish_mobilenet`, `sigmoid`, `swish`, `mish`,
    `gelu`, `gelu_approx`, and what optimizers call. docs/thinc.md has what each takes, and why the
    others are left alone. Results differ from those of `NumpyOps` by rounding, and where `NumpyOps`
    approximates:

    - `sigmoid`, `swish` and their gradients don't clip the input to [-20, 20], 2e-9 at most.
    - `gelu` doesn't approximate the error function, 1.5e-7 at most.
    - `gemm` takes float64 in any version of thinc.
    - Infinite inputs give the limit, and not NaN.
    - `backprop_mish` and `backprop_relu` of arrays that aren't contiguous are right, and
      `backprop_maxout` checks that its arrays fit each other.

    Masks of dropout are the same to the bit, as they are drawn from NumPy's generator. Results are
    the same for any number of threads.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.thinc import FastnnOps
    >>> from thinc.api import Relu, Softmax, chain, set_current_ops
    >>> set_current_ops(FastnnOps())  # before the model is made
    >>> model = chain(Relu(32), Softmax())
    >>> x = np.ones((4, 8), np.float32)
    >>> _ = model.initialize(x, np.zeros((4, 3), np.float32))
    >>> model.ops.name, model.predict(x).shape
    ('fastnn', (4, 3))
    >>> from thinc.api import NumpyOps
    >>> set_current_ops(NumpyOps())  # as it was
    """

    name = "fastnn"

    # Products.

    def gemm(self, x, y, *, out=None, trans1=False, trans2=False):
        """x y, or with either transposed, in `out` if that is given."""
        product = calls.product(x, y, out, bool(trans1), bool(trans2))
        if product is None:
            return super().gemm(x, y, out=out, trans1=trans1, trans2=trans2)
        return product

    def affine(self, X, W, b):
        """X W^T + b."""
        Y = calls.product(X, W, transpose_y=True, bias=b)
        return super().affine(X, W, b) if Y is None else Y

    # Activations. What NumpyOps does in place, and with which array, is done in place here.

    def relu(self, X, inplace=False):
        """max(X, 0)"""
        Y = _RELU.forward(X, inplace)
        return super().relu(X, inplace=inplace) if Y is None else Y

    def backprop_relu(self, dY, Y, inplace=False):
        """dY where Y > 0, else 0."""
        dX = _RELU.backward(dY, Y, dY if inplace else None)
        return super().backprop_relu(dY, Y, inplace=inplace) if dX is None else dX

    def sigmoid(self, X, *, inplace=False):
        """1 / (1 + exp(-X))"""
        Y = _SIGMOID.forward(X, inplace)
        return super().sigmoid(X, inplace=inplace) if Y is None else Y

    def backprop_sigmoid(self, dY, Y, *, inplace=False):
        """dY Y (1 - Y); in place it is Y that is overwritten."""
        dX = _SIGMOID.backward(dY, Y, Y if inplace else None)
        return super().backprop_sigmoid(dY, Y, inplace=inplace) if dX is None else dX

    # relu_k and hard_tanh are this one; with another slope it stays NumPy's.

    def clipped_linear(
        self, X, slope=1.0, offset=0.0, min_val=0.0, max_val=1.0, inplace=False
    ):  # fmt: skip
        """min(max(slope X + offset, min_val), max_val)"""
        if slope == 1 and offset == 0:
            Y = _HARDTANH.forward(X, inplace, (min_val, max_val))
            if Y is not None:
                return Y
        return super().clipped_linear(X, slope, offset, min_val, max_val, inplace)

    def backprop_clipped_linear(
        self, dY, X, slope=1.0, offset=0.0, min_val=0.0, max_val=1.0, inplace=False
    ):  # fmt: skip
        """slope dY where min_val < slope X + offset < max_val, else 0."""
        if slope == 1 and offset == 0:
            dX = _HARDTANH.backward(dY, X, dY if inplace else None, (min_val, max_val))
            if dX is not None:
                return dX
        return super().backprop_clipped_linear(dY, X, slope, offset, min_val, max_val, inplace)

    def hard_swish_mobilenet(self, X, inplace=False):
        """X min(max(X + 3, 0), 6) / 6"""
        Y = _HARDSWISH.forward(X, inplace)
        return super().hard_swish_mobilenet(X, inplace=inplace) if Y is None else Y

    def backprop_hard_swish_mobilenet(self, dY, X, inplace=False):
        """dY times the derivative at X."""
        dX = _HARDSWISH.backward(dY, X, dY if inplace else None)
        if dX is None:
            return super().backprop_hard_swish_mobilenet(dY, X, inplace=inplace)
        return dX

    def swish(self, X, inplace=False):
        """X / (1 + exp(-X))"""
        Y = _SWISH.forward(X, inplace)
        return super().swish(X, inplace=inplace) if Y is None else Y

    def backprop_swish(self, dY, X, Y, inplace=False):
        """dY times the derivative at X."""
        if np.shape(Y) == np.shape(X):  # else an error, though nothing needs Y
            dX = _SWISH.backward(dY, X, dY if inplace else None)
            if dX is not None:
                return dX
        return super().backprop_swish(dY, X, Y, inplace=inplace)

    # Above 20 mish is X to the last bit, so that any higher threshold changes nothing.

    def mish(self, X, threshold=20.0, inplace=False):
        """X tanh(log(1 + exp(X))), and X from `threshold` on."""
        Y = _MISH.forward(X, inplace) if threshold >= 20 else None
        return super().mish(X, threshold, inplace) if Y is None else Y

    def backprop_mish(self, dY, X, threshold=20.0, inplace=False):
        """dY times the derivative at X, which is 1 from `threshold` on."""
        if threshold >= 20:
            dX = _MISH.backward(dY, X, dY if inplace else None)
            if dX is not None:
                return dX
        # In C order, as that is how NumpyOps reads them.
        dX = super().backprop_mish(np.ascontiguousarray(dY), np.ascontiguousarray(X), threshold)
        if inplace:
            dY[...] = dX
            return dY
        return dX

    def gelu(self, X, inplace=False):
        """X Phi(X), Phi the normal distribution."""
        Y = _GELU.forward(X, inplace)
        return super().gelu(X, inplace=inplace) if Y is None else Y

    def backprop_gelu(self, dY, X, inplace=False):
        """dY times the derivative at X."""
        dX = _GELU.backward(dY, X, dY if inplace else None)
        return super().backprop_gelu(dY, X, inplace=inplace) if dX is None else dX

    def gelu_approx(self, X, inplace=False):
        """X (1 + tanh(u)) / 2, u = sqrt(2 / pi) (X + 0.044715 X^3)"""
        Y = _GELU_TANH.forward(X, inplace)
        return super().gelu_approx(X, inplace=inplace) if Y is None else Y

    def backprop_gelu_approx(self, dY, X, inplace=False):
        """dY times the derivative at X."""
        dX = _GELU_TANH.backward(dY, X, dY if inplace else None)
        return super().backprop_gelu_approx(dY, X, inplace=inplace) if dX is None else dX

    # Rows.

    def softmax(self, x, *, inplace=False, axis=-1, temperature=1.0):
        """exp(x / temperature) / sum(exp(x / temperature)) along an axis, in a new array."""
        if axis == -1 or axis == np.ndim(x) - 1:
            y = calls.softmax(x, temperature)
            if y is not None:
                return y
        return super().softmax(x, inplace=inplace, axis=axis, temperature=temperature)

    def backprop_softmax(self, Y, dY, *, axis=-1, temperature=1.0):
        """Y (dY - sum(dY Y)) / temperature along an axis."""
        if axis == -1 or axis == np.ndim(Y) - 1:
            dX = calls.softmax_backward(dY, Y, temperature)
            if dX is not None:
                return dX
        return super().backprop_softmax(Y, dY, axis=axis, temperature=temperature)

    def maxout(self, X):
        """The largest of the last axis, and which it is."""
        if calls.are_plain(X) and X.ndim == 3 and X.size:
            rows, width, pieces = X.shape
            return functional.maxout(X.reshape(rows, width * pieces), pieces)
        return super().maxout(X)

    def backprop_maxout(self, dY, which, P):
        """dY at the largest of P pieces, 0 at the others."""
        if (
            calls.are_plain(dY)
            and dY.ndim == 2
            and type(which) is ndarray
            and which.dtype == np.int32
        ):
            try:
                return functional.maxout_backward(dY, which, P).reshape(*dY.shape, P)
            except ValueError as error:
                if which.shape == dY.shape:
                    raise IndexError(str(error)) from None  # as thinc: a place not among P
                raise
        return super().backprop_maxout(dY, which, P)

    def get_dropout_mask(self, shape, drop):
        """0 with probability `drop`, else 1 / (1 - drop)."""
        if drop is None or not 0 < drop < 1:
            return super().get_dropout_mask(shape, drop)
        # The numbers that NumpyOps draws, and then no pass over them in double.
        kept = np.random.random_sample(shape) >= drop  # noqa: NPY002
        return np.asarray(np.multiply(kept, np.float32(1 / (1 - drop))))

    # What optimizers call.

    def adam(
        self, weights, gradient, mom1, mom2, beta1, beta2, eps, learn_rate, mod_rate=1.0
    ):  # fmt: skip
        """A step of Adam at a rate that has its corrections already; zeroes the gradient."""
        averages = mom1, mom2
        if max(beta1, beta2) < 1 and calls.adam(
            weights, gradient, *averages, beta1, beta2, eps, learn_rate
        ):
            gradient.fill(0)
            return weights, gradient, mom1, mom2
        return super().adam(
            weights, gradient, *averages, beta1, beta2, eps, learn_rate, mod_rate
        )  # fmt: skip

    def clip_gradient(self, gradient, threshold):
        """The gradient, scaled down in place to the norm `threshold` if that is exceeded."""
        if not calls.are_plain(gradient):
            return super().clip_gradient(gradient, threshold)
        norm = calls.norm(gradient)
        if norm >= threshold:
            gradient *= float(np.divide(threshold, norm))  # 0 / 0 is NaN, as NumPy's
        return gradient

    def update_averages(self, ema, weights, t, max_decay=0.9999):
        """ema += (1 - d) (weights - ema) in place, d = min((1 + t) / (10 + t), max_decay)."""
        decay = min((1 + t) / (10 + t), max_decay)
        if not calls.approach(ema, 1 - decay, weights):
            super().update_averages(ema, weights, t, max_decay)
