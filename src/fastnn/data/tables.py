"""Rows in a .csv."""

import array
import csv
import io
from pathlib import Path

import numpy as np

from fastnn.data._files import CORRUPT, open_binary
from fastnn.data._targets import check_task, encode_targets, is_number
from fastnn.data.dataset import Dataset

LABEL_NAMES = ("label", "target", "class", "y")


def load_csv(path, label=None, *, features=None, task="auto"):
    """Read a table of comma-separated values with a header row.

    Parameters
    ----------
    path : str or path-like
        UTF-8 text, plain or gzip-compressed.
    label : str, optional
        The column to predict. By default the first of "label", "target", "class" and "y" that
        is there.
    features : list of str, optional
        The columns to predict from, in the order that they get in x; others are not looked at.
        By default all but the label, in the order of the file.
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
    x, labels, lines, features, label = read_table(
        path, lambda names: _choose_columns(path, names, label, features)
    )
    y, classes = encode_targets(
        _numbers_or_text(labels), task, lambda row: _place(path, lines[row], label)
    )
    name = Path(path).name.removesuffix(".gz").removesuffix(".csv")
    return Dataset(x, y, classes=classes, name=name, feature_names=features)


def read_table(path, choose):
    """Some columns of a table.

    Parameters
    ----------
    path : str or path-like
        As in :func:`load_csv`, which tells the errors too.
    choose : callable
        Given the names of all columns returns those of the features and the label's, or None.

    Returns
    -------
    x : ndarray (N, features) float32
    labels : list of str
        The label's cells; empty without one.
    lines : array of int
        Where each row stands in the file.
    features, label
        What ``choose`` returned.
    """
    with open_binary(path) as file:
        # utf-8-sig: spreadsheets write a byte order mark, which would stick to the first name.
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        reader = csv.reader(text, strict=True)
        try:
            names = _read_header(reader, path)
            features, label = choose(names)
            values, labels, lines = _read_rows(reader, path, names, features, label)
        except csv.Error as error:
            raise ValueError(f"{path}: line {reader.line_num}: {error}") from error
        except UnicodeDecodeError as error:
            raise ValueError(f"{path}: expected UTF-8 text, got: {error}") from error
        except CORRUPT as error:
            raise ValueError(f"{path}: expected an intact gzip stream, got: {error}") from error
    x = np.frombuffer(values, np.float32).reshape(len(lines), len(features))
    finite = np.isfinite(x)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        where = _place(path, lines[row], features[column])
        raise ValueError(f"{where}: expected a finite float32, got {x[row, column]}")
    return x, labels, lines, features, label


def check_columns(path, wanted, names):
    """Raise ValueError unless all wanted columns are among a table's."""
    if missing := [name for name in wanted if name not in names]:
        listed = ", ".join(map(repr, names))
        raise ValueError(
            f"{path}: expected columns {', '.join(map(repr, missing))} too, got {listed}"
        )


def _read_header(reader, path):
    header = next(reader, None)
    if not header:
        raise ValueError(f"{path}: expected a header row, got an empty file or line")
    names = [name.strip() for name in header]
    if "" in names or len(set(names)) < len(names):
        listed = ", ".join(map(repr, names))
        raise ValueError(f"{path}: line 1: expected different column names, got {listed}")
    return names


def _choose_columns(path, names, label, features):
    """The features and the label of a table to learn from."""
    listed = ", ".join(map(repr, names))
    if len(names) < 2:
        raise ValueError(f"{path}: line 1: expected a feature beside the label, got {listed}")
    if label is None:
        label = next((name for name in LABEL_NAMES if name in names), None)
        expected = f"a column named {', '.join(LABEL_NAMES)}, or label= to name another"
    else:
        expected = f"a column {label!r}"
    if label not in names:
        raise ValueError(f"{path}: expected {expected}, got columns {listed}")
    if features is None:
        return [name for name in names if name != label], label
    check_columns(path, features, names)
    return list(features), label


def _read_rows(reader, path, names, features, label):
    """Features of all rows in one float array, the cells of the label, and each row's line."""
    values, labels, lines = array.array("f"), [], array.array("q")
    columns = [names.index(name) for name in features]
    label_index = None if label is None else names.index(label)
    for cells in reader:
        if not cells:  # a blank line
            continue
        line = reader.line_num
        if len(cells) != len(names):
            raise ValueError(
                f"{path}: line {line}: expected {len(names)} cells as in the header, "
                f"got {len(cells)}"
            )
        if label_index is not None:
            labels.append(cells[label_index].strip())
            if not labels[-1]:
                where = _place(path, line, label)
                raise ValueError(f"{where}: expected a value, got an empty cell")
        chosen = [cells[column] for column in columns]
        try:
            values.extend(map(float, chosen))
        except ValueError:
            column = next(i for i, cell in enumerate(chosen) if not is_number(cell))
            came = repr(chosen[column]) if chosen[column].strip() else "an empty cell"
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
