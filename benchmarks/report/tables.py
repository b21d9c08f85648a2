"""Markdown tables, and the one that most sections are: every peer's time, and its ratio."""

from collections.abc import Sequence

from benchmarks.report.results import bound, grouped, in_order


def figure(value: float | None, scale: float = 1) -> str:
    """Three digits that count; nothing for None."""
    if value is None:
        return ""
    value *= scale
    decimals = next((i for i, limit in enumerate((100, 10, 1)) if value >= limit), 3)
    return f"{value:,.{decimals}f}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1) -> list[str]:
    """A table whose first columns are text and the others numbers."""
    rule = ["---"] * texts + ["---:"] * (len(header) - texts)
    return [f"| {' | '.join(row)} |" for row in (header, rule, *rows)]


def compared(results: dict, kind: str, what: Sequence[str] = ("net",)) -> list[str]:
    """A row for each group of a kind: microseconds of fastnn, and of each peer and the bound,
    and in brackets fastnn's time divided by theirs.

    Parameters
    ----------
    results : dict
    kind : str
        Of ``extra_info``.
    what : sequence of str
        The facts of ``extra_info`` that name a group.
    """
    groups = [
        (info, times | ({} if (least := bound(results, info)) is None else {"bound": least}))
        for info, times in grouped(results, kind)
    ]
    columns = in_order(name for _, times in groups for name in times)

    def cell(name: str, times: dict[str, float]) -> str:
        text = figure(times.get(name), 1e6)
        if name != "fastnn" and name in times and "fastnn" in times:
            text += f" ({figure(times['fastnn'] / times[name])})"
        return text

    rows = [
        [*(info[name] for name in what), *(cell(name, times) for name in columns)]
        for info, times in groups
    ]
    header = [*what, *(f"{name}, us" for name in columns)]
    return table(header, rows, len(what)) if rows else []
