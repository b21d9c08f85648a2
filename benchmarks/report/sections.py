"""What the report consists of, in order: a new part is one line here.

A table is a function of the results that gives lines of Markdown, none where there is nothing to
tell. A plot is a function of the results and of an empty figure, which it fills; it returns False
where there is nothing to draw.
"""

from functools import partial

from benchmarks.report import (
    cold_start,
    kernels,
    machine,
    memory,
    neighbours,
    scaling,
    steps,
    swaps,
)
from benchmarks.report.tables import compared

SECTIONS = {
    "The machine": machine.table_of,
    "Training steps": partial(compared, kind="step"),
    "One prediction": partial(compared, kind="prediction"),
    "Setting up a program": partial(compared, kind="set-up"),
    "Kernels": partial(compared, kind="kernel", what=("operation", "shape")),
    "Layers": partial(compared, kind="layer", what=("layer", "direction", "shape")),
    "Deformed images": partial(compared, kind="images", what=("deformation", "threads")),
    "In place of others": swaps.table_of,
    "Cold start": cold_start.table_of,
    "Memory": memory.table_of,
    "Scaling": scaling.table_of,
    "Neighbours": neighbours.table_of,
}

PLOTS = {
    "ratios.png": steps.plot,
    "kernels.png": kernels.plot,
    "scaling.png": scaling.plot,
}
