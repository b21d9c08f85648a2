"""Every function of the array API, fastnn against the NumPy reference and the kernels that peers
have, from cache to memory."""

import math

import pytest

from benchmarks import QUICK
from benchmarks.operations import APIS, CASES, check
from benchmarks.peers import CHOSEN_KERNELS, kernel_name
from benchmarks.replay import clock, worker

# Seconds for each benchmark; the slowest references take their three rounds however long.
_TIME = {"max_time": 0.001, "min_rounds": 1} if QUICK else {"max_time": 0.25, "min_rounds": 3}

_GROUPS = [(case, shape) for case in CASES for shape in case.shapes]


_IDS = [kernel_name(case.operation, shape) for case, shape in _GROUPS]


def _facts(case, shape, peer) -> dict:
    size = math.prod(shape)
    return {
        "peer": peer,
        "operation": case.operation,
        "shape": "x".join(map(str, shape)),
        "elements": size,
        "bytes": 4 * case.arrays * size,
        "stream": case.stream,
    }


@pytest.mark.parametrize("peer", APIS)
@pytest.mark.parametrize(("case", "shape"), _GROUPS, ids=_IDS)
@pytest.mark.benchmark(**_TIME, min_time=5e-5)
def test_kernel(benchmark, case, shape, peer):
    benchmark.group = kernel_name(case.operation, shape)
    benchmark.extra_info |= {"kind": "kernel", **_facts(case, shape, peer)}
    benchmark(case.call(peer, shape))


@pytest.mark.parametrize("peer", CHOSEN_KERNELS)
@pytest.mark.parametrize(("case", "shape"), _GROUPS, ids=_IDS)
@pytest.mark.benchmark(timer=clock)
def test_kernel_of_a_peer(benchmark, case, shape, peer):
    benchmark.group = kernel_name(case.operation, shape)
    result = worker(peer, "kernels")
    found = result.get("kernels", {}).get(benchmark.group, {})
    if "missing" not in result and not found:
        pytest.skip(f"{peer} lacks it")
    clock.replay(benchmark, result | found, "kernel", **_facts(case, shape, peer))
    check(case, shape, found.get("numbers", ()))
