"""How the cost of a training step grows: with threads, and with one side of a net at a time.

The nets are small enough to be held in a cache, but for the widest. fastnn is the only library at
work, so that no process of its own is needed.
"""

import dataclasses
import itertools
import time

import fastnn
from benchmarks import QUICK
from benchmarks.nets import Net
from benchmarks.peers import Job, fastnn_steps

# Around which one number at a time varies; its weights and their state (2 MB) fit into a cache.
_INPUTS, _CLASSES = 256, 10
_BASE = {"batch": 128, "width": 256, "depth": 2}

SWEEPS = {
    "batch": (1, 4, 16, 64, 256, 1024, 4096),
    "width": (16, 32, 64, 128, 256, 512, 1024, 2048),
    "depth": (1, 2, 4, 8, 16),
}
if QUICK:
    SWEEPS = {axis: values[:2] for axis, values in SWEEPS.items()}

# Floating-point operations of an epoch: some milliseconds', beside which its own cost is nothing.
_WORK = 1e7 if QUICK else 5e8
_EPOCHS = 2 if QUICK else 200
_SECONDS = 0.01 if QUICK else 0.2


def thread_counts() -> list[int]:
    """One, as many as fastnn would use, and twice as many."""
    default = fastnn.get_num_threads()
    return sorted({1, default, 2 * default})


def swept(axis: str, value: int) -> Net:
    """The base net with another batch size, width or depth of its hidden layers."""
    size = _BASE | {axis: value}
    sizes = (_INPUTS, *[size["width"]] * size["depth"], _CLASSES)
    net = Net(f"{axis} {value}", sizes, "relu", size["batch"], "adam", size["batch"], _EPOCHS)
    steps = max(4, round(_WORK / net.flops))
    return dataclasses.replace(net, samples=steps * net.batch)


def step_seconds(net: Net, threads: int) -> list[float]:
    """Seconds of a step, by epoch, after one to warm up; at least two epochs."""
    before, ticks = fastnn.get_num_threads(), []

    def tick(loss, predict):
        ticks.append(time.perf_counter())
        return len(ticks) > 2 and ticks[-1] - ticks[0] > _SECONDS

    fastnn.set_num_threads(threads)
    try:
        fastnn_steps.train(Job.of(net), tick)
    finally:
        fastnn.set_num_threads(before)
    return [(end - begin) / net.steps for begin, end in itertools.pairwise(ticks)]
