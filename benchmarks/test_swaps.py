"""fastnn in place of other projects, beside them."""

import numpy as np
import pytest

from benchmarks.peers import wanted
from benchmarks.replay import clock, in_turn
from benchmarks.swaps import SIDES, swaps

_SWAPS = {name: swap for name, swap in swaps().items() if wanted(swap.peer)}
_WORKER = {"module": "benchmarks.swaps.run", "threads": None}


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", _SWAPS)
@pytest.mark.benchmark(timer=clock)
def test_swap(benchmark, name, side):
    benchmark.group = f"swap {name}"
    swap, contenders = _SWAPS[name], tuple((other,) for other in SIDES)
    result = in_turn(name, contenders, (side,), **_WORKER)
    clock.replay(benchmark, result, "swap", peer=side, project=swap.project, work=name)
    original = in_turn(name, contenders, ("original",), **_WORKER)
    np.testing.assert_allclose(
        result["outcome"], original["outcome"], rtol=swap.rtol, atol=swap.atol
    )
