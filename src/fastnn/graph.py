"""From layers to kernel calls: values, nodes, and the memory that they share.

A layer lowers itself by adding nodes to a `Graph`. A node knows the engine's calls of its
forward and its backward; the graph fuses neighbours, strings the calls together and plans
memory, so that a buffer takes up room only from its first call to its last.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from fastnn import _dispatch, _engine
from fastnn.parameter import Parameter, aligned_zeros


class Buffer:
    """Memory for ``(capacity, *shape)``, placed when the graph is compiled."""

    def __init__(self, shape, dtype):
        self.shape = tuple(shape)
        self.dtype = np.dtype(dtype)
        self.array = None


class Call(NamedTuple):
    """One call of the engine, with fields as engine/ops.pxi says; buffers are `Buffer`, arrays
    or None."""

    op: str
    leaves: tuple = ()
    buffers: tuple = ()
    dims: tuple = ()
    scalars: tuple = ()


@dataclass(eq=False)
class Epilogue:
    """The backward of an activation, for whoever writes the gradient of its output to apply
    while that is in cache. If nobody does, its own node will."""

    leaf: object
    saved: Buffer
    params: tuple
    applied: bool = False

    def call(self, dy: Buffer, dx: Buffer, width: int) -> Call:
        """``dx = dy * f'`` as a call of its own."""
        return Call("grad", (self.leaf,), (dy, self.saved, dx), (width,), self.params)


@dataclass(eq=False)
class Value:
    """What runs from node to node: an array of `shape` for each sample, and its gradient."""

    shape: tuple
    data: Buffer
    grad: Buffer | None  # None where nobody needs it
    producer: "Node | None" = None
    consumers: list["Node"] = field(default_factory=list)
    epilogue: Epilogue | None = None
    lengths: Buffer | None = None  # of sequences, int64: steps of each that count; None: all

    @property
    def width(self) -> int:
        return int(np.prod(self.shape))

    def take_epilogue(self) -> tuple:
        """(leaf, saved, params) for whoever writes the gradient to apply from now on; (None, None,
        ()) where there is nothing to apply."""
        if self.epilogue is None:
            return None, None, ()
        self.epilogue.applied = True
        return self.epilogue.leaf, self.epilogue.saved, self.epilogue.params

    # Once the graph is compiled; a view's buffer is another's, of another shape.

    def rows(self, n: int) -> np.ndarray:
        """The first n samples."""
        return self.data.array[:n].reshape(n, *self.shape)

    def grad_rows(self, n: int) -> np.ndarray:
        """The gradient with respect to the first n samples."""
        return self.grad.array[:n].reshape(n, *self.shape)


class UpdateFields(NamedTuple):
    """What follows the gradient of a parameter (see engine/ops.pxi)."""

    grad: np.ndarray | None  # where to keep it; None: nowhere
    buffers: tuple  # param, state1, state2, hyper
    leaves: tuple = (None, None)  # update, regularize
    scalars: tuple = ()  # l1, l2, limit
    descend: bool = False  # plain gradient descent: param -= lr * grad and nothing else


def keep_gradient(parameter: Parameter) -> UpdateFields:
    """Write the gradient into ``parameter.grad`` and update nothing."""
    return UpdateFields(parameter.grad, (parameter.data, None, None, None))


class Node:
    """One operation.

    Attributes
    ----------
    learns : bool
        Whether it has parameters, so needs ``y.grad``.
    alters : bool
        Whether its backward may change ``y.grad`` in place; if not, that may be the gradient of
        other values as well.
    """

    learns = False
    alters = True
    takes_indices = False  # whether it can read int64

    def __init__(self, x: Value):
        self.x = x
        self.y: Value | None = None

    @property
    def inputs(self) -> tuple[Value, ...]:
        """All values that it reads."""
        return (self.x,)

    def absorb(self, following: "Node") -> bool:
        """Take over ``following``, which alone reads ``self.y``. True if this node does both
        from now on; ``self.y`` is then the other's output."""
        return False

    def settle(self, graph: "Graph") -> None:
        """Called once nodes are final: offer an epilogue, claim scratch, pin buffers."""

    def forward(self, graph: "Graph") -> list[Call]:
        raise NotImplementedError

    def backward(self, graph: "Graph") -> list[Call]:
        """From ``y.grad`` to ``x.grad`` (where that is not None) and to parameters."""
        raise NotImplementedError


class View(Node):
    """The same numbers in another shape."""

    takes_indices = True

    def forward(self, graph):
        return []

    def backward(self, graph):
        return []


class Fork(Node):
    """A value for several readers, whose gradients are added up."""

    def __init__(self, x, count: int):
        super().__init__(x)
        self.readers = [
            Value(x.shape, x.data, x.grad and Buffer(x.shape, x.grad.dtype), self)
            for _ in range(count)
        ]
        self.readers[0].grad = x.grad  # where the sum will be
        for reader in self.readers:
            reader.lengths = x.lengths

    def forward(self, graph):
        return []

    def backward(self, graph):
        if self.x.grad is None:
            return []
        total, *others = [reader.grad for reader in self.readers]
        calls = []
        for other in others:
            buffers = (total, other, self.x.grad)
            calls.append(Call("add", (graph.leaf("add.apply"),), buffers, (self.x.width,)))
            total = self.x.grad
        return calls


class Graph:
    """Nodes in the order in which they run.

    Parameters
    ----------
    shape : tuple of int
        Of one sample.
    dtype : dtype
    training : bool
        Whether layers behave as in training: dropout drops.
    backward : bool
        Whether backward will be run, so that what it needs is kept.
    input_grad : bool
        Whether backward goes on to the input.
    update : callable
        ``Parameter -> UpdateFields``.
    input_dtype : dtype, optional
        int64 for inputs that are indices, which have no gradient.
    carries : bool
        Whether a batch goes on where the one before ended.
    """

    def __init__(
        self,
        shape,
        dtype,
        *,
        training: bool = False,
        backward: bool = False,
        input_grad: bool = False,
        update: Callable[[Parameter], UpdateFields] = keep_gradient,
        input_dtype=None,
        carries: bool = False,
    ):
        self.dtype = np.dtype(dtype)
        self.training = training
        self.differentiable = backward
        self.update = update
        self.carries = carries
        self.pinned: list[Buffer] = []  # that Python reads or writes, or that outlive a batch
        self.carried: list[Buffer] = []  # of these: that go on until somebody fills in zeros
        self.nodes: list[Node] = []
        self.scratch = 0  # bytes that each thread needs to itself
        self.noise_layers = 0  # each draws its own noise, by its number
        self.gathers_in_place = True  # False once a node reads the input from Python
        # (layer, its output) -> what readers get instead; how one looks inside a model.
        self.watch: Callable[[object, Value], Value] | None = None
        self.least_rows, self._why = 0, ""  # that a batch must have
        shape = tuple(shape)
        given = self.dtype if input_dtype is None else np.dtype(input_dtype)
        grad = Buffer(shape, dtype) if backward and input_grad and given == self.dtype else None
        self.input = Value(shape, Buffer(shape, given), grad)

    def leaf(self, role: str):
        """The kernel of a role, for the graph's dtype."""
        return _dispatch.table(role)[self.dtype]

    def lower(self, layer, x: Value) -> Value:
        """The output of a layer. Containers lower what is in them by this, for `watch` to see."""
        y = layer.lower(self, x)
        return y if self.watch is None else self.watch(layer, y)

    def add(self, node: Node, shape) -> Value:
        """Append a node; returns its output."""
        shape = tuple(shape)
        if not node.takes_indices and any(x.data.dtype != self.dtype for x in node.inputs):
            raise TypeError("model: expected indices to be read by embeddings alone")
        needed = self.differentiable and (
            node.learns or any(x.grad is not None for x in node.inputs)
        )
        grad = Buffer(shape, self.dtype) if needed else None
        node.y = Value(shape, Buffer(shape, self.dtype), grad, producer=node)
        if len(shape) > 1 and shape[0] == node.x.shape[0]:  # the steps of a sequence are there yet
            node.y.lengths = node.x.lengths
        for x in node.inputs:
            x.consumers.append(node)
        self.nodes.append(node)
        return node.y

    def view(self, x: Value, shape) -> Value:
        """`x` in another shape, over the same memory."""
        y = self.add(View(x), shape)
        y.data, y.grad = x.data, x.grad
        return y

    def fork(self, x: Value, count: int) -> list[Value]:
        """`x` for several readers. Nodes that share a value without it would overwrite each
        other's gradient."""
        node = Fork(x, count)
        node.y = x
        x.consumers.append(node)
        self.nodes.append(node)
        return node.readers

    def require_rows(self, rows: int, why: str) -> None:
        """Let batches have at least so many samples."""
        if rows > self.least_rows:
            self.least_rows, self._why = rows, why

    def check_rows(self, rows: int) -> None:
        """Raise ValueError for a batch of too few samples."""
        if rows < self.least_rows:
            raise ValueError(
                f"x: expected batches of at least {self.least_rows} samples ({self._why}), "
                f"got one of {rows}"
            )

    def finish(self, parameter: Parameter) -> list[Call]:
        """What follows once ``parameter.grad`` has been written: penalties, clipping, update."""
        fields = self.update(parameter)
        if fields.leaves == (None, None):
            return []
        leaves, buffers = (None, None, *fields.leaves), (None, None, parameter.grad)
        dims = (parameter.size,)
        return [Call("update", leaves, (*buffers, *fields.buffers), dims, fields.scalars)]

    def settle(self, output: Value | None = None) -> None:
        """Fuse what can be fused. `output` is what Python will read, if anything."""
        if output is not None and output.data is self.input.data:
            self.gathers_in_place = False
        kept: list[Node] = []
        for node in self.nodes:
            before = node.x.producer
            if before is not None and len(node.x.consumers) == 1 and before.absorb(node):
                before.y = node.y
                before.y.producer = before
            else:
                kept.append(node)
            if any(len(x.consumers) > 1 and x.grad is not None for x in node.inputs):
                raise RuntimeError("lower: a value with a gradient has several readers; fork it")
        self.nodes = kept
        for node in kept:
            node.settle(self)
            if isinstance(node, View):
                node.y.epilogue = node.x.epilogue

    def forward_calls(self) -> list[Call]:
        return [call for node in self.nodes for call in node.forward(self)]

    def backward_calls(self) -> list[Call]:
        return [call for node in reversed(self.nodes) for call in node.backward(self)]


# A call that brings in a part of the batch; `Program.bind` fills it in.
_GATHER = Call("gather", (), (None, None, None), (0, 0), (0.0,))


def compile_calls(
    graph: Graph,
    capacity: int,
    segments: tuple[list[Call], list[Call], list[Call], list[Call]],
    feeds: tuple[Buffer | None, Buffer | None, Buffer | None],
    *,
    keep: tuple[Buffer, ...] = (),
    seed: int = 0,
) -> _engine.Program:
    """Place the buffers and build the engine's program.

    Parameters
    ----------
    graph : Graph
        Settled.
    capacity : int
        The most rows that a batch will have.
    segments : tuple of lists of Call
        Forward, loss, backward, late updates.
    feeds : tuple of Buffer or None
        What a batch's inputs, targets and weights are gathered into.
    keep : tuple of Buffer
        Read or written from Python as well; those that the graph pins need not be named.
    seed : int
        Of the noise.
    """
    gathers = [_GATHER] * len(feeds)
    forward, loss, backward, late = segments
    calls = gathers + forward + loss + backward + late
    place_buffers(calls, [b for b in (*feeds, *keep, *graph.pinned) if b is not None], capacity)
    ends = np.cumsum([len(gathers) + len(forward), len(loss), len(backward)]).tolist()
    specs = []
    for i, call in enumerate(calls):
        size = graph.dtype.itemsize
        if i < len(feeds) and feeds[i] is not None:
            size = feeds[i].dtype.itemsize
        arrays = tuple(b.array if isinstance(b, Buffer) else b for b in call.buffers)
        specs.append((call.op, size, call.leaves, arrays, call.dims, call.scalars))
    staging = [None if b is None else b.array for b in feeds]
    return _engine.Program(specs, tuple(ends), staging, graph.scratch, seed)


def place_buffers(calls: list[Call], pinned: list[Buffer], capacity: int) -> None:
    """Give every buffer an array, in one arena, so that no two that are alive at the same time
    overlap: a buffer lives from the first call that names it to the last, a pinned one always."""
    spans: dict[Buffer, list[int]] = {}
    for i, call in enumerate(calls):
        for buffer in call.buffers:
            if isinstance(buffer, Buffer):
                spans.setdefault(buffer, [i, i])[1] = i
    for buffer in pinned:
        spans[buffer] = [0, len(calls)]

    placed: list[tuple[int, int, list[int]]] = []  # begin and end in bytes, span
    places = {}
    sizes = {b: -(-capacity * int(np.prod(b.shape)) * b.dtype.itemsize // 64) * 64 for b in spans}
    for buffer in sorted(spans, key=lambda b: -sizes[b]):
        begin, span = 0, spans[buffer]
        for other_begin, other_end, other in sorted(placed, key=lambda p: p[0]):
            alive_together = span[0] <= other[1] and other[0] <= span[1]
            if alive_together and begin < other_end and other_begin < begin + sizes[buffer]:
                begin = other_end
        placed.append((begin, begin + sizes[buffer], span))
        places[buffer] = begin
    arena = aligned_zeros(max((end for _, end, _ in placed), default=0), np.uint8)
    for buffer, begin in places.items():
        used = capacity * int(np.prod(buffer.shape)) * buffer.dtype.itemsize
        flat = arena[begin : begin + used].view(buffer.dtype)
        buffer.array = flat.reshape(capacity, *buffer.shape)
