"""Model files: weights under PyTorch's names, and in the header what the model is built of.

A safetensors file with this metadata, everything but the first two as JSON::

    fastnn.format    the version of this layout, "1"
    fastnn.version   the fastnn that wrote it
    fastnn.model     {"class": "Sequential", "config": {}, "children": {"0": {...}, ...}}
    fastnn.metadata  what the user wants to keep with the model

No code is in it and none is run on loading but the constructors of the layers it names.
"""

import inspect
import json

from fastnn import layers as own_layers
from fastnn._version import __version__
from fastnn.io.tensors import read_file, read_header, save_tensors
from fastnn.layers import Activation, Layer

FORMAT = "1"


def save(model, path, *, metadata=None) -> None:
    """Write a model to a file that `load` makes it again from.

    The file is written beside the old one and then takes its place, so that at any moment one
    of the two is there, whole. The same model gives the same bytes. Optimizer state isn't in it.

    Parameters
    ----------
    model : Layer
    path : str or path-like
        ``.safetensors`` is the usual ending. PyTorch reads the weights by
        ``safetensors.torch.load_file``; names and shapes are its own.
    metadata : dict, optional
        Names (str) and values in JSON's types to keep with the model; see `load_metadata`.

    Raises
    ------
    TypeError
        If the model isn't a `Layer`, or metadata or a layer's ``config()`` isn't in JSON's types.
    ValueError
        If a layer of your own has the name of one of fastnn's.
    OSError
        If the file can't be written; the old one is still there.

    Examples
    --------
    >>> import fastnn, pathlib, tempfile, numpy as np
    >>> model = fastnn.Sequential(fastnn.Linear(3, 4), fastnn.ReLU(), fastnn.Linear(4, 2))
    >>> x = np.ones((1, 3), np.float32)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "model.safetensors")
    ...     save(model, path, metadata={"classes": ["cat", "dog"]})
    ...     again, metadata = load(path), load_metadata(path)
    >>> bool((again.predict(x) == model.predict(x)).all()), metadata
    (True, {'classes': ['cat', 'dog']})
    """
    if not isinstance(model, Layer):
        raise TypeError(f"model: expected a Layer, got {type(model).__name__}")
    metadata = {} if metadata is None else metadata
    if not isinstance(metadata, dict) or not all(isinstance(key, str) for key in metadata):
        raise TypeError(f"metadata: expected a dict with strings as keys, got {metadata!r}")
    header = {
        "fastnn.format": FORMAT,
        "fastnn.version": __version__,
        "fastnn.model": _json("model", _describe(model)),
        "fastnn.metadata": _json("metadata", metadata),
    }
    save_tensors(model.state_dict(), path, metadata=header)


def load(path, *, layers=()):
    """Make a model again from the file that `save` wrote.

    Parameters
    ----------
    path : str or path-like
    layers : sequence of classes
        The classes of layers of your own that are in the model. Each is called with what
        ``config()`` returned, and with those of its ``children()`` that its constructor has
        parameters for, by name (``*layers`` gets all of them, in order).

    Returns
    -------
    Layer

    Raises
    ------
    ValueError
        If the file is damaged, of another kind or from a newer fastnn, or holds a layer whose
        class isn't known, or weights that don't fit.
    TypeError
        If `layers` holds anything but classes of layers.
    OSError
        If it can't be read.
    """
    classes = _own_classes()
    for i, cls in enumerate(layers):
        if not (isinstance(cls, type) and issubclass(cls, Layer)):
            raise TypeError(f"layers[{i}]: expected a class derived from Layer, got {cls!r}")
        if classes.setdefault(cls.__name__, cls) is not cls:
            raise ValueError(f"layers[{i}]: the name {cls.__name__} is taken by another class")
    header, tensors = read_file(path)
    description = _part(header, "model", path)
    try:
        model = _build(description, classes, path)
    except RecursionError as error:
        raise ValueError(f"{path}: expected fewer layers within layers") from error
    try:
        model.load_state_dict(tensors)
    except (KeyError, ValueError, TypeError) as error:
        raise ValueError(f"{path}: the weights don't fit the model: {error.args[0]}") from error
    return model


def load_metadata(path) -> dict:
    """What was given to `save` as metadata.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    dict
        Tuples have become lists, as JSON has it.

    Raises
    ------
    ValueError, OSError
        As `load`.
    """
    return _part(read_header(path), "metadata", path)


def _own_classes() -> dict[str, type[Layer]]:
    found = (getattr(own_layers, name) for name in own_layers.__all__)
    abstract = (Layer, Activation)
    return {
        cls.__name__: cls for cls in found
        if isinstance(cls, type) and issubclass(cls, Layer) and cls not in abstract
    }  # fmt: skip


def _describe(layer: Layer) -> dict:
    name = type(layer).__name__
    if _own_classes().get(name, type(layer)) is not type(layer):
        raise ValueError(f"model: expected another name for your class than fastnn's own {name}")
    config = layer.config()
    _json(f"{name}.config()", config)
    children = {key: _describe(child) for key, child in layer.children().items()}
    return {"class": name, "config": config, "children": children}


def _build(description, classes: dict[str, type[Layer]], path) -> Layer:
    match description:
        case {"class": str(name), "config": dict(config), "children": dict(children)}:
            pass
        case _:
            raise ValueError(
                f"{path}: expected class, config and children of a layer, got {description!r:.99}"
            )
    if name not in classes:
        raise ValueError(
            f"{path}: holds a layer of class {name}, which isn't one of fastnn's; "
            f"give its class: load({str(path)!r}, layers=({name},))"
        )
    made = {key: _build(child, classes, path) for key, child in children.items()}
    parameters = inspect.signature(classes[name]).parameters
    takes_all = any(p.kind is p.VAR_POSITIONAL for p in parameters.values())
    named = {key: child for key, child in made.items() if key in parameters}
    try:
        return classes[name](*(made.values() if takes_all else ()), **config, **named)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {name}: {error}") from error


def _json(name: str, value) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name}: expected JSON's types, got {value!r:.99} ({error})") from error


def _part(header: dict[str, str], name: str, path) -> dict:
    """The metadata of this name of a model file, read from JSON."""
    if "fastnn.format" not in header:
        raise ValueError(
            f"{path}: expected a model that fastnn.save wrote, got tensors alone; make the model "
            "yourself and fill it: model.load_state_dict(fastnn.io.load_tensors(path))"
        )
    if header["fastnn.format"] != FORMAT:
        writer = header.get("fastnn.version", "?")
        raise ValueError(
            f"{path}: expected format {FORMAT}, which this fastnn {__version__} reads, "
            f"got {header['fastnn.format']}, written by fastnn {writer}"
        )
    try:
        part = json.loads(header[f"fastnn.{name}"])
    except (KeyError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: expected fastnn.{name} in JSON, got: {error!r}") from error
    if not isinstance(part, dict):
        raise ValueError(f"{path}: expected fastnn.{name} to be an object, got {part!r:.99}")
    return part
