"""What `Augment` draws for an image, and what becomes of it for the engine."""

import numpy as np

from fastnn import _engine

# Where Gaussians end, in standard deviations, as in SciPy.
_TRUNCATE = 4.0

# The numbers in [-1, 1) that an image draws, by their place. What one setting draws doesn't depend
# on the others.
(
    _ROTATION, _SHEARING, _KIND, _SCALE_Y, _SCALE_X, _SHIFT_Y, _SHIFT_X, _CROP_Y, _CROP_X,
    _FLIP_Y, _FLIP_X, _CUT_Y, _CUT_X, DRAWN,
) = range(14)  # fmt: skip


def maps_of(settings, numbers, index, n, height, width):
    """The engine's maps: where images' pixels come from, and what is cut out.

    Parameters
    ----------
    settings : Augment
    numbers : float64 array (len(index), DRAWN)
    index : int64 array
        Images, of n, for which settings may have a limit each.
    n, height, width : int

    Returns
    -------
    float64 array (len(index), 10)
        See ``locate_leaf`` in _leaf.pxd.
    """

    def drawn(name, limit, place):
        if np.ndim(limit):
            if len(limit) != n:
                raise ValueError(f"{name}: expected {n} limits, one an image, got {len(limit)}")
            limit = limit[index]
        return limit * numbers[:, place]

    def drawn_pair(name, limits, place_y, place_x):
        vertical, horizontal = limits if isinstance(limits, tuple) else (limits, limits)
        return drawn(name, vertical, place_y), drawn(name, horizontal, place_x)

    rotation = np.deg2rad(drawn("rotation", settings.rotation, _ROTATION))
    lean = np.tan(np.deg2rad(drawn("shearing", settings.shearing, _SHEARING)))
    if settings.either:
        rotated = numbers[:, _KIND] < 0
        rotation, lean = np.where(rotated, rotation, 0), np.where(rotated, 0, lean)
    sine, cosine = np.sin(rotation), np.cos(rotation)
    place_x = _SCALE_X if isinstance(settings.scaling, tuple) else _SCALE_Y
    more_y, more_x = drawn_pair("scaling", settings.scaling, _SCALE_Y, place_x)
    factor_y, factor_x = 1 + more_y, 1 + more_x
    if settings.vertical_flip:
        factor_y = np.where(numbers[:, _FLIP_Y] < 0, -factor_y, factor_y)
    if settings.horizontal_flip:
        factor_x = np.where(numbers[:, _FLIP_X] < 0, -factor_x, factor_x)
    shift_y, shift_x = drawn_pair("shift", settings.shift, _SHIFT_Y, _SHIFT_X)
    shift_y = shift_y + _whole(numbers[:, _CROP_Y], settings.crop)
    shift_x = shift_x + _whole(numbers[:, _CROP_X], settings.crop)

    # The inverse of: scale, shear, rotate. Rows run downwards.
    maps = np.zeros((len(numbers), 10))
    maps[:, 0] = cosine / factor_y
    maps[:, 1] = sine / factor_y
    maps[:, 3] = (lean * cosine - sine) / factor_x
    maps[:, 4] = (lean * sine + cosine) / factor_x
    centre_y, centre_x = (height - 1) / 2, (width - 1) / 2
    for row, centre in ((0, centre_y), (3, centre_x)):
        moved = maps[:, row] * (centre_y + shift_y) + maps[:, row + 1] * (centre_x + shift_x)
        maps[:, row + 2] = centre - moved
    for begin, length, place in ((6, height, _CUT_Y), (7, width, _CUT_X)):
        first = np.floor((numbers[:, place] + 1) / 2 * length) - settings.cutout // 2
        maps[:, begin] = np.clip(first, 0, length)
        maps[:, begin + 2] = np.clip(first + settings.cutout, 0, length)
    return maps


def _whole(numbers, most):
    """Whole numbers from -most to most."""
    return np.floor((numbers + 1) / 2 * (2 * most + 1)) - most


def gaussian_filter(sigma, length, dtype):
    """The engine's filter (see engine/augment.pxi) for sides up to a length."""
    reach = int(_TRUNCATE * sigma + 0.5)
    used = min(reach, length - 1)  # what is further away is outside
    exponents = -0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2
    weights = np.exp(exponents) / np.exp(exponents).sum()
    columns = _engine.FILTER_COLUMNS
    band = np.zeros((columns + 2 * used, columns), dtype)
    for j in range(columns):
        band[j : j + 2 * used + 1, j] = weights[reach - used : reach + used + 1]
    return band
