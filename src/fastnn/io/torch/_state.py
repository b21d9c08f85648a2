"""State dicts of PyTorch's as NumPy arrays, wherever they come from."""

import importlib
import os
import re
import sys
from collections.abc import Mapping

import numpy as np

from fastnn import _check
from fastnn._settings import check_dtype
from fastnn.io.tensors import load_tensors
from fastnn.layers import Layer

# How files of torch.save begin: a zip archive, and before PyTorch 1.6 a pickle.
_PICKLES = b"PK\x03\x04", b"\x80\x02\x8a\x0a"


def import_torch(what: str):
    """PyTorch, or an ImportError that says how to come by it."""
    try:
        return importlib.import_module("torch")
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ImportError(f"{what} needs PyTorch: pip install torch", name="torch") from None


def read_state_dict(source, *, dtype=None) -> dict[str, np.ndarray]:
    """The arrays of a PyTorch state dict, as copies, by their keys.

    Parameters
    ----------
    source : path, dict or torch.nn.Module
        A file in safetensors format or of ``torch.save(module.state_dict(), path)``, which is told
        by how it begins; tensors or arrays by name; or a module, where what is in a
        ``torch.nn.Sequential`` goes by its position, as in fastnn's, and not by its name.
        Tensors may be on any device, of any strides, shared, and may require gradients.
    dtype : {"float32", "float64"}, optional
        What all floating tensors are converted to; PyTorch's dtypes will do as well. Without it
        none is, and half precision is an error. Integers stay as they are.

    Returns
    -------
    dict of str to array

    Raises
    ------
    TypeError
        If the source, a key or a value is of another kind, or floating but neither float32 nor
        float64 where no dtype is given.
    ValueError
        If a file is damaged or holds more than a state dict, or a tensor has no values (it is on
        the device "meta", or of a lazy module).
    ImportError
        If a file of ``torch.save`` is to be read without PyTorch.
    OSError
        If a file can't be read.

    Notes
    -----
    Files of ``torch.save`` are read with ``weights_only=True``: code in them isn't run. A whole
    module that was pickled is refused for that reason.

    Examples
    --------
    >>> state = read_state_dict({"0.weight": np.ones((2, 3), np.float16)}, dtype="float32")
    >>> state["0.weight"].dtype
    dtype('float32')
    """
    dtype = optional_dtype(dtype)
    if isinstance(source, str | os.PathLike):
        source = _read_file(source, dtype)
    elif _is(source, "nn.Module"):
        keys, state = position_keys(source), source.state_dict()
        source = {keys.get(name, name): value for name, value in state.items()}
    elif not isinstance(source, Mapping):
        expected = "a path, a dict of tensors or a torch.nn.Module"
        raise TypeError(f"source: expected {expected}, got {type(source).__name__}")
    for name in source:
        if not isinstance(name, str):
            raise TypeError(f"source: expected names that are strings, got {name!r}")
    return {name: _array(name, value, dtype) for name, value in source.items()}


def load_state_dict(model: Layer, source, *, dtype=None) -> None:
    """Fill a fastnn model with the weights of the same model in PyTorch.

    Parameters
    ----------
    model : Layer
        A `Sequential` of the same layers at the same positions.
    source, dtype
        As in `read_state_dict`.

    Raises
    ------
    KeyError, TypeError, ValueError
        If keys, shapes or dtypes differ; one error lists all of them, and nothing is changed then.
        Otherwise as `read_state_dict`.

    Examples
    --------
    A file that PyTorch's users wrote by ``safetensors.torch.save_file(net.state_dict(), path)``:

    >>> import fastnn, pathlib, tempfile
    >>> model = fastnn.Sequential(fastnn.Linear(3, 4), fastnn.ReLU(), fastnn.Linear(4, 2))
    >>> weights = {name: np.ones_like(value) for name, value in model.state_dict().items()}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "net.safetensors")
    ...     fastnn.io.save_tensors(weights, path)
    ...     load_state_dict(model, path)
    >>> model.predict(np.ones((1, 3), np.float32)).tolist()
    [[17.0, 17.0]]
    """
    if not isinstance(model, Layer):
        raise TypeError(f"model: expected a Layer, got {type(model).__name__}")
    model.load_state_dict(read_state_dict(source, dtype=dtype))


def position_keys(module) -> dict[str, str]:
    """The keys of a module's state dict, each with its key where all that is in a
    ``torch.nn.Sequential`` goes by its position."""
    keys = {}

    def walk(part, prefix, numbered):
        own = {**part._parameters, **part._buffers}
        keys.update({prefix + name: numbered + name for name in own})
        by_position = _is(part, "nn.Sequential")
        for i, (name, child) in enumerate(part._modules.items()):  # repeated ones too
            if child is not None:
                walk(child, f"{prefix}{name}.", f"{numbered}{i if by_position else name}.")

    walk(module, "", "")
    return keys


def optional_dtype(value) -> np.dtype | None:
    """A dtype that kernels know, of NumPy or of PyTorch, or None."""
    if _is(value, "dtype"):
        value = str(value).removeprefix("torch.")
    return None if value is None else check_dtype(value)


def check_own_tensors(module, path: str) -> None:
    """Raise where two places in a module have one memory: fastnn's have each its own."""
    seen = {}
    for named in (module.named_parameters, module.named_buffers):
        for name, tensor in named(remove_duplicate=False):
            # Parameter(other.detach()) is another tensor, of the same memory; empty ones have none.
            memory = tensor.data_ptr() or id(tensor)
            if (other := seen.setdefault(memory, name)) != name:
                raise ValueError(
                    f"{path}.{name}: expected a tensor of its own, got that of {path}.{other}"
                )
            if any(s == 0 and n > 1 for s, n in zip(tensor.stride(), tensor.shape, strict=True)):
                raise ValueError(
                    f"{path}.{name}: expected elements of its own, got an expanded tensor"
                )


def _is(value, name: str) -> bool:
    """Whether a value is of one of PyTorch's classes; if it is, PyTorch is imported already."""
    kind = sys.modules.get("torch")
    for part in name.split("."):
        kind = getattr(kind, part, None)
    return kind is not None and isinstance(value, kind)


def _read_file(path, dtype) -> Mapping:
    with open(path, "rb") as file:
        begin = file.read(4)
    if begin not in _PICKLES:
        return load_tensors(path, dtype=dtype)
    torch = import_torch(f"{os.fspath(path)!r}, which torch.save wrote,")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # of many kinds, for damaged files and for code alike
        what = "expected a state dict, which is tensors alone; code in files isn't run"
        # The first sentence: others are of how to read the file in spite of all, in colours.
        reason = re.split(r"\.\s|\n", str(error))[0] or type(error).__name__
        raise ValueError(f"{path}: {what}; PyTorch says: {reason}") from error
    if not isinstance(state, Mapping):
        raise ValueError(f"{path}: expected a state dict, got {type(state).__name__}")
    for name, value in state.items():
        if not _is(value, "Tensor"):
            what = f"got {name!r}: {type(value).__name__}"
            hint = "read it by torch.load and give the part that is the state dict"
            raise ValueError(f"{path}: expected a state dict of tensors, {what}; {hint}")
    return state


def _array(name: str, value, dtype) -> np.ndarray:
    """A value of a state dict as an array of its own."""
    if _is(value, "Tensor"):
        value = _from_tensor(name, value, dtype)
    elif not isinstance(value, np.generic):
        _check.array(f"state[{name!r}]", value, "a tensor or a NumPy array")
    if value.dtype.kind not in "fiub":
        raise TypeError(f"state[{name!r}]: expected numbers, got {value.dtype}")
    if value.dtype.kind == "f":
        _check_precision(name, value.dtype, dtype)
        return np.array(value, dtype or value.dtype, order="C")
    return np.array(value, order="C")


def _from_tensor(name: str, tensor, dtype) -> np.ndarray:
    if _is(tensor, "nn.parameter.UninitializedTensorMixin"):
        raise ValueError(f"state[{name!r}]: expected values, got none: its module is lazy")
    if tensor.is_meta:
        raise ValueError(f'state[{name!r}]: expected values, got a tensor on the device "meta"')
    kind = str(tensor.dtype).removeprefix("torch.")
    if tensor.is_quantized or not str(tensor.layout).endswith("strided"):
        raise TypeError(f"state[{name!r}]: expected a dense tensor, got {kind}, {tensor.layout}")
    if tensor.is_floating_point():
        _check_precision(name, kind, dtype)
        if dtype is not None:  # by PyTorch: NumPy has no bfloat16
            tensor = tensor.to(getattr(sys.modules["torch"], str(dtype)))
    return tensor.numpy(force=True)


def _check_precision(name: str, kind, dtype) -> None:
    if dtype is None and str(kind) not in ("float32", "float64"):
        raise TypeError(
            f"state[{name!r}]: expected float32 or float64, got {kind}; dtype= converts"
        )
