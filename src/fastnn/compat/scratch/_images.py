"""Convolutions and pools over images (N, C, H, W), in float64 as the book's are."""

import functools
from operator import index

import numpy as np

from fastnn import _engine
from fastnn._engine import Procedure
from fastnn.compat.scratch._memory import Memory
from fastnn.compat.scratch._numbers import FLOAT64, leaf, numbers

_SIZE = FLOAT64.itemsize


class Geometry(tuple):
    """What an image and the windows on it are alike in: hashable, so that calls are made once."""

    __slots__ = ()

    @classmethod
    def of(cls, image: tuple, window: tuple, stride: int, pad: int) -> "Geometry":
        """Of images (C, H, W) and windows of some rows and columns, for which there is room."""
        stride, pad, *window = map(index, (stride, pad, *window))
        for name, value, least in (
            ("stride", stride, 1),
            ("pad", pad, 0),
            ("window", min(window), 1),
        ):
            if value < least:
                raise ValueError(f"{name}: expected at least {least}, got {value}")
        room = [n + 2 * pad - k for n, k in zip(image[1:], window, strict=True)]
        if min(room) < 0 or image[0] < 1:
            raise ValueError(
                f"x: expected images (C, H, W) with room for windows of shape {tuple(window)}, got "
                f"{image} and a border of {pad}"
            )
        return cls((*image, *window, stride, pad, *(r // stride + 1 for r in room)))

    @property
    def output(self) -> tuple:
        """How many windows there are, by rows and columns."""
        return self[7:]

    def stencil(self) -> tuple:
        """The fields of the engine's ``Stencil``."""
        _, height, width, rows, cols, stride, pad, *output = self
        return (height, width, rows, cols, stride, stride, pad, pad, 1, 1, *output)

    def window(self) -> tuple:
        """The fields of the engine's ``Window``."""
        _, height, width, rows, cols, stride, pad, *output = self
        return (height, width, *output, rows, cols, stride, stride, pad, pad, 1, 1, 0, 0)


def convolve(x, weight, bias, geometry: Geometry, memory: Memory) -> np.ndarray:
    """The sums of `x` under `weight` (F, C, rows, cols) at each place, plus `bias` (F,)."""
    y = memory.empty((len(x), len(weight), *geometry.output))
    _convolution(geometry, len(weight))[0].run(len(x), (x, weight, bias, y))
    return y


def convolution_input_gradient(dy, weight, geometry: Geometry, memory: Memory) -> np.ndarray:
    """The gradient with respect to the images of `convolve`."""
    dx = memory.empty((len(dy), *geometry[:3]))
    _convolution(geometry, len(weight))[1].run(len(dy), (dy, weight, dx))
    return dx


def convolution_gradients(x, dy, geometry: Geometry) -> tuple:
    """Those with respect to its weight and bias."""
    maps = dy.shape[1]
    *_, procedure, parts = _convolution(geometry, maps)
    weight, bias = np.empty((maps, geometry[0], *geometry[3:5])), np.empty(maps)
    procedure.run(len(x), (x, dy, np.empty(parts * weight.size), weight, bias))
    return weight, bias


@functools.lru_cache(maxsize=64)
def _convolution(geometry: Geometry, maps: int) -> tuple:
    channels, rows, cols = geometry[0], *geometry[3:5]
    dims = (channels, maps, 1, *geometry.stencil())
    image = channels * geometry[1] * geometry[2] * _SIZE
    pixels = geometry.output[0] * geometry.output[1]
    sizes = {
        "x": (image, 0),
        "y": (maps * pixels * _SIZE, 0),
        "weight": (0, maps * channels * rows * cols * _SIZE),
        "bias": (0, maps * _SIZE),
    }
    scratch, parts = _engine.convolution_memory(dims, _SIZE)
    product, unfold = leaf("product", FLOAT64), leaf("stencil.unfold", FLOAT64)
    fold, crop = leaf("stencil.fold", FLOAT64), leaf("stencil.crop", FLOAT64)

    forward = (
        "convolution_forward",
        _SIZE,
        (leaf("bias.add_rows", FLOAT64), None, product, unfold),
        (0, 2, 3, 3, 1),
        dims,
        (),
    )
    taken = tuple(sizes[name] for name in ("x", "weight", "bias", "y"))
    forward = Procedure([forward], taken, (3,), scratch)

    backward = ("convolution_backward_input", _SIZE, (None, product, fold, crop), (0, 1, 2),
                dims, ())  # fmt: skip
    taken = tuple(sizes[name] for name in ("y", "weight", "x"))
    backward = Procedure([backward], taken, (2,), scratch)

    gradients = [
        ("convolution_backward_weight", _SIZE, (leaf("product.rows", FLOAT64), unfold),
         (0, 1, 2), dims, ()),
        ("convolution_sum_weight", _SIZE,
         (leaf("columns.sum", FLOAT64), leaf("transpose", FLOAT64)), (2, None, 3), dims, ()),
        ("map_sums", _SIZE, (leaf("numbers.sum", FLOAT64),), (1, None, 4), (maps, pixels), ()),
    ]  # fmt: skip
    taken = (sizes["x"], sizes["y"], (0, parts * sizes["weight"][1]), sizes["weight"],
             sizes["bias"])  # fmt: skip
    return forward, backward, Procedure(gradients, taken, (2, 3, 4), scratch), parts


def max_pool(x, geometry: Geometry) -> np.ndarray:
    """The largest element of each window."""
    y = np.empty((*x.shape[:2], *geometry.output))
    _pool(geometry)[0].run(len(x), (x, y))
    return y


def max_pool_gradient(dy, x, geometry: Geometry, memory: Memory) -> np.ndarray:
    """The gradient with respect to the images: each window's goes to its first largest."""
    dx = memory.empty(x.shape)
    _pool(geometry)[1].run(len(x), (dy, x, max_pool(x, geometry), dx))
    return dx


@functools.lru_cache(maxsize=64)
def _pool(geometry: Geometry) -> tuple:
    channels, height, width = geometry[:3]
    dims = (channels, *geometry.window())
    image = channels * height * width * _SIZE, 0
    output = channels * geometry.output[0] * geometry.output[1] * _SIZE, 0
    forward = ("pool", _SIZE, (leaf("max_pool.forward", FLOAT64),), (0, 1), dims, ())
    backward = ("pool_grad", _SIZE, (leaf("max_pool.backward", FLOAT64), None), (0, 1, 2, 3),
                dims, ())  # fmt: skip
    return (
        Procedure([forward], (image, output), (1,), 0),
        Procedure([backward], (output, image, output, image), (3,), 0),
    )


def as_images(x) -> np.ndarray:
    """`x` as ordinary float64 images. Of anything that isn't a number NumPy says what is wrong."""
    if np.iscomplexobj(x):
        raise TypeError(f"x: expected real numbers, got {x.dtype}")
    return numbers(x)
