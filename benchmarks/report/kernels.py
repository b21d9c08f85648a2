"""Kernels: time against size, with the bound drawn in."""

from benchmarks.report.results import bound, grouped, in_order
from benchmarks.report.style import color

_COLUMNS = 6


def plot(results: dict, figure) -> bool:
    """Draw the time of every kernel against its size, a panel an operation."""
    panels: dict[str, dict[str, list]] = {}
    for info, times in grouped(results, "kernel"):
        curves = panels.setdefault(info["operation"], {})
        for peer, seconds in times.items():
            curves.setdefault(peer, []).append((info["elements"], seconds))
        if (least := bound(results, info)) is not None:
            curves.setdefault("bound", []).append((info["elements"], least))
    if not panels:
        return False
    rows = -(-len(panels) // _COLUMNS)
    figure.set_size_inches(2.6 * _COLUMNS, 2.1 * rows)
    axes = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for ax, (operation, curves) in zip(axes, panels.items(), strict=False):
        for name, points in curves.items():
            own = name in ("fastnn", "bound")
            ax.loglog(
                *zip(*sorted(points), strict=True),
                marker="_" if name == "bound" else ".",
                markersize=4,
                color=color(name),
                linewidth=1.8 if own else 1,
                zorder=3 if own else 2,
                label=name,
            )
        ax.set_title(operation, fontsize=8)
        ax.tick_params(labelsize=6)
        ax.grid(alpha=0.3)
    for ax in axes[len(panels) :]:
        ax.remove()
    lines = {line.get_label(): line for ax in axes[: len(panels)] for line in ax.lines}
    names = in_order(lines)
    handles = [lines[name] for name in names]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(names), frameon=False)
    figure.supxlabel("elements")
    figure.supylabel("seconds")
    return True
