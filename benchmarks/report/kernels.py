"""Kernels: time against size, with the bound drawn in."""

from benchmarks.report.results import bound, grouped

_STYLES = {"fastnn": "C3", "numpy": "C0", "bound": "k"}
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
            ax.loglog(
                *zip(*sorted(points), strict=True),
                marker="_" if name == "bound" else ".",
                color=_STYLES.get(name),
                label=name,
            )
        ax.set_title(operation, fontsize=8)
        ax.tick_params(labelsize=6)
        ax.grid(alpha=0.3)
    for ax in axes[len(panels) :]:
        ax.remove()
    lines = {line.get_label(): line for ax in axes[: len(panels)] for line in ax.lines}
    figure.legend(handles=lines.values(), loc="outside upper right", ncols=len(lines))
    figure.supxlabel("elements")
    figure.supylabel("seconds")
    return True
