"""The book's ``common.util``: smoothing, shuffling, and images as matrices."""
# ruff: noqa: NPY002  (the book's scripts seed NumPy's global random numbers)

import numpy as np

__all__ = ["col2im", "conv_output_size", "im2col", "np", "shuffle_dataset", "smooth_curve"]


def smooth_curve(x):
    """A curve averaged over windows of 11 points, weighted by Kaiser's window of beta 2, its
    ends reflected.

    Parameters
    ----------
    x : sequence of at least 11 numbers

    Returns
    -------
    ndarray
        As many numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch.util import smooth_curve
    >>> np.allclose(smooth_curve([3.0] * 12), 3)
    True
    """
    window = np.kaiser(11, 2)
    extended = np.r_[x[10:0:-1], x, x[-1:-11:-1]]
    smooth = np.convolve(window / window.sum(), extended, mode="valid")
    return smooth[5:-5]


def shuffle_dataset(x, t):
    """Samples and targets in a new order, the same for both, by ``np.random.permutation``.

    Parameters
    ----------
    x, t : ndarray
        Of as many rows; `x` of two or four axes.

    Returns
    -------
    (ndarray, ndarray)

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch.util import shuffle_dataset
    >>> x, t = shuffle_dataset(np.arange(6.0).reshape(3, 2), np.arange(3))
    >>> bool((x[:, 0] == 2 * t).all())
    True
    """
    order = np.random.permutation(x.shape[0])
    return x[order], t[order]


def conv_output_size(input_size, filter_size, stride=1, pad=0):
    """How many places a filter has along an axis, ``(input + 2 pad - filter) / stride + 1``: a
    float.

    Examples
    --------
    >>> from fastnn.compat.scratch.util import conv_output_size
    >>> conv_output_size(28, 5)
    24.0
    """
    return (input_size + 2 * pad - filter_size) / stride + 1


def im2col(input_data, filter_h, filter_w, stride=1, pad=0):
    """Images as a matrix with a row for each place of a filter, of what it covers there.

    Parameters
    ----------
    input_data : ndarray of shape (N, C, H, W)
    filter_h, filter_w, stride, pad : int
        The images get a border of `pad` zeros first.

    Returns
    -------
    float64 ndarray of shape (N * out_h * out_w, C * filter_h * filter_w)

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch.util import im2col
    >>> im2col(np.arange(9.0).reshape(1, 1, 3, 3), 2, 2)
    array([[0., 1., 3., 4.],
           [1., 2., 4., 5.],
           [3., 4., 6., 7.],
           [4., 5., 7., 8.]])
    """
    count, channels = input_data.shape[:2]
    padded = np.pad(input_data, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    # (N, C, out_h, out_w, filter_h, filter_w), over the same memory
    windows = np.lib.stride_tricks.sliding_window_view(padded, (filter_h, filter_w), (2, 3))
    windows = windows[:, :, ::stride, ::stride]
    out_h, out_w = windows.shape[2:4]
    col = np.empty((count, out_h, out_w, channels, filter_h, filter_w))
    col[...] = windows.transpose(0, 2, 3, 1, 4, 5)
    return col.reshape(count * out_h * out_w, -1)


def col2im(col, input_shape, filter_h, filter_w, stride=1, pad=0):
    """The way back from `im2col`: each number is added to the pixel that it came from.

    Parameters
    ----------
    col : ndarray of shape (N * out_h * out_w, C * filter_h * filter_w)
    input_shape : (int, int, int, int)
        N, C, H, W.
    filter_h, filter_w, stride, pad : int

    Returns
    -------
    float64 ndarray of shape (N, C, H, W)

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch.util import col2im
    >>> col2im(np.ones((4, 4)), (1, 1, 3, 3), 2, 2)
    array([[[[1., 2., 1.],
             [2., 4., 2.],
             [1., 2., 1.]]]])
    """
    count, channels, height, width = input_shape
    out_h = (height + 2 * pad - filter_h) // stride + 1
    out_w = (width + 2 * pad - filter_w) // stride + 1
    taps = col.reshape(count, out_h, out_w, channels, filter_h, filter_w)
    taps = taps.transpose(4, 5, 0, 3, 1, 2)
    image = np.zeros((count, channels, height + 2 * pad, width + 2 * pad))
    for row in range(filter_h):
        for column in range(filter_w):
            below, right = row + stride * out_h, column + stride * out_w
            image[:, :, row:below:stride, column:right:stride] += taps[row, column]
    return image[:, :, pad : height + pad, pad : width + pad]
