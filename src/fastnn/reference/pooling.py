"""Pools over samples (maps, height, width), window by window."""

import itertools

import numpy as np


def _pair(value):
    return value if isinstance(value, tuple | list) else (value, value)


def _steps(size, kernel, stride, padding, dilation, ceil_mode):
    """For each window along an axis, the places of its elements, the padding's included."""
    free = size + 2 * padding - dilation * (kernel - 1) - 1
    n = (-(-free // stride) if ceil_mode else free // stride) + 1
    begins = [o * stride - padding for o in range(n) if o * stride - padding < size]
    return [range(b, b + dilation * (kernel - 1) + 1, dilation) for b in begins]


def _windows(shape, kernel_size, stride, padding, dilation=1, ceil_mode=False):
    """Each output's place, and the rows and columns of its window."""
    kernel = _pair(kernel_size)
    parts = (kernel, _pair(kernel if stride is None else stride), _pair(padding), _pair(dilation))
    axes = [_steps(shape[2 + i], *(part[i] for part in parts), ceil_mode) for i in (0, 1)]
    return [len(axis) for axis in axes], [
        (oy, ox, rows, cols)
        for (oy, rows), (ox, cols) in itertools.product(*(enumerate(axis) for axis in axes))
    ]


def _inside(steps, size):
    return [i for i in steps if 0 <= i < size]


def _mean_windows(shape, kernel_size, stride, padding, ceil_mode, count_include_pad):
    """Each output's place, its window's part in the map, and how many elements its mean is of."""
    size, pads = shape[2:], _pair(padding)
    outputs, windows = _windows(shape, kernel_size, stride, padding, 1, ceil_mode)
    found = []
    for oy, ox, rows, cols in windows:
        part = np.ix_(_inside(rows, size[0]), _inside(cols, size[1]))
        counted = [
            sum(i < n + pad for i in steps)
            for steps, n, pad in zip((rows, cols), size, pads, strict=True)
        ]
        count = np.prod(counted) if count_include_pad else part[0].size * part[1].size
        found.append((oy, ox, part, count))
    return outputs, found


def max_pool2d(x, kernel_size, *, stride=None, padding=0, dilation=1, ceil_mode=False):
    outputs, windows = _windows(x.shape, kernel_size, stride, padding, dilation, ceil_mode)
    y = np.empty((*x.shape[:2], *outputs), x.dtype)
    for oy, ox, rows, cols in windows:
        part = np.ix_(_inside(rows, x.shape[2]), _inside(cols, x.shape[3]))
        y[:, :, oy, ox] = x[:, :, *part].max(axis=(2, 3))
    return y


def max_pool2d_backward(
    grad, x, kernel_size, *, stride=None, padding=0, dilation=1, ceil_mode=False
):
    dx = np.zeros_like(x)
    samples, maps = np.ogrid[: x.shape[0], : x.shape[1]]
    _, windows = _windows(x.shape, kernel_size, stride, padding, dilation, ceil_mode)
    for oy, ox, rows, cols in windows:
        rows, cols = _inside(rows, x.shape[2]), _inside(cols, x.shape[3])
        part = x[:, :, *np.ix_(rows, cols)].reshape(*x.shape[:2], -1)
        i, j = np.divmod(part.argmax(axis=2), len(cols))
        dx[samples, maps, np.array(rows)[i], np.array(cols)[j]] += grad[:, :, oy, ox]
    return dx


def avg_pool2d(x, kernel_size, *, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    outputs, windows = _mean_windows(
        x.shape, kernel_size, stride, padding, ceil_mode, count_include_pad
    )
    y = np.empty((*x.shape[:2], *outputs), x.dtype)
    for oy, ox, part, count in windows:
        y[:, :, oy, ox] = x[:, :, *part].sum(axis=(2, 3)) / count
    return y


def avg_pool2d_backward(
    grad, x, kernel_size, *, stride=None, padding=0, ceil_mode=False, count_include_pad=True
):
    dx = np.zeros_like(x)
    _, windows = _mean_windows(x.shape, kernel_size, stride, padding, ceil_mode, count_include_pad)
    for oy, ox, part, count in windows:
        dx[:, :, *part] += grad[:, :, oy, ox, None, None] / count
    return dx


def _adaptive(shape, output_size):
    """Each output's place, and its window."""
    outputs = [n or own for n, own in zip(_pair(output_size), shape[2:], strict=True)]
    axes = [
        [slice(o * size // n, -(-(o + 1) * size // n)) for o in range(n)]
        for n, size in zip(outputs, shape[2:], strict=True)
    ]
    return outputs, [
        (oy, ox, rows, cols)
        for (oy, rows), (ox, cols) in itertools.product(*(enumerate(axis) for axis in axes))
    ]


def adaptive_avg_pool2d(x, output_size):
    outputs, windows = _adaptive(x.shape, output_size)
    y = np.empty((*x.shape[:2], *outputs), x.dtype)
    for oy, ox, rows, cols in windows:
        y[:, :, oy, ox] = x[:, :, rows, cols].mean(axis=(2, 3))
    return y


def adaptive_avg_pool2d_backward(grad, x, output_size):
    dx = np.zeros_like(x)
    for oy, ox, rows, cols in _adaptive(x.shape, output_size)[1]:
        count = dx[0, 0, rows, cols].size if dx.size else 1
        dx[:, :, rows, cols] += grad[:, :, oy, ox, None, None] / count
    return dx
