"""One side of a swap in this process: ``python -m benchmarks.swaps.run SIDE NAME``.

Prints a JSON object: ``seconds`` of each round and the ``outcome``, or what is ``missing``.
"""

import argparse
import importlib.util
import json
import time

import numpy as np

from benchmarks import QUICK
from benchmarks.swaps import SIDES, Swap, swaps


def measure(swap: Swap, side: str) -> dict:
    """Do the work, once for nothing and then against the clock."""
    for module in swap.needs:
        if importlib.util.find_spec(module) is None:
            return {"missing": module}
    work = swap.prepare(side)
    seconds = []
    outcome = work()
    for _ in range(1 if QUICK else swap.rounds):
        begin = time.perf_counter()
        outcome = work()
        seconds.append(time.perf_counter() - begin)
    return {"seconds": seconds, "outcome": np.asarray(outcome, np.float64).tolist()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.swaps.run", description=__doc__)
    parser.add_argument("side", choices=SIDES)
    parser.add_argument("name")
    options = parser.parse_args()
    known = swaps()
    if options.name not in known:
        parser.error(f"name: expected one of {', '.join(known)}; got {options.name!r}")
    print(json.dumps(measure(known[options.name], options.side)))


if __name__ == "__main__":
    main()
