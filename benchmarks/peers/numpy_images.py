"""Deformed images in NumPy, one after the other, as in `fastnn.reference` but in float32."""

import numpy as np

from benchmarks.images import ELASTIC, draw

VERSION = np.__version__
IMAGES = 64


def smoother(n, sigma):
    """The Gaussian of n numbers along an axis, as a matrix."""
    reach = int(4 * sigma + 0.5)
    distance = np.subtract.outer(np.arange(n), np.arange(n))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2).sum()
    matrix = np.where(abs(distance) <= reach, np.exp(-0.5 * (distance / sigma) ** 2), 0) / weights
    return matrix.astype(np.float32)


def warp(image, row, column):
    """The image at places, bilinear, black around it."""
    height, width = image.shape
    framed = np.pad(image, (1, 2))
    row, column = np.clip(row, -1, height) + 1, np.clip(column, -1, width) + 1
    top, left = row.astype(int), column.astype(int)
    down, right = row - top, column - left
    upper = framed[top, left] + right * (framed[top, left + 1] - framed[top, left])
    top += 1
    lower = framed[top, left] + right * (framed[top, left + 1] - framed[top, left])
    return upper + down * (lower - upper)


def deform(x, maps, noise):
    """Images (N, H, W) by maps (N, 2, 3) and the noise (N, 2, H, W) of fields, or by either."""
    i, j = np.indices(x.shape[1:], np.float32)
    along_rows, along_columns = (smoother(n, ELASTIC[0]) for n in x.shape[1:])
    results = np.empty_like(x)
    for k, image in enumerate(x):
        row, column = i, j
        if maps is not None:
            row, column = (a * i + b * j + c for a, b, c in maps[k])
        if noise is not None:
            field = ELASTIC[1] * (along_rows @ noise[k] @ along_columns)
            row, column = row + field[0], column + field[1]
        results[k] = warp(image, row, column)
    return results


def deformer(kind, x):
    rng = np.random.default_rng(0)
    x = x / np.float32(255)
    return lambda: deform(x, *draw(kind, rng, len(x)))
