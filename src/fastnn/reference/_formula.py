"""What formulas have in common."""

import functools
import inspect

import numpy as np

_quiet = np.errstate(all="ignore")  # infinities and NaN are results like any other


def _formula(function):
    """Make a formula a function of the public API, with ``out``.

    A backward's second argument says by its name what it is: x or y; in public it is ``saved``.
    """
    parameters = list(inspect.signature(function).parameters.values())
    saved = parameters[1].name if function.__name__.endswith("_backward") else None
    if saved:
        parameters[1] = parameters[1].replace(name="saved")
    place = sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)
    parameters.insert(place, inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None))

    @_quiet
    @functools.wraps(function)
    def evaluate(*args, out=None, **kwargs):
        if "saved" in kwargs:
            kwargs[saved] = kwargs.pop("saved")
        result = np.asarray(function(*args, **kwargs))
        if out is None:
            return result
        np.copyto(out, result, casting="no")
        return out

    evaluate.__signature__ = inspect.Signature(parameters)
    return evaluate


def _times(x, p):
    """x * p with the limit 0 where p vanishes faster than x grows."""
    return np.where(p == 0, 0, x * p)


def _wide(x):
    """The dtype that sums over a batch are kept in."""
    return np.result_type(x, np.float64)
