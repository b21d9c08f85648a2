"""Arrays that are computed when somebody looks at them."""

import numpy as np


class Lazy(np.lib.mixins.NDArrayOperatorsMixin):
    """A float64 array to come.

    The gradient with respect to a net's input is a third of its products, and scripts drop it
    unread. So it is one of these, which any use turns into the array: operators, indexing,
    attributes and methods, NumPy's functions. It is an instance of `numpy.ndarray` by all that
    Python can ask; code in C that wants an array is given one by ``np.asarray``.

    Parameters
    ----------
    compute : callable
        Gives the array; called once at most. What it reads is to be left alone until then.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.compat.scratch._lazy import Lazy
    >>> lazy = Lazy(lambda: np.arange(3.0))
    >>> isinstance(lazy, np.ndarray), (2 * lazy).tolist(), lazy.shape
    (True, [0.0, 2.0, 4.0], (3,))
    """

    __slots__ = ("_array", "_compute")

    def __init__(self, compute):
        object.__setattr__(self, "_compute", compute)
        object.__setattr__(self, "_array", None)

    @property
    def __class__(self):
        return np.ndarray

    def __array__(self, dtype=None, copy=None):
        return np.array(settled(self), dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if "out" in kwargs:
            kwargs["out"] = tuple(map(settled, kwargs["out"]))
        return getattr(ufunc, method)(*map(settled, inputs), **kwargs)

    def __array_function__(self, function, types, args, kwargs):
        return function(*_settled_inside(args), **_settled_inside(kwargs))

    def __getattr__(self, name):
        return getattr(settled(self), name)

    def __setattr__(self, name, value):
        setattr(settled(self), name, value)

    def __reduce_ex__(self, protocol):
        return settled(self).__reduce_ex__(protocol)

    def __copy__(self):
        return settled(self).copy()

    def __deepcopy__(self, memo):
        return settled(self).copy()

    def __dir__(self):
        return dir(np.ndarray)


def settled(a):
    """`a` itself, or the array that it is to be."""
    if type(a) is not Lazy:
        return a
    if a._array is None:
        object.__setattr__(a, "_array", a._compute())
        object.__setattr__(a, "_compute", None)
    return a._array


def _settled_inside(value):
    # In the arguments of a function, which may be lists of arrays.
    if isinstance(value, list | tuple):
        return type(value)(map(_settled_inside, value))
    if isinstance(value, dict):
        return {key: _settled_inside(part) for key, part in value.items()}
    return settled(value)


def _forward(name):
    # What Python looks up in the class and not in the object.
    def method(self, *args):
        return getattr(settled(self), name)(*args)

    method.__name__ = name
    return method


for _name in (
    "__bool__", "__buffer__", "__complex__", "__contains__", "__delitem__", "__float__",
    "__format__", "__getitem__", "__index__", "__int__", "__iter__", "__len__", "__repr__",
    "__setitem__", "__str__",
):  # fmt: skip
    if hasattr(np.ndarray, _name):
        setattr(Lazy, _name, _forward(_name))
