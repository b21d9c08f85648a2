"""``python -m benchmarks.peers.run PEER TASK [--shuffle]``: time one peer in this process.

TASK is the name of a net, whose training steps are timed, or "prediction". Prints a JSON object:

``peer``, ``version``
    Who.
``seconds``
    A step (or a prediction) of each round, the first ones left out.
``losses``
    The mean loss of each epoch, the warm-up included; None for unknown.

or ``{"missing": module}``, where the peer isn't installed.
"""

import argparse
import importlib
import itertools
import json
import time

from benchmarks import QUICK
from benchmarks.nets import NETS, PREDICTION
from benchmarks.peers import PEERS, Job

# A round of predictions takes about this many seconds.
_ROUND = 0.0005 if QUICK else 0.01
_ROUNDS = 3 if QUICK else 50


def time_steps(peer, job: Job) -> dict:
    """Seconds a step, by epoch, and losses."""
    ticks, losses = [], []

    def tick(loss, predict):
        ticks.append(time.perf_counter())
        losses.append(None if loss is None else float(loss))

    peer.train(job, tick)
    seconds = [(end - begin) / job.net.steps for begin, end in itertools.pairwise(ticks)]
    return {"seconds": seconds, "losses": losses}


def time_prediction(peer, job: Job) -> dict:
    """Seconds of one prediction, by round."""
    predict = peer.predictor(job)

    def seconds(calls: int) -> float:
        begin = time.perf_counter()
        for _ in range(calls):
            predict()
        return (time.perf_counter() - begin) / calls

    calls = 1
    while seconds(calls) * calls < _ROUND:
        calls *= 2
    return {"seconds": [seconds(calls) for _ in range(_ROUNDS)], "losses": []}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.run")
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("task", choices=[*NETS, "prediction"])
    parser.add_argument("--shuffle", action="store_true")
    options = parser.parse_args()
    try:
        peer = importlib.import_module(f"benchmarks.peers.{options.peer}_steps")
    except ModuleNotFoundError as error:
        print(json.dumps({"missing": error.name}))
        return
    if options.task == "prediction":
        result = time_prediction(peer, Job.of(PREDICTION))
    else:
        result = time_steps(peer, Job.of(NETS[options.task], options.shuffle))
    print(json.dumps({"peer": options.peer, "version": peer.VERSION, **result}))


if __name__ == "__main__":
    main()
