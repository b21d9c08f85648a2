"""``python -m benchmarks.peers.run PEER TASK [--shuffle]``: time one peer in this process.

TASK is the name of a net, whose training steps are timed, "prediction" or "kernels". Prints a
JSON object:

``peer``, ``version``
    Who.
``seconds``
    A step (or a prediction) of each round, the first ones left out.
``losses``
    The mean loss of each epoch, the warm-up included; None for unknown.
``kernels``
    By operation and shape (``"relu 1000"``): ``seconds``, a call of each round, and at the smallest
    shape ``numbers``, the first of each array that the first call gave.

or ``{"missing": module}``, where the peer can't be imported.
"""

import argparse
import itertools
import json
import time
from collections.abc import Callable

import numpy as np

from benchmarks import QUICK
from benchmarks.inputs import CLASSES, FLAT
from benchmarks.modular import MODULAR
from benchmarks.nets import NETS, PREDICTION
from benchmarks.peers import KERNEL_PEERS, PEERS, Job, kernel_name
from benchmarks.peers.load import load

# Seconds that a round takes at least, the number of rounds, and seconds after which there are no
# more of them. Kernels are many, and not one process may be at them for minutes.
_PREDICTION = (0.0005, 3, 1.0) if QUICK else (0.01, 50, 10.0)
_KERNEL = (0.0, 1, 0.0) if QUICK else (0.001, 25, 0.1)

# How many numbers of a kernel's result are compared.
_NUMBERS = 64


def time_steps(peer, job: Job) -> dict:
    """Seconds a step, by epoch, and losses."""
    ticks, losses = [], []

    def tick(loss, predict):
        ticks.append(time.perf_counter())
        losses.append(None if loss is None else float(loss))

    peer.train(job, tick)
    seconds = [(end - begin) / job.net.steps for begin, end in itertools.pairwise(ticks)]
    return {"seconds": seconds, "losses": losses}


def time_calls(call: Callable[[], object], least: float, rounds: int, most: float) -> list[float]:
    """Seconds of a call in each of some rounds.

    Parameters
    ----------
    call : callable
    least : float
        Seconds that a round is to take; a call is repeated so often that it does.
    rounds : int
    most : float
        Seconds after which no round begins, but for the first three.
    """

    def seconds(calls: int) -> float:
        begin = time.perf_counter()
        for _ in range(calls):
            call()
        return (time.perf_counter() - begin) / calls

    calls = 1
    while seconds(calls) * calls < least:
        calls *= 2
    times, end = [], time.perf_counter() + most
    while len(times) < rounds and (len(times) < 3 or time.perf_counter() < end):
        times.append(seconds(calls))
    return times


def time_prediction(peer, job: Job) -> dict:
    """Seconds of one prediction, by round."""
    return {"seconds": time_calls(peer.predictor(job), *_PREDICTION), "losses": []}


def numbers(result) -> list[list[float]]:
    """The first of each array that a kernel gave, for the comparison."""
    arrays = result if isinstance(result, tuple) else (result,)
    return [np.ravel(array)[:_NUMBERS].tolist() for array in arrays]


def time_kernels(peer) -> dict:
    """Seconds of every kernel of a peer, and some numbers that it computed."""
    kernels = {}
    for operation, prepare in peer.KERNELS.items():
        shapes = CLASSES if "softmax" in operation else FLAT
        for shape in shapes:
            call = prepare(shape)
            found = {"numbers": numbers(call())} if shape == shapes[0] else {}
            found["seconds"] = time_calls(call, *_KERNEL)
            kernels[kernel_name(operation, shape)] = found
    return {"kernels": kernels}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.run")
    parser.add_argument("peer", choices=sorted({*PEERS, *KERNEL_PEERS}))
    parser.add_argument("task", choices=[*NETS, *MODULAR, "prediction", "kernels"])
    parser.add_argument("--shuffle", action="store_true")
    options = parser.parse_args()
    peer = load(options.peer, "kernels" if options.task == "kernels" else "steps")
    if options.task == "kernels":
        result = time_kernels(peer)
    elif options.task == "prediction":
        result = time_prediction(peer, Job.of(PREDICTION))
    else:
        result = time_steps(peer, Job.of((NETS | MODULAR)[options.task], options.shuffle))
    print(json.dumps({"peer": options.peer, "version": peer.VERSION, **result}))


if __name__ == "__main__":
    main()
