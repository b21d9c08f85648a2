"""What fastnn costs before it does anything: seconds to import, bytes to install.

``python -m benchmarks.import_time [--environment DIR]``
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import QUICK, ROOT

# NumPy comes first, so that the second number is what fastnn adds to it.
_PROGRAM = """
from time import perf_counter
begin = perf_counter()
import numpy
middle = perf_counter()
import fastnn
print(middle - begin, perf_counter() - middle)
"""


def measure(processes: int = 2 if QUICK else 11) -> dict:
    """Median seconds of fresh processes: ``numpy``, and ``fastnn`` on top of it. Both are compiled
    to bytecode already, as what is installed is, whatever the environment says of that."""
    times = []
    with tempfile.TemporaryDirectory() as cache:
        environment = dict(os.environ, PYTHONPYCACHEPREFIX=cache)
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for _ in range(processes + 1):
            done = subprocess.run(
                [sys.executable, "-c", _PROGRAM],
                cwd=ROOT,
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            )
            times.append(tuple(map(float, done.stdout.split())))
    numpy, fastnn = map(statistics.median, zip(*times[1:], strict=True))  # the first compiles
    return {"numpy": numpy, "fastnn": fastnn}


def wheel_bytes() -> dict:
    """Sizes of the wheels in dist/, by name."""
    return {path.name: path.stat().st_size for path in sorted((ROOT / "dist").glob("*.whl"))}


def installed_bytes(folder: Path) -> int:
    """The size of all files under a folder, links not followed."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.import_time", description=__doc__)
    parser.add_argument("--environment", type=Path, help="a virtual environment to weigh")
    options = parser.parse_args()
    result = {"import_seconds": measure(), "wheel_bytes": wheel_bytes()}
    if options.environment:
        if not options.environment.is_dir():
            parser.error(f"--environment: expected a folder, got {options.environment}")
        result["environment_bytes"] = installed_bytes(options.environment)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
