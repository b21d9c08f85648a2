"""Images deformed at random, anew in each epoch."""

import math

import numpy as np

from fastnn import _check, _dispatch, _engine
from fastnn._settings import NONNEGATIVE, POSITIVE, between, count, flag, number
from fastnn.data._maps import DRAWN, gaussian_filter, maps_of
from fastnn.passes import PIXEL_SCALE, check_batch

# Pixels that are deformed in one call of the engine, between which Ctrl-C is obeyed.
_CALL_PIXELS = 1 << 22
# The longest side of an image: places in it are 32-bit numbers.
_LONGEST = 32_000


class Augment:
    """Deforms images at random, in one resampling.

    An image is scaled, sheared and rotated about its centre and shifted, each by as much as is
    drawn, uniformly, between the negative and the positive of the limit given here. Each pixel
    is then moved by a smooth random field (elastic deformation). Output pixel p comes from

    .. math:: c + A^{-1} (p - c - t) + \\alpha (G_\\sigma * u)(p)

    where c is the centre, A the linear map, t the shift, u(p) uniform in [-1, 1) for each pixel
    and axis inside the image and 0 outside, and G a Gaussian whose weights add up to 1,
    truncated at 4 sigma. Between pixels interpolation is bilinear, also between those at the edge
    and the background.

    Parameters
    ----------
    rotation : float or array (N,)
        Degrees, counter-clockwise. This and the next three may be given for each image.
    shearing : float or array (N,)
        Degrees below 90: rows move sideways by the tangent times their distance from the centre.
    scaling : float, array (N,), or pair of these
        Below 1: factors lie in [1 - scaling, 1 + scaling]. A number gives both axes the same
        factor; of a pair (vertical, horizontal) each axis draws its own.
    shift : float, array (N,), or pair of these
        Pixels, drawn for each axis; a pair is (vertical, horizontal).
    crop : int
        Whole pixels, drawn for each axis: a window of the image's size, out of the image with so
        wide a border. It blurs nothing, where nothing else does.
    horizontal_flip, vertical_flip : bool
        Whether half of the images are mirrored, left to right or upside down.
    elastic : (sigma, alpha), optional
        Pixels: how smooth the field is, and its amplitude. The standard deviation of a
        displacement is about alpha / (6.14 sigma).
    cutout : int
        Side of a square somewhere in the image, of which the image's edge may cut a part off, that
        becomes background.
    either : bool
        Whether an image is rotated or sheared, half of them each, and not both.
    background : float
        What is around an image, in the pixels' units.
    shape : tuple of int, optional
        (H, W) or (C, H, W) of images that are flat, (N, H * W).
    seed : int
        What is drawn is a function of seed, epoch and the image's index, and of nothing else.

    Raises
    ------
    TypeError, ValueError
        If a setting is out of its range.

    Notes
    -----
    Elastic deformation: Simard, Steinkraus & Platt (2003), who use sigma 4, alpha 34 for digits of
    29x29 pixels. ``Augment(rotation=15, shearing=15, either=True, scaling=(0.15, 0.15),
    elastic=(6, 36))`` is as in Ciresan, Meier, Gambardella & Schmidhuber (2010). Neither says what
    happens at the border. Cutout: DeVries & Taylor (2017).

    torchvision's ``RandomAffine`` and ``ElasticTransform`` would interpolate twice; its angle
    is also drawn between limits of either sign, but its shear has the other sign, and its noise
    is smoothed as if mirrored at the border.

    Examples
    --------
    >>> import fastnn
    >>> data = fastnn.data.load_digits()
    >>> augment = fastnn.data.Augment(rotation=10, shift=0.5, shape=(8, 8), seed=1)
    >>> again = augment(data.x_train, index=[3, 5, 3], epoch=7)
    >>> again.shape, bool((again[0] == again[2]).all())
    ((3, 64), True)
    >>> model = fastnn.Sequential(fastnn.Linear(64, 32, activation="tanh"), fastnn.Linear(32, 10))
    >>> trainer = fastnn.Trainer(model, "cross_entropy", fastnn.Adam(0.01))
    >>> history = trainer.fit(
    ...     data.x_train, data.y_train, epochs=5, augment=augment, progress=False
    ... )
    >>> trainer.evaluate(data.x_test, data.y_test)["accuracy"] > 0.9
    True
    """

    def __init__(
        self,
        *,
        rotation=0.0,
        shearing=0.0,
        scaling=0.0,
        shift=0.0,
        crop=0,
        horizontal_flip=False,
        vertical_flip=False,
        elastic=None,
        cutout=0,
        either=False,
        background=0.0,
        shape=None,
        seed=0,
    ):
        self.rotation = _limit("rotation", rotation)
        self.shearing = _limit("shearing", shearing, 90)
        self.scaling = _pair("scaling", scaling, 1)
        self.shift = _pair("shift", shift)
        self.crop = count("crop", crop, 0)
        self.horizontal_flip = bool(flag("horizontal_flip", horizontal_flip))
        self.vertical_flip = bool(flag("vertical_flip", vertical_flip))
        self.elastic = None if elastic is None else _elastic(elastic)
        self.cutout = count("cutout", cutout, 0)
        self.either = bool(flag("either", either))
        self.background = between("background", background, -math.inf)
        self.shape = None if shape is None else _image_shape(shape)
        self.seed = count("seed", seed, 0)
        self._filters = {}

    def __call__(self, x, *, index=None, epoch=0, dtype=None) -> np.ndarray:
        """Deform images.

        Parameters
        ----------
        x : array (N, H, W), (N, C, H, W) or, with `shape`, (N, C * H * W)
            uint8, float32 or float64. The channels of an image are deformed alike. A pixel that is
            not finite spoils those beside it.
        index : sequence of int, optional
            Which images, also more than once; by default all, in order.
        epoch : int
            The same image is deformed in another way in each.
        dtype : dtype, optional
            Of the result; by default that of `x`. uint8 is rounded to the nearest, or where
            another type is asked for scaled to [0, 1], as `Trainer` does it.

        Returns
        -------
        ndarray (len(index), ...)

        Raises
        ------
        TypeError, ValueError
            If an array is of another type or shape, or `index` is out of range.
        """
        x, images, dtype = self._images(x, dtype)
        n, channels, height, width = images.shape
        index = np.arange(n) if index is None else np.asarray(index)
        if index.dtype.kind not in "iu" and index.size:
            raise TypeError(f"index: expected whole numbers, got {index.dtype}")
        index = _check.classes(index, len(index) if index.ndim else 0, n, name="index")
        epoch = count("epoch", epoch, 0)
        seeds = self.seed % 2**64, epoch
        numbers = np.empty((len(index), DRAWN))
        noise = _dispatch.table("noise.uniform")[np.dtype(np.float64)]
        _engine.run_noise(noise, index, numbers, *seeds)
        maps = maps_of(self, numbers, index, n, height, width)

        computed = np.dtype(np.float32) if dtype == np.uint8 else dtype
        pixels = images.dtype == np.uint8 and dtype != np.uint8
        scale = PIXEL_SCALE if pixels else 1.0
        scalars = scale, scale * self.background, self.elastic[1] if self.elastic else 0.0
        leaves = self._leaves(images.dtype, dtype, computed)
        smoothing = self._filter(max(height, width), computed)
        y = np.empty((len(index), channels, height, width), dtype)
        rows = max(1, _CALL_PIXELS // (channels * height * width))
        for first in range(0, len(index), rows):
            part = slice(first, first + rows)
            _engine.run_deform(
                leaves, images, index[part], maps[part], smoothing, y[part], scalars,
                computed.itemsize, *seeds,
            )  # fmt: skip
        return y.reshape(len(index), *x.shape[1:])

    def __repr__(self):
        default = vars(Augment())
        given = [
            f"{name}={value!r}"
            for name, value in vars(self).items()
            if not name.startswith("_") and not np.array_equal(value, default[name])
        ]
        return f"Augment({', '.join(given)})"

    def _images(self, x, dtype):
        """x, x as (N, C, H, W) and the dtype of the result."""
        if not isinstance(x, np.ndarray):
            raise TypeError(f"x: expected a NumPy array, got {type(x).__name__}")
        dtype = np.dtype(x.dtype if dtype is None else dtype)
        if dtype not in (np.uint8, np.float32, np.float64):
            raise TypeError(f"dtype: expected uint8, float32 or float64, got {dtype}")
        x = check_batch(x, None, dtype)
        shape = x.shape[1:] if self.shape is None else self.shape
        if self.shape is not None and x.shape[1:] not in (shape, (math.prod(shape),)):
            raise ValueError(f"x: expected shape (N, {math.prod(shape)}), got {x.shape}")
        if len(shape) not in (2, 3):
            raise ValueError(
                f"x: expected shape (N, H, W) or (N, C, H, W), or Augment(shape=...), got {x.shape}"
            )
        if 0 in shape or max(shape[-2:]) > _LONGEST:
            raise ValueError(f"x: expected sides of 1 to {_LONGEST} pixels, got {shape}")
        if x.dtype == np.uint8 and not 0 <= self.background <= 255:
            raise ValueError(f"background: expected 0 to 255 with uint8, got {self.background}")
        # As a view: each image is contiguous, wherever it lies.
        return x, x.reshape(len(x), *(1,) * (3 - len(shape)), *shape), dtype

    def _leaves(self, source, dtype, computed):
        names = [
            "pad.uint8" if source == np.uint8 else "pad.floats",
            "warp.locate",
            "warp.interpolate",
            "image.round" if dtype == np.uint8 else None,
            "noise.uniform",
            "product",
        ]
        return tuple(name and _dispatch.table(name)[computed] for name in names)

    def _filter(self, length, dtype):
        if self.elastic is None:
            return None
        if (length, dtype) not in self._filters:
            self._filters[length, dtype] = gaussian_filter(self.elastic[0], length, dtype)
        return self._filters[length, dtype]


def _limit(name, value, below=math.inf):
    """A number in [0, below), or an array of such numbers."""
    if isinstance(value, np.ndarray) and value.ndim == 1:
        limits = value.astype(np.float64) if value.dtype.kind in "iuf" else np.array([np.nan])
        wrong = ~((limits >= 0) & (limits < below))
        if wrong.any():
            raise ValueError(f"{name}: expected numbers in [0, {below}), got {value[wrong][0]}")
        return limits
    return between(name, value, 0, below, open_high=True)


def _pair(name, value, below=math.inf):
    """A limit for both axes, or one for each."""
    if not isinstance(value, tuple | list):
        return _limit(name, value, below)
    if len(value) != 2:
        raise ValueError(f"{name}: expected a number or (vertical, horizontal), got {value!r}")
    return tuple(_limit(name, limit, below) for limit in value)


def _elastic(value):
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise TypeError(f"elastic: expected (sigma, alpha), got {value!r}")
    return (
        number("elastic[0], sigma", value[0], POSITIVE),
        number("elastic[1], alpha", value[1], NONNEGATIVE),
    )


def _image_shape(value):
    if not isinstance(value, tuple | list) or len(value) not in (2, 3):
        raise TypeError(f"shape: expected (H, W) or (C, H, W), got {value!r}")
    return tuple(count("shape", side) for side in value)
