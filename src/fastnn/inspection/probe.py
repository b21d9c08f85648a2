"""Outputs of layers within a model, and gradients with respect to them."""

from collections.abc import Callable

import numpy as np

from fastnn.graph import Buffer, Call, Node
from fastnn.inspection._unchanged import unchanged
from fastnn.layers import Layer, Sequential


class Probe:
    """A model whose layers can be read while it runs.

    The model itself is left as it is: its gradients, running statistics and last `forward` are
    not touched, and training goes on to the same bits. What a probe runs is a program of its own,
    in which nothing is fused across the layers that are read, so it takes more time and memory.

    Parameters
    ----------
    model : Layer
    layers : sequence of str, int or Layer, optional
        Which to read: names as in `state_dict` (``"0"``, ``"2.body.1"``), places in a
        `Sequential`, or the layers. By default all that have no layers inside.
    training : bool
        Whether layers behave as in training: dropout drops.

    Raises
    ------
    TypeError, ValueError
        If the model isn't a `Layer`, or a layer isn't in it.

    Attributes
    ----------
    names : list of str
        Of the layers that are read.
    output : array
        Of the model, after `forward`.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> model = fastnn.Sequential(fastnn.Linear(3, 4), fastnn.Tanh(), fastnn.Linear(4, 2))
    >>> probe = Probe(model)
    >>> {name: a.shape for name, a in probe.forward(np.ones((5, 3), np.float32)).items()}
    {'0': (5, 4), '1': (5, 4), '2': (5, 2)}
    >>> dx = probe.backward(np.ones((5, 2), np.float32))
    >>> dx.shape, probe.gradients["1"].shape
    ((5, 3), (5, 4))
    """

    def __init__(self, model: Layer, layers=None, *, training: bool = False):
        if not isinstance(model, Layer):
            raise TypeError(f"model: expected a Layer, got {type(model).__name__}")
        self.model, self.training = model, training
        wanted = _find(model, layers)
        self.names = list(wanted)
        self._watched = _Watched(model, {id(layer): name for name, layer in wanted.items()})
        self._rows, self._ready = 0, False

    def forward(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Run the model on a batch.

        Parameters
        ----------
        x : array of shape (N, ...)

        Returns
        -------
        dict of str to array (N, ...)
            The output of each layer, by its name.
        """
        # Only in training does a forward change what layers keep.
        with unchanged(self.model, state=self.training, gradients=False):
            self.output = self._watched.forward(x, training=self.training)
        self._rows, self._ready = len(self.output), True
        return {name: tap.y.rows(self._rows).copy() for name, tap in self._taps()}

    def backward(self, grads: np.ndarray | dict[str, np.ndarray]) -> np.ndarray:
        """From gradients of an objective to that with respect to the input of the last `forward`.

        Parameters
        ----------
        grads : array, or dict of str to array
            With respect to the output of the model, or to the outputs of layers, by their names;
            an objective of several layers has several.

        Returns
        -------
        array of shape (N, ...)
        """
        if not self._ready:
            raise RuntimeError("backward: expected a forward before it, of its own")
        n, dy = self._rows, grads
        extra = dict.fromkeys(self.names, 0)
        if isinstance(grads, dict):
            dy = np.zeros_like(self.output)
            for name, grad in grads.items():
                self._check(name, grad)
            extra |= grads
        for name, tap in self._taps():
            tap.extra.array[:n] = extra[name]
        self._ready = False  # backward uses the memory of the forward again
        with unchanged(self.model, state=False):
            return self._watched.backward(dy)

    @property
    def gradients(self) -> dict[str, np.ndarray]:
        """The gradient with respect to the output of each layer, after `backward`; there is none
        where no gradient is needed, behind a frozen layer of indices."""
        n = self._rows
        return {
            name: tap.y.grad_rows(n) + tap.extra.array[:n]
            for name, tap in self._taps()
            if tap.y.grad is not None
        }

    def _taps(self):
        return [(name, self._watched.taps[name]) for name in self.names]

    def _check(self, name, grad):
        if name not in self.names:
            raise ValueError(f"grads: expected names of {', '.join(self.names)}, got {name!r}")
        shape = (self._rows, *self._watched.taps[name].y.shape)
        if np.shape(grad) != shape:
            raise ValueError(f"grads[{name!r}]: expected shape {shape}, got {np.shape(grad)}")
        if np.asarray(grad).dtype != self.output.dtype:
            raise TypeError(
                f"grads[{name!r}]: expected {self.output.dtype}, got {np.asarray(grad).dtype}"
            )


def activations(model: Layer, x, layers=None, *, training: bool = False) -> dict[str, np.ndarray]:
    """The outputs of layers within a model.

    Parameters
    ----------
    model, layers, training
        As for `Probe`.
    x : array of shape (N, ...)

    Returns
    -------
    dict of str to array (N, ...)

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> model = fastnn.Sequential(fastnn.Linear(3, 4), fastnn.Tanh())
    >>> bool((activations(model, np.ones((1, 3), np.float32), ["1"])["1"] < 1).all())
    True
    """
    return Probe(model, layers, training=training).forward(x)


def gradients(
    model: Layer, x, objective: Callable, layers=None, *, training: bool = False
) -> dict[str, np.ndarray]:
    """Gradients of an objective with respect to the outputs of layers.

    Parameters
    ----------
    model, layers, training
        As for `Probe`.
    x : array of shape (N, ...)
    objective : callable
        From the model's output to (value, gradient with respect to it), as a loss gives them:
        ``lambda out: loss(out, y)``.

    Returns
    -------
    dict of str to array (N, ...)

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> model, loss = fastnn.Sequential(fastnn.Linear(3, 2), fastnn.Tanh()), fastnn.MSELoss()
    >>> x, y = np.ones((4, 3), np.float32), np.zeros((4, 2), np.float32)
    >>> [g.shape for g in gradients(model, x, lambda out: loss(out, y)).values()]
    [(4, 2), (4, 2)]
    """
    probe = Probe(model, layers, training=training)
    probe.forward(x)
    probe.backward(objective(probe.output)[1])
    return probe.gradients


def input_gradient(
    model: Layer, x, objective: Callable, *, layer=None, training: bool = False
) -> np.ndarray:
    """The gradient of an objective with respect to the input.

    Parameters
    ----------
    model, training
        As for `Probe`.
    x : array of shape (N, ...)
    objective : callable
        From an output to (value, gradient with respect to it).
    layer : str, int or Layer, optional
        Whose output the objective is of; by default the model's.

    Returns
    -------
    array of shape (N, ...)

    Examples
    --------
    What a net looks at when it says 1 (Simonyan, Vedaldi and Zisserman, 2014):

    >>> import fastnn, numpy as np
    >>> model = fastnn.Sequential(fastnn.Linear(3, 2))
    >>> x, one = np.ones((1, 3), np.float32), np.array([[0, 1]], np.float32)
    >>> dx = input_gradient(model, x, lambda out: (out[0, 1], one))
    >>> bool((dx == model[0].weight.data[1]).all())
    True
    """
    if layer is None:
        probe = Probe(model, [], training=training)
        probe.forward(x)
        return probe.backward(objective(probe.output)[1])
    (name,) = _find(model, [layer])
    probe = Probe(up_to(model, name), [name], training=training)
    values = probe.forward(x)
    return probe.backward({name: objective(values[name])[1]})


def named_layers(model: Layer, prefix: str = "") -> dict[str, Layer]:
    """A model and all layers inside it, by their names; its own is empty."""
    found = {prefix: model}
    for name, child in model.children().items():
        found |= named_layers(child, f"{prefix}.{name}" if prefix else name)
    return found


def up_to(model: Layer, name: str) -> Layer:
    """A model that ends with the layer of this name, as far as it can be cut; names stay."""
    if not isinstance(model, Sequential) or not name:
        return model
    return model[: int(name.partition(".")[0]) + 1]


def _find(model: Layer, layers) -> dict[str, Layer]:
    known = named_layers(model)
    if layers is None:
        return {name: layer for name, layer in known.items() if not layer.children()}
    found = {}
    for i, wanted in enumerate(layers):
        if isinstance(wanted, Layer):
            name = next((name for name, layer in known.items() if layer is wanted), None)
        else:
            name = str(wanted)
        if name not in known:
            names = ", ".join(map(repr, known))
            raise ValueError(f"layers[{i}]: expected one of {names}, got {wanted!r}")
        found[name] = known[name]
    return found


class _Watched(Sequential):
    """A model that is lowered with a `_Tap` behind some of its layers."""

    def __init__(self, model: Layer, names: dict[int, str]):
        self.layers = (model,)  # and no more: a `Sequential` would choose its initial values
        self.names = names
        self.taps: dict[str, _Tap] = {}

    def lower(self, graph, x):
        taps = {}

        def watch(layer, y):
            if id(layer) not in self.names:
                return y
            tap = taps[self.names[id(layer)]] = _Tap(y)
            return graph.add(tap, y.shape)

        graph.watch = watch
        y = graph.lower(self.layers[0], x)
        graph.watch, self.taps = None, taps
        return y


class _Tap(Node):
    """A copy of what runs through, both ways: so that nothing is fused across it, and nobody
    alters or reuses memory that is still to be read. `extra` is added to the gradient."""

    def settle(self, graph):
        self.extra = Buffer(self.y.shape, graph.dtype)
        graph.pinned += [self.y.data, self.extra]
        if self.y.grad is not None:
            graph.pinned.append(self.y.grad)

    def forward(self, graph):
        leaf = graph.leaf("identity.forward")
        return [Call("map", (leaf,), (self.x.data, self.y.data), (self.y.width,))]

    def backward(self, graph):
        if self.x.grad is None:
            return []
        buffers = (self.y.grad, self.extra, self.x.grad)
        return [Call("add", (graph.leaf("add.apply"), None), buffers, (self.y.width,))]
