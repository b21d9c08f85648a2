"""Memory of training, every peer in a process of its own."""

import pytest

import fastnn
from benchmarks import memory
from benchmarks.nets import NETS
from benchmarks.peers import CHOSEN, run_worker
from benchmarks.replay import clock

_SIZES = ("imported", "before", "peak")


@pytest.mark.skipif(not memory.supported(), reason="needs Linux's /proc")
@pytest.mark.parametrize("peer", CHOSEN)
@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
@pytest.mark.benchmark(timer=clock)
def test_memory(benchmark, net, peer):
    benchmark.group = f"memory {net.name}"
    threads = fastnn.get_num_threads()
    result = run_worker(peer, net.name, threads=threads, module="benchmarks.memory")
    facts = {"net": str(net), "parameters": net.parameters}
    facts |= {name: result.get(name) for name in _SIZES}
    if peer == "fastnn":
        facts["contents"] = memory.contents(net)
    clock.replay(benchmark, result, "memory", peer=peer, **facts)
