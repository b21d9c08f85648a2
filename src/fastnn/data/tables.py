"""Tables: arrays in a .npz, rows in a .csv."""

import array
import csv
import io
import zipfile
from pathlib import Path

import numpy as np

from fastnn.data._files import CORRUPT, open_binary
from fastnn.data._targets import check_task, encode_targets, is_number
from fastnn.data.dataset import Dataset, check_lengths

LABEL_NAMES = ("label", "target", "class", "y")

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
    arrays, parts = _read_npz(path)
    xs, ys = [], []
    for x_name, y_name in parts:
        x, y = arrays[x_name], arrays[y_name]
        for name, values, least in ((x_name, x, 2), (y_name, y, 1)):
            if values.ndim < least or not len(values):
                raise ValueError(
                    f"{path}: {name}: expected at least one row in {least} or more dimensions, "
                    f"got {values.shape}"
                )
        check_lengths(x, y, x_name, f"{path}: {y_name}")
        if x.dtype.kind not in "biuf":
            raise ValueError(f"{path}: {x_name}: expected numbers, got {x.dtype}")
        keep = x.dtype in (np.float32, np.float64, np.uint8)
        xs.append(x if keep else x.astype(np.float32))
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


def load_csv(path, label=None, *, task="auto"):
    """Read a table of comma-separated values with a header row.

    Parameters
    ----------
    path : str or path-like
        UTF-8 text, plain or gzip-compressed.
    label : str, optional
        The column to predict; all others are features. By default the first of "label",
        "target", "class" and "y" that is there.
    task : {"auto", "classification", "regression"}
        What the label means. By default whole numbers and names are classes, and numbers of
        which one at least is not whole are regression: whole numbers to predict need
        "regression".

    Returns
    -------
    Dataset
        x_train is (N, features) float32. Classes are numbered from 0 in sorted order (int64)
        with what stood in the file as their names; numbers to predict become float32.

    Raises
    ------
    ValueError
        If a row is longer or shorter than the header, or a cell is empty or, in a feature, not
        a finite number; the message gives line and column. If the label is not among the
        columns; the message lists them.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "pets.csv")
    ...     _ = path.write_text("height,weight,class\\n20,3.5,cat\\n60,30,dog\\n25,4.5,cat\\n")
    ...     pets = load_csv(path)
    >>> pets
    Dataset 'pets': 3 to train, 0 to test, examples (2,) float32, 2 classes
    >>> pets.feature_names, pets.classes
    (['height', 'weight'], ['cat', 'dog'])
    """
    check_task(task)
    with open_binary(path) as file:
        # utf-8-sig: spreadsheets write a byte order mark, which would stick to the first name.
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        reader = csv.reader(text, strict=True)
        try:
            names, label = _read_header(reader, path, label)
            values, labels, lines = _read_rows(reader, path, names, label)
        except csv.Error as error:
            raise ValueError(f"{path}: line {reader.line_num}: {error}") from error
        except UnicodeDecodeError as error:
            raise ValueError(f"{path}: expected UTF-8 text, got: {error}") from error
        except CORRUPT as error:
            raise ValueError(f"{path}: expected an intact gzip stream, got: {error}") from error

    features = [name for name in names if name != label]
    x = np.frombuffer(values, np.float32).reshape(len(lines), len(features))
    finite = np.isfinite(x)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        where = _place(path, lines[row], features[column])
        raise ValueError(f"{where}: expected a finite float32, got {x[row, column]}")
    y, classes = encode_targets(
        _numbers_or_text(labels), task, lambda row: _place(path, lines[row], label)
    )
    name = Path(path).name.removesuffix(".gz").removesuffix(".csv")
    return Dataset(x, y, classes=classes, name=name, feature_names=features)


def _read_npz(path):
    """The arrays with names of _NPZ_NAMES, and the pairs (x, y) of names that are to be used."""
    with open(path, "rb") as file:
        if not zipfile.is_zipfile(file):
            raise ValueError(f"{path}: expected a .npz file, got something else or a part of one")
    known = {name for row in _NPZ_NAMES for pair in row for name in pair}
    try:
        with np.load(path, allow_pickle=False) as archive:
            names = archive.files
            arrays = {name: np.asarray(archive[name]) for name in names if name in known}
    except (zipfile.BadZipFile, ValueError, *CORRUPT) as error:
        raise ValueError(f"{path}: expected an intact file of arrays, got: {error}") from error

    row = next((row for row in _NPZ_NAMES if set(row[0]) <= set(names)), None)
    if row is None:
        pairs = ", ".join(" and ".join(train) for train, _ in _NPZ_NAMES)
        raise ValueError(f"{path}: expected {pairs}, got {', '.join(names) or 'no arrays'}")
    train, test = row
    have = [name for name in test if name in names]
    if len(have) == 1:
        raise ValueError(f"{path}: expected both of {' and '.join(test)}, got {have[0]}")
    return arrays, [train, test] if have else [train]


def _read_header(reader, path, label):
    """The names of all columns, and which of them is the label."""
    header = next(reader, None)
    if not header:
        raise ValueError(f"{path}: expected a header row, got an empty file or line")
    names = [name.strip() for name in header]
    listed = ", ".join(map(repr, names))
    if "" in names or len(set(names)) < len(names):
        raise ValueError(f"{path}: line 1: expected different column names, got {listed}")
    if len(names) < 2:
        raise ValueError(f"{path}: line 1: expected a feature beside the label, got {listed}")
    if label is None:
        label = next((name for name in LABEL_NAMES if name in names), None)
        expected = f"a column named {', '.join(LABEL_NAMES)}, or label= to name another"
    else:
        expected = f"a column {label!r}"
    if label not in names:
        raise ValueError(f"{path}: expected {expected}, got columns {listed}")
    return names, label


def _read_rows(reader, path, names, label):
    """Features of all rows in one float array, the cells of the label, and each row's line."""
    values, labels, lines = array.array("f"), [], array.array("q")
    label_index = names.index(label)
    features = [name for name in names if name != label]
    for cells in reader:
        if not cells:  # a blank line
            continue
        line = reader.line_num
        if len(cells) != len(names):
            raise ValueError(
                f"{path}: line {line}: expected {len(names)} cells as in the header, "
                f"got {len(cells)}"
            )
        labels.append(cells.pop(label_index).strip())
        if not labels[-1]:
            raise ValueError(f"{_place(path, line, label)}: expected a value, got an empty cell")
        try:
            values.extend(map(float, cells))
        except ValueError:
            column = next(i for i, cell in enumerate(cells) if not is_number(cell))
            came = repr(cells[column]) if cells[column].strip() else "an empty cell"
            where = _place(path, line, features[column])
            raise ValueError(f"{where}: expected a number, got {came}") from None
        lines.append(line)
    if not lines:
        raise ValueError(f"{path}: expected rows below the header, got none")
    return values, labels, lines


def _numbers_or_text(cells):
    """The cells as integers if all of them are, else as floats if all are, else as they are."""
    text = np.array(cells)
    for dtype in (np.int64, np.float64):
        try:
            return text.astype(dtype)
        except (ValueError, OverflowError):
            pass
    return text


def _place(path, line, column):
    return f"{path}: line {line}, column {column!r}"
