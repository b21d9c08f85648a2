"""Pictures: a writer of PNG files that needs nothing but zlib.

PNG Specification, third edition, W3C, 2025: a signature, then chunks, each its length, its type,
its data and a checksum of the last two.
"""

import math
import struct
import zlib

import numpy as np

from fastnn.io.atomic import replacing

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR = {1: 0, 3: 2}  # channels to PNG's number for grey and for RGB


def save_png(image: np.ndarray, path, *, low: float = 0.0, high: float = 1.0) -> None:
    """Write a grey or RGB picture of 8 bits a channel as a PNG file.

    Parameters
    ----------
    image : array of shape (H, W), (1, H, W) or (3, H, W)
        uint8 as it is, or numbers: ``255 (x - low) / (high - low)``, rounded, and cut off below
        0 and above 255.
    path : str or path-like
    low, high : float
        The numbers that become black and white.

    Raises
    ------
    TypeError, ValueError
        If the image is of another shape or type, empty, or holds NaN, or high is not above low.
    OSError
        If the file can't be written; an old one is still there.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "ramp.png")
    ...     save_png(np.linspace(-1, 1, 32).reshape(4, 8), path, low=-1)
    ...     path.read_bytes()[1:4]
    b'PNG'
    """
    pixels = _as_bytes(image, low, high)
    channels, height, width = pixels.shape
    rows = np.zeros((height, 1 + width * channels), np.uint8)  # each begins with its filter: none
    rows[:, 1:] = pixels.transpose(1, 2, 0).reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR[channels], 0, 0, 0)
    with replacing(path) as file:
        file.write(_SIGNATURE)
        for kind, data in (
            (b"IHDR", header),
            (b"IDAT", zlib.compress(rows.tobytes(), 9)),
            (b"IEND", b""),
        ):
            checksum = zlib.crc32(kind + data)
            file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum))


def tile(images: np.ndarray, columns: int | None = None, *, gap: int = 1, fill=0) -> np.ndarray:
    """Images side by side, row by row, as one.

    Parameters
    ----------
    images : array of shape (N, H, W) or (N, C, H, W)
        At least one.
    columns : int, optional
        By default as many as make it about square.
    gap : int
        Pixels between images.
    fill : number
        What gaps, and places without an image, are filled with.

    Returns
    -------
    array of shape (rows, columns) or (C, rows, columns), of pixels

    Raises
    ------
    ValueError
        If there is no image, they are of another shape, or columns is below 1 or gap below 0.

    Examples
    --------
    >>> tile(np.ones((3, 1, 2), int), columns=2)
    array([[1, 1, 0, 1, 1],
           [0, 0, 0, 0, 0],
           [1, 1, 0, 0, 0]])
    """
    images = np.asarray(images)
    if images.ndim not in (3, 4) or len(images) == 0:
        raise ValueError(
            f"images: expected shape (N, H, W) or (N, C, H, W) with N >= 1, got {images.shape}"
        )
    count, (height, width) = len(images), images.shape[-2:]
    columns = math.ceil(math.sqrt(count)) if columns is None else columns
    if columns < 1 or gap < 0:
        raise ValueError(f"columns, gap: expected at least 1 and 0, got {columns} and {gap}")
    rows = -(-count // columns)
    shape = (rows * (height + gap) - gap, columns * (width + gap) - gap)
    canvas = np.full((*images.shape[1:-2], *shape), fill, images.dtype)
    for i, image in enumerate(images):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        canvas[..., top : top + height, left : left + width] = image
    return canvas


def _as_bytes(image, low, high) -> np.ndarray:
    """The image as (channels, H, W) of uint8."""
    if not isinstance(image, np.ndarray):
        raise TypeError(f"image: expected a NumPy array, got {type(image).__name__}")
    if image.dtype.kind not in "biuf":
        raise TypeError(f"image: expected numbers, got {image.dtype}")
    planes = image[None] if image.ndim == 2 else image
    if planes.ndim != 3 or len(planes) not in _COLOUR or planes.size == 0:
        raise ValueError(
            f"image: expected shape (H, W), (1, H, W) or (3, H, W), not empty, got {image.shape}"
        )
    if planes.dtype == np.uint8:
        return planes
    if not low < high:
        raise ValueError(f"high: expected a number above low = {low:g}, got {high:g}")
    numbers = 255 * (planes.astype(np.float64) - low) / (high - low)
    if np.isnan(numbers).any():
        raise ValueError("image: expected numbers, got NaN")
    return np.rint(np.clip(numbers, 0, 255)).astype(np.uint8)
