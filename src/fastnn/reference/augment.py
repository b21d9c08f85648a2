"""Images deformed: noise, smooth random fields, one resampling."""

import numpy as np

_64 = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15


def _mixed(z):
    """The finaliser of SplitMix64 (Steele, Lea & Flood, 2014), of a number of 64 bits."""
    z &= _64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & _64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & _64
    return z ^ (z >> 31)


def image_noise(seed, epoch, index, stream, n):
    """The n numbers in [-1, 1) of an image: stream 0 for its map, 1 for its field.

    C. Wellons' triple32 (2018) of 0, 1, 2, ..., with half of the key between its rounds.
    """
    key = _mixed(_mixed(_mixed(_mixed(seed + _GOLDEN) + epoch) + 2 * index + stream))
    h = np.arange(n, dtype=np.uint32) ^ np.uint32(key & 0xFFFFFFFF)
    h = (h ^ (h >> 17)) * np.uint32(0xED5AD4BB) + np.uint32(key >> 32)
    h = (h ^ (h >> 11)) * np.uint32(0xAC4C1B51)
    h = (h ^ (h >> 15)) * np.uint32(0x31848BAB)
    h = h ^ (h >> 14)
    return (h >> 8) / 2.0**23 - 1


def gaussian_smooth(x, sigma):
    """x (..., n) * G along the last axis, x being 0 outside; G ends at 4 sigma and adds up to 1."""
    reach, n = int(4 * sigma + 0.5), x.shape[-1]
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    distance = np.subtract.outer(np.arange(n), np.arange(n))
    near = abs(distance) <= reach
    matrix = np.where(near, weights[np.clip(distance, -reach, reach) + reach], 0) / weights.sum()
    return x @ matrix.astype(x.dtype)


def elastic_field(noise, sigma, alpha):
    """Displacements (H, 2, W), down and to the right, from noise of that shape."""
    along_rows = gaussian_smooth(noise, sigma)
    return alpha * gaussian_smooth(along_rows.swapaxes(0, -1), sigma).swapaxes(0, -1)


def warp(image, matrix, field=0.0, background=0.0):
    """Pixel p = (i, j) from place matrix @ (i, j, 1) + field[i, :, j] of the image (..., H, W)."""
    height, width = image.shape[-2:]
    i, j = np.mgrid[:height, :width]
    places = np.tensordot(matrix, np.stack([i, j, np.ones_like(i)]), 1)
    row, column = places + np.moveaxis(np.broadcast_to(field, (height, 2, width)), 1, 0)
    # One row and column of background are as good as infinitely many.
    edges = [(0, 0)] * (image.ndim - 2) + [(1, 2), (1, 2)]
    framed = np.pad(image, edges, constant_values=background)
    row, column = np.clip(row, -1, height) + 1, np.clip(column, -1, width) + 1
    top, left = np.floor(row).astype(int), np.floor(column).astype(int)
    down, right = row - top, column - left
    upper = (1 - right) * framed[..., top, left] + right * framed[..., top, left + 1]
    lower = (1 - right) * framed[..., top + 1, left] + right * framed[..., top + 1, left + 1]
    return (1 - down) * upper + down * lower
