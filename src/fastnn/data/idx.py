"""IDX, the format of MNIST and its relatives.

A file is a magic number of four bytes (0, 0, type, number of dimensions), a big-endian uint32
for each dimension, and the big-endian elements in C order (Y. LeCun, C. Cortes, C. Burges, The
MNIST database of handwritten digits, 1998).
"""

import math
import struct
from pathlib import Path

import numpy as np

from fastnn.data._files import CORRUPT, open_binary
from fastnn.data.dataset import Dataset, check_lengths

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_DIMS = {"images": 3, "labels": 1}  # as they stand in the files' names
_CHUNK = 1 << 20
_MAX_DIMS = 64  # NumPy's limit; the format's is 255


def load_idx(path):
    """Read one IDX file.

    Parameters
    ----------
    path : str or path-like
        The file, plain or gzip-compressed; its contents tell which, not its name.

    Returns
    -------
    ndarray
        In the shape and type that the header gives (uint8, int8, int16, int32, float32 or
        float64), in native byte order. Images stay uint8.

    Raises
    ------
    ValueError
        If the file is not IDX, is damaged, or holds less or more than its header says. Memory
        is taken for what is in the file, never for what the header promises.

    Examples
    --------
    >>> import pathlib, struct, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "pair-idx2-short")
    ...     _ = path.write_bytes(struct.pack(">HBBIIhh", 0, 0x0B, 2, 1, 2, 7, -1))
    ...     load_idx(path)
    array([[ 7, -1]], dtype=int16)
    """
    try:
        with open_binary(path) as file:
            dtype, shape = _header(file, path)
            expected = math.prod(shape) * dtype.itemsize
            data = _read(file, expected + 1)
    except CORRUPT as error:
        raise ValueError(f"{path}: expected an intact gzip stream, got: {error}") from error
    if len(data) != expected:
        came = len(data) if len(data) < expected else "more"
        raise ValueError(
            f"{path}: expected {expected} bytes of data for {shape} {dtype.name}, got {came}"
        )
    try:
        array = np.frombuffer(data, dtype).reshape(shape)
    except ValueError as error:  # a dimension of 0 lets the others be anything
        raise ValueError(f"{path}: expected a shape that fits in memory, got {shape}") from error
    return array.astype(dtype.newbyteorder("="), copy=False)


def load_idx_folder(folder):
    """Read a folder of the four files in which MNIST and Fashion-MNIST come.

    Parameters
    ----------
    folder : str or path-like
        Holds ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte`` and the same with
        ``t10k``, or the training files alone. ``.gz`` may follow the names, and
        ``images.idx3`` may stand for ``images-idx3``.

    Returns
    -------
    Dataset
        Images as they are in the files, (N, 28, 28) uint8 in MNIST. Labels are int64 and keep
        the numbers of the files, so a part of MNIST without zeros still has ten classes; the
        names of the classes are the numbers.

    Raises
    ------
    FileNotFoundError
        If one of the files is missing.
    ValueError
        If a file is damaged, or the files don't go together.

    Examples
    --------
    >>> mnist = load_idx_folder("mnist")  # doctest: +SKIP
    >>> mnist  # doctest: +SKIP
    Dataset 'mnist': 60000 to train, 10000 to test, examples (28, 28) uint8, 10 classes
    """
    folder = Path(folder)
    x_train, y_train = _load_part(folder, "train")
    x_test = y_test = None
    if any(_candidates(folder, "t10k", "images")) or any(_candidates(folder, "t10k", "labels")):
        x_test, y_test = _load_part(folder, "t10k")
    count = 1 + max(int(y.max()) for y in (y_train, y_test) if y is not None)
    classes = [str(label) for label in range(count)]
    return Dataset(x_train, y_train, x_test, y_test, classes, folder.resolve().name)


def is_idx_folder(folder):
    """Whether there are training images here, named as :func:`load_idx_folder` wants them."""
    return any(_candidates(Path(folder), "train", "images"))


def _header(file, path):
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _DTYPES:
        raise ValueError(
            f"{path}: expected the magic number of an IDX file (00 00, a type of 08 to 0e, "
            f"the number of dimensions), got {magic.hex(' ') or 'an empty file'}"
        )
    ndim = magic[3]
    if not 1 <= ndim <= _MAX_DIMS:
        raise ValueError(f"{path}: expected 1 to {_MAX_DIMS} dimensions, got {ndim}")
    sizes = file.read(4 * ndim)
    if len(sizes) < 4 * ndim:
        raise ValueError(f"{path}: expected a header of {4 + 4 * ndim} bytes, got {4 + len(sizes)}")
    return np.dtype(_DTYPES[magic[2]]), struct.unpack(f">{ndim}I", sizes)


def _read(file, limit):
    """At most ``limit`` bytes, a chunk at a time: read(limit) would allocate them all at once."""
    data = bytearray()
    while chunk := file.read(min(_CHUNK, limit - len(data))):
        data += chunk
    return data


def _candidates(folder, part, kind):
    """The files of this part and kind that exist, under any of their names."""
    stems = [f"{part}-{kind}{mark}idx{_DIMS[kind]}-ubyte" for mark in "-."]
    paths = [folder / (stem + suffix) for stem in stems for suffix in ("", ".gz")]
    return [path for path in paths if path.is_file()]


def _find(folder, part, kind):
    found = _candidates(folder, part, kind)
    if not found:
        raise FileNotFoundError(
            f"{folder}: expected a file {part}-{kind}-idx{_DIMS[kind]}-ubyte, plain or .gz, "
            "got none"
        )
    return found[0]


def _load_part(folder, part):
    images_path, labels_path = _find(folder, part, "images"), _find(folder, part, "labels")
    images, labels = load_idx(images_path), load_idx(labels_path)
    if images.ndim < 2:
        raise ValueError(f"{images_path}: expected at least 2 dimensions, got {images.shape}")
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise ValueError(
            f"{labels_path}: expected integers in 1 dimension, got {labels.shape} {labels.dtype}"
        )
    check_lengths(images, labels, images_path, labels_path)
    if not len(labels) or labels.min() < 0:
        came = f"a label of {labels.min()}" if len(labels) else "none"
        raise ValueError(f"{labels_path}: expected labels of 0 and above, got {came}")
    return images, labels.astype(np.int64)
