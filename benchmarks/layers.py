"""Layers by themselves: ``python -m benchmarks.layers PEER LAYER`` times one peer in this process.

Forward in training, and backward, of batches from a core's own caches to main memory. Prints a JSON
object:

``version``
    Of the peer.
``calls``
    By direction and shape (``"forward 64x64x56x56"``): ``seconds``, a call of each round.

A peer is a file ``<peer>_layers.py`` in `benchmarks.peers` with ``VERSION`` and ``calls(name, x)``,
which gives forward and backward as functions of no arguments; the gradient of the output is ones. A
call returns an array, which may be written over by the next one.
"""

import argparse
import json
from dataclasses import dataclass

import numpy as np

from benchmarks import QUICK
from benchmarks.inputs import normal

DIRECTIONS = ("forward", "backward")
_SIZES = ((2, 6),) if QUICK else ((6, 28), (16, 10), (64, 28), (64, 56))
_MAPS = tuple((4 if QUICK else 64, channels, side, side) for channels, side in _SIZES)
_ROWS = ((8, 4),) if QUICK else ((128, 512), (4096, 512), (25000, 512))

# As in benchmarks.peers.run: seconds of a round, rounds, seconds in all.
_ROUNDS = (0.0, 1, 0.0) if QUICK else (0.002, 25, 0.5)


@dataclass(frozen=True)
class Subject:
    """Layers one after the other, as (class, arguments), and the arrays of the input's size that
    must cross from memory or to it, forward and backward."""

    parts: tuple
    arrays: tuple[float, float]
    shapes: tuple = _MAPS


# Batch norm reads its input twice, and on the way back input and gradient twice. A row of layer
# norm stays in cache. Maxima are found again in input and output.
LAYERS = {
    "batch norm, relu": Subject((("BatchNorm2d", ("channels",)), ("ReLU", ())), (3, 5)),
    "batch norm": Subject((("BatchNorm2d", ("channels",)),), (3, 5)),
    "batch norm of rows": Subject((("BatchNorm1d", ("channels",)),), (3, 5), _ROWS),
    "layer norm": Subject((("LayerNorm", ("channels",)),), (2, 3), _ROWS),
    "max pool 2": Subject((("MaxPool2d", (2,)),), (1.25, 2.5)),
    "max pool 3, stride 2": Subject((("MaxPool2d", (3, 2, 1)),), (1.25, 2.5)),
    "mean pool 2": Subject((("AvgPool2d", (2,)),), (1.25, 1.25)),
    "mean of maps": Subject((("AdaptiveAvgPool2d", (1,)),), (1, 1)),
}


def build(name: str, x: np.ndarray, library) -> list:
    """The layers of a subject, of a library that has PyTorch's names."""
    return [
        getattr(library, kind)(*(x.shape[1] if a == "channels" else a for a in arguments))
        for kind, arguments in LAYERS[name].parts
    ]


def inputs(shape) -> np.ndarray:
    return normal(np.random.default_rng(0), shape)


def call_name(direction: str, shape) -> str:
    return f"{direction} {'x'.join(map(str, shape))}"


def main() -> None:
    # What follows imports this module.
    from benchmarks.peers import LAYER_PEERS
    from benchmarks.peers.load import load
    from benchmarks.peers.run import time_calls

    parser = argparse.ArgumentParser(prog="python -m benchmarks.layers")
    parser.add_argument("peer", choices=LAYER_PEERS)
    parser.add_argument("layer", choices=LAYERS)
    options = parser.parse_args()
    peer, calls = load(options.peer, "layers"), {}
    for shape in LAYERS[options.layer].shapes:
        pair = peer.calls(options.layer, inputs(shape))
        for direction, call in zip(DIRECTIONS, pair, strict=True):
            calls[call_name(direction, shape)] = {"seconds": time_calls(call, *_ROUNDS)}
    print(json.dumps({"version": peer.VERSION, "calls": calls}))


if __name__ == "__main__":
    main()
