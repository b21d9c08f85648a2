"""Measures the worst error of every activation and of its gradient, as a Markdown table.

float32 is measured on every one of the 2^32 inputs against a float64 leaf, which is measured
itself: on a sample, against formulas in extended precision (tests/exact.py). Errors are in units
in the last place (ULP) of the exact result at default parameters; the input of a gradient that
reads the output is every output that occurs.

    python benchmarks/ulp.py                    # half an hour an instruction set and core
    python benchmarks/ulp.py --sample           # every 997th input: a minute or two
    python benchmarks/ulp.py --isa v4 gelu silu
"""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from exact import (
    ACTIVATIONS,
    EXTENDED,
    FORWARD,
    GRADIENT,
    LEVELS,
    activate,
    exact,
    larger_term,
    sample,
    ulp_error,
)

BLOCK = 1 << 15  # so that a block and all that is made of it stay in the cache


def worst(values, at):
    """The largest value, and where it is."""
    i = np.argmax(values)  # a NaN counts as the largest
    if np.isnan(values[i]):
        raise ArithmeticError(f"NaN at {at[i]}")
    return float(values[i]), float(at[i])


def float64_errors(row, level, samples):
    """The worst error of f and f' over samples of a million numbers, and where."""
    params = row.params.values()
    forward = backward = (0.0, 0.0)
    for seed in range(samples):
        x = sample(np.float64, 1_000_000, seed)
        y, slope = np.empty_like(x), np.empty_like(x)
        activate(level, row.name, "forward", x, y)
        saved = y if row.saves == "y" else x
        activate(level, row.name, "backward", np.ones_like(x), saved, slope)
        f = exact(FORWARD, row.name, x, params, x.dtype)
        df = exact(GRADIENT, row.name, saved, params, x.dtype)
        wide = saved.astype(np.longdouble)
        scale = larger_term(row.name, wide, f, df) if row.absolute else df
        forward = max(forward, worst(ulp_error(y, f, f, x.dtype), x))
        backward = max(backward, worst(ulp_error(slope, df, scale, x.dtype), saved))
    return forward, backward


def float32_errors(row, level, oracle, stride):
    """The worst error of f and f' over every stride-th bit pattern, and where."""
    narrow, wide = np.dtype(np.float32), np.dtype(np.float64)
    params = [float(np.float32(value)) for value in row.params.values()]
    forward32, backward32, forward64, backward64 = (
        partial(activate, source, row.name, role, params=params)
        for source in (level, oracle)
        for role in ("forward", "backward")
    )
    ones32, ones64 = np.ones(BLOCK, narrow), np.ones(BLOCK)
    y32, slope32, y64, slope64 = (np.empty(BLOCK, dtype) for dtype in (narrow, narrow, wide, wide))
    steps = np.arange(BLOCK, dtype=np.uint32) * np.uint32(stride)
    forward = backward = (0.0, 0.0)
    for first in range(0, 1 << 32, BLOCK * stride):
        x32 = (steps + np.uint32(first)).view(narrow)  # the last block may wrap around
        finite = np.isfinite(x32)
        if not finite.all():
            x32[~finite] = 0
        x64 = x32.astype(wide)
        forward32(x32, y32)
        forward64(x64, y64)
        forward = max(forward, worst(ulp_error(y32, y64, y64, narrow), x32))
        saved32, saved64 = (y32, y32.astype(wide)) if row.saves == "y" else (x32, x64)
        backward32(ones32, saved32, slope32)
        backward64(ones64, saved64, slope64)
        scale = larger_term(row.name, saved64, y64, slope64) if row.absolute else slope64
        backward = max(backward, worst(ulp_error(slope32, slope64, scale, narrow), saved32))
    return forward, backward


def measure(name, level, quick):
    """All four errors of one activation on one instruction set."""
    row = ACTIVATIONS[name]
    narrow = float32_errors(row, level, LEVELS[-1], stride=997 if quick else 1)
    return name, level, narrow, float64_errors(row, level, samples=1 if quick else 8)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="activations; all by default")
    parser.add_argument("--isa", action="append", choices=LEVELS, help="instruction set; all")
    parser.add_argument("--sample", action="store_true", help="a quick run")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    options = parser.parse_args()
    if not EXTENDED:
        sys.exit("longdouble is not extended precision here: float64 cannot be measured")
    if unknown := set(options.names) - set(ACTIVATIONS):
        parser.error(f"no such activation: {', '.join(sorted(unknown))}")
    tasks = [(n, i) for n in options.names or ACTIVATIONS for i in options.isa or LEVELS]
    print("| activation | set | float32 f | at | f' | at | float64 f | at | f' | at |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    with ProcessPoolExecutor(options.jobs) as pool:
        measured = pool.map(partial(measure, quick=options.sample), *zip(*tasks, strict=True))
        for name, level, *errors in measured:
            cells = (f"{error:.3f} | {at:.6g}" for pair in errors for error, at in pair)
            print(f"| {name} | {level} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
