"""Convolution of images, a tap of the kernel at a time."""

import numpy as np


def _pair(value):
    return value if isinstance(value, tuple) else (value, value)


def _borders(padding, kernel, dilation):
    """Zeros before and after, by axis. "same" puts the odd one after."""
    if padding == "same":
        extra = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return [(n // 2, n - n // 2) for n in extra]
    return [(p, p) for p in _pair(padding)]


def _taps(image, kernel, stride, dilation):
    """(u, v) and a view of what this tap meets at each pixel of the output, (N, C, height, width),
    where image is the one with its border."""
    sizes = [
        (n - d * (k - 1) - 1) // s + 1
        for n, k, s, d in zip(image.shape[2:], kernel, stride, dilation, strict=True)
    ]
    for u, v in np.ndindex(*kernel):
        rows, columns = (
            slice(tap * d, tap * d + (n - 1) * s + 1, s)
            for tap, n, s, d in zip((u, v), sizes, stride, dilation, strict=True)
        )
        yield (u, v), image[:, :, rows, columns]


def conv2d(x, weight, bias=None, *, stride=1, padding=0, dilation=1, groups=1):
    """x (N, C, H, W), weight (O, C / groups, *kernel), bias (O) -> y (N, O, height, width)."""
    stride, dilation, kernel = _pair(stride), _pair(dilation), weight.shape[2:]
    image = np.pad(x, [(0, 0), (0, 0), *_borders(padding, kernel, dilation)])
    y = 0
    for (u, v), met in _taps(image, kernel, stride, dilation):
        parts = zip(np.split(weight[:, :, u, v], groups), np.split(met, groups, 1), strict=True)
        y = y + np.concatenate([np.einsum("oc,ncij->noij", w, m) for w, m in parts], 1)
    return y if bias is None else y + bias[:, None, None]


def conv2d_backward(grad, x, weight, *, stride=1, padding=0, dilation=1, groups=1):
    """(dx, dweight, dbias), given the gradient with respect to y."""
    stride, dilation, kernel = _pair(stride), _pair(dilation), weight.shape[2:]
    borders = _borders(padding, kernel, dilation)
    image = np.pad(x, [(0, 0), (0, 0), *borders])
    dimage, dweight = np.zeros_like(image), np.empty_like(weight)
    taps = zip(
        _taps(image, kernel, stride, dilation), _taps(dimage, kernel, stride, dilation), strict=True
    )
    for ((u, v), met), (_, dmet) in taps:
        for g, (w, m, dm, dy) in enumerate(
            zip(
                np.split(weight[:, :, u, v], groups), np.split(met, groups, 1),
                np.split(dmet, groups, 1), np.split(grad, groups, 1), strict=True,
            )
        ):  # fmt: skip
            dm += np.einsum("oc,noij->ncij", w, dy)
            maps = slice(g * len(w), (g + 1) * len(w))
            dweight[maps, :, u, v] = np.einsum("noij,ncij->oc", dy, m)
    (top, _), (left, _) = borders
    dx = dimage[:, :, top : top + x.shape[2], left : left + x.shape[3]]
    return dx.copy(), dweight, grad.sum((0, 2, 3))
