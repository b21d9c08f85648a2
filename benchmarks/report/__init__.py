"""From pytest-benchmark's JSON to a report.

``python -m benchmarks.report RESULTS.json [--output DIR] [--statistic min]``

Times are medians, or with ``--statistic min`` the best, where the machine had other work. A ratio
is fastnn's time divided by the peer's, so below 1 fastnn is faster.

A new part of the report is one line in `benchmarks.report.sections`.
"""

import argparse
import json
from pathlib import Path

from benchmarks.report.sections import PLOTS, SECTIONS


def markdown(results: dict) -> str:
    """The whole report."""
    lines = ["# Benchmarks", ""]
    for title, table in SECTIONS.items():
        if part := table(results):
            lines += [f"## {title}", "", *part, ""]
    return "\n".join(lines)


def save(figure, path: Path) -> None:
    """Write a PNG of 128 colours: a third of the bytes, and nothing to be seen of it."""
    from PIL import Image  # which matplotlib needs

    figure.savefig(path, dpi=120)
    with Image.open(path) as image:
        small = image.convert("RGB").quantize(128, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report")
    parser.add_argument("results", type=Path, help="what --benchmark-json wrote")
    parser.add_argument("--output", type=Path, help="a folder for report.md and the plots")
    parser.add_argument("--statistic", choices=["median", "min"], default="median")
    options = parser.parse_args(arguments)
    results = json.loads(options.results.read_text()) | {"statistic": options.statistic}
    text = markdown(results)
    if options.output is not None:
        (options.output / "report.md").write_text(text)
        try:
            from matplotlib.figure import Figure
        except ModuleNotFoundError as error:
            print(f"no plots: {error}\n")
        else:
            for name, draw in PLOTS.items():
                figure = Figure(layout="constrained")
                if draw(results, figure):
                    save(figure, options.output / name)
    print(text)
