"""fastnn's training steps by number of threads, by batch size, by width, by depth."""

import pytest

from benchmarks import QUICK, scaling
from benchmarks.nets import NETS
from benchmarks.replay import clock

_NETS = list(NETS)[: 3 if QUICK else None]

# On one thread, and on as many as fastnn would use.
_FEW = scaling.thread_counts()[:2]

_POINTS = [(axis, value) for axis, values in scaling.SWEEPS.items() for value in values]


def _measure(benchmark, net, threads, **info):
    result = {"seconds": scaling.step_seconds(net, threads)}
    peer = f"{threads} thread{'s' * (threads > 1)}"
    facts = {"flops": net.flops, "batch": net.batch, "threads": threads}
    clock.replay(benchmark, result, "scaling", peer=peer, **facts, **info)


@pytest.mark.parametrize("threads", scaling.thread_counts())
@pytest.mark.parametrize("name", _NETS)
@pytest.mark.benchmark(timer=clock)
def test_threads(benchmark, name, threads):
    benchmark.group = f"threads {name}"
    _measure(benchmark, NETS[name], threads, axis="threads", value=str(NETS[name]))


@pytest.mark.parametrize("threads", _FEW)
@pytest.mark.parametrize(("axis", "value"), _POINTS)
@pytest.mark.benchmark(timer=clock)
def test_sweep(benchmark, axis, value, threads):
    benchmark.group = f"{axis} {value}"
    _measure(benchmark, scaling.swept(axis, value), threads, axis=axis, value=value)
