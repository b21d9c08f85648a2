"""Memory of training, every peer in a process of its own."""

import pytest

import fastnn
from benchmarks import QUICK, memory
from benchmarks.nets import NETS
from benchmarks.peers import CHOSEN, run_worker
from benchmarks.replay import clock

_NETS = list(NETS)[: 3 if QUICK else None]
_SIZES = ("imported", "before", "peak")


@pytest.mark.skipif(not memory.supported(), reason="needs Linux's /proc")
@pytest.mark.parametrize("peer", CHOSEN)
@pytest.mark.parametrize("name", _NETS)
@pytest.mark.benchmark(timer=clock)
def test_memory(benchmark, name, peer):
    benchmark.group, net = f"memory {name}", NETS[name]
    threads = fastnn.get_num_threads()
    result = run_worker(peer, name, threads=threads, module="benchmarks.memory")
    facts = {"net": str(net), "parameters": net.parameters}
    facts |= {size: result.get(size) for size in _SIZES}
    if peer == "fastnn":
        facts["contents"] = memory.contents(net)
    clock.replay(benchmark, result, "memory", peer=peer, **facts)
