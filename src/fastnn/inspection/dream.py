"""What a layer wants to see: gradient ascent on an image."""

from collections.abc import Callable

import numpy as np

from fastnn._settings import POSITIVE, count, number
from fastnn.inspection.probe import Probe, up_to
from fastnn.layers import Layer


def dream(
    model: Layer,
    image: np.ndarray,
    layer,
    *,
    unit: int | tuple | None = None,
    objective: Callable | None = None,
    steps: int = 20,
    rate: float = 0.05,
    octaves: int = 1,
    octave_scale: float = 1.4,
    jitter: int = 2,
    smooth: float = 0.0,
    low: float = 0.0,
    high: float = 1.0,
    seed: int = 0,
) -> np.ndarray:
    """Change an image so that a layer responds more: Deep Dream.

    A. Mordvintsev, C. Olah, M. Tyka, Inceptionism: Going deeper into neural networks, 2015. From
    the smallest octave to the largest, and `steps` times in each: shift the image at random,
    step along the gradient, of which the mean absolute value is brought to `rate`, shift it
    back. What an octave has added is enlarged and taken to the next.

    Parameters
    ----------
    model : Layer
        Trained. Nothing of it is changed.
    image : array of shape (H, W) or (C, H, W), of the model's dtype
        A sample, or a larger one if no layer up to `layer` minds.
    layer : str, int or Layer
        Whose response is to grow, as for `Probe`.
    unit : int or tuple of int, optional
        The part of the layer's output for a sample that is to grow: a class, a channel, or a
        neuron of a channel. By default all of it, half its squared length.
    objective : callable, optional
        Instead: from the layer's output, of shape (1, ...), to (value, gradient with respect to
        it).
    steps : int
    rate : float
        Above 0, in the units of the image.
    octaves : int
        Sizes, each `octave_scale` times the one before; more than 1 needs layers that take
        images of any size.
    octave_scale : float
        Above 1.
    jitter : int
        The largest shift, in pixels; what leaves on one side enters on the other.
    smooth : float
        In [0, 0.5]: a step along the gradient averaged with its four neighbours, which have this
        part of the weight. Less fine noise.
    low, high : float
        Between which pixels are kept.
    seed : int
        Of the shifts.

    Returns
    -------
    array of the image's shape

    Raises
    ------
    TypeError, ValueError
        If the image doesn't fit the model, at the size of an octave, there is no such layer or
        unit, or a setting is out of range.

    Examples
    --------
    >>> import fastnn
    >>> model = fastnn.Sequential(fastnn.Flatten(), fastnn.Linear(64, 10))
    >>> image = np.full((8, 8), 0.5, np.float32)
    >>> eight = dream(model, image, "1", unit=8)
    >>> bool(model.predict(eight[None])[0, 8] > model.predict(image[None])[0, 8])
    True
    """
    count("steps", steps)
    count("octaves", octaves)
    count("jitter", jitter, 0)
    number("rate", rate, POSITIVE)
    number("octave_scale", octave_scale, ("a number above 1", lambda v: v > 1))
    number("smooth", smooth, ("a number in [0, 0.5]", lambda v: 0 <= v <= 0.5))
    if not low < high:
        raise ValueError(f"high: expected a number above low = {low:g}, got {high:g}")
    if not isinstance(image, np.ndarray):
        raise TypeError(f"image: expected a NumPy array, got {type(image).__name__}")
    if image.ndim not in (2, 3) or image.dtype != model.dtype:
        raise ValueError(
            f"image: expected (H, W) or (C, H, W) of {model.dtype}, got {image.shape} {image.dtype}"
        )
    (name,) = Probe(model, [layer]).names
    cut = up_to(model, name)
    sizes = [_octave(image.shape[-2:], octave_scale**-i) for i in reversed(range(octaves))]
    for size in sizes:  # before any work: whether the layers take all of them
        cut.output_shape((*image.shape[:-2], *size))
    objective = objective or _Response(unit)
    probe, rng = Probe(cut, [name]), np.random.default_rng(seed)
    added = np.zeros((*image.shape[:-2], *sizes[0]), image.dtype)
    for size in sizes:
        base, added = resize(image, size), resize(added, size)
        for _ in range(steps):
            shift = rng.integers(-jitter, jitter + 1, 2)
            shifted = np.roll(base + added, shift, (-2, -1))
            response = probe.forward(shifted[None])[name]
            grad = probe.backward({name: objective(response)[1]})[0]
            grad = np.roll(_smoothed(grad, smooth), -shift, (-2, -1))
            added = added + grad * np.asarray(rate / max(np.abs(grad).mean(), 1e-12), grad.dtype)
            added = np.clip(base + added, low, high).astype(image.dtype) - base
    return np.clip(image + added, low, high).astype(image.dtype)


def resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Images in another size, by bilinear interpolation between the centres of pixels.

    The same as ``torch.nn.functional.interpolate(..., mode="bilinear", align_corners=False)``.

    Parameters
    ----------
    image : array of shape (..., H, W), float32 or float64
    size : (int, int)
        The new H and W, at least 1.

    Returns
    -------
    array of shape (..., *size)

    Raises
    ------
    TypeError, ValueError
        If there are no two axes, one is empty, or a number is no float or a size out of range.

    Examples
    --------
    >>> resize(np.array([[0.0, 1.0]]), (1, 4))
    array([[0.  , 0.25, 0.75, 1.  ]])
    """
    if image.dtype not in (np.float32, np.float64):
        raise TypeError(f"image: expected float32 or float64, got {image.dtype}")
    if image.ndim < 2 or 0 in image.shape[-2:]:
        raise ValueError(f"image: expected shape (..., H, W), not empty, got {image.shape}")
    rows, columns = (
        _interpolation(old, count(f"size[{i}]", new)).astype(image.dtype)
        for i, (old, new) in enumerate(zip(image.shape[-2:], size, strict=True))
    )
    return rows @ image @ columns.T


def _interpolation(old: int, new: int) -> np.ndarray:
    """The matrix (new, old) that brings pixels of a line to another number of them."""
    at = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    left = np.minimum(at.astype(int), max(0, old - 2))
    matrix = np.zeros((new, old))
    np.add.at(matrix, (np.arange(new), left), 1 - (at - left))
    if old > 1:
        matrix[np.arange(new), left + 1] += at - left
    return matrix


def _octave(size, scale) -> tuple[int, int]:
    return tuple(max(1, round(length * scale)) for length in size)


def _smoothed(grad: np.ndarray, share: float) -> np.ndarray:
    if share == 0:
        return grad
    around = sum(np.roll(grad, by, axis) for by in (-1, 1) for axis in (-2, -1)) / 4
    return (1 - share) * grad + share * around


class _Response:
    """Half the squared length of an output, or a unit of it, added up over its places."""

    def __init__(self, unit):
        self.unit = unit

    def __call__(self, output):
        if self.unit is None:
            return float((output.astype(np.float64) ** 2).sum() / 2), output
        grad = np.zeros_like(output)
        try:
            grad[0][self.unit] = 1
        except IndexError as error:
            raise ValueError(
                f"unit: expected a place in an output of shape {output.shape[1:]}, "
                f"got {self.unit!r}"
            ) from error
        return float((grad * output).sum(dtype=np.float64)), grad
