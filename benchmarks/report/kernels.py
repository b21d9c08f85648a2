"""Kernels: time for an element against size, with the bound drawn in.

For an element, and on axes that all panels share, so that panels can be compared: a curve falls
while the cost of a call is spread over more elements, and rises where caches end.
"""

from benchmarks.report.results import bound, grouped, in_order
from benchmarks.report.style import color

_COLUMNS = 6
_NANOSECONDS = 1e9


def plot(results: dict, figure) -> bool:
    """Draw the time of every kernel against its size, a panel an operation."""
    panels: dict[str, dict[str, list]] = {}
    for info, times in grouped(results, "kernel"):
        curves, size = panels.setdefault(info["operation"], {}), info["elements"]
        for name, seconds in (*times.items(), ("bound", bound(results, info))):
            if seconds is not None:
                curves.setdefault(name, []).append((size, seconds / size * _NANOSECONDS))
    if not panels:
        return False
    rows = -(-len(panels) // _COLUMNS)
    figure.set_size_inches(2 * _COLUMNS, 1.6 * rows + 0.8)
    grid = figure.subplots(rows, _COLUMNS, squeeze=False, sharex=True, sharey=True)
    axes = grid.ravel()
    for ax, (operation, curves) in zip(axes, panels.items(), strict=False):
        for name, points in curves.items():
            own = name in ("fastnn", "bound")
            ax.loglog(
                *zip(*sorted(points), strict=True),
                marker="_" if name == "bound" else ".",
                markersize=9 if name == "bound" else 4,
                color=color(name),
                linewidth=1.8 if own else 1,
                zorder=3 if own else 2,
                label=name,
            )
        ax.set_title(operation, fontsize=8)
        ax.tick_params(labelsize=7)
        ax.minorticks_off()
        ax.grid(alpha=0.3)
    for above, ax in zip(axes[len(panels) - _COLUMNS :], axes[len(panels) :], strict=False):
        ax.remove()
        above.tick_params(labelbottom=True)  # it is the lowest of its column now
    lines = {line.get_label(): line for ax in axes[: len(panels)] for line in ax.lines}
    names = in_order(lines)
    handles = [lines[name] for name in names]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(names), frameon=False)
    figure.supxlabel("elements")
    figure.supylabel("nanoseconds for an element")
    return True
