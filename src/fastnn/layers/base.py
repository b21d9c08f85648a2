"""What every layer is, and how one runs by itself."""

from functools import cached_property

import numpy as np

from fastnn import init as initializers
from fastnn.graph import Call, Graph, Node, Value
from fastnn.parameter import Parameter, Tracked, check_state, common_dtype
from fastnn.passes import LayerPass


class Layer:
    """A function with parameters, from a batch to a batch.

    fastnn's own layers override `lower`: they add nodes to a graph, and `forward`, `backward`,
    training and prediction all run the calls of those nodes. A layer of your own may instead
    override ``forward(x, *, training=False)`` and ``backward(dy)`` with plain NumPy, and
    `output_shape` where that differs from the input's; it then takes its turn in the same
    program.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> class Square(fastnn.Layer):
    ...     def forward(self, x, *, training=False):
    ...         self.x = x.copy()
    ...         return x * x
    ...     def backward(self, dy):
    ...         return 2 * self.x * dy
    >>> model = fastnn.Sequential(fastnn.Linear(3, 4), Square(), fastnn.Linear(4, 2))
    >>> model.forward(np.ones((5, 3), np.float32)).shape
    (5, 2)
    """

    keeps_shape = False  # whether samples of any shape come out in the same shape
    # The activation of the registry by which layers before this one choose their initialiser.
    acts_as: str | None = None
    _last = None  # the pass of the last forward

    @cached_property
    def _passes(self) -> dict:
        return {}

    def __getstate__(self):
        # Of a copy: compiled calls, and the memory they know, stay with the original.
        compiled = ("_passes", "_last", "_alone", "_flat")
        return {name: value for name, value in vars(self).items() if name not in compiled}

    # -- what a layer overrides -----------------------------------------------------------

    def output_shape(self, shape: tuple) -> tuple:
        """The shape of one output sample, given that of one input sample; raises ValueError
        where the layer can't take such input."""
        return tuple(shape)

    def input_shape(self) -> tuple | None:
        """The shape of one input sample, where the layer's own parameters tell it."""
        return None

    def suit(self, activation: str) -> bool:
        """Choose the default initialiser by the activation that follows; False where this
        layer has none to choose and the one before it should."""
        return False

    def lower(self, graph: Graph, x: Value) -> Value:
        """Add the layer's nodes to the graph; returns its output."""
        return graph.add(PythonNode(x, self), self.output_shape(x.shape))

    def config(self) -> dict:
        """The constructor's arguments, in JSON's types, for model files."""
        return {}

    def children(self) -> dict[str, "Layer"]:
        """Layers inside this one, by the names that `state_dict` gives them."""
        return {}

    def tree(self) -> list["Layer"]:
        """The layer and all that are inside it."""
        return [self, *(layer for child in self.children().values() for layer in child.tree())]

    # -- parameters -----------------------------------------------------------------------

    def named_parameters(self, prefix: str = "") -> dict[str, Parameter]:
        """The layer's parameters and its children's, by PyTorch's keys (``0.weight``)."""
        found = {
            prefix + name: value for name, value in vars(self).items()
            if isinstance(value, Parameter)
        }  # fmt: skip
        for name, child in self.children().items():
            found |= child.named_parameters(f"{prefix}{name}.")
        return found

    def named_state(self, prefix: str = "") -> dict[str, Parameter | Tracked]:
        """All that files hold, by PyTorch's keys: parameters, and what is tracked in training."""
        own = [(n, v) for n, v in vars(self).items() if isinstance(v, Parameter | Tracked)]
        own.sort(key=lambda item: isinstance(item[1], Tracked))  # PyTorch's order
        found = {prefix + name: value for name, value in own}
        for name, child in self.children().items():
            found |= child.named_state(f"{prefix}{name}.")
        return found

    def parameters(self) -> list[Parameter]:
        """The layer's parameters, its children's included, in order."""
        return list(self.named_parameters().values())

    def requires_grad_(self, requires_grad: bool = True) -> "Layer":
        """Have all parameters of the layer and its children learned, or leave them as they are.

        Examples
        --------
        >>> import fastnn
        >>> model = fastnn.Sequential(fastnn.Linear(4, 8), fastnn.ReLU(), fastnn.Linear(8, 3))
        >>> _ = model[0].requires_grad_(False)  # train the last layer alone
        """
        for p in self.parameters():
            p.requires_grad = bool(requires_grad)
        return self

    @property
    def dtype(self) -> np.dtype:
        """The dtype that the layer computes in; float32 where nothing says otherwise. Raises
        TypeError where layers inside differ."""
        return common_dtype(self.named_state())

    @property
    def input_dtype(self) -> np.dtype:
        """The dtype of its input: its own, or int64 for indices."""
        return self.dtype

    def check_input(self, x: np.ndarray) -> None:
        """Raise ValueError where the values of a batch, whose shape and dtype are right, can't
        be."""

    @property
    def stateful(self) -> bool:
        """Whether, in training, a batch goes on where the one before ended."""
        return any(child.stateful for child in self.children().values())

    def reset_state(self) -> None:
        """Have stateful layers begin anew with the next `forward`."""
        for child in self.children().values():
            child.reset_state()

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and running statistics, by PyTorch's keys and in PyTorch's
        shapes."""
        return {name: p.data.copy() for name, p in self.named_state().items()}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Set all parameters and running statistics. One error lists all that doesn't fit, and
        nothing is changed then.

        Raises
        ------
        KeyError
            If a key is missing or unknown.
        ValueError, TypeError
            If a shape or dtype differs.
        """
        own = self.named_state()
        check_state(own, state)
        for name, p in own.items():
            p.set(state[name])

    # -- running --------------------------------------------------------------------------

    def forward(self, x: np.ndarray, *, training: bool = False) -> np.ndarray:
        """Run the layer on a batch, keeping what `backward` needs.

        Parameters
        ----------
        x : array of shape (N, ...), of the layer's dtype
            uint8 stands for pixels and is scaled to [0, 1].
        training : bool
            Whether dropout drops.

        Returns
        -------
        array of shape (N, ...)
        """
        run = LayerPass.of(self, x, training=training)
        y = run.forward(x)
        self._last = run
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray | None:
        """The gradient with respect to the input of the last `forward`, given that with respect
        to its output; the gradient of each parameter is written into its ``grad``, over what
        was there. None where the input is integers. Once for each `forward`: it uses up what
        that kept.
        """
        if self._last is None:
            raise RuntimeError("backward: expected a forward before it")
        return self._last.backward(dy)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Run the layer on a batch of any size, for its output alone.

        Parameters
        ----------
        x : array of shape (N, ...), of the layer's dtype
            uint8 stands for pixels and is scaled to [0, 1].

        Returns
        -------
        array of shape (N, ...)
        """
        return LayerPass.predict(self, x)


def occurs_twice(layers) -> bool:
    """Whether a layer is in `layers`, or in what is inside them, more than once: each has one
    gradient, and may keep what its backward needs."""
    found = [id(inner) for layer in layers for inner in layer.tree()]
    return len(set(found)) < len(found)


class WeightedLayer(Layer):
    """A layer whose `weight` begins with values that suit its `activation`, or the one that
    follows, unless an initialiser (`_init`) was asked for."""

    def suit(self, activation):
        if self._init is None and self.activation is None and not self.weight.drawn:
            self.weight.init = initializers.resolve(initializers.default_for(activation))
        return True


class PythonNode(Node):
    """A layer that is written in Python: one call, which takes the GIL for its turn."""

    takes_indices = True

    def __init__(self, x: Value, layer: Layer):
        super().__init__(x)
        if type(layer).forward is Layer.forward:
            raise NotImplementedError(
                f"{type(layer).__name__}: expected a method forward or lower, found neither"
            )
        self.layer = layer
        self.learns = bool(layer.parameters())

    def settle(self, graph):
        graph.gathers_in_place = graph.gathers_in_place and self.x.data is not graph.input.data

    def forward(self, graph):
        def run(rows):
            out = self.layer.forward(self.x.rows(rows), training=graph.training)
            _put(self.y.rows(rows), out, f"{type(self.layer).__name__}.forward")

        return [Call("python", (run,), (self.x.data, self.y.data))]

    def backward(self, graph):
        if self.y.grad is None:
            return []

        def run(rows):
            out = self.layer.backward(self.y.grad_rows(rows))
            if self.x.grad is not None:
                _put(self.x.grad_rows(rows), out, f"{type(self.layer).__name__}.backward")

        calls = [Call("python", (run,), (self.y.grad, self.x.grad, self.x.data))]
        for p in self.layer.parameters():
            calls += graph.finish(p)
        return calls


def _put(target: np.ndarray, result, where: str) -> None:
    if not isinstance(result, np.ndarray) or result.shape != target.shape:
        got = f"shape {result.shape}" if isinstance(result, np.ndarray) else type(result).__name__
        raise ValueError(f"{where}: expected to return shape {target.shape}, got {got}")
    if result.dtype != target.dtype:
        raise TypeError(f"{where}: expected to return {target.dtype}, got {result.dtype}")
    target[...] = result
