"""Run the benchmarks and print the report; results.json, report.md and plots go into a folder.

A full run takes some ten minutes of a machine that does nothing else, with all peers twenty.
A peer is measured in a process of its own; one that is not installed is left out.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from benchmarks import ROOT, report
from benchmarks.peers import IMAGE_PEERS, KERNEL_PEERS, PEERS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run, at small sizes")
    parser.add_argument(
        "--output",
        type=Path,
        default=ROOT / "build" / "benchmarks",
        help="a folder for what it writes (default: build/benchmarks)",
    )
    parser.add_argument("-k", dest="expression", default="", help="only some (pytest's -k)")
    others = sorted({*PEERS, *KERNEL_PEERS, *IMAGE_PEERS} - {"fastnn"})
    parser.add_argument(
        "--peers",
        nargs="+",
        default=["numpy"],
        choices=["all", *others],
        metavar="PEER",
        help=f"whom to measure beside fastnn (default: numpy): all, {', '.join(others)}",
    )
    options = parser.parse_args()
    os.environ["FASTNN_BENCH_PEERS"] = ",".join(options.peers)
    if options.quick:
        os.environ["FASTNN_BENCH_QUICK"] = "1"
    options.output.mkdir(parents=True, exist_ok=True)
    results = options.output.resolve() / "results.json"
    results.unlink(missing_ok=True)
    measure = [
        *(sys.executable, "-m", "pytest", "-q", "benchmarks", "-k", options.expression),
        *("--benchmark-only", "--benchmark-quiet", f"--benchmark-json={results}"),
    ]
    code = subprocess.run(measure, cwd=ROOT).returncode
    # A peer that failed is no reason to throw the others' times away.
    if results.exists() and results.stat().st_size:
        report.main([str(results), "--output", str(results.parent)])
    return code


if __name__ == "__main__":
    sys.exit(main())
