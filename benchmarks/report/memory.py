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

    def row(name: str, infos: dict, cell) -> list[str]:
        return [name, *(cell(infos[peer]) if peer in infos else "" for peer in peers)]

    some = next(iter(nets.values()))
    imported = row("after the imports", some, lambda info: figure(info["imported"], 1e-6))
    return [
        "The most resident memory of a process, in MB. What training added to data and initial "
        "weights, which are the same for all; in brackets, where the weights take a megabyte, "
        "bytes for each parameter:",
        "",
        *table(["net", *peers], [row(net, infos, _added) for net, infos in nets.items()]),
        "",
        "And all of it:",
        "",
        *table(["net", *peers], [*(row(*net, _all) for net in nets.items()), imported]),
    ]


def _all(info: dict) -> str:
    return figure(info["peak"], 1e-6)


def _added(info: dict) -> str:
    added, parameters = info["peak"] - info["before"], info["parameters"]
    # Of a small net it is the library itself.
    share = f" ({figure(added / parameters)})" if parameters >= 250_000 else ""
    return figure(added, 1e-6) + share
