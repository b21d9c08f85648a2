"""Neighbours: what each scene of `benchmarks.neighbours` loses against its ideal."""

from benchmarks.neighbours import SCENES
from benchmarks.report.results import grouped
from benchmarks.report.tables import figure, table


def table_of(results: dict) -> list[str]:
    """A table for each scene."""
    parts = [section for section in (_alternating(results), _together(results)) if section]
    return [line for i, part in enumerate(parts) for line in ([""] if i else []) + part]


def _complete(results: dict, scene: str):
    # Groups of which every part was measured.
    for info, times in grouped(results, scene):
        if times.keys() >= set(SCENES[scene]):
            yield info, times


def _lost(seconds: float, ideal: float) -> str:
    return f"{100 * (seconds / ideal - 1):.0f} %"


def _alternating(results: dict) -> list[str]:
    rows = []
    for info, times in _complete(results, "alternating"):
        product, one_cpu = times["products"], times["steps, one thread"]
        ideal, both = product + times["steps"], times["alternating"]
        shown = (product, times["steps"], ideal, both)
        row = [info["net"], *(figure(seconds, 1e6) for seconds in shown), _lost(both, ideal)]
        rows.append([*row, _lost(both, product + one_cpu), _lost(times["NumPy first"], ideal)])
    if not rows:
        return []
    header = ["net", "product, us", "step, us", "ideal, us", "both, us", "lost"]
    return [
        "A product by NumPy before every training step, where fastnn was imported before NumPy. "
        "Beside what is lost of the ideal, the sum of both alone: what is lost of it where the "
        "step has one thread; and what is lost of the ideal where NumPy was imported first, and "
        "its BLAS's threads keep the other CPUs busy for some 30 ms after each product.",
        "",
        *table([*header, "lost of one thread's", "lost, NumPy first"], rows),
    ]


def _together(results: dict) -> list[str]:
    rows = []
    for info, times in _complete(results, "together"):
        alone, both = times["one thread"], times["together"]
        ideal = alone / info["cpus"]
        row = [info["net"], *(figure(seconds, 1e3) for seconds in (alone, ideal, both))]
        others = (both, times["a thread each"], times["in turn"])
        rows.append(row + [_lost(seconds, ideal) for seconds in others])
    if not rows:
        return []
    header = ["net", "one thread, ms", "ideal, ms", "at once, ms", "lost"]
    return [
        "Four trainings in four Python threads at once. Ideal is all four in turn on one thread, "
        "divided by the number of CPUs. Beside what is lost of it: the same with one thread for "
        "each training, and all four in turn on all CPUs.",
        "",
        *table([*header, "lost, a thread each", "lost, in turn"], rows),
    ]
