"""Other people's code, and the same with fastnn in one line of it.

A file here holds ``SWAPS``, a list of `Swap`: some work that a person does with another project,
and how to make it with that project or with fastnn in its place. Each side runs in a process of its
own (``python -m benchmarks.swaps.run SIDE NAME``), the two in turn, and their outcomes must agree:
nobody is faster by doing something else.

Where the other project can't be installed as a package, a book's code say, the original is a plain
rendering of the same algorithm, written for this.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SIDES = ("original", "fastnn")


@dataclass(frozen=True)
class Swap:
    """Work that is done twice.

    Attributes
    ----------
    name : str
        What is done: ``"digits, defaults"``. No two swaps have the same.
    project : str
        Whose code it is: ``"scikit-learn"``.
    prepare : callable
        ``(side) -> run``, side one of `SIDES`: imports, reads or makes data (the same on both
        sides, from a seed), and gives a function of no arguments, the work that is timed. That
        returns its outcome, a number or an array of numbers: a loss curve, predictions. Each call
        does the same work anew. Nothing but fastnn's side imports fastnn.
    peer : str
        The ``--peers`` that calls for it: "numpy" where there is nothing to install.
    needs : tuple of str
        Modules without which it is left out.
    rtol, atol : float
        How closely outcomes agree, as `numpy.testing.assert_allclose` has it.
    rounds : int
        Timed calls in a process, after one that nobody counts.
    """

    name: str
    project: str
    prepare: Callable[[str], Callable[[], object]]
    peer: str = "numpy"
    needs: tuple[str, ...] = ()
    rtol: float = 1e-6
    atol: float = 0.0
    rounds: int = 3


def swaps() -> dict[str, Swap]:
    """All of them by name."""
    found: dict[str, Swap] = {}
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        for swap in getattr(importlib.import_module(f"{__name__}.{module.name}"), "SWAPS", ()):
            if swap.name in found:
                raise ValueError(f"two swaps are called {swap.name!r}")
            found[swap.name] = swap
    return found
