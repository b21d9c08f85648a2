"""Which build of the kernels is in use: chosen once at import, the newest that this CPU runs.

``FASTNN_ISA=baseline|v3|v4`` forces one. Tests switch with `use`.
"""

import contextlib
import importlib.util
import os

import numpy as np

from fastnn import _cpu

MODULES = {
    "baseline": "fastnn._kernels",
    "v3": "fastnn._kernels_v3",
    "v4": "fastnn._kernels_v4",
}

SUPPORTED = _cpu.supported()
BUILT = [level for level, name in MODULES.items() if importlib.util.find_spec(name)]
VARIANTS = [level for level in BUILT if level in SUPPORTED]

_tables: dict[str, dict[np.dtype, object]] = {}
_pairs: dict[str, list] = {}
_selected = None


def select(variant: str) -> None:
    """Use a build of the kernels from now on; programs that are compiled keep theirs."""
    global _selected
    if variant not in MODULES:
        raise ImportError(f"FASTNN_ISA: expected one of {', '.join(MODULES)}, got {variant!r}")
    if variant not in VARIANTS:
        what = "this CPU supports" if variant in BUILT else "this build of fastnn holds"
        have = SUPPORTED if variant in BUILT else BUILT
        raise ImportError(f"FASTNN_ISA={variant}: {what} only {', '.join(have)}")
    leaves = importlib.import_module(MODULES[variant]).LEAVES
    for (role, dtype), leaf in leaves.items():
        _tables.setdefault(role, {})[np.dtype(dtype)] = leaf
        _pairs.setdefault(role, [None, None])[dtype == "float64"] = leaf
    _selected = variant


def selected() -> str:
    return _selected


def table(role: str) -> dict[np.dtype, object]:
    """The leaves of one role (``"sigmoid.forward"``) by dtype. It follows `select`."""
    return _tables[role]


def pair(role: str) -> list:
    """The leaves of one role for float32 and float64, as a list. It follows `select`."""
    return _pairs[role]


@contextlib.contextmanager
def use(variant: str):
    """Switch within a ``with`` block."""
    before = _selected
    select(variant)
    try:
        yield
    finally:
        select(before)


select(os.environ.get("FASTNN_ISA") or VARIANTS[-1])
