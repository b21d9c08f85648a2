"""Markdown tables, and the one that most sections are: every peer's time, and its ratio."""

from collections.abc import Sequence

from benchmarks.report.results import bound, grouped, in_order


def figure(value: float | None, scale: float = 1) -> str:
    """Three digits that count; nothing for None."""
    if value is None:
        return ""
    value *= scale
    return f"{value:,.{2 if value < 10 else 1 if value < 100 else 0}f}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1) -> list[str]:
    """A table whose first columns are text and the others numbers."""
    rule = ["---"] * texts + ["---:"] * (len(header) - texts)
    return [f"| {' | '.join(row)} |" for row in (header, rule, *rows)]


def compared(results: dict, kind: str, what: Sequence[str] = ("net",)) -> list[str]:
    """A row for each group of a kind: microseconds of every peer, ratios to fastnn, the bound.

    Parameters
    ----------
    results : dict
    kind : str
        Of ``extra_info``.
    what : sequence of str
        The facts of ``extra_info`` that name a group.
    """
    groups = list(grouped(results, kind))
    if not groups:
        return []
    peers = in_order(peer for _, times in groups for peer in times)
    others = [peer for peer in peers if peer != "fastnn"]
    bounds = [bound(results, info) for info, _ in groups]
    header = [*what, *(f"{peer}, us" for peer in peers), *(f"{peer} / fastnn" for peer in others)]
    if any(bounds):
        header += ["bound, us", "bound / fastnn"]
    rows = []
    for (info, times), least in zip(groups, bounds, strict=True):
        own = times.get("fastnn")
        row = [info[name] for name in what] + [figure(times.get(peer), 1e6) for peer in peers]
        ratios = [times.get(peer) for peer in others]
        row += [figure(time / own) if time and own else "" for time in ratios]
        if any(bounds):
            row += [figure(least, 1e6), figure(least / own) if least and own else ""]
        rows.append(row)
    return table(header, rows, len(what))
