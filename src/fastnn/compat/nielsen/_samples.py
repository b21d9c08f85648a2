"""Lists of ``(x, y)``, as the book has data, and the arrays that compiled programs read."""

from functools import cached_property

import numpy as np

from fastnn._engine import rows_among

# How many rows of targets there may be for each that is used.
_SPARSE = 4


class Samples(tuple):
    """Samples ``(x, y)``, stacked once, when that is first asked for."""

    @cached_property
    def rows(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Where the x are all views of rows of one matrix, as those of the book's loader, that
        matrix, float32 or float64, and the number of each one's row."""
        columns = [x for x, _ in self]
        whole = columns[0].base if columns and type(columns[0]) is np.ndarray else None
        if type(whole) is not np.ndarray or whole.dtype not in (np.float32, np.float64):
            return None
        length = len(columns[0])
        shapes = {getattr(x, "shape", None) for x in columns}
        if shapes != {(length, 1)} or not whole.flags.c_contiguous or whole.size % length:
            return None
        matrix = whole.reshape(-1, length)
        numbers = rows_among(columns, matrix)
        return None if numbers is None else (matrix, numbers)

    @cached_property
    def inputs(self) -> np.ndarray | None:
        """The x as rows, float32 or float64, or None where they aren't columns of one length."""
        if self.rows is not None:
            matrix, numbers = self.rows
            if (np.diff(numbers) == 1).all():
                return matrix[numbers[0] : numbers[0] + len(self)]
        return stack([x for x, _ in self])

    @cached_property
    def widths(self) -> tuple[int, int] | None:
        """The lengths of the x and of the y, or None where there are no rows of them."""
        x = self.rows[0] if self.rows is not None else self.inputs
        return None if x is None or self.targets is None else (x.shape[1], self.targets.shape[1])

    def numbered(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Inputs and targets, and at which of their rows each sample is: where they can be, the
        inputs are those of the user, as many may fill most of the memory."""
        if self.rows is not None:
            matrix, numbers = self.rows
            once = np.bincount(numbers, minlength=len(matrix)).max() == 1
            if once and len(matrix) <= _SPARSE * len(self):
                targets = np.zeros((len(matrix), *self.targets.shape[1:]))
                targets[numbers] = self.targets
                return matrix, targets, numbers
        return self.inputs, self.targets, np.arange(len(self))

    @cached_property
    def targets(self) -> np.ndarray | None:
        """The y as rows of float64, or None where they are neither columns nor numbers."""
        rows = stack([y for _, y in self])
        if rows is None and self.numbers is not None:
            rows = self.numbers[:, None]
        return None if rows is None else rows.astype(np.float64, copy=False)

    @cached_property
    def numbers(self) -> np.ndarray | None:
        """The y, where each is one number."""
        values = [y for _, y in self]
        if not all(np.ndim(y) == 0 for y in values):
            return None
        values = np.array(values)
        return values if is_real(values) else None


def as_list(data) -> list:
    """A list itself, since the book shuffles it; what else can be gone through as a new one."""
    return data if isinstance(data, list) else list(data)


def optional_list(data) -> list:
    """`as_list`, and an empty one of what scripts give where they have nothing to judge by."""
    return [] if data is None or data is False else as_list(data)


def stack(columns: list) -> np.ndarray | None:
    """Columns of shape (n, 1) as the rows of a matrix, or None where they are anything else."""
    try:
        flat = np.concatenate(columns)
        lengths = set(map(len, columns))
    except (TypeError, ValueError):
        return None
    if type(flat) is not np.ndarray or flat.shape[1:] != (1,) or len(lengths) > 1:
        return None
    if not is_real(flat):
        return None
    if flat.dtype not in (np.float32, np.float64):
        flat = flat.astype(np.float64)
    return flat.reshape(len(columns), lengths.pop())


def is_real(values: np.ndarray) -> bool:
    """Whether float64 holds them all: then they may be compiled."""
    # Longer floats than float64 would lose something: NumPy computes with those.
    return values.dtype.kind in "biuf" and values.dtype.itemsize <= 8
