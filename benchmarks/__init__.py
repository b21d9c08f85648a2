"""Benchmarks: ``python -m benchmarks`` runs them all and prints the report.

Every group holds fastnn and its peers on the same numbers in the same run, and the report prints
ratios; nothing is asserted about time. ``FASTNN_BENCH_QUICK=1`` makes it a smoke run of a minute:
everything runs, and no figure means anything.
"""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
QUICK = os.environ.get("FASTNN_BENCH_QUICK", "") not in ("", "0")
