"""Plain NumPy code and what fastnn has in its place: the blocks of docs/replace.md."""

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks import ROOT
from benchmarks.swaps import SIDES, Swap

PAGE = ROOT / "docs" / "replace.md"
_ROLE = dict(zip(SIDES, ("before", "after"), strict=True))


@dataclass(frozen=True)
class Pair:
    """What is to be known of a pair beside its blocks.

    Attributes
    ----------
    title : str
        Of its section.
    results : tuple of str
        The variables that are equal afterwards, whichever side has run.
    changed : tuple of str
        The given ones that are changed, and so are copied first.
    repeats : int
        How often its lines are run between two looks at the clock, some milliseconds.
    of_results : callable, optional
        From all variables to numbers that are equal, where the results themselves are not.
    rtol, atol : float
        How closely they agree. Both sides are float32, with an epsilon of 1.2e-7; functions are of
        a few roundings each.
    """

    title: str
    results: tuple[str, ...]
    repeats: int
    changed: tuple[str, ...] = ()
    of_results: Callable[[dict], object] | None = None
    rtol: float = 1e-5
    atol: float = 1e-6


def _of_dropout(names: dict) -> list:
    """The noise differs: the largest error of what is left, and of zeros in the wrong places; and
    the share that is left, of 25,600, to some four standard deviations."""
    kept = names["y"] != 0
    off = abs(names["y"] - names["x"] / 0.75)[kept].max() < 1e-6
    wrong = abs(names["dx"] - names["dy"] / 0.75 * kept).max() < 1e-6
    return [off, wrong, abs(kept.mean() - 0.75) < 0.011]


PAIRS = (
    Pair("Sigmoid and its gradient", ("y", "dx"), 300),
    Pair("Leaky ReLU and its gradient", ("y", "dx"), 300),
    Pair("Softplus, safe from overflow", ("y", "dx"), 100),
    Pair("GELU", ("y", "dx"), 100),
    Pair("Softmax, cross-entropy and their gradient", ("loss", "dlogits"), 500),
    # Sums of 784 and of 100 products.
    Pair("A dense layer", ("h", "dimages"), 50, atol=1e-5),
    Pair("Dropout", ("y", "dx"), 200, of_results=_of_dropout),
    Pair("Batch normalisation", ("y", "dx"), 200, atol=1e-5),
    # 300 steps, on numbers up to 20, whose epsilon is 2e-6.
    Pair("SGD with momentum", ("w",), 30, ("w",), atol=1e-5),
    Pair("RMSProp", ("w", "cache"), 30, ("w",), atol=1e-5),
    Pair("Adam", ("w",), 30, ("w",), atol=1e-5),
    Pair("Adam as a function of the gradient's function", ("nearer",), 15),
    # Errors of 320 steps on sums of 784 products add up.
    Pair("A training loop", ("scores",), 1, ("W1", "b1", "W2", "b2"), rtol=1e-4, atol=1e-4),
)


@functools.cache
def blocks() -> dict[str, dict[str, str]]:
    """The page's code by the section's title and what it is: before, after, use. What is given to
    all stands before the first."""
    parts = re.split(r"^#+ (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    fenced = re.compile(r"^```python (\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return {
        title: dict(found)
        for title, text in zip(parts[1::2], parts[2::2], strict=True)
        if (found := fenced.findall(text))
    }


def prepare(pair: Pair, side: str) -> Callable[[], object]:
    """The lines of one side, as a function that runs them anew on the same numbers."""
    code = blocks()
    names: dict = {}
    (given,) = (section["given"] for section in code.values() if "given" in section)
    exec(compile(given, PAGE.name, "exec"), names)
    first = {name: names[name] for name in pair.changed}
    exec(compile(code[pair.title][_ROLE[side]], PAGE.name, "exec"), names)
    use = compile(code[pair.title]["use"], PAGE.name, "exec")

    def run() -> dict:
        names.update({name: value.copy() for name, value in first.items()})
        for _ in range(pair.repeats):
            exec(use, names)
        return names

    return run


def outcome(pair: Pair, names: dict) -> np.ndarray:
    """What both sides have found, or so much of it as shows that it is the same."""
    if pair.of_results is not None:
        return np.asarray(pair.of_results(names), np.float64)
    parts = [np.ravel(names[name]) for name in pair.results]
    return np.concatenate([part[:: max(1, part.size // 1000)] for part in parts])


def _swap(pair: Pair) -> Swap:
    def work(side):
        run = prepare(pair, side)
        return lambda: outcome(pair, run())

    return Swap(pair.title, "NumPy", work, rtol=pair.rtol, atol=pair.atol, rounds=10)


SWAPS = [_swap(pair) for pair in PAIRS]
