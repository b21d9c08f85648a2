"""From the start of a process to 97.5 % on MNIST's test images."""

import time

import pytest

import fastnn
from benchmarks import QUICK, cold_start
from benchmarks.peers import CHOSEN, run_worker
from benchmarks.replay import clock

# Runs of a peer; one where it takes longer than this many seconds.
_ROUNDS, _LONG = 3, 10


def _worker(peer):
    return run_worker(
        peer,
        f"--begin={time.monotonic()}",
        threads=fastnn.get_num_threads(),
        module="benchmarks.cold_start",
    )


@pytest.mark.skipif(cold_start.folder() is None, reason="needs FASTNN_MNIST")
@pytest.mark.parametrize("peer", CHOSEN)
@pytest.mark.benchmark(timer=clock)
def test_cold_start(benchmark, peer):
    benchmark.group = "cold start"
    results = [_worker(peer)]
    if "missing" in results[0]:
        pytest.skip(f"needs {results[0]['missing']}")
    if not QUICK and results[0]["seconds"][0] < _LONG:
        results += [_worker(peer) for _ in range(_ROUNDS - 1)]
    # The parts are those of the round that is the median.
    results.sort(key=lambda result: result["seconds"])
    middle = results[len(results) // 2]
    seconds = [second for result in results for second in result["seconds"]]
    facts = {name: middle[name] for name in ("parts", "epochs", "accuracy")}
    clock.replay(benchmark, middle | {"seconds": seconds}, "cold start", peer=peer, **facts)
