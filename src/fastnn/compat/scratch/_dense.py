"""Layers of rows of numbers: activations, products, dropout, and the loss."""
# ruff: noqa: NPY002  (the book's scripts seed NumPy's global random numbers)

import numpy as np

from fastnn import functional
from fastnn.compat.scratch import _products
from fastnn.compat.scratch._lazy import Lazy, settled
from fastnn.compat.scratch._memory import Memory
from fastnn.compat.scratch._numbers import FLOAT64, FLOATS, ordinary
from fastnn.compat.scratch.functions import cross_entropy_error, sigmoid, softmax


class Relu:
    """``max(x, 0)``.

    Attributes
    ----------
    mask : bool ndarray or None
        Where the last input was not above 0. Computed from that input when it is asked for.

    Notes
    -----
    As the book's, `backward` works in place and returns the array it was given. Both read the
    input of the last `forward`, which is not copied.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch.layers import Relu
    >>> relu = Relu()
    >>> relu.forward(np.array([[-1.0, 0.0, 2.0]]))
    array([[0., 0., 2.]])
    >>> relu.backward(np.array([[5.0, 6.0, 7.0]]))
    array([[0., 0., 7.]])
    """

    def __init__(self):
        self._x = None
        self._results = Memory()

    @property
    def mask(self):
        return None if self._x is None else self._x <= 0

    def forward(self, x):
        """`x` with zeros where it is below 0."""
        self._x = x
        if ordinary(x) and x.dtype in FLOATS:
            return functional.relu(x, out=self._results.empty(x.shape, x.dtype))
        y = x.copy()
        y[self.mask] = 0
        return y

    def backward(self, dout):
        """`dout` itself, set to 0 where the input was not above 0."""
        dout, x = settled(dout), self._x
        if _alike(dout, x) and dout.flags.writeable:
            # The kernel asks of what the forward saved whether it is above 0.
            return functional.relu_backward(dout, x, out=dout)
        dout[self.mask] = 0
        return dout


class Sigmoid:
    """``1 / (1 + exp(-x))``.

    Attributes
    ----------
    out : ndarray or None
        The last output, which `backward` reads.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch.layers import Sigmoid
    >>> layer = Sigmoid()
    >>> layer.forward(np.zeros((1, 2)))
    array([[0.5, 0.5]])
    >>> layer.backward(np.array([[1.0, 4.0]]))
    array([[0.25, 1.  ]])
    """

    def __init__(self):
        self.out = None

    def forward(self, x):
        """``sigmoid(x)``."""
        self.out = sigmoid(x)
        return self.out

    def backward(self, dout):
        """``dout (1 - out) out``."""
        dout, out = settled(dout), self.out
        if _alike(dout, out):
            return functional.sigmoid_backward(dout, out)
        return dout * (1.0 - out) * out


class Affine:
    """``x W + b``, of inputs of any shape, flattened to rows.

    Parameters
    ----------
    W : ndarray of shape (inputs, outputs)
    b : ndarray of shape (outputs,)
        Both are kept, not copied: a script that changes them in place changes the layer.

    Attributes
    ----------
    x, original_x_shape
        The last input as rows, and its own shape.
    dW, db : ndarray or None
        The gradients of the last `backward`, new arrays each time.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch.layers import Affine
    >>> layer = Affine(np.array([[1.0], [2.0]]), np.array([0.5]))
    >>> layer.forward(np.array([[3.0, 4.0]]))
    array([[11.5]])
    >>> layer.backward(np.array([[1.0]]))
    array([[1., 2.]])
    >>> layer.dW.tolist(), layer.db.tolist()
    ([[3.0], [4.0]], [1.0])
    """

    def __init__(self, W, b):
        self.W = W
        self.b = b
        self.x = None
        self.original_x_shape = None
        self.dW = None
        self.db = None
        self._converted = None

    def forward(self, x):
        """``x W + b`` for `x` of shape (N, ...)."""
        self.original_x_shape = x.shape
        self.x = x.reshape(x.shape[0], -1)
        y, self._converted = _products.affine(self.x, self.W, self.b)
        return y

    def backward(self, dout):
        """The gradient with respect to the input, in its shape; `dW` and `db` are set.

        Where the input wasn't float64 it was data, whose gradient hardly anybody reads: that is
        computed when somebody does, see `Lazy`.
        """
        dout, x, shape = settled(dout), self.x, self.original_x_shape
        converted = self._converted
        kept = converted if converted is not None and converted.dtype == dout.dtype else x
        self.dW, self.db = _products.parameter_gradients(kept, dout)
        if x.dtype == FLOAT64:
            return _products.input_gradient(dout, self.W).reshape(shape)
        # As they are now: the step that follows changes the weight in place, and a layer that
        # shares `dout` may change that.
        kept = dout.copy(), self.W.copy()
        return Lazy(lambda: _products.input_gradient(*kept).reshape(shape))


class SoftmaxWithLoss:
    """Softmax and the mean cross-entropy, see `cross_entropy_error`.

    Attributes
    ----------
    loss, y, t
        Of the last `forward`: the loss, the probabilities, the targets.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch.layers import SoftmaxWithLoss
    >>> layer = SoftmaxWithLoss()
    >>> round(float(layer.forward(np.zeros((1, 2)), np.array([1]))), 6)
    0.693147
    >>> layer.backward()
    array([[ 0.5, -0.5]])
    """

    def __init__(self):
        self.loss = None
        self.y = None
        self.t = None

    def forward(self, x, t):
        """The loss of scores `x` (N, C) for classes (N,) or one-hot rows (N, C)."""
        self.t = t
        self.y = softmax(x)
        self.loss = cross_entropy_error(self.y, t)
        return self.loss

    def backward(self, dout=1):
        """The gradient with respect to `x`; `dout` is not looked at, as in the book."""
        rows = self.t.shape[0]
        if self.t.size == self.y.size:
            dx = self.y - self.t
        else:
            dx = self.y.copy()
            dx[np.arange(rows), self.t] -= 1
        dx /= rows
        return dx


class Dropout:
    """Dropout that is not inverted (Srivastava et al., 2014): outputs are scaled down when
    nothing is dropped.

    Parameters
    ----------
    dropout_ratio : float
        The probability of a zero in training.

    Attributes
    ----------
    mask : bool ndarray or None
        What the last `forward` in training let through, drawn by ``np.random.rand``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch.layers import Dropout
    >>> Dropout(0.25).forward(np.array([[4.0, 8.0]]), train_flg=False)
    array([[3., 6.]])
    """

    def __init__(self, dropout_ratio=0.5):
        self.dropout_ratio = dropout_ratio
        self.mask = None

    def forward(self, x, train_flg=True):
        """`x` with some zeros in training, else ``x (1 - dropout_ratio)``."""
        if not train_flg:
            return x * (1.0 - self.dropout_ratio)
        self.mask = np.random.rand(*x.shape) > self.dropout_ratio
        return x * self.mask

    def backward(self, dout):
        """`dout` where the last forward in training let through, else 0."""
        return dout * self.mask


def _alike(a, b) -> bool:
    # Whether the engine takes two arrays as they are.
    return (
        ordinary(a) and ordinary(b) and a.dtype == b.dtype and a.shape == b.shape
        and a.dtype in FLOATS
    )  # fmt: skip
