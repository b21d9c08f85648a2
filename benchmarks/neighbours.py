"""What is lost when fastnn has neighbours in its process.

Two scenes, each with fastnn's and NumPy's own default numbers of threads:

alternating
    The batches of a training are made by a NumPy matrix product, one before every step. NumPy's
    BLAS has threads of its own, and they wait busily for some 30 ms after each product. Ideal is
    the time of the products alone, in a process without fastnn, plus that of the steps alone, in
    a process where NumPy makes no product. fastnn is imported before NumPy, and so has BLAS's
    threads sleep sooner; ``NumPy first`` is the other way round. There BLAS's threads leave no
    other CPU idle; the steps alone on one thread are for comparison.

together
    Four trainings in four Python threads, each of which would use all CPUs. Ideal is the same
    work one training after the other on one thread, where nothing is shared out and nobody waits,
    divided by the number of CPUs. That leaves out what CPUs take from each other, as bandwidth
    and cache; how much it is, the same with a thread for each training tells. ``in turn`` is one
    training after the other on all CPUs.

``python -m benchmarks.neighbours SCENE PART NET`` runs one part in this process and prints a JSON
object: ``seconds``, for each round those of a batch, or of the four trainings.
"""

import argparse
import importlib
import json
import os
import sys
import threading
import time

# The process of the products alone must be free of fastnn.
if __name__ == "__main__" and not {"products", "NumPy first"} & set(sys.argv):
    importlib.import_module("fastnn")

import numpy as np

from benchmarks import QUICK
from benchmarks.nets import NETS

# First the one that is asked about.
SCENES = {
    "alternating": ("alternating", "products", "steps", "steps, one thread", "NumPy first"),
    "together": ("together", "one thread", "a thread each", "in turn"),
}
# From steps too small to share out to steps of milliseconds.
NAMES = ("tabular", "mnist", "medium")[: 1 if QUICK else None]

_TRAININGS = 4
_ROUNDS = 1 if QUICK else 5
# Floating-point operations of a training, a tenth of a second's; but no more batches than this.
_WORK, _BATCHES = (1e8, 4) if QUICK else (1e10, 2000)


def cpus() -> int:
    """Those that the process may use."""
    return len(os.sched_getaffinity(0))


def _timed(work) -> list[float]:
    """Seconds of each round, after one that nobody counts."""
    seconds = []
    for _ in range(_ROUNDS + 1):
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
    return seconds[1:]


def _trainer(net):
    # Imported where it is used: the process of the products must be free of fastnn.
    import fastnn
    from benchmarks.peers import Job, fastnn_steps

    job, loss = Job.of(net), fastnn.CrossEntropyLoss()
    return fastnn.Trainer(fastnn_steps.model(job), loss, fastnn_steps.optimizer(job))


def _one_thread() -> None:
    import fastnn

    fastnn.set_num_threads(1)


def alternating(part: str, net) -> list[float]:
    """Seconds of a batch: its product, its step, or both."""
    x, y = (array[: net.batch] for array in net.data())
    width = x.shape[1]
    mixing = np.full((width, width), 1 / width, np.float32)
    product = x.copy()
    count = min(_BATCHES, max(4, int(_WORK / net.flops)))

    def batches():
        for _ in range(count):
            if not part.startswith("steps"):
                np.matmul(x, mixing, out=product)
            yield product, y

    if part == "products":
        seconds = _timed(lambda: list(batches()))
    else:
        if part == "steps, one thread":
            _one_thread()
        trainer = _trainer(net)
        seconds = _timed(lambda: trainer.fit(batches(), epochs=1, progress=False))
    return [round_ / count for round_ in seconds]


def together(part: str, net) -> list[float]:
    """Seconds of four trainings."""
    if part in ("one thread", "a thread each"):
        _one_thread()
    x, y = net.data()
    trainers = [_trainer(net) for _ in range(_TRAININGS)]
    # Long enough that the beginning of threads, and of epochs, does not count.
    epochs = max(1, round(min(_WORK / net.flops, 5 * _BATCHES) / net.steps))

    def fit(trainer):
        trainer.fit(x, y, epochs=epochs, batch_size=net.batch, shuffle=False, progress=False)

    def at_once():
        threads = [threading.Thread(target=fit, args=[trainer]) for trainer in trainers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def in_turn():
        for trainer in trainers:
            fit(trainer)

    return _timed(at_once if part in ("together", "a thread each") else in_turn)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.neighbours")
    parser.add_argument("scene", choices=SCENES)
    parser.add_argument("part", choices=[part for parts in SCENES.values() for part in parts])
    parser.add_argument("net", choices=NETS)
    options = parser.parse_args()
    measure = {"alternating": alternating, "together": together}[options.scene]
    seconds = measure(options.part, NETS[options.net])
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
