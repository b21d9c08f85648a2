"""Vectors for indices: words, characters, categories."""

import math

import numpy as np

from fastnn import init as initializers
from fastnn._settings import check_dtype, count
from fastnn.graph import Buffer, Call, Node
from fastnn.layers.base import Layer
from fastnn.layers.masking import count_steps_call
from fastnn.parameter import Parameter


class Embedding(Layer):
    """A learned vector for each of some indices: ``y = weight[x]``.

    The first layer of a model, whose inputs are then integers: arrays of shape (N, ...) with
    values in [0, num_embeddings), which are checked before anything is done. Any integer dtype
    will do; int64 isn't copied.

    Parameters
    ----------
    num_embeddings : int
        How many indices there are.
    embedding_dim : int
        The length of a vector.
    padding_idx : int, optional
        An index that fills up short sequences: its vector begins as zeros and has no gradient,
        and of samples of shape (T,) the steps after the last other index don't count for
        recurrent layers (see `fastnn.LSTM`). Negative ones count from the end, as in PyTorch.
    dtype : dtype
        float32 or float64, of the vectors.

    Attributes
    ----------
    weight : Parameter of shape (num_embeddings, embedding_dim)
        Begins as N(0, 1).

    Raises
    ------
    TypeError, ValueError
        If an argument is of another kind or out of range; on use, if inputs aren't integers or
        one of them is out of range.

    Notes
    -----
    As ``torch.nn.Embedding``; there `padding_idx` has no say in the length of sequences. The
    gradient is dense, as PyTorch's is by default: Adam moves vectors that a batch didn't read
    as well, by their momentum. Where that can't be (plain `SGD`), they aren't touched.
    `backward` returns None, for there is no gradient with respect to an index.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> layer = fastnn.Embedding(10, 3)
    >>> layer.forward(np.array([[1, 2], [4, 1]])).shape
    (2, 2, 3)
    """

    def __init__(self, num_embeddings, embedding_dim, padding_idx=None, *, dtype=np.float32):
        self.num_embeddings = count("num_embeddings", num_embeddings)
        self.embedding_dim = count("embedding_dim", embedding_dim)
        self.padding_idx = padding_idx
        if padding_idx is not None:
            self.padding_idx = _index("padding_idx", padding_idx, self.num_embeddings)
        self.weight = Parameter(
            (self.num_embeddings, self.embedding_dim), self._draw, check_dtype(dtype)
        )

    def _draw(self, shape, rng, dtype):
        values = initializers.normal(shape, rng, dtype, std=1)
        if self.padding_idx is not None:
            values[self.padding_idx] = 0
        return values

    @property
    def input_dtype(self):
        return np.dtype(np.int64)

    def check_input(self, x):
        # Read as unsigned, a negative index is a huge one: one pass finds both kinds of mistake.
        if x.size and x.view(np.uint64).max() >= self.num_embeddings:
            raise ValueError(
                f"x: expected indices in [0, {self.num_embeddings}), got {x.min()} to {x.max()}"
            )

    def output_shape(self, shape):
        return (*shape, self.embedding_dim)

    def lower(self, graph, x):
        if x.data.dtype != np.int64:
            raise TypeError(f"Embedding: expected to be the first layer, got {x.data.dtype} inputs")
        y = graph.add(EmbeddingNode(x, self.weight, self.padding_idx), self.output_shape(x.shape))
        y.lengths = y.producer.lengths
        return y

    def config(self):
        return {
            "num_embeddings": self.num_embeddings,
            "embedding_dim": self.embedding_dim,
            "padding_idx": self.padding_idx,
            "dtype": str(self.weight.dtype),
        }

    def __repr__(self):
        tail = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"Embedding({self.num_embeddings}, {self.embedding_dim}{tail})"


def _index(name: str, value, size: int) -> int:
    """An index from the front, given one from either end."""
    index = count(name, value, -size)
    if index >= size:
        raise ValueError(f"{name}: expected {-size} to {size - 1}, got {index}")
    return index % size


class EmbeddingNode(Node):
    """``y = weight[x]``."""

    alters = False
    takes_indices = True

    def __init__(self, x, weight: Parameter, padding: int | None):
        super().__init__(x)
        self.weight, self.padding = weight, padding
        self.learns = weight.requires_grad
        self.count = math.prod(x.shape)  # indices of a sample
        counts = padding is not None and len(x.shape) == 1
        self.lengths = Buffer((), np.int64) if counts else None

    def settle(self, graph):
        graph.scratch = max(graph.scratch, self.weight.shape[1] * graph.dtype.itemsize)

    def forward(self, graph):
        buffers = (self.x.data, self.weight.data, self.y.data)
        dims = (self.count, self.weight.shape[1])
        calls = [Call("embedding_forward", (graph.leaf("embedding.forward"),), buffers, dims)]
        if self.lengths is not None:
            calls.append(count_steps_call(graph, self.x, self.lengths, self.padding))
        return calls

    def backward(self, graph):
        if self.y.grad is None:
            return []
        size, width = self.weight.shape
        ends, places = np.zeros(size + 1, np.int64), Buffer((self.count,), np.int64)
        padding = -1 if self.padding is None else self.padding
        fields = graph.update(self.weight)
        return [
            Call("sort_places", (), (self.x.data, ends, places), (self.count, size, padding)),
            Call(
                "embedding_backward",
                (graph.leaf("rows.sum"), None, *fields.leaves),
                (places, self.y.grad, fields.grad, *fields.buffers, ends),
                (size, width, int(fields.descend)),
                fields.scalars,
            ),
        ]
