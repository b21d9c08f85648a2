"""Where and with what the results were measured, and how fast that machine can be."""

from benchmarks.report.results import in_order
from benchmarks.report.tables import figure, table


def _peers(results: dict) -> str:
    """The other libraries with their versions."""
    infos = [benchmark["extra_info"] for benchmark in results["benchmarks"]]
    versions = {info["peer"]: info["version"] for info in infos if "version" in info}
    others = [name for name in in_order(versions) if not name.startswith(("fastnn", "numpy"))]
    return "".join(f", {name} {versions[name]}" for name in others)


def table_of(results: dict) -> list[str]:
    """The machine, the versions, its bounds, and how the other sections are to be read."""
    machine = results["machine_info"]
    own = machine["fastnn"]
    lines = [
        f"- {results['datetime'][:10]}, commit {results['commit_info'].get('id', '?')[:12]}",
        f"- {machine['cpu'].get('brand_raw') or machine['processor']}, "
        f"{machine['cpu'].get('count', '?')} CPUs, {machine['system']} {machine['machine']}",
        f"- fastnn {own['version']}, instruction set {own['instruction_set']}, "
        f"{own['threads']} threads",
        f"- Python {machine['python_version']}, NumPy {own['numpy']}{_peers(results)}",
        f"- import: NumPy {results['import_time']['numpy'] * 1e3:.0f} ms, "
        f"fastnn on top of it {results['import_time']['fastnn'] * 1e3:.0f} ms",
        "",
    ]
    if results["quick"]:
        lines += ["**A smoke run: no figure here means anything.**", ""]
    header = ["threads", "copy, GB/s", "add, GB/s", "adam, GB/s", "products, GFLOP/s"]
    names = ("copy", "add", "adam", "gemm")
    bounds = results["bounds"].items()
    rows = [[threads, *(figure(speeds[name]) for name in names)] for threads, speeds in bounds]
    return [
        *lines,
        *table(header, rows),
        "",
        f"Times below are the {results['statistic']} of all rounds, in float32, on as many threads "
        "for everybody. In brackets is fastnn's time divided by that: below 1, fastnn is faster. "
        "The bound is what the speeds above allow at best.",
    ]
