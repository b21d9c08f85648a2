"""Every function of the array API, fastnn against the NumPy reference, from cache to memory."""

import math

import pytest

from benchmarks import QUICK
from benchmarks.operations import APIS, CASES

# Seconds for each benchmark; the slowest references take their three rounds however long.
_TIME = {"max_time": 0.001, "min_rounds": 1} if QUICK else {"max_time": 0.25, "min_rounds": 3}

_GROUPS = [(case, shape) for case in CASES for shape in case.shapes]


def _name(case, shape) -> str:
    return f"{case.operation} {'x'.join(map(str, shape))}"


@pytest.mark.parametrize("peer", APIS)
@pytest.mark.parametrize(("case", "shape"), _GROUPS, ids=[_name(*group) for group in _GROUPS])
@pytest.mark.benchmark(**_TIME, min_time=5e-5)
def test_kernel(benchmark, case, shape, peer):
    benchmark.group = _name(case, shape)
    size = math.prod(shape)
    benchmark.extra_info |= {
        "kind": "kernel",
        "peer": peer,
        "operation": case.operation,
        "shape": "x".join(map(str, shape)),
        "elements": size,
        "bytes": 4 * case.arrays * size,
        "stream": case.stream,
    }
    benchmark(case.call(peer, shape))
