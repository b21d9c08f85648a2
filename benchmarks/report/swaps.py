"""Swaps: the time of other people's code, and with fastnn in one line of it."""

from benchmarks.report.results import grouped
from benchmarks.report.tables import figure, table


def table_of(results: dict) -> list[str]:
    """A row for each work of which both sides were measured."""
    rows = []
    for info, times in grouped(results, "swap"):
        if times.keys() >= {"original", "fastnn"}:
            original, own = times["original"], times["fastnn"]
            shown = figure(original, 1e3), figure(own, 1e3), figure(own / original)
            rows.append([info["project"], info["work"], *shown])
    if not rows:
        return []
    header = ["project", "work", "original, ms", "with fastnn, ms", "ratio"]
    return [
        "Each side in a process of its own, in turn. Their outcomes, loss curves or predictions, "
        "agree.",
        "",
        *table(header, rows, texts=2),
    ]
