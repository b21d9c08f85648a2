"""What the results say: groups of times, and the least that a group can take.

The bound is what `benchmarks.bounds`, in the same run and on the same number of threads, says of
a group at best. Of a kernel: the time to move its bytes, unless they fit into a cache. Of a
training step: the time of its matrix products, and, unless parameters and optimizer state fit
into a cache, of reading and writing them once. Of a prediction, the time of its products on one
thread: it takes less than to start another.
"""

from collections.abc import Iterable, Iterator


def grouped(results: dict, kind: str) -> Iterator[tuple[dict, dict[str, float]]]:
    """Each group of a kind: its facts, and the seconds of each peer."""
    groups: dict[str, tuple[dict, dict]] = {}
    for benchmark in results["benchmarks"]:
        info = benchmark["extra_info"]
        if info["kind"] == kind:
            _, times = groups.setdefault(benchmark["group"], (info, {}))
            times[info["peer"]] = benchmark["stats"][results["statistic"]]
    yield from groups.values()


def in_order(names: Iterable[str]) -> list[str]:
    """Each name once: fastnn and its variants, NumPy, the other peers, the bound."""

    def place(name):
        return not name.startswith("fastnn"), name == "bound", name != "numpy", name

    return sorted(set(names), key=place)


def bound(results: dict, info: dict) -> float | None:
    """The least seconds that a group can take, or None where nothing says so."""
    threads = 1 if info["kind"] == "prediction" else results["machine_info"]["fastnn"]["threads"]
    speeds = results["bounds"][str(threads)]
    cached = results["cache_bytes"]
    if info["kind"] in ("kernel", "layer") and info["bytes"] > cached:
        return info["bytes"] / speeds[info["stream"]] / 1e9
    if info["kind"] == "prediction":
        return info["flops"] / speeds["gemm"] / 1e9
    if info["kind"] == "step":
        seconds = info["flops"] / speeds["gemm"] / 1e9
        if info["footprint"] > cached:
            seconds += info["bytes"] / speeds["adam"] / 1e9
        return seconds
    return None
