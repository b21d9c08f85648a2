"""SciPy's deformed images, the way most people make them."""

import numpy as np
import scipy
from scipy import ndimage

from benchmarks.images import ELASTIC, draw

VERSION = scipy.__version__
IMAGES = 64


def deform(x, maps, noise):
    """Images (N, H, W) by maps (N, 2, 3) and the noise (N, 2, H, W) of fields, or by either."""
    results = np.empty_like(x)
    grid = np.indices(x.shape[1:], np.float32)
    options = {"order": 1, "mode": "grid-constant"}
    for k, image in enumerate(x):
        if noise is None:
            ndimage.affine_transform(
                image, maps[k, :, :2], maps[k, :, 2], output=results[k], **options
            )
            continue
        places = grid
        if maps is not None:
            places = np.tensordot(maps[k, :, :2], grid, 1) + maps[k, :, 2, None, None]
        field = [ndimage.gaussian_filter(u, ELASTIC[0], mode="constant") for u in noise[k]]
        places = places + ELASTIC[1] * np.array(field)
        ndimage.map_coordinates(image, places, output=results[k], **options)
    return results


def deformer(kind, x):
    rng = np.random.default_rng(0)
    x = x / np.float32(255)
    return lambda: deform(x, *draw(kind, rng, len(x)))
