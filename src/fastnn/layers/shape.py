"""Layers that only change a sample's shape."""

import math

from fastnn._settings import count
from fastnn.layers.base import Layer


class Flatten(Layer):
    """Each sample as a vector: ``(N, ...)`` to ``(N, product)``. Costs nothing.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> fastnn.Flatten().forward(np.zeros((2, 28, 28), np.float32)).shape
    (2, 784)
    """

    def output_shape(self, shape):
        return (math.prod(shape),)

    def lower(self, graph, x):
        return graph.view(x, self.output_shape(x.shape))

    def __repr__(self):
        return "Flatten()"


class Reshape(Layer):
    """Each sample in another shape, in the same order: ``(N, ...)`` to ``(N, *shape)``.
    Costs nothing.

    Parameters
    ----------
    shape : sequence of int
        Of a sample; one length may be -1, for what is left.

    Raises
    ------
    TypeError, ValueError
        If a length is no whole number, or 0 or below -1, or two are -1; with the shape of the
        input known, if the numbers of elements differ.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> fastnn.Reshape((1, 28, -1)).forward(np.zeros((2, 784), np.float32)).shape
    (2, 1, 28, 28)
    """

    def __init__(self, shape):
        self.shape = _lengths("shape", tuple(shape))

    def output_shape(self, shape):
        return _fill(self.shape, math.prod(shape), "Reshape", shape)

    def lower(self, graph, x):
        return graph.view(x, self.output_shape(x.shape))

    def config(self):
        return {"shape": list(self.shape)}

    def __repr__(self):
        return f"Reshape({self.shape})"


class Unflatten(Layer):
    """One axis as several, as ``torch.nn.Unflatten``. Costs nothing.

    Parameters
    ----------
    dim : int
        Which, counting the batch as PyTorch does: 1 is the first of the sample. From the end if
        negative.
    unflattened_size : sequence of int
        The lengths that it becomes; one of them may be -1, for what is left.

    Raises
    ------
    TypeError, ValueError
        As `Reshape`, or if dim is 0, the batch, or there is no such axis.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> fastnn.Unflatten(1, (3, 4)).forward(np.zeros((2, 12, 5), np.float32)).shape
    (2, 3, 4, 5)
    """

    def __init__(self, dim: int, unflattened_size):
        self.dim = count("dim", dim, -math.inf)
        if self.dim == 0:
            raise ValueError("dim: expected an axis of the sample, got 0, the batch")
        self.unflattened_size = _lengths("unflattened_size", tuple(unflattened_size))

    def output_shape(self, shape):
        axis = self.dim - 1 if self.dim > 0 else len(shape) + self.dim
        if not 0 <= axis < len(shape):
            raise ValueError(f"Unflatten: expected samples with an axis {self.dim}, got {shape}")
        sizes = _fill(self.unflattened_size, shape[axis], "Unflatten", shape)
        return (*shape[:axis], *sizes, *shape[axis + 1 :])

    def lower(self, graph, x):
        return graph.view(x, self.output_shape(x.shape))

    def config(self):
        return {"dim": self.dim, "unflattened_size": list(self.unflattened_size)}

    def __repr__(self):
        return f"Unflatten({self.dim}, {self.unflattened_size})"


def _lengths(name: str, lengths: tuple) -> tuple[int, ...]:
    lengths = tuple(count(f"{name}[{i}]", length, -math.inf) for i, length in enumerate(lengths))
    if not all(length >= 1 or length == -1 for length in lengths) or lengths.count(-1) > 1:
        raise ValueError(f"{name}: expected lengths of at least 1, at most one -1, got {lengths}")
    return lengths


def _fill(lengths: tuple, size: int, layer: str, shape) -> tuple[int, ...]:
    """`lengths` with -1 replaced, so that their product is `size`."""
    known = math.prod(length for length in lengths if length != -1)
    filled = tuple(size // known if length == -1 else length for length in lengths)
    if math.prod(filled) != size:
        raise ValueError(f"{layer}: expected {size} elements, those of {shape}, got {lengths}")
    return filled
