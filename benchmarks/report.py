"""From pytest-benchmark's JSON to a report: ratios against every peer, and shares of the bound.

``python -m benchmarks.report RESULTS.json [--output DIR] [--statistic min]``

Times are medians, or with ``min`` the best, where the machine had other work. A ratio is the
peer's time divided by fastnn's, so above 1 fastnn is faster.

The bound is what `benchmarks.bounds`, in the same run and on the same number of threads, says of
a group at best. Of a kernel: the time to move its bytes, unless they fit into a cache. Of a
training step: the time of its matrix products, and, unless parameters and optimizer state fit
into a cache, of reading and writing them once.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

_TITLES = {
    "kernel": "Kernels",
    "step": "Training steps",
    "prediction": "One prediction",
    "set-up": "Setting up a program",
}


def grouped(results: dict, kind: str) -> Iterator[tuple[dict, dict[str, float]]]:
    """Each group of a kind: its facts, and the seconds of each peer."""
    groups: dict[str, tuple[dict, dict]] = {}
    for benchmark in results["benchmarks"]:
        info = benchmark["extra_info"]
        if info["kind"] == kind:
            _, times = groups.setdefault(benchmark["group"], (info, {}))
            times[info["peer"]] = benchmark["stats"][results["statistic"]]
    yield from groups.values()


def bound(results: dict, info: dict) -> float | None:
    """The least seconds that a group can take, or None where nothing says so."""
    speeds = results["bounds"][str(results["machine_info"]["fastnn"]["threads"])]
    cached = results["cache_bytes"]
    if info["kind"] == "kernel" and info["bytes"] > cached:
        return info["bytes"] / speeds[info["stream"]] / 1e9
    if info["kind"] == "step":
        seconds = info["flops"] / speeds["gemm"] / 1e9
        if info["footprint"] > cached:
            seconds += info["bytes"] / speeds["adam"] / 1e9
        return seconds
    return None


def _figure(value: float | None, scale: float = 1) -> str:
    """Three digits that count."""
    if value is None:
        return ""
    value *= scale
    return f"{value:,.{2 if value < 10 else 1 if value < 100 else 0}f}"


def _table(header: list[str], rows: list[list[str]], texts: int = 1) -> list[str]:
    """A Markdown table whose first columns are text and the others numbers."""
    rule = ["---"] * texts + ["---:"] * (len(header) - texts)
    return [f"| {' | '.join(row)} |" for row in (header, rule, *rows)] + [""]


def _section(results: dict, kind: str) -> list[str]:
    groups = list(grouped(results, kind))
    if not groups:
        return []
    peers = list(dict.fromkeys(peer for _, times in groups for peer in times))
    peers.sort(key=lambda peer: (not peer.startswith("fastnn"), peer))
    others = [peer for peer in peers if peer != "fastnn"]
    bounds = [bound(results, info) for info, _ in groups]
    what = ["operation", "shape"] if kind == "kernel" else ["net"]
    header = what + [f"{peer}, us" for peer in peers] + [f"{peer} / fastnn" for peer in others]
    if any(bounds):
        header += ["bound, us", "bound / fastnn"]
    rows = []
    for (info, times), least in zip(groups, bounds, strict=True):
        own = times.get("fastnn")
        row = [info[name] for name in what] + [_figure(times.get(peer), 1e6) for peer in peers]
        compared = [times.get(peer) for peer in others]
        row += [_figure(time / own) if time and own else "" for time in compared]
        if any(bounds):
            row += [_figure(least, 1e6), _figure(least / own) if least and own else ""]
        rows.append(row)
    return [f"## {_TITLES[kind]}", "", *_table(header, rows, len(what))]


def markdown(results: dict) -> str:
    """The whole report."""
    machine = results["machine_info"]
    own = machine["fastnn"]
    lines = [
        "# Benchmarks",
        "",
        f"- {results['datetime'][:10]}, commit {results['commit_info'].get('id', '?')[:12]}",
        f"- {machine['cpu'].get('brand_raw') or machine['processor']}, "
        f"{machine['cpu'].get('count', '?')} CPUs, {machine['system']} {machine['machine']}",
        f"- fastnn {own['version']}, instruction set {own['instruction_set']}, "
        f"{own['threads']} threads; {own['blas']}",
        f"- Python {machine['python_version']}, NumPy {own['numpy']}",
        f"- import: NumPy {results['import_time']['numpy'] * 1e3:.0f} ms, "
        f"fastnn on top of it {results['import_time']['fastnn'] * 1e3:.0f} ms",
        "",
    ]
    if results["quick"]:
        lines += ["**A smoke run: no figure here means anything.**", ""]
    lines += [
        f"Times are the {results['statistic']} of all rounds, in float32. Ratios are times divided "
        "by fastnn's: above 1, fastnn is faster.",
        "",
        "## The machine",
        "",
    ]
    header = ["threads", "copy, GB/s", "add, GB/s", "adam, GB/s", "products, GFLOP/s"]
    names = ("copy", "add", "adam", "gemm")
    bounds = results["bounds"].items()
    rows = [[threads, *(_figure(speeds[name]) for name in names)] for threads, speeds in bounds]
    lines += _table(header, rows)
    for kind in ("step", "prediction", "set-up", "kernel"):
        lines += _section(results, kind)
    return "\n".join(lines)


def plot(results: dict, path: Path) -> None:
    """Draw the time of every kernel against its size, a panel an operation."""
    from matplotlib.figure import Figure

    panels: dict[str, dict[str, list]] = {}
    for info, times in grouped(results, "kernel"):
        curves = panels.setdefault(info["operation"], {})
        for peer, seconds in times.items():
            curves.setdefault(peer, []).append((info["elements"], seconds))
        if (least := bound(results, info)) is not None:
            curves.setdefault("bound", []).append((info["elements"], least))
    columns = 6
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(2.6 * columns, 2.1 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    styles = {"fastnn": "C3", "numpy": "C0", "bound": "k"}
    for ax, (operation, curves) in zip(axes, panels.items(), strict=False):
        for name, points in curves.items():
            marker = "_" if name == "bound" else "."
            ax.loglog(*zip(*points, strict=True), marker=marker, color=styles.get(name), label=name)
        ax.set_title(operation, fontsize=8)
        ax.tick_params(labelsize=6)
        ax.grid(alpha=0.3)
    for ax in axes[len(panels) :]:
        ax.remove()
    lines = {line.get_label(): line for ax in axes[: len(panels)] for line in ax.lines}
    figure.legend(handles=lines.values(), loc="outside upper right", ncols=len(lines))
    figure.supxlabel("elements")
    figure.supylabel("seconds")
    figure.savefig(path, dpi=120)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report")
    parser.add_argument("results", type=Path, help="what --benchmark-json wrote")
    parser.add_argument("--output", type=Path, help="a folder for report.md and kernels.png")
    parser.add_argument("--statistic", choices=["median", "min"], default="median")
    options = parser.parse_args(arguments)
    results = json.loads(options.results.read_text()) | {"statistic": options.statistic}
    text = markdown(results)
    if options.output is not None:
        (options.output / "report.md").write_text(text)
        try:
            plot(results, options.output / "kernels.png")
        except ModuleNotFoundError as error:
            print(f"no plot: {error}\n")
    print(text)


if __name__ == "__main__":
    main()
