"""Memory of training: bytes for each parameter, by what they hold and as the system counts them.

``python -m benchmarks.memory PEER NET`` trains a net in this process and prints a JSON object:

``version``
    Of the peer.
``seconds``
    ``[of the training]``.
``imported``, ``before``, ``peak``
    Resident bytes after the imports; with data and initial weights, before training; and the most
    in training. Data are but a few batches, so that ``peak - before`` is what a peer adds, its
    own copy of the weights included, and what its threads, compiler and allocator keep.

Linux only: the peak is VmHWM, which begins anew when 5 is written to ``clear_refs`` (proc(5)).
"""

import argparse
import dataclasses
import json
import time
from pathlib import Path

import numpy as np

from benchmarks.nets import NETS, Net
from benchmarks.peers import PEERS, Job
from benchmarks.peers.load import load

_PROCESS = Path("/proc/self")


def supported() -> bool:
    """Whether the system tells what is asked here."""
    return (_PROCESS / "clear_refs").exists()


def resident(name: str) -> int:
    """Bytes of ``VmRSS`` (now) or ``VmHWM`` (the most since `forget_peak`)."""
    text = (_PROCESS / "status").read_text()
    line = next(line for line in text.splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


def forget_peak() -> None:
    (_PROCESS / "clear_refs").write_text("5")


def small(net: Net) -> Net:
    """The net with a few batches of data and two epochs."""
    return dataclasses.replace(net, samples=4 * net.batch, epochs=2)


def measure(peer, net: Net, imported: int) -> dict:
    """Train; see the head of this file for what comes out."""
    job = Job.of(small(net))
    forget_peak()
    before, begin = resident("VmRSS"), time.perf_counter()
    peer.train(job, lambda loss, predict: False)
    seconds = time.perf_counter() - begin
    sizes = {"imported": imported, "before": before, "peak": resident("VmHWM")}
    return {"version": peer.VERSION, "seconds": [seconds], **sizes}


def contents(net: Net) -> dict[str, int]:
    """Bytes of fastnn's program for a net, by what they hold. There is no gradient of all weights:
    its memory is reserved, but only clipping by norm, or `backward` from Python, ever uses it."""
    import fastnn
    from benchmarks.peers import fastnn_steps
    from fastnn.program import Program, prepare_data

    job = Job.of(small(net))
    model, loss = fastnn_steps.model(job), fastnn.CrossEntropyLoss()
    optimizer = fastnn_steps.optimizer(job)
    x, target, _ = prepare_data(model, loss, job.x, job.y)
    kind = {"shape": x.shape[1:], "target": target, "weighted": False, "batch_size": net.batch}
    program = Program(model, loss, optimizer, **kind)
    state = [v for name, v in optimizer.state_dict().items() if name != "step"]
    return {
        "parameters": program.flat.data.nbytes,
        "optimizer state": sum(array.nbytes for array in state),
        "activations": _owner(program.output.data.array).nbytes,
    }


def _owner(array: np.ndarray) -> np.ndarray:
    # All buffers of a program are views of its arena.
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory")
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("net", choices=NETS)
    options = parser.parse_args()
    peer = load(options.peer)
    print(json.dumps(measure(peer, NETS[options.net], resident("VmRSS"))))


if __name__ == "__main__":
    main()
