"""``python -m benchmarks.report``: see `benchmarks.report`."""

from benchmarks.report import main

main()
