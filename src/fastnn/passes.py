"""One layer, or one model, run by itself: forward, backward and prediction from Python."""

import math

import numpy as np

from fastnn import _check, _dispatch
from fastnn._engine import Predictor
from fastnn.graph import Graph, compile_calls

# Pixels: uint8 inputs are scaled to [0, 1] as they are gathered.
PIXEL_SCALE = 1 / 255

# Rows that prediction takes at a time: activations of usual widths stay in cache.
PREDICT_ROWS = 256

# The key of a layer's pass for predictions: not training, no backward.
_PREDICTION = False, False


def check_batch(x, shape, dtype, name: str = "x") -> np.ndarray:
    """`x` as an array of ``(N, *shape)`` whose rows are contiguous and aligned, copied only
    where they aren't. uint8 is left as it is; where int64 is asked for, all integers will do."""
    ordinary = type(x) is np.ndarray and x.dtype is dtype and x.ndim
    ready = ordinary and x.flags.c_contiguous and x.flags.aligned
    if ready and (shape is None or x.shape[1:] == shape):
        return x
    _check.array(name, x, "a NumPy array")
    if dtype == np.int64:
        if x.dtype.kind not in "iu":
            raise TypeError(f"{name}: expected integers, got {x.dtype}")
        x = x.astype(np.int64, copy=False)
    elif x.dtype not in (dtype, np.uint8):
        raise TypeError(
            f"{name}: expected {dtype} (or uint8 pixels), got {x.dtype}; "
            f"convert with {name}.astype(np.{dtype})"
        )
    if x.ndim == 0 or (shape is not None and x.shape[1:] != tuple(shape)):
        expected = "(N, ...)" if shape is None else f"(N, {', '.join(map(str, shape))})"
        raise ValueError(f"{name}: expected shape {expected}, got {x.shape}")
    if x.size and not x[:1].flags.c_contiguous:
        x = np.ascontiguousarray(x)
    if x.strides[0] < 0 or not x.flags.aligned:
        x = np.array(x, order="C")
    return x


def bind(program, part: int, array: np.ndarray | None, dtype, *, in_place: bool) -> None:
    """Let a program take a part of its batches from `array`, in the type `dtype`."""
    if array is None:
        program.bind(part, None, None, 1.0, False)
    else:
        leaf, scale = gather_of(array.dtype, dtype)
        program.bind(part, array, leaf, scale, in_place and array.dtype == dtype)


def gather_of(source, dtype) -> tuple:
    """The kernel that brings rows of one type to another, and the factor that goes with it."""
    scale = PIXEL_SCALE if source == np.uint8 else 1.0
    # Labels stay int64; their gather is listed under both types of numbers.
    target = np.dtype(np.float32 if dtype == np.int64 else dtype)
    return _dispatch.table(f"gather.{source}")[target], scale


class LayerPass:
    """The compiled calls of a layer for batches of one sample shape."""

    @staticmethod
    def of(layer, x: np.ndarray, *, training: bool = False, backward: bool = True) -> "LayerPass":
        """The layer's pass for batches like `x`: the one at hand, or a new one where shape,
        size or the parameters' memory don't fit any more."""
        cached = layer._passes.get((training, backward))
        if cached is None or not cached._takes(x):
            x = check_batch(x, None, layer.input_dtype)
            rows = len(x) if backward else min(len(x), PREDICT_ROWS)
            cached = LayerPass(layer, x.shape[1:], rows, training, backward)
            layer._passes[training, backward] = cached
        return cached

    def __init__(self, layer, shape, capacity: int, training: bool, backward: bool):
        self.layer = layer
        self.shape = tuple(shape)
        self.capacity = max(1, capacity)
        self.most_rows = math.inf if backward else PREDICT_ROWS
        self.memory = [
            (p, p.data, p.grad if backward else None, p.requires_grad) for p in layer.parameters()
        ]
        graph = Graph(
            shape, layer.dtype, training=training, backward=backward, input_grad=backward,
            input_dtype=layer.input_dtype,
        )  # fmt: skip
        self.x, self.y = graph.input, layer.lower(graph, graph.input)
        graph.settle(self.y)
        segments = (graph.forward_calls(), [], graph.backward_calls() if backward else [], [])
        self.program = compile_calls(
            graph, self.capacity, segments, (self.x.data, None, None),
            keep=(self.y.data, self.y.grad, self.x.grad),
        )  # fmt: skip
        self.dtype, self.input_dtype = graph.dtype, layer.input_dtype
        self.check_rows = graph.check_rows
        self.in_place = graph.gathers_in_place
        self.rows = 0
        self.steps = 0
        self._kept = False  # whether what backward needs is there
        self.predictor = None if backward else Predictor(
            self.program, self.x.rows(self.capacity), self.y.rows(self.capacity),
            gather_of(self.input_dtype, self.input_dtype)[0], graph.gathers_in_place,
        )  # fmt: skip
        pixels = () if self.input_dtype == np.int64 else (np.dtype(np.uint8),)
        self._dtypes = frozenset((self.input_dtype, *pixels))

    def _takes(self, x) -> bool:
        """Whether the pass is of this kind of input, and parameters are where it knows them."""
        return (
            isinstance(x, np.ndarray)
            and x.dtype in self._dtypes
            and x.ndim > 0
            and x.shape[1:] == self.shape
            and not len(x) > self.capacity < self.most_rows
            and self._knows_parameters()
        )

    def _knows_parameters(self) -> bool:
        for p, data, grad, learned in self.memory:
            if p._data is not data:
                return False
            if grad is not None and not (p._grad is grad and p.requires_grad is learned):
                return False
        return True

    def check(self, x: np.ndarray) -> np.ndarray:
        """`x` as `forward` takes it, or an error."""
        x = check_batch(x, self.shape, self.input_dtype)
        self.layer.check_input(x)
        return x

    def forward(self, x: np.ndarray) -> np.ndarray:
        x = self.check(x)
        self.check_rows(len(x))
        self.rows, self._kept = len(x), False
        self.steps += 1  # every forward in training makes new noise
        bind(self.program, 0, x, self.input_dtype, in_place=False)
        self.program.forward(0, self.rows, self.steps)
        bind(self.program, 0, None, self.input_dtype, in_place=False)
        self._kept = True
        return self.y.rows(self.rows).copy()

    def backward(self, dy: np.ndarray) -> np.ndarray | None:
        if not isinstance(dy, np.ndarray):
            raise TypeError(f"dy: expected a NumPy array, got {type(dy).__name__}")
        if dy.shape != (self.rows, *self.y.shape):
            raise ValueError(f"dy: expected shape {(self.rows, *self.y.shape)}, got {dy.shape}")
        if dy.dtype != self.dtype:
            raise TypeError(f"dy: expected {self.dtype}, got {dy.dtype}")
        if not (self._kept and self._knows_parameters()):
            raise RuntimeError(
                "backward: expected a forward since the last one, which used up what it kept, and "
                "since parameters were moved by a Trainer, or frozen"
            )
        self._kept = False  # gradients are written over values that nobody needs after them
        self.y.grad_rows(self.rows)[...] = dy
        self.program.backward()
        return self.x.grad_rows(self.rows).copy() if self.x.grad is not None else None

    @staticmethod
    def predict(layer, x: np.ndarray) -> np.ndarray:
        """The layer's outputs for any number of rows.

        The engine accepts an ordinary array by itself, as it does for ``functional``; what it
        refuses is looked at closely.
        """
        ready = layer._passes.get(_PREDICTION)
        if ready is not None and ready._knows_parameters():
            y = ready.predictor.predict(x)
            if y is not None:
                return y
        return LayerPass.of(layer, x, backward=False)._predict(x)

    def _predict(self, x):
        x = self.check(x)
        gather, scale = gather_of(x.dtype, self.input_dtype)
        in_place = self.in_place and x.dtype == self.input_dtype
        return self.predictor.predict_from(x, gather, scale, in_place)
