"""fastnn's training steps by number of threads, by batch size, by width, by depth."""

import pytest

import fastnn
from benchmarks import scaling
from benchmarks.nets import NETS
from benchmarks.replay import clock

# On one thread, and on as many as fastnn would use.
_FEW = scaling.thread_counts()[:2]

_POINTS = [(axis, value) for axis, values in scaling.SWEEPS.items() for value in values]


def _measure(benchmark, net, threads, **info):
    result = {"seconds": scaling.step_seconds(net, threads), "version": fastnn.__version__}
    peer = f"{threads} thread{'s' * (threads > 1)}"
    facts = {"flops": net.flops, "batch": net.batch, "threads": threads}
    clock.replay(benchmark, result, "scaling", peer=peer, **facts, **info)


@pytest.mark.parametrize("threads", scaling.thread_counts())
@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
@pytest.mark.benchmark(timer=clock)
def test_threads(benchmark, net, threads):
    benchmark.group = f"threads {net.name}"
    _measure(benchmark, net, threads, axis="threads", value=str(net))


@pytest.mark.parametrize("threads", _FEW)
@pytest.mark.parametrize(("axis", "value"), _POINTS)
@pytest.mark.benchmark(timer=clock)
def test_sweep(benchmark, axis, value, threads):
    benchmark.group = f"{axis} {value}"
    _measure(benchmark, scaling.swept(axis, value), threads, axis=axis, value=value)
