"""Layers by themselves, forward and backward, on as many threads as fastnn uses."""

import math

import pytest

import fastnn
from benchmarks.layers import DIRECTIONS, LAYERS, call_name
from benchmarks.peers import CHOSEN_LAYERS, run_worker
from benchmarks.replay import clock

_GROUPS = [
    (name, direction, shape)
    for name, subject in LAYERS.items()
    for shape in subject.shapes
    for direction in DIRECTIONS
]


@pytest.mark.parametrize("peer", CHOSEN_LAYERS)
@pytest.mark.parametrize(("name", "direction", "shape"), _GROUPS)
@pytest.mark.benchmark(timer=clock)
def test_layer(benchmark, name, direction, shape, peer):
    benchmark.group = f"{name}, {call_name(direction, shape)}"
    threads = fastnn.get_num_threads()
    result = run_worker(peer, name, threads=threads, module="benchmarks.layers")
    found = result.get("calls", {}).get(call_name(direction, shape), {})
    arrays = LAYERS[name].arrays[DIRECTIONS.index(direction)]
    facts = {"layer": name, "direction": direction, "shape": "x".join(map(str, shape))}
    facts |= {"bytes": 4 * arrays * math.prod(shape), "stream": "add"}
    clock.replay(benchmark, result | found, "layer", peer=peer, **facts)
