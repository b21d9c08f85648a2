"""What every loader returns."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples to train on and, where there are any, examples to test on.

    Parameters
    ----------
    x_train : ndarray (N, ...)
        One example a row, memory-mapped if you like.
    y_train : ndarray (N,) or (N, targets)
        Class indices (int64, 0 <= y < number of classes), or numbers to predict (floating).
    x_test, y_test : ndarray or None
        The same for testing; both or neither.
    classes : list of str or None
        Names of the classes, in the order of their indices; None for regression.
    name : str
        What to call the data in titles and file names.
    feature_names : list of str or None
        Names of the columns of x, where the source gave any.

    Raises
    ------
    ValueError
        If x and y differ in length, or the examples of the two parts in shape.

    Examples
    --------
    >>> import numpy as np
    >>> xor = Dataset(np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32),
    ...               np.array([0, 1, 1, 0]), classes=["same", "different"], name="xor")
    >>> xor
    Dataset 'xor': 4 to train, 0 to test, examples (2,) float32, 2 classes
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray | None = None
    y_test: np.ndarray | None = None
    classes: list[str] | None = None
    name: str = "data"
    feature_names: list[str] | None = None

    def __post_init__(self):
        check_lengths(self.x_train, self.y_train, "x_train", "y_train")
        if (self.x_test is None) != (self.y_test is None):
            have, lack = ("y_test", "x_test") if self.x_test is None else ("x_test", "y_test")
            raise ValueError(f"{lack}: expected an array beside {have}, got None")
        if self.x_test is not None:
            check_lengths(self.x_test, self.y_test, "x_test", "y_test")
            for field in ("x", "y"):
                expected = getattr(self, f"{field}_train").shape[1:]
                got = getattr(self, f"{field}_test").shape[1:]
                if expected != got:
                    raise ValueError(
                        f"{field}_test: expected examples of shape {expected} as in "
                        f"{field}_train, got {got}"
                    )

    def __repr__(self):
        tests = 0 if self.x_test is None else len(self.x_test)
        task = "regression" if self.classes is None else f"{len(self.classes)} classes"
        return (
            f"Dataset {self.name!r}: {len(self.x_train)} to train, {tests} to test, "
            f"examples {self.x_train.shape[1:]} {self.x_train.dtype}, {task}"
        )


def check_lengths(x, y, x_name, y_name):
    """Raise ValueError unless there is a target for each example."""
    if len(x) != len(y):
        raise ValueError(f"{y_name}: expected {len(x)} rows as in {x_name}, got {len(y)}")
