"""A PyTorch module of a fastnn model."""

from collections import OrderedDict

import torch

from fastnn.io.torch import _modules
from fastnn.io.torch._pairs import BY_CLASS, check_lengths
from fastnn.io.torch._state import check_own_tensors, position_keys, read_state_dict
from fastnn.layers import ACTIVATION_LAYERS, Layer, Reshape, Sequential, Softplus
from fastnn.layers.recurrent_base import Recurrent
from fastnn.parameter import check_state

_TAKE = {"sequence": _modules.TakeSequence, "last": _modules.TakeLast}

# What says nothing of the layer's function, or gets a module of its own.
_APART = {"dtype", "init", "activation", "output"}


def to_torch(model: Sequential, into: torch.nn.Module | None = None) -> torch.nn.Module:
    """Make a PyTorch module of a fastnn model, or bring its weights into one that is there.

    Parameters
    ----------
    model : Sequential
        Of layers that PyTorch has too.
    into : torch.nn.Module, optional
        A module of the same layers at the same positions, say that which `from_torch` was given:
        it gets the values, and stays as it is otherwise (names, device, mode).

    Returns
    -------
    torch.nn.Module
        `into`, or a new ``torch.nn.Sequential`` on the CPU in training mode, of the model's dtype.
        Its state dict has the model's keys: a fused activation is a module of its own, ``0_relu``
        behind ``0``, and so is the choice of a recurrent layer's outputs, ``0_output``. What is
        frozen doesn't require a gradient. Nothing is shared with the model.

    Raises
    ------
    TypeError
        If the model isn't a `Sequential`, or holds a layer that PyTorch doesn't have; of one that
        is made of several there (`Residual`, `Maxout`), a module of your own can be filled by
        ``load_state_dict`` with the model's state dict.
    ValueError
        If a layer has an option that PyTorch doesn't have: ``model.3: expected stateful=False,
        got True``. With `into`, as `Layer.load_state_dict` if that doesn't fit the model; nothing
        is changed then.

    Examples
    --------
    >>> import numpy as np, fastnn
    >>> from fastnn.io.torch import to_torch
    >>> model = fastnn.Sequential(fastnn.Linear(4, 3, activation="tanh"), fastnn.Linear(3, 2))
    >>> net = to_torch(model).eval()
    >>> [name for name, _ in net.named_children()]
    ['0', '0_tanh', '1']
    >>> x = np.ones((2, 4), np.float32)
    >>> np.allclose(model.predict(x), net(torch.from_numpy(x)).detach())
    True
    """
    if not _is_sequential(model):
        raise TypeError(f"model: expected a Sequential, got {type(model).__name__}")
    check_lengths(model, "model")
    if into is None:
        with torch.device("meta"):  # draws no initial values
            module = _sequential(model, "model")
        state = {name: torch.from_numpy(value) for name, value in model.state_dict().items()}
        module.load_state_dict(state, assign=True)
        for name, p in model.named_parameters().items():
            module.get_parameter(name).requires_grad_(p.requires_grad)
        return module
    if not isinstance(into, torch.nn.Module):
        raise TypeError(f"into: expected a torch.nn.Module, got {type(into).__name__}")
    own, keys = model.named_state(), position_keys(into)
    check_state(own, read_state_dict(into))
    check_own_tensors(into, "into")
    with torch.no_grad():
        for name, tensor in into.state_dict().items():
            tensor.copy_(torch.from_numpy(own[keys.get(name, name)].data))
    return into


def _is_sequential(layer) -> bool:
    """Whether it is one, or of a class derived from it that runs the layers in the same way."""
    kind = type(layer)
    return (
        isinstance(layer, Sequential)
        and kind.lower is Sequential.lower
        and kind.forward is Sequential.forward
    )


def _sequential(model: Sequential, path: str) -> torch.nn.Sequential:
    modules = OrderedDict()
    for name, layer in model.children().items():
        modules.update(_modules_of(name, layer, f"{path}.{name}"))
    return torch.nn.Sequential(modules)


def _modules_of(name: str, layer: Layer, path: str) -> dict[str, torch.nn.Module]:
    """What a layer becomes, by name."""
    if _is_sequential(layer):
        return {name: _sequential(layer, path)}
    if type(layer) is Reshape:
        shape = layer.shape
        return {name: torch.nn.Flatten(), f"{name}_shape": torch.nn.Unflatten(1, shape)}
    modules = {name: _module(layer, path)}
    if (activation := layer.config().get("activation")) is not None:
        following = ACTIVATION_LAYERS[activation]()
        modules[f"{name}_{activation}"] = _module(following, f"{path}: activation")
    if isinstance(layer, Recurrent):
        modules[f"{name}_output"] = _TAKE[layer.output]()
    return modules


def _module(layer: Layer, path: str) -> torch.nn.Module:
    pair = BY_CLASS.get(type(layer))
    if pair is None or not hasattr(torch.nn, pair.name):
        raise TypeError(f"{path}: expected a layer that PyTorch has, got {type(layer).__name__}")
    config = layer.config()
    for name, expected in pair.ours.items():
        if (value := config.get(name)) != expected:
            shown = "a table" if isinstance(value, list) else repr(value)
            raise ValueError(f"{path}: expected {name}={expected!r}, got {shown}")
    options = {name: config[name] for name in pair.options}
    options = {name: tuple(v) if isinstance(v, list) else v for name, v in options.items()}
    assert config.keys() <= {*options, *pair.ours, *_APART}, config
    if type(layer) is Softplus:
        # Beyond it PyTorch's is x: where log(1 + exp(x)) rounds to that, in either dtype.
        options["threshold"] = 40.0
    return getattr(torch.nn, pair.name)(**options, **pair.theirs)
