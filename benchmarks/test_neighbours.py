"""fastnn beside NumPy's threads and beside itself, every part in a process of its own."""

import pytest

from benchmarks import neighbours
from benchmarks.peers import run_worker
from benchmarks.replay import clock

_PARTS = [(scene, part) for scene, parts in neighbours.SCENES.items() for part in parts]


@pytest.mark.parametrize(("scene", "part"), _PARTS)
@pytest.mark.parametrize("net", neighbours.NAMES)
@pytest.mark.benchmark(timer=clock)
def test_neighbours(benchmark, scene, part, net):
    benchmark.group = f"{scene} {net}"
    result = run_worker(scene, part, net, threads=None, module="benchmarks.neighbours")
    clock.replay(benchmark, result, scene, peer=part, net=net, cpus=neighbours.cpus())
