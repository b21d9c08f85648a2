"""Cold start: what the time from a process's start to a trained net consists of."""

from benchmarks.cold_start import GOAL
from benchmarks.report.results import in_order
from benchmarks.report.tables import figure, table


def table_of(results: dict) -> list[str]:
    """A row for each peer."""
    rows = {}
    for benchmark in results["benchmarks"]:
        if (info := benchmark["extra_info"])["kind"] == "cold start":
            rows[info["peer"]] = info, benchmark["stats"][results["statistic"]]
    if not rows:
        return []
    parts = next(iter(rows.values()))[0]["parts"]
    own = rows["fastnn"][1] if "fastnn" in rows else None
    lines = []
    for peer in in_order(rows):
        info, total = rows[peer]
        line = [peer, figure(total), figure(total / own) if own else ""]
        line += [figure(info["parts"][part]) for part in parts]
        lines.append([*line, str(info["epochs"]), f"{100 * info['accuracy']:.2f} %"])
    header = ["", "total, s", "/ fastnn", *(f"{part}, s" for part in parts)]
    return [
        "From the start of a process to 784-100-10, trained on MNIST in batches of 100 by Adam, "
        f"that recognises {100 * GOAL:g} % of the test images, tested after each epoch. The first "
        "epoch is with all that is set up and compiled. Parts are those of the median run.",
        "",
        *table([*header, "epochs", "accuracy"], lines),
    ]
