"""Arrays in a .npz."""

import zipfile
from pathlib import Path

import numpy as np

from fastnn.data._files import CORRUPT
from fastnn.data._targets import check_task, encode_targets
from fastnn.data.dataset import Dataset, check_lengths

# x and y for training and for testing, by any of the names that are in use. The first row
# counts whose training names are both in the file.
_NPZ_NAMES = (
    (("x_train", "y_train"), ("x_test", "y_test")),
    (("X_train", "y_train"), ("X_test", "y_test")),
    (("x", "y"), ("x_test", "y_test")),
    (("X", "y"), ("X_test", "y_test")),
    (("data", "target"), ("data_test", "target_test")),
)


def load_npz(path, *, task="auto"):
    """Read arrays that ``numpy.savez`` wrote.

    Parameters
    ----------
    path : str or path-like
        Holds ``x_train`` and ``y_train`` (and ``x_test``, ``y_test``), or ``x`` and ``y``, or
        ``data`` and ``target``; ``X`` is as good as ``x``.
    task : {"auto", "classification", "regression"}
        What y means. By default whole numbers, strings and one-hot rows are classes, and
        anything else is regression: whole numbers to predict need "regression".

    Returns
    -------
    Dataset
        x keeps float32, float64 and uint8, and becomes float32 otherwise. Classes are numbered
        from 0 in sorted order (int64) with what stood in the file as their names; numbers to
        predict become float32.

    Raises
    ------
    ValueError
        If the file is damaged or has none of these names, x and y don't go together, or an
        array holds objects: only unpickling could read them, and that can run any code.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "pets.npz")
    ...     np.savez(path, x=[[1.0, 2.0], [3.0, 4.0]], y=["dog", "cat"])
    ...     pets = load_npz(path)
    >>> pets.y_train, pets.classes
    (array([1, 0]), ['cat', 'dog'])
    """
    check_task(task)
    arrays = _read_npz(path)
    parts = _choose_pairs(path, arrays)
    xs, ys = [], []
    for x_name, y_name in parts:
        x, y = arrays[x_name], arrays[y_name]
        _check_rows(path, x_name, x, 2)
        _check_rows(path, y_name, y, 1)
        check_lengths(x, y, x_name, f"{path}: {y_name}")
        xs.append(_as_examples(path, x_name, x))
        ys.append(y)
    if any(y.shape[1:] != ys[0].shape[1:] for y in ys):
        shapes = " and ".join(str(y.shape) for y in ys)
        raise ValueError(f"{path}: expected rows of one shape in all of y, got {shapes}")

    # Encoded together, so that a class has the same number in both parts.
    train = len(ys[0])

    def place(row):
        part, row = (0, row) if row < train else (1, row - train)
        return f"{path}: {parts[part][1]}[{row}]"

    y, classes = encode_targets(np.concatenate(ys), task, place)
    x_test, y_test = (xs[1], y[train:]) if len(xs) == 2 else (None, None)
    return Dataset(xs[0], y[:train], x_test, y_test, classes, Path(path).stem)


def load_npz_inputs(path):
    """Read the examples of a .npz file, which needs no targets.

    Parameters
    ----------
    path : str or path-like
        As in :func:`load_npz`; of a file with a test part, that part is read.

    Returns
    -------
    ndarray (N, ...)
        float32, float64 or uint8.

    Raises
    ------
    ValueError
        As :func:`load_npz`.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "pets.npz")
    ...     np.savez(path, x=[[1.0, 2.0], [3.0, 4.0]])
    ...     load_npz_inputs(path).shape
    (2, 2)
    """
    arrays = _read_npz(path)
    names = [row[part][0] for part in (1, 0) for row in _NPZ_NAMES]
    name = next((name for name in names if name in arrays), None)
    if name is None:
        expected = ", ".join(dict.fromkeys(names))
        raise ValueError(f"{path}: expected one of {expected}, got {_listed(arrays)}")
    _check_rows(path, name, arrays[name], 2)
    return _as_examples(path, name, arrays[name])


def _read_npz(path):
    """All arrays by name; those of other names than _NPZ_NAMES aren't read but None."""
    with open(path, "rb") as file:
        if not zipfile.is_zipfile(file):
            raise ValueError(f"{path}: expected a .npz file, got something else or a part of one")
    known = {name for row in _NPZ_NAMES for pair in row for name in pair}
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {
                name: np.asarray(archive[name]) if name in known else None for name in archive.files
            }
    except (zipfile.BadZipFile, ValueError, *CORRUPT) as error:
        raise ValueError(f"{path}: expected an intact file of arrays, got: {error}") from error


def _choose_pairs(path, arrays):
    """The names of x and y to train on, and of those to test on if there are any."""
    row = next((row for row in _NPZ_NAMES if set(row[0]) <= set(arrays)), None)
    if row is None:
        pairs = ", ".join(" and ".join(train) for train, _ in _NPZ_NAMES)
        raise ValueError(f"{path}: expected {pairs}, got {_listed(arrays)}")
    train, test = row
    have = [name for name in test if name in arrays]
    if len(have) == 1:
        raise ValueError(f"{path}: expected both of {' and '.join(test)}, got {have[0]}")
    return [train, test] if have else [train]


def _listed(names):
    return ", ".join(names) or "no arrays"


def _check_rows(path, name, values, least):
    if values.ndim < least or not len(values):
        raise ValueError(
            f"{path}: {name}: expected at least one row in {least} or more dimensions, "
            f"got {values.shape}"
        )


def _as_examples(path, name, x):
    if x.dtype.kind not in "biuf":
        raise ValueError(f"{path}: {name}: expected numbers, got {x.dtype}")
    return x if x.dtype in (np.float32, np.float64, np.uint8) else x.astype(np.float32)
