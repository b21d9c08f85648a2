"""Layers of images."""

import numpy as np

from fastnn.compat.scratch import _images
from fastnn.compat.scratch._lazy import Lazy, settled
from fastnn.compat.scratch._memory import Memory
from fastnn.compat.scratch._numbers import FLOAT64, numbers
from fastnn.compat.scratch.util import im2col


class Convolution:
    """The sums of images under filters at each place, plus a bias for each filter.

    Parameters
    ----------
    W : ndarray of shape (filters, channels, rows, cols)
    b : ndarray of shape (filters,), or a number
        Both are kept, not copied.
    stride : int
        Pixels from place to place.
    pad : int
        Width of the border of zeros.

    Attributes
    ----------
    x : ndarray
        The last input.
    col, col_W : ndarray
        Its `im2col`, and the filters as columns: made when they are asked for.
    dW, db : ndarray or None
        The gradients of the last `backward`, new arrays each time.

    Notes
    -----
    Outputs and gradients are float64, whatever the input is, as in the book.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch.layers import Convolution
    >>> layer = Convolution(np.ones((1, 1, 2, 2)), np.zeros(1))
    >>> layer.forward(np.arange(9.0).reshape(1, 1, 3, 3))
    array([[[[ 8., 12.],
             [20., 24.]]]])
    """

    def __init__(self, W, b, stride=1, pad=0):
        self.W = W
        self.b = b
        self.stride = stride
        self.pad = pad
        self.x = None
        self.dW = None
        self.db = None
        self._geometry = None
        self._images = None
        self._results, self._gradients = Memory(), Memory()

    @property
    def col(self):
        return None if self.x is None else im2col(self.x, *self.W.shape[2:], self.stride, self.pad)

    @property
    def col_W(self):
        return None if self.x is None else self.W.reshape(len(self.W), -1).T

    def forward(self, x):
        """The maps of images of shape (N, channels, H, W), (N, filters, out_h, out_w)."""
        filters, channels, *window = self.W.shape
        image = x.shape[1:]
        if len(window) != 2 or len(image) != 3:
            raise ValueError(
                "x: expected images (N, C, H, W) for filters (F, C, rows, cols), "
                f"got shape {x.shape} for {self.W.shape}"
            )
        geometry = _images.Geometry.of(image, tuple(window), self.stride, self.pad)
        if channels != image[0] or filters < 1:
            raise ValueError(
                f"x: expected images for filters of shape {self.W.shape}, got shape {x.shape}"
            )
        bias = numbers(np.broadcast_to(self.b, (filters,)))
        images = _images.as_images(x)
        y = _images.convolve(images, numbers(self.W), bias, geometry, self._results)
        self.x, self._images, self._geometry = x, images, geometry
        return y

    def backward(self, dout):
        """The gradient with respect to the input, in its shape; `dW` and `db` are set.

        Computed when somebody reads it where the input was data, not float64: see `Lazy`.
        """
        expected = (len(self.x), len(self.W), *self._geometry.output)
        if dout.shape != expected:
            raise ValueError(f"dout: expected shape {expected}, got {dout.shape}")
        dout, geometry = _images.as_images(settled(dout)), self._geometry
        self.dW, self.db = _images.convolution_gradients(self._images, dout, geometry)
        weight, memory = numbers(self.W), self._gradients
        if self.x.dtype == FLOAT64:
            return _images.convolution_input_gradient(dout, weight, geometry, memory)
        # As they are now: see `Affine.backward`.
        kept = self._results.empty(dout.shape), weight.copy()
        np.copyto(kept[0], dout)
        return Lazy(lambda: _images.convolution_input_gradient(*kept, geometry, memory))


class Pooling:
    """The largest element of each window.

    Parameters
    ----------
    pool_h, pool_w : int
        Rows and columns of a window.
    stride : int
        Pixels from window to window.
    pad : int
        Width of a border of zeros. As in the book the windows are counted without it, and it is
        an error where that makes a difference.

    Attributes
    ----------
    x : ndarray
        The last input, which `backward` reads: it is to be left alone until then.
    arg_max : int ndarray
        Which element of each window was the largest, the first of equal ones; windows by sample,
        row, column, channel. Computed when it is asked for.

    Notes
    -----
    Outputs and gradients are float64, as in the book. NaN is larger than any number.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch.layers import Pooling
    >>> layer = Pooling(2, 2, stride=2)
    >>> layer.forward(np.array([[[[1.0, 4.0], [3.0, 2.0]]]]))
    array([[[[4.]]]])
    >>> layer.backward(np.array([[[[5.0]]]]))
    array([[[[0., 5.],
             [0., 0.]]]])
    """

    def __init__(self, pool_h, pool_w, stride=1, pad=0):
        self.pool_h = pool_h
        self.pool_w = pool_w
        self.stride = stride
        self.pad = pad
        self.x = None
        self._geometry = None
        self._images = None
        self._gradients = Memory()

    @property
    def arg_max(self):
        if self.x is None:
            return None
        col = im2col(self.x, self.pool_h, self.pool_w, self.stride, self.pad)
        return col.reshape(-1, self.pool_h * self.pool_w).argmax(axis=1)

    def forward(self, x):
        """The maxima of images of shape (N, C, H, W), (N, C, out_h, out_w)."""
        pad, window = self.pad, (self.pool_h, self.pool_w)
        _, channels, height, width = x.shape
        plain = _images.Geometry.of((channels, height, width), window, self.stride, 0)
        outputs = _images.Geometry.of((channels, height, width), window, self.stride, pad).output
        if outputs != plain.output:
            raise ValueError(
                f"x: expected images with as many windows of shape {window} as with a border of "
                f"{pad}, got shape {x.shape}"
            )
        bordered = (channels, height + 2 * pad, width + 2 * pad)
        geometry = _images.Geometry.of(bordered, window, self.stride, 0)
        images = _images.as_images(x)
        if pad:
            images = np.pad(images, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
        y = _images.max_pool(images, geometry)
        self.x, self._images, self._geometry = x, images, geometry
        return y

    def backward(self, dout):
        """The gradient with respect to the input, in its shape."""
        expected = (*self.x.shape[:2], *self._geometry.output)
        if dout.shape != expected:
            raise ValueError(f"dout: expected shape {expected}, got {dout.shape}")
        dx = _images.max_pool_gradient(
            _images.as_images(settled(dout)), self._images, self._geometry, self._gradients
        )
        height, width = self.x.shape[2:]
        return dx[:, :, self.pad : height + self.pad, self.pad : width + self.pad]
