"""Who trains the nets of `benchmarks.nets`, each in a process of its own.

Thread pools that spin in one process spoil each other's times, so a measurement is a worker,
``python -m benchmarks.peers.run PEER TASK``, that imports one peer and prints one JSON object.
Nothing that a worker imports may import fastnn, unless fastnn is the peer: it sets how
long libgomp's threads spin, for all of the process.

A peer is a file ``<peer>_steps.py`` here, which holds

``VERSION``
    Of the library.
``train(job, tick)``
    Train for at most ``job.epochs`` epochs. After each call ``tick(loss, predict)``, with the
    mean loss of its steps and a function that gives the scores (N, classes) of inputs of any
    number of rows, as a NumPy array, with the weights of that moment; stop where tick returns
    True. From ``job.weights`` and, unless ``job.shuffle``, in the order of the data: losses are
    compared with NumPy's. A peer that can't do either gives None for the loss.
``predictor(job)``
    A function of no arguments that predicts one row, from an array to an array.

and, or only, a file ``<peer>_kernels.py`` with ``VERSION`` and

``KERNELS``
    By name of an operation of `benchmarks.operations`: a function that for a shape draws the inputs
    (`benchmarks.inputs`) and gives a function of no arguments, the call that is timed. It returns
    what the operation computes, when it is there: an array, or for a loss its value and gradient,
    or for an update the parameters. It does it the fastest way that the peer's users have.

And files ``<peer>_images.py`` and ``<peer>_layers.py`` are as `benchmarks.images` and
`benchmarks.layers` say.
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
from benchmarks.modular import ModularNet
from benchmarks.nets import Net


def _having(part: str) -> list[str]:
    """The peers that have a file for some part of the benchmarks."""
    files = Path(__file__).parent.glob(f"*_{part}.py")
    return sorted(path.stem.removesuffix(f"_{part}") for path in files)


PEERS = _having("steps")
KERNEL_PEERS = _having("kernels")
IMAGE_PEERS = _having("images")
LAYER_PEERS = _having("layers")

_LIBRARIES = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "BLIS", "FASTNN")

# Those that the benchmarks are to measure (``python -m benchmarks --peers``).
_WANTED = os.environ.get("FASTNN_BENCH_PEERS", "numpy").split(",")


def wanted(peer: str) -> bool:
    """Whether the benchmarks are to measure a peer."""
    return peer in _WANTED or "all" in _WANTED


CHOSEN = [peer for peer in PEERS if peer == "fastnn" or wanted(peer)]
CHOSEN_KERNELS = [peer for peer in KERNEL_PEERS if wanted(peer)]
CHOSEN_LAYERS = [peer for peer in LAYER_PEERS if peer == "fastnn" or wanted(peer)]
CHOSEN_IMAGES = [peer for peer in IMAGE_PEERS if peer == "fastnn" or wanted(peer)]


def kernel_name(operation: str, shape: tuple[int, ...]) -> str:
    """Of a kernel's group, and of the kernel in a worker's results."""
    return f"{operation} {'x'.join(map(str, shape))}"


@dataclass(frozen=True)
class Job:
    """What a peer is given. The first of the epochs is warm-up, where steps are timed."""

    net: Net | ModularNet
    x: np.ndarray
    y: np.ndarray
    weights: list[tuple[np.ndarray, np.ndarray]]
    epochs: int
    shuffle: bool = False

    @classmethod
    def of(cls, net: Net | ModularNet, shuffle: bool = False, dtype=np.float32) -> "Job":
        x, y = net.data()
        weights = [(weight.astype(dtype), bias.astype(dtype)) for weight, bias in net.weights()]
        return cls(net, x.astype(dtype), y, weights, net.epochs + 1, shuffle)


@functools.cache
def _finished(
    command: tuple[str, ...], threads: int | None, run: int
) -> subprocess.CompletedProcess:
    """A worker's end; each run takes place once, also if it fails."""
    environment = dict(os.environ)
    if threads is not None:
        names = (*(f"{name}_NUM_THREADS" for name in _LIBRARIES), "NPROC")  # XLA reads NPROC
        environment |= dict.fromkeys(names, str(threads))
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def run_worker(
    peer: str,
    task: str,
    *flags: str,
    threads: int | None = 1,
    module: str = "benchmarks.peers.run",
    run: int = 0,
) -> dict:
    """The worker's JSON object (see `benchmarks.peers.run`).

    Parameters
    ----------
    peer : str
        One of `PEERS`.
    task : str
        The name of a net, or "prediction".
    *flags : str
        "--shuffle".
    threads : int or None
        What any library may use, by the variables that they read. None: each as it finds them.
    module : str
        The program, another one for another kind of measurement.
    run : int
        Number of the run; of the same number there is one only, whose result is kept.
    """
    command = ("-m", module, peer, task, *flags)
    done = _finished((sys.executable, *command), threads, run)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout)
