"""Memory: bytes for each parameter of fastnn's program, and of every peer's process."""

from benchmarks.report.results import in_order
from benchmarks.report.tables import figure, table


def table_of(results: dict) -> list[str]:
    """What fastnn's program holds, then what processes take."""
    nets: dict[str, dict[str, dict]] = {}
    for benchmark in results["benchmarks"]:
        if (info := benchmark["extra_info"])["kind"] == "memory":
            nets.setdefault(info["net"], {})[info["peer"]] = info
    if not nets:
        return []
    return [*_contents(nets), *_processes(nets)]


def _contents(nets: dict) -> list[str]:
    own = {net: infos["fastnn"] for net, infos in nets.items() if "fastnn" in infos}
    if not own:
        return []
    names = next(iter(own.values()))["contents"]
    rows = []
    for net, info in own.items():
        sizes = [info["contents"][name] / info["parameters"] for name in names]
        rows.append([net, f"{info['parameters']:,}", *map(figure, sizes), figure(sum(sizes))])
    return [
        "What fastnn's program holds, in bytes for each parameter. Activations are the batch, all "
        "that lies between the layers, and its gradients, in one arena.",
        "",
        *table(["net", "number", *names, "all"], rows),
        "",
    ]


def _processes(nets: dict) -> list[str]:
    peers = in_order(peer for infos in nets.values() for peer in infos)
    header = ["net", *(f"{peer}, added" for peer in peers), *(f"{peer}, all" for peer in peers)]
    rows = []
    for net, infos in nets.items():
        of = [infos.get(peer) for peer in peers]
        rows.append([net, *(_added(info) if info else "" for info in of)])
        rows[-1] += [figure(info["peak"], 1e-6) if info else "" for info in of]
    infos = next(iter(nets.values()))
    imported = [figure(infos[p]["imported"], 1e-6) if p in infos else "" for p in peers]
    rows.append(["after the imports", *[""] * len(peers), *imported])
    return [
        "The most resident memory of a process, in MB: what training added to data and initial "
        "weights, which are the same for all (in brackets: bytes for each parameter), and all of "
        "it.",
        "",
        *table(header, rows),
    ]


def _added(info: dict) -> str:
    added = info["peak"] - info["before"]
    return f"{figure(added, 1e-6)} ({figure(added / info['parameters'])})"
