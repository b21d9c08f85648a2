"""``python -m benchmarks [--quick] [--output DIR] [-k EXPRESSION]``: run, then report.

Writes results.json, report.md and kernels.png, and prints the report. A full run takes some
ten minutes of a machine that does nothing else.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from benchmarks import ROOT, report


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run at small sizes")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("-k", dest="expression", default="", help="only some (pytest's -k)")
    options = parser.parse_args()
    if options.quick:
        os.environ["FASTNN_BENCH_QUICK"] = "1"
    options.output.mkdir(parents=True, exist_ok=True)
    results = options.output.resolve() / "results.json"
    measure = [
        *(sys.executable, "-m", "pytest", "-q", "benchmarks", "-k", options.expression),
        *("--benchmark-only", "--benchmark-quiet", f"--benchmark-json={results}"),
    ]
    if code := subprocess.run(measure, cwd=ROOT).returncode:
        return code
    report.main([str(results), "--output", str(results.parent)])
    return 0


if __name__ == "__main__":
    sys.exit(main())
