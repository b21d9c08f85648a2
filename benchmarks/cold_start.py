"""What a person waits for: from the start of a process to a net that knows MNIST.

``python -m benchmarks.cold_start PEER --begin SECONDS`` imports a peer, reads the IDX files in
the folder that FASTNN_MNIST names, and trains 784-100-10 until it recognises 97.5 % of the test
images, which it is tested on after every epoch. All peers get the same initial weights and train in
batches of 100, shuffled, with Adam; each shuffles in its own way, so that epochs may differ by one
or two. ``--begin`` is the parent's ``time.monotonic()`` before it started the process. Prints a
JSON object:

``version``
    Of the peer.
``seconds``
    ``[total]``.
``parts``
    Seconds of ``import`` (from the start of the process), ``reading``, ``first epoch`` (with all
    that is set up or compiled on its way) and ``other epochs``; epochs include their test.
``epochs``, ``accuracy``
    How many it took, and what the last one reached.
"""

import argparse
import gzip
import json
import os
import time
from pathlib import Path

import numpy as np

from benchmarks import QUICK
from benchmarks.nets import Net
from benchmarks.peers import PEERS, Job
from benchmarks.peers.load import load

GOAL = 0.975
_EPOCHS = 2 if QUICK else 30
_SAMPLES = 1000 if QUICK else None


def folder() -> Path | None:
    """Where MNIST's files are, if anybody said so."""
    name = os.environ.get("FASTNN_MNIST")
    return Path(name) if name else None


def read_idx(path: Path) -> np.ndarray:
    """An IDX file of bytes. Not fastnn's reader: that would load fastnn in every process."""
    data = gzip.decompress(path.read_bytes())
    dimensions = np.frombuffer(data, ">u4", count=data[3], offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(dimensions)


def read(part: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 784) in [0, 1] and labels (N,) of "train" or "t10k"."""
    images = read_idx(folder() / f"{part}-images-idx3-ubyte.gz")[:_SAMPLES]
    labels = read_idx(folder() / f"{part}-labels-idx1-ubyte.gz")[:_SAMPLES]
    pixels = images.reshape(len(images), -1).astype(np.float32)
    return np.divide(pixels, np.float32(255), out=pixels), labels.astype(np.int64)


def measure(peer, begin: float, imported: float) -> dict:
    """Read, train, test; see the head of this file for what comes out."""
    x, y = read("train")
    x_test, y_test = read("t10k")
    reading = time.monotonic()
    net = Net("mnist", (x.shape[1], 100, 10), "relu", 100, "adam", len(x), _EPOCHS)
    tested = []

    def tick(loss, predict):
        accuracy = float(np.mean(predict(x_test).argmax(axis=1) == y_test))
        tested.append((time.monotonic(), accuracy))
        return accuracy >= GOAL

    peer.train(Job(net, x, y, net.weights(), net.epochs, shuffle=True), tick)
    first, (end, accuracy) = tested[0][0], tested[-1]
    stamps = {"import": imported, "reading": reading, "first epoch": first, "other epochs": end}
    begins = (begin, *stamps.values())
    return {
        "version": peer.VERSION,
        "seconds": [end - begin],
        "parts": {name: stamps[name] - begins[i] for i, name in enumerate(stamps)},
        "epochs": len(tested),
        "accuracy": accuracy,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cold_start")
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("--begin", type=float, required=True)
    options = parser.parse_args()
    peer = load(options.peer)
    print(json.dumps(measure(peer, options.begin, time.monotonic())))


if __name__ == "__main__":
    main()
