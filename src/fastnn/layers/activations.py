"""Activation layers: one class for each row of the registry, and the row-wise two."""

import math

from fastnn._settings import parameters
from fastnn.graph import Call, Epilogue, Graph, Node
from fastnn.layers.base import Layer
from fastnn.registry import ACTIVATIONS


def activation_params(name: str, **given: float) -> tuple:
    """The parameters of an activation in the order in which its kernels read them."""
    if name not in ACTIVATIONS:
        raise ValueError(f"activation: expected one of {', '.join(ACTIVATIONS)}, got {name!r}")
    return parameters(ACTIVATIONS[name])(**given)


class PointwiseNode(Node):
    """``y = f(x)`` by element."""

    alters = False

    def __init__(self, x, name: str, params: tuple):
        super().__init__(x)
        self.name, self.params = name, params
        self.saves = ACTIVATIONS[name].saves

    def epilogue(self, graph: Graph) -> Epilogue | None:
        if not graph.differentiable:
            return None
        saved = self.x.data if self.saves == "x" else self.y.data
        return Epilogue(graph.leaf(f"{self.name}.backward"), saved, self.params)

    def forward(self, graph):
        leaf = graph.leaf(f"{self.name}.forward")
        return [Call("map", (leaf,), (self.x.data, self.y.data), (self.y.width,), self.params)]

    def backward(self, graph):
        if self.x.grad is None:
            return []
        return [self.epilogue(graph).call(self.y.grad, self.x.grad, self.y.width)]


class ActivatedNode(Node):
    """A node that takes over the activation that follows it: ``y = f(z)``.

    What the node itself makes is `z`; it applies f while that is in cache, or has a call of
    its own do it. `z` is `y` unless backward needs both.
    """

    activation: PointwiseNode | None = None

    @property
    def alters(self):
        return self.activation is not None

    def absorb(self, following):
        if self.activation is not None or not isinstance(following, PointwiseNode):
            return False
        self.activation = following
        return True

    def settle(self, graph):
        self.z = self.y.data
        if self.activation is not None:
            if graph.differentiable and self.activation.saves == "x":
                self.z = self.activation.x.data
            self.activation.x.data = self.z
            self.y.epilogue = self.activation.epilogue(graph)

    def activation_leaf(self, graph: Graph):
        """The kernel of f, or None."""
        return graph.leaf(f"{self.activation.name}.forward") if self.activation else None

    @property
    def activation_params(self) -> tuple:
        return self.activation.params if self.activation else ()

    def activation_backward(self) -> list[Call]:
        """From the gradient with respect to y to that with respect to z, in place; nothing
        where the reader of y has seen to it."""
        epilogue = self.y.epilogue
        if epilogue is None or epilogue.applied:
            return []
        return [epilogue.call(self.y.grad, self.y.grad, self.y.width)]


class RowwiseNode(Node):
    """``y = f(x)`` by row, the last axis: softmax and its logarithm."""

    alters = False

    def __init__(self, x, name: str):
        super().__init__(x)
        self.name = name

    def _dims(self):
        return math.prod(self.y.shape[:-1]), self.y.shape[-1]

    def forward(self, graph):
        leaf = graph.leaf(f"{self.name}.forward")
        return [Call("rows", (leaf,), (self.x.data, self.y.data), self._dims())]

    def backward(self, graph):
        if self.x.grad is None:
            return []
        leaf = graph.leaf(f"{self.name}.backward")
        return [Call("rows_grad", (leaf,), (self.y.grad, self.y.data, self.x.grad), self._dims())]


class Activation(Layer):
    """A pointwise activation as a layer of its own; after a `Linear` it is fused into it.

    Its subclasses are made from the registry: `ReLU`, `Sigmoid`, `GELU`, ... Parameters are
    those of the function in `fastnn.functional`.
    """

    name: str  # of the registry's row
    keeps_shape = True

    @property
    def acts_as(self):
        return self.name

    def __init__(self, **params):
        self._params = activation_params(self.name, **params)

    def suit(self, activation):
        return True  # what comes before follows this one

    def lower(self, graph, x):
        if self.name == "identity":
            return x
        return graph.add(PointwiseNode(x, self.name, self._params), x.shape)

    def config(self):
        return dict(zip(ACTIVATIONS[self.name].params, self._params, strict=True))

    def __repr__(self):
        params = ", ".join(f"{k}={v:g}" for k, v in self.config().items())
        return f"{type(self).__name__}({params})"


class _Rowwise(Layer):
    name: str
    keeps_shape = True

    def suit(self, activation):
        return True

    def output_shape(self, shape):
        if not shape:
            raise ValueError(f"{type(self).__name__}: expected samples of at least 1 axis, got ()")
        return shape

    def lower(self, graph, x):
        return graph.add(RowwiseNode(x, self.name), self.output_shape(x.shape))

    def __repr__(self):
        return f"{type(self).__name__}()"


class Softmax(_Rowwise):
    """Softmax over the last axis: ``y_i = exp(x_i) / sum_j exp(x_j)``.

    `CrossEntropyLoss` takes logits and includes it: a net that is trained with that loss ends
    without a `Softmax`.
    """

    name = "softmax"


class LogSoftmax(_Rowwise):
    """The logarithm of softmax over the last axis: ``y_i = x_i - log(sum_j exp(x_j))``."""

    name = "log_softmax"


# PyTorch's class names, where they aren't the registry's name in camel case.
_CLASS_NAMES = {
    "relu": "ReLU",
    "leaky_relu": "LeakyReLU",
    "relu6": "ReLU6",
    "elu": "ELU",
    "celu": "CELU",
    "selu": "SELU",
    "gelu": "GELU",
    "gelu_tanh": "GELUTanh",
    "silu": "SiLU",
}


def _class_name(name: str) -> str:
    return _CLASS_NAMES.get(name) or "".join(part.capitalize() for part in name.split("_"))


ACTIVATION_LAYERS: dict[str, type[Activation]] = {}
for _row in ACTIVATIONS.values():
    _class = type(
        _class_name(_row.name),
        (Activation,),
        {
            "name": _row.name,
            "__module__": __name__,
            "__doc__": f"The layer of `fastnn.functional.{_row.name}`: ``{_row.formula}``.",
        },
    )
    ACTIVATION_LAYERS[_row.name] = _class
    globals()[_class.__name__] = _class
