"""A fastnn model of a PyTorch module."""

import inspect

import numpy as np
import torch

from fastnn._settings import count
from fastnn.io.torch import _modules
from fastnn.io.torch._pairs import BY_CLASS, PAIRS, Pair, check_lengths
from fastnn.io.torch._state import (
    check_own_tensors,
    optional_dtype,
    position_keys,
    read_state_dict,
)
from fastnn.layers import Identity, Layer, Sequential, Softplus, Unflatten
from fastnn.layers.recurrent_base import Recurrent

_BY_MODULE: dict[type, list[Pair]] = {}
for _row in PAIRS:
    if hasattr(torch.nn, _row.name):
        _BY_MODULE.setdefault(getattr(torch.nn, _row.name), []).append(_row)

# What changes outputs or gradients from outside of a module.
_HOOKS = "_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"
_TAKEN = {_modules.TakeSequence: "sequence", _modules.TakeLast: "last"}
_RECURRENT = torch.nn.RNN, torch.nn.LSTM, torch.nn.GRU


def from_torch(module: torch.nn.Sequential, *, shape=None, dtype=None) -> Sequential:
    """Make a fastnn model of a PyTorch module: the same layers with the same weights.

    Parameters
    ----------
    module : torch.nn.Sequential
        Of layers that fastnn has too, `Sequential` ones included, on any device; it stays as it is.
        Behind an RNN, LSTM or GRU, which returns outputs and states, stands `TakeSequence` or
        `TakeLast`.
    shape : tuple of int, optional
        The shape of one input sample, without the batch. With it the model is checked against
        that shape, and axes that are counted from the front, as in ``Softmax(dim=1)``, are
        understood where it can't be told otherwise that they are the last.
    dtype : {"float32", "float64"}, optional
        Of the model; PyTorch's will do as well. By default the module's own; a model without any
        tensor is float32.

    Returns
    -------
    Sequential
        Layers are where they are in the module, and parameters whose ``requires_grad`` is False
        are frozen. Nothing is shared with the module.

    Raises
    ------
    TypeError
        If a module isn't one of those that fastnn has, or tensors are of two dtypes, or of half
        precision and no dtype is given.
    ValueError
        If a module has an option that fastnn doesn't have; hooks, or a mode (training or not)
        other than the whole; or parameters that are tied; or if the shape doesn't fit. Errors name
        the module and the option: ``model.3: expected padding_mode='zeros', got 'circular'``.

    Notes
    -----
    Both give the same outputs, but for rounding, and learn the same. What is left: dropout and
    RReLU draw other noise. PyTorch's ``Softplus`` is the identity above its threshold: the
    default one is read as none, which differs by less than 2.1e-9 / beta. At infinity some
    activations have a limit here and NaN there; see their notes.

    Examples
    --------
    >>> import numpy as np, fastnn
    >>> from fastnn.io.torch import from_torch
    >>> net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Softmax(dim=1))
    >>> model = from_torch(net, shape=(4,))
    >>> model
    Sequential(Linear(4, 3), Softmax())
    >>> x = np.ones((2, 4), np.float32)
    >>> np.allclose(model.predict(x), net(torch.from_numpy(x)).detach())
    True
    """
    if not isinstance(module, torch.nn.Sequential):
        raise TypeError(
            f"model: expected a torch.nn.Sequential, got {type(module).__name__}; put a layer "
            "into one, or build the model in fastnn and fill it by load_state_dict"
        )
    dtype = optional_dtype(dtype)
    if shape is not None:
        if not isinstance(shape, tuple | list):
            raise TypeError(f"shape: expected a tuple of whole numbers, got {shape!r}")
        shape = tuple(count(f"shape[{i}]", length) for i, length in enumerate(shape))
    model = _Reader(module, dtype or _dtype_of(module), shape).read(module, "model")
    check_lengths(model, "model")
    state = read_state_dict(module, dtype=dtype)
    check_own_tensors(module, "model")
    model.load_state_dict(state)
    keys = position_keys(module)
    learned = {keys[name] for name, p in module.named_parameters() if p.requires_grad}
    for name, parameter in model.named_parameters().items():  # a buffer may be in their place
        parameter.requires_grad = name in learned
    return model


def _dtype_of(module) -> np.dtype:
    """That of the first floating tensor; `Layer.load_state_dict` sees whether all are like it."""
    for tensors in (module.parameters(), module.buffers()):
        for tensor in tensors:
            if tensor.dtype.is_floating_point:
                return np.dtype(np.float64 if tensor.dtype == torch.float64 else np.float32)
    return np.dtype(np.float32)


class _Reader:
    """Goes through a module in order, and knows how many axes a sample has on the way."""

    def __init__(self, root, dtype: np.dtype, shape):
        self.dtype, self.training = dtype, root.training
        self.shape = shape
        self.axes = None if shape is None else len(shape)
        self.begun = False  # whether a layer has been read

    def read(self, module, path: str) -> Layer:
        kind = type(module)
        container = isinstance(module, torch.nn.Sequential)
        if not container and kind not in _BY_MODULE:
            names = ", ".join(cls.__name__ for cls in _BY_MODULE)
            home = "" if kind.__module__.startswith("torch.nn.modules.") else f"{kind.__module__}."
            raise TypeError(f"{path}: expected one of {names}, got {home}{kind.__name__}")
        self._check(module, path)
        if container:
            return self._sequential(module, path)
        return self._follow(self._layer(module, path), path)

    def _check(self, module, path: str) -> None:
        if any(getattr(module, name) for name in _HOOKS) or "forward" in vars(module):
            raise ValueError(f"{path}: expected its class's forward alone, got hooks or another")
        for name, p in module._parameters.items():
            if p is not None and (p._backward_hooks or p._post_accumulate_grad_hooks):
                raise ValueError(f"{path}.{name}: expected its gradient alone, got hooks")
        if module.training != self.training:
            mode = {True: "training", False: "evaluation"}
            raise ValueError(
                f"{path}: expected {mode[self.training]} mode, as the whole model, "
                f"got {mode[module.training]}"
            )

    def _sequential(self, module, path: str) -> Sequential:
        for name in ("forward", "__call__", "__iter__"):
            if getattr(type(module), name) is not getattr(torch.nn.Sequential, name):
                raise TypeError(f"{path}: expected the {name} of torch.nn.Sequential, got another")
        children = list(module._modules.items())  # named_children leaves out repetitions
        if not children:
            raise ValueError(f"{path}: expected at least one module, got none")
        read, taken = [], False
        for (name, child), (_, following) in zip(
            children, [*children[1:], ("", None)], strict=True
        ):
            place = f"{path}.{name}"
            if taken:  # TakeLast, say, which the layer before has seen to
                self._check(child, place)
                layer, taken = Identity(), False
            elif type(child) in _RECURRENT:
                layer = self._recurrent(child, following, place)
                taken = True
            elif type(child) in _TAKEN:
                raise ValueError(f"{place}: expected an RNN, LSTM or GRU right before it")
            else:
                layer = self.read(child, place)
            read.append(layer)
        return Sequential(*read)

    def _recurrent(self, module, following, path: str) -> Layer:
        self._check(module, path)
        if type(following) not in _TAKEN:
            got = "nothing" if following is None else type(following).__name__
            raise ValueError(
                f"{path}: expected TakeSequence or TakeLast of fastnn.io.torch behind it, got {got}"
            )
        layer = self._layer(module, path, output=_TAKEN[type(following)])
        return self._follow(layer, path)

    def _layer(self, module, path: str, **more) -> Layer:
        rows = _BY_MODULE[type(module)]
        wrong = {row: self._differences(row, module) for row in rows}
        fits = [row for row, differences in wrong.items() if not differences]
        if not fits:
            raise ValueError(f"{path}: {wrong[rows[0]][0]}")
        pair = fits[0]
        options = {name: _option(module, name) for name in pair.options} | more
        if "dtype" in inspect.signature(pair.cls).parameters:
            options["dtype"] = self.dtype
        try:
            return pair.cls(**options)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{path}: {error}") from None

    def _differences(self, pair: Pair, module) -> list[str]:
        """What of the module's options fastnn doesn't have."""
        found = []
        for name, expected in pair.theirs.items():
            value = getattr(module, name)
            from_front = expected == -1 and value is not None
            if value == expected or (from_front and value == self.axes):
                continue
            hint = ""
            if from_front and self.axes is None and value > 0:
                hint = "; give shape= if that is the last axis"
            found.append(f"expected {name}={expected!r}, got {value!r}{hint}")
        if pair.cls is Softplus and module.threshold < 20:
            found.append(f"expected threshold of at least 20, got {module.threshold!r}")
        if "affine" in pair.options and module.affine and module.bias is None:
            found.append("expected bias=True with affine=True, got False")
        return found

    def _follow(self, layer: Layer, path: str) -> Layer:
        """The layer, after the shape of a sample has been brought behind it."""
        if layer.input_dtype == np.int64 and self.begun:
            raise ValueError(f"{path}: expected an Embedding to be the first layer")
        self.begun = True
        if self.shape is not None:
            try:
                self.shape = layer.output_shape(self.shape)
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from None
            self.axes = len(self.shape)
        elif isinstance(layer, Recurrent):
            self.axes = 2 if layer.output == "sequence" else 1
        elif isinstance(layer, Unflatten):
            self.axes = None
        else:
            self.axes = BY_CLASS[type(layer)].axes or self.axes
        return layer


def _option(module, name: str):
    value = getattr(module, name)
    if name == "bias":  # a parameter or None, but of recurrent layers a bool
        return value is not None and value is not False
    return value
