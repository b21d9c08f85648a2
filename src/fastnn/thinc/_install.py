"""fastnn in thinc without a change to the code that trains."""

import functools

import thinc.api
import thinc.backends
import thinc.optimizers
from thinc.backends import NumpyOps

from fastnn.thinc.ops import FastnnOps
from fastnn.thinc.optimizers import step

__all__ = ["install", "uninstall"]

_originals = []  # what `install` has put aside: (owner, name, value)


def install():
    """Have thinc use fastnn where it uses NumPy.

    From now on `FastnnOps` is the backend of the calling context, of every context and thread that
    hasn't chosen one, and of whoever asks thinc for the best one of a CPU, as spaCy does. All of
    thinc's optimizers, those that exist included, take their steps as `Optimizer` does.

    Models that exist keep the backend with which they were made. A backend of another project, as
    of a GPU, that the context has chosen stays. Calling it again does nothing.

    See Also
    --------
    uninstall : takes it back.

    Examples
    --------
    >>> import thinc.api
    >>> from fastnn.thinc import install, uninstall
    >>> install()
    >>> thinc.api.get_current_ops().name
    'fastnn'
    >>> uninstall()
    >>> thinc.api.get_current_ops().name
    'numpy'
    """
    if _originals:
        return
    get_ops = thinc.backends.get_ops

    @functools.wraps(get_ops)
    def get_ops_with_fastnn(name, **kwargs):
        return get_ops("fastnn" if name == "cpu" else name, **kwargs)

    current = thinc.backends.get_current_ops()
    _put(thinc.backends, "get_ops", get_ops_with_fastnn)
    _put(thinc.api, "get_ops", get_ops_with_fastnn)
    _put(thinc.optimizers.Optimizer, "__call__", step)
    if type(current) is NumpyOps:
        thinc.backends.set_current_ops(FastnnOps())


def uninstall():
    """Take `install` back.

    The calling context has NumPy's backend again, if it has fastnn's. Models that were made in
    between keep theirs, and go on with it.
    """
    if not _originals:
        return
    while _originals:
        owner, name, value = _originals.pop()
        setattr(owner, name, value)
    if type(thinc.backends.get_current_ops()) is FastnnOps:
        thinc.backends.set_current_ops(NumpyOps())


def _put(owner, name, value):
    _originals.append((owner, name, getattr(owner, name)))
    setattr(owner, name, value)
