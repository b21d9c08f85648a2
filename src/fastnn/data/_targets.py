"""What a column of targets means: classes, or numbers to predict."""

import numpy as np

TASKS = ("auto", "classification", "regression")


def check_task(task):
    """Raise ValueError unless ``task`` is one of TASKS."""
    if task not in TASKS:
        raise ValueError(f"task: expected one of {', '.join(TASKS)}, got {task!r}")


def encode_targets(y, task, place):
    """Targets as a network takes them.

    Parameters
    ----------
    y : ndarray (N,) or (N, targets)
        Numbers, booleans or strings as they came from the file.
    task : {"auto", "classification", "regression"}
        "auto" is regression if a number among them is not whole, or if there are several
        columns that are not one-hot.
    place : callable
        ``place(row)`` says where a row stands in its file, for the message of an error.

    Returns
    -------
    targets : ndarray
        int64 (N,) indices into the classes, or float32 numbers in the shape of y.
    classes : list of str or None
        Sorted names of the classes, as numbers if they are numbers; None for regression.
    """
    numeric = y.dtype.kind in "biuf"
    if not numeric and y.dtype.kind != "U":
        raise ValueError(f"{place(0)}: expected a number or a string, got {y.dtype}")
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    numbers = _finite_float32(y, place) if numeric else None

    if numeric and task != "regression" and _is_one_hot(y):
        return y.argmax(axis=1), [str(column) for column in range(y.shape[1])]
    whole = y == np.rint(y) if y.dtype.kind == "f" else np.ones(y.shape, bool)
    if task == "auto":
        task = "classification" if y.ndim == 1 and whole.all() else "regression"

    if task == "regression":
        if not numeric:
            row = next(row for row, text in enumerate(y.tolist()) if not is_number(text))
            raise ValueError(f"{place(row)}: expected a number to predict, got {y[row].tolist()!r}")
        return numbers, None
    if y.ndim != 1 or not whole.all():
        row = 0 if y.ndim != 1 else whole.argmin()
        raise ValueError(f"{place(row)}: expected a whole number or a name, got {y[row]}")
    values, indices = np.unique(y, return_inverse=True)
    names = [f"{value:.0f}" if y.dtype.kind == "f" else str(value) for value in values]
    return indices.astype(np.int64), names


def _finite_float32(y, place):
    with np.errstate(over="ignore"):  # told below, with the place
        numbers = y.astype(np.float32)
    finite = np.isfinite(numbers)
    if not finite.all():
        row = np.argwhere(~finite)[0][0]
        raise ValueError(f"{place(row)}: expected a finite float32, got {y[row]}")
    return numbers


def _is_one_hot(y):
    if y.ndim != 2:
        return False
    return bool((((y == 0) | (y == 1)).all(axis=1) & ((y == 1).sum(axis=1) == 1)).all())


def is_number(value):
    """Whether ``float`` can read it."""
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
