"""Data by the one name that the command line gives it."""

from dataclasses import replace
from pathlib import Path

from fastnn.data.digits import load_digits
from fastnn.data.idx import is_idx_folder, load_idx_folder
from fastnn.data.npz import load_npz
from fastnn.data.split import train_test_split
from fastnn.data.tables import load_csv

ACCEPTED = """\
  digits               the data set that comes with fastnn
  a folder             IDX files named as in MNIST: train-images-idx3-ubyte[.gz], ...
  a file .npz          arrays x and y, or x_train, y_train, x_test and y_test
  a file .csv[.gz]     a table with a header row and a column to predict"""


def load(source, label=None, *, test_size=0.2, task="auto", stratify=True, seed=0):
    """Load data by a name or a path, with examples to test on.

    Parameters
    ----------
    source : str or path-like
        "digits"; a folder of IDX files (:func:`load_idx_folder`); a ``.npz`` file
        (:func:`load_npz`); a ``.csv`` or ``.csv.gz`` file (:func:`load_csv`). A folder that
        is itself called digits is "./digits".
    label : str, optional
        The column of a table to predict.
    test_size : float or int
        What to set aside of a source that has no test part of its own (fraction or count).
    task : {"auto", "classification", "regression"}
        What the targets of a ``.npz`` or ``.csv`` file mean.
    stratify : bool
        Whether to set aside the same share of each class. Needs two examples of each.
    seed : int
        The same seed sets the same examples aside.

    Returns
    -------
    Dataset
        x_test and y_test are never None.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder.
    ValueError
        If it is none of these kinds, or is damaged.

    Examples
    --------
    >>> load("digits")
    Dataset 'digits': 1437 to train, 360 to test, examples (64,) float32, 10 classes
    """
    data = read(source, label, task=task)
    if data.x_test is not None:
        return data
    classes = data.y_train if stratify and data.classes is not None else None
    x_train, x_test, y_train, y_test = train_test_split(
        data.x_train, data.y_train, test_size=test_size, stratify=classes, seed=seed
    )
    return replace(data, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)


def read(source, label=None, *, features=None, task="auto"):
    """Load data by a name or a path as it is, with a test part only if the source has one.

    Parameters
    ----------
    source, label, task
        As in :func:`load`.
    features : list of str, optional
        The columns of a table to predict from, see :func:`load_csv`.

    Returns
    -------
    Dataset

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`load`.

    Examples
    --------
    >>> read("digits")
    Dataset 'digits': 1437 to train, 360 to test, examples (64,) float32, 10 classes
    """
    kind = source_kind(source)
    if label is not None and kind != "csv":
        raise ValueError(f"label: expected only with a .csv table, got {label!r} with {source}")
    if kind == "csv":
        return load_csv(source, label, features=features, task=task)
    if kind == "npz":
        return load_npz(source, task=task)
    return load_digits() if kind == "digits" else load_idx_folder(source)


def source_kind(source):
    """What a name or a path stands for: "digits", "csv", "npz" or "idx"."""
    path = Path(source)
    if str(source) == "digits":
        return "digits"
    if not path.exists():
        raise FileNotFoundError(f"{source}: no such file or folder. Accepted are:\n{ACCEPTED}")
    if path.name.endswith((".csv", ".csv.gz")):
        return "csv"
    if path.suffix == ".npz":
        return "npz"
    if path.is_dir() and is_idx_folder(path):
        return "idx"
    what = "a folder without IDX files" if path.is_dir() else "a file of another kind"
    raise ValueError(f"{source}: {what}. Accepted are:\n{ACCEPTED}")
