"""Training steps: fastnn's time as a part of every peer's, a bar each."""

import numpy as np

from benchmarks.report.results import grouped, in_order
from benchmarks.report.style import color


def plot(results: dict, figure) -> bool:
    """Draw bars of fastnn's time divided by the peer's, a group for each net."""
    groups = list(grouped(results, "step"))
    names = in_order(name for _, times in groups for name in times)
    peers = [name for name in names if not name.startswith("fastnn")]
    if not peers:
        return False
    figure.set_size_inches(8, 1.2 + len(groups) * (0.35 + 0.17 * len(peers)))
    ax = figure.subplots()
    height = 0.85 / len(peers)
    for i, peer in enumerate(peers):
        measured = [(at, t["fastnn"] / t[peer]) for at, (_, t) in enumerate(groups) if peer in t]
        at, ratios = np.transpose(measured)
        bars = ax.barh(at + (i - (len(peers) - 1) / 2) * height, ratios, height * 0.9)
        for bar in bars:
            bar.set_color(color(peer))
        ax.bar_label(bars, [f"{ratio:.2g}" for ratio in ratios], padding=3, fontsize=7)
        bars.set_label(peer)
    ax.axvline(1, color="k", linewidth=1)
    ax.set_yticks(range(len(groups)), [_label(info["net"]) for info, _ in groups])
    ax.set_ylim(len(groups) - 0.45, -0.55)  # the first on top
    ax.set_xlim(0, max(1.1, ax.get_xlim()[1]))
    ax.set_xlabel("fastnn's time for a training step / the peer's (below 1, fastnn is faster)")
    ax.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper right", ncols=len(peers), frameon=False)
    return True


def _label(net: str) -> str:
    """The net on one line, how it is trained on the next."""
    return net.replace(", ", "\n", 1)
