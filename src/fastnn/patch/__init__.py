"""fastnn in place of other people's modules, without a change to the code that uses them.

`patch` and `unpatch` are ``fastnn.patch`` and ``fastnn.unpatch``. On the command line, before a
script that isn't changed at all::

    python -m fastnn.patch nielsen script.py

What can be replaced:

``"sklearn"``
    `MLPClassifier` and `MLPRegressor` of scikit-learn, by those of ``fastnn.sklearn``.
``"thinc"``
    thinc's backend and optimizers, and with them spaCy's, by those of ``fastnn.thinc``.
``"common"``
    The modules of the book "Deep Learning from Scratch", by ``fastnn.compat.scratch``.
``"nielsen"``
    `network` and `network2` of Nielsen's book, by ``fastnn.compat.nielsen``.
"""

from contextlib import ExitStack

from fastnn.patch._projects import PROJECTS

__all__ = ["patch", "unpatch"]

_patched: dict[str, ExitStack] = {}


def patch(*names):
    """Put fastnn in the place of other projects' modules and classes.

    Modules of books are replaced for whoever imports them from now on: call it before they are
    imported. Classes of scikit-learn are replaced in every module that has imported them, too;
    objects that exist, and classes kept elsewhere than under a module's name, stay as they are. So
    does the private module that defines them: pickles of scikit-learn's objects stay its own.

    Parameters
    ----------
    *names : str
        At least one of "common", "nielsen", "sklearn" and "thinc". What is patched already stays
        so.

    Returns
    -------
    context manager
        For ``with fastnn.patch(...):``, at whose end what this call has patched is as it was.

    Raises
    ------
    TypeError, ValueError
        If a name isn't a string or is unknown, or none is given.
    ImportError
        If a project isn't installed. Nothing is changed then.

    Notes
    -----
    Holds in this process and its forks. A process that multiprocessing spawns begins anew: patch
    it at the top of the script.

    Examples
    --------
    >>> import fastnn
    >>> with fastnn.patch("nielsen"):
    ...     import network
    >>> network.__name__
    'fastnn.compat.nielsen.network'
    """
    if not names:
        raise ValueError(f"names: expected some of {_known()}, got none")
    _check(names)
    new: dict[str, ExitStack] = {}
    try:
        for name in names:
            if name not in _patched and name not in new:
                new[name] = PROJECTS[name]()
    except BaseException:
        _undo(new, list(new))
        raise
    _patched.update(new)
    return _Patched(new)


def unpatch(*names):
    """Take `patch` back: what was there before is there again.

    What was imported from patched modules in the meantime stays what it is.

    Parameters
    ----------
    *names : str
        Names as for `patch`; none means all. What isn't patched stays so.

    Raises
    ------
    TypeError, ValueError
        If a name isn't a string or is unknown. Nothing is changed then.

    Examples
    --------
    >>> import fastnn, sys
    >>> _ = fastnn.patch("nielsen")
    >>> fastnn.unpatch("nielsen")
    >>> "network" in sys.modules
    False
    """
    _check(names)
    _undo(_patched, [name for name in _patched if name in names or not names])


def _undo(changes: dict, names: list) -> None:
    for name in reversed(names):
        changes.pop(name).close()


def _check(names) -> None:
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"names: expected strings, got {type(name).__name__}")
        if name not in PROJECTS:
            raise ValueError(f"names: expected some of {_known()}, got {name!r}")


def _known() -> str:
    return ", ".join(PROJECTS)


class _Patched:
    """What one call of `patch` has changed."""

    def __init__(self, changes: dict):
        self._changes = changes

    def __enter__(self):
        return self

    def __exit__(self, *error):
        own = [name for name, change in self._changes.items() if _patched.get(name) is change]
        _undo(_patched, own)

    def __repr__(self):
        return f"<fastnn in place of {', '.join(self._changes) or 'nothing new'}>"
