"""Who trains the nets of `benchmarks.nets`, each in a process of its own.

Thread pools that spin in one process spoil each other's times, so a measurement is a worker,
``python -m benchmarks.peers.run PEER TASK``, that imports one peer and prints one JSON object.
A peer is a file ``<peer>_steps.py`` here, which holds

``VERSION``
    Of the library.
``train(job, tick)``
    Train for ``job.epochs + 1`` epochs, the first of which is warm-up, and call
    ``tick(mean loss of the steps)`` after each. From ``job.weights`` and, unless
    ``job.shuffle``, in the order of the data: losses are compared with NumPy's. A peer that
    can't do either gives None for the loss.
``predictor(job)``
    A function of no arguments that predicts one row, from an array to an array.
"""

import functools
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import ROOT
from benchmarks.nets import Net

PEERS = sorted(
    path.stem.removesuffix("_steps") for path in Path(__file__).parent.glob("*_steps.py")
)


@dataclass(frozen=True)
class Job:
    """What a peer is given."""

    net: Net
    x: np.ndarray
    y: np.ndarray
    weights: list[tuple[np.ndarray, np.ndarray]]
    shuffle: bool = False

    @property
    def epochs(self) -> int:
        return self.net.epochs

    @classmethod
    def of(cls, net: Net, shuffle: bool = False, dtype=np.float32) -> "Job":
        x, y = net.data()
        weights = [(weight.astype(dtype), bias.astype(dtype)) for weight, bias in net.weights()]
        return cls(net, x.astype(dtype), y, weights, shuffle)


@functools.cache
def run_worker(peer: str, task: str, *flags: str, threads: int = 1) -> dict:
    """The worker's JSON object (see `benchmarks.peers.run`).

    Parameters
    ----------
    peer : str
        One of `PEERS`.
    task : str
        The name of a net, or "prediction".
    *flags : str
        "--shuffle".
    threads : int
        What any library may use, by the variables that they read.
    """
    names = ("OMP", "OPENBLAS", "MKL", "FASTNN")
    environment = os.environ | {f"{name}_NUM_THREADS": str(threads) for name in names}
    command = [sys.executable, "-m", "benchmarks.peers.run", peer, task, *flags]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[1:])} failed:\n{done.stderr}")
    return json.loads(done.stdout)
