"""Branches that read the same input, and what brings their outputs together."""

import math

import numpy as np

from fastnn._settings import count
from fastnn.graph import Call, Fork, Node
from fastnn.layers.activations import ActivatedNode, PointwiseNode, activation_params
from fastnn.layers.base import Layer, occurs_twice


class _Branches(Layer):
    """Layers side by side. None stands for the input itself."""

    def _take(self, branches: dict[str, Layer | None], seed: int) -> None:
        """Check the branches and give their parameters streams of their own (see `Sequential`)."""
        for name, layer in branches.items():
            if layer is not None and not isinstance(layer, Layer):
                raise TypeError(f"{name}: expected a Layer, got {type(layer).__name__}")
        if occurs_twice(layer for layer in branches.values() if layer is not None):
            raise ValueError(f"{', '.join(branches)}: expected different layers, got one twice")
        self._branches = list(branches.values())
        for i, p in enumerate(self.parameters()):
            p.rng = np.random.default_rng([seed, i])

    def input_shape(self):
        shapes = (layer.input_shape() for layer in self._branches if layer is not None)
        return next((shape for shape in shapes if shape is not None), None)

    @property
    def input_dtype(self):
        # Branches of indices take nothing else; those without parameters take what the others do.
        taken = [layer.input_dtype for layer in self._branches if layer is not None]
        return next((dtype for dtype in taken if dtype == np.int64), self.dtype)

    def check_input(self, x):
        for layer in self._branches:
            if layer is not None:
                layer.check_input(x)

    def suit(self, activation):
        for layer in self._branches:
            if layer is not None:
                layer.suit(activation)
        return True

    def _output_shapes(self, shape) -> list[tuple]:
        return [
            tuple(shape) if layer is None else tuple(layer.output_shape(shape))
            for layer in self._branches
        ]

    def _lower_branches(self, graph, x) -> list:
        self.output_shape(x.shape)
        readers = graph.fork(x, len(self._branches))
        return [
            reader if layer is None else graph.lower(layer, reader)
            for layer, reader in zip(self._branches, readers, strict=True)
        ]

    def __repr__(self):
        branches = [repr(layer) for layer in self.children().values()]
        options = [f"{k}={v!r}" for k, v in self.config().items() if v]
        return f"{type(self).__name__}({', '.join(branches + options)})"


class Add(_Branches):
    """The sum of branches, ``y = b_1(x) + b_2(x) + ...``, all of one output shape.

    Parameters
    ----------
    *branches : Layer
        At least two. `Identity` is the input itself, and costs nothing.
    seed : int
        Of the initial values.

    Raises
    ------
    TypeError, ValueError
        If there are fewer than two, one is no layer, or one is there twice. With the shape of
        the input known, if outputs differ in shape.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> layer = fastnn.Add(fastnn.ReLU(), fastnn.Identity())
    >>> layer.forward(np.array([[-1, 2]], np.float32)).tolist()
    [[-1.0, 4.0]]
    """

    def __init__(self, *branches: Layer, seed: int = 0):
        _check_two(branches)
        self._take(_numbered(branches), seed)

    def children(self):
        return {str(i): layer for i, layer in enumerate(self._branches)}

    def output_shape(self, shape):
        shapes = self._output_shapes(shape)
        if len(set(shapes)) > 1:
            raise ValueError(f"Add: expected branches of one output shape, got {_list(shapes)}")
        return shapes[0]

    def lower(self, graph, x):
        values = self._lower_branches(graph, x)
        return graph.add(SumNode(values), values[0].shape)


class Residual(_Branches):
    """A residual connection, ``y = f(body(x) + shortcut(x))``.

    K. He, X. Zhang, S. Ren, J. Sun, Deep residual learning for image recognition, 2016. PyTorch
    has no such layer; this one has the keys of a module with attributes ``body`` and
    ``shortcut``.

    Parameters
    ----------
    body : Layer
        Of several layers: a `Sequential`.
    shortcut : Layer, optional
        What brings the input to the shape of the body's output; by default the input itself.
    activation : str, optional
        The name of a pointwise activation of the sum; the same as an activation layer that
        follows.
    seed : int
        Of the initial values.

    Raises
    ------
    TypeError, ValueError
        If one is no layer, or both are the same. With the shape of the input known, if body and
        shortcut differ in their outputs' shapes.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> block = fastnn.Residual(
    ...     fastnn.Sequential(fastnn.Linear(3, 8), fastnn.ReLU(), fastnn.Linear(8, 3)),
    ...     activation="relu",
    ... )
    >>> block.forward(np.ones((2, 3), np.float32)).shape
    (2, 3)
    >>> list(block.state_dict())
    ['body.0.weight', 'body.0.bias', 'body.2.weight', 'body.2.bias']
    """

    def __init__(self, body: Layer, shortcut: Layer | None = None, activation=None, *, seed=0):
        if body is None:
            raise TypeError("body: expected a Layer, got NoneType")
        params = activation_params(activation) if activation else ()
        self.body, self.shortcut = body, shortcut
        self.activation, self._params = activation, params
        self._take({"body": body, "shortcut": shortcut}, seed)
        if activation:
            super().suit(activation)

    @property
    def keeps_shape(self):
        return self.shortcut is None

    def suit(self, activation):
        return self.activation is not None or super().suit(activation)

    def children(self):
        both = {"body": self.body, "shortcut": self.shortcut}
        return {name: layer for name, layer in both.items() if layer is not None}

    def config(self):
        return {"activation": self.activation}

    def output_shape(self, shape):
        body, shortcut = self._output_shapes(shape)
        if body != shortcut:
            what = "as it is" if self.shortcut is None else "through the shortcut"
            raise ValueError(
                f"Residual: expected a body that gives {shortcut}, the shape of the input {what}, "
                f"got {body}"
            )
        return body

    def lower(self, graph, x):
        values = self._lower_branches(graph, x)
        y = graph.add(SumNode(values), values[0].shape)
        if self.activation:
            y = graph.add(PointwiseNode(y, self.activation, self._params), y.shape)
        return y


class Concat(_Branches):
    """The outputs of branches one after the other along an axis.

    C. Szegedy et al., Going deeper with convolutions, 2015; G. Huang, Z. Liu, L. van der Maaten,
    K. Q. Weinberger, Densely connected convolutional networks, 2017, where one branch is
    `Identity`.

    Parameters
    ----------
    *branches : Layer
        At least two.
    axis : int
        Of the sample, not counting the batch: 0 for the channels of images or the features of
        vectors. ``torch.cat`` counts the batch. From the end if negative.
    seed : int
        Of the initial values.

    Raises
    ------
    TypeError, ValueError
        If there are fewer than two, one is no layer, or one is there twice. With the shape of
        the input known, if outputs differ in another axis, or have no such axis.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> layer = fastnn.Concat(fastnn.Identity(), fastnn.Linear(3, 2))
    >>> layer.forward(np.ones((4, 3), np.float32)).shape
    (4, 5)
    >>> list(layer.state_dict())
    ['1.weight', '1.bias']
    """

    def __init__(self, *branches: Layer, axis: int = 0, seed: int = 0):
        _check_two(branches)
        self.axis = count("axis", axis, -math.inf)
        self._take(_numbered(branches), seed)

    def children(self):
        return {str(i): layer for i, layer in enumerate(self._branches)}

    def config(self):
        return {"axis": self.axis}

    def output_shape(self, shape):
        shapes = self._output_shapes(shape)
        ndim = len(shapes[0])
        if not -ndim <= self.axis < ndim:
            raise ValueError(f"Concat: expected branches with an axis {self.axis}, got {shapes[0]}")
        axis = self.axis % ndim
        if len({(*s[:axis], *s[axis + 1 :]) for s in shapes}) > 1 or {*map(len, shapes)} != {ndim}:
            raise ValueError(
                f"Concat: expected branches that differ in axis {axis} alone, got {_list(shapes)}"
            )
        return (*shapes[0][:axis], sum(s[axis] for s in shapes), *shapes[0][axis + 1 :])

    def lower(self, graph, x):
        values = self._lower_branches(graph, x)
        axis = self.axis % len(values[0].shape)
        return graph.add(ConcatNode(values, axis), self.output_shape(x.shape))


class SumNode(ActivatedNode):
    """``y = f(x_1 + x_2 + ...)``."""

    def __init__(self, values: list):
        super().__init__(values[0])
        self.values = values

    @property
    def inputs(self):
        return tuple(self.values)

    def forward(self, graph):
        total, calls = self.x.data, []
        for value in self.values[1:]:
            leaves = [graph.leaf("add.apply"), None]
            buffers = [total, value.data, self.z]
            if value is self.values[-1]:
                leaves[1] = self.activation_leaf(graph)
                buffers.append(self.y.data)
            params = self.activation_params if leaves[1] else ()
            calls.append(Call("add", tuple(leaves), tuple(buffers), (self.y.width,), params))
            total = self.z
        return calls

    def backward(self, graph):
        if self.y.grad is None:
            return []
        calls = self.activation_backward()
        for value in self.values:
            if value.grad is None:
                continue
            if (epilogue := value.epilogue) is not None:
                epilogue.applied = True
                calls.append(epilogue.call(self.y.grad, value.grad, value.width))
            elif isinstance(value.producer, Fork) or not value.producer.alters:
                value.grad = self.y.grad  # nobody will write there
            else:
                leaf = graph.leaf("identity.forward")
                buffers = (self.y.grad, value.grad)
                calls.append(Call("map", (leaf,), buffers, (value.width,)))
        return calls


class ConcatNode(Node):
    """Values one after the other along an axis of the sample."""

    alters = False

    def __init__(self, values: list, axis: int):
        super().__init__(values[0])
        self.values, self.axis = values, axis

    @property
    def inputs(self):
        return tuple(self.values)

    def _parts(self):
        """(value, rows of a sample, columns of the value, columns of all, first of its)."""
        outer = math.prod(self.y.shape[: self.axis])
        first, total = 0, self.y.width // outer
        for value in self.values:
            columns = value.width // outer
            yield value, (outer, columns), total, first
            first += columns

    def forward(self, graph):
        return [
            Call("columns", (None,), (value.data, self.y.data), (*part, part[1], 0, total, first))
            for value, part, total, first in self._parts()
        ]

    def backward(self, graph):
        calls = []
        for value, part, total, first in self._parts():
            if value.grad is None:
                continue
            leaf, saved, params = None, None, ()
            if (epilogue := value.epilogue) is not None:
                epilogue.applied = True
                leaf, saved, params = epilogue.leaf, epilogue.saved, epilogue.params
            buffers, dims = (self.y.grad, value.grad, saved), (*part, total, first, part[1], 0)
            calls.append(Call("columns", (leaf,), buffers, dims, params))
        return calls


def _numbered(branches) -> dict[str, Layer]:
    if any(layer is None for layer in branches):
        raise TypeError("branches: expected layers, got None; Identity() is the input itself")
    return {f"branches[{i}]": layer for i, layer in enumerate(branches)}


def _check_two(branches) -> None:
    if len(branches) < 2:
        raise ValueError(f"branches: expected at least two, got {len(branches)}")


def _list(shapes) -> str:
    return ", ".join(map(str, shapes))
