"""Scaling: the cost of fastnn's step by threads, batch size, width and depth."""

from benchmarks.report.results import grouped
from benchmarks.report.tables import figure, table

_AXES = ("batch", "width", "depth")


def table_of(results: dict) -> list[str]:
    """Steps by threads, and a table of the other axes."""
    groups = list(grouped(results, "scaling"))
    tables = [_threads([g for g in groups if g[0]["axis"] == "threads"])]
    tables += [_sweep(axis, [g for g in groups if g[0]["axis"] == axis]) for axis in _AXES]
    tables = [lines for lines in tables if lines]
    return [line for i, lines in enumerate(tables) for line in ([""] if i else []) + lines]


def _threads(groups: list) -> list[str]:
    if not (counts := _counts(groups)):
        return []
    header = ["net", *(f"{name}, us" for name in counts)]
    header += [f"{counts[0]} / {name}" for name in counts[1:]]
    rows = []
    for info, times in groups:
        row = [info["value"], *(figure(times[name], 1e6) for name in counts)]
        rows.append(row + [figure(times[counts[0]] / times[name]) for name in counts[1:]])
    return table(header, rows)


def _sweep(axis: str, groups: list) -> list[str]:
    if not (counts := _counts(groups)):
        return []
    header = [axis]
    for name in counts:
        header += [f"{name}: step, us", "sample, us", "GFLOP/s"]
    rows = []
    for info, times in groups:
        row = [str(info["value"])]
        for name in counts:
            seconds = times[name]
            rates = (seconds * 1e6, seconds / info["batch"] * 1e6, info["flops"] / seconds / 1e9)
            row += map(figure, rates)
        rows.append(row)
    return table(header, rows)


def _counts(groups: list) -> list[str]:
    # Those that all groups have: a run may have left some out.
    names = set.intersection(*(set(times) for _, times in groups)) if groups else set()
    return sorted(names, key=lambda name: int(name.split()[0]))


def plot(results: dict, figure) -> bool:
    """Draw the speed against threads, and GFLOP/s against batch size, width and depth."""
    groups = list(grouped(results, "scaling"))
    if not groups:
        return False
    figure.set_size_inches(14, 3.8)
    threads, *sweeps = figure.subplots(1, 4)
    _draw_threads(threads, [g for g in groups if g[0]["axis"] == "threads"])
    for ax, axis in zip(sweeps, _AXES, strict=True):
        _draw_sweep(ax, axis, [g for g in groups if g[0]["axis"] == axis], results["bounds"])
        ax.sharey(sweeps[0])
    sweeps[0].set(ylabel="GFLOP/s", ylim=0)
    if sweeps[0].lines:
        sweeps[0].legend(fontsize=7)
    for ax in (threads, *sweeps):
        ax.grid(alpha=0.3)
    return True


def _draw_threads(ax, groups: list) -> None:
    if not (counts := _counts(groups)):
        return
    for info, times in groups:
        points = [(int(name.split()[0]), times[counts[0]] / times[name]) for name in counts]
        ax.plot(*zip(*points, strict=True), marker="o", label=info["value"].split(" ")[0])
    ax.set(xlabel="threads", ylabel=f"speed, that of {counts[0]} = 1", ylim=0)
    ax.set_xticks([int(name.split()[0]) for name in counts])
    ax.legend(fontsize=7)


def _draw_sweep(ax, axis: str, groups: list, bounds: dict) -> None:
    # The nets' products are small: the dotted lines are those of large ones.
    for i, name in enumerate(_counts(groups)):
        points = [(info["value"], info["flops"] / times[name] / 1e9) for info, times in groups]
        ax.plot(*zip(*points, strict=True), marker="o", color=f"C{i}", label=name)
        if most := bounds.get(name.split()[0]):
            ax.axhline(most["gemm"], color=f"C{i}", ls=":", label=f"large products, {name}")
    ax.set_xscale("log", base=2)
    ax.set_xticks([info["value"] for info, _ in groups])
    ax.xaxis.set_major_formatter("{x:.0f}")
    ax.tick_params(axis="x", labelsize=8)
    ax.set_xlabel(axis)
