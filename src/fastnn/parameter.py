"""Learned arrays, and the flat buffers that hold all of a model's."""

import functools

import numpy as np

# Bytes. Every parameter begins on a cache line, which is also the widest vector.
_ALIGNMENT = 64


@functools.cache
def _default_rng() -> "np.random.Generator":
    # Made when first needed: numpy.random takes a while to import.
    return np.random.default_rng(0)


def aligned_zeros(size: int, dtype) -> np.ndarray:
    """Zeros that begin on a cache line. What is never written takes up no memory."""
    dtype = np.dtype(dtype)
    raw = np.zeros(size * dtype.itemsize + _ALIGNMENT, np.uint8)
    skip = -raw.ctypes.data % _ALIGNMENT
    return raw[skip : skip + size * dtype.itemsize].view(dtype)


class Parameter:
    """A learned array, drawn when it is first needed.

    Parameters
    ----------
    shape : tuple of int
    init : callable
        ``init(shape, rng, dtype) -> array``.
    dtype : dtype
        float32 or float64.
    decay : bool
        Whether L1 and L2 penalties and a largest norm apply: to weights, not to biases.
    mask : array of bool, optional
        False for elements that are zero and stay so.

    Attributes
    ----------
    requires_grad : bool
        Whether it is learned. Set it to False to leave it as it is: optimizers pass over it then,
        and layers spare its gradient where they can.
    rng : numpy.random.Generator, optional
        What the initial values are drawn from; a `Sequential` gives each parameter its own.
    data : array
        The values; assign into it (``p.data[...] = w``) or call `set` to change them.
    grad : array
        The gradient that the last ``backward`` of the layer wrote. Training with a `Trainer`
        does not fill it: there, a gradient is used up as soon as it is known.
    """

    def __init__(self, shape, init, dtype=np.float32, *, decay=True, mask=None):
        self.shape = tuple(shape)
        self.dtype = np.dtype(dtype)
        self.init = init
        self.decay = decay
        self.requires_grad = True
        self.mask = mask
        self.rng: np.random.Generator | None = None
        self._data = None
        self._grad = None

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))

    @property
    def drawn(self) -> bool:
        """Whether the values exist yet."""
        return self._data is not None

    @property
    def data(self) -> np.ndarray:
        if self._data is None:
            rng = self.rng or _default_rng()
            values = np.asarray(self.init(self.shape, rng, self.dtype))
            if values.shape != self.shape:
                raise ValueError(f"init: expected values of shape {self.shape}, got {values.shape}")
            self._data = np.ascontiguousarray(values, self.dtype)
            if self.mask is not None:
                self._data = np.where(self.mask, self._data, self.dtype.type(0))
        return self._data

    def set(self, values: np.ndarray) -> None:
        """Copy `values`, of this shape and dtype, without drawing initial ones first."""
        if self._data is None:
            self._data = np.array(values, self.dtype, order="C")
        else:
            self._data[...] = values

    def adopt(self, values: np.ndarray) -> None:
        """Have `values` themselves, contiguous, of this shape and dtype, as the memory, as long
        as nothing moves the parameter."""
        self._data = values

    @property
    def grad(self) -> np.ndarray:
        if self._grad is None:
            self._grad = np.zeros(self.shape, self.dtype)
        return self._grad

    def place(self, data: np.ndarray, grad: np.ndarray) -> None:
        """Move into memory of a flat buffer, zero so far, values and all."""
        data[...] = self.data
        if self._grad is not None:
            grad[...] = self._grad
        self._data, self._grad = data, grad

    def __array__(self, dtype=None, copy=None):
        return np.array(self.data, dtype=dtype, copy=copy)

    def __repr__(self):
        return f"Parameter(shape={self.shape}, dtype={self.dtype})"


class Tracked:
    """An array that a layer keeps up to date while it trains and that nobody learns: running
    statistics. Files hold it; optimizers don't see it. PyTorch calls it a buffer.

    Parameters
    ----------
    values : array
        The initial ones.

    Attributes
    ----------
    data : array
        Stays where it is: compiled programs hold its address.
    """

    def __init__(self, values: np.ndarray):
        self.data = np.array(values, order="C")

    @property
    def shape(self) -> tuple:
        return self.data.shape

    @property
    def dtype(self) -> np.dtype:
        return self.data.dtype

    def set(self, values: np.ndarray) -> None:
        """Copy `values`, of this shape and dtype."""
        self.data[...] = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.data, dtype=dtype, copy=copy)

    def __repr__(self):
        return f"Tracked(shape={self.shape}, dtype={self.dtype})"


def common_dtype(named: dict[str, Parameter | Tracked]) -> np.dtype:
    """The dtype of a model, given its arrays by name; float32 where there are none.

    Raises
    ------
    TypeError
        If there are two.
    ValueError
        If an array has two names: of two gradients one would overwrite the other.
    """
    kinds, names = {}, {}
    for name, array in named.items():
        if (other := names.setdefault(id(array), name)) != name:
            raise ValueError(f"model: expected different arrays, got one as {other} and {name}")
        if array.dtype.kind == "f":  # not the integers that count batches
            kinds.setdefault(array.dtype, name)
    if len(kinds) > 1:
        found = " and ".join(f"{dtype} ({name})" for dtype, name in kinds.items())
        raise TypeError(f"model: expected arrays of one dtype, got {found}")
    return next(iter(kinds), np.dtype(np.float32))


def check_state(own: dict[str, Parameter | Tracked], state: dict[str, np.ndarray]) -> None:
    """Raise unless `state` has an array that fits for each of `own`, and no others. The error lists
    all that is wrong, and is of the gravest kind: KeyError, ValueError, TypeError."""
    missing, unknown = [k for k in own if k not in state], [k for k in state if k not in own]
    wrong = []
    if missing or unknown:
        parts = [f"state: expected keys {', '.join(own)}"]
        parts += [f"missing {', '.join(missing)}"] * bool(missing)
        parts += [f"unknown {', '.join(map(str, unknown))}"] * bool(unknown)
        wrong.append((KeyError, "; ".join(parts)))
    for name, p in own.items():
        if name not in state:
            continue
        value, mask = np.asarray(state[name]), getattr(p, "mask", None)
        if value.shape != p.shape:
            wrong.append(
                (ValueError, f"state[{name!r}]: expected shape {p.shape}, got {value.shape}")
            )
        elif value.dtype != p.dtype:
            wrong.append((TypeError, f"state[{name!r}]: expected {p.dtype}, got {value.dtype}"))
        elif mask is not None and np.any(value[~mask]):
            expected = "expected zeros where nothing is connected, got other values"
            wrong.append((ValueError, f"state[{name!r}]: {expected}"))
    for kind in (KeyError, ValueError, TypeError):
        if any(error is kind for error, _ in wrong):
            raise kind("; ".join(message for _, message in wrong))


class FlatParameters:
    """All parameters of a model in one vector, and their gradients in another.

    One clip, one checkpoint, one all-reduce, one vector for a second-order method. Between
    parameters lie zeros, so that each begins on a cache line.
    """

    def __init__(self, named: dict[str, Parameter]):
        self.names, self.parameters = list(named), list(named.values())
        self.dtype = common_dtype(named)
        self.offsets = []
        step, end = _ALIGNMENT // self.dtype.itemsize, 0
        for p in self.parameters:
            self.offsets.append(end)
            end += -(-p.size // step) * step
        self.data = aligned_zeros(end, self.dtype)
        self.grad = aligned_zeros(end, self.dtype)
        for i, p in enumerate(self.parameters):
            p.place(self.view(self.data, i), self.view(self.grad, i))

    def view(self, flat: np.ndarray, i: int) -> np.ndarray:
        """The part of a flat buffer of this layout that belongs to parameter `i`."""
        p, start = self.parameters[i], self.offsets[i]
        return flat[start : start + p.size].reshape(p.shape)

    def holds(self, parameters: list[Parameter]) -> bool:
        """Whether these parameters, and no others, still lie here."""
        return len(parameters) == len(self.parameters) and all(
            a is b and np.may_share_memory(a.data, self.data)
            for a, b in zip(parameters, self.parameters, strict=True)
        )

    @classmethod
    def of(cls, layer) -> "FlatParameters":
        """The flat buffers of a layer's parameters: those that hold them, or new ones that the
        parameters move into."""
        flat = getattr(layer, "_flat", None)
        if flat is None or not flat.holds(layer.parameters()):
            flat = layer._flat = cls(layer.named_parameters())
        return flat
