"""Images a second, deformed, on one thread and on as many as fastnn uses."""

import pytest

import fastnn
from benchmarks.images import KINDS, SIDE
from benchmarks.peers import CHOSEN_IMAGES, run_worker
from benchmarks.replay import clock

# NumPy's and SciPy's have one thread.
_SERIAL = ("numpy", "scipy")
_THREADS = sorted({1, fastnn.get_num_threads()})


@pytest.mark.parametrize("peer", CHOSEN_IMAGES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("threads", _THREADS)
@pytest.mark.benchmark(timer=clock)
def test_images(benchmark, threads, kind, peer):
    if threads > 1 and peer in _SERIAL:
        pytest.skip(f"{peer} has one thread")
    benchmark.group = f"{kind} {SIDE}x{SIDE}, threads {threads}"
    result = run_worker(peer, kind, threads=threads, module="benchmarks.images")
    facts = {"deformation": kind, "threads": str(threads)}
    clock.replay(benchmark, result, "images", peer=peer, **facts)
