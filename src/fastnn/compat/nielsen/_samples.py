"""Lists of ``(x, y)``, as the book has data, and the arrays that compiled programs read."""

from functools import cached_property

import numpy as np


class Samples(tuple):
    """Samples ``(x, y)``, stacked once, when that is first asked for."""

    @cached_property
    def inputs(self) -> np.ndarray | None:
        """The x as rows, float32 or float64, or None where they aren't columns of one length."""
        return stack([x for x, _ in self])

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
